"""Transfers between a GPU and its host, for what is kept in host memory."""

from __future__ import annotations

from .annotations import Bytes, BytesPerSecond, Count, Number, Seconds
from .primitives.roofline import exposed
from .registry import cost_model


@cost_model(
    formula=r"\frac{2\,m\,(L_s x_a A + x_w M_w)}{\beta_{host}},\ \text{less what hides}",
    source="ren-et-al-2021, sec. 4 (states travel over PCIe); activations go out and come back, weights come in for forward and for backward",
    example=dict(
        activation_offload=0.5,
        layer_activation_memory=1e8,
        weight_offload=0.0,
        weight_memory=4e9,
        host_bandwidth=25e9,
        offload_overlap=0.0,
        layers_per_stage=20,
        num_micro_batches=16,
        layer_forward_time=1.3e-3,
        layer_backward_time=2.6e-3,
        expect=1.28,
    ),
)
def offload_time(
    activation_offload: Number,
    layer_activation_memory: Bytes,
    weight_offload: Number,
    weight_memory: Bytes,
    host_bandwidth: BytesPerSecond,
    offload_overlap: Number,
    layers_per_stage: Count,
    num_micro_batches: Count,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
) -> Seconds:
    """Transfers of activations and weights of one step that are not hidden."""
    activations = 2 * activation_offload * layers_per_stage * layer_activation_memory
    weights = 2 * weight_offload * weight_memory
    one = (activations + weights) / host_bandwidth
    behind = layers_per_stage * (layer_forward_time + layer_backward_time)
    return num_micro_batches * exposed(one, offload_overlap, behind)


@cost_model(
    formula=r"x_o\,P_{opt}\,(g + w)/\beta_{host}",
    source="ren-et-al-2021, sec. 4.1 (gradients out, updated weights back; the host updates behind the transfers)",
    example=dict(
        optimizer_offload=1.0,
        updated_parameters_per_gpu=1e9,
        gradient_width=2,
        weight_width=2,
        host_bandwidth=25e9,
        expect=0.16,
    ),
)
def optimizer_offload_time(
    optimizer_offload: Number,
    updated_parameters_per_gpu: Count,
    gradient_width: Bytes,
    weight_width: Bytes,
    host_bandwidth: BytesPerSecond,
) -> Seconds:
    """Transfers of gradients and weights for an optimizer on the host."""
    return optimizer_offload * updated_parameters_per_gpu * (gradient_width + weight_width) / host_bandwidth

"""Transfers between a GPU and its host, for what is kept in host memory."""

from __future__ import annotations

from ..annotations import Bytes, BytesPerSecond, Count, Number, Seconds
from ..memory.activations import LayerActivations, kept
from ..memory.model_states import Sharding, Trained, sharded
from ..memory.worst_stage import HeldPerGpu
from ..primitives.roofline import exposed
from ..registry import cost_model


@cost_model(
    formula=r"\omega\left[(1 - \rho)\,A_{layer} + \rho\,T h a_w / t'\right],\ \rho = 0 \text{ unless recomputation is full}",
    source="ren-et-al-2021, sec. 4; korthikanti-et-al-2022, table 2 (what a layer keeps)",
    example=dict(
        mixer_activations=2390753280,
        dense_mlp_activations=478150656,
        moe_mlp_activations=0,
        checkpoint_activations=50331648,
        num_layers=96,
        num_moe_layers=0,
        activation_offload=0.5,
        expect=1434451968.0,
    ),
)
def offloaded_layer_activations(parts: LayerActivations, num_layers: Count, num_moe_layers: Count) -> Bytes:
    """Activations of one layer that go to the host, mean over layers."""
    whole = kept(parts._replace(activation_offload=0.0), num_layers, num_moe_layers)
    return parts.activation_offload * whole / num_layers


@cost_model(
    formula=r"\omega_w\,w\,(P_s/d_s + P_e/d_e)",
    source="ren-et-al-2021, sec. 4; rajbhandari-et-al-2020, sec. 5.3 (from stage 3 on a rank keeps its shard)",
    example=dict(
        shared_parameters_per_gpu=2172190720,
        expert_parameters_per_gpu=0,
        resident_layers_per_gpu=20,
        lora_layer_parameters=0,
        shard_degree=16,
        expert_shard_degree=16,
        zero_stage=1,
        weight_offload=0.5,
        weight_width=2,
        expect=2172190720.0,
    ),
)
def offloaded_weights(worst: HeldPerGpu, trained: Trained, sharding: Sharding, weight_width: Bytes) -> Bytes:
    """Weights of one GPU of the worst stage that the host keeps."""
    adapters = worst.resident_layers_per_gpu * trained.lora_layer_parameters
    shared = worst.shared_parameters_per_gpu + adapters
    held = sharded(shared, worst.expert_parameters_per_gpu, sharding, sharding.zero_stage >= 3)
    return sharding.weight_offload * weight_width * held


@cost_model(
    formula=r"\frac{2\,m\,(L_s A + M_w)}{\beta_{host}},\ \text{less what hides}",
    source="ren-et-al-2021, sec. 4 (states travel over PCIe); activations go out and come back, weights come in for forward and for backward",
    example=dict(
        offloaded_layer_activations=5e7,
        offloaded_weights=0.0,
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
    offloaded_layer_activations: Bytes,
    offloaded_weights: Bytes,
    host_bandwidth: BytesPerSecond,
    offload_overlap: Number,
    layers_per_stage: Count,
    num_micro_batches: Count,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
) -> Seconds:
    """Transfers of activations and weights of one step that are not hidden."""
    one = 2 * (layers_per_stage * offloaded_layer_activations + offloaded_weights) / host_bandwidth
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

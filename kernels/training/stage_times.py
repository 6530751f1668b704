"""What the micro-batches of one training step take on the deepest pipeline stage, term by term."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Choice, Count, Number, Seconds
from ..arrays import jnp
from ..example_inputs import STAGE
from ..model.flops import FULL
from ..primitives.roofline import exposed
from ..registry import cost_model

MIXTURE_LAUNCHES = 5.0
"""Kernels of a layer of experts over those of a dense one."""


class Stage(NamedTuple):
    """What a layer's time is multiplied by: the layers of the deepest stage and the micro-batches of a step."""

    layers_per_stage: Count
    num_micro_batches: Count


def in_step(stage: Stage, layer: Seconds) -> Seconds:
    """Time of a step's micro-batches on the deepest stage, from the time of one layer and micro-batch."""
    return stage.num_micro_batches * stage.layers_per_stage * layer


@cost_model(
    formula=r"m\,L_s\,\left(t_{mix} + t^X_{mix} + (1-\varphi) t^W_{mix}\right)",
    source="definition: all layers of the deepest stage, all micro-batches",
    example=dict(
        mixer_forward_time=2.5e-4,
        mixer_input_gradient_time=3.2e-4,
        mixer_weight_gradient_time=2e-4,
        frozen_share=0.0,
        **STAGE,
        expect=0.2464,
    ),
)
def attention_time(
    mixer_forward_time: Seconds,
    mixer_input_gradient_time: Seconds,
    mixer_weight_gradient_time: Seconds,
    frozen_share: Number,
    stage: Stage,
) -> Seconds:
    """Attention, or what stands in its place, forward and backward, of one step."""
    weights = (1 - frozen_share) * mixer_weight_gradient_time
    return in_step(stage, mixer_forward_time + mixer_input_gradient_time + weights)


@cost_model(
    formula=r"m\,L_s\,\left(t_{ffn} + t^X_{ffn} + (1-\varphi) t^W_{ffn}\right)",
    source="definition: all layers of the deepest stage, all micro-batches",
    example=dict(
        feed_forward_layer_time=9.7e-4,
        feed_forward_input_gradient_time=9.7e-4,
        feed_forward_weight_gradient_time=1e-3,
        frozen_share=0.0,
        **STAGE,
        expect=0.9408,
    ),
)
def feed_forward_time(
    feed_forward_layer_time: Seconds,
    feed_forward_input_gradient_time: Seconds,
    feed_forward_weight_gradient_time: Seconds,
    frozen_share: Number,
    stage: Stage,
) -> Seconds:
    """Feed-forward, forward and backward, of one step."""
    weights = (1 - frozen_share) * feed_forward_weight_gradient_time
    return in_step(stage, feed_forward_layer_time + feed_forward_input_gradient_time + weights)


@cost_model(
    formula=r"m\,L_s\,\left(t_{vec} + t^B_{vec} + 3 t_{lora}\right)",
    source="definition: all layers of the deepest stage, all micro-batches",
    example=dict(vector_layer_time=6e-5, vector_backward_time=9e-5, adapter_time=1e-5, **STAGE, expect=0.0576),
)
def vector_time(
    vector_layer_time: Seconds, vector_backward_time: Seconds, adapter_time: Seconds, stage: Stage
) -> Seconds:
    """Norms, residuals, activations, casts and adapters of one step."""
    return in_step(stage, vector_layer_time + vector_backward_time + 3 * adapter_time)


@cost_model(
    formula=r"m\,L_s\,t_R",
    source="korthikanti-et-al-2022, sec. 5",
    example=dict(layer_recompute_time=1.2874429e-3, **STAGE, expect=0.411981728),
)
def recompute_time(layer_recompute_time: Seconds, stage: Stage) -> Seconds:
    """Recomputation of activations of one step."""
    return in_step(stage, layer_recompute_time)


@cost_model(
    formula=r"m\,L_s\,t_{TP}",
    source="definition: all layers of the deepest stage, all micro-batches",
    example=dict(exposed_tp_layer_time=1.3608924e-3, **STAGE, expect=0.435485568),
)
def exposed_tp_comm_time(exposed_tp_layer_time: Seconds, stage: Stage) -> Seconds:
    """Tensor parallel communication of one step that is not hidden."""
    return in_step(stage, exposed_tp_layer_time)


@cost_model(
    formula=r"m\,L_s\,t_{CP}",
    source="definition: all layers of the deepest stage, all micro-batches",
    example=dict(exposed_cp_layer_time=4.0e-4, **STAGE, expect=0.128),
)
def exposed_cp_comm_time(exposed_cp_layer_time: Seconds, stage: Stage) -> Seconds:
    """Context parallel communication of one step that is not hidden."""
    return in_step(stage, exposed_cp_layer_time)


@cost_model(
    formula=r"m\,L_s\,t_{EP}",
    source="definition: all layers of the deepest stage, all micro-batches",
    example=dict(exposed_ep_layer_time=1.3e-3, **STAGE, expect=0.416),
)
def exposed_ep_comm_time(exposed_ep_layer_time: Seconds, stage: Stage) -> Seconds:
    """Expert parallel communication of one step that is not hidden."""
    return in_step(stage, exposed_ep_layer_time)


@cost_model(
    formula=r"m\,\left(t_{p2p} - (1-\sigma)\,o\,\min(t_{p2p}, L_s(t_F + t_B))\right)",
    source="narayanan-et-al-2021, sec. 2.2 (one exchange each way per micro-batch)",
    example=dict(
        pp_micro_batch_comm_time=4.294304e-4,
        pp_overlap=0.0,
        layer_forward_time=1.2874e-3,
        layer_backward_time=2.598e-3,
        **STAGE,
        expect=6.8708864e-3,
    ),
)
def exposed_pp_comm_time(
    pp_micro_batch_comm_time: Seconds,
    pp_overlap: Number,
    comm_slowdown: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    stage: Stage,
) -> Seconds:
    """Pipeline communication of one step that is not hidden."""
    behind = stage.layers_per_stage * (layer_forward_time + layer_backward_time)
    return stage.num_micro_batches * exposed(pp_micro_batch_comm_time, pp_overlap, behind, comm_slowdown)


@cost_model(
    formula=r"m\,L_s\,\max\left(0,\ (3 + \rho[\text{full}])\,h - (t_F + t_B + t_R + t_{TP} + t_{CP} + t_{EP})\right)",
    source="definition: a device whose work is shorter than its host's waits for the host",
    example=dict(
        launch_overhead=1e-3,
        num_layers=80,
        num_moe_layers=0,
        recompute=0,
        layer_forward_time=3e-4,
        layer_backward_time=6e-4,
        layer_recompute_time=0.0,
        exposed_tp_layer_time=1e-4,
        exposed_cp_layer_time=0.0,
        exposed_ep_layer_time=0.0,
        **STAGE,
        expect=0.64,
    ),
)
def launch_time(
    launch_overhead: Seconds,
    num_layers: Count,
    num_moe_layers: Count,
    recompute: Choice,
    recompute_layer_share: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    layer_recompute_time: Seconds,
    exposed_tp_layer_time: Seconds,
    exposed_cp_layer_time: Seconds,
    exposed_ep_layer_time: Seconds,
    stage: Stage,
) -> Seconds:
    """Time of one step in which the device waits for the host to launch kernels.

    The host issues a dense layer forward in `launch_overhead` and backward in twice that. A layer of experts has
    `MIXTURE_LAUNCHES` times as many kernels: router, permutations, exchanges and the waits for their sizes.
    """
    kernels = 1 + (MIXTURE_LAUNCHES - 1) * num_moe_layers / num_layers
    passes = kernels * (3 + jnp.where(recompute == FULL, recompute_layer_share, 0.0))
    compute = layer_forward_time + layer_backward_time + layer_recompute_time
    device = compute + exposed_tp_layer_time + exposed_cp_layer_time + exposed_ep_layer_time
    return in_step(stage, jnp.maximum(passes * launch_overhead - device, 0.0))


class StageTerms(NamedTuple):
    """What a stage does in the micro-batches of one step, kind by kind."""

    attention_time: Seconds
    feed_forward_time: Seconds
    vector_time: Seconds
    recompute_time: Seconds
    launch_time: Seconds
    exposed_tp_comm_time: Seconds
    exposed_cp_comm_time: Seconds
    exposed_ep_comm_time: Seconds
    exposed_pp_comm_time: Seconds
    offload_time: Seconds


STAGE_TERMS = StageTerms._fields
STAGE_EXAMPLE = dict(zip(STAGE_TERMS, (0.252, 0.934, 0.058, 0.0, 0.0, 0.4355, 0.0, 0.0, 0.0069, 0.0), strict=True))


@cost_model(
    formula=r"t_{att} + t_{ffn} + t_{vec} + t_R + t_{host} + t_{TP} + t_{CP} + t_{EP} + t_{PP} + t_{off}",
    source="definition: what the deepest stage does in all micro-batches; the head is counted apart",
    example=STAGE_EXAMPLE | dict(expect=1.6864),
    terms=STAGE_TERMS,
)
def stage_time(parts: StageTerms) -> Seconds:
    """Time of the micro-batches of one step on the deepest stage."""
    return sum(parts[1:], start=parts[0])


@cost_model(
    formula=r"m\,L_s\,t_B",
    source="definition: all layers of the deepest stage, all micro-batches",
    example=dict(layer_backward_time=2.6e-3, **STAGE, expect=0.832),
)
def stage_backward_time(layer_backward_time: Seconds, stage: Stage) -> Seconds:
    """Backward compute of the micro-batches of one step on the deepest stage."""
    return in_step(stage, layer_backward_time)


@cost_model(
    formula=r"m\,L_s\,t^W",
    source="definition: all layers of the deepest stage, all micro-batches",
    example=dict(layer_weight_gradient_time=1.2e-3, **STAGE, expect=0.384),
)
def stage_weight_gradient_time(layer_weight_gradient_time: Seconds, stage: Stage) -> Seconds:
    """Weight gradients of the micro-batches of one step on the deepest stage."""
    return in_step(stage, layer_weight_gradient_time)

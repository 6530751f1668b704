"""Weights, gradients and optimizer states on one GPU, and what ZeRO and offload leave of them."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Choice, Count, Flag, Number
from ..arrays import jnp
from ..registry import constraint, cost_model

_MIXED = dict(weight_width=2, gradient_width=4, master_width=4, optimizer_width=8)
_UNITS = 2.0
"""Layers whose weights are whole at once where they are gathered layer by layer: the one at work and the next."""


@cost_model(
    formula=r"d_s\,c",
    source="rajbhandari-et-al-2020, sec. 5; zhao-et-al-2023, sec. 3.2.2 (hybrid sharding repeats the shards outside)",
    example=dict(dp_shard=16, cp=2, expect=32.0),
)
def shard_degree(dp_shard: Count, cp: Count) -> Count:
    """Ranks over which ZeRO shards.

    They hold equal weights and see different tokens.
    """
    return dp_shard * cp


@cost_model(
    formula=r"\max\left(1, \frac{t\,c\,d_s}{t_e\,e}\right)",
    source="liu-et-al-2025, sec. 3 (experts regroup the tensor, context and data parallel ranks of a stage)",
    example=dict(tp=1, dp_shard=16, cp=2, expert_tp=1, ep=8, expect=4.0),
)
def expert_shard_degree(tp: Count, dp_shard: Count, cp: Count, expert_tp: Count, ep: Count) -> Count:
    """Ranks over which ZeRO shards routed experts."""
    return jnp.maximum(tp * cp * dp_shard / (expert_tp * ep), 1.0)


class Sharding(NamedTuple):
    """How ZeRO shards, and what is kept on the host."""

    shard_degree: Count
    expert_shard_degree: Count
    zero_stage: Choice
    weight_offload: Number
    optimizer_offload: Number


class Trained(NamedTuple):
    """What is trained: all but a frozen share, and adapters."""

    frozen_share: Number
    lora_layer_parameters: Count


class StateWidths(NamedTuple):
    """Bytes per element of what is kept of a parameter, and of the activations that its gradient is made from."""

    weight_width: Bytes
    gradient_width: Bytes
    master_width: Bytes
    optimizer_width: Bytes
    activation_width: Bytes


class WorkingLayer(NamedTuple):
    """Parameters on one GPU of the layer at work."""

    working_layer_parameters: Count
    routed_parameters_per_gpu: Count


class Held(NamedTuple):
    """Parameters of one stage on one GPU before any sharding, and its layers, which have the adapters."""

    shared: Count
    experts: Count
    layers: Count


def sharded(shared: Count, experts: Count, sharding: Sharding, on: Flag) -> Count:
    """Parameters left on one rank where sharding is `on`."""
    degrees = (jnp.where(on, sharding.shard_degree, 1.0), jnp.where(on, sharding.expert_shard_degree, 1.0))
    return shared / degrees[0] + experts / degrees[1]


def trained_parts(held: Held, trained: Trained) -> tuple[Count, Count]:
    """Trained parameters of a stage, routed experts apart; the adapters count with the others."""
    share = 1 - trained.frozen_share
    return share * held.shared + held.layers * trained.lora_layer_parameters, share * held.experts


def weight_bytes(held: Held, trained: Trained, widths: StateWidths, sharding: Sharding, unit: WorkingLayer) -> Bytes:
    """Weights of a stage on one GPU.

    What is sharded (from stage 3 on) or on the host is gathered layer by layer, two layers at a time.
    """
    third = sharding.zero_stage >= 3
    adapters = held.layers * trained.lora_layer_parameters
    resident = (1 - sharding.weight_offload) * sharded(held.shared + adapters, held.experts, sharding, third)
    shared = jnp.where(third & (sharding.shard_degree > 1), 1.0, sharding.weight_offload)
    experts = jnp.where(third & (sharding.expert_shard_degree > 1), 1.0, sharding.weight_offload)
    layer = shared * unit.working_layer_parameters + experts * unit.routed_parameters_per_gpu
    return widths.weight_width * (resident + jnp.minimum(_UNITS, held.layers) * layer)


def gradient_bytes(held: Held, trained: Trained, widths: StateWidths, sharding: Sharding, unit: WorkingLayer) -> Bytes:
    """Gradients of a stage on one GPU.

    Beside the gradients that are kept there are those of one layer as the products give them, in the width of the
    activations. Where gradients are sharded, routed experts have these too, and a bucket of one layer is being reduced.
    """
    second = sharding.zero_stage >= 2
    kept = sharded(*trained_parts(held, trained), sharding, second)
    share = 1 - trained.frozen_share
    fresh = share * (unit.working_layer_parameters + jnp.where(second, unit.routed_parameters_per_gpu, 0.0))
    bucket = jnp.where(second & (sharding.shard_degree > 1), widths.gradient_width, 0.0)
    return widths.gradient_width * kept + (widths.activation_width + bucket) * fresh


def optimizer_bytes(held: Held, trained: Trained, widths: StateWidths, sharding: Sharding) -> Bytes:
    """Moments and master weights of a stage on one GPU."""
    updated = sharded(*trained_parts(held, trained), sharding, sharding.zero_stage >= 1)
    return (1 - sharding.optimizer_offload) * (widths.optimizer_width + widths.master_width) * updated


def state_bytes_of(held: Held, trained: Trained, widths: StateWidths, sharding: Sharding, unit: WorkingLayer) -> Bytes:
    """Weights, gradients and optimizer states of a stage on one GPU."""
    return (
        weight_bytes(held, trained, widths, sharding, unit)
        + gradient_bytes(held, trained, widths, sharding, unit)
        + optimizer_bytes(held, trained, widths, sharding)
    )


@cost_model(
    formula=r"\frac{w}{d_3} + \frac{g}{d_2} + \frac{o + w_m}{d_1},\ d_k = d \text{ from stage } k \text{ on, else } 1",
    source="rajbhandari-et-al-2020, sec. 5 (16 bytes with no sharding, 4 + 12/d, 2 + 14/d, 16/d)",
    example=dict(shard_degree=64, zero_stage=1, **_MIXED, expect=6.1875),
)
def state_bytes_per_parameter(
    shard_degree: Count,
    zero_stage: Choice,
    weight_width: Bytes,
    gradient_width: Bytes,
    optimizer_width: Bytes,
    master_width: Bytes,
) -> Bytes:
    """Bytes of model states per trained parameter on one rank."""
    return (
        weight_width / jnp.where(zero_stage >= 3, shard_degree, 1.0)
        + gradient_width / jnp.where(zero_stage >= 2, shard_degree, 1.0)
        + (optimizer_width + master_width) / jnp.where(zero_stage >= 1, shard_degree, 1.0)
    )


@constraint(
    legal=True,
    message="the precision has no gradients ({gradient_width} each) or no optimizer states: it describes serving only",
    formula=r"\min(g, o) > 0",
    source="definition: records of inference presets leave the widths of training at 0",
    example=dict(gradient_width=0.0, optimizer_width=8.0, expect=-1.0),
)
def trains_in_precision(gradient_width: Bytes, optimizer_width: Bytes) -> Number:
    """Whether the precision describes training."""
    return jnp.where(jnp.minimum(gradient_width, optimizer_width) > 0, 0.0, -1.0)

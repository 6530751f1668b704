"""Bytes that one GPU sends over every tier of the network in a training step, and the energy of all links together."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Choice, Count, Joules, JoulesPerBit, Number
from ..arrays import jnp
from ..machine.network import Network, tiers_of
from ..primitives.collectives import ALL_GATHER, ALL_REDUCE, ALL_TO_ALL, REDUCE_SCATTER, SEND_RECEIVE, Tiers, sent
from ..registry import cost_model
from .cp_communication import ALL_TO_ALL as EXCHANGES_HEADS
from .cp_communication import EXCHANGE_PASSES, RING_PASSES, passes
from .dp_communication import ZERO_3

_BITS = 8


class Layout(NamedTuple):
    """The degrees that place the groups, and how often their messages travel in a step."""

    tp: Count
    cp: Count
    ep: Count
    expert_tp: Count
    pp: Count
    vpp: Count
    dp: Count
    dp_shard: Count
    layers_per_stage: Count
    num_micro_batches: Count
    zero_stage: Choice


class LayerMessages(NamedTuple):
    """What the ranks of a stage send each other for a layer and a micro-batch, and how often."""

    hidden_states_message: Bytes
    tp_layer_all_reduces: Number
    key_value_message: Bytes
    micro_batch_tokens: Count
    attention_head_elements: Count
    activation_width: Bytes
    cp_exchange: Choice
    recompute: Choice
    recompute_layer_share: Number
    num_attention_layers: Count
    num_layers: Count
    dispatched_elements: Count
    dispatch_width: Bytes
    ep_layer_exchanges: Number


class StepMessages(NamedTuple):
    """What replicas send each other: weights and gradients, by parameters on one GPU."""

    shared_parameters_per_gpu: Count
    expert_parameters_per_gpu: Count
    weight_width: Bytes
    reduce_width: Bytes
    frozen_share: Number


_LAYOUT = dict(
    tp=8,
    cp=1,
    ep=1,
    expert_tp=8,
    pp=1,
    vpp=1,
    dp=2,
    dp_shard=2,
    layers_per_stage=80,
    num_micro_batches=16,
    zero_stage=1,
)
_LAYER = dict(
    hidden_states_message=6.7108864e7,
    tp_layer_all_reduces=4.0,
    key_value_message=1.6777216e7,
    micro_batch_tokens=4096,
    attention_head_elements=18432,
    activation_width=2,
    cp_exchange=0,
    recompute=0,
    num_attention_layers=80,
    num_layers=80,
    dispatched_elements=0.0,
    dispatch_width=2,
    ep_layer_exchanges=0.0,
)
_STEP = dict(
    shared_parameters_per_gpu=8.6e9, expert_parameters_per_gpu=0.0, weight_width=2, reduce_width=4, frozen_share=0.0
)
_NETWORK = dict(
    scale_up_size=8, scale_up_bandwidth=450e9, scale_up_latency=1e-6, scale_out_bandwidth=50e9, scale_out_latency=5e-6
)
_SENT = r"m\,L_s\left(n_{AR} V_{AR} + V_{CP} + n_{A2A} V_{A2A}\right) + 2\,m\,v\,V_{PP} + V_{DP}"


def sent_in_step(layout: Layout, layer: LayerMessages, step: StepMessages, network: Network) -> tuple[Bytes, ...]:
    """Bytes that one GPU of the deepest stage sends over each tier in one step, from the inside.

    Copies that a dispatch saves by sending once to a domain are not taken off, nor is the reduction over replicas of
    hybrid sharding added.
    """
    times = layout.num_micro_batches * layout.layers_per_stage
    parts = [
        *_within_layers(layout, layer, network, times),
        _times(
            2 * layout.num_micro_batches * layout.vpp,
            sent(
                layer.hidden_states_message / layout.tp,
                tiers_of(network, layout.pp, layout.tp * layout.cp * layout.dp),
                SEND_RECEIVE,
            ),
        ),
        *_between_replicas(layout, step, network),
    ]
    return tuple(jnp.stack(jnp.broadcast_arrays(*tier)).sum(axis=0) for tier in zip(*parts, strict=True))


def _within_layers(
    layout: Layout, layer: LayerMessages, network: Network, times: Count
) -> tuple[tuple[Bytes, ...], ...]:
    tensor = sent(layer.hidden_states_message, tiers_of(network, layout.tp, jnp.ones_like(layout.tp)), ALL_REDUCE)
    ring_of, share = tiers_of(network, layout.cp, layout.tp), layer.num_attention_layers / layer.num_layers
    ring = passes(RING_PASSES, layer.recompute, layer.recompute_layer_share) * (layout.cp - 1)
    heads = layer.micro_batch_tokens * layer.activation_width * layer.attention_head_elements / layout.tp
    exchange = passes(EXCHANGE_PASSES, layer.recompute, layer.recompute_layer_share)
    by_heads = layer.cp_exchange == EXCHANGES_HEADS
    experts = tiers_of(network, layout.ep, layout.expert_tp)
    copies = layer.dispatched_elements * (layer.dispatch_width + layer.activation_width)
    return (
        _times(times * layer.tp_layer_all_reduces, tensor),
        _times(jnp.where(by_heads, 0.0, times * share * ring), sent(layer.key_value_message, ring_of, SEND_RECEIVE)),
        _times(jnp.where(by_heads, times * share * exchange, 0.0), sent(heads, ring_of, ALL_TO_ALL)),
        _times(times * layer.ep_layer_exchanges, sent(copies, experts, ALL_TO_ALL)),
    )


def _between_replicas(layout: Layout, step: StepMessages, network: Network) -> tuple[tuple[Bytes, ...], ...]:
    always = layout.zero_stage == ZERO_3
    reduces = jnp.where(always, layout.num_micro_batches, 1.0)
    gathers = jnp.where(always, 2 * layout.num_micro_batches, 1.0)
    trained = (1 - step.frozen_share) * step.reduce_width
    gathered = step.weight_width * jnp.where(always, 1.0, 1 - step.frozen_share)
    gathered = jnp.where(layout.zero_stage == 0, trained, gathered)
    replicas = jnp.maximum(layout.tp * layout.cp * layout.dp / (layout.expert_tp * layout.ep), 1.0)
    groups: tuple[tuple[Count, Tiers], ...] = (
        (step.shared_parameters_per_gpu, tiers_of(network, layout.dp_shard * layout.cp, layout.tp)),
        (step.expert_parameters_per_gpu, tiers_of(network, replicas, layout.expert_tp * layout.ep)),
    )
    return tuple(
        _times(times, sent(parameters * width, tiers, kind))
        for parameters, tiers in groups
        for times, width, kind in ((reduces, trained, REDUCE_SCATTER), (gathers, gathered, ALL_GATHER))
    )


def _times(count: Count, parts: tuple[Bytes, ...]) -> tuple[Bytes, ...]:
    return tuple(count * part for part in parts)


@cost_model(
    formula=_SENT,
    source="definition: every byte counts once, at its sender, on the outermost tier it crosses",
    example=dict(**_LAYOUT, **_LAYER, **_STEP, **_NETWORK, expect=6.012954e11),
)
def scale_up_traffic(layout: Layout, layer: LayerMessages, step: StepMessages, network: Network) -> Bytes:
    """Bytes that one GPU sends over the scale-up domain in one step."""
    return sent_in_step(layout, layer, step, network)[0]


@cost_model(
    formula=_SENT,
    source="definition: every byte counts once, at its sender, on the outermost tier it crosses",
    example=dict(**_LAYOUT, **_LAYER, **_STEP, **_NETWORK, expect=2.58e10),
)
def scale_out_traffic(layout: Layout, layer: LayerMessages, step: StepMessages, network: Network) -> Bytes:
    """Bytes that one GPU sends over the scale-out network in one step."""
    return sent_in_step(layout, layer, step, network)[1]


@cost_model(
    formula=_SENT,
    source="definition: every byte counts once, at its sender, on the outermost tier it crosses",
    example=dict(**_LAYOUT, **_LAYER, **_STEP, **_NETWORK, expect=0),
)
def tier2_traffic(layout: Layout, layer: LayerMessages, step: StepMessages, network: Network) -> Bytes:
    """Bytes that one GPU sends over tier 2 in one step."""
    return sent_in_step(layout, layer, step, network)[2]


@cost_model(
    formula=_SENT,
    source="definition: every byte counts once, at its sender, on the outermost tier it crosses",
    example=dict(**_LAYOUT, **_LAYER, **_STEP, **_NETWORK, expect=0),
)
def tier3_traffic(layout: Layout, layer: LayerMessages, step: StepMessages, network: Network) -> Bytes:
    """Bytes that one GPU sends over tier 3 in one step."""
    return sent_in_step(layout, layer, step, network)[3]


@cost_model(
    formula=r"8\,n\,\sum_k V_k\,e_k",
    source="definition: bits that all GPUs send, each at the energy of the tier it crosses",
    example=dict(
        scale_up_traffic=1e12,
        scale_out_traffic=1e10,
        tier2_traffic=0.0,
        tier3_traffic=0.0,
        scale_up_energy_per_bit=1.3e-12,
        scale_out_energy_per_bit=2e-11,
        world_size=16,
        expect=192.0,
    ),
)
def link_energy(
    scale_up_traffic: Bytes,
    scale_out_traffic: Bytes,
    tier2_traffic: Bytes,
    tier3_traffic: Bytes,
    scale_up_energy_per_bit: JoulesPerBit,
    scale_out_energy_per_bit: JoulesPerBit,
    tier2_energy_per_bit: JoulesPerBit,
    tier3_energy_per_bit: JoulesPerBit,
    world_size: Count,
) -> Joules:
    """Energy of the links in one training step, all GPUs together."""
    inside = scale_up_traffic * scale_up_energy_per_bit + scale_out_traffic * scale_out_energy_per_bit
    outside = tier2_traffic * tier2_energy_per_bit + tier3_traffic * tier3_energy_per_bit
    return _BITS * world_size * (inside + outside)

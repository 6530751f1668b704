"""The operators of one pass of a replica: what they work on, and what each takes for a number of tokens.

A pass carries tokens through all layers once: those of whole prompts (prefill), one or a few of every sequence (decode),
or both (a mixed step). Matrix products, vector operators and communication see only how many tokens there are; attention
is told apart by the passes themselves. All functions return times of one GPU over all layers.

The pipeline stages of a pass run one after the other, so a pass takes as long with a pipeline as without.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, BytesPerSecond, Choice, Count, Flag, FlopsPerSecond, Number, Seconds
from ..arrays import jnp
from ..communication.ep_communication import expert_exchange
from ..layers.attention import Projections, projection_products
from ..layers.dense_feed_forward import DenseLayer, dense_products, up_and_down
from ..layers.experts import SharedExperts, shared_products
from ..layers.linear_mixer import MixerProjections, mixer_products
from ..layers.output_layer import Head, head_product
from ..layers.vector_operators import VectorLayer, cast_inputs, vector_traffic
from ..machine.network import Network, tiers_of
from ..primitives import matmul
from ..primitives.arithmetic import ratio
from ..primitives.collectives import BEST, RING, all_reduce, neighbour_exchange
from ..primitives.matmul import Matmul, MatmulRates, Widths
from .replica import covered_experts

_FP8 = 4
"""Position of the first narrow format among the options of matmul_format."""
_NODE = 16
"""GPUs of the largest scale-up domain that is one node: HGX-2."""
_NARROW = 1.0
"""Bytes per element that a cast to a narrow format writes."""


class Served(NamedTuple):
    """The layers of a model and how a replica splits them: what shapes the operators of a pass."""

    num_layers: Count
    num_linear_layers: Count
    num_moe_layers: Count
    hidden_size: Count
    attention_weights: Count
    attention_width: Count
    attention_head_elements: Count
    linear_inner_size: Count
    linear_mixer_weights: Count
    intermediate_size: Count
    gated_mlp: Flag
    num_experts: Count
    experts_per_token: Count
    num_shared_experts: Count
    moe_intermediate_size: Count
    expert_imbalance: Number
    norms_per_layer: Count
    num_position_embeddings: Count
    tp: Count
    expert_tp: Count
    ep: Count


class PassWidths(NamedTuple):
    """Bytes per element of weights, of what products read and write, and of the hidden states between layers."""

    weight_width: Bytes
    activation_width: Bytes
    residual_width: Bytes


class PassRates(NamedTuple):
    """What bounds the products of a pass: arithmetic, reading, small results, and the widening of narrow weights."""

    attainable_flops: FlopsPerSecond
    reading_bandwidth: BytesPerSecond
    gemm_half_size: Number
    widening_time: Seconds


def _product_time(products: tuple[Matmul, ...], widths: PassWidths, rates: PassRates) -> Seconds:
    bounds = MatmulRates(rates.attainable_flops, rates.reading_bandwidth, rates.gemm_half_size)
    sizes = Widths(widths.weight_width, widths.activation_width, jnp.zeros_like(widths.weight_width))
    return matmul.time(products, sizes, bounds, rates.widening_time)


def projection_time(layer: Served, tokens: Count, widths: PassWidths, rates: PassRates) -> Seconds:
    """Projections of attention, or of a linear recurrence in its place, for `tokens` tokens of a tensor parallel group."""
    attention = Projections(tokens, layer.hidden_size, layer.attention_weights, layer.attention_width, layer.tp)
    linear = MixerProjections(tokens, layer.hidden_size, layer.linear_inner_size, layer.linear_mixer_weights, layer.tp)
    attending = (layer.num_layers - layer.num_linear_layers) * _product_time(
        projection_products(attention), widths, rates
    )
    return attending + layer.num_linear_layers * _product_time(mixer_products(linear), widths, rates)


def feed_forward_time(
    layer: Served, tokens: Count, routed_tokens: Count, widths: PassWidths, rates: PassRates
) -> Seconds:
    """Feed-forwards: dense ones and shared experts for `tokens` of a group, routed ones for those of all groups."""
    dense = DenseLayer(tokens, layer.hidden_size, layer.intermediate_size, layer.gated_mlp, layer.tp)
    shared = SharedExperts(
        tokens,
        layer.hidden_size,
        layer.moe_intermediate_size,
        layer.num_shared_experts,
        layer.gated_mlp,
        layer.tp,
    )
    plain = (layer.num_layers - layer.num_moe_layers) * _product_time(dense_products(dense), widths, rates)
    beside = _product_time(shared_products(shared), widths, rates)
    routed = _product_time(routed_products(layer, routed_tokens), widths, rates)
    return plain + layer.num_moe_layers * (beside + routed)


def routed_products(layer: Served, tokens: Count) -> tuple[Matmul, Matmul]:
    """The products of those experts of one rank that `tokens` tokens of the whole replica visit, side by side."""
    covered = covered_experts(layer.num_experts, layer.experts_per_token, tokens)
    # Where nothing is left to compute, no expert is visited.
    rows = ratio(tokens * layer.experts_per_token, covered)
    inner = layer.moe_intermediate_size / layer.expert_tp
    products = up_and_down(rows, layer.hidden_size, inner, layer.gated_mlp)
    return matmul.grouped(products, covered / layer.ep, layer.expert_imbalance)


def vector_time(
    layer: Served,
    tokens: Count,
    widths: PassWidths,
    vector_traffic_factor: Number,
    matmul_format: Choice,
    reading_bandwidth: BytesPerSecond,
) -> Seconds:
    """Norms, residual sums, activations, rotations, permutations and casts, all of them memory traffic."""
    operators = VectorLayer(
        tokens,
        layer.hidden_size,
        layer.norms_per_layer,
        layer.attention_head_elements,
        layer.num_position_embeddings,
        layer.num_layers,
        layer.num_moe_layers,
        layer.intermediate_size,
        layer.moe_intermediate_size,
        layer.experts_per_token,
        layer.num_shared_experts,
        layer.gated_mlp,
        jnp.zeros_like(tokens),
        layer.tp,
        jnp.zeros_like(tokens),
        widths.residual_width,
    )
    casts = jnp.where(matmul_format >= _FP8, tokens * (widths.residual_width + _NARROW) * cast_inputs(operators), 0.0)
    return layer.num_layers * (vector_traffic(operators, vector_traffic_factor) + casts) / reading_bandwidth


def tp_time(layer: Served, tokens: Count, residual_width: Bytes, algorithm: Choice, network: Network) -> Seconds:
    """All-reduces of the hidden states: after attention and after the feed-forward.

    Experts that are not split over tensor parallel ranks leave the tokens where they are: no second one there. Inside a
    node the tree of a library is a chain, which takes as many steps as a ring, so `best` is the ring there.
    """
    inside = (algorithm == BEST) & (layer.tp <= network.scale_up_size) & (network.scale_up_size <= _NODE)
    without = jnp.where(layer.expert_tp < layer.tp, layer.num_moe_layers, 0.0)
    message = tokens * layer.hidden_size * residual_width
    tiers = tiers_of(network, layer.tp, jnp.ones_like(layer.tp))
    return (2 * layer.num_layers - without) * all_reduce(message, tiers, jnp.where(inside, RING, algorithm))


def ep_time(
    layer: Served, tokens: Count, residual_width: Bytes, dispatch_width: Bytes, dispatch: Choice, network: Network
) -> Seconds:
    """Tokens to their experts and back, in every layer of experts; each tensor parallel rank sends its own part.

    The kernels of serving stacks send to all peers at once, so that a latency is waited for once on every tier, not
    once for every peer as in a library's exchange.
    """
    tiers = tiers_of(network, layer.ep, layer.expert_tp)
    carrying = tuple(tier._replace(latency=jnp.zeros_like(tier.latency)) for tier in tiers)
    waiting = jnp.zeros_like(tokens)
    for tier in tiers:
        waiting = waiting + tier.latency * jnp.clip(tier.members - 1, 0.0, 1.0)
    elements = tokens * layer.hidden_size * layer.experts_per_token / layer.tp
    there, back = (
        expert_exchange(elements * width, carrying, layer.experts_per_token, layer.expert_imbalance, dispatch)
        for width in (dispatch_width, residual_width)
    )
    return layer.num_moe_layers * (there + back + 2 * layer.expert_imbalance * waiting)


def pp_time(layer: Served, tokens: Count, residual_width: Bytes, pp: Count, network: Network) -> Seconds:
    """Hidden states from each stage to the next."""
    message = tokens * layer.hidden_size * residual_width
    return (pp - 1) * neighbour_exchange(message, tiers_of(network, pp, layer.tp))


def head_time(
    head: tuple[Count, Count, Count, Count],
    embedding_width: Bytes,
    rates: tuple[FlopsPerSecond, BytesPerSecond, Number],
) -> Seconds:
    """The language-model head, `head` as output_layer.Head: it stays in 16 bits."""
    sizes = Widths(embedding_width, embedding_width, jnp.zeros_like(embedding_width))
    return matmul.time(head_product(Head(*head)), sizes, MatmulRates(*rates))


def started_by_stack(network: Network, pass_collective_overhead: Seconds) -> Network:
    """The network with the time that a serving stack takes to start a collective."""
    return network._replace(collective_overhead=pass_collective_overhead)

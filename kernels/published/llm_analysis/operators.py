"""Operators of one transformer layer as the tool counts them: operations, traffic and times.

Symbols: b sequences, s tokens of each, h hidden size, a heads, V vocabulary, t tensor parallel ranks. The feed-forward
layer is ungated and 4h wide. No input is validated here.
"""

from __future__ import annotations

from ...annotations import Array
from ...arrays import jnp


def attention_flops(batch: Array, tokens: Array, hidden: Array) -> Array:
    """Operations of the attention of one layer: projections, scores and weighted values."""
    return 8 * batch * tokens * hidden**2 + 4 * batch * tokens**2 * hidden


def mlp_flops(batch: Array, tokens: Array, hidden: Array) -> Array:
    """Operations of the feed-forward part of one layer."""
    return 16 * batch * tokens * hidden**2


def logits_flops(batch: Array, tokens: Array, hidden: Array, vocabulary: Array) -> Array:
    """Operations of the output embedding."""
    return 2 * batch * tokens * hidden * vocabulary


def forward_flops(batch: Array, tokens: Array, hidden: Array, layers: Array, vocabulary: Array) -> Array:
    """Operations of one forward pass through all layers and the output embedding."""
    layer = attention_flops(batch, tokens, hidden) + mlp_flops(batch, tokens, hidden)
    return layers * layer + logits_flops(batch, tokens, hidden, vocabulary)


def roofline_time(flops: Array, rate: Array, traffic: Array, bandwidth: Array) -> Array:
    """The longer of the time to compute and the time to move the bytes, in s."""
    return jnp.maximum(flops / rate, traffic / bandwidth)


def attention_activations(batch: Array, tokens: Array, hidden: Array, heads: Array, tp: Array) -> Array:
    """Elements that the attention of one layer holds in inference, the scores twice."""
    return batch * tokens * hidden + (4 * batch * tokens * hidden + 2 * heads * tokens**2 * batch) / tp


def mlp_activations(batch: Array, tokens: Array, hidden: Array, tp: Array) -> Array:
    """Elements that the feed-forward part of one layer holds in inference."""
    return batch * tokens * hidden + 8 * batch * tokens * hidden / tp


def layer_activations(
    batch: Array, tokens: Array, hidden: Array, heads: Array, tp: Array, width: Array, norm_width: Array
) -> Array:
    """Bytes that one layer holds in inference, its two norms included."""
    elements = attention_activations(batch, tokens, hidden, heads, tp) + mlp_activations(batch, tokens, hidden, tp)
    return elements * width + 2 * batch * tokens * hidden * norm_width


def training_attention_activations(
    batch: Array,
    tokens: Array,
    hidden: Array,
    heads: Array,
    tp: Array,
    sp: Array,
    width: Array,
    mask: Array,
    selective: Array,
) -> Array:
    """Bytes that the attention of one layer keeps for the backward pass without full recomputation.

    The scores themselves are never among them, whatever is recomputed; only their dropout masks are.
    """
    plane = batch * tokens * hidden
    masks = jnp.where(selective, 0.0, (plane + heads * tokens**2 * batch) / sp * mask)
    return (plane / sp + 4 * plane / tp) * width + masks


def training_mlp_activations(
    batch: Array, tokens: Array, hidden: Array, tp: Array, sp: Array, width: Array, mask: Array
) -> Array:
    """Bytes that the feed-forward part of one layer keeps for the backward pass without full recomputation."""
    plane = batch * tokens * hidden
    return (plane / sp + 8 * plane / tp) * width + plane / sp * mask


def all_reduce_time(
    batch: Array, tokens: Array, hidden: Array, width: Array, tp: Array, bandwidth: Array, least: Array
) -> Array:
    """One all-reduce of a layer's output over the tensor parallel ranks, at least `least`, nothing for one rank."""
    message = 2 * batch * tokens * hidden * (tp - 1) / tp * width
    return jnp.where(tp > 1, jnp.maximum(message / bandwidth, least), 0.0)

"""Vector operators of one layer: norms, residual sums, activations, rotations, permutations of tokens and casts.

They do a few FLOPs per element, so memory bandwidth is all that counts. Each tensor is counted as often as a fused
kernel moves it; `vector_traffic_factor` is what a stack moves beyond that.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, BytesPerSecond, Choice, Count, Flag, Number, Seconds
from ..arrays import jnp
from ..registry import cost_model

_FP8 = 4
"""Position of the first narrow format among the options of matmul_format."""
_NARROW_COPIES = 2.0
"""Bytes written per element by a cast: one for the product and one, transposed, for the gradient of the weights."""


class VectorLayer(NamedTuple):
    """What vector operators of a layer, mean over all layers, work on."""

    micro_batch_tokens: Count
    hidden_size: Count
    norms_per_layer: Count
    attention_head_elements: Count
    num_position_embeddings: Count
    num_layers: Count
    num_moe_layers: Count
    intermediate_size: Count
    moe_intermediate_size: Count
    experts_per_token: Count
    num_shared_experts: Count
    gated_mlp: Flag
    dropout: Flag
    tp: Count
    sequence_parallel: Flag
    activation_width: Bytes


_LLAMA_70B = dict(
    micro_batch_tokens=4096,
    hidden_size=8192,
    attention_head_elements=18432,
    num_layers=80,
    num_moe_layers=0,
    intermediate_size=28672,
    gated_mlp=1,
    tp=8,
    activation_width=2,
)


def moe_share(layer: VectorLayer) -> Number:
    """Share of the layers that have experts."""
    return layer.num_moe_layers / layer.num_layers


def inner_width(layer: VectorLayer) -> Count:
    """Inner elements of the feed-forward that one token has, mean over layers."""
    visited = layer.experts_per_token + layer.num_shared_experts
    return (1 - moe_share(layer)) * layer.intermediate_size + moe_share(layer) * visited * layer.moe_intermediate_size


def sequence_split(layer: VectorLayer) -> Count:
    """Parts of the sequence outside the tensor parallel region."""
    return jnp.where(layer.sequence_parallel > 0, layer.tp, 1.0)


def rotated(layer: VectorLayer) -> Count:
    """Elements that a rotary embedding reads and writes; none where positions are learned."""
    return jnp.where(layer.num_position_embeddings > 0, 0.0, layer.attention_head_elements)


def cast_inputs(layer: VectorLayer) -> Count:
    """Elements that products in a narrow format take of one token, each cast before it is used."""
    copies = 1 - moe_share(layer) + moe_share(layer) * (layer.experts_per_token + layer.num_shared_experts)
    return (1 + copies) * layer.hidden_size + (layer.attention_head_elements / 2 + inner_width(layer)) / layer.tp


def permuted(layer: VectorLayer) -> Count:
    """Elements moved to bring tokens to their experts and back: one copy read, k written, and the reverse."""
    return moe_share(layer) * 2 * (1 + layer.experts_per_token) * layer.hidden_size


@cost_model(
    formula=r"\phi\,T\,a_w\left[\frac{(2n + 6 + 5D)h + \bar L_{moe}2(1+k)h}{t'} + \frac{e_{rot} + (2+g)\bar f}{t}\right]",
    source="definition: a norm reads and writes h, a residual sum reads 2h and writes h, dropout reads and writes with a mask, the activation reads (1+g)f and writes f",
    example=dict(**_LLAMA_70B, expect=1.908408e08),
)
def vector_traffic(layer: VectorLayer, vector_traffic_factor: Number) -> Bytes:
    """Memory traffic of the vector operators of one layer, forward."""
    outer = (2 * layer.norms_per_layer + 6 + 5 * layer.dropout) * layer.hidden_size + permuted(layer)
    inner = rotated(layer) + (2 + layer.gated_mlp) * inner_width(layer)
    elements = outer / sequence_split(layer) + inner / layer.tp
    return vector_traffic_factor * layer.micro_batch_tokens * layer.activation_width * elements


@cost_model(
    formula=r"\phi\,T\,a_w\left[\frac{(3n + 6 + 5D)h + \bar L_{moe}2(1+k)h}{t'} + \frac{e_{rot} + (3+2g)\bar f}{t}\right]",
    source="definition: the gradient of a norm reads its input and gradient and writes h, of the activation reads f and (1+g)f and writes (1+g)f",
    example=dict(**_LLAMA_70B, expect=2.663383e08),
)
def vector_backward_traffic(layer: VectorLayer, vector_traffic_factor: Number) -> Bytes:
    """Memory traffic of the vector operators of one layer, backward."""
    outer = (3 * layer.norms_per_layer + 6 + 5 * layer.dropout) * layer.hidden_size + permuted(layer)
    inner = rotated(layer) + (3 + 2 * layer.gated_mlp) * inner_width(layer)
    elements = outer / sequence_split(layer) + inner / layer.tp
    return vector_traffic_factor * layer.micro_batch_tokens * layer.activation_width * elements


@cost_model(
    formula=r"[\text{8- or 4-bit}]\,T\,(a_w + 2)\left(h + \bar k h + \frac{e_{heads}/2 + \bar f}{t}\right)",
    source="micikevicius-et-al-2022, sec. 3 (operands are cast as they are used); the gradient of the weights reads them transposed",
    example=dict(**_LLAMA_70B, matmul_format=4, expect=3.460301e08),
)
def cast_traffic(layer: VectorLayer, matmul_format: Choice) -> Bytes:
    """Memory traffic of casting to a narrow format in one layer, forward.

    The input of every product is read in the activations' width and written twice in one byte, once transposed. The
    backward pass casts the gradients of the results, which are as many elements to within the gate.
    """
    traffic = layer.micro_batch_tokens * (layer.activation_width + _NARROW_COPIES) * cast_inputs(layer)
    return jnp.where(matmul_format >= _FP8, traffic, 0.0)


@cost_model(
    formula=r"(Q_{vec} + Q_{cast})/\beta",
    source="williams-waterman-patterson-2009, sec. 3 (no arithmetic worth counting)",
    example=dict(vector_traffic=1.7e8, cast_traffic=3e7, attainable_hbm_bandwidth=2.8475e12, expect=7.02371e-5),
)
def vector_layer_time(vector_traffic: Bytes, cast_traffic: Bytes, attainable_hbm_bandwidth: BytesPerSecond) -> Seconds:
    """Forward time of the vector operators of one layer."""
    return (vector_traffic + cast_traffic) / attainable_hbm_bandwidth


@cost_model(
    formula=r"(Q_{vec}^B + Q_{cast})/\beta",
    source="williams-waterman-patterson-2009, sec. 3 (no arithmetic worth counting)",
    example=dict(
        vector_backward_traffic=2.7e8, cast_traffic=3e7, attainable_hbm_bandwidth=2.8475e12, expect=1.053556e-4
    ),
)
def vector_backward_time(
    vector_backward_traffic: Bytes, cast_traffic: Bytes, attainable_hbm_bandwidth: BytesPerSecond
) -> Seconds:
    """Backward time of the vector operators of one layer."""
    return (vector_backward_traffic + cast_traffic) / attainable_hbm_bandwidth


@cost_model(
    formula=r"[r > 0]\,T\,a_w\left[3h/t' + e_{heads}/t + x_{ffn}\left(3h/t' + (3 + 2g)\bar f/t\right)\right]/\beta",
    source="hu-et-al-2021, sec. 4.1 (low-rank products beside the matrices): inputs read, results read and written",
    example=dict(**_LLAMA_70B, lora_rank=16, attainable_hbm_bandwidth=2.8475e12, expect=7.585835e-05),
)
def adapter_time(
    layer: VectorLayer, lora_rank: Count, adapts_feed_forward: Flag, attainable_hbm_bandwidth: BytesPerSecond
) -> Seconds:
    """Forward time of the adapters of one layer.

    Products of so low a rank are all traffic: they read each matrix's input and add to its result.
    """
    outer = 3 * layer.hidden_size / sequence_split(layer)
    attention = outer + layer.attention_head_elements / layer.tp
    feed_forward = outer + (3 + 2 * layer.gated_mlp) * inner_width(layer) / layer.tp
    elements = attention + adapts_feed_forward * feed_forward
    traffic = layer.micro_batch_tokens * layer.activation_width * elements
    return jnp.where(lora_rank > 0, traffic, 0.0) / attainable_hbm_bandwidth

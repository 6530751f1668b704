"""Activations one layer keeps of one micro-batch for its backward pass, tensor by tensor.

Tensors outside the tensor parallel region (inputs of norms, what norms give) are split over its ranks with sequence
parallelism only; those inside (heads, inner tensors of the feed-forward) always. What only the gradient of a frozen
matrix would read is not kept.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Choice, Count, Flag, Number
from ..arrays import jnp
from ..example_inputs import GPT_3_LAYER
from ..model.flops import FLASH, FULL, SELECTIVE
from ..registry import cost_model

_FP32 = 4
_ALL_TO_ALL = 1
"""Position of `all_to_all` among the options of cp_exchange."""


class Tokens(NamedTuple):
    """Tokens of one micro-batch on one GPU, how they are split and how wide an element is."""

    micro_batch_tokens: Count
    hidden_size: Count
    tp: Count
    sequence_parallel: Flag
    activation_width: Bytes


class Frozen(NamedTuple):
    """What decides whether the input of a matrix is kept for the gradient of its weights."""

    frozen_share: Number
    lora_rank: Count
    adapts_feed_forward: Flag


def outside(tokens: Tokens, width: Count) -> Bytes:
    """A tensor of `width` elements per token outside the tensor parallel region."""
    split = jnp.where(tokens.sequence_parallel > 0, tokens.tp, 1.0)
    return tokens.micro_batch_tokens * tokens.activation_width * width / split


def inside(tokens: Tokens, width: Count) -> Bytes:
    """A tensor of `width` elements per token inside the tensor parallel region."""
    return tokens.micro_batch_tokens * tokens.activation_width * width / tokens.tp


def masks(tokens: Tokens, dropout: Flag) -> Bytes:
    """The one-byte mask of dropout on a hidden state."""
    split = jnp.where(tokens.sequence_parallel > 0, tokens.tp, 1.0)
    return dropout * tokens.micro_batch_tokens * tokens.hidden_size / split


def attention_inputs_kept(frozen: Frozen) -> Number:
    """Share of the inputs of attention's matrices that is kept: all where they are trained or have adapters."""
    return jnp.where(frozen.lora_rank > 0, 1.0, 1 - frozen.frozen_share)


@cost_model(
    formula=r"T\,\frac{[\text{flash}]\,4a + [\text{unfused}]\,a\,s\,(a_w + D(1 + a_w))}{t}",
    source="korthikanti-et-al-2022, sec. 4.1 (5 a s^2 b with dropout); dao-2023, sec. 3.1 (the log-sum-exp of each row)",
    example=dict(
        micro_batch_tokens=2048,
        num_attention_heads=96,
        attended_tokens=2048,
        dropout=1,
        attention_kernel=0,
        tp=1,
        activation_width=2,
        expect=2013265920.0,
    ),
)
def attention_core_activations(
    micro_batch_tokens: Count,
    num_attention_heads: Count,
    attended_tokens: Count,
    dropout: Flag,
    attention_kernel: Choice,
    tp: Count,
    activation_width: Bytes,
) -> Bytes:
    """Scores or softmax statistics of one attention layer and one micro-batch.

    Unfused: the scores after the softmax and, with dropout, the one-byte mask and the masked scores. Flash: one fp32
    number for each query and head.
    """
    statistics = _FP32 * num_attention_heads
    scores = num_attention_heads * attended_tokens * (activation_width + dropout * (1 + activation_width))
    return micro_batch_tokens * jnp.where(attention_kernel == FLASH, statistics, scores) / tp


@cost_model(
    formula=r"T a_w\left[\frac{\bar\kappa h + [\text{MLA}](2 r_q + 2 r_{kv} + d_r)}{t'} + \frac{e_{heads} + [\text{a2a}]\,w_o}{t}\right]",
    source="korthikanti-et-al-2022, sec. 4.1 (11 s b h with its mask and input); deepseek-v2-2024, sec. 2.1 (latent vectors before and after their norms); jacobs-et-al-2023, sec. 3 (outputs before and after the exchange of heads)",
    example=dict(**GPT_3_LAYER, attention_head_elements=49152, attention_width=12288, expect=251658240.0),
)
def attention_activations(
    tokens: Tokens,
    frozen: Frozen,
    attention_head_elements: Count,
    attention_width: Count,
    q_lora_rank: Count,
    kv_lora_rank: Count,
    qk_rope_head_dim: Count,
    cp: Count,
    cp_exchange: Choice,
) -> Bytes:
    """Activations of the projections of one attention layer.

    The input, queries, keys, values and the output, which is the input of the last projection. Latent attention also
    keeps its compressed vectors, before and after their norms.
    """
    latent = jnp.where(kv_lora_rank > 0, 2 * (q_lora_rank + kv_lora_rank) + qk_rope_head_dim, 0.0)
    exchanged = jnp.where((cp > 1) & (cp_exchange == _ALL_TO_ALL), attention_width, 0.0)
    source = attention_inputs_kept(frozen) * tokens.hidden_size
    return outside(tokens, source + latent) + inside(tokens, attention_head_elements + exchanged)


@cost_model(
    formula=r"T a_w\left[\frac{\bar\kappa h}{t'} + \frac{4 d_i + 2 g N + n_h}{t}\right]",
    source="dao-gu-2024, sec. 6 and its code (the projected input, the scan's result, the gated output; states are computed again)",
    example=dict(
        micro_batch_tokens=4096, hidden_size=2560, tp=1, activation_width=2, linear_inner_size=5120,
        linear_state_size=128, linear_num_heads=80, linear_num_groups=1, expect=191496192.0,
    ),
)  # fmt: skip
def linear_mixer_activations(
    tokens: Tokens,
    frozen: Frozen,
    linear_inner_size: Count,
    linear_state_size: Count,
    linear_num_heads: Count,
    linear_num_groups: Count,
) -> Bytes:
    """Activations of the mixer of one linear layer."""
    projected = 2 * linear_inner_size + 2 * linear_num_groups * linear_state_size + linear_num_heads
    scanned = linear_inner_size * (1 + attention_inputs_kept(frozen))
    return outside(tokens, attention_inputs_kept(frozen) * tokens.hidden_size) + inside(tokens, projected + scanned)


@cost_model(
    formula=r"T\,\frac{a_w n h + D h}{t'} + \frac{(L - L_{lin})(A_{attn} + [\text{kept}]A_{core}) + L_{lin}A_{lin}}{L}",
    source="korthikanti-et-al-2022, sec. 4.1 (inputs of the norms 4 s b h, dropout mask s b h) and sec. 5 (selective: no core)",
    example=dict(
        **GPT_3_LAYER,
        dropout=1,
        num_layers=96,
        attention_activations=251658240,
        attention_core_activations=2013265920,
        linear_mixer_activations=0,
        expect=2390753280.0,
    ),
)
def mixer_activations(
    tokens: Tokens,
    norms_per_layer: Count,
    dropout: Flag,
    num_layers: Count,
    num_linear_layers: Count,
    attention_activations: Bytes,
    attention_core_activations: Bytes,
    linear_mixer_activations: Bytes,
    recompute: Choice,
    recompute_layer_share: Number,
) -> Bytes:
    """Activations of one layer without its feed-forward, mean over layers.

    Inputs of all norms of the layer, the dropout mask, and what mixes tokens. Selective recomputation drops the core.
    """
    core = attention_core_activations * (1 - jnp.where(recompute == SELECTIVE, recompute_layer_share, 0.0))
    linear = num_linear_layers / num_layers
    mixed = (1 - linear) * (attention_activations + core) + linear * linear_mixer_activations
    return outside(tokens, norms_per_layer * tokens.hidden_size) + masks(tokens, dropout) + mixed


class LayerActivations(NamedTuple):
    """What the parts of a layer keep, and what recomputation and offload leave of it on the GPU."""

    mixer_activations: Bytes
    dense_mlp_activations: Bytes
    moe_mlp_activations: Bytes
    checkpoint_activations: Bytes
    recompute: Choice
    recompute_layer_share: Number
    activation_offload: Number


_PARTS = dict(
    mixer_activations=2390753280,
    dense_mlp_activations=478150656,
    moe_mlp_activations=0,
    checkpoint_activations=50331648,
)


def stored(parts: LayerActivations, layers: Count, mixtures: Count) -> Bytes:
    """Activations of `layers` layers, `mixtures` of them mixtures, where they are kept."""
    dense = (layers - mixtures) * parts.dense_mlp_activations
    return layers * parts.mixer_activations + dense + mixtures * parts.moe_mlp_activations


def kept(parts: LayerActivations, layers: Count, mixtures: Count) -> Bytes:
    """Activations of `layers` layers that stay on the GPU until the backward pass."""
    share = jnp.where(parts.recompute == FULL, parts.recompute_layer_share, 0.0)
    held = (1 - share) * stored(parts, layers, mixtures) + share * layers * parts.checkpoint_activations
    return (1 - parts.activation_offload) * held


@cost_model(
    formula=r"T\,h\,a_w / t'",
    source="korthikanti-et-al-2022, table 2 (2 s b h per layer)",
    example=dict(**GPT_3_LAYER, expect=50331648.0),
)
def checkpoint_activations(tokens: Tokens) -> Bytes:
    """Input of one layer, all that full recomputation keeps of it."""
    return outside(tokens, tokens.hidden_size)


@cost_model(
    formula=r"A_{mix} + \left[(L - L_{moe})\,A_{mlp} + L_{moe} A_{moe}\right]/L",
    source="korthikanti-et-al-2022, sec. 4.1 and 4.2 (with D = 1, unfused, f = 4h, ungated: s b h (34 + 5 a s / h))",
    example=dict(**_PARTS, num_layers=96, num_moe_layers=0, expect=2868903936.0),
)
def stored_layer_activations(parts: LayerActivations, num_layers: Count, num_moe_layers: Count) -> Bytes:
    """Activations one layer needs for its backward pass, mean over layers."""
    return stored(parts, num_layers, num_moe_layers) / num_layers


@cost_model(
    formula=r"(1 - \omega)\left[(1 - \rho)\,A_{layer} + \rho\,T h a_w / t'\right],\ \rho = 0 \text{ unless recomputation is full}",
    source="korthikanti-et-al-2022, table 2 (2 s b h per layer)",
    example=dict(**_PARTS, num_layers=96, num_moe_layers=0, recompute=2, expect=50331648.0),
)
def layer_activation_memory(parts: LayerActivations, num_layers: Count, num_moe_layers: Count) -> Bytes:
    """Activations of one layer kept for one micro-batch, mean over layers."""
    return kept(parts, num_layers, num_moe_layers) / num_layers

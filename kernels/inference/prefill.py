"""Prefill: what one pass of whole prompts through a replica reads and computes.

Tokens found in the cache of earlier prompts are attended to and not computed again.
"""

from __future__ import annotations

from ..annotations import Bytes, Count, Flops, FlopsPerToken, Number
from ..arrays import jnp
from ..example_inputs import MIXTRAL
from ..layers.linear_mixer import linear_scan_flops_per_token
from ..registry import cost_model
from .replica import covered_experts


@cost_model(
    formula=r"\max(b_p, n_a)",
    source="definition: every attention group takes at least one prompt, for the experts wait for all of them",
    example=dict(prefill_batch=4, attention_groups=8, expect=8.0),
)
def prompts_per_pass(prefill_batch: Count, attention_groups: Count) -> Count:
    """Prompts of one prefill pass."""
    return jnp.maximum(prefill_batch, attention_groups)


@cost_model(
    formula=r"s_p\,(1 - x_{hit})",
    source="kwon-et-al-2023, sec. 4.4 (shared prefixes are computed once)",
    example=dict(prompt_len=1024, prefix_hit_rate=0.25, expect=768.0),
)
def computed_prompt_len(prompt_len: Count, prefix_hit_rate: Number) -> Count:
    """Tokens of a prompt that are not found in the cache."""
    return prompt_len * (1 - prefix_hit_rate)


@cost_model(
    formula=r"b_p\,s_c",
    source="definition: tokens of all prompts of a pass that are computed",
    example=dict(prompts_per_pass=4, computed_prompt_len=768, expect=3072.0),
)
def prefill_tokens(prompts_per_pass: Count, computed_prompt_len: Count) -> Count:
    """Tokens that one prefill pass carries, the whole replica."""
    return prompts_per_pass * computed_prompt_len


@cost_model(
    formula=r"\frac{b_p s_c}{n_a\,c}",
    source="definition: prompts are shared out over attention groups, and split over context parallel ranks",
    example=dict(prefill_tokens=3072, attention_groups=2, cp=2, expect=768.0),
)
def prefill_tokens_per_rank(prefill_tokens: Count, attention_groups: Count, cp: Count) -> Count:
    """Tokens of one prefill pass on one tensor parallel group."""
    return prefill_tokens / (attention_groups * cp)


@cost_model(
    formula=r"\frac{1}{s_c}\sum_{i > s_p - s_c}^{s_p} \left[(1 - x_w)\,i\,(1 + v_p^2) + x_w \min(i, w)\right]",
    source="dao-2023, sec. 4.1 (causal: a token attends to those before it); jiang-et-al-2023, sec. 2",
    example=dict(prompt_len=1024, computed_prompt_len=768, sliding_share=0, prompt_len_cv=0.5, expect=800.0),
)
def prefill_attended_tokens(
    prompt_len: Count,
    computed_prompt_len: Count,
    prompt_len_cv: Number,
    sliding_window: Count,
    sliding_share: Number,
) -> Count:
    """Tokens that a computed token of a prompt attends to.

    The mean over tokens and attention layers; sums over positions are integrals. Long prompts have more tokens, each of which attends to more; a window is applied
    to the mean prompt.
    """
    cached = prompt_len - computed_prompt_len
    full = (prompt_len + cached) / 2 * (1 + prompt_len_cv**2)
    seen = _seen_within(prompt_len, sliding_window) - _seen_within(cached, sliding_window)
    nothing = computed_prompt_len <= 0
    window = jnp.where(nothing, full, seen / jnp.where(nothing, 1.0, computed_prompt_len))
    return full + sliding_share * (window - full)


def _seen_within(length: Count, window: Count) -> Count:
    """The integral of min(i, window) over the positions of a sequence."""
    ramp = jnp.minimum(length, window)
    return ramp * length - ramp**2 / 2


@cost_model(
    formula=r"T\left(L_{att}\,\bar s\,F_{pair} + L_{lin}\,F_{scan}\right)",
    source="dao-2023, sec. 4.1 (causal: half the square); dao-gu-2024, sec. 6 (chunked scan)",
    example=dict(
        prefill_tokens=1024,
        num_attention_layers=80,
        num_linear_layers=0,
        prefill_attended_tokens=512,
        attention_flops_per_pair=32768,
        computed_prompt_len=1024,
        linear_inner_size=0,
        linear_state_size=0,
        expect=1.374389535e12,
    ),
)
def prefill_attention_flops(
    prefill_tokens: Count,
    num_attention_layers: Count,
    num_linear_layers: Count,
    prefill_attended_tokens: Count,
    attention_flops_per_pair: FlopsPerToken,
    computed_prompt_len: Count,
    linear_inner_size: Count,
    linear_state_size: Count,
    linear_num_groups: Count,
    linear_chunk_size: Count,
) -> Flops:
    """FLOPs of attention, or a linear recurrence in its place, in one prefill pass."""
    scan = linear_scan_flops_per_token(
        computed_prompt_len, linear_inner_size, linear_state_size, linear_num_groups, linear_chunk_size
    )
    attending = num_attention_layers * prefill_attended_tokens * attention_flops_per_pair
    return prefill_tokens * (attending + num_linear_layers * scan)


@cost_model(
    formula=r"2\,T\,L_{moe}\,k\,W_e",
    source="fedus-zoph-shazeer-2021, sec. 2; jiang-et-al-2024, sec. 2.1",
    example=dict(prefill_tokens=1024, experts_per_token=2, **MIXTRAL, expect=2.308974418e13),
)
def prefill_expert_flops(
    prefill_tokens: Count, num_moe_layers: Count, experts_per_token: Count, expert_weights: Count
) -> Flops:
    """FLOPs of the routed experts in one prefill pass, the whole replica."""
    return 2 * prefill_tokens * num_moe_layers * experts_per_token * expert_weights


@cost_model(
    formula=r"2\,T\,(N_{matmul} - hV) + 2 b_p hV + F_{att}",
    source="pope-et-al-2022, sec. 2.1 (2N per token, and attention); the head runs on the last token of a prompt only",
    example=dict(
        prefill_tokens=1024,
        prompts_per_pass=1,
        num_matmul_parameters=68713185280,
        lm_head_weights=262144000,
        prefill_attention_flops=1.374389535e12,
        expect=1.41562646e14,
    ),
)
def prefill_flops(
    prefill_tokens: Count,
    prompts_per_pass: Count,
    num_matmul_parameters: Count,
    lm_head_weights: Count,
    prefill_attention_flops: Flops,
) -> Flops:
    """FLOPs of one prefill pass, the whole replica."""
    layers = 2 * prefill_tokens * (num_matmul_parameters - lm_head_weights)
    return layers + 2 * prompts_per_pass * lm_head_weights + prefill_attention_flops


@cost_model(
    formula=r"w\,L_{moe}\,E\left(1 - (1 - k/E)^{T}\right)W_e",
    source="definition: the weights of every expert that some token of the pass is routed to, once",
    example=dict(prefill_tokens=8, num_experts=8, experts_per_token=2, weight_width=2, **MIXTRAL, expect=8.116485e10),
)
def prefill_expert_traffic(
    prefill_tokens: Count,
    num_moe_layers: Count,
    num_experts: Count,
    experts_per_token: Count,
    expert_weights: Count,
    weight_width: Bytes,
) -> Bytes:
    """Weights of routed experts read by one prefill pass, the whole replica."""
    active = covered_experts(num_experts, experts_per_token, prefill_tokens)
    return weight_width * num_moe_layers * active * expert_weights


@cost_model(
    formula=r"b_p\,s_p\,\left(L_{att}\,b_{kv}\right)",
    source="pope-et-al-2022, sec. 2.1 (what is computed is written to the cache once); what is cached is read once",
    example=dict(
        prompts_per_pass=1, prompt_len=1024, num_attention_layers=80, kv_bytes_per_token_layer=4096, expect=335544320.0
    ),
)
def prefill_cache_traffic(
    prompts_per_pass: Count, prompt_len: Count, num_attention_layers: Count, kv_bytes_per_token_layer: Bytes
) -> Bytes:
    """Cache written and read by one prefill pass, the whole replica."""
    return prompts_per_pass * prompt_len * num_attention_layers * kv_bytes_per_token_layer


@cost_model(
    formula=r"c\,n_a\left[w\,(W_{shared} + v) + w_e hV\right] + Q_{experts} + Q_{kv}",
    source="pope-et-al-2022, sec. 2.1 (weights once in each group, the cache written)",
    example=dict(
        shared_layer_weights=68451041280,
        layer_vectors=1318912,
        lm_head_weights=262144000,
        weight_width=2,
        attention_groups=1,
        prefill_expert_traffic=0,
        prefill_cache_traffic=335544320,
        expect=137764552704.0,
    ),
)
def prefill_traffic(
    shared_layer_weights: Count,
    layer_vectors: Count,
    lm_head_weights: Count,
    weight_width: Bytes,
    embedding_width: Bytes,
    attention_groups: Count,
    cp: Count,
    prefill_expert_traffic: Bytes,
    prefill_cache_traffic: Bytes,
) -> Bytes:
    """Weights read and cache written by one prefill pass, the whole replica."""
    shared = weight_width * (shared_layer_weights + layer_vectors) + embedding_width * lm_head_weights
    return attention_groups * cp * shared + prefill_expert_traffic + prefill_cache_traffic

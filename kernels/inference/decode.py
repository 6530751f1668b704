"""Decode: what one step of all sequences of a replica reads and computes.

With a pipeline the sequences rotate through the stages in pp groups, so pp raises throughput but shortens no token. With
speculation a step checks the drafted tokens of every sequence at once, and reads weights and cache once for all of them.
"""

from __future__ import annotations

from ..annotations import Bytes, Count, Flops, FlopsPerToken, Number
from ..arrays import jnp
from ..example_inputs import MIXTRAL
from ..registry import cost_model
from .replica import covered_experts


@cost_model(
    formula=r"\max(1, B/p)",
    source="definition: sequences rotate through the pipeline stages in p groups",
    example=dict(concurrency=64, pp=2, expect=32.0),
)
def decode_batch(concurrency: Count, pp: Count) -> Count:
    """Sequences of one decode batch."""
    return jnp.maximum(concurrency / pp, 1.0)


@cost_model(
    formula=r"G\,(\gamma + 1)",
    source="leviathan-kalman-matias-2023, sec. 2.1 (the model checks the drafted tokens and adds one)",
    example=dict(decode_batch=32, draft_len=4, expect=160.0),
)
def decode_tokens(decode_batch: Count, draft_len: Count) -> Count:
    """Tokens that one decode step carries, the whole replica."""
    return decode_batch * (draft_len + 1)


@cost_model(
    formula=r"\max\left(\frac{G(\gamma + 1)}{n_a\,c}, 1\right)",
    source="definition: sequences are shared out over attention groups, and over context parallel ranks outside attention",
    example=dict(decode_tokens=160, attention_groups=8, cp=1, expect=20.0),
)
def decode_tokens_per_rank(decode_tokens: Count, attention_groups: Count, cp: Count) -> Count:
    """Tokens of one decode step on one tensor parallel group."""
    return jnp.maximum(decode_tokens / (attention_groups * cp), 1.0)


@cost_model(
    formula=r"s_p + \frac{s_o}{2}\,(1 + v_o^2)",
    source="definition: mean of s_p + j over the decode steps j = 1 ... s_o - 1 of all sequences, of which long ones have more; exact for a cost affine in the context",
    example=dict(prompt_len=1024, output_len=256, output_len_cv=0.5, expect=1184.0),
)
def decode_context(prompt_len: Count, output_len: Count, output_len_cv: Number) -> Count:
    """Tokens in the cache of one sequence, mean over its decode steps.

    Step j writes its own token before it attends, so it sees the prompt and j tokens of output. Where outputs differ in
    length, the sequences that are being decoded are longer than the mean.
    """
    return prompt_len + output_len / 2 * (1 + output_len_cv**2)


@cost_model(
    formula=r"\frac{(L_{att} - L_w)\,x + L_w \min(x, w)}{L_{att}}",
    source="jiang-et-al-2023, sec. 2 (a sliding-window layer keeps its window)",
    example=dict(decode_context=8192, sliding_window=4096, sliding_share=0.5, expect=6144.0),
)
def decode_attended_tokens(decode_context: Count, sliding_window: Count, sliding_share: Number) -> Count:
    """Cached tokens one decoded token attends to, mean over attention layers."""
    window = jnp.minimum(decode_context, sliding_window)
    return decode_context + sliding_share * (window - decode_context)


@cost_model(
    formula=r"E\,\left(1 - (1 - k/E)^T\right)",
    source="definition: expected number of distinct experts when each of T tokens draws k of E evenly",
    example=dict(num_experts=8, experts_per_token=2, decode_tokens=8, expect=7.199097),
)
def decode_active_experts(num_experts: Count, experts_per_token: Count, decode_tokens: Count) -> Count:
    """Experts whose weights one decode step reads, in each mixture layer."""
    return covered_experts(num_experts, experts_per_token, decode_tokens)


@cost_model(
    formula=r"c\,n_a\left[w\,(W_{shared} + v) + w_e\,hV\right] + w\,L_{moe}\,E_{active}\,W_e",
    source="pope-et-al-2022, sec. 2.1 (every weight is read once per step, in each group); quantised models keep the head wide",
    example=dict(
        shared_layer_weights=68451041280,
        decode_expert_traffic=0,
        layer_vectors=1318912,
        lm_head_weights=262144000,
        weight_width=2,
        embedding_width=2,
        attention_groups=1,
        cp=1,
        expect=137429008384.0,
    ),
)
def decode_weight_traffic(
    shared_layer_weights: Count,
    decode_expert_traffic: Bytes,
    layer_vectors: Count,
    lm_head_weights: Count,
    weight_width: Bytes,
    embedding_width: Bytes,
    attention_groups: Count,
    cp: Count,
) -> Bytes:
    """Weights read by one decode step, the whole replica."""
    shared = weight_width * (shared_layer_weights + layer_vectors) + embedding_width * lm_head_weights
    return attention_groups * cp * shared + decode_expert_traffic


@cost_model(
    formula=r"w\,L_{moe}\,E_{active}\,W_e",
    source="definition: the weights of every expert that some token is routed to, once",
    example=dict(decode_active_experts=7.199097, weight_width=2, **MIXTRAL, expect=8.116485e10),
)
def decode_expert_traffic(
    num_moe_layers: Count, decode_active_experts: Count, expert_weights: Count, weight_width: Bytes
) -> Bytes:
    """Weights of routed experts read by one decode step, the whole replica."""
    return weight_width * num_moe_layers * decode_active_experts * expert_weights


@cost_model(
    formula=r"G\left(L_{att}\,x\,b_{kv}\,\frac{t}{\min(t, k_v)}\,n_r + 2 L_{lin}\,b_s\right)",
    source="pope-et-al-2022, sec. 2.1 and 3.3 (every rank reads the heads it holds); dao-gu-2024, sec. 3 (a state read and written)",
    example=dict(
        decode_batch=32,
        num_attention_layers=80,
        num_linear_layers=0,
        decode_attended_tokens=1152,
        kv_bytes_per_token_layer=4096,
        kv_split=8,
        kv_reads=1,
        linear_state_bytes=0,
        tp=8,
        expect=12079595520.0,
    ),
)
def decode_cache_traffic(
    decode_batch: Count,
    num_attention_layers: Count,
    num_linear_layers: Count,
    decode_attended_tokens: Count,
    kv_bytes_per_token_layer: Bytes,
    kv_split: Count,
    kv_reads: Number,
    linear_state_bytes: Bytes,
    tp: Count,
) -> Bytes:
    """Cache and states that one decode step reads, the whole replica.

    Replicated heads are read by every rank that holds them; speculation reads the cache once for all drafted tokens.
    """
    cache = num_attention_layers * decode_attended_tokens * kv_bytes_per_token_layer * (tp / kv_split) * kv_reads
    return decode_batch * (cache + 2 * num_linear_layers * linear_state_bytes)


@cost_model(
    formula=r"2\,a\,(2 r_{kv} + d_r) \text{ for MLA, else } 4\,a\,d",
    source="deepseek-v2-2024, sec. 2.1.2 (the up-projections are absorbed, attention runs on the latent vectors)",
    example=dict(attention_flops_per_pair=32768, num_attention_heads=64, expect=32768.0),
)
def decode_flops_per_pair(
    attention_flops_per_pair: FlopsPerToken, num_attention_heads: Count, kv_lora_rank: Count, qk_rope_head_dim: Count
) -> FlopsPerToken:
    """FLOPs of one query against one cached token, one layer."""
    absorbed = 2 * num_attention_heads * (2 * kv_lora_rank + qk_rope_head_dim)
    return jnp.where(kv_lora_rank > 0, absorbed, attention_flops_per_pair)


@cost_model(
    formula=r"T\left(L_{att}\,x\,F_{pair} + 4\,L_{lin}\,N d_i\right)",
    source="pope-et-al-2022, sec. 2.1 (attention of one token to its cache); dao-gu-2024, sec. 3 (a state updated and read)",
    example=dict(
        decode_tokens=32,
        num_attention_layers=80,
        num_linear_layers=0,
        decode_attended_tokens=1152,
        decode_flops_per_pair=32768,
        linear_inner_size=0,
        linear_state_size=0,
        expect=9.663676416e10,
    ),
)
def decode_attention_flops(
    decode_tokens: Count,
    num_attention_layers: Count,
    num_linear_layers: Count,
    decode_attended_tokens: Count,
    decode_flops_per_pair: FlopsPerToken,
    linear_inner_size: Count,
    linear_state_size: Count,
) -> Flops:
    """FLOPs of attention in one decode step, the whole replica."""
    attending = num_attention_layers * decode_attended_tokens * decode_flops_per_pair
    return decode_tokens * (attending + 4 * num_linear_layers * linear_inner_size * linear_state_size)


@cost_model(
    formula=r"2\,T\,L_{moe}\,k\,W_e",
    source="fedus-zoph-shazeer-2021, sec. 2; jiang-et-al-2024, sec. 2.1",
    example=dict(decode_tokens=32, experts_per_token=2, **MIXTRAL, expect=7.21554505728e11),
)
def decode_expert_flops(
    decode_tokens: Count, num_moe_layers: Count, experts_per_token: Count, expert_weights: Count
) -> Flops:
    """FLOPs of the routed experts in one decode step, the whole replica."""
    return 2 * decode_tokens * num_moe_layers * experts_per_token * expert_weights


@cost_model(
    formula=r"2\,T\,N_{matmul} + F_{att}",
    source="pope-et-al-2022, sec. 2.1 (2N per token, and attention)",
    example=dict(
        decode_tokens=32,
        num_matmul_parameters=68713185280,
        decode_attention_flops=9.663676416e10,
        expect=4.4942806e12,
    ),
)
def decode_flops(decode_tokens: Count, num_matmul_parameters: Count, decode_attention_flops: Flops) -> Flops:
    """FLOPs of one decode step, the whole replica."""
    return 2 * decode_tokens * num_matmul_parameters + decode_attention_flops

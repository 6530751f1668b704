"""Memory of one GPU of a serving replica: weights, cache and working memory."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Count, Flag, Number
from ..arrays import jnp
from ..registry import constraint, cost_model


@cost_model(
    formula=r"\frac{1}{p}\left(\frac{w\,E\,W_e L_{moe}}{e\,t_e} + \frac{w\,(N - N_{emb} - N_{head} - E W_e L_{moe})}{t}\right) + \frac{w_e}{t}\left\{N_{emb} + N_{head} \text{ or, } p > 1,\ \max(N_{emb}, hV)\right\}",
    source="definition: weights in their width, embeddings and head in theirs; the first stage holds the one, the last the other",
    example=dict(
        num_parameters=68976648192,
        routed_expert_parameters=0,
        embedding_parameters=262144000,
        lm_head_weights=262144000,
        tied_embeddings=0,
        weight_width=0.5,
        embedding_width=2,
        tp=2,
        pp=1,
        ep=1,
        expert_tp=2,
        expect=17637376000.0,
    ),
)
def serving_weight_memory(
    num_parameters: Count,
    routed_expert_parameters: Count,
    embedding_parameters: Count,
    lm_head_weights: Count,
    tied_embeddings: Flag,
    weight_width: Bytes,
    embedding_width: Bytes,
    tp: Count,
    pp: Count,
    ep: Count,
    expert_tp: Count,
) -> Bytes:
    """Weights on one GPU of a serving replica, of the stage that holds most."""
    edges = embedding_parameters + (1 - tied_embeddings) * lm_head_weights
    edge = jnp.where(pp > 1, jnp.maximum(embedding_parameters, lm_head_weights), edges)
    shared = (num_parameters - edges - routed_expert_parameters) / tp
    experts = routed_expert_parameters / (ep * expert_tp)
    return weight_width * (shared + experts) / pp + embedding_width * edge / tp


class CacheLayout(NamedTuple):
    """What a token leaves in the cache of each layer, and how GPUs share it out."""

    num_attention_layers: Count
    num_linear_layers: Count
    sliding_window: Count
    sliding_share: Number
    kv_bytes_per_token_layer: Bytes
    linear_state_bytes: Bytes
    kv_split: Count
    tp: Count
    pp: Count
    cp: Count


def cache_of(tokens: Count, layout: CacheLayout) -> Bytes:
    """Cache and states that a sequence of `tokens` tokens has on each GPU that holds a part of it."""
    windowed = jnp.minimum(tokens, layout.sliding_window) - tokens
    held = layout.num_attention_layers * (tokens + layout.sliding_share * windowed)
    cached = held * layout.kv_bytes_per_token_layer / (layout.kv_split * layout.cp)
    return (cached + layout.num_linear_layers * layout.linear_state_bytes / layout.tp) / layout.pp


@cost_model(
    formula=r"\frac{1}{p}\left(\frac{b_{kv}}{\min(t,k_v)\,c}\left[(L_{att}-L_w)\,x + L_w \min(x, w)\right] + \frac{L_{lin} b_s}{t}\right),\ x = s_p + x_r s_o (1 + v_o^2)",
    source="pope-et-al-2022, sec. 2.1; jiang-et-al-2023, sec. 2 (rolling buffer); kwon-et-al-2023, sec. 4 (a cache that grows block by block)",
    example=dict(
        prompt_len=1024,
        output_len=1024,
        output_len_cv=0,
        reserved_output_share=1,
        num_attention_layers=80,
        num_linear_layers=0,
        sliding_share=0,
        kv_bytes_per_token_layer=4096,
        linear_state_bytes=0,
        kv_split=8,
        tp=8,
        pp=1,
        cp=1,
        expect=83886080.0,
    ),
)
def kv_cache_per_sequence(
    prompt_len: Count, output_len: Count, output_len_cv: Number, reserved_output_share: Number, layout: CacheLayout
) -> Bytes:
    """Cache and states that one sequence takes on each GPU that holds a part of it.

    The mean over sequences at one time, of which those with long outputs are more than their share.
    """
    return cache_of(prompt_len + reserved_output_share * output_len * (1 + output_len_cv**2), layout)


@cost_model(
    formula=r"\max(B/n_a, 1)\,m_{seq}",
    source="pope-et-al-2022, sec. 2.1; every attention group holds the sequences it serves",
    example=dict(concurrency=64, kv_cache_per_sequence=83886080, attention_groups=1, expect=5368709120.0),
)
def kv_cache_memory(concurrency: Count, kv_cache_per_sequence: Bytes, attention_groups: Count) -> Bytes:
    """Key/value cache and states on one GPU of a serving replica."""
    return jnp.maximum(concurrency / attention_groups, 1.0) * kv_cache_per_sequence


@cost_model(
    formula=r"a_r\,T\,\left(3h + ((2+g)f^* + e_{heads})/t\right)",
    source="definition: residual stream and the wider of the inner tensors of one pass",
    example=dict(
        prefill_tokens_per_rank=1024,
        hidden_size=8192,
        intermediate_size=28672,
        gated_mlp=1,
        attention_head_elements=18432,
        tp=8,
        residual_width=2,
        expect=77070336.0,
    ),
)
def serving_working_memory(
    prefill_tokens_per_rank: Count,
    hidden_size: Count,
    intermediate_size: Count,
    moe_intermediate_size: Count,
    experts_per_token: Count,
    num_shared_experts: Count,
    gated_mlp: Flag,
    attention_head_elements: Count,
    tp: Count,
    residual_width: Bytes,
) -> Bytes:
    """Working memory of one prefill pass."""
    mixture = (experts_per_token + num_shared_experts) * moe_intermediate_size
    inner = (2 + gated_mlp) * jnp.maximum(intermediate_size, mixture) + attention_head_elements
    return prefill_tokens_per_rank * residual_width * (3 * hidden_size + inner / tp)


@cost_model(
    formula=r"(4 + a_r)\,\frac{V}{n_a t}",
    source="definition: logits as the head writes them, and widened to fp32",
    example=dict(vocab_size=32000, tp=8, attention_groups=1, residual_width=2, expect=24000.0),
)
def logits_per_sequence(vocab_size: Count, tp: Count, attention_groups: Count, residual_width: Bytes) -> Bytes:
    """Logits of one decode step on one GPU, for each sequence of the replica."""
    return (4 + residual_width) * vocab_size / (tp * attention_groups)


@cost_model(
    formula=r"M_{pass} + B\,m_{logits}",
    source="definition: what a prefill pass and the logits of a decode step need",
    example=dict(serving_working_memory=77070336, concurrency=64, logits_per_sequence=24000, expect=78606336.0),
)
def serving_activation_memory(serving_working_memory: Bytes, concurrency: Count, logits_per_sequence: Bytes) -> Bytes:
    """Working memory of one prefill pass and of the logits of one decode step."""
    return serving_working_memory + concurrency * logits_per_sequence


@cost_model(
    formula=r"M_w + M_{kv} + M_a + M_x",
    source="pope-et-al-2022, sec. 2.1",
    example=dict(
        serving_weight_memory=1.76e10,
        kv_cache_memory=5.37e9,
        serving_activation_memory=7.9e7,
        overhead_memory=2e9,
        expect=2.5049e10,
    ),
    terms=("serving_weight_memory", "kv_cache_memory", "serving_activation_memory", "overhead_memory"),
)
def serving_memory_per_gpu(
    serving_weight_memory: Bytes, kv_cache_memory: Bytes, serving_activation_memory: Bytes, overhead_memory: Bytes
) -> Bytes:
    """Peak memory of serving on one GPU."""
    return serving_weight_memory + kv_cache_memory + serving_activation_memory + overhead_memory


@constraint(
    message="serving needs {serving_memory_per_gpu}, a GPU has {hbm_capacity}",
    guards=("decode_step_time", "prefill_time", "mixed_step_time"),
    formula=r"C - M",
    source="definition: capacity less peak memory",
    example=dict(serving_memory_per_gpu=9e10, hbm_capacity=85899345920, expect=-4.100654e9),
)
def fits_serving_memory(serving_memory_per_gpu: Bytes, hbm_capacity: Bytes) -> Bytes:
    """Memory left on a GPU while serving."""
    return hbm_capacity - serving_memory_per_gpu

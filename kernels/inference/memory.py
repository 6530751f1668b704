"""Memory of one GPU of a serving replica: weights, cache and working memory."""

from __future__ import annotations

import jax.numpy as jnp

from ..annotations import Bytes, Count, Flag
from ..registry import constraint, cost_model


@cost_model(
    formula=r"\frac{1}{t}\left(\frac{w\,(N - N_{emb} - N_{head})}{p} + w_e\left\{N_{emb} + N_{head} \text{ or, } p > 1,\ \max(N_{emb}, hV)\right\}\right)",
    source="definition: weights in their width, embeddings and head in theirs; the first stage holds the one, the last the other",
    example=dict(
        num_parameters=68976648192,
        embedding_parameters=262144000,
        lm_head_weights=262144000,
        tied_embeddings=0,
        weight_width=0.5,
        tp=2,
        pp=1,
        expect=17637376000.0,
    ),
)
def serving_weight_memory(
    num_parameters: Count,
    embedding_parameters: Count,
    lm_head_weights: Count,
    tied_embeddings: Flag,
    weight_width: Bytes,
    embedding_width: Bytes,
    tp: Count,
    pp: Count,
) -> Bytes:
    """Weights on one GPU of a serving replica, of the stage that holds most."""
    edges = embedding_parameters + (1 - tied_embeddings) * lm_head_weights
    edge = jnp.where(pp > 1, jnp.maximum(embedding_parameters, lm_head_weights), edges)
    return (weight_width * (num_parameters - edges) / pp + embedding_width * edge) / tp


@cost_model(
    formula=r"\frac{B\,b_{kv}}{p\,\min(t,k_v)}\left[(L-L_w)\,x + L_w \min(x, w)\right],\ x = s_p + s_o",
    source="pope-et-al-2022, sec. 2.1; jiang-et-al-2023, sec. 2 (rolling buffer)",
    example=dict(
        concurrency=64,
        prompt_len=1024,
        output_len=1024,
        num_layers=80,
        kv_bytes_per_token_layer=4096,
        kv_split=8,
        pp=1,
        expect=5368709120.0,
    ),
)
def kv_cache_memory(
    concurrency: Count,
    prompt_len: Count,
    output_len: Count,
    num_layers: Count,
    sliding_window: Count,
    num_sliding_layers: Count,
    kv_bytes_per_token_layer: Bytes,
    kv_split: Count,
    pp: Count,
) -> Bytes:
    """Key/value cache on one GPU when every sequence has its full length."""
    full = prompt_len + output_len
    tokens = (num_layers - num_sliding_layers) * full + num_sliding_layers * jnp.minimum(full, sliding_window)
    return concurrency * tokens * kv_bytes_per_token_layer / (pp * kv_split)


@cost_model(
    formula=r"a_w\,s_p\,\left(3h + ((2+g)f^* + e_{heads})/t\right) + (4 + a_w)\,B\,V/t",
    source="definition: residual stream and the wider of the inner tensors of one prompt, logits of one decode step",
    example=dict(
        prompt_len=1024,
        concurrency=64,
        hidden_size=8192,
        intermediate_size=28672,
        gated_mlp=1,
        attention_head_elements=18432,
        vocab_size=32000,
        tp=8,
        activation_width=2,
        expect=78610432.0,
    ),
)
def serving_activation_memory(
    prompt_len: Count,
    concurrency: Count,
    hidden_size: Count,
    intermediate_size: Count,
    moe_intermediate_size: Count,
    experts_per_token: Count,
    num_shared_experts: Count,
    gated_mlp: Flag,
    attention_head_elements: Count,
    vocab_size: Count,
    tp: Count,
    activation_width: Bytes,
) -> Bytes:
    """Working memory of one prompt and of the logits of one decode step."""
    mixture = (experts_per_token + num_shared_experts) * moe_intermediate_size
    inner = (2 + gated_mlp) * jnp.maximum(intermediate_size, mixture) + attention_head_elements
    prompt = prompt_len * activation_width * (3 * hidden_size + inner / tp)
    return prompt + concurrency * vocab_size * (4 + activation_width) / tp


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
    formula=r"C - M",
    source="definition: capacity less peak memory",
    example=dict(serving_memory_per_gpu=9e10, hbm_capacity=85899345920, expect=-4.100654e9),
)
def fits_serving_memory(serving_memory_per_gpu: Bytes, hbm_capacity: Bytes) -> Bytes:
    """Memory left on a GPU while serving."""
    return hbm_capacity - serving_memory_per_gpu

"""Prefill and decode of one serving replica, one roofline each, with tensor parallel communication.

A replica has tp x pp GPUs. Prompts are prefilled one at a time; `concurrency` sequences decode together. With a
pipeline the sequences rotate through the stages in pp groups, so pp raises throughput but shortens no token. Expert
and context parallelism are not described here.
"""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import (
    Bytes,
    BytesPerSecond,
    Count,
    DollarsPerHour,
    DollarsPerToken,
    Flag,
    Flops,
    FlopsPerSecond,
    FlopsPerToken,
    PerSecond,
    Seconds,
)
from .network import Network, tiers_of
from .primitives.collectives import all_reduce, neighbour_exchange
from .primitives.roofline import roofline_time
from .registry import constraint, cost_model

_H100 = dict(attainable_flops=742.05e12, attainable_hbm_bandwidth=2.8475e12)
_NVLINK = dict(
    scale_up_size=8,
    scale_up_bandwidth=450e9,
    scale_up_latency=1e-6,
    scale_out_bandwidth=50e9,
    scale_out_latency=5e-6,
    link_efficiency=0.8,
)


@cost_model(
    formula=r"t\,p",
    source="definition: GPUs that hold one copy of the model",
    example=dict(tp=8, pp=2, expect=16.0),
)
def replica_size(tp: Count, pp: Count) -> Count:
    """GPUs of one serving replica."""
    return tp * pp


@cost_model(
    formula=r"\max(1, B/p)",
    source="definition: sequences rotate through the pipeline stages in p groups",
    example=dict(concurrency=64, pp=2, expect=32.0),
)
def decode_batch(concurrency: Count, pp: Count) -> Count:
    """Sequences of one decode batch."""
    return jnp.maximum(concurrency / pp, 1.0)


@cost_model(
    formula=r"s_p + \frac{s_o}{2}",
    source="definition: mean of s_p + j over the decode steps j = 1 ... s_o - 1; exact for a cost affine in the context",
    example=dict(prompt_len=1024, output_len=256, expect=1152.0),
)
def decode_context(prompt_len: Count, output_len: Count) -> Count:
    """Tokens in the cache of one sequence, mean over its decode steps.

    Step j writes its own token before it attends, so it sees the prompt and j tokens of output.
    """
    return prompt_len + output_len / 2


@cost_model(
    formula=r"\frac{(L - L_w)\,x + L_w \min(x, w)}{L}",
    source="jiang-et-al-2023, sec. 2 (a sliding-window layer keeps its window)",
    example=dict(decode_context=8192, num_layers=42, sliding_window=4096, num_sliding_layers=21, expect=6144.0),
)
def decode_attended_tokens(
    decode_context: Count, num_layers: Count, sliding_window: Count, num_sliding_layers: Count
) -> Count:
    """Cached tokens one decoded token attends to, mean over layers and steps."""
    window = jnp.minimum(decode_context, sliding_window)
    return decode_context + num_sliding_layers / num_layers * (window - decode_context)


@cost_model(
    formula=r"2\,k_v\,d\,w_{kv} \quad\text{or, for MLA,}\quad (r_{kv} + d_r)\,w_{kv}",
    source="ainslie-et-al-2023, sec. 2; deepseek-v2-2024, sec. 2.1.4 (one latent vector and one rotary key)",
    example=dict(num_key_value_heads=8, head_dim=128, kv_width=2, expect=4096.0),
)
def kv_bytes_per_token_layer(
    num_key_value_heads: Count, head_dim: Count, kv_lora_rank: Count, qk_rope_head_dim: Count, kv_width: Bytes
) -> Bytes:
    """Cache of one token in one layer, the whole model."""
    latent = kv_lora_rank + qk_rope_head_dim
    return kv_width * jnp.where(kv_lora_rank > 0, latent, 2 * num_key_value_heads * head_dim)


@cost_model(
    formula=r"\min(t, k_v) \quad\text{or, for MLA,}\quad 1",
    source="pope-et-al-2022, sec. 3.3 (heads are replicated when there are more ranks); deepseek-v2-2024, sec. 2.1",
    example=dict(num_key_value_heads=8, tp=16, expect=8.0),
)
def kv_split(num_key_value_heads: Count, tp: Count, kv_lora_rank: Count) -> Count:
    """Parts into which tensor parallelism divides the cache."""
    return jnp.where(kv_lora_rank > 0, 1.0, jnp.minimum(tp, num_key_value_heads))


@cost_model(
    formula=r"E\,\left(1 - (1 - k/E)^T\right)",
    source="definition: expected number of distinct experts when each of T tokens draws k of E evenly",
    example=dict(num_experts=8, experts_per_token=2, decode_batch=8, expect=7.199097),
)
def decode_active_experts(num_experts: Count, experts_per_token: Count, decode_batch: Count) -> Count:
    """Experts whose weights one decode step reads, in each mixture layer."""
    return covered_experts(num_experts, experts_per_token, decode_batch)


def covered_experts(num_experts: Count, experts_per_token: Count, tokens: Count) -> Count:
    """Expected number of distinct experts that `tokens` tokens are routed to."""
    missed = jnp.maximum(1.0 - experts_per_token / num_experts, 0.0)
    everywhere = missed <= 0
    survivors = jnp.exp(tokens * jnp.log(jnp.where(everywhere, 1.0, missed)))
    return num_experts * (1.0 - jnp.where(everywhere, 0.0, survivors))


@cost_model(
    formula=r"w\,(W_{shared} + L_{moe}\,E_{active}\,W_e + v) + w_e\,hV",
    source="pope-et-al-2022, sec. 2.1 (every weight is read once per step); quantised models keep the head wide",
    example=dict(
        shared_layer_weights=68451041280,
        num_moe_layers=0,
        expert_weights=0,
        decode_active_experts=1,
        layer_vectors=1318912,
        lm_head_weights=262144000,
        weight_width=2,
        expect=137429008384.0,
    ),
)
def decode_weight_traffic(
    shared_layer_weights: Count,
    num_moe_layers: Count,
    expert_weights: Count,
    decode_active_experts: Count,
    layer_vectors: Count,
    lm_head_weights: Count,
    weight_width: Bytes,
    embedding_width: Bytes,
) -> Bytes:
    """Weights read by one decode step, the whole replica."""
    layers = shared_layer_weights + num_moe_layers * decode_active_experts * expert_weights + layer_vectors
    return weight_width * layers + embedding_width * lm_head_weights


@cost_model(
    formula=r"G\,L\,x\,b_{kv}\,\frac{t}{\min(t, k_v)}",
    source="pope-et-al-2022, sec. 2.1 and 3.3 (every rank reads the heads it holds)",
    example=dict(
        decode_batch=32,
        num_layers=80,
        decode_attended_tokens=1152,
        kv_bytes_per_token_layer=4096,
        kv_split=8,
        tp=8,
        expect=12079595520.0,
    ),
)
def decode_cache_traffic(
    decode_batch: Count,
    num_layers: Count,
    decode_attended_tokens: Count,
    kv_bytes_per_token_layer: Bytes,
    kv_split: Count,
    tp: Count,
) -> Bytes:
    """Cache read by one decode step, the whole replica.

    Replicated heads are read by every rank that holds them.
    """
    return decode_batch * num_layers * decode_attended_tokens * kv_bytes_per_token_layer * (tp / kv_split)


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
    formula=r"2\,G\,N_{matmul} + F_{att}",
    source="pope-et-al-2022, sec. 2.1 (2N per token, and attention)",
    example=dict(
        decode_batch=32,
        num_matmul_parameters=68713185280,
        decode_attention_flops=9.663676416e10,
        expect=4.4942806e12,
    ),
)
def decode_flops(decode_batch: Count, num_matmul_parameters: Count, decode_attention_flops: Flops) -> Flops:
    """FLOPs of one decode step, the whole replica."""
    return 2 * decode_batch * num_matmul_parameters + decode_attention_flops


@cost_model(
    formula=r"\frac{1}{t}\sum_i \max\left(\frac{F_i}{\pi}, \frac{Q_i}{\beta}\right),\ i \in \{\text{dense, experts, attention}\}",
    source="williams-waterman-patterson-2009, sec. 3; pope-et-al-2022, sec. 2.1",
    example=dict(
        decode_flops=71908489953280,
        decode_expert_flops=0,
        decode_attention_flops=1546188226560,
        decode_weight_traffic=137429008384,
        decode_expert_traffic=0,
        decode_cache_traffic=193273528320,
        tp=8,
        **_H100,
        expect=2.033704e-02,
    ),
)
def decode_roofline_time(
    decode_flops: Flops,
    decode_expert_flops: Flops,
    decode_attention_flops: Flops,
    decode_weight_traffic: Bytes,
    decode_expert_traffic: Bytes,
    decode_cache_traffic: Bytes,
    tp: Count,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time of one decode step without communication.

    The dense matrices, the routed experts and attention each by their own roofline; the pipeline stages run one after
    the other.
    """
    rates = (attainable_flops * tp, attainable_hbm_bandwidth * tp)
    dense_flops = decode_flops - decode_expert_flops - decode_attention_flops
    dense = roofline_time(dense_flops, decode_weight_traffic - decode_expert_traffic, *rates)
    experts = roofline_time(decode_expert_flops, decode_expert_traffic, *rates)
    return dense + experts + roofline_time(decode_attention_flops, decode_cache_traffic, *rates)


@cost_model(
    formula=r"2\,L\,t_{AR}(G\,h\,a_w) + (p-1)\,t_{p2p}",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces per layer)",
    example=dict(
        decode_batch=32, hidden_size=8192, activation_width=2, num_layers=80, tp=8, pp=1, **_NVLINK, expect=2.6478e-3
    ),
)
def decode_comm_time(
    decode_batch: Count,
    hidden_size: Count,
    activation_width: Bytes,
    num_layers: Count,
    tp: Count,
    pp: Count,
    network: Network,
) -> Seconds:
    """Communication of one decode step."""
    return forward_communication(decode_batch * hidden_size * activation_width, num_layers, tp, pp, network)


def forward_communication(message: Bytes, num_layers: Count, tp: Count, pp: Count, network: Network) -> Seconds:
    """Tensor and pipeline parallel communication of one forward pass that carries `message` between layers."""
    reduces = 2 * num_layers * all_reduce(message, tiers_of(network, tp, jnp.ones_like(tp)))
    return reduces + (pp - 1) * neighbour_exchange(message, tiers_of(network, pp, tp))


@cost_model(
    formula=r"t_{roof} + t_{comm}",
    source="pope-et-al-2022, sec. 2.1; nothing hides the all-reduces of a decode step",
    example=dict(decode_roofline_time=6.56e-3, decode_comm_time=2.65e-3, expect=9.21e-3),
    terms=("decode_roofline_time", "decode_comm_time"),
)
def decode_step_time(decode_roofline_time: Seconds, decode_comm_time: Seconds) -> Seconds:
    """Time of one decode step."""
    return decode_roofline_time + decode_comm_time


@cost_model(
    formula=r"t_{step}",
    source="definition: time between two tokens of a sequence, the first token not counted",
    example=dict(decode_step_time=9.21e-3, expect=9.21e-3),
)
def tpot(decode_step_time: Seconds) -> Seconds:
    """Time per output token after the first."""
    return decode_step_time


@cost_model(
    formula=r"2\,s_p\,(N_{matmul} - hV) + 2hV + F_{att}",
    source="pope-et-al-2022, sec. 2.1 (2N per token, and attention); the head runs on the last token only",
    example=dict(
        prompt_len=1024,
        num_matmul_parameters=68713185280,
        lm_head_weights=262144000,
        prefill_attention_flops=1.374389535e12,
        expect=1.41562646e14,
    ),
)
def prefill_flops(
    prompt_len: Count, num_matmul_parameters: Count, lm_head_weights: Count, prefill_attention_flops: Flops
) -> Flops:
    """FLOPs of one prompt."""
    layers = 2 * prompt_len * (num_matmul_parameters - lm_head_weights)
    return layers + 2 * lm_head_weights + prefill_attention_flops


@cost_model(
    formula=r"w\,(W_{shared} + v) + w_e hV + Q_{experts} + Q_{kv}",
    source="pope-et-al-2022, sec. 2.1 (weights once, the cache written)",
    example=dict(
        shared_layer_weights=68451041280,
        layer_vectors=1318912,
        lm_head_weights=262144000,
        weight_width=2,
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
    prefill_expert_traffic: Bytes,
    prefill_cache_traffic: Bytes,
) -> Bytes:
    """Weights read and cache written by one prompt, the whole replica."""
    dense = weight_width * (shared_layer_weights + layer_vectors) + embedding_width * lm_head_weights
    return dense + prefill_expert_traffic + prefill_cache_traffic


@cost_model(
    formula=r"\frac{1}{t}\sum_i \max\left(\frac{F_i}{\pi}, \frac{Q_i}{\beta}\right),\ i \in \{\text{dense, experts, attention}\}",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(
        prefill_flops=1.41562646e14,
        prefill_expert_flops=0,
        prefill_attention_flops=1.374389535e12,
        prefill_traffic=1.37764553e11,
        prefill_expert_traffic=0,
        prefill_cache_traffic=335544320,
        tp=8,
        **_H100,
        expect=2.38466e-2,
    ),
)
def prefill_roofline_time(
    prefill_flops: Flops,
    prefill_expert_flops: Flops,
    prefill_attention_flops: Flops,
    prefill_traffic: Bytes,
    prefill_expert_traffic: Bytes,
    prefill_cache_traffic: Bytes,
    tp: Count,
    attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time of one prompt without communication.

    The dense matrices, the routed experts and attention each by their own roofline; the pipeline stages run one after
    the other.
    """
    rates = (attainable_flops * tp, attainable_hbm_bandwidth * tp)
    dense_flops = prefill_flops - prefill_expert_flops - prefill_attention_flops
    dense = roofline_time(dense_flops, prefill_traffic - prefill_expert_traffic - prefill_cache_traffic, *rates)
    experts = roofline_time(prefill_expert_flops, prefill_expert_traffic, *rates)
    return dense + experts + roofline_time(prefill_attention_flops, prefill_cache_traffic, *rates)


@cost_model(
    formula=r"2\,L\,t_{AR}(s_p\,h\,a_w) + (p-1)\,t_{p2p}",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces per layer)",
    example=dict(
        prompt_len=1024, hidden_size=8192, activation_width=2, num_layers=80, tp=8, pp=1, **_NVLINK, expect=1.52892e-2
    ),
)
def prefill_comm_time(
    prompt_len: Count,
    hidden_size: Count,
    activation_width: Bytes,
    num_layers: Count,
    tp: Count,
    pp: Count,
    network: Network,
) -> Seconds:
    """Communication of one prompt."""
    return forward_communication(prompt_len * hidden_size * activation_width, num_layers, tp, pp, network)


@cost_model(
    formula=r"t_{roof} + t_{comm}",
    source="pope-et-al-2022, sec. 2.1",
    example=dict(prefill_roofline_time=2.38e-2, prefill_comm_time=1.53e-2, expect=3.91e-2),
    terms=("prefill_roofline_time", "prefill_comm_time"),
)
def prefill_time(prefill_roofline_time: Seconds, prefill_comm_time: Seconds) -> Seconds:
    """Time of one prompt."""
    return prefill_roofline_time + prefill_comm_time


@cost_model(
    formula=r"t_{prefill}",
    source="definition: an idle replica; no queue",
    example=dict(prefill_time=3.91e-2, expect=3.91e-2),
)
def ttft(prefill_time: Seconds) -> Seconds:
    """Time to the first token of a request that does not wait."""
    return prefill_time


@cost_model(
    formula=r"t_{first} + (s_o - 1)\,t_{token}",
    source="definition: the first token comes from the prefill",
    example=dict(ttft=3.91e-2, tpot=9.21e-3, output_len=257, expect=2.39686),
)
def request_latency(ttft: Seconds, tpot: Seconds, output_len: Count) -> Seconds:
    """Time of one request that does not wait."""
    return ttft + (output_len - 1) * tpot


@cost_model(
    formula=r"\frac{B\,s_o}{\max(1, B/p)\,t_{prefill} + (s_o - 1)\,t_{step}}",
    source="definition: full batches, prefills and decode steps take turns; the stages of a pipeline prefill p prompts at once",
    example=dict(
        concurrency=64, output_len=257, prefill_time=3.91e-2, decode_step_time=9.21e-3, pp=2, expect=4557.5457
    ),
)
def output_tokens_per_second(
    concurrency: Count, output_len: Count, prefill_time: Seconds, decode_step_time: Seconds, pp: Count
) -> PerSecond:
    """Output tokens per second of one replica."""
    busy = jnp.maximum(concurrency / pp, 1.0) * prefill_time + (output_len - 1) * decode_step_time
    return concurrency * output_len / busy


@cost_model(
    formula=r"r / (t\,p)",
    source="definition: output tokens per second over the GPUs of the replica",
    example=dict(output_tokens_per_second=4548.0, replica_size=16, expect=284.25),
)
def output_tokens_per_second_per_gpu(output_tokens_per_second: PerSecond, replica_size: Count) -> PerSecond:
    """Output tokens per second and GPU."""
    return output_tokens_per_second / replica_size


@cost_model(
    formula=r"\frac{c}{3600\,r_{GPU}}",
    source="definition: all cost is charged to the output tokens; multiply by 1e6 for the usual price list",
    example=dict(output_tokens_per_second_per_gpu=284.25, gpu_hour_price=2.5, expect=2.443077e-6),
)
def cost_per_output_token(
    output_tokens_per_second_per_gpu: PerSecond, gpu_hour_price: DollarsPerHour
) -> DollarsPerToken:
    """Cost of one output token."""
    return gpu_hour_price / 3600 / output_tokens_per_second_per_gpu


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

"""Memory of an inference run in the tool, the batches that fit, and its refusals."""

from __future__ import annotations

from ...annotations import Bytes, BytesPerSecond, Count, Flag, Seconds
from ...arrays import jnp
from ...registry import Erratum, cost_model
from .operators import layer_activations

NAMESPACE = "llm_analysis"
_INFERENCE = "definition: document 002, inference of llm-analysis"


@cost_model(
    formula=r"s \le s_{max}",
    source=_INFERENCE,
    example=dict(prompt_len=512, max_seq_len=2048, expect=512),
    undefined="the prompt must not be longer than the model's max_seq_len",
)
def prompt_tokens(prompt_len: Count, max_seq_len: Count) -> Count:
    """Tokens of one prompt, which the tool holds to the model's longest sequence."""
    return jnp.where(prompt_len <= max_seq_len, prompt_len, jnp.nan)


@cost_model(
    formula=r"\frac{12\,h^2 w}{t} \lfloor L / p \rfloor + \frac{h V}{t} w_e",
    source=_INFERENCE + ", weight_memory_per_gpu",
    example=dict(
        hidden_size=8192, weight_width=2, node_tp=2, layers_per_gpu=80, embedding_memory=262144000, expect=64686653440
    ),
    errata=(
        Erratum(
            "I2.4",
            wrong="the script of the document runs LLaMA-65B with 16-bit weights on one GPU",
            right="two GPUs: 129.37 GB of weights exceed 80 GB, and the published run has tp = 2",
        ),
    ),
)
def inference_weight_memory(
    hidden_size: Count, weight_width: Bytes, node_tp: Count, layers_per_gpu: Count, embedding_memory: Bytes
) -> Bytes:
    """Memory of the weights on one GPU in the tool's inference."""
    return 12 * hidden_size**2 * weight_width / node_tp * layers_per_gpu + embedding_memory


@cost_model(
    formula=r"C - M_w > 0",
    source=_INFERENCE + ", memory_left",
    example=dict(hbm_capacity=80e9, inference_weight_memory=13147045888, expect=66852954112),
    undefined="the weights are too large for the memory of one GPU: more tensor parallel ranks or stages are needed",
)
def inference_free_memory(hbm_capacity: Bytes, inference_weight_memory: Bytes) -> Bytes:
    """Memory that the weights leave on one GPU in the tool's inference."""
    left = hbm_capacity - inference_weight_memory
    return jnp.where(left > 0, left, jnp.nan)


@cost_model(
    formula=r"L\,\left[\left(2\,b s h + \frac{12\,b s h + 2\,a s^2 b}{t}\right) w_a + 2\,b s h\,w_n\right]",
    source=_INFERENCE + ", prefill_activation_memory_per_gpu",
    example=dict(
        concurrency=1,
        prompt_tokens=512,
        hidden_size=8192,
        num_attention_heads=64,
        node_tp=2,
        activation_width=2,
        inference_norm_width=2,
        num_layers=80,
        expect=9395240960,
    ),
)
def prefill_activation_memory(
    concurrency: Count,
    prompt_tokens: Count,
    hidden_size: Count,
    num_attention_heads: Count,
    node_tp: Count,
    activation_width: Bytes,
    inference_norm_width: Bytes,
    num_layers: Count,
) -> Bytes:
    """Memory of the activations of prefill in the tool.

    Those of all layers at once.
    """
    layer = layer_activations(
        concurrency,
        prompt_tokens,
        hidden_size,
        num_attention_heads,
        node_tp,
        activation_width,
        inference_norm_width,
    )
    return layer * num_layers


@cost_model(
    formula=r"\left\lfloor \frac{M_{free}}{M_{act} / b} \right\rfloor",
    source=_INFERENCE + ", prefill_max_batch_size_per_gpu",
    example=dict(inference_free_memory=54506496000, prefill_activation_memory=10066329600, concurrency=2, expect=10),
)
def prefill_max_batch_size(inference_free_memory: Bytes, prefill_activation_memory: Bytes, concurrency: Count) -> Count:
    """Largest batch whose prefill fits in the tool."""
    return jnp.floor(inference_free_memory / (prefill_activation_memory / concurrency))


@cost_model(
    formula=r"\frac{2\,b\,(s + g)\,h}{t}\,w_a \lfloor L / p \rfloor",
    source=_INFERENCE + ", kv_cache_memory_per_gpu",
    example=dict(
        use_kv_cache=1,
        concurrency=1,
        prompt_tokens=512,
        output_len=32,
        hidden_size=8192,
        node_tp=2,
        activation_width=2,
        layers_per_gpu=80,
        expect=713031680,
    ),
)
def kv_cache_memory(
    use_kv_cache: Flag,
    concurrency: Count,
    prompt_tokens: Count,
    output_len: Count,
    hidden_size: Count,
    node_tp: Count,
    activation_width: Bytes,
    layers_per_gpu: Count,
) -> Bytes:
    """Memory of keys and values on one GPU in the tool.

    They are as wide as activations, and there are as many as attention heads.
    """
    per_token = 2 * concurrency * hidden_size / node_tp * activation_width * layers_per_gpu
    return use_kv_cache * per_token * (prompt_tokens + output_len)


@cost_model(
    formula=r"2\,M_{KV} / W",
    source=_INFERENCE + ", kv_cache_latency",
    example=dict(kv_cache_memory=713031680, hbm_rate=2039e9, expect=6.9939351e-4),
)
def kv_cache_time(kv_cache_memory: Bytes, hbm_rate: BytesPerSecond) -> Seconds:
    """Time to read and write all keys and values once in the tool."""
    return 2 * kv_cache_memory / hbm_rate


@cost_model(
    formula=r"1,\ s + g \text{ without a cache}",
    source=_INFERENCE + ", decode_activation_memory_per_gpu",
    example=dict(use_kv_cache=0, prompt_tokens=128, output_len=32, expect=160),
)
def decode_held_tokens(use_kv_cache: Flag, prompt_tokens: Count, output_len: Count) -> Count:
    """Tokens of one sequence whose activations a decode step of the tool holds."""
    return jnp.where(use_kv_cache > 0, 1.0, prompt_tokens + output_len)


@cost_model(
    formula=r"\lfloor L / p \rfloor\,\left[\left(2\,b s h + \frac{12\,b s h + 2\,a s^2 b}{t}\right) w_a + "
    r"2\,b s h\,w_n\right]",
    source=_INFERENCE + ", decode_activation_memory_per_gpu",
    example=dict(
        concurrency=1,
        decode_held_tokens=1,
        hidden_size=8192,
        num_attention_heads=64,
        node_tp=2,
        activation_width=2,
        inference_norm_width=2,
        layers_per_gpu=80,
        expect=13117440,
    ),
)
def decode_activation_memory(
    concurrency: Count,
    decode_held_tokens: Count,
    hidden_size: Count,
    num_attention_heads: Count,
    node_tp: Count,
    activation_width: Bytes,
    inference_norm_width: Bytes,
    layers_per_gpu: Count,
) -> Bytes:
    """Memory of the activations of a decode step in the tool.

    Those of all layers of one stage at once.
    """
    layer = layer_activations(
        concurrency,
        decode_held_tokens,
        hidden_size,
        num_attention_heads,
        node_tp,
        activation_width,
        inference_norm_width,
    )
    return layer * layers_per_gpu


@cost_model(
    formula=r"\left\lfloor \frac{M_{free}}{(M_{act} + M_{KV}) / b} \right\rfloor",
    source=_INFERENCE + ", decode_max_batch_size_per_gpu",
    example=dict(
        inference_free_memory=15313346560,
        decode_activation_memory=13117440,
        kv_cache_memory=713031680,
        concurrency=1,
        expect=21,
    ),
)
def decode_max_batch_size(
    inference_free_memory: Bytes, decode_activation_memory: Bytes, kv_cache_memory: Bytes, concurrency: Count
) -> Count:
    """Largest batch whose decode step fits in the tool."""
    return jnp.floor(inference_free_memory / ((decode_activation_memory + kv_cache_memory) / concurrency))


@cost_model(
    formula=r"b",
    source=_INFERENCE + ", its assertions",
    example=dict(
        concurrency=1,
        use_kv_cache=1,
        inference_free_memory=15313346560,
        prefill_activation_memory=9395240960,
        decode_activation_memory=13117440,
        kv_cache_memory=713031680,
        decode_max_batch_size=21,
        expect=1,
    ),
    undefined="the activations, or the keys and values, of this batch do not fit beside the weights",
)
def served_batch(
    concurrency: Count,
    use_kv_cache: Flag,
    inference_free_memory: Bytes,
    prefill_activation_memory: Bytes,
    decode_activation_memory: Bytes,
    kv_cache_memory: Bytes,
    decode_max_batch_size: Count,
) -> Count:
    """Sequences served together, where the tool finds that they fit."""
    cached = inference_free_memory > decode_activation_memory + kv_cache_memory
    decodes = jnp.where(use_kv_cache > 0, cached, concurrency <= decode_max_batch_size)
    return jnp.where((inference_free_memory > prefill_activation_memory) & decodes, concurrency, jnp.nan)

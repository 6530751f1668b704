"""A whole request in the tool: prefill, and one decode step for each output token."""

from __future__ import annotations

from ...annotations import Count, Seconds
from ...registry import Erratum, cost_model

NAMESPACE = "llm_analysis"
_INFERENCE = "definition: document 002, inference of llm-analysis"


@cost_model(
    formula=r"t_{attn} + t_{mlp} + t_{norm} + t_{TP} + t_{in} + t_{out}",
    source=_INFERENCE + ", prefill_latency",
    example=dict(
        prefill_attn_time=0.03634203096615384,
        prefill_mlp_time=0.07048151460102564,
        prefill_layernorm_time=0.0013165054242275627,
        prefill_tp_comm_time=0.004473924266666667,
        prefill_input_embedding_time=0.0002850919923361125,
        prefill_output_embedding_time=0.00043018502564102563,
        expect=0.1133292523,
    ),
    terms=(
        "prefill_attn_time",
        "prefill_mlp_time",
        "prefill_layernorm_time",
        "prefill_tp_comm_time",
        "prefill_input_embedding_time",
        "prefill_output_embedding_time",
    ),
    errata=(
        Erratum(
            "I2.1",
            wrong="the text describes the second pair of columns as flops_efficiency 0.5",
            right="0.7, as in the table's head and in the published runs",
        ),
    ),
)
def prefill_time(
    prefill_attn_time: Seconds,
    prefill_mlp_time: Seconds,
    prefill_layernorm_time: Seconds,
    prefill_tp_comm_time: Seconds,
    prefill_input_embedding_time: Seconds,
    prefill_output_embedding_time: Seconds,
) -> Seconds:
    """Time of prefill in the tool."""
    layers = prefill_attn_time + prefill_mlp_time + prefill_layernorm_time + prefill_tp_comm_time
    return layers + prefill_input_embedding_time + prefill_output_embedding_time


@cost_model(
    formula=r"t_{attn} + t_{mlp} + t_{norm} + t_{TP} + t_{in} + t_{out} + t_{KV}",
    source=_INFERENCE + ", decode_latency",
    example=dict(
        decode_attn_time=0.010533976890632665,
        decode_mlp_time=0.021067300912211873,
        decode_layernorm_time=2.5712996566944585e-06,
        decode_tp_comm_time=0.0012799999999999999,
        decode_input_embedding_time=0.0002651299656694458,
        decode_output_embedding_time=8.402051282051282e-07,
        kv_cache_time=0.0006993935066208926,
        expect=0.03384921278,
    ),
    terms=(
        "decode_attn_time",
        "decode_mlp_time",
        "decode_layernorm_time",
        "decode_tp_comm_time",
        "decode_input_embedding_time",
        "decode_output_embedding_time",
        "kv_cache_time",
    ),
    errata=(
        Erratum(
            "I2.7",
            wrong="the decode pies leave out the time of keys and values, and the labels of LLaMA-13B read "
            "34/64/1/0/0/1 %",
            right="keys and values take 2.1 to 4.2 % of a decode step; the shares of LLaMA-13B without them are "
            "32.9/65.8/0.0/0/1.3/0.0 %",
        ),
    ),
)
def decode_time(
    decode_attn_time: Seconds,
    decode_mlp_time: Seconds,
    decode_layernorm_time: Seconds,
    decode_tp_comm_time: Seconds,
    decode_input_embedding_time: Seconds,
    decode_output_embedding_time: Seconds,
    kv_cache_time: Seconds,
) -> Seconds:
    """Time of one decode step in the tool."""
    layers = decode_attn_time + decode_mlp_time + decode_layernorm_time + decode_tp_comm_time
    return layers + decode_input_embedding_time + decode_output_embedding_time + kv_cache_time


@cost_model(
    formula=r"g\,t_{decode}",
    source=_INFERENCE + ", total_decode_latency",
    example=dict(decode_time=0.03384921277991977, output_len=32, expect=1.083174809),
)
def generation_time(decode_time: Seconds, output_len: Count) -> Seconds:
    """Time of all decode steps of a request in the tool, one per output token."""
    return decode_time * output_len


@cost_model(
    formula=r"t_{prefill} + g\,t_{decode}",
    source=_INFERENCE + ", total_latency",
    example=dict(prefill_time=0.11332925227605088, generation_time=1.0831748089574327, expect=1.196504061),
    terms=("prefill_time", "generation_time"),
)
def request_time(prefill_time: Seconds, generation_time: Seconds) -> Seconds:
    """Time of a whole request in the tool."""
    return prefill_time + generation_time


@cost_model(
    formula=r"\frac{t_{prefill} + g\,t_{decode}}{g}",
    source=_INFERENCE + ", total_per_token_latency",
    example=dict(request_time=1.1965040612334836, output_len=32, expect=0.03739075191),
)
def time_per_output_token(request_time: Seconds, output_len: Count) -> Seconds:
    """Time of a whole request over its output tokens in the tool."""
    return request_time / output_len

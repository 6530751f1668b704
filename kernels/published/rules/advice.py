"""The document's advice as conditions that a spec may ask for."""

from __future__ import annotations

from typing import Annotated

from ....specs.vocabulary import Group, Kind, Leaf
from ...annotations import Array, Count, Flag, Number, Unit
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import constraint
from .serving_inputs import Gigabytes, Milliseconds

NAMESPACE = "rules"

_BEST = "definition: document 004, section 8 (when to use each strategy)"
_SHARDING = "definition: document 004, section 6 (sharding strategies)"
_SUMMARY = "definition: document 004, summary"
_LONG = 100_000

LEAVES = (
    Leaf(
        "cp_size",
        "1",
        Kind.COUNT,
        "Context parallel GPUs",
        Group.PARALLELISM,
        low=1,
        default=1,
        reason="the document's functions have no context parallelism",
    ),
    Leaf(
        "micro_batches",
        "1",
        Kind.COUNT,
        "Micro-batches of a step",
        Group.TRAINING,
        low=1,
        note="the document asks for micro-batching and has no number for it",
    ),
)

GigabytesPerSecond = Annotated[Array, Unit("GB/s")]


@constraint(
    message="tensor parallelism over {tp_size} GPUs leaves the node of {gpus_per_node}, or is above 8",
    formula=r"\min(n_{node}, 8) - t",
    source=_BEST,
    example=dict(tp_size=16, expect=-8.0),
)
def tp_within_node(tp_size: Count, gpus_per_node: Count) -> Count:
    """Whether tensor parallelism stays within a node, as advised."""
    return jnp.minimum(gpus_per_node, 8.0) - tp_size


@constraint(
    message="tp = {tp_size} is not one of the document's typical 1, 2, 4 and 8",
    formula=r"-\min_{k \in \{1, 2, 4, 8\}} |t - k|",
    source=_BEST,
    example=dict(tp_size=6, expect=-2.0),
)
def tp_is_typical(tp_size: Count) -> Count:
    """Whether the tensor parallel degree is one that the document calls typical."""
    return -_distance(tp_size)


@constraint(
    message="pp = {pp_size} is not one of the document's typical 1, 2, 4 and 8",
    formula=r"-\min_{k \in \{1, 2, 4, 8\}} |p - k|",
    source=_BEST,
    example=dict(pp_size=3, expect=-1.0),
)
def pp_is_typical(pp_size: Count) -> Count:
    """Whether the number of pipeline stages is one that the document calls typical."""
    return -_distance(pp_size)


def _distance(degree: Array) -> Array:
    nearest = jnp.minimum(abs(degree - 1), abs(degree - 2))
    return jnp.minimum(nearest, jnp.minimum(abs(degree - 4), abs(degree - 8)))


@constraint(
    message="{micro_batches} micro-batches do not fill {pp_size} pipeline stages: the bubble is large",
    formula=r"m - p",
    source=_BEST,
    example=dict(micro_batches=4, pp_size=8, expect=-4.0),
)
def pipeline_is_filled(micro_batches: Count, pp_size: Count) -> Count:
    """Whether there are micro-batches for every pipeline stage, as advised."""
    return micro_batches - pp_size


@constraint(
    message="ZeRO-{zero_stage} gathers the parameters before each layer; the document advises ZeRO-2 with TP or PP",
    formula=r"2 - z",
    source=_BEST,
    example=dict(zero_stage=3, expect=-1.0),
)
def avoids_zero_3(zero_stage: Count) -> Count:
    """Whether ZeRO-3 is avoided, as advised."""
    return 2.0 - zero_stage


@constraint(
    message="the activations fit without recomputation, which adds 33 to 100 % of compute",
    formula=r"[\text{recomputed}]\,\left(M_{GPU} + \tfrac{7}{3} M_a - M\right)",
    source=_BEST,
    example=dict(gradient_checkpointing=1, memory_gb=36.4, activation_gb=13.125, gpu_memory_gb=80, expect=-12.975),
)
def recomputes_for_memory(
    gradient_checkpointing: Flag, memory_gb: Gigabytes, activation_gb: Gigabytes, gpu_memory_gb: Gigabytes
) -> Gigabytes:
    """Whether activations are recomputed only where memory is short, as advised.

    Recomputed activations are 3 times the parameters, kept ones 10 times, so keeping them adds 7/3 of what there is.
    """
    return gradient_checkpointing * (memory_gb + activation_gb * 7 / 3 - gpu_memory_gb)


@constraint(
    message="context parallelism over {cp_size} GPUs for {seq_len} tokens; the document advises it above 100k",
    formula=r"[c > 1]\,(s - 100001)",
    source=_SHARDING,
    example=dict(cp_size=2, seq_len=8192, expect=-91809.0),
)
def context_parallel_for_long(cp_size: Count, seq_len: Count) -> Count:
    """Whether context parallelism is kept for more than 100k tokens, as advised."""
    return jnp.where(cp_size > 1, seq_len - (_LONG + 1.0), 0.0)


@constraint(
    message="tp x pp x dp = {tp_size} x {pp_size} x {dp_size} is not the {num_gpus} GPUs there are",
    formula=r"-|n - t\,p\,d|",
    source=_BEST,
    example=dict(num_gpus=1024, tp_size=8, pp_size=4, dp_size=16, expect=-512.0),
)
def uses_3d_parallelism(num_gpus: Count, tp_size: Count, pp_size: Count, dp_size: Count) -> Count:
    """Whether the three degrees use every GPU, as advised."""
    return -abs(num_gpus - tp_size * pp_size * dp_size)


@constraint(
    message="NVLink, InfiniBand and Ethernet have {nvlink_gb_s}, {infiniband_gb_s} and {ethernet_gb_s}: not in this order",
    formula=r"\min(\beta_{NVLink} - \beta_{IB},\ \beta_{IB} - \beta_{Ethernet})",
    source=_SUMMARY,
    example=dict(nvlink_gb_s=450, infiniband_gb_s=50, ethernet_gb_s=12.5, expect=37.5),
)
def links_in_order(
    nvlink_gb_s: GigabytesPerSecond, infiniband_gb_s: GigabytesPerSecond, ethernet_gb_s: GigabytesPerSecond
) -> GigabytesPerSecond:
    """Whether NVLink is faster than InfiniBand and that faster than Ethernet."""
    return jnp.minimum(nvlink_gb_s - infiniband_gb_s, infiniband_gb_s - ethernet_gb_s)


@constraint(
    message="the prompt takes {prefill_ms} of arithmetic, less than one read of the weights, {decode_per_token_ms}",
    formula=r"t_{prefill} - 2N/\beta",
    source=_SUMMARY,
    example=dict(prefill_ms=14.14, decode_per_token_ms=41.79, expect=-27.65),
)
def prefill_is_compute_bound(prefill_ms: Milliseconds, decode_per_token_ms: Milliseconds) -> Milliseconds:
    """Whether the prefill is bound by arithmetic, as the document says."""
    return prefill_ms - decode_per_token_ms


@constraint(
    message="one step of the batch takes {prefill_ms} / {prompt_len} of arithmetic, more than one read of the weights",
    formula=r"2N/\beta - t_{prefill}/s_p",
    source=_SUMMARY,
    example=dict(decode_per_token_ms=41.79, prefill_ms=14.14, prompt_len=100, expect=41.6486),
)
def decode_is_memory_bound(
    decode_per_token_ms: Milliseconds, prefill_ms: Milliseconds, prompt_len: Count
) -> Milliseconds:
    """Whether the decode is bound by memory traffic, as the document says."""
    return decode_per_token_ms - ratio(prefill_ms, prompt_len)


@constraint(
    message="async is not faster: {rl_speedup} of the synchronous throughput",
    formula=r"x - 1",
    source=_SUMMARY,
    example=dict(rl_speedup=1.0978, expect=0.0978),
)
def async_is_faster(rl_speedup: Number) -> Number:
    """Whether async training has the higher throughput, as the document says."""
    return rl_speedup - 1


@constraint(
    message="async gives {rl_speedup} of the synchronous throughput, not the 1.5 to 2 of the document's text",
    formula=r"x - 1.5",
    source=_SUMMARY,
    example=dict(rl_speedup=1.0978, expect=-0.4022),
)
def async_speedup_as_claimed(rl_speedup: Number) -> Number:
    """Whether async training is as much faster as the document's text claims."""
    return rl_speedup - 1.5

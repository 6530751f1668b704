"""The rates an accelerator reaches: arithmetic in the format of the matrix products, and memory."""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Array, BytesPerSecond, Choice, FlopsPerSecond, Number
from .registry import constraint, cost_model

_FP32, _TF32, _BF16, _FP16, _FP8, _INT8, _FP4, _INT4 = range(8)


def _first_native(*rates: Array) -> Array:
    """The first rate above 0 in order of preference."""
    chosen = rates[-1]
    for rate in reversed(rates[:-1]):
        chosen = jnp.where(rate > 0, rate, chosen)
    return chosen


@cost_model(
    formula=r"\pi_{format}, \text{ or the rate of the next wider native format}",
    source="micikevicius-et-al-2018 (operands in the narrow format); a format without tensor path is widened before use",
    example=dict(matmul_format=4, peak_flops_bf16=989.4e12, peak_flops_fp8=1978.9e12, expect=1978.9e12),
)
def stated_peak_flops(
    matmul_format: Choice,
    peak_flops_fp32: FlopsPerSecond,
    peak_flops_tf32: FlopsPerSecond,
    peak_flops_bf16: FlopsPerSecond,
    peak_flops_fp16: FlopsPerSecond,
    peak_flops_fp8: FlopsPerSecond,
    peak_flops_int8: FlopsPerSecond,
    peak_flops_fp4: FlopsPerSecond,
    peak_flops_int4: FlopsPerSecond,
) -> FlopsPerSecond:
    """Stated peak rate for the format of the matrix products.

    A chip without a native path widens the operands: bf16 runs as fp16 and fp16 as bf16 (the one V100, the other
    TPUs), 8-bit formats at the 16-bit rate, 4-bit formats at the rate of the 8-bit format of their kind.
    """
    single = _first_native(peak_flops_fp32, peak_flops_tf32)
    tensor_single = _first_native(peak_flops_tf32, peak_flops_fp32)
    brain = _first_native(peak_flops_bf16, peak_flops_fp16, tensor_single)
    half = _first_native(peak_flops_fp16, peak_flops_bf16, tensor_single)
    eight = _first_native(peak_flops_fp8, brain)
    integer8 = _first_native(peak_flops_int8, half)
    four = _first_native(peak_flops_fp4, eight)
    integer4 = _first_native(peak_flops_int4, integer8)
    chosen = integer4
    for position, rate in (
        (_FP32, single),
        (_TF32, tensor_single),
        (_BF16, brain),
        (_FP16, half),
        (_FP8, eight),
        (_INT8, integer8),
        (_FP4, four),
    ):
        chosen = jnp.where(matmul_format == position, rate, chosen)
    return chosen


@cost_model(
    formula=r"\max(\pi_{stated}, 1)",
    source="definition: where no rate is stated, 1 FLOP/s keeps every time finite and `has_peak_flops` fails",
    example=dict(stated_peak_flops=1978.9e12, expect=1978.9e12),
)
def peak_flops(stated_peak_flops: FlopsPerSecond) -> FlopsPerSecond:
    """Peak dense rate of matrix products."""
    return jnp.maximum(stated_peak_flops, 1.0)


@cost_model(
    formula=r"\pi\,\eta_c",
    source="williams-waterman-patterson-2009, sec. 3 (a ceiling below the roof)",
    example=dict(peak_flops=989.4e12, compute_efficiency=0.75, expect=742.05e12),
)
def attainable_flops(peak_flops: FlopsPerSecond, compute_efficiency: Number) -> FlopsPerSecond:
    """Rate that large matrix products reach."""
    return peak_flops * compute_efficiency


@cost_model(
    formula=r"\beta_{HBM}\,\eta_m",
    source="williams-waterman-patterson-2009, sec. 3 (a ceiling below the roof)",
    example=dict(hbm_bandwidth=3.35e12, hbm_efficiency=0.85, expect=2.8475e12),
)
def attainable_hbm_bandwidth(hbm_bandwidth: BytesPerSecond, hbm_efficiency: Number) -> BytesPerSecond:
    """Bandwidth that streaming operators reach."""
    return hbm_bandwidth * hbm_efficiency


@constraint(
    legal=True,
    message="the hardware record states no peak rate for this format or a wider one",
    formula=r"\pi_{stated} > 0",
    source="definition: a rate of 0 stands for a path nobody stated",
    example=dict(stated_peak_flops=0.0, expect=-1.0),
)
def has_peak_flops(stated_peak_flops: FlopsPerSecond) -> Number:
    """Whether the chip has a stated rate for the format."""
    return jnp.where(stated_peak_flops > 0, 0.0, -1.0)

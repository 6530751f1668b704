"""The rates an accelerator reaches: arithmetic in the format of the matrix products, and memory."""

from __future__ import annotations

from ..annotations import Array, BytesPerSecond, Choice, Count, Flag, FlopsPerSecond, JoulesPerFlop, Number, Watts
from ..arrays import jnp
from ..registry import constraint, cost_model

_FP32, _TF32, _BF16, _FP16, _FP8, _INT8, _FP4, _INT4 = range(8)
_HALF_HEAD_DIM = 50.0
_HALF_SEQUENCE = 400.0
_UNLIMITED = 1e6
_LEAST = 1e-6
"""Share below which none falls, so that an attention without tokens has no infinite time."""
_NARROW_POWER = 0.75


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
    formula=r"\max(\pi_{16}, 1) \text{ for 8- and 4-bit formats, else } \pi",
    source="micikevicius-et-al-2022, sec. 3 (fp8 for the products of linear layers only)",
    example=dict(matmul_format=4, peak_flops=1978.9e12, peak_flops_bf16=989.4e12, expect=989.4e12),
)
def wide_peak_flops(
    matmul_format: Choice,
    peak_flops: FlopsPerSecond,
    peak_flops_bf16: FlopsPerSecond,
    peak_flops_fp16: FlopsPerSecond,
    peak_flops_tf32: FlopsPerSecond,
    peak_flops_fp32: FlopsPerSecond,
) -> FlopsPerSecond:
    """Peak rate of what stays in 16 bits: attention and the head.

    Training in 8 or 4 bits runs the linear layers in that format, and attention, router and head beside them in 16.
    """
    wide = _first_native(peak_flops_bf16, peak_flops_fp16, peak_flops_tf32, peak_flops_fp32)
    return jnp.where(matmul_format >= _FP8, jnp.maximum(wide, 1.0), peak_flops)


@cost_model(
    formula=r"\frac{P}{e\,\pi_{16}}",
    source="definition: the power limit over the power that the peak rate would draw; 1e6, no limit, where no power limit is stated",
    example=dict(tdp=1000, flop_energy=0.93e-12, wide_peak_flops=2250e12, expect=0.477897),
)
def power_limited_share(tdp: Watts, flop_energy: JoulesPerFlop, wide_peak_flops: FlopsPerSecond) -> Number:
    """Share of peak rate that the board's power sustains in 16 bits."""
    drawn = flop_energy * wide_peak_flops
    limited = (tdp > 0) & (drawn > 0)
    return jnp.where(limited, tdp / jnp.where(limited, drawn, 1.0), _UNLIMITED)


def sustained(share: Number, power_limited_share: Number) -> Number:
    r"""A share of peak that both a kernel and the power limit allow, $(x^{-4} + y^{-4})^{-1/4}$: a smooth minimum."""
    kernel, power = 1 / jnp.maximum(share, _LEAST), 1 / power_limited_share
    return ((kernel * kernel) ** 2 + (power * power) ** 2) ** -0.25


_H100 = dict(power_limited_share=1e6)


@cost_model(
    formula=r"\pi\,\min(\eta_c\,\eta_k\,(\eta_n \text{ in 8 and 4 bits}), x_P\,(4/3 \text{ in 8 and 4 bits})),\ \text{the minimum smoothed}",
    source="williams-waterman-patterson-2009, sec. 3 (ceilings below the roof)",
    example=dict(
        peak_flops=1978.9e12,
        matmul_format=4,
        compute_efficiency=0.75,
        narrow_efficiency=0.8,
        **_H100,
        expect=1187.34e12,
    ),
)
def attainable_flops(
    peak_flops: FlopsPerSecond,
    matmul_format: Choice,
    compute_efficiency: Number,
    narrow_efficiency: Number,
    power_limited_share: Number,
    kernel_efficiency: Number,
) -> FlopsPerSecond:
    """Rate that large matrix products sustain.

    The energy of moving operands halves with their width and that of multiplying them falls with its square, so at
    peak an 8-bit product draws about 3/4 of what a 16-bit one does.
    """
    narrow = matmul_format >= _FP8
    kernel = compute_efficiency * kernel_efficiency * jnp.where(narrow, narrow_efficiency, 1.0)
    power = power_limited_share / jnp.where(narrow, _NARROW_POWER, 1.0)
    return peak_flops * sustained(kernel, power)


@cost_model(
    formula=r"\pi_{16}\,\min(\eta_c\,\eta_k, x_P),\ \text{the minimum smoothed}",
    source="williams-waterman-patterson-2009, sec. 3 (ceilings below the roof)",
    example=dict(wide_peak_flops=989.4e12, compute_efficiency=0.75, **_H100, expect=742.05e12),
)
def wide_attainable_flops(
    wide_peak_flops: FlopsPerSecond,
    compute_efficiency: Number,
    power_limited_share: Number,
    kernel_efficiency: Number,
) -> FlopsPerSecond:
    """Rate that large products of what stays in 16 bits sustain."""
    return wide_peak_flops * sustained(compute_efficiency * kernel_efficiency, power_limited_share)


@cost_model(
    formula=r"\pi_{16}\,\min\left(\eta_a\,(x_s)\,\frac{d}{d + 50}\,\frac{s}{s + 400}\,\eta_k, x_P\right),\ \text{the minimum smoothed}",
    source="shah-et-al-2024, fig. 5 (rates for head dimensions 64, 128 and 256 and lengths from 512 to 16384)",
    example=dict(
        wide_peak_flops=989.4e12,
        attention_efficiency=1.0,
        head_dim=128,
        attended_tokens=8192,
        **_H100,
        expect=6.783389e14,
    ),
)
def attention_rate(
    wide_peak_flops: FlopsPerSecond,
    attention_efficiency: Number,
    power_limited_share: Number,
    kernel_efficiency: Number,
    synchronous_attention: Flag,
    synchronous_share: Number,
    attended_tokens: Count,
    head_dim: Count,
    kv_lora_rank: Count,
    qk_nope_head_dim: Count,
    qk_rope_head_dim: Count,
    v_head_dim: Count,
) -> FlopsPerSecond:
    """Rate that fused attention sustains.

    `attention_efficiency` is that of very large heads on very long sequences. A score costs one exponential whatever
    the size of the head, so small heads wait for exponentials: half of the rate is lost at a head dimension of 50,
    which is what the published rates of FlashAttention-3 give (0.77 between 64 and 128, 0.86 between 128 and 256).
    Under the causal mask the blocks on the diagonal are computed whole: half of the rate is lost at 400 tokens (0.45
    of the rate of 16384 tokens at 512, 0.84 at 2048, 0.95 at 4096). Kernels that a chip runs without its asynchronous
    instructions (FlashAttention-2 on Hopper) reach `synchronous_share` of it.
    """
    latent = (qk_nope_head_dim + qk_rope_head_dim + v_head_dim) / 2
    width = jnp.where(kv_lora_rank > 0, latent, head_dim)
    fill = width / (width + _HALF_HEAD_DIM) * attended_tokens / (attended_tokens + _HALF_SEQUENCE)
    fill = fill * jnp.where(synchronous_attention > 0, synchronous_share, 1.0)
    return wide_peak_flops * sustained(attention_efficiency * kernel_efficiency * fill, power_limited_share)


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

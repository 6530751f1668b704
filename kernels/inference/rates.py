"""What bounds a serving pass beside arithmetic: reading weights and cache, and widening what is stored narrow."""

from __future__ import annotations

from ..annotations import Bytes, BytesPerSecond, Choice, Flops, FlopsPerSecond, Number, Seconds
from ..arrays import jnp
from ..primitives.arithmetic import ratio
from ..registry import cost_model

_FORMAT_WIDTHS = (4.0, 4.0, 2.0, 2.0, 1.0, 1.0, 0.5, 0.5)
"""Bytes per element of the options of matmul_format, in their order."""


@cost_model(
    formula=r"\beta_{HBM}\,\eta_r",
    source="williams-waterman-patterson-2009, sec. 3 (a ceiling below the roof)",
    example=dict(hbm_bandwidth=3.35e12, read_efficiency=0.85, expect=2.8475e12),
)
def reading_bandwidth(hbm_bandwidth: BytesPerSecond, read_efficiency: Number) -> BytesPerSecond:
    """Bandwidth at which weights and cache are read.

    Kernels that only read reach more than those that read and write in turns.
    """
    return hbm_bandwidth * read_efficiency


@cost_model(
    formula=r"[w < w_{format}]\,f_w/\pi_{fp32}",
    source="frantar-et-al-2022 (weights are widened as they are read); definition: vector instructions at their peak rate",
    example=dict(
        weight_width=0.5,
        matmul_format=2,
        widening_flops=2.5,
        peak_flops_fp32=19.5e12,
        expect=1.282051e-13,
    ),
)
def widening_time(
    weight_width: Bytes, matmul_format: Choice, widening_flops: Flops, peak_flops_fp32: FlopsPerSecond
) -> Seconds:
    """Time to widen one weight that is stored narrower than products run.

    0 where the chip states no rate of its vector units.
    """
    width = jnp.zeros_like(weight_width)
    for position, bytes_ in enumerate(_FORMAT_WIDTHS):
        width = jnp.where(matmul_format == position, bytes_, width)
    # A block format stores its scales beside the elements, so that nvfp4 weights have 0.5625 B.
    return jnp.where(weight_width < width, ratio(widening_flops, peak_flops_fp32), 0.0)

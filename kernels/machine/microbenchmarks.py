"""Microbenchmarks: one matrix product or one collective alone, by the same primitives as a whole training step.

What describes published tables of single operations here is what a training step is made of, so the constants of a
chip and of a network can be fitted on both at once.
"""

from __future__ import annotations

from functools import partial

from ...specs.vocabulary import Group, Kind, Leaf
from ..annotations import Bytes, Choice, Count, Flag, Flops, FlopsPerSecond, Number, Seconds
from ..arrays import jnp
from ..example_inputs import H100_NDR
from ..primitives import matmul
from ..primitives.collectives import (
    ALL_REDUCE,
    ALL_TO_ALL,
    KINDS,
    SEND_RECEIVE,
    all_gather,
    all_reduce,
    all_to_all,
    neighbour_exchange,
)
from ..primitives.matmul import Matmul, MatmulRates, Widths
from ..registry import cost_model
from .network import Network, tiers_of

_count = partial(Leaf, unit="1", kind=Kind.COUNT, group=Group.TRAINING, low=1)
LEAVES = (
    _count("gemm_rows", label="Rows of one matrix product"),
    _count("gemm_columns", label="Columns of one matrix product"),
    _count("gemm_depth", label="Depth of one matrix product", note="the dimension that is summed over"),
    _count("gemm_groups", label="Matrix products that run together", default=1, reason="one product"),
    Leaf(
        "gemm_gap",
        "s",
        Kind.CONTINUOUS,
        "Time that a timer counts beside a matrix product",
        Group.TRAINING,
        default=0.0,
        reason="a timer around many products: the gaps between them do not matter",
    ),
    Leaf(
        "gemm_best_shape",
        "1",
        Kind.FLAG,
        "The shape is the fastest of many that were tried",
        Group.TRAINING,
        high=1,
        default=0,
        reason="a shape that somebody chose",
    ),
    Leaf(
        "gemm_best_gain",
        "1",
        Kind.CONTINUOUS,
        "Rate of the fastest of many shapes over that of a shape like it",
        Group.TRAINING,
        low=1,
        default=1.0,
        reason="shapes of one size are taken to be equally fast",
        note="tiles and waves that fill a chip exactly are found by trying",
    ),
    Leaf("collective", "1", Kind.CHOICE, "Collective that runs alone", Group.TRAINING, options=KINDS),
    Leaf(
        "collective_message",
        "B",
        Kind.CONTINUOUS,
        "Full buffer of one rank in the collective",
        Group.TRAINING,
        note="as nccl-tests counts it: the output of an all-gather, the input of a reduce-scatter",
    ),
    _count("collective_group", label="Ranks in the collective"),
    _count(
        "collective_stride",
        label="GPUs from one rank of the collective to the next",
        default=1,
        reason="neighbours in the innermost domain",
    ),
)

_PRODUCT = dict(gemm_rows=4096, gemm_columns=8192, gemm_depth=8192)
_RATES = dict(attainable_flops=742.05e12, attainable_hbm_bandwidth=2.8475e12, gemm_half_size=500)
_GATHERED = dict(collective=1, collective_message=2**30, collective_group=32)


@cost_model(
    formula=r"2\,g\,m\,n\,k",
    source="definition: a multiply-add for every element of the result and of the depth",
    example=dict(**_PRODUCT, expect=5.49755813888e11),
)
def gemm_flops(gemm_rows: Count, gemm_columns: Count, gemm_depth: Count, gemm_groups: Count) -> Flops:
    """FLOPs of the matrix products that run together."""
    return matmul.flops((Matmul(gemm_rows, gemm_columns, gemm_depth, gemm_groups),))


@cost_model(
    formula=r"\frac{1}{b}\sqrt{\left(\frac{F}{\pi\eta}\left(1 + \frac{x_{1/2}^2}{g\,m\,n}\right)\right)^2 + \left(\frac{Q}{\beta}\right)^2} + t_{gap}",
    source="williams-waterman-patterson-2009, sec. 3; anthony-et-al-2024 (tile and wave quantisation)",
    example=dict(**_PRODUCT, weight_width=2, activation_width=2, **_RATES, expect=7.52310522e-4),
)
def gemm_time(
    gemm_rows: Count,
    gemm_columns: Count,
    gemm_depth: Count,
    gemm_groups: Count,
    weight_width: Bytes,
    activation_width: Bytes,
    rates: MatmulRates,
    gemm_gap: Seconds,
    gemm_best_shape: Flag,
    gemm_best_gain: Number,
) -> Seconds:
    """Time of the matrix products that run together, as a timer sees it.

    The first operand and the result have the width of activations, the second operand that of weights.
    """
    product = Matmul(gemm_rows, gemm_columns, gemm_depth, gemm_groups)
    time = matmul.time((product,), Widths(weight_width, activation_width, activation_width), rates)
    return time / jnp.where(gemm_best_shape > 0, gemm_best_gain, 1.0) + gemm_gap


@cost_model(
    formula=r"F/t",
    source="definition: arithmetic over time",
    example=dict(gemm_flops=5.49755813888e11, gemm_time=8e-4, expect=6.8719476736e14),
)
def gemm_rate(gemm_flops: Flops, gemm_time: Seconds) -> FlopsPerSecond:
    """Rate of the matrix products that run together."""
    return gemm_flops / gemm_time


@cost_model(
    formula=r"t_{start} + \max_{tiers} \frac{V}{\beta}\left(1 + \frac{m_{1/2}}{m + m_{1/2}}\right) + \sum_{tiers} s\,\alpha",
    source="patarasuk-yuan-2009, sec. 3 (rings); thakur-rabenseifner-gropp-2005 (all-to-all); hu-et-al-2025 (protocols)",
    example=dict(**_GATHERED, **H100_NDR, expect=3.2935856e-3),
)
def collective_time(
    collective: Choice,
    collective_message: Bytes,
    collective_group: Count,
    collective_stride: Count,
    all_reduce_algorithm: Choice,
    network: Network,
) -> Seconds:
    """Time of one collective alone."""
    tiers = tiers_of(network, collective_group, collective_stride)
    time = all_gather(collective_message, tiers)
    for kind, other in (
        (ALL_REDUCE, all_reduce(collective_message, tiers, all_reduce_algorithm)),
        (ALL_TO_ALL, all_to_all(collective_message, tiers)),
        (SEND_RECEIVE, neighbour_exchange(collective_message, tiers)),
    ):
        time = jnp.where(collective == kind, other, time)
    return time

"""Measured matrix products: rows of a table of single products as cases."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..catalog import Catalogs
from .cells import Part, Refused, Row, count, number, required, text
from .machines import hardware_record
from .rows import MeasuredRow, Target

_FORMATS = (
    ("fp4", "fp4", 0.5),
    ("int4", "int4", 0.5),
    ("fp8", "fp8", 1.0),
    ("int8", "int8", 1.0),
    ("bf16", "bf16", 2.0),
    ("fp16", "fp16", 2.0),
    ("tf32", "tf32", 4.0),
    ("fp32", "fp32", 4.0),
)
"""What a `dtype` contains, the format it stands for, and its bytes per element."""
_BEST = "best shape found"
_TERA, _MICRO = 1e12, 1e-6


def gemm_rows(file: str, rows: Iterable[Row], catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """The rows of `file`, with columns `gpu`, `dtype`, `batch_or_groups`, `m`, `n`, `k`, `time_us`, `achieved_tflops`.

    A row that states no time is predicted as a rate. `op` and the other columns tell nothing that a product's time
    depends on.
    """
    return tuple(_measured(file, row, catalogs) for row in rows)


def _measured(file: str, row: Row, catalogs: Catalogs) -> MeasuredRow:
    family = text(row, "source_family") or file.removesuffix(".csv")
    try:
        targets, refused = _targets(row), ""
    except Refused as refusal:
        targets, refused = (_time(math.nan),), str(refusal)
    try:
        part = _product(row, catalogs)
    except Refused as refusal:
        part, refused = Part(), refused or str(refusal)
    inputs = {} if refused else part.inputs
    return MeasuredRow(
        file,
        text(row, "id"),
        family,
        text(row, "confidence"),
        targets,
        inputs,
        refused,
        () if refused else part.assumed,
    )


def _targets(row: Row) -> tuple[Target, ...]:
    time, rate = number(row, "time_us"), number(row, "achieved_tflops")
    if time is None and rate is None:
        raise Refused("neither `time_us` nor `achieved_tflops` is stated")
    found = () if time is None else (_time(time * _MICRO),)
    if rate is not None:
        found += (Target("gemm_rate", rate * _TERA, "FLOP/s", primary=time is None, rate=True),)
    return found


def _time(seconds: float) -> Target:
    return Target("gemm_time", seconds, "s")


def _product(row: Row, catalogs: Catalogs) -> Part:
    """Chip, format and shape. A shape that was found by trying many is marked: it is faster than others of its size."""
    told = text(row, "dtype").lower()
    known = next(((name, width) for part, name, width in _FORMATS if part in told), None)
    if known is None:
        raise Refused(f"`dtype` is {told!r}; one of {', '.join(part for part, _, _ in _FORMATS)} was expected")
    name, width = known
    inputs: dict[str, object] = {
        "hardware": hardware_record(row, catalogs).name,
        "matmul_format": name,
        "weight_width": width,
        "activation_width": width,
        "gemm_rows": required(row, "m"),
        "gemm_columns": required(row, "n"),
        "gemm_depth": required(row, "k"),
        "gemm_groups": count(row, "batch_or_groups") or 1,
        "gemm_best_shape": _BEST in text(row, "notes").lower(),
        "flop_energy": 0.0,  # a microbenchmark ends before the board's power limit bites
    }
    return Part(inputs, () if width >= 2 else ("a result as wide as the operands, which is not stated",))

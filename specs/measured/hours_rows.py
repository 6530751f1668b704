"""Rows of GPU-hours that published runs took: sanity checks, within 20 or 30 %."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..catalog import Catalogs
from .cells import Row, confidence_of, family_of, number, text
from .layouts import layout_inputs
from .rows import MeasuredRow, Target

_TRILLION = 1e12


def hours_rows(file: str, rows: Sequence[Row], catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """GPU-hours of whole runs, which a layout and the tokens of the run predict."""
    return tuple(_row(file, row, catalogs) for row in rows)


def _row(file: str, row: Row, catalogs: Catalogs) -> MeasuredRow:
    layout, tokens, hours = layout_inputs(row, catalogs), number(row, "tokens_t"), number(row, "gpu_hours")
    refused = layout.refused or ("" if tokens else "`tokens_t` is not stated")
    if hours is None:
        refused = refused or "nothing was measured: `gpu_hours` is not stated"
    return MeasuredRow(
        file=file,
        id=text(row, "id"),
        family=family_of(file, row),
        confidence=confidence_of(row),
        targets=(Target("gpu_hours", math.nan if hours is None else hours, "h"),),
        inputs={} if refused else {**layout.inputs, "tokens": (tokens or 0.0) * _TRILLION},
        refused=refused,
        assumed=layout.assumed,
    )

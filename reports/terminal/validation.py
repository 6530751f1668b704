"""Validation as tables and a scatter picture: errors of families, of all families alike, and why rows were refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...specs.measured.errors import Family, Overall, Record
from ...specs.problems import RooflaxError
from ..documents.contract import Figure
from ..figures import panels, save
from ..pictures import picture
from ..pictures.style import files_library
from .columns import Column, Columns, text_column

if TYPE_CHECKING:
    import xarray as xr

_TITLES = {
    "step_time": "Step time",
    "tokens_per_second_per_gpu": "Tokens per second and GPU",
    "model_flops_per_second_per_gpu": "Model FLOP/s of a GPU",
    "executed_flops_per_second_per_gpu": "Executed FLOP/s of a GPU",
    "predicted_mfu": "MFU",
    "request_latency": "Latency of a request",
    "output_tokens_per_second": "Output tokens per second",
    "tpot": "Time per output token",
    "ttft": "Time to first token",
    "saturated_request_latency": "Latency of a request, all slots taken",
    "saturated_output_tokens_per_second": "Output tokens per second, all slots taken",
    "saturated_tpot": "Time per output token, all slots taken",
    "service_ttft": "Time to first token without a queue",
    "gemm_time": "Time of a matrix product",
    "collective_time": "Time of a collective",
    "memory_per_gpu": "Memory of a GPU",
}
_PANELS_ACROSS = 2
_MISSING = "–"
_LONGEST_REASON = 110
_NOTE = (
    "Absolute errors in % of the measured time or memory, rates as the time they stand for; bias: the median signed\n"
    "one. low: rows of low confidence, which count nowhere. naive: one constant MFU a precision. left out: fitted\n"
    "without the family. saturated: continuous batching with all slots taken."
)


def family_table(found: Sequence[Family], fitted: Collection[str]) -> Columns:
    """The errors of every family of every file; a star marks those whose rows took part in the fit."""
    several = len({(family.file, family.kind) for family in found}) > len({family.file for family in found})
    columns = [
        text_column("file", [family.file.removesuffix(".csv") for family in found], wraps=False),
        *([text_column("kind", [family.kind for family in found], wraps=False)] if several else []),
        text_column(
            "family", [f"{family.name}{' *' if family.name in fitted else ''}" for family in found], wraps=False
        ),
        _counts("rows", [family.rows for family in found]),
        _counts("predicted", [family.errors.count for family in found]),
        _counts("refused", [sum(family.refused.values()) for family in found]),
        _counts("low", [family.untrusted for family in found]),
        *_error_columns(found),
    ]
    notes = [_NOTE, *(["* rows of this family took part in the fit"] if any(f.name in fitted for f in found) else [])]
    faint = frozenset(place for place, family in enumerate(found) if not family.errors.count)
    return Columns(columns, "Families", "\n".join(notes), keys=3 if several else 2, faint=faint)


def overall_table(found: Sequence[Overall]) -> Columns:
    """The errors over families, each with the same weight."""
    columns = [
        text_column("over families", [one.kind for one in found], wraps=False),
        _counts("families", [one.families for one in found]),
        _counts("rows", [one.rows for one in found]),
        _counts("predicted", [one.predicted for one in found]),
        *_error_columns(found),
    ]
    return Columns(
        columns, "Over families", "Of the families' medians: their median, mean and 90th percentile.", keys=1
    )


def _error_columns(found: Sequence[Family] | Sequence[Overall]) -> Iterator[Column]:
    for name in ("median", "mean", "p90", "bias"):
        yield _percents(name, [getattr(one.errors, name) for one in found])
    naive, left_out = [one.baseline for one in found], [one.left_out for one in found]
    if any(spread.count for spread in naive):
        yield _percents("naive_median", [spread.median for spread in naive])
        yield _percents("naive_bias", [spread.bias for spread in naive])
    if any(spread.count for spread in left_out):
        yield _percents("left_out_median", [spread.median for spread in left_out])


def _counts(name: str, values: Sequence[int]) -> Column:
    return Column(name, tuple(f"{value:,}" for value in values), right=True)


def _percents(name: str, values: Sequence[float]) -> Column:
    return Column(name, tuple(_MISSING if math.isnan(v) else f"{100 * v:.1f}" for v in values), "%", right=True)


def refusal_table(found: Sequence[Family]) -> Columns:
    """Why rows were refused, family by family."""
    rows = [(family, reason, count) for family in found for reason, count in family.refused.items()]
    columns = [
        text_column("family", [family.name for family, _, _ in rows], wraps=False),
        _counts("rows", [count for _, _, count in rows]),
        text_column("refused because", [_shortened(reason) for _, reason, _ in rows]),
    ]
    return Columns(columns, "Refused", keys=1)


def assumption_table(records: Sequence[Record]) -> Columns:
    """What rows do not state and which value was taken."""
    counted = Counter((r.row.family, text) for r in records if r.target.primary for text in r.row.assumed)
    columns = [
        text_column("family", [family for family, _ in counted], wraps=False),
        _counts("rows", list(counted.values())),
        text_column("assumed", [text for _, text in counted]),
    ]
    return Columns(columns, "Assumed where rows do not state it", keys=1)


def _shortened(reason: str) -> str:
    return reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 1] + "…"


def scatter(records: Sequence[Record], name: str = "validation") -> Figure:
    """Predicted over measured numbers, a panel for each quantity; only primary numbers of rows that count.

    Raises RooflaxError where nothing was predicted.
    """
    drawn = [record for record in records if record.counts and record.predicted is not None]
    quantities = list(dict.fromkeys(record.target.quantity for record in drawn))
    if not quantities:
        raise RooflaxError("no row was predicted, so there is nothing to draw")
    draw = picture("predicted-versus-measured").draw
    with files_library():
        plots = [
            draw(measured_dataset(quantity, [record for record in drawn if record.target.quantity == quantity]))
            for quantity in quantities
        ]
    across = min(len(plots), _PANELS_ACROSS)
    size = 8.0 * across, 4.8 * math.ceil(len(plots) / across)
    plot = plots[0] if len(plots) == 1 else panels(*plots, columns=across)
    return Figure(name, "Predicted beside measured", plot, size)


def measured_dataset(quantity: str, records: Sequence[Record]) -> xr.Dataset:
    """What was measured of a quantity and what was predicted, along the rows with their families."""
    import xarray as xr

    about = {"long_name": _TITLES.get(quantity, quantity), "units": records[0].target.unit}
    predicted = [math.nan if record.predicted is None else record.predicted for record in records]
    return xr.Dataset(
        {
            "measured": ("row", [record.target.value for record in records], about),
            "predicted": ("row", predicted, about),
        },
        {
            "row": [f"{record.row.file}: {record.row.id}" for record in records],
            "family": ("row", [record.row.family for record in records], {"long_name": "Family"}),
        },
    )


def check_picture(path: Path) -> None:
    """Raises RooflaxError where the path of a picture is no PNG's."""
    if path.suffix.lower() != ".png":
        raise RooflaxError(f"{path}: a name that ends in .png was expected; a PDF is written beside it")


def write_picture(records: Sequence[Record], path: Path) -> tuple[Path, ...]:
    """Writes the scatter picture as PNG, and as PDF beside it."""
    try:
        return save(scatter(records, path.stem), path.parent)
    except OSError as error:
        raise RooflaxError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error

"""Validation as tables and a scatter picture: errors of families, of all families alike, and why rows were refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..specs.measured.errors import Family, Overall, Record
from ..specs.problems import RooflaxError
from .artists import Series
from .columns import Column, Columns, text_column
from .documents.contract import Figure
from .figures import PALETTE, curves, panels, save

_TITLES = {
    "step_time": "Step time [s]",
    "tokens_per_second_per_gpu": "Tokens per second and GPU [1/s]",
    "model_flops_per_second_per_gpu": "Model FLOP/s of a GPU [FLOP/s]",
    "executed_flops_per_second_per_gpu": "Executed FLOP/s of a GPU [FLOP/s]",
    "predicted_mfu": "MFU [1]",
    "request_latency": "Latency of a request [s]",
    "output_tokens_per_second": "Output tokens per second [1/s]",
    "tpot": "Time per output token [s]",
    "ttft": "Time to first token [s]",
    "saturated_request_latency": "Latency of a request, all slots taken [s]",
    "saturated_output_tokens_per_second": "Output tokens per second, all slots taken [1/s]",
    "saturated_tpot": "Time per output token, all slots taken [s]",
    "service_ttft": "Time to first token without a queue [s]",
    "gemm_time": "Time of a matrix product [s]",
    "collective_time": "Time of a collective [s]",
    "memory_per_gpu": "Memory of a GPU [B]",
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
    plots = [_panel(quantity, [r for r in drawn if r.target.quantity == quantity]) for quantity in quantities]
    across = min(len(plots), _PANELS_ACROSS)
    size = 8.0 * across, 4.8 * math.ceil(len(plots) / across)
    plot = plots[0] if len(plots) == 1 else panels(*plots, columns=across)
    return Figure(name, "Predicted beside measured", plot, size)


def _panel(quantity: str, records: Sequence[Record]) -> Any:
    """One quantity: a point a row, a colour and marker a family, and the line of equal values."""
    families = list(dict.fromkeys(record.row.family for record in records))
    points = {family: [r for r in records if r.row.family == family] for family in families}
    series = [
        Series(
            family,
            [record.target.value for record in own],
            [record.predicted or math.nan for record in own],
            style="points",
            color=_color(place),
        )
        for place, (family, own) in enumerate(points.items())
    ]
    every = [value for one in series for value in (*one.x, *one.y)]
    ends = [min(every) / 1.5, max(every) * 1.5]
    equal = Series("predicted = measured", ends, ends, style="reference")
    title = _TITLES.get(quantity, quantity)
    return curves([*series, equal], x=f"Measured: {title}", y=f"Predicted: {title}", log="xy", legend="right")


def _color(place: int) -> str:
    """Colours that repeat after seven families, shifted, so that colour and marker together tell them apart."""
    return PALETTE[(place + place // len(PALETTE)) % len(PALETTE)]


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

"""Tables of a fit: the fitted values, the errors of families before and after, and why rows were refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from ...specs.units import format_quantity
from .columns import Columns, text_column

_STAGES = {"before": "before", "fitted": "fitted", "left_out": "left out"}
_MOST_REASONS = 12
_LONGEST_REASON = 110


def fit_tables(summary: Mapping[str, Any]) -> tuple[Any, ...]:
    """The fitted values, the errors, and the sums of a fit, from its plain data."""
    parts = [_values(summary["parameters"]), _errors(summary["errors"])]
    reasons = Counter(row["reason"] for row in summary["refused"])
    if reasons:
        parts.append(_refusals(reasons))
    return *(part for table in parts for part in (Text(), table)), Text(), Text(_sums(summary))


def _values(parameters: Sequence[Mapping[str, Any]]) -> Columns:
    levels = {"all": 0, "class": 1, "record": 2}
    names = list(dict.fromkeys((p["name"], p["owner"]) for p in parameters))
    ordered = sorted(parameters, key=lambda p: (names.index((p["name"], p["owner"])), levels[p["level"]], p["label"]))
    columns = [
        text_column("input", [p["name"] for p in ordered], wraps=False),
        text_column("of", [_owner(p) for p in ordered], wraps=False),
        text_column("value", [format_quantity(p["value"], p["unit"]) for p in ordered], wraps=False),
        text_column("± error", [format_quantity(p["error"], p["unit"]) for p in ordered], wraps=False),
        text_column("rows", [f"{p['rows']:,}" for p in ordered]),
        text_column("families", [str(p["families"]) for p in ordered]),
    ]
    return Columns(columns, "Fitted values", keys=2)


def _owner(parameter: Mapping[str, Any]) -> str:
    if not parameter["owner"]:
        return "everywhere"
    if parameter["level"] == "record":
        return parameter["label"]
    return f"{parameter['owner']}: {'all' if parameter['level'] == 'all' else 'each ' + parameter['label']}"


def _errors(errors: Mapping[str, Any]) -> Columns:
    stages = list(errors["over_families"])
    families = {**errors["families"]}
    over = {key: errors["over_families"][key] for key in stages}
    columns = [
        text_column("family", [*families, "median of families", "mean of families"], wraps=False),
        text_column("rows", [*(f"{family['rows']:,}" for family in families.values()), "", ""]),
    ]
    for stage in stages:
        medians = [family[stage]["median"] for family in families.values()]
        shown = [_percent(value) for value in (*medians, over[stage]["median"], over[stage]["mean"])]
        columns.append(text_column(_STAGES[stage], shown, wraps=False))
    bias = [_percent(family["fitted"]["bias"], sign=True) for family in families.values()]
    columns.append(text_column("bias", [*bias, "", ""], wraps=False))
    return Columns(columns, "Median absolute error of time; bias is the fitted mean", keys=1)


def _percent(share: float, *, sign: bool = False) -> str:
    return f"{100 * share:+.1f} %" if sign else f"{100 * share:.1f} %"


def _refusals(reasons: Counter[str]) -> Columns:
    told = reasons.most_common(_MOST_REASONS)
    short = [r if len(r) <= _LONGEST_REASON else f"{r[: _LONGEST_REASON - 1]}…" for r, _ in told]
    left = sum(reasons.values()) - sum(count for _, count in told)
    rows = [str(count) for _, count in told]
    if left:
        short, rows = [*short, "for other reasons"], [*rows, str(left)]
    return Columns(
        [text_column("rows", rows), text_column("refused because", short)], "Rows that were not used", keys=1
    )


def _sums(summary: Mapping[str, Any]) -> str:
    used, refused = len(summary["rows"]), len(summary["refused"])
    families = len(summary["errors"]["families"])
    return f"{used:,} rows of {families} families used, {refused:,} refused; settled in {summary['steps']} steps"

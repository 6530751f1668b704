"""A plan as tables of text: what a sweep would compute and store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from ..specs.units import format_quantity


def plan_tables(plan: Mapping[str, Any]) -> tuple[Any, ...]:
    """The axes, the variables, and the sums of a plan."""
    axes = Table(title=plan["title"], header_style="bold")
    for column in ("axis", "labels", "from", "to"):
        axes.add_column(column, overflow="fold")
    for axis in plan["axes"]:
        axes.add_row(axis["name"], str(axis["size"]), axis["first"], axis["last"])
    variables = Table(title="variables", header_style="bold")
    for column in ("variable", "unit", "varies along", "bytes", "shard", "chunk"):
        variables.add_column(column, overflow="fold")
    for variable in plan["variables"]:
        shard, chunk = (" x ".join(map(str, variable[part])) for part in ("shard", "chunk"))
        size = format_quantity(variable["bytes"], "B")
        variables.add_row(variable["name"], variable["unit"], ", ".join(variable["dims"]), size, shard, chunk)
    inputs = Table(title="inputs", header_style="bold")
    for column in ("input", "value", "from"):
        inputs.add_column(column, overflow="fold")
    for entry in plan["inputs"]:
        inputs.add_row(entry["name"], entry["value"], entry["origin"])
    return axes, variables, inputs, Text(_summary(plan))


def _summary(plan: Mapping[str, Any]) -> str:
    size = format_quantity(plan["bytes"], "B")
    lines = [f"{plan['points']:,} points in {plan['blocks']} blocks; {size} before compression in {plan['dtype']}"]
    lines.append("conditions, in this order: " + (", ".join(plan["conditions"]) or "none"))
    if plan["best"]:
        lines.append(f"best: {plan['best']}")
    return "\n".join(lines)

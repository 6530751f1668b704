"""A plan as tables of text: what a sweep would compute and store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from ...specs.units import format_quantity
from .columns import Columns, text_column


def plan_tables(plan: Mapping[str, Any]) -> tuple[Any, ...]:
    """The axes, the variables, and the sums of a plan."""
    axes = [
        text_column("axis", [axis["name"] for axis in plan["axes"]]),
        text_column("labels", [f"{axis['size']:,}" for axis in plan["axes"]]),
        text_column("from", [axis["first"] for axis in plan["axes"]], wraps=False),
        text_column("to", [axis["last"] for axis in plan["axes"]], wraps=False),
    ]
    variables = [
        text_column("variable", [variable["name"] for variable in plan["variables"]]),
        text_column("unit", [variable["unit"] for variable in plan["variables"]]),
        text_column("bytes", [format_quantity(variable["bytes"], "B") for variable in plan["variables"]], wraps=False),
        text_column("varies along", [_along(variable, plan) for variable in plan["variables"]]),
    ]
    inputs = [
        text_column("input", [entry["name"] for entry in plan["inputs"]]),
        text_column("value", [entry["value"] for entry in plan["inputs"]], wraps=False),
        text_column("from", [entry["origin"] for entry in plan["inputs"]]),
    ]
    tables = (Columns(axes), Columns(variables, keys=1), Columns(inputs, keys=1))
    parts = [part for table in tables for part in (Text(), table)]
    return Text(plan["title"], style="bold"), *parts, Text(), Text(_summary(plan))


def _along(variable: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    """The dims of a variable, or how few it lacks."""
    lacking = [axis["name"] for axis in plan["axes"] if axis["name"] not in variable["dims"]]
    if not variable["dims"]:
        return "nothing: one value"
    if not lacking:
        return "every axis"
    if len(lacking) < len(variable["dims"]):
        return f"every axis but {', '.join(lacking)}"
    return ", ".join(variable["dims"])


def _summary(plan: Mapping[str, Any]) -> str:
    size = format_quantity(plan["bytes"], "B")
    blocks = "1 block" if plan["blocks"] == 1 else f"{plan['blocks']:,} blocks"
    lines = [f"{plan['points']:,} points in {blocks}; {size} before compression in {plan['dtype']}"]
    lines.append("conditions, in this order: " + (", ".join(plan["conditions"]) or "none"))
    if plan["optimize"]:
        free = [f"{box['name']} from {box['low']} to {box['high']} ({box['scale']})" for box in plan["over"]]
        lines.append(f"optimize: {plan['optimize']} over {', '.join(free)}")
    if plan["best"]:
        lines.append(f"best: {plan['best']}")
    if plan["pareto"]:
        lines.append(f"pareto: {plan['pareto']}")
    return "\n".join(lines)

"""Conditions on results that are stored: comparisons of their variables and labels, by the grammar of `where`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..specs.conditions import FLAG_OPTIONS, Comparison, ConditionError, ConstraintName, parse_condition
from ..specs.problems import RooflaxError
from ..specs.vocabulary import Kind, shipped
from ..sweeps.sweep import MARGIN, STATUS

if TYPE_CHECKING:
    import xarray as xr


def stored_conditions(results: xr.Dataset, texts: Sequence[str]) -> list[tuple[Comparison, xr.DataArray]]:
    """The comparisons that `--where` entries state, each with the array it compares; options by their position.

    A constraint cannot be judged again, since what it reads may not be stored. Raises RooflaxError.
    """
    variables = {str(name): variable for name, variable in results.variables.items()}
    options = {name: own for name in variables if (own := _options(results[name])) is not None}
    units = {
        name: str(variable.attrs.get("units", "1"))
        for name, variable in variables.items()
        if name not in options and name not in (STATUS, MARGIN) and variable.dtype.kind in "fiu"
    }
    judged = str(results[STATUS].attrs.get("flag_meanings", "")).split()[1:-1] if STATUS in results else []
    found = []
    for text in texts:
        try:
            conditions = parse_condition(text, units, judged, options)
        except ConditionError as error:
            hint = "" if "?" in str(error) else f"; what a store holds can be compared: {', '.join([*units, *options])}"
            raise RooflaxError(f"--where {text}: {error}{hint}") from None
        for condition in conditions:
            if isinstance(condition, ConstraintName):
                raise RooflaxError(
                    f"--where {text}: a store's constraints were judged by its run, and its infeasible points take no "
                    "part; what a constraint reads is not all stored, so none can be judged again"
                )
            found.append((condition, _compared(results[condition.name], options.get(condition.name))))
    return found


def _options(variable: xr.DataArray) -> tuple[str, ...] | None:
    """The options of a choice or flag, or the labels of an axis of names; None where there are numbers."""
    if variable.name == STATUS:
        return None
    if "flag_meanings" in variable.attrs:
        return tuple(str(variable.attrs["flag_meanings"]).split())
    leaf = shipped().get(str(variable.name))
    if leaf is not None and leaf.kind is Kind.FLAG:
        return FLAG_OPTIONS
    if variable.dtype.kind in "fiu":
        return None
    labels = [str(label) for label in variable.to_numpy().ravel()]
    known = leaf.options if leaf is not None else ()
    return known if set(labels) <= set(known) else tuple(dict.fromkeys(labels))


def _compared(variable: xr.DataArray, options: tuple[str, ...] | None) -> xr.DataArray:
    """What a comparison holds against its value: numbers, or the positions of options."""
    if options is None or variable.dtype.kind in "fiu":
        return variable
    codes = {option: float(position) for position, option in enumerate(options)}
    return variable.copy(data=np.vectorize(lambda label: codes[str(label)], otypes=[np.float64])(variable.to_numpy()))

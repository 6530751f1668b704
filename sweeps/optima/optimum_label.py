"""The optimum as a dataset: outputs, free inputs, what came of every cell, and shadow prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.axes import Box
from ...specs.ratios import ratio
from ...specs.units import format_quantity
from ..checks import Check
from ..engine import evaluate
from ..label import attributes, dataset, flags
from ..sweep import STATUS, Sweep
from .optimum import INSIDE, LOWER, UPPER, Optimum

if TYPE_CHECKING:
    import xarray as xr

OUTCOME = "outcome"
OUTCOMES = ("optimal", "at_bound", "infeasible", "not_settled", "undefined")
SIDES = ("lower", "inside", "upper")


def optimum_dataset(sweep: Sweep, found: Optimum) -> xr.Dataset:
    """The optimum of every cell of a sweep, in float64.

    It holds the sweep's outputs, status and margin at the optimum; the free inputs and on which side of its range
    (`…_side`) each stands; `outcome`; and the shadow price of every condition that the free inputs change. Without a
    feasible point it shows one where the conditions that can hold together do, and what the rest lack is least.
    """
    at = found.placed(sweep)
    data = dataset(at, evaluate(at, at.variables))
    optimize = found.problem.objective
    infeasible = _on_cells(data, STATUS, found) != 0
    undefined = ~found.defined | (~infeasible & ~np.isfinite(_on_cells(data, optimize.quantity, found)))
    new: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]] = {}
    for i, box in enumerate(found.problem.boxes):
        new[box.name] = (found.dims, found.on_dims(found.places[:, i]), _free(sweep, box))
        new[f"{box.name}_side"] = (found.dims, found.on_dims(found.sides[:, i]), _side(sweep, box))
    new[OUTCOME] = (found.dims, found.on_dims(_outcome(found, infeasible, undefined)), _outcome_attributes())
    for i, (name, check) in enumerate(price_names(found.conditions).items()):
        prices = np.where(infeasible | undefined, np.nan, found.prices[:, i]) * _by_bound(check)
        attrs = _price(check, sweep.registry.unit(optimize.quantity))
        new[name] = (found.dims, found.on_dims(prices), attrs)
    data = data.assign({name: variable for name, variable in new.items() if name not in data.data_vars})
    for box in found.problem.boxes:  # an output that is left free keeps its values and gets the attributes of a choice
        data[box.name].attrs = _free(sweep, box)
    coords = dataset(at, {STATUS: np.zeros(at.shape(STATUS), dtype=np.int8)}).coords
    direction = "largest" if optimize.largest else "smallest"
    free = " ".join(box.name for box in found.problem.boxes)
    attrs = {"objective": optimize.quantity, "direction": direction, "over": free, "free": free}
    return data.assign_coords(coords).assign_attrs(attrs)


def price_names(conditions: tuple[Check, ...]) -> dict[str, Check]:
    """The names of the shadow prices: of a constraint, of an upper bound (`_max`) or of a lower one (`_min`)."""
    found: dict[str, Check] = {}
    for check in conditions:
        end = "" if not check.operator else "_max" if check.operator in ("<", "<=") else "_min"
        stem = f"shadow_price_{check.reads}{end}"
        again = sum(name == stem or name.startswith(f"{stem}_") for name in found)
        found[f"{stem}_{again + 1}" if again else stem] = check
    return found


def _by_bound(check: Check) -> float:
    """What turns a derivative by the margin into one by the bound; by the margin granted where there is no bound."""
    return 1.0 if check.operator in (">", ">=") else -1.0


def _on_cells(data: xr.Dataset, name: str, found: Optimum) -> np.ndarray:
    """The status or the objective of each cell (cell); neither has dims that the cells lack."""
    missing = [dim for dim in found.dims if dim not in data[name].dims]
    sizes = found.problem.sweep.sizes
    return data[name].expand_dims({dim: sizes[dim] for dim in missing}).transpose(*found.dims).to_numpy().ravel()


def _outcome(found: Optimum, infeasible: np.ndarray, undefined: np.ndarray) -> np.ndarray:
    touches = (found.sides != INSIDE).any(axis=-1)
    return np.select([undefined, infeasible, ~found.settled, touches], [4, 2, 3, 1], 0).astype(np.int8)


def _outcome_attributes() -> dict[str, Any]:
    return {
        "long_name": "What came of the search",
        "units": "1",
        **flags(list(range(len(OUTCOMES))), list(OUTCOMES)),
        "comment": "at_bound: optimal, with a free input at an end of its range, beyond which it may be better; "
        "infeasible: no point meets the conditions, shown is one where those that can hold together do and the others "
        "lack least; not_settled: better points kept being found; undefined: the objective has no finite value at any "
        "place that was tried",
    }


def _free(sweep: Sweep, box: Box) -> dict[str, Any]:
    own = {key: attributes(sweep, box.name)[key] for key in ("long_name", "units")}
    reach = f"{format_quantity(box.low, box.unit)} to {format_quantity(box.high, box.unit)}"
    return {**own, "role": "configuration", "comment": f"left free from {reach}"}


def _side(sweep: Sweep, box: Box) -> dict[str, Any]:
    label = sweep.registry.label(box.name)
    return {
        "long_name": f"Where it stands in its range: {label}",
        "units": "1",
        **flags([LOWER, INSIDE, UPPER], list(SIDES)),
    }


def _price(check: Check, unit: str) -> dict[str, Any]:
    what = "by its bound" if check.operator else "by what is added to its margin"
    return {
        "long_name": f"Shadow price of {check.text}",
        "units": ratio(unit, check.unit),
        "condition": check.text,
        "condition_units": check.unit,
        "objective_units": unit,
        "comment": f"derivative of the optimum {what}; 0 where the condition does not bind, not a number where there "
        "is no optimum or no derivative",
    }

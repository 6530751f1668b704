"""The answer to a question about uncertainty as one labelled dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...specs.problems import RooflaxError
from ..engine import Progress, evaluate
from ..label import attributes, coordinates
from ..sweep import Sweep
from .design import parts_of
from .first_order import first_order
from .uncertain_inputs import Uncertain
from .uncertainty import CONDITION, INPUT, QUANTILE, Arrays, Question, sampled, told_checks

if TYPE_CHECKING:
    import xarray as xr

_COMMENTS = {
    "": "quantiles over the samples, feasible or not",
    "_centre": "at the centres of the uncertain inputs: what every other question answers",
    "_mean": "mean over the samples",
    "_deviation": "standard deviation over the samples",
    "_no_value_probability": "share of the samples without a finite value; above 0 statistics are missing",
    "_first_order": "standard deviation to first order, by the slopes at the centres",
    "_share": "share of the first-order variance; of correlated inputs each has half of what they share",
    "_first_index": "first-order Sobol index: the share of the variance that this input alone explains",
    "_total_index": "total Sobol index: the share of the variance that stays where all other inputs are known",
}
_WORDS = {
    "": "",
    "_centre": ", centre",
    "_mean": ", mean",
    "_deviation": ", standard deviation",
    "_no_value_probability": ", probability of having no finite value",
    "_first_order": ", standard deviation to first order",
    "_share": ", share of the first-order variance",
    "_first_index": ", first-order index",
    "_total_index": ", total index",
}
_PLAIN = ("_no_value_probability", "_share", "_first_index", "_total_index")


def uncertainty(
    sweep: Sweep,
    quantities: Sequence[str],
    uncertain: Uncertain,
    question: Question,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Quantiles, moments, first-order deviations, Sobol indices and probabilities, each on the dims it depends on.

    The quantiles of a quantity stand under its own name along `quantile`; see the other variables' comments. Raises
    RooflaxError where nothing is uncertain, or a quantity is a category.
    """
    import xarray as xr

    _require_numbers(sweep, quantities)
    if not uncertain.inputs:
        raise RooflaxError(
            f"nothing is uncertain: no input that {', '.join(quantities)} depends on has a distribution; give one, "
            "such as mfu = 0.42 ± 0.03, or take the errors of the calibration (--fitted)"
        )
    arrays = sampled(sweep, quantities, uncertain, question, progress)
    centres = evaluate(sweep, list(quantities))
    propagated = first_order(sweep, quantities, uncertain)
    variables: dict[str, Any] = {}
    for name in quantities:
        own: dict[str, Any] = {"": arrays[name], "_centre": (sweep.dims[name], centres[name])}
        own |= {suffix: arrays[f"{name}{suffix}"] for suffix in ("_mean", "_deviation", "_no_value_probability")}
        own |= {
            suffix: (found.dims, found.to_numpy())
            for suffix, found in zip(("_first_order", "_share"), propagated[name], strict=True)
        }
        own |= {s: arrays[f"{name}{s}"] for s in ("_first_index", "_total_index") if question.indices}
        variables |= {f"{name}{s}": (*found, _attributes(sweep, name, s)) for s, found in own.items()}
    variables |= _probabilities(sweep, arrays)
    coords = {coord.name: (coord.dims, coord.values, dict(coord.attrs)) for coord in coordinates(sweep)}
    coords |= _own_coordinates(sweep, uncertain, question)
    used = {dim for dims, *_ in variables.values() for dim in dims}
    return xr.Dataset(
        variables, {name: coord for name, coord in coords.items() if set(coord[0]) <= used}, _told(uncertain, question)
    )


def _require_numbers(sweep: Sweep, quantities: Sequence[str]) -> None:
    for name in quantities:
        if options := sweep.registry.options(name):
            raise RooflaxError(f"`{name}` is one of {', '.join(options)}, which have no mean or quantiles")


def _attributes(sweep: Sweep, name: str, suffix: str) -> dict[str, Any]:
    own = attributes(sweep, name)
    unit = "1" if suffix in _PLAIN else own["units"]
    return {
        "long_name": own["long_name"] + _WORDS[suffix],
        "units": unit,
        "comment": _COMMENTS[suffix],
        "quantity": name,
    }


def _probabilities(sweep: Sweep, arrays: Arrays) -> dict[str, Any]:
    """The probability of status 0, and of each condition along `condition`, on the dims of them all."""
    dims, values = arrays["feasible_probability"]
    attrs = {"long_name": "Probability of being feasible", "units": "1", "comment": "share of samples of status 0"}
    found: dict[str, Any] = {"feasible_probability": (dims, values, attrs)}
    told = [arrays[f"condition_probability/{check.text}"] for check in told_checks(sweep)]
    if told:
        union = tuple(dim for dim in sweep.sizes if any(dim in dims for dims, _ in told))
        spread = []
        for dims, values in told:
            index = tuple(slice(None) if dim in dims else None for dim in union)
            spread.append(np.broadcast_to(values[index], [sweep.sizes[dim] for dim in union]))
        attrs = {"long_name": "Probability of a condition", "units": "1", "comment": "share of samples where it holds"}
        found["condition_probability"] = ((*union, CONDITION), np.stack(spread, axis=-1), attrs)
    return found


def _own_coordinates(sweep: Sweep, uncertain: Uncertain, question: Question) -> dict[str, Any]:
    texts = [one.text(sweep.registry.unit(one.name)) for one in uncertain.inputs]
    conditions = [check.text for check in told_checks(sweep)]
    return {
        QUANTILE: ((QUANTILE,), np.array(question.quantiles), {"long_name": "Quantile", "units": "1"}),
        INPUT: ((INPUT,), np.array(uncertain.names), {"long_name": "Uncertain input"}),
        "distribution": ((INPUT,), np.array(texts), {"long_name": "Distribution"}),
        CONDITION: ((CONDITION,), np.array(conditions), {"long_name": "Condition"}),
    }


def _told(uncertain: Uncertain, question: Question) -> Mapping[str, Any]:
    """How the numbers came about."""
    return {
        "samples": question.samples,
        "seed": question.seed,
        "evaluations": parts_of(uncertain, question.indices) * question.samples,
        "sequence": "scrambled Sobol sequence of scipy.stats.qmc, through the quantile functions of the inputs",
        "correlated": list(uncertain.joint),
    }

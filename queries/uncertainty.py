"""Uncertainty: how far quantities are known where their inputs are known as distributions."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..jobs import with_stored
from ..plans import layout_of
from ..runs import overrides_of
from ..specs.axes import Inputs
from ..specs.bind import bind_keywords
from ..specs.calibration import pooled_notices
from ..specs.conditions import Condition, ConditionError, read_condition
from ..specs.problems import Problem, RooflaxError, SpecError
from ..workbench import Workbench, low_confidence, workbench

if TYPE_CHECKING:
    import xarray as xr

    from ..stores.write import Store
    from ..sweeps.fits.fit import Fit
    from ..sweeps.sweep import Sweep
    from ..sweeps.uncertainties.uncertain_inputs import Covariance

GROUP = "uncertainty"
QUANTILES = (0.05, 0.5, 0.95)
Progress = Callable[[int, int], None]


def uncertainty(
    quantities: str | Sequence[str],
    *,
    spec: str | os.PathLike[str] | None = None,
    samples: int = 1024,
    quantiles: Sequence[float] = QUANTILES,
    seed: int = 0,
    indices: bool = True,
    fitted: bool | Fit = False,
    where: Sequence[str] = (),
    models: Sequence[str | os.PathLike[str]] = (),
    catalog: Sequence[str | os.PathLike[str]] = (),
    **inputs: object,
) -> xr.Dataset:
    """How far quantities are known, at a point or over a grid, where inputs have distributions.

    An input is given as `"0.42 ± 0.03"`, `"25 GB/s ± 10 %"`, `{"uniform": [low, high]}`, `{"lognormal": [median,
    factor]}`, `{"normal": [mean, deviation]}` or `{"samples": [...]}`. `fitted` adds the calibrated inputs with their
    standard errors; a fit in its place takes that fit's values, errors and covariance. With `spec` the other inputs and
    the conditions are those of a spec or a shipped example. `samples` is a power of 2; with `indices` every point of
    the grid is evaluated samples · (inputs + correlated ones + 2) times. Everything is computed in float64.

    The dataset has, for every quantity, its quantiles under its own name, `_centre`, `_mean`, `_deviation`,
    `_no_value_probability` (above 0 statistics are missing), `_first_order` and `_share` (by the slopes at the centre),
    `_first_index` and `_total_index` (Sobol indices); beside them the probabilities `feasible_probability` and
    `condition_probability`. Raises SpecError with all problems of the inputs, and RooflaxError where nothing is
    uncertain.
    """
    names = [quantities] if isinstance(quantities, str) else list(quantities)
    bench = workbench(models, catalog)
    bench = bench if isinstance(fitted, bool) else bench.recalibrated(fitted.calibration())
    if spec is None:
        asked = asked_of_keywords(bench, names, inputs, where)
    else:
        texts = overrides_of(inputs)
        asked = asked_of_spec(bench, names, spec, [*texts, *([f"where=[{', '.join(where)}]"] if where else [])])
    covariance = None if isinstance(fitted, bool) else fitted.covariance
    return answer(asked, samples, quantiles, seed, indices=indices, fitted=fitted is not False, covariance=covariance)


@dataclass(frozen=True)
class Asked:
    """A question before it is answered: the sweep of the quantities, and what there is to say about its inputs."""

    sweep: Sweep
    quantities: tuple[str, ...]
    notices: tuple[str, ...]


def asked_of_keywords(bench: Workbench, names: Sequence[str], inputs: dict[str, object], where: Sequence[str]) -> Asked:
    """The question about keyword inputs. Raises SpecError."""
    from ..sweeps.sweep import sweep_of

    bench.check_quantities(names)
    conditions = _conditions(bench, where)
    bound = bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs)
    sweep = sweep_of(bench.registry, bound, names, conditions, capacity=True)
    notices = [*bound.notices, *low_confidence(bound.records), *pooled_notices(bound, sweep.graph.inputs)]
    return Asked(sweep, tuple(names), (*notices, *_unread(bound, sweep)))


def asked_of_spec(
    bench: Workbench, names: Sequence[str], spec: str | os.PathLike[str] | None, overrides: Sequence[str]
) -> Asked:
    """The question about a spec's inputs, or about those of the overrides alone.

    Raises SpecError, and RooflaxError where the spec leaves inputs free for an optimum.
    """
    from ..sweeps.sweep import refuse_free_inputs, sweep_of

    loaded = bench.asked(names, overrides, None if spec is None else os.fspath(spec), whole=True)
    refuse_free_inputs(loaded)
    sweep = sweep_of(bench.registry, loaded.inputs, names, loaded.conditions, capacity=True)
    return Asked(sweep, tuple(names), loaded.notices)


def answer(
    asked: Asked,
    samples: int,
    quantiles: Sequence[float],
    seed: int,
    *,
    indices: bool = True,
    fitted: bool = False,
    covariance: Covariance | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """The answer. Raises RooflaxError where nothing is uncertain, or the samples do not fit."""
    from ..sweeps.uncertainties.uncertain_inputs import uncertain_inputs
    from ..sweeps.uncertainties.uncertainty import Question
    from ..sweeps.uncertainties.uncertainty_results import uncertainty as answered

    sweep = asked.sweep
    question = Question(samples, _seed(seed), _quantiles(quantiles), indices)
    uncertain = uncertain_inputs(
        sweep.inputs, sweep.registry.vocabulary, sweep.graph.inputs, fitted=fitted, covariance=covariance
    )
    found = answered(sweep, asked.quantities, uncertain, question, progress)
    return found.assign_attrs(notices=[*asked.notices, *_without_value(asked, found)])


def _without_value(asked: Asked, found: xr.Dataset) -> list[str]:
    """A notice for each quantity that has no value at some of the samples."""
    notices = []
    for name in asked.quantities:
        shares = found[f"{name}_no_value_probability"]
        places = int((shares > 0).sum())
        if not places:
            continue
        most = f"{100 * float(shares.max()):.2g} %"
        told = f"at {places:,} of {shares.size:,} points up to {most}" if shares.ndim else most
        reason = asked.sweep.registry.quantities[name].declared.undefined
        notices.append(
            f"{name}: {told} of the samples have no finite value{f' ({reason})' if reason else ''}, so quantiles and "
            "moments are missing there"
        )
    return notices


def store_of(bench: Workbench, place: str | os.PathLike[str], spec: str | None, overrides: Sequence[str]) -> Store:
    """The finished store of a spec, open for writing. Raises RooflaxError where it is none of this spec."""
    from ..stores.location import located, root_attributes
    from ..stores.provenance import difference
    from ..stores.read import is_finished
    from ..stores.resume import create_or_resume
    from ..sweeps.sweep import sweep_of_spec

    if spec is None:
        raise RooflaxError(f"{place}: the answer goes beside the results of a spec; name the spec with --from")
    target = located(place)
    with target.errors("read"):
        exists = target.exists()
    if not exists or not is_finished(target):
        raise RooflaxError(
            f"{place} holds no finished results of {spec}; `rooflax run {spec} -o {place}` computes them"
        )
    loaded = bench.load(spec, overrides)
    sweep, gradients = with_stored(sweep_of_spec(bench.registry, loaded), loaded)
    layout = layout_of(sweep, loaded, gradients, overrides)
    if clause := difference(root_attributes(target), layout):
        settings = "".join(f" --set {shlex.quote(override)}" for override in overrides)
        raise RooflaxError(
            f"{place} holds the results of another sweep: {clause}; `rooflax run {spec}{settings} -o {place} "
            "--overwrite` replaces them, or give another -o"
        )
    return create_or_resume(place, layout)


def write_into(store: Store, found: xr.Dataset) -> None:
    """Writes an answer into the group `uncertainty` of a store, in place of an earlier one, and closes the store."""
    with store:
        store.write_group(GROUP, found, fresh=True)


def shares_of(text: str) -> tuple[float, ...]:
    """Shares separated by commas. Raises RooflaxError."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise RooflaxError(f"quantiles {text}; numbers separated by commas were expected, 0.05,0.5,0.95") from None


def _conditions(bench: Workbench, where: Sequence[str]) -> list[Condition]:
    found: list[Condition] = []
    problems = []
    for place, text in enumerate(where):
        try:
            found += read_condition(text, bench.names)
        except ConditionError as error:
            problems.append(Problem(("where", place), str(error)))
    if problems:
        raise SpecError(problems)
    return found


def _unread(inputs: Inputs, sweep: Sweep) -> list[str]:
    strangers = [name for name in inputs.distributions if name not in sweep.graph.inputs]
    return [f"{name}: no quantity that is asked depends on it" for name in strangers]


def _quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    found = tuple(float(share) for share in quantiles)
    wrong = [share for share in found if not 0 <= share <= 1]
    if wrong or not found or list(found) != sorted(set(found)):
        told = ", ".join(f"{share:g}" for share in found) or "none"
        raise RooflaxError(
            f"quantiles {told}; shares from 0 to 1 in rising order were expected, such as 0.05, 0.5, 0.95"
        )
    return found


def _seed(seed: int) -> int:
    if seed < 0:
        raise RooflaxError(f"seed {seed}; a whole number at least 0 was expected")
    return seed

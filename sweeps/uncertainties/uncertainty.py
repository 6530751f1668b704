"""Statistics over samples of uncertain inputs: one more axis of the engine's blocks, reduced block by block.

Peak memory is one block. A block holds all samples of some points of the grid, so that how it is cut changes nothing.
All samples count alike, be they feasible or not: an infeasible one keeps its values, and how probable it is to be
feasible stands beside them. Where a sample has no value (not a number), the statistics have none either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...specs.axes import Axis, Value
from ...specs.blocks import Regions, block_grid
from ...specs.problems import RooflaxError
from .. import engine
from ..block_function import BlockFunction
from ..checks import DEFINED, Check
from ..compilation import precision
from ..eager import is_small
from ..sweep import STATUS, Sweep
from .design import Design, parts_of
from .uncertain_inputs import Uncertain

SAMPLE, QUANTILE, INPUT, CONDITION = "sample", "quantile", "input", "condition"
BLOCK_EVALUATIONS = 2**22
DTYPE = "float64"
Arrays = dict[str, tuple[tuple[str, ...], np.ndarray]]


@dataclass(frozen=True)
class Question:
    """What is asked of the samples: how many, from which seed, which quantiles, and whether Sobol indices too."""

    samples: int = 1024
    seed: int = 0
    quantiles: tuple[float, ...] = (0.05, 0.5, 0.95)
    indices: bool = True


def sampled(
    sweep: Sweep,
    quantities: Sequence[str],
    uncertain: Uncertain,
    question: Question,
    progress: engine.Progress | None = None,
) -> Arrays:
    """Arrays with their dims: for each quantity its `quantile`s under its own name, `_mean` and `_deviation`.

    `_no_value_probability` is the share of the samples without a finite value, with which statistics are missing.
    With indices `_first_index` and `_total_index` along `input`. `feasible_probability` is that of status 0, and
    `condition_probability/TEXT` that of each of the `told_checks`. Raises RooflaxError where the samples of one point
    do not fit into a block, or the results not into memory.
    """
    _refuse_too_many(uncertain, question)
    design = Design(uncertain, question.samples, question.seed, indices=question.indices)
    reads = [check.reads for check in told_checks(sweep)]
    names = tuple(dict.fromkeys([*quantities, STATUS, *reads]))
    grid = sampled_sweep(sweep, uncertain, design).narrowed(names)
    _refuse_results(grid, quantities, uncertain, question)
    regions = regions_of(grid, design.total)
    function = None if is_small(grid) else BlockFunction(grid, names, regions.lengths)
    found: Arrays = {}
    with precision(DTYPE), np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        blocks = engine.evaluate_blocks(grid, names, dtype=DTYPE, regions=regions, function=function)
        for done, block in enumerate(blocks, start=1):
            for name, values in block.owned(names).items():
                dims = tuple(dim for dim in grid.dims[name] if dim != SAMPLE)
                whole = values if SAMPLE in grid.dims[name] else values[..., None]
                for key, part in _reduced(name, whole, quantities, sweep, design, question).items():
                    _put(found, key, dims, part, grid, block.region.selection(dims))
            if progress:
                progress(done, len(regions))
    return found


def sampled_sweep(sweep: Sweep, uncertain: Uncertain, design: Design) -> Sweep:
    """The sweep with one axis more, the last: along it the uncertain inputs take the values of the samples."""
    if taken := {SAMPLE, QUANTILE, INPUT, CONDITION}.intersection(sweep.sizes):
        raise RooflaxError(
            f"the axis `{sorted(taken)[0]}` has the name of a dimension of the results; name it otherwise"
        )
    spans = {
        one.name: {d: n for d, n in sweep.sizes.items() if d in (*one.dims, *design.dims(one.name))}
        for one in uncertain.inputs
    }
    needed = 8 * design.total * sum(math.prod(span.values()) for span in spans.values())
    if needed > engine.MEMORY_LIMIT:
        raise RooflaxError(
            f"The samples of the inputs need {needed / 2**30:.1f} GiB in memory; the limit is "
            f"{engine.MEMORY_LIMIT / 2**30:.0f} GiB. Take fewer samples, or fewer records on an axis."
        )
    values = dict(sweep.inputs.values)
    for one in uncertain.inputs:
        span, scores = spans[one.name], design.scores(one.name)
        index = tuple(slice(None) if dim in design.dims(one.name) else None for dim in span)
        spread = np.broadcast_to(scores[(*index, slice(None))], (*span.values(), design.total))
        values[one.name] = Value(one.name, (*span, SAMPLE), one.at(spread, tuple(span)), "sampled")
    axes = (*sweep.axes, Axis(SAMPLE, np.arange(float(design.total)), label="Sample"))
    return replace(sweep, inputs=replace(sweep.inputs, axes=axes, values=values))


def told_checks(sweep: Sweep) -> tuple[Check, ...]:
    """The conditions whose probability is worth telling: all but those of legality and of a formula's domain."""
    declared = {name: model.declared.constraint for name, model in sweep.registry.constraints.items()}
    legal = {name for name, constraint in declared.items() if constraint is not None and constraint.legal}
    return tuple(check for check in sweep.checks if check.text not in legal and check.operator != DEFINED)


def regions_of(grid: Sweep, total: int) -> Regions:
    """The blocks of the grid, each with all its samples."""
    sizes = {dim: size for dim, size in grid.sizes.items() if dim != SAMPLE}
    lengths = block_grid(sizes, max(1, BLOCK_EVALUATIONS // total))
    if SAMPLE in grid.sizes:
        sizes, lengths = {**sizes, SAMPLE: total}, {**lengths, SAMPLE: total}
    found = Regions(sizes, lengths)
    if len(found) > engine.MOST_BLOCKS:
        told = " x ".join(f"{dim} ({size:,})" for dim, size in sizes.items())
        raise RooflaxError(
            f"This needs {math.prod(sizes.values()):.3g} evaluations: {told}. That is {len(found):.3g} blocks; the "
            f"limit is {engine.MOST_BLOCKS:,}. Take fewer samples, or give the axes fewer labels."
        )
    return found


def statistics(values: np.ndarray, quantiles: Sequence[float]) -> dict[str, np.ndarray]:
    """Quantiles (last axis), mean and standard deviation of samples along the last axis."""
    shifted = _shifted(values)
    spread = shifted.std(axis=-1, ddof=1) if values.shape[-1] > 1 else shifted[..., 0]
    return {
        "": np.moveaxis(np.quantile(values, quantiles, axis=-1), 0, -1),
        "_mean": values.mean(axis=-1),
        "_deviation": spread,
    }


def sobol_indices(values: np.ndarray, design: Design) -> dict[str, np.ndarray]:
    """First-order and total indices along a last axis of inputs, from samples along the last axis.

    First: Var(E[y | xᵢ]) / Var(y), by Saltelli's mean of y_B (y_F − y_A). Total: E[Var(y | all but xᵢ)] / Var(y), by
    Jansen's mean of (y_A − y_T)² / 2. The variance is that of A and B together; where it is 0 there are no indices.
    """
    parts = _shifted(values).reshape(*values.shape[:-1], design.parts, design.samples)
    first, second = parts[..., 0, :], parts[..., 1, :]
    both = parts[..., :2, :]
    centre = both.mean(axis=(-2, -1))[..., None]
    variance = both.var(axis=(-2, -1))
    told: dict[str, list[np.ndarray]] = {"_first_index": [], "_total_index": []}
    for name in design.uncertain.names:
        shared, redrawn = parts[..., design.firsts[name], :], parts[..., design.totals[name], :]
        told["_first_index"].append(((second - centre) * (shared - first)).mean(axis=-1) / variance)
        told["_total_index"].append(((first - redrawn) ** 2).mean(axis=-1) / (2 * variance))
    return {key: np.stack(found, axis=-1) for key, found in told.items()}


def _shifted(values: np.ndarray) -> np.ndarray:
    """Samples less the first one, so that equal ones have no variance, not even one of rounding."""
    return values - values[..., :1]


def _reduced(
    name: str, values: np.ndarray, quantities: Sequence[str], sweep: Sweep, design: Design, question: Question
) -> dict[str, np.ndarray]:
    """The statistics of one variable of a block, whose last axis are the samples, or one value for all of them."""
    own = values[..., : design.samples]
    found: dict[str, np.ndarray] = {}
    if name == STATUS:
        found["feasible_probability"] = (own == 0).mean(axis=-1)
    for check in told_checks(sweep):
        if check.reads == name:
            fails = np.asarray(check.fails(check.margin({name: own})))
            found[f"condition_probability/{check.text}"] = (~fails).mean(axis=-1)
    if name in quantities:
        found[f"{name}_no_value_probability"] = (~np.isfinite(own)).mean(axis=-1)
        found |= {f"{name}{suffix}": part for suffix, part in statistics(own, question.quantiles).items()}
        if question.indices:
            spread = np.broadcast_to(values, (*values.shape[:-1], design.total))
            found |= {f"{name}{suffix}": part for suffix, part in sobol_indices(spread, design).items()}
    return found


def _put(
    found: Arrays, key: str, dims: tuple[str, ...], part: np.ndarray, grid: Sweep, place: tuple[slice, ...]
) -> None:
    """Puts the part of one block into the array of the whole grid."""
    extra = part.shape[len(dims) :]
    if key not in found:
        own = {1: INPUT if key.endswith("_index") else QUANTILE}.get(len(extra))
        shape = (*(grid.sizes[dim] for dim in dims), *extra)
        found[key] = ((*dims, own) if own else dims), np.empty(shape)
    found[key][1][place] = part


def _refuse_too_many(uncertain: Uncertain, question: Question) -> None:
    parts = parts_of(uncertain, question.indices)
    if parts * question.samples > BLOCK_EVALUATIONS:
        most = 1 << (BLOCK_EVALUATIONS // parts).bit_length() - 1
        advice = ", or leave out the indices" if question.indices else ""
        raise RooflaxError(
            f"{question.samples:,} samples need {parts * question.samples:,} evaluations at every point of the grid; "
            f"the limit is {BLOCK_EVALUATIONS:,}. Take at most {most} samples{advice}."
        )


def _refuse_results(grid: Sweep, quantities: Sequence[str], uncertain: Uncertain, question: Question) -> None:
    columns = len(question.quantiles) + 3 + (2 * len(uncertain.inputs) if question.indices else 0)
    points = sum(
        math.prod(size for dim, size in grid.sizes.items() if dim != SAMPLE and dim in grid.dims[name])
        for name in quantities
    )
    needed = 8 * columns * points
    if needed > engine.MEMORY_LIMIT:
        raise RooflaxError(
            f"The statistics need {needed / 2**30:.1f} GiB in memory ({columns} numbers at each of {points:.3g} "
            f"points); the limit is {engine.MEMORY_LIMIT / 2**30:.0f} GiB. Give the axes fewer labels."
        )

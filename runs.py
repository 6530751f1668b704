"""Runs: a spec's sweep into its store, and the plan of it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .inventory import shown_value
from .kernels.registry import Registry
from .specs.axes import Axis, Box, Inputs, Value
from .specs.blocks import Regions
from .specs.loaded import LoadedSpec, in_dtype
from .specs.problems import RooflaxError
from .specs.schema import Best, Optimize
from .specs.units import format_quantity
from .sweeps import engine
from .sweeps.gradients.stored_gradients import GROUP as GRADIENTS
from .sweeps.gradients.stored_gradients import StoredGradient, gradient_block, gradient_labels, with_gradients
from .sweeps.infeasible import infeasible_labels
from .sweeps.optima.optimum import planned, without_conditions
from .sweeps.searches.searches import labelled, names_of, searches_of
from .sweeps.sweep import Sweep, sweep_of_spec, sweep_to_optimize
from .workbench import Workbench

if TYPE_CHECKING:
    from .specs.blocks import StoreLayout
    from .stores.write import Store

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Run:
    """A finished run: the path or URL of its store, how many blocks it has, and how many of them were there already."""

    path: Path | str
    blocks: int
    resumed: int
    points: int
    notices: tuple[str, ...]


def run(
    spec: str | os.PathLike[str],
    *,
    store: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    bench: Workbench | None = None,
    overrides: Sequence[str] = (),
    **inputs: object,
) -> Run:
    """Runs a sweep spec into a store, resuming where an earlier run of the same spec stopped.

    `inputs` override the spec's, as `--set` does. Blocks are written first and marked as done last, so an interruption
    at any moment loses at most the blocks under way.
    """
    bench = bench or Workbench()
    given = [*overrides, *overrides_of(inputs)]
    loaded = bench.load(spec, given)
    return run_loaded(bench, loaded, store=store, overwrite=overwrite, progress=progress, overrides=given)


def overrides_of(inputs: Mapping[str, object]) -> list[str]:
    """Keyword inputs as the overrides `KEY=VALUE` of a spec. Raises RooflaxError for what YAML cannot say."""
    return [f"{name}={_yaml(value)}" for name, value in inputs.items()]


def _yaml(value: object) -> str:
    """A Python value as YAML on one line; JSON is YAML."""
    try:
        return json.dumps(value, default=_plain)
    except (TypeError, ValueError) as error:
        raise RooflaxError(f"{value!r} is no number, text, list or grid form: {error}") from error


def _plain(value: object) -> object:
    """A numpy array or number as Python's own."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} was found")


def run_loaded(
    bench: Workbench,
    loaded: LoadedSpec,
    *,
    store: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    overrides: Sequence[str] = (),
) -> Run:
    """Runs a spec that was loaded; `overrides` are those it was loaded with, for the store's provenance."""
    from .stores.read import is_finished
    from .stores.resume import create_or_resume

    path = store or loaded.spec.store.path
    if path is None:
        raise RooflaxError(f"{loaded.file} names no store; give it one with -o runs/NAME.zarr")
    sweep, gradients = with_stored(sweep_of_spec(bench.registry, loaded), loaded)
    with create_or_resume(path, layout_of(sweep, loaded, gradients, overrides), overwrite=overwrite) as target:
        regions, done = engine.blocks_of(sweep), target.done()
        # A marked block whose files were lost since is computed again.
        done[done] = target.holds([regions[int(index)] for index in np.flatnonzero(done)])
        complete = is_finished(target.place) and all(map(target.has_group, searches_of(sweep)))
        if not (done.all() and complete):
            _fill(sweep, gradients, target, regions, done, loaded.spec.store.dtype, progress)
    return Run(target.place.address, len(regions), int(done.sum()), sweep.points, loaded.notices)


def _fill(
    sweep: Sweep,
    gradients: Sequence[StoredGradient],
    target: Store,
    regions: Regions,
    done: np.ndarray,
    dtype: str,
    progress: Progress | None,
) -> None:
    """Evaluates the blocks that are not done, writes and marks them; then what was searched for, and the end.

    Where something is searched for, the blocks that an earlier run has written are evaluated again, which is quicker
    than reading them.
    """
    if gradients:
        target.write_group(GRADIENTS, gradient_labels(sweep, gradients))
    searches = searches_of(sweep)
    due = [regions[i] for i in range(len(regions)) if searches or not done[i]]
    names = (*names_of(sweep), *(name for gradient in gradients for name in gradient.names))
    for count, block in enumerate(engine.evaluate_blocks(sweep, names, dtype=dtype, regions=due), start=1):
        for search in searches.values():
            search.add(block.region, block.values)
        if not done[block.region.index]:
            target.write(block.region, {**block.owned(sweep.variables), **gradient_block(gradients, block, dtype)})
            target.mark(block.region)
        if progress:
            progress(len(regions) - len(due) + count, len(regions))
    for group, found in labelled(sweep, searches).items():
        target.write_group(group, found)
    target.finish()


def layout_of(
    sweep: Sweep, loaded: LoadedSpec, gradients: Sequence[StoredGradient] = (), overrides: Sequence[str] = ()
) -> StoreLayout:
    """The layout of the store a spec's sweep fills: what `plan` shows."""
    from .sweeps.store_layout import store_layout

    return store_layout(sweep, loaded, gradients, overrides)


def with_stored(sweep: Sweep, loaded: LoadedSpec) -> tuple[Sweep, tuple[StoredGradient, ...]]:
    """The sweep of a spec that also computes the gradients it asks for, and the arrays of these."""
    return with_gradients(sweep, loaded.spec.gradients) if loaded.spec.gradients is not None else (sweep, ())


def plan_of(bench: Workbench, loaded: LoadedSpec) -> dict[str, Any]:
    """What a spec's run would compute and store, as plain data; nothing runs but the legality of whole labels."""
    free = loaded.inputs.boxes
    if free:
        optimized = sweep_to_optimize(bench.registry, loaded)
        sweep, judged, gradients = planned(optimized), without_conditions(optimized), ()
        loaded = in_dtype(loaded, "float64")
    else:
        sweep, gradients = with_stored(sweep_of_spec(bench.registry, loaded), loaded)
        judged = sweep
    layout = layout_of(sweep, loaded, gradients)
    sizes = {array.name: math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in layout.arrays}
    best, optimize, front = loaded.spec.best, loaded.spec.optimize, sweep.frontier
    return {
        "title": loaded.spec.title,
        "axes": [_axis_line(axis) for axis in sweep.axes],
        "points": sweep.points,
        "blocks": layout.num_blocks,
        "dtype": loaded.spec.store.dtype,
        "bytes": sum(sizes.values()),
        "variables": [
            {
                "name": array.path,
                "unit": array.attrs.get("units", "1"),
                "dims": list(array.dims),
                "bytes": sizes[array.name],
                "shard": list(array.shards),
                "chunk": list(array.chunks),
            }
            for array in layout.arrays
        ],
        "conditions": [check.text for check in sweep.checks],
        "best": f"{_direction(best)} {best.objective} over {', '.join(best.over)}" if best else "",
        "pareto": f"{', '.join(goal.words for goal in front.goals)} over {', '.join(front.over)}" if front else "",
        "optimize": f"{_direction(optimize)} {optimize.objective}" if optimize else "",
        "over": [_box_line(box) for box in free],
        "inputs": [
            _input_line(bench.registry, value, sweep.inputs)
            for name, value in sorted(sweep.values.items())
            if name not in {box.name for box in free}
        ],
        "warnings": infeasible_labels(judged),
    }


def _direction(part: Best | Optimize) -> str:
    return "largest" if part.maximize is not None else "smallest"


def _box_line(box: Box) -> dict[str, Any]:
    low, high = (format_quantity(bound, box.unit) for bound in (box.low, box.high))
    return {"name": box.name, "low": low, "high": high, "scale": "log" if box.log else "linear"}


def _axis_line(axis: Axis) -> dict[str, Any]:
    first, last = (
        format_quantity(float(label), axis.unit) if axis.labels.dtype.kind == "f" else str(label)
        for label in (axis.labels[0], axis.labels[-1])
    )
    return {"name": axis.name, "size": axis.size, "first": first, "last": last}


def _input_line(registry: Registry, value: Value, inputs: Inputs) -> dict[str, Any]:
    if value.name in inputs.distributions:
        text = inputs.distributions[value.name].text(registry.unit(value.name))
        return {"name": value.name, "value": text, "origin": value.origin}
    flat = value.data.ravel()
    shown = [shown_value(registry, value.name, float(number)) for number in (flat.min(), flat.max())]
    text = shown[0] if shown[0] == shown[1] else f"{shown[0]} … {shown[1]}"
    return {"name": value.name, "value": text, "origin": value.origin}

"""Plans: what a run would compute and store, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .inventory import shown_value
from .jobs import with_stored
from .kernels.registry import Registry
from .specs.axes import Axis, Box, Inputs, Value
from .specs.loaded import LoadedSpec, in_dtype
from .specs.schema import Best, Optimize
from .specs.units import format_quantity
from .sweeps.infeasible import infeasible_labels
from .sweeps.sweep import Sweep, sweep_of_spec, sweep_to_optimize
from .workbench import Workbench

if TYPE_CHECKING:
    from .specs.blocks import StoreLayout
    from .sweeps.gradients.stored_gradients import StoredGradient


def layout_of(
    sweep: Sweep, loaded: LoadedSpec, gradients: Sequence[StoredGradient] = (), overrides: Sequence[str] = ()
) -> StoreLayout:
    """The layout of the store a spec's sweep fills: what `plan` shows."""
    from .sweeps.store_layout import store_layout

    return store_layout(sweep, loaded, gradients, overrides)


def plan_of(bench: Workbench, loaded: LoadedSpec) -> dict[str, Any]:
    """What a spec's run would compute and store, as plain data; nothing runs but the legality of whole labels."""
    free = loaded.inputs.boxes
    if free:
        from .sweeps.optima.optimum import planned, without_conditions

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

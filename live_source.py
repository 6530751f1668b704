"""The live source of the explorer: a spec whose pictures are evaluated as somebody looks at them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .reports.defaults import start
from .reports.explorer.source import Dial, Explanation, Place
from .reports.explorer.views import steps
from .spec_texts import reproducing
from .specs.axes import Axis, Value
from .specs.problems import RooflaxError
from .specs.vocabulary import Kind
from .sweeps.eager import MOST_POINTS
from .sweeps.engine import evaluate
from .sweeps.gradients.derivatives import derivatives  # loads JAX before a second thread might ask for half of it
from .sweeps.label import attributes, coordinates, dataset
from .sweeps.leaves import is_code
from .sweeps.sweep import MARGIN, STATUS, Sweep, sweep_of
from .workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

    from .reports.registry import Report
    from .specs.loaded import LoadedSpec
    from .specs.vocabulary import Leaf

_WIDER = 4.0
_MOST_WHOLE = 1e15
_LOOKED_AT = 2**13


@dataclass(frozen=True)
class LiveSource:
    """A loaded spec; `overrides` are those it was loaded with."""

    bench: Workbench
    loaded: LoadedSpec
    overrides: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The title of the spec."""
        return self.loaded.spec.title

    @property
    def notices(self) -> tuple[str, ...]:
        """What the loader has to say."""
        return self.loaded.notices

    @cached_property
    def sweep(self) -> Sweep:
        """The whole grid, of which each picture evaluates a part."""
        spec, inputs = self.loaded.spec, self.loaded.inputs
        return sweep_of(self.bench.registry, inputs, spec.outputs, self.loaded.conditions)

    @property
    def dials(self) -> tuple[Dial, ...]:
        """The continuous inputs that are no axes: what the spec gives first, then all else that is read."""
        return self._dials

    @cached_property
    def _dials(self) -> tuple[Dial, ...]:
        sweep, boxes = self.sweep, {box.name: box for box in self.loaded.inputs.boxes}
        found = [
            dial
            for name in sorted(
                sweep.graph.inputs, key=lambda name: sweep.values[name].origin not in ("given", "optimize")
            )
            if name not in sweep.labels and (dial := self._dial(name)) is not None
        ]
        return tuple(
            replace(dial, low=boxes[dial.name].low, high=boxes[dial.name].high, log=boxes[dial.name].log)
            if dial.name in boxes
            else dial
            for dial in found
        )

    def _dial(self, name: str) -> Dial | None:
        leaf, values = self.bench.registry.vocabulary.get(name), self.sweep.values[name].data
        if (leaf is not None and leaf.kind is not Kind.CONTINUOUS) or self.bench.registry.options(name):
            return None
        value = float(values.ravel()[0])
        span = _span(value, leaf)
        if span is None:
            return None
        registry = self.bench.registry
        return Dial(name, registry.label(name), registry.unit(name), value, *span)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """Everything that can be computed: the outputs first."""
        computed = [quantity.name for quantity in self.sweep.graph.order]
        names = dict.fromkeys([*self.sweep.outputs, *computed])
        return tuple(name for name in names if name not in self.sweep.labels)

    @cached_property
    def _template(self) -> xr.Dataset:
        import xarray as xr

        sweep = self.sweep
        variables = {
            name: (
                sweep.dims[name],
                np.broadcast_to(np.zeros((), "int8" if is_code(sweep, name) else float), sweep.shape(name)),
                attributes(sweep, name),
            )
            for name in (*self._names, STATUS, MARGIN)
        }
        coords = {coord.name: (coord.dims, coord.values, dict(coord.attrs)) for coord in coordinates(sweep)}
        for dial in self.dials:
            coords[dial.name] = ((dial.name,), steps(dial), {"long_name": dial.label, "units": dial.unit})
        return xr.Dataset(variables, coords)

    @property
    def start(self) -> Mapping[str, int]:
        """A feasible point in the middle of all that are, of some."""
        places = _thinned(self.sweep.sizes)
        few = replace(self.sweep, inputs=self.sweep.inputs.at(places))
        found = start(dataset(few, evaluate(few, [STATUS])))
        return {dim: int(places[dim][at]) for dim, at in found.items()}

    def dataset(self, group: str) -> xr.Dataset | None:
        """The whole grid without values, and beside it the inputs that may become axes."""
        return None if group else self._template

    def cut(self, report: Report, choice: Mapping[str, str], place: Place) -> xr.Dataset:
        """The picture's part of the grid, evaluated."""
        needed = report.needed(self._template, choice)
        own = report.dims(needed, choice)
        sweep = self._placed(place, own)
        if sweep.points > MOST_POINTS:
            raise RooflaxError(
                f"this picture takes {sweep.points:,} points at once, {MOST_POINTS:,} are evaluated while one looks: "
                "leave labels out with --set, or run the spec into a store and explore that"
            )
        names = tuple(map(str, needed.data_vars))
        found = dataset(sweep, evaluate(sweep, names))
        lacking = [axis for axis in coordinates(sweep) if axis.name in own and axis.name not in found.sizes]
        found = found.assign_coords({axis.name: (axis.dims, axis.values, dict(axis.attrs)) for axis in lacking})
        return report.cut(found, choice)

    def _placed(self, place: Place, own: Sequence[str]) -> Sweep:
        """The sweep with one label of each axis but its `own`, and with inputs moved; axes of one label are gone."""
        sweep, inputs = self.sweep, self.sweep.inputs
        fixed = {axis.name: np.array([_position(place, axis)]) for axis in sweep.axes if axis.name not in own}
        values = {name: _squeezed(value, fixed) for name, value in inputs.at(fixed).values.items()}
        axes = [axis for axis in sweep.axes if axis.name not in fixed]
        for dial in self.dials:
            if dial.name in own:
                labels = steps(dial)
                axes.append(Axis(dial.name, labels, unit=dial.unit, label=dial.label))
                values[dial.name] = Value(dial.name, (dial.name,), labels, "axis")
            elif dial.name in place.dials:
                values[dial.name] = Value(dial.name, (), np.asarray(place.dials[dial.name]), "moved here")
        return replace(sweep, inputs=replace(inputs, axes=tuple(axes), values=values))

    def explain(self, quantity: str, place: Place) -> Explanation:
        """A quantity at a point, and the condition that fails there."""
        from .sweeps.cases import failures
        from .sweeps.explain import explain

        point = self._placed(place, ())
        status = evaluate(point, [STATUS])[STATUS]
        (failure,) = failures(point, np.atleast_1d(status))
        return Explanation(explain(point.narrowed([quantity]), quantity), failure)

    def elasticity(self, quantity: str, by: str, place: Place) -> float | None:
        """The elasticity by a continuous input, one-sided at kinks."""
        leaf = self.bench.registry.vocabulary.get(by)
        if (leaf is not None and leaf.kind is not Kind.CONTINUOUS) or self.bench.registry.options(quantity):
            return None
        if by not in self.sweep.values:
            return None
        found = derivatives(self._placed(place, ()).narrowed([quantity]), [quantity], [by], relative=True)
        value = float(found[quantity, by].value)
        return value if math.isfinite(value) else None

    def spec(self, report: Report, choice: Mapping[str, str], place: Place) -> str:
        """The spec with the picture's axes alone, in which all else is fixed at this place."""
        needed = report.needed(self._template, choice)
        own = report.dims(needed, choice)
        names = [str(name) for name in needed.data_vars if name not in (STATUS, MARGIN)]
        fixed = dict(self._fixed(place, own))
        for dial in self.dials:
            if dial.name in choice.values():
                fixed[dial.name] = steps(dial).tolist()
            elif dial.name in place.dials:
                fixed[dial.name] = place.dials[dial.name]
        for box in self.loaded.inputs.boxes:
            fixed.setdefault(box.name, float(self.sweep.values[box.name].data))
        return reproducing(
            self.loaded,
            self.overrides,
            self.bench.names,
            fixed,
            [*names, *(name for name in self.loaded.spec.outputs if name not in names)],
            f"The picture `{report.name}` of {', '.join(f'{role} = {name}' for role, name in choice.items())}",
        )

    def _fixed(self, place: Place, own: Sequence[str]) -> Iterator[tuple[str, object]]:
        for axis in self.sweep.axes:
            if axis.name in own:
                continue
            at = _position(place, axis)
            if axis.coords:
                yield axis.name, {"zip": {name: [_plain(labels[at])] for name, labels in axis.coords.items()}}
            else:
                yield axis.name, _plain(axis.labels[at])


def _thinned(sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Positions along dims that make few points: every other one of the longest dim, until they are."""
    places = {dim: np.arange(size) for dim, size in sizes.items()}
    while math.prod(map(len, places.values())) > _LOOKED_AT:
        longest = max(places, key=lambda dim: len(places[dim]))
        places[longest] = places[longest][::2]
    return places


def _position(place: Place, axis: Axis) -> int:
    """The position along an axis; where nothing that is asked for varies along it, any will do."""
    return place.at.get(axis.name, 0)


def _plain(label: np.generic) -> object:
    """A label as a spec is written."""
    value = label.item()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _MOST_WHOLE else value


def _squeezed(value: Value, fixed: Mapping[str, object]) -> Value:
    """A value without the dims along which it has one label."""
    kept = tuple(dim for dim in value.dims if dim not in fixed)
    sizes = [size for dim, size in zip(value.dims, value.data.shape, strict=True) if dim not in fixed]
    return value if len(kept) == len(value.dims) else replace(value, dims=kept, data=value.data.reshape(sizes))


def _span(value: float, leaf: Leaf | None) -> tuple[float, float, bool] | None:
    """How far an input may be moved: through a domain with two ends, else from a quarter to four times its value."""
    low, high = (leaf.low, leaf.high) if leaf is not None else (-math.inf, math.inf)
    above = leaf is not None and leaf.above
    if not math.isfinite(value):
        return None
    if math.isfinite(low) and math.isfinite(high):
        return (low + (high - low) / 64 if above else low), high, False
    if value <= 0:
        return None
    return max(low, value / _WIDER), min(high, value * _WIDER), True


def live_source(bench: Workbench, spec: str, overrides: Sequence[str]) -> LiveSource:
    """The live source of a spec file or a shipped example."""
    return LiveSource(bench, bench.load(spec, overrides), tuple(overrides))

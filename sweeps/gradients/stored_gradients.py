"""Gradients beside the results of a sweep: derivatives and elasticities computed and stored while blocks pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from ...kernels.registry import Quantity
from ...specs.blocks import ArrayLayout, chunking, writes
from ...specs.problems import RooflaxError
from ...specs.schema import Gradients
from ..engine import Block
from ..sweep import Sweep
from .gradient_results import WRT, units_by
from .motion import Motion
from .slopes import FALLING, RISING
from .tangents import Derivative, companion, with_tangents

if TYPE_CHECKING:
    import xarray as xr

GROUP = "gradients"


@dataclass(frozen=True)
class StoredGradient:
    """One array of the group: a quantity's derivatives (or elasticities) by several inputs.

    `parts` are the names that the sweep computes; where a part is a number, it stands for a constant.
    """

    name: str
    of: str
    wrt: tuple[str, ...]
    parts: tuple[str | float, ...]
    dims: tuple[str, ...]
    attrs: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that have to be evaluated."""
        return tuple(part for part in self.parts if isinstance(part, str))

    def layout(self, sweep: Sweep, lengths: Mapping[str, int], dtype: str) -> ArrayLayout:
        """The array in a store: all inputs of a block in one shard, each in chunks of its own."""
        shards, chunks = chunking(self.dims, sweep.sizes, lengths, np.dtype(dtype).itemsize)
        shape = (len(self.wrt), *(sweep.sizes[dim] for dim in self.dims))
        own = (WRT, *self.dims)
        return ArrayLayout(self.name, own, shape, dtype, (len(self.wrt), *shards), (1, *chunks), self.attrs, GROUP)

    def block(self, block: Block, dtype: str) -> dict[str, np.ndarray]:
        """The array inside a block, by its path in the store, where this block is the one to write it."""
        if not writes(block.region, self.dims):
            return {}
        shape = [stop - start for start, stop in (block.region.slices[dim] for dim in self.dims)]
        parts = [
            np.broadcast_to(self._own(block, part) if isinstance(part, str) else part, shape) for part in self.parts
        ]
        return {f"{GROUP}/{self.name}": np.stack(parts).astype(dtype)}

    def _own(self, block: Block, part: str) -> np.ndarray:
        """One part along the dims of the array, of size 1 where it does not vary."""
        value = np.asarray(block.values[part])
        return value.reshape([n for n, dim in zip(value.shape, block.sweep.sizes, strict=True) if dim in self.dims])


def with_gradients(sweep: Sweep, asked: Gradients) -> tuple[Sweep, tuple[StoredGradient, ...]]:
    """The sweep that also computes what a spec's `gradients` ask for, and the arrays to store.

    Raises RooflaxError for a quantity in `wrt` that is given no value.

    A derivative is that of a rising input, or of a falling one where all its values lie at the top of its domain. NaN
    where a quantity moves in whole steps.
    """
    found: list[StoredGradient] = []
    for kind, part in (("derivative", asked.derivative), ("elasticity", asked.elasticity)):
        for name in part.of if part is not None else ():
            sweep, parts = _parts(sweep, name, part.wrt if part is not None else (), relative=kind == "elasticity")
            wrt = tuple(parts)
            named = [own for own in parts.values() if isinstance(own, str)]
            dims = {dim for own in named for dim in sweep.dims[own]}
            ordered = tuple(dim for dim in sweep.sizes if dim in dims)
            attrs = _attributes(sweep, name, wrt, kind)
            found.append(StoredGradient(f"{name}_{kind}", name, wrt, tuple(parts.values()), ordered, attrs))
    return sweep, tuple(found)


def gradient_labels(sweep: Sweep, gradients: Sequence[StoredGradient]) -> xr.Dataset:
    """The labels along `wrt` and the units of the inputs, for the group that holds the arrays."""
    import xarray as xr

    wrt = gradients[0].wrt
    units = np.array([sweep.registry.unit(by) for by in wrt])
    own = {
        WRT: (WRT, np.array(wrt), {"long_name": "Input"}),
        "wrt_units": (WRT, units, {"long_name": "Unit of the input"}),
    }
    return xr.Dataset(coords=own)


def _parts(sweep: Sweep, name: str, wrt: Iterable[str], *, relative: bool) -> tuple[Sweep, dict[str, str | float]]:
    parts: dict[str, str | float] = {}
    for by in wrt:
        leaf = sweep.registry.vocabulary.get(by)
        value = sweep.values.get(by)
        if value is None and leaf is None:
            raise RooflaxError(
                f"gradients: `{by}` is computed here; give it a value to ask how others would move with it"
            )
        if value is None:
            parts[by] = 0.0
            continue
        side = FALLING if leaf is not None and (value.data >= leaf.high).all() else RISING
        sweep, names = with_tangents(sweep, [name], [by], side=side)
        parts[by] = _part(names.get((name, by)))
        if relative and isinstance(parts[by], str):
            sweep, parts[by] = _with_elasticity(sweep, name, by, str(parts[by]))
    return sweep, parts


def _part(own: Derivative | None) -> str | float:
    if own is None or own.motion is Motion.CHOSEN:
        return 0.0
    return own.slope or float("nan")


def _with_elasticity(sweep: Sweep, name: str, by: str, slope: str) -> tuple[Sweep, str]:
    """The sweep with a slope times its input over its quantity."""
    model = next(quantity for quantity in sweep.graph.order if quantity.name == name)
    own = f"elasticity: {slope}"
    added: Quantity = companion(own, model, (slope, by, name), _Elasticity(slope, by, name))
    return replace(sweep, graph=replace(sweep.graph, order=(*sweep.graph.order, added))), own


@dataclass(frozen=True)
class _Elasticity:
    """The relative slope; NaN where the quantity is 0."""

    slope: str
    by: str
    of: str

    def __call__(self, **values: Any) -> Any:
        base = values[self.of]
        return jnp.where(base == 0, jnp.nan, values[self.slope] * values[self.by] / jnp.where(base == 0, 1.0, base))


def _attributes(sweep: Sweep, name: str, wrt: Sequence[str], kind: str) -> dict[str, Any]:
    label = f"{kind.capitalize()} of {sweep.registry.label(name)}"
    if kind == "elasticity":
        return {"long_name": label, "units": "1"}
    return {"long_name": label, **units_by(sweep.registry.unit(name), [sweep.registry.unit(by) for by in wrt])}

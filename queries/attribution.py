"""Attribution: which inputs a quantity depends on most, at a point, over a grid, or at the best points of a spec."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..runs import overrides_of
from ..specs.bind import bind_keywords
from ..specs.calibration import pooled_notices
from ..specs.problems import RooflaxError
from ..workbench import Workbench, low_confidence, workbench
from .gradient import inputs_named

if TYPE_CHECKING:
    import xarray as xr

    from ..specs.loaded import LoadedSpec
    from ..sweeps.sweep import Sweep

BINDING = "binding"


def attribute(
    quantity: str,
    *,
    inputs: Sequence[str] = (),
    change: float = 0.1,
    spec: str | os.PathLike[str] | None = None,
    best: bool = False,
    models: Sequence[str | os.PathLike[str]] = (),
    catalog: Sequence[str | os.PathLike[str]] = (),
    **given: object,
) -> xr.Dataset:
    """What every input does to a quantity: data of a tornado, along `input` and the axes, the largest effect first.

    `elasticity` with its `reading`; the quantity where the input is `change` lower (`low`) and higher (`high`), each
    evaluated exactly; for a count, a flag or a choice `high` is that of the next legal value; `swing` is the larger
    relative change. `binding` and `status` tell what a point waits for and which condition it fails.

    Without `inputs` it is asked of all that move the quantity but those that describe the model. With `best` it is
    asked at the points that the spec's `best` chooses. Raises SpecError for wrong names, RooflaxError where the
    quantity has no order, or the spec chooses nothing.
    """
    bench = workbench(models, catalog)
    if spec is not None:
        return attribute_described(bench, quantity, inputs, change, overrides_of(given), os.fspath(spec), best=best)
    if best:
        raise RooflaxError("the best points are those of a spec; name one")
    from ..sweeps.sweep import sweep_of

    bench.check_quantities([quantity])
    bound = bind_keywords(given, known=bench.names, catalogs=bench.catalogs)
    sweep = sweep_of(bench.registry, bound, _asked(bench, quantity), capacity=True)
    read = sweep.graph.inputs
    notices = [
        *bound.notices,
        *low_confidence(bound.records),
        *pooled_notices(bound, read),
        *bench.centres(bound, read),
    ]
    return _attributed(bench, sweep, quantity, inputs, change).assign_attrs(notices=notices)


def attribute_described(
    bench: Workbench,
    quantity: str,
    inputs: Sequence[str],
    change: float,
    overrides: Sequence[str],
    spec: str | None = None,
    *,
    best: bool = False,
) -> xr.Dataset:
    """The same for what `--set` overrides, and perhaps a spec, describe."""
    loaded = bench.asked([quantity], overrides, spec)
    return attribute_loaded(bench, loaded, quantity, inputs, change, best=best, where=spec or "the command line")


def attribute_loaded(
    bench: Workbench,
    loaded: LoadedSpec,
    quantity: str,
    inputs: Sequence[str] = (),
    change: float = 0.1,
    *,
    best: bool = False,
    where: str = "the spec",
) -> xr.Dataset:
    """The same for a spec that was loaded; `where` is what messages call it."""
    from ..sweeps.sweep import sweep_of_spec

    outputs = tuple(_asked(bench, quantity))
    loaded = replace(loaded, spec=loaded.spec.model_copy(update={"outputs": outputs}))
    sweep = sweep_of_spec(bench.registry, loaded, capacity=True)
    if best:
        sweep = _at_best(sweep, where, loaded.spec.store.dtype)
    return _attributed(bench, sweep, quantity, inputs, change).assign_attrs(notices=list(loaded.notices))


def _asked(bench: Workbench, quantity: str) -> list[str]:
    """The quantity, and what it waits for where that is made of the same models."""
    from ..kernels.graph import resolve

    reads = {model.name for model in resolve(bench.registry, [quantity], bench.registry.vocabulary).order}
    binding = bench.registry.quantities.get(BINDING)
    return [quantity, BINDING] if binding is not None and reads & set(binding.reads) else [quantity]


def _at_best(sweep: Sweep, where: str, dtype: str) -> Sweep:
    """The sweep at its best points. Raises RooflaxError where it does not say which these are."""
    from ..sweeps import engine
    from ..sweeps.gradients.attribution import at_winners
    from ..sweeps.searches.best import BestSearch
    from ..sweeps.searches.searches import names_of, searches_of

    search = searches_of(sweep).get("best")
    if not isinstance(search, BestSearch):
        raise RooflaxError(f"{where} says nothing of `best`; add it, or --set 'best={{minimize: Q, over: [AXIS]}}'")
    regions = engine.blocks_of(sweep)
    for block in engine.evaluate_blocks(sweep, names_of(sweep), dtype=dtype, regions=regions):
        search.add(block.region, block.values)
    return at_winners(sweep, search)


def _attributed(bench: Workbench, sweep: Sweep, quantity: str, inputs: Sequence[str], change: float) -> xr.Dataset:
    import xarray as xr

    from ..sweeps.engine import evaluate
    from ..sweeps.gradients.attribution import dataset, effects, levers
    from ..sweeps.label import dataset as labelled
    from ..sweeps.sweep import MARGIN, STATUS

    if options := bench.registry.options(quantity):
        raise RooflaxError(f"`{quantity}` is one of {', '.join(options)}, which have no order")
    if not (math.isfinite(change) and 0 < change < 1):
        raise RooflaxError(f"a change of {change:g}; a share of the input between 0 and 1 was expected, such as 0.1")
    names = inputs_named(bench, inputs) or levers(sweep, quantity)
    found = dataset(sweep, quantity, effects(sweep, quantity, names, change))
    judged = [name for name in (BINDING, STATUS, MARGIN) if name in sweep.dims]
    context = labelled(sweep, evaluate(sweep, judged))
    return xr.merge([found, context], compat="no_conflicts", join="outer").assign_attrs(
        quantity=quantity, change=change
    )

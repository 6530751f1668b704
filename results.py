"""Results: what stores hold, their best points, and parts of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .specs.documents import parse_document
from .specs.problems import RooflaxError
from .specs.records import normalised
from .specs.units import UnitError, format_quantity, parse_quantity
from .specs.vocabulary import nearest
from .sweeps import engine
from .sweeps.best import BestSearch
from .sweeps.sweep import Objective, Sweep, sweep_of, sweep_of_spec
from .workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr


def best_of_sweep(sweep: Sweep, objective: Objective, dtype: str = "float32") -> xr.Dataset:
    """The best points of a sweep over the objective's axes, with all outputs and the labels that won."""
    names = searched(sweep, objective)
    search = BestSearch(sweep.sizes, {name: sweep.dims[name] for name in names}, objective)
    for block in engine.evaluate_blocks(sweep, names, dtype=dtype, regions=engine.blocks_of(sweep)):
        search.add(block.region, block.values)
    return labelled(sweep, search)


def searched(sweep: Sweep, objective: Objective | None) -> tuple[str, ...]:
    """The variables of a sweep, and the quantity that `best` ranks by where it is none of them."""
    return tuple(dict.fromkeys([*sweep.variables, *([objective.quantity] if objective else [])]))


def labelled(sweep: Sweep, search: BestSearch) -> xr.Dataset:
    """The winners of a search over a sweep as a dataset."""
    from .sweeps.label import grid
    from .sweeps.results import best_dataset

    return best_dataset(search, grid(sweep, search.dims))


def best(
    given: str | os.PathLike[str],
    *,
    minimize: str | None = None,
    maximize: str | None = None,
    over: Sequence[str] | None = None,
    top: int | None = None,
    bench: Workbench | None = None,
    overrides: Sequence[str] = (),
) -> xr.Dataset:
    """The best points of a store or a spec.

    A store's own `best/` group answers when nothing else is asked; otherwise its stored outputs are searched. A spec
    is evaluated without a store.
    """
    asked = minimize is not None or maximize is not None or over is not None or top is not None
    if minimize is not None and maximize is not None:
        raise RooflaxError("give --minimize or --maximize, not both")
    if Path(given).is_dir():
        return _best_of_store(given, minimize, maximize, over, top, asked)
    bench = bench or Workbench()
    loaded = bench.load(given, overrides)
    sweep = sweep_of_spec(bench.registry, loaded)
    objective = _objective(sweep.objective, minimize, maximize, over, top, os.fspath(given))
    _check_axes(objective.over, tuple(sweep.sizes), os.fspath(given))
    if objective.quantity not in bench.registry.quantities or bench.registry.options(objective.quantity):
        raise RooflaxError(f"`{objective.quantity}` is no quantity with an order; `rooflax list quantities` shows them")
    if objective.quantity not in sweep.outputs:
        wanted = sweep_of(bench.registry, loaded.inputs, [*sweep.outputs, objective.quantity], loaded.conditions)
        sweep = replace(wanted, objective=objective)
    return best_of_sweep(sweep, objective, loaded.spec.store.dtype)


def _best_of_store(
    path: str | os.PathLike[str],
    minimize: str | None,
    maximize: str | None,
    over: Sequence[str] | None,
    top: int | None,
    asked: bool,
) -> xr.Dataset:
    from .stores.read import open_results
    from .sweeps.results import best_of_results

    if not asked:
        return open_results(path, "best")
    results = open_results(path)
    stored = _stored_objective(path)
    objective = _objective(stored, minimize, maximize, over, top, os.fspath(path))
    _check_axes(objective.over, tuple(map(str, results.sizes)), os.fspath(path))
    if objective.quantity not in results:
        raise RooflaxError(f"{path} holds no `{objective.quantity}`; it holds {', '.join(map(str, results))}")
    return best_of_results(results, objective)


def _stored_objective(path: str | os.PathLike[str]) -> Objective | None:
    from .stores.read import open_results

    try:
        attrs = open_results(path, "best").attrs
    except RooflaxError:
        return None
    return Objective(attrs["objective"], attrs["direction"] == "largest", tuple(attrs["over"].split()))


def _objective(
    own: Objective | None,
    minimize: str | None,
    maximize: str | None,
    over: Sequence[str] | None,
    top: int | None,
    where: str,
) -> Objective:
    quantity = minimize or maximize or (own.quantity if own else None)
    axes = tuple(over) if over is not None else (own.over if own else ())
    if quantity is None or not axes:
        raise RooflaxError(f"{where} says nothing of `best`; give --minimize QUANTITY and --over AXIS,AXIS")
    largest = maximize is not None if minimize or maximize else bool(own and own.largest)
    return Objective(quantity, largest, axes, top or (own.top if own else 1))


def _check_axes(over: Sequence[str], axes: Sequence[str], where: str) -> None:
    strangers = [name for name in over if name not in axes]
    if strangers:
        raise RooflaxError(f"{where} has no axis {', '.join(strangers)}; its axes are {', '.join(axes)}")


def open(path: str | os.PathLike[str]) -> xr.Dataset:  # noqa: A001 (reads as rooflax.open)
    """The results in a store, read as they are used."""
    from .stores.read import open_results

    return open_results(path)


def select(data: xr.Dataset, selection: Sequence[str]) -> xr.Dataset:
    """The part of labelled results that `AXIS=LABEL` or `AXIS=[LABEL, …]` entries name.

    A number takes the nearest label and says so where it is none; text must be a label. Raises RooflaxError for an
    unknown axis or label.
    """
    for entry in selection:
        name, found, text = entry.partition("=")
        if not found:
            raise RooflaxError(f"--sel {entry}: AXIS=LABEL was expected")
        if name not in data.dims:
            hint = nearest(name, map(str, data.dims))
            axes = f"did you mean `{hint}`?" if hint else f"the axes are {', '.join(map(str, data.dims))}"
            raise RooflaxError(f"--sel {entry}: there is no axis `{name}`; {axes}")
        data = data.isel({name: _position(data, name, text, entry)})
    return data


def _position(data: xr.Dataset, name: str, text: str, entry: str) -> int | list[int]:
    labels = data[name].to_numpy()
    wanted = parse_document(text, "--sel").data
    if isinstance(wanted, list):
        return [_nearest_label(labels, str(data[name].attrs.get("units", "1")), item, entry) for item in wanted]
    return _nearest_label(labels, str(data[name].attrs.get("units", "1")), wanted, entry)


def _nearest_label(labels: np.ndarray, unit: str, wanted: object, entry: str) -> int:
    if labels.dtype.kind != "f":
        matches = [i for i, label in enumerate(labels) if normalised(str(label)) == normalised(str(wanted))]
        if matches:
            return matches[0]
        raise RooflaxError(f"--sel {entry}: there is no label {wanted}; the labels are {', '.join(map(str, labels))}")
    try:
        number = parse_quantity(str(wanted), unit)
    except UnitError as error:
        raise RooflaxError(f"--sel {entry}: {error}") from error
    if not labels.min() <= number <= labels.max():
        low, high = (format_quantity(float(bound), unit) for bound in (labels.min(), labels.max()))
        raise RooflaxError(f"--sel {entry}: the labels go from {low} to {high}")
    return int(np.abs(labels - number).argmin())


def slice_of(path: str | os.PathLike[str], selection: Sequence[str], variables: Sequence[str] | None) -> xr.Dataset:
    """A part of a store: some labels, some variables, and always the status."""
    results = open(path)
    if variables is not None:
        unknown = [name for name in variables if name not in results.data_vars]
        if unknown:
            raise RooflaxError(f"{path} holds no {', '.join(unknown)}; it holds {', '.join(map(str, results))}")
        results = results[[*variables, *({"status"} & set(map(str, results)))]]
    return select(results, selection).load()


def write_slice(part: xr.Dataset, path: Path) -> None:
    """Writes a part to a .csv, .parquet or .nc file."""
    writers = {".csv": _write_csv, ".parquet": _write_parquet, ".nc": _write_netcdf}
    if path.suffix not in writers:
        raise RooflaxError(f"{path}: a name ending in {', '.join(writers)} was expected")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writers[path.suffix](part, path)
    except ImportError as error:
        raise RooflaxError(
            f"{path}: {error.name} is not installed; pip install {error.name}, or write a .csv"
        ) from error
    except OSError as error:
        raise RooflaxError(f"{path} cannot be written: {error.strerror or error}") from error


def _require(library: str) -> None:
    if find_spec(library) is None:
        raise ImportError(name=library)


def _write_csv(part: xr.Dataset, path: Path) -> None:
    (part.to_dataframe() if part.dims else part.expand_dims("point").to_dataframe()).to_csv(path)


def _write_parquet(part: xr.Dataset, path: Path) -> None:
    _require("pyarrow")
    (part.to_dataframe() if part.dims else part.expand_dims("point").to_dataframe()).to_parquet(path)


def _write_netcdf(part: xr.Dataset, path: Path) -> None:
    _require("scipy")
    part.to_netcdf(path, engine="scipy")

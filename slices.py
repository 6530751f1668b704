"""Slices: the parts of results that labels name, and the files they are written to."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .output_files import make_ready, write_error
from .results import open as open_store
from .specs.documents import parse_document
from .specs.problems import RooflaxError
from .specs.records import normalised
from .specs.text_files import shown_cell
from .specs.units import UnitError, format_quantity, parse_quantity
from .specs.vocabulary import nearest
from .sweeps.engine import MEMORY_LIMIT
from .sweeps.sweep import STATUS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def select(data: xr.Dataset, selection: Sequence[str]) -> xr.Dataset:
    """The part of labelled results that `AXIS=LABEL` or `AXIS=[LABEL, …]` entries name.

    A number takes the nearest label; text must be a label or the beginning of a single one. Raises RooflaxError for
    an unknown axis or label.
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


def positions(data: xr.Dataset, selection: Sequence[str]) -> dict[str, np.ndarray]:
    """Where the labels that `selection` names lie along their dims, in the order of the labels. Raises as `select`."""
    bare = data.drop_vars(list(data.data_vars))
    numbered = bare.assign({f"position of {dim}": (dim, np.arange(size)) for dim, size in bare.sizes.items()})
    found = select(numbered, selection)
    chosen = {str(dim): found[f"position of {dim}"].to_numpy() for dim in bare.sizes}
    return {dim: np.unique(places) for dim, places in chosen.items() if places.shape != (bare.sizes[dim],)}


def _position(data: xr.Dataset, name: str, text: str, entry: str) -> int | list[int]:
    labels = data[name].to_numpy()
    wanted = parse_document(text, "--sel").data
    if wanted is None or wanted == []:
        raise RooflaxError(f"--sel {entry}: AXIS=LABEL was expected")
    if isinstance(wanted, list):
        return [_nearest_label(labels, str(data[name].attrs.get("units", "1")), item, entry) for item in wanted]
    return _nearest_label(labels, str(data[name].attrs.get("units", "1")), wanted, entry)


def _nearest_label(labels: np.ndarray, unit: str, wanted: object, entry: str) -> int:
    if labels.dtype.kind != "f":
        known, asked = [normalised(str(label)) for label in labels], normalised(str(wanted))
        if asked in known:
            return known.index(asked)
        alike = [i for i, label in enumerate(known) if asked and label.startswith(asked)]
        if len(alike) == 1:
            return alike[0]
        raise RooflaxError(f"--sel {entry}: there is no label {wanted}; the labels are {', '.join(map(str, labels))}")
    try:
        number = parse_quantity(str(wanted), unit)
    except UnitError as error:
        raise RooflaxError(f"--sel {entry}: {error}") from error
    if not labels.min() <= number <= labels.max():
        low, high = (format_quantity(float(bound), unit) for bound in (labels.min(), labels.max()))
        raise RooflaxError(f"--sel {entry}: the labels go from {low} to {high}")
    nearest_one = int(np.abs(labels - number).argmin())
    if unit == "1" and labels[nearest_one] != number and np.array_equal(labels, np.floor(labels)):
        # Between two degrees of parallelism there is nothing to be near to.
        shown = ", ".join(format_quantity(float(label), unit) for label in labels[:20])
        raise RooflaxError(f"--sel {entry}: there is no label {wanted}; the labels are {shown}")
    return nearest_one


def slice_of(
    path: str | os.PathLike[str], selection: Sequence[str], variables: Sequence[str] | None, group: str = ""
) -> xr.Dataset:
    """A part of a store or of one of its groups: some labels, some variables, and always the status."""
    results = open_store(path, group)
    if variables is not None:
        unknown = [name for name in variables if name not in results.data_vars]
        if unknown:
            raise RooflaxError(f"{path} holds no {', '.join(unknown)}; it holds {', '.join(map(str, results))}")
        results = results[[*variables, *({"status"} & set(map(str, results)))]]
    part = select(results, selection)
    points, limit = math.prod(part.sizes.values()), MEMORY_LIMIT
    if 8 * points * max(len(part.data_vars), 1) > limit:
        raise RooflaxError(
            f"this part of {path} has {points:.3g} points of {len(part.data_vars)} variables, more than fit into "
            f"{limit / 2**30:.0f} GiB; narrow it with --sel and --vars"
        )
    return part.load()


def write_slice(part: xr.Dataset, path: Path) -> None:
    """Writes a part to a .csv, .parquet or .nc file."""
    writers = {".csv": _write_csv, ".parquet": _write_parquet, ".nc": _write_netcdf}
    if path.suffix not in writers:
        raise RooflaxError(f"{path}: a name ending in {', '.join(writers)} was expected")
    make_ready(path)
    try:
        writers[path.suffix](part, path)
    except ImportError as error:
        raise RooflaxError(
            f"{path}: {error.name} is not installed; pip install {error.name}, or write a .csv"
        ) from error
    except OSError as error:
        raise write_error(path, error) from error


def _require(library: str) -> None:
    if find_spec(library) is None:
        raise ImportError(name=library)


def _frame(part: xr.Dataset) -> pd.DataFrame:
    """One row per point, categories as text and the status as its code."""
    frame = (part if part.dims else part.expand_dims("point")).to_dataframe()
    for name in part.data_vars:
        attrs = part[name].attrs
        if "flag_values" in attrs and name != STATUS:
            meanings = dict(zip(attrs["flag_values"], attrs["flag_meanings"].split(), strict=True))
            frame[name] = frame[name].map(meanings.get)
    return frame


def _write_csv(part: xr.Dataset, path: Path) -> None:
    frame = _frame(part).reset_index().rename(columns=lambda name: shown_cell(str(name)))
    # Labels may be those of strangers.
    texts = frame.select_dtypes(exclude="number").columns
    frame[texts] = frame[texts].map(lambda cell: shown_cell(cell) if isinstance(cell, str) else cell)
    frame.to_csv(path, index=False)


def _write_parquet(part: xr.Dataset, path: Path) -> None:
    _require("pyarrow")
    _frame(part).to_parquet(path)


def _write_netcdf(part: xr.Dataset, path: Path) -> None:
    _require("scipy")
    plain = part.copy()
    for owner in (plain, *plain.variables.values()):
        owner.attrs = {name: _netcdf_attribute(value) for name, value in owner.attrs.items()}
    plain.to_netcdf(path, engine="scipy")


def _netcdf_attribute(value: Any) -> Any:
    """An attribute as netCDF holds it: numbers, lists of numbers and text; anything else as JSON."""
    numbers = value if isinstance(value, list) else [value]
    if isinstance(value, str) or all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        return value
    return json.dumps(value)

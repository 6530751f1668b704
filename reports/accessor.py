"""The accessor `ds.rooflax`: pictures, verdicts, findings and units of any dataset that rooflax gives out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..specs.problems import RooflaxError
from ..specs.units import UnitError, parse_quantity
from .defaults import chosen, start
from .pictures.feasible import FEASIBLE, NOT_COMPUTED
from .pictures.style import kept_backend, titled
from .registry import Report
from .roles import JUDGED, QUANTILE, WRT
from .terminal.tables import best_table, condition, front_table, results_table, shown

if TYPE_CHECKING:
    from .terminal.columns import Columns

NAME = "rooflax"


@xr.register_dataset_accessor(NAME)
class Rooflax:
    """What can be done with results beyond what xarray offers: `ds.rooflax.draw("heat-map")` and the like."""

    def __init__(self, data: xr.Dataset) -> None:
        self._data = data

    def pictures(self) -> tuple[str, ...]:
        """The names of the pictures that can be drawn of this dataset."""
        return tuple(one.name for one in _offered(self._data))

    def draw(self, name: str = "", *, at: Mapping[str, Any] | None = None, **roles: str) -> Any:
        """A picture as a holoviews object, such as `draw("heat-map", quantity="step_time", x="tp", at={"pp": 4})`.

        What takes a role is chosen where it is not given, as on a page about the store; dims without a role are cut at
        the labels in `at`, else at a feasible point. Raises RooflaxError where the picture cannot be drawn.
        """
        with kept_backend():
            return self._drawing(name, at, roles)()

    def save(self, path: str | Path, name: str = "", *, at: Mapping[str, Any] | None = None, **roles: str) -> Path:
        """Draws a picture, as `draw` does, into a file that ends in .png, .svg or .pdf; its path."""
        from .pictures.files import write_picture

        with kept_backend():
            write_picture(self._drawing(name, at, roles), Path(path))
        return Path(path)

    def _drawing(self, name: str, at: Mapping[str, Any] | None, roles: Mapping[str, str]) -> Callable[[], Any]:
        """What draws a picture; all that could be wrong with its names has been told before."""
        declared = self._declared(name)
        choice = chosen(declared, self._data, roles)
        cut = declared.cut(self._data, choice, self._positions(at))
        title = _title(declared, cut, choice)
        return lambda: titled(declared.draw(cut, **choice), title)

    def feasible(self) -> xr.Dataset:
        """The values of feasible points, NaN elsewhere, and no text; every variable keeps its dims.

        A variable that does not vary along a dim keeps its value where any point along that dim is feasible.
        """
        data = self._data
        if "status" not in data:
            return data
        holds = data["status"] == FEASIBLE
        judged = [name for name in data.data_vars if name not in JUDGED and set(holds.dims) & set(data[name].dims)]

        def kept(variable: xr.DataArray) -> xr.DataArray:
            others = [dim for dim in holds.dims if dim not in variable.dims]
            there = holds.any(others)
            masked = variable.where(there) if variable.dtype.kind in "biuf" else variable.where(there, "")
            return masked.transpose(*variable.dims)

        return data.assign({name: kept(data[name]) for name in judged})

    def why(self) -> xr.DataArray:
        """The status of every point in words: "feasible", or the condition that fails first."""
        status = self._data["status"]
        words = {int(code): _verdict(status.attrs, int(code)) for code in status.attrs["flag_values"]}
        said = xr.apply_ufunc(lambda values: _looked_up(values, words), status)
        return said.assign_attrs(long_name="Feasibility")

    def findings(self) -> list[str]:
        """What the dataset says, in sentences: how much is feasible, what is best, what binds."""
        from .page.findings import findings

        data, group = self._data, _group(self._data)
        return findings(data, best=data if group == "best" else None, gradients=data if group == "gradients" else None)

    def table(self) -> Columns:
        """The points as rows, with units in the headers; the best points or a frontier as their commands show them."""
        tables = {"best": best_table, "pareto": front_table}
        return tables.get(_group(self._data), results_table)(self._data)

    def in_units(self, name: str, unit: str) -> xr.DataArray:
        """A variable in another unit of the same kind: `in_units("step_time", "ms")`."""
        variable = self._data[name]
        own = str(variable.attrs.get("units", "1"))
        try:
            factor = parse_quantity(f"1 {unit}", own)
        except UnitError as error:
            raise RooflaxError(f"{name} is in {own}: {error}") from error
        return (variable / factor).assign_attrs({**variable.attrs, "units": unit})

    def _declared(self, name: str) -> Report:
        """The picture of a name, or the first that is offered."""
        from .pictures import picture

        offered = _offered(self._data)
        if not name and not offered:
            raise RooflaxError("nothing can be drawn of this dataset; a picture needs an axis of two labels or more")
        declared = picture(name) if name else offered[0]
        if declared.group and declared.group != _group(self._data):
            raise RooflaxError(
                f'{declared.name} draws the group {declared.group} of a store: rx.open(STORE, "{declared.group}")'
            )
        return declared

    def _positions(self, at: Mapping[str, Any] | None) -> dict[str, int]:
        """The position along every dim at which a picture is cut."""
        data = self._data
        begun = start(data) if "status" in data else {}
        return {**begun, **{dim: _position(data, dim, label) for dim, label in (at or {}).items()}}


def _offered(data: xr.Dataset) -> tuple[Report, ...]:
    from .pictures import pictures

    return tuple(one for one in pictures() if one.group in ("", _group(data)) and one.is_offered(data))


def _group(data: xr.Dataset) -> str:
    """The group of a store whose dataset this is, by what only it has; "" for the results."""
    marks = {
        "best": "objective" in data.attrs and "direction" in data.attrs,
        "pareto": "objectives" in data.attrs,
        "gradients": WRT in data.dims,
        "uncertainty": QUANTILE in data.dims,
        "attribution": "swing" in data,
    }
    return next((name for name, there in marks.items() if there), "")


def _title(declared: Report, cut: xr.Dataset, choice: Mapping[str, str]) -> str:
    """What is drawn, and at which labels of the other dims."""
    fixed = [f"{name} = {shown(coord)}" for name, coord in cut.coords.items() if not coord.dims]
    return f"{declared.titled(cut, choice)}" + (f"\nat {', '.join(fixed)}" if fixed else "")


def _verdict(attrs: Mapping[str, Any], code: int) -> str:
    said = condition(attrs, code).replace("_", " ")
    return said if code in (FEASIBLE, NOT_COMPUTED) else f"not: {said}"


def _looked_up(codes: np.ndarray, words: Mapping[int, str]) -> np.ndarray:
    return np.vectorize(lambda code: words.get(int(code), str(code)), otypes=[object])(codes)


def _position(data: xr.Dataset, dim: str, label: object) -> int:
    """The position of a label; of a number, which may carry its unit, the nearest."""
    if dim not in data.dims:
        raise RooflaxError(f"at: there is no dim {dim}; there are {', '.join(map(str, data.dims)) or 'none'}")
    labels = data[dim].to_numpy()
    if labels.dtype.kind not in "fiu":
        found = np.flatnonzero(labels.astype(str) == str(label))
        if not found.size:
            raise RooflaxError(f"at: {dim} has no label {label}; it has {', '.join(map(str, labels))}")
        return int(found[0])
    try:
        number = parse_quantity(str(label), str(data[dim].attrs.get("units", "1")))
    except UnitError as error:
        raise RooflaxError(f"at: {dim}: {error}") from error
    return int(np.abs(labels - number).argmin())

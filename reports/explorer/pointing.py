"""Pointing: which point of a slice somebody means who taps a place in its picture, and where a point lies in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..pictures.feasible import FEASIBLE, along
from ..pictures.labels import arranged
from ..pictures.scales import Scale, axis_scale, values_scale
from ..registry import Report
from ..roles import Kind

if TYPE_CHECKING:
    import xarray as xr

_AXES = (Kind.AXIS, Kind.NUMERIC)
Spot = tuple[float, float]


def point_at(
    report: Report, data: xr.Dataset, choice: Mapping[str, str], figure: Any, x: float | None, y: float | None
) -> dict[str, int]:
    """The positions along dims of the point that is meant by a place in a picture; none where that cannot be told."""
    axes = axes_of(report, choice)
    if x is None or y is None:
        return {}
    if "x" not in axes:
        return _nearest_of_all(report, data, choice, x, y)
    found = {axes["x"]: _nearest(data, axes["x"], x)}
    if "y" in axes:
        return found | {axes["y"]: _nearest(data, axes["y"], y)}
    if "by" in axes:
        texts, curve = axis_scale(data[axes["by"]]).texts, _curve_at(figure, x, y)
        found |= {axes["by"]: texts.index(curve)} if curve in texts else {}
    return found


def spot_of(report: Report, data: xr.Dataset, choice: Mapping[str, str], point: Mapping[str, int]) -> Spot | None:
    """Where a point lies in a picture whose axes, or whose two quantities, tell it; None in others."""
    axes = axes_of(report, choice)
    if not point:
        return None
    if {"x", "y"} <= axes.keys() and {axes["x"], axes["y"]} <= point.keys():
        x, y = (float(axis_scale(data[axes[role]]).places[point[axes[role]]]) for role in ("x", "y"))
        return x, y
    plane = _plane(report, data, choice)
    if plane is None or set(point) != set(plane.dims):
        return None
    at = int(np.ravel_multi_index([point[dim] for dim in plane.dims], plane.shape))
    return float(plane.x[at]), float(plane.y[at])


def axes_of(report: Report, choice: Mapping[str, str]) -> dict[str, str]:
    """The roles that are taken by dims, and these."""
    return {name: choice[name] for name, role in report.roles.items() if role.kind in _AXES and name in choice}


def _nearest(data: xr.Dataset, dim: str, place: float) -> int:
    """The position of the label that lies nearest to a place of an axis, as the picture arranges it."""
    import xarray as xr

    bare = xr.Dataset({"position": (dim, np.arange(data.sizes[dim]))}, {dim: data[dim]})
    shown = arranged(bare.assign_coords(dict(data[dim].coords)), dim)
    return int(shown["position"].to_numpy()[_closest(axis_scale(shown[dim]), place)])


def _closest(scale: Scale, place: float) -> int:
    if scale.log:
        return int(np.abs(np.log(scale.places) - np.log(place)).argmin()) if place > 0 else 0
    return int(np.abs(scale.places - place).argmin())


class _Plane:
    """The points of a slice in the plane of two quantities; those that are not drawn lie nowhere."""

    def __init__(self, data: xr.Dataset, x: str, y: str) -> None:
        self.dims = tuple(str(dim) for dim in data.sizes)
        self.shape = tuple(data.sizes.values())
        drawn = along(data, "status", self.dims).ravel() == FEASIBLE if "status" in data else np.True_
        columns = [along(data, name, self.dims).astype(float).ravel() for name in (x, y)]
        drawn = drawn & np.isfinite(columns[0]) & np.isfinite(columns[1])
        self.x, self.y = (self._scaled(data, name, column, drawn) for name, column in zip((x, y), columns, strict=True))

    def _scaled(self, data: xr.Dataset, name: str, column: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        import xarray as xr

        scale = values_scale(xr.DataArray(column[drawn], attrs=data[name].attrs, name=name))
        return np.where(drawn, scale.scaled(column), np.nan)


def _plane(report: Report, data: xr.Dataset, choice: Mapping[str, str]) -> _Plane | None:
    both = [name for name in ("x", "y") if name in report.roles and report.roles[name].kind is Kind.NUMBER]
    return _Plane(data, choice["x"], choice["y"]) if len(both) == 2 and data.sizes else None


def _nearest_of_all(report: Report, data: xr.Dataset, choice: Mapping[str, str], x: float, y: float) -> dict[str, int]:
    plane = _plane(report, data, choice)
    if plane is None or not np.isfinite(plane.x).any():
        return {}
    gaps = np.zeros(plane.x.shape)
    for column, place in ((plane.x, x), (plane.y, y)):
        gaps += ((column - place) / max(float(np.nanmax(column) - np.nanmin(column)), 1e-300)) ** 2
    places = np.unravel_index(int(np.nanargmin(gaps)), plane.shape)
    return {dim: int(place) for dim, place in zip(plane.dims, places, strict=True)}


def _curve_at(figure: Any, x: float, y: float) -> str:
    """The name in the legend of the curve that comes nearest to a place."""
    found = [(gap, name) for name, source, glyph in _curves(figure) if (gap := _gap(figure, source, glyph, x, y)) >= 0]
    return min(found)[1] if found else ""


def _curves(figure: Any) -> Iterator[tuple[str, Any, Any]]:
    for legend in figure.legend:
        for item in legend.items:
            for renderer in item.renderers:
                if isinstance(getattr(renderer.glyph, "x", None), str):
                    yield str(getattr(item.label, "value", "")), renderer.data_source.data, renderer.glyph


def _gap(figure: Any, columns: Mapping[str, Any], glyph: Any, x: float, y: float) -> float:
    """How far above or below a place a curve passes, on the scale of the plot; -1 where it does not."""
    from bokeh.models import LogScale

    xs, ys = (np.asarray(columns.get(name, ()), dtype=float) for name in (glyph.x, glyph.y))
    drawn = np.isfinite(xs) & np.isfinite(ys)
    if not drawn.any():
        return -1.0
    height = float(ys[drawn][np.abs(xs[drawn] - x).argmin()])
    if isinstance(figure.y_scale, LogScale):
        return abs(float(np.log(height) - np.log(y))) if height > 0 and y > 0 else -1.0
    return abs(height - y)

"""Captions: where along the axes that are not drawn a picture lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .scales import axis_scale

if TYPE_CHECKING:
    import xarray as xr

    from ..registry import Report


def hidden(report: Report, data: xr.Dataset, choice: Mapping[str, str]) -> list[str]:
    """The dims that a picture is not drawn along though what it shows varies along them."""
    names = {name for name in (*choice.values(), *report.quantities, "status") if name in data.data_vars}
    moving = {str(dim) for name in names for dim in data[name].dims}
    drawn = report.dims(data, choice)
    return [str(dim) for dim in data.sizes if dim in moving and dim not in drawn]


def caption(data: xr.Dataset, at: Mapping[str, int]) -> str:
    """The labels at positions along dims, after an "at"; "" where there are none."""
    scales = {dim: axis_scale(data[dim]) for dim in at if dim in data.coords}
    told = ", ".join(f"{scale.label} {scale.texts[at[dim]]}" for dim, scale in scales.items())
    return f"at {told}" if told else ""

"""First-order propagation: the deviation of a quantity by its slopes, and the share that each uncertain input has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..engine import evaluate
from ..gradients.tangents import with_tangents
from ..sweep import Sweep
from .uncertain_inputs import Uncertain

if TYPE_CHECKING:
    import xarray as xr

INPUT = "input"


def first_order(
    sweep: Sweep, quantities: Sequence[str], uncertain: Uncertain
) -> dict[str, tuple[xr.DataArray, xr.DataArray]]:
    """The standard deviation to first order of each quantity, and the share of its variance along `input`.

    σ² = Σᵢⱼ gᵢ σᵢ ρᵢⱼ σⱼ gⱼ with the slopes g at the centres of the inputs and the correlations ρ of their scores. The
    share of an input is its row of that sum: (gᵢ σᵢ)² / σ² where it is independent; of correlated inputs each takes
    half of what they have together, which may be negative. Where nothing varies a share is not a number.
    """
    import xarray as xr

    slopes = _slopes(sweep, quantities, uncertain.names)
    deviations = {one.name: xr.DataArray(one.deviations, dims=one.dims) for one in uncertain.inputs}
    found = {}
    for quantity in quantities:
        terms = {name: slopes[quantity, name] * deviations[name] for name in uncertain.names}
        rows = {name: term * (term + _others(uncertain, name, terms)) for name, term in terms.items()}
        variance = sum(rows.values(), start=xr.DataArray(0.0))
        shares = [(row / variance).broadcast_like(variance) for row in rows.values()]
        share = xr.concat(shares, dim=INPUT, coords="minimal", compat="override")
        dims = [dim for dim in sweep.sizes if dim in variance.dims]
        found[quantity] = variance.clip(min=0).transpose(*dims) ** 0.5, share.transpose(*dims, INPUT)
    return found


def _others(uncertain: Uncertain, name: str, terms: Mapping[str, xr.DataArray]) -> xr.DataArray:
    """What the inputs that are correlated with one add to its slope times deviation."""
    import xarray as xr

    if name not in uncertain.joint:
        return xr.DataArray(0.0)
    place = uncertain.joint.index(name)
    correlation = xr.DataArray(uncertain.correlation[..., place, :], dims=(*uncertain.dims, INPUT))
    others = [
        correlation.isel({INPUT: other}) * terms[also] for other, also in enumerate(uncertain.joint) if also != name
    ]
    return sum(others, start=xr.DataArray(0.0))


def _slopes(sweep: Sweep, of: Sequence[str], wrt: Sequence[str]) -> dict[tuple[str, str], xr.DataArray]:
    """The slope of every quantity by every input at the centres, on the dims it depends on.

    It is 0 where an input does not move a quantity, or only in whole steps, and 1 where it is the quantity itself.
    """
    import xarray as xr

    differentiated, found = with_tangents(sweep, of, wrt)
    names = {pair: derivative.slope for pair, derivative in found.items() if derivative.slope and pair[0] != pair[1]}
    arrays = evaluate(differentiated, list(names.values()))
    slopes = {(name, by): xr.DataArray(float(name == by)) for name in of for by in wrt}
    return slopes | {pair: xr.DataArray(arrays[n], dims=differentiated.dims[n]) for pair, n in names.items()}

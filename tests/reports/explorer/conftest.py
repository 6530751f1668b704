"""A source that is no store and no spec: a dataset made here."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import xarray as xr

from rooflax.reports.explorer.source import Dial, Explanation
from rooflax.reports.explorer.views import Offer
from rooflax.specs.problems import RooflaxError
from rooflax.specs.terms import Term

SIZES = {"machine": ["slow", "fast", "<b>odd</b>"], "tp": [1.0, 2.0, 4.0, 8.0], "bandwidth": [1e9, 1e10, 1e11]}


def made() -> xr.Dataset:
    machine, tp, bandwidth = np.meshgrid(
        np.arange(1.0, 4.0), *(SIZES[dim] for dim in ("tp", "bandwidth")), indexing="ij"
    )
    units = {"machine": {}, "tp": {"units": "1"}, "bandwidth": {"units": "B/s"}}
    seconds = 8.0 / tp / machine + 1e10 / bandwidth
    codes = (tp > 4).astype("int8")
    flags = {"flag_values": [0, 1, 127], "flag_meanings": "feasible fits_memory not_computed"}
    dims = tuple(SIZES)
    return xr.Dataset(
        {
            "step_time": (dims, seconds, {"long_name": "Step <i>time</i>", "units": "s"}),
            "price": (dims, machine * tp + tp / 8, {"long_name": "Price", "units": "$"}),
            "status": (dims, codes, flags),
            "margin": (dims, 1.0 - codes, {"units": "B"}),
        },
        {dim: (dim, labels, {"long_name": dim.capitalize(), **units[dim]}) for dim, labels in SIZES.items()},
    )


@dataclass
class MadeUp:
    """What was asked of it is in `asked`; with a `fault` it answers nothing."""

    data: xr.Dataset = field(default_factory=made)
    title: str = "Made <script>up</script>"
    notices: tuple[str, ...] = ("a <b>note</b>",)
    dials: tuple[Dial, ...] = (Dial("mfu", "Utilisation", "1", 0.4, 0.0, 1.0, False),)
    start: dict[str, int] = field(default_factory=dict)
    fault: Exception | None = None
    asked: list[object] = field(default_factory=list)

    def dataset(self, group):
        return None if group else self.data

    def cut(self, report, choice, place):
        self.asked.append(place)
        if self.fault:
            raise self.fault
        return report.cut(self.data, choice, place.at)

    def explain(self, quantity, place):
        self.asked.append((quantity, place))
        if quantity == "price":
            raise RooflaxError("prices have no terms")
        leaf = Term("mfu", "Utilisation <b>", 0.25, "1", 0.25, "", "", "given", (), False, ())
        return Explanation(Term(quantity, "Step", 1.0, "s", 1.0, "a<b", "source", "computed", (), True, (leaf,)), "")

    def elasticity(self, *_):
        return None

    def spec(self, *_):
        return "title: <spec>\n"


@pytest.fixture
def source() -> MadeUp:
    return MadeUp()


@pytest.fixture
def offer(source) -> Offer:
    return Offer(source)


@pytest.fixture(scope="session", autouse=True)
def _extension() -> None:
    import panel as pn

    pn.extension("tabulator")

"""Reports are offered for the datasets that have what they declare, and drawn from a made-up one of each."""

from __future__ import annotations

import types

import pytest
import xarray as xr

from rooflax.reports import registry
from rooflax.reports.figures import Series, curves
from rooflax.reproduce import document_modules, modules_of


def declared():
    modules = [module for number in document_modules() for module in modules_of(number)]
    return [report for module in modules for report in registry.reports_of(module)]


@registry.report(title="Time", quantities=("step_time",), axes=("tp",), spec="6nd", labels={"tp": (1.0, 8.0)})
def time_by_tp(data: xr.Dataset):
    return curves([Series("time", list(data["tp"].values), list(data["step_time"].values))], x="tp", y="Time [s]")


@pytest.fixture
def module():
    found = types.ModuleType("a_document")
    vars(found)["time_by_tp"] = time_by_tp
    time_by_tp.__module__ = "a_document"
    return found


def test_a_report_is_found_and_drawn(module):
    (report,) = registry.reports_of(module)
    assert (report.name, report.quantities, report.axes) == ("time-by-tp", ("step_time",), ("tp",))
    (figure,) = registry.figures_of(module, {"6nd": registry.made_up(report)})
    assert (figure.name, figure.title) == ("time-by-tp", "Time")
    assert list(figure.plot.dimension_values("x")) == [1.0, 8.0]


def test_a_report_is_offered_where_everything_is_there(module):
    (report,) = registry.reports_of(module)
    data = registry.made_up(report)
    assert registry.offered([report], data.assign(memory=1.0)) == (report,)
    assert registry.offered([report], data.drop_vars("step_time")) == ()
    assert registry.offered([report], data.isel(tp=0, drop=True)) == ()


def test_two_reports_of_one_name_are_refused(module):
    vars(module)["again"] = time_by_tp
    with pytest.raises(ValueError, match="a_document declares time-by-tp twice"):
        registry.reports_of(module)


@pytest.mark.parametrize("report", declared(), ids=lambda report: f"{report.spec}-{report.name}")
def test_documents_report_is_drawn_from_what_it_declares(report):
    data = registry.made_up(report)
    assert report.is_offered(data)
    assert report.figure(data).plot is not None

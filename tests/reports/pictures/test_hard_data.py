"""Whatever a dataset holds, a picture is readable or says in a sentence why there is none."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from rooflax.reports import registry
from rooflax.reports.pictures import pictures
from rooflax.reports.pictures.files import write_picture
from rooflax.reports.pictures.labels import arranged, shortened
from rooflax.reports.pictures.scales import axis_scale
from rooflax.reports.registry import Report
from rooflax.reports.roles import AXIS, JUDGED, NUMERIC, Kind
from rooflax.specs.problems import RooflaxError

FLOATS = (Kind.NUMBER, Kind.PACE, Kind.SUM, Kind.SLOPE, Kind.DRAWN)


@pytest.fixture(params=pictures(), ids=lambda declared: declared.name)
def declared(request) -> Report:
    return request.param


def drawn(declared: Report, data: xr.Dataset, folder) -> bool:
    """Whether the picture was drawn on both backends; a RooflaxError of one sentence is the other answer."""
    import holoviews as hv

    choice = declared.choice(data)
    assert choice is not None
    data = declared.cut(data, choice)
    said = ""
    try:
        hv.renderer("bokeh").get_plot(declared.draw(data, **choice))
        write_picture(lambda: declared.draw(data, **choice), folder / "it.svg")
    except RooflaxError as error:
        said = str(error)
    assert "\n" not in said
    return not said


def numbers(declared: Report, data: xr.Dataset) -> list[str]:
    roles = [name for name, role in declared.roles.items() if role.kind in FLOATS]
    return [str(name) for name in data.data_vars if name in {*declared.quantities, *roles} - {*JUDGED}]


def test_missing_and_endless_values(declared, tmp_path):
    data = registry.made_up(declared)
    for name in numbers(declared, data):
        data[name] = data[name].astype(float)
        flat = data[name].values.reshape(-1)
        flat[::3], flat[1::3] = np.nan, np.inf
        data[name].values[...] = flat.reshape(data[name].shape)
    drawn(declared, data, tmp_path)


def test_nothing_finite(declared, tmp_path):
    data = registry.made_up(declared)
    names = numbers(declared, data)
    for name in names:
        data[name] = data[name].astype(float) * np.nan
    assert drawn(declared, data, tmp_path) == (not names or declared.name == "most-valuable-input")


def test_nothing_feasible(declared, tmp_path):
    data = registry.made_up(declared)
    if "status" in data:
        data["status"] = data["status"] * 0 + data["status"].dtype.type(1)
        data["status"].attrs = registry.made_up(declared)["status"].attrs
    drawn(declared, data, tmp_path)


def test_zero_and_negative_values(declared, tmp_path):
    data = registry.made_up(declared)
    for name in numbers(declared, data):
        data[name] = data[name].astype(float)
        flat = data[name].values.reshape(-1)
        flat[:1], flat[1:2] = 0.0, -3.0
    drawn(declared, data, tmp_path)


def test_one_label_is_too_few_for_an_axis(declared):
    data = registry.made_up(declared)
    axes = {name: role for name, role in declared.roles.items() if role.kind in (Kind.AXIS, Kind.NUMERIC)}
    if not all(role.optional for role in axes.values()):
        assert not declared.is_offered(data.isel({name: [0] for name in axes}))


@pytest.mark.slow
def test_a_thousand_labels(declared, tmp_path):
    axes = [name for name, role in declared.roles.items() if role.kind in (Kind.AXIS, Kind.NUMERIC)]
    if axes:
        data = registry.made_up(declared)
        long = data.isel({axes[0]: np.arange(1000) % 3})
        long[axes[0]] = (axes[0], np.geomspace(1.0, 1e6, 1000), data[axes[0]].attrs)
        assert drawn(declared, long, tmp_path)


def test_labels_of_sixty_letters(declared, tmp_path):
    axes = [name for name, role in declared.roles.items() if role.kind is Kind.AXIS]
    if axes:
        data = registry.made_up(declared)
        data[axes[0]] = [f"{place}-{'long-name-of-a-machine-' * 3}"[:60] for place in range(data.sizes[axes[0]])]
        assert drawn(declared, data, tmp_path)


def test_long_labels_lose_their_middle_and_stay_distinct():
    labels = [f"a-machine-of-a-very-long-name-with-number-{number}" for number in range(3)]
    assert shortened(labels)[1] == "a-machine-of-…ith-number-1"
    alike = ["x" * 40 + "y" * 40, "x" * 41 + "y" * 40]
    assert shortened(alike) == tuple(alike)


def test_ticks_of_many_texts_are_few():
    coordinate = xr.DataArray(
        [f"machine-{number}" for number in range(1000)], dims="m", name="m", attrs={"long_name": "M"}
    )
    scale = axis_scale(coordinate)
    assert len(scale.ticks) <= 30
    assert list(scale.ticks)[1] == (34.0, "machine-34")


def test_labels_are_in_order_and_no_more_than_can_be_seen():
    data = xr.Dataset({"v": ("x", np.arange(5.0))}, {"x": [4.0, 1.0, 3.0, 2.0, 5.0]})
    assert arranged(data, "x")["x"].values.tolist() == [1, 2, 3, 4, 5]
    assert arranged(data, "x")["v"].values.tolist() == [1, 3, 2, 0, 4]
    assert arranged(data, "x", most=3)["x"].values.tolist() == [1, 3, 5]


def test_zipped_axes_are_told_by_their_members():
    data = xr.Dataset(
        {"v": ("layout", [1.0, 2.0, 3.0])},
        {
            "layout": [0.0, 1.0, 2.0],
            "tp": ("layout", [1.0, 8.0, 8.0], {"units": "1"}),
            "recompute": ("layout", ["none", "none", "full"]),
        },
    )
    scale = axis_scale(data["layout"])
    assert (scale.title, scale.texts) == ("tp, recompute", ("1, none", "8, none", "8, full"))
    assert NUMERIC.candidates(data) == []
    assert AXIS.candidates(data) == ["layout"]
    named = data.assign_coords(plan=("layout", ["small", "wide", "slow"], {"long_name": "Plan"}))
    assert (axis_scale(named["layout"]).title, axis_scale(named["layout"]).texts) == ("Plan", ("small", "wide", "slow"))


def test_a_large_whole_is_thinned_along_its_longest_dims():
    declared = next(one for one in pictures() if one.name == "trade-off")
    data = xr.Dataset({"a": (("i", "j"), np.ones((3000, 200))), "b": (("i",), np.ones(3000))})
    cut = declared.cut(data, {"x": "a", "y": "b"})
    assert dict(cut.sizes) == {"i": 1000, "j": 200}


def test_of_very_many_curves_some_are_drawn_and_the_legend_says_so(page, legend):
    data = xr.Dataset(
        {"v": (("x", "by"), np.ones((3, 1000)), {"units": "1"})},
        {
            "x": ("x", [1.0, 2.0, 4.0], {"units": "1"}),
            "by": ("by", np.arange(1.0, 1001), {"long_name": "B", "units": "1"}),
        },
    )
    figure = page("line", data, quantity="v", x="x", by="by")
    assert legend(figure) == [str(number) for number in range(1, 1001, 42)]
    assert figure.legend[0].title == "B\n1 of 42 is drawn"

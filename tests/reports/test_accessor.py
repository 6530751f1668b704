"""The accessor draws what a page would, says what it refuses, and changes no dims."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import xarray as xr

import rooflax as rx

POINT: dict[str, Any] = dict(model="llama-2-70b", world_size=512, pp=2, global_batch_size=1024, seq_len=4096)
AXES: dict[str, Any] = dict(
    hardware=["a100-sxm-80gb", "h100-sxm-80gb"], tp=[1, 2, 4, 8], scale_out_bandwidth=[25e9, 50e9, 100e9]
)


@pytest.fixture(scope="module")
def results() -> xr.Dataset:
    return rx.evaluate(["step_time", "memory_per_gpu", "binding"], **POINT, **AXES)


def test_what_is_offered_can_be_drawn(results):
    names = results.rooflax.pictures()
    assert {"heat-map", "line", "contour", "feasibility-map", "binding-map"} <= set(names)
    for name in names:
        assert results.rooflax.draw(name) is not None, name


def test_a_picture_is_cut_where_it_is_asked_to_be(results):
    import holoviews as hv

    drawn = results.rooflax.draw("heat-map", x="tp", y="scale_out_bandwidth", at={"hardware": "h100-sxm-80gb"})
    mesh = next(one for one in drawn if isinstance(one, hv.QuadMesh))
    wanted = results.step_time.sel(hardware="h100-sxm-80gb").transpose("scale_out_bandwidth", "tp").to_numpy()
    shown = mesh.dimension_values(mesh.vdims[0], flat=False)
    np.testing.assert_allclose(shown / shown[0, 0], wanted / wanted[0, 0])
    assert "hardware = h100-sxm-80gb" in hv.renderer("bokeh").get_plot(drawn).state.title.text


def test_a_number_with_its_unit_is_a_label(results):
    drawing = results.rooflax._positions({"scale_out_bandwidth": "400 Gb/s", "tp": 7})
    assert (drawing["scale_out_bandwidth"], drawing["tp"]) == (1, 3)


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("heat-mp", {}, "there is no picture heat-mp; did you mean `heat-map`?"),
        ("heat-map", {"z": "tp"}, "z=tp: heat-map has no such role; its roles are quantity, x, y"),
        ("heat-map", {"x": "pp"}, "x=pp: an axis was expected; here that is hardware, tp, scale_out_bandwidth"),
        ("heat-map", {"x": "tp", "y": "tp"}, "heat-map cannot be drawn so: one name cannot take two roles"),
        ("pareto", {}, 'pareto draws the group pareto of a store: rx.open(STORE, "pareto")'),
        ("heat-map", {"at": {"hardware": "h100"}}, "at: hardware has no label h100; it has a100-sxm-80gb,"),
        ("heat-map", {"at": {"tpp": 1}}, "at: there is no dim tpp; there are hardware, tp, scale_out_bandwidth"),
        ("heat-map", {"at": {"tp": "4 GB"}}, "at: tp: 4 GB is a size"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(results, name, asked, message):
    with pytest.raises(rx.RooflaxError) as raised:
        results.rooflax.draw(name, **asked)
    assert message in str(raised.value)


def test_a_dataset_of_one_point_has_no_picture():
    one = rx.evaluate("step_time", **POINT, hardware="h100-sxm-80gb", tp=8)
    assert one.rooflax.pictures() == ()
    with pytest.raises(rx.RooflaxError, match="nothing can be drawn of this dataset"):
        one.rooflax.draw()


def test_a_file_is_written_and_the_backend_stays(results, tmp_path):
    import holoviews as hv
    import holoviews.plotting.mpl

    hv.Store.set_current_backend("matplotlib")
    try:
        path = results.rooflax.save(tmp_path / "it.png", "line", x="tp")
        assert path.read_bytes()[:4] == b"\x89PNG"
        results.rooflax.draw("line")
        assert hv.Store.current_backend == "matplotlib"
    finally:
        hv.Store.set_current_backend("bokeh")


def test_feasible_values_keep_their_dims(results):
    kept = results.rooflax.feasible()
    assert {name: kept[name].dims for name in kept} == {name: results[name].dims for name in results}
    holds = results.status == 0
    assert 0 < int(holds.sum()) < holds.size
    everywhere = xr.broadcast(kept.step_time, holds)[0]
    assert bool((everywhere.notnull() == xr.broadcast(holds, everywhere)[0]).all())
    xr.testing.assert_equal(kept.status, results.status)
    xr.testing.assert_equal(kept.step_time.where(kept.step_time.notnull(), 0), results.step_time.where(holds, 0))


def test_a_variable_of_fewer_dims_is_kept_where_any_point_is_feasible():
    status = xr.DataArray(np.array([[0, 1], [1, 1]], dtype="int8"), dims=("a", "b"))
    names = np.array(["full", "none"], dtype=np.dtypes.StringDType())
    data = xr.Dataset({"v": ("a", [3.0, 4.0]), "w": 5.0, "recompute": ("a", names), "status": status})
    kept = data.rooflax.feasible()
    assert kept.recompute.values.tolist() == ["full", ""]
    np.testing.assert_array_equal(kept.v, [3.0, np.nan])
    assert float(kept.w) == 5.0


def test_why_says_the_status_in_words(results):
    words = results.rooflax.why()
    assert words.dims == results.status.dims
    assert set(np.unique(words.values.astype(str))) == {"feasible", "not: fits memory"}
    assert bool(((words == "feasible") == (results.status == 0)).all())


def test_units_are_changed_and_named(results):
    times = results.rooflax.in_units("step_time", "ms")
    np.testing.assert_allclose(times, 1e3 * results.step_time)
    assert (times.attrs["units"], results.step_time.attrs["units"]) == ("ms", "s")
    with pytest.raises(rx.RooflaxError, match="step_time is in s: 1 GB is a size"):
        results.rooflax.in_units("step_time", "GB")


def test_findings_and_table(results):
    found = results.rooflax.findings()
    assert found[0].startswith("24 points: 2 of hardware")
    html = results.rooflax.table()._repr_html_()
    assert html.count("<tr") == 1 + 24
    assert "h100-sxm-80gb" in html


@pytest.mark.parametrize("first", ["import rooflax as rx; rx.open", "import xarray, rooflax"])
def test_datasets_have_it_once_they_can_be_had(first):
    code = f"{first}; import xarray; print(xarray.Dataset().rooflax.pictures())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "()\n"), done.stderr

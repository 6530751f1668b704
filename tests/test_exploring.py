"""What the explorer shows is what a store holds, or what a spec computes; and the spec of a view gives it again."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import rooflax
from rooflax.exploring import source_of
from rooflax.live_source import LiveSource
from rooflax.reports.explorer.source import Place
from rooflax.reports.explorer.views import Offer, View, steps
from rooflax.specs.problems import RooflaxError

SPEC = """\
title: Which cluster?
axes:
  hardware: [a100-sxm-80gb, h100-sxm-80gb]
  world_size: [64, 256]
  layout: {zip: {tp: [1, 4, 8], pp: [4, 2, 1]}}
  sequence_parallel: [false, true]
  hbm_bandwidth: {min: 1 TB/s, max: 4 TB/s, num: 3, scale: log}
fixed: {model: llama-2-70b, seq_len: 4096, global_batch_size: 1024, zero_stage: 1, gpu_hour_price: 2.5 $/h}
outputs: [step_time, memory_per_gpu, cost_per_token, binding]
where: [fits_memory]
best: {minimize: step_time, over: [layout]}
store: {dtype: float64}
"""
PLACE = Place({"hardware": 1, "world_size": 1, "layout": 2, "sequence_parallel": 1, "hbm_bandwidth": 1})


@pytest.fixture(scope="module")
def bench():
    return rooflax.Workbench()


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "cluster.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def store(spec, tmp_path_factory, bench):
    path = tmp_path_factory.mktemp("store") / "cluster.zarr"
    rooflax.run(spec, store=path, bench=bench)
    return path


@pytest.fixture(scope="module")
def live(spec, bench) -> LiveSource:
    found = source_of(str(spec), bench)
    assert isinstance(found, LiveSource)
    return found


@pytest.fixture
def stored(store, bench):
    return source_of(str(store), bench)


def cut(source, name, place=PLACE, **choice):
    offer = Offer(source)
    view = offer.settled(View(name, choice, place.at, place.dials))
    return source.cut(offer.report(view), view.choice, view.place), view, offer.report(view)


@pytest.mark.parametrize("picture", ["heat-map", "line", "feasibility-map", "trade-off", "binding-map"])
def test_a_spec_shows_what_its_store_holds(live, stored, picture):
    here, view, _ = cut(live, picture)
    there, *_ = cut(stored, picture, Place(view.at), **view.choice)
    shared = [str(name) for name in there.data_vars]
    assert set(shared) <= set(map(str, here.data_vars))
    for name in shared:
        assert here[name].attrs == there[name].attrs
        np.testing.assert_allclose(here[name].transpose(*there[name].dims), there[name], rtol=1e-12, err_msg=name)


def test_an_input_that_is_moved_counts_as_if_it_were_given(live):
    price = next(dial for dial in live.dials if dial.name == "gpu_hour_price")
    assert price.value * 2 < price.high
    found, view, _ = cut(
        live, "heat-map", Place(PLACE.at, {"gpu_hour_price": 2 * price.value}), quantity="cost_per_token"
    )
    before, *_ = cut(live, "heat-map", quantity="cost_per_token")
    xr.testing.assert_allclose(found["cost_per_token"], 2 * before["cost_per_token"])
    assert view.dials == {"gpu_hour_price": 2 * price.value}


def test_an_input_can_be_an_axis(live):
    found, *_ = cut(live, "line", quantity="cost_per_token", x="gpu_hour_price")
    dial = next(dial for dial in live.dials if dial.name == "gpu_hour_price")
    np.testing.assert_array_equal(found["gpu_hour_price"], steps(dial))
    ratio = found["cost_per_token"] / found["gpu_hour_price"]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[..., :1], ratio.shape), rtol=1e-12)


@pytest.mark.parametrize(
    ("picture", "choice", "dials"),
    [
        ("heat-map", {}, {}),
        ("heat-map", {"quantity": "cost_per_token", "x": "layout", "y": "hardware"}, {"gpu_hour_price": 1.0}),
        (
            "heat-map",
            {"quantity": "pipeline_bubble_time", "x": "layout", "y": "hbm_efficiency"},
            {"gpu_hour_price": 1.0},
        ),
        ("line", {"quantity": "memory_per_gpu", "x": "world_size", "by": "sequence_parallel"}, {}),
        ("breakdown", {"quantity": "step_time", "x": "layout"}, {"hbm_efficiency": 0.5}),
        ("trade-off", {}, {}),
    ],
)
def test_the_spec_of_a_view_gives_the_same_picture(live, bench, tmp_path, picture, choice, dials):
    here, view, report = cut(live, picture, Place(PLACE.at, dials), **choice)
    path = tmp_path / "view.yaml"
    path.write_text(live.spec(report, view.choice, view.place))
    rooflax.run(path, store=tmp_path / "view.zarr", bench=bench)
    again = source_of(str(tmp_path / "view.zarr"), bench)
    there = again.cut(report, view.choice, Place())
    names = [name for name in here.data_vars if name != "margin"]  # in the unit of the condition that decides
    for name in names:
        np.testing.assert_allclose(here[name], there[name].transpose(*here[name].dims), rtol=1e-12, err_msg=str(name))
    for dim in here.sizes:
        assert here[dim].to_numpy().tolist() == there[dim].to_numpy().tolist()


def test_the_spec_of_a_stored_view_gives_the_same_picture(stored, bench, tmp_path):
    here, view, report = cut(stored, "heat-map", quantity="cost_per_token")
    path = tmp_path / "view.yaml"
    path.write_text(stored.spec(report, view.choice, view.place))
    rooflax.run(path, store=tmp_path / "view.zarr", bench=bench)
    there = source_of(str(tmp_path / "view.zarr"), bench).cut(report, view.choice, Place())
    np.testing.assert_array_equal(here["cost_per_token"], there["cost_per_token"])


def test_a_point_is_explained_by_what_adds_up_to_its_value(live, stored):
    shown = stored.results.isel(dict(PLACE.at))
    for source in (live, stored):
        found = source.explain("step_time", PLACE)
        assert found.term.value == pytest.approx(float(shown["step_time"]), rel=1e-12)
        assert sum(leaf.value for leaf in found.term.leaves()) == pytest.approx(found.term.value, rel=1e-12)
        assert bool(found.failure) == bool(int(shown["status"]))
    tight = Place({**PLACE.at, "world_size": 0, "layout": 0})
    assert int(stored.results["status"].isel(dict(tight.at), missing_dims="ignore"))
    assert live.explain("step_time", tight).failure.startswith("fits_memory: needs ")


def test_elasticities_are_those_of_the_library(live):
    point = {"hardware": "h100-sxm-80gb", "world_size": 256, "tp": 8, "pp": 1, "sequence_parallel": True}
    fixed = {"model": "llama-2-70b", "seq_len": 4096, "global_batch_size": 1024, "zero_stage": 1}
    expected = rooflax.elasticity("step_time", "hbm_bandwidth", **point, **fixed, hbm_bandwidth=2e12)
    assert live.elasticity("step_time", "hbm_bandwidth", PLACE) == pytest.approx(float(expected), rel=1e-9)
    assert live.elasticity("cost_per_token", "gpu_hour_price", PLACE) == pytest.approx(1.0)
    assert live.elasticity("step_time", "world_size", PLACE) is None
    assert live.elasticity("binding", "hbm_bandwidth", PLACE) is None


def test_inputs_left_free_for_an_optimum_are_sliders_over_their_range(bench, tmp_path):
    source = source_of("cheapest-cluster", bench)
    assert isinstance(source, LiveSource)
    dials = {dial.name: dial for dial in source.dials}
    assert (dials["hbm_bandwidth"].low, dials["hbm_bandwidth"].high) == (1e12, 8e12)
    here, view, report = cut(source, "heat-map", Place({}, {"hbm_bandwidth": 2e12}))
    path = tmp_path / "view.yaml"
    path.write_text(source.spec(report, view.choice, view.place))
    rooflax.run(path, store=tmp_path / "view.zarr", bench=bench)
    there = source_of(str(tmp_path / "view.zarr"), bench).cut(report, view.choice, Place())
    np.testing.assert_allclose(
        here["training_cost"], there["training_cost"].transpose(*here["training_cost"].dims), 1e-5
    )


def test_dials_are_continuous_and_stay_in_their_domain(live):
    leaves = live.bench.registry.vocabulary
    assert len(live.dials) > 20
    for dial in live.dials:
        assert dial.low <= dial.value <= dial.high
        assert all(leaves[dial.name].admits(value) for value in steps(dial))


def test_too_many_points_at_once_are_refused_with_advice(live, monkeypatch):
    monkeypatch.setattr("rooflax.live_source.MOST_POINTS", 10)
    with pytest.raises(
        RooflaxError, match=r"takes 72 points at once, 10 are evaluated while one looks: leave labels out"
    ):
        cut(live, "trade-off")


def test_a_store_takes_no_set(store, bench):
    with pytest.raises(RooflaxError, match="is a store and takes no --set"):
        source_of(str(store), bench, ["tp=1"])


def test_a_store_that_is_gone_says_so(store, bench, tmp_path):
    shutil.copytree(store, tmp_path / "x.zarr")
    source = source_of(str(tmp_path / "x.zarr"), bench)
    cut(source, "heat-map")
    shutil.rmtree(tmp_path / "x.zarr")
    with pytest.raises(RooflaxError, match=r"x\.zarr"):
        cut(source, "heat-map", quantity="memory_per_gpu")


def test_a_store_without_its_spec_is_still_shown_but_not_explained(stored, monkeypatch):
    monkeypatch.setitem(stored.results.attrs, "spec", "axes: {tp: [1, 2]}\noutputs: [step_time]\n")
    cut(stored, "heat-map")
    with pytest.raises(RooflaxError, match=r"spec in cluster\.zarr"):
        stored.explain("step_time", PLACE)


@pytest.mark.slow
def test_points_are_explained_while_a_thread_loads_what_differentiates(store):
    code = f"""
import threading, rooflax
from rooflax.exploring import source_of
from rooflax.reports.explorer.source import Place
source = source_of({str(store)!r}, rooflax.Workbench())
place = Place({dict(PLACE.at)!r})
source.explain("step_time", place)
thread = threading.Thread(target=lambda: source.elasticity("step_time", "hbm_bandwidth", place))
thread.start()
while thread.is_alive():
    source.explain("step_time", place)
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

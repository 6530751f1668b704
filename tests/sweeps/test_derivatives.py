"""Derivatives of whole graphs against differences, readings at kinks, elasticities, and differences of counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import rooflax
from rooflax.specs.axes import Axis, Value
from rooflax.specs.vocabulary import Kind
from rooflax.sweeps.engine import evaluate
from rooflax.sweeps.gradients.derivatives import Reading, derivatives
from rooflax.sweeps.gradients.tangents import with_tangents

GRIDS = {
    "training": (
        ["step_time", "memory_per_gpu", "predicted_mfu", "cost_per_token"],
        {"tp": [1, 4], "pp": [1, 2], "gpu_hour_price": 2.5, "zero_stage": 3},
    ),
    "serving": (["ttft", "tpot", "serving_memory_per_gpu"], {"tp": [1, 2], "concurrency": [1, 8]}),
    "rule": (["training_time_6nd", "step_time_6nd"], {"mfu": [0.2, 0.4], "tokens": 1e12}),
}


def beside(sweep, by, places):
    """The sweep with an input moved by `places` (dims of the input and a trailing `trial`)."""
    value = sweep.values[by]
    trial = Axis("trial", np.arange(float(places.shape[-1])))
    data = value.data[..., None] + places
    values = {**sweep.inputs.values, by: Value(by, (*value.dims, "trial"), data, "moved")}
    return replace(sweep, inputs=replace(sweep.inputs, axes=(*sweep.inputs.axes, trial), values=values))


@pytest.mark.parametrize("kind", GRIDS)
def test_every_quantity_of_a_graph_has_the_slope_of_its_differences(kind, base, make_sweep, differences):
    """By every continuous input, to 1e-6 of the slope or of value over input, ten steps from a kink."""
    outputs, axes = GRIDS[kind]
    sweep = make_sweep(outputs, **{n: v for n, v in base[kind].items() if n not in axes}, **axes)
    of = [q.name for q in sweep.graph.order if not q.options and not q.declared.constraint]
    leaves = sweep.registry.vocabulary
    compared = 0
    for by in [n for n in sweep.graph.inputs if n in leaves and leaves[n].kind is Kind.CONTINUOUS]:
        extended, names = with_tangents(sweep, of, [by], reach=True)
        moved = [name for name, own in ((pair[0], found) for pair, found in names.items()) if own.slope]
        slopes = evaluate(extended, [part for own in names.values() for part in own[1:] if part])
        here = evaluate(sweep, moved)
        size = float(np.abs(sweep.values[by].data).max()) or 1.0
        step = 1e-3 * size
        lengths = step * differences.lengths[:, 0]
        tried = evaluate(beside(sweep, by, np.concatenate([lengths, -lengths])), moved)
        for name in moved:
            own = names[name, by]
            shape = here[name].shape
            slope, below, above = (np.broadcast_to(slopes[part], shape) for part in own[1:])
            for place in np.ndindex(shape):
                if min(below[place], above[place]) < 10 * step:
                    continue
                found = differences(tried[name][place], step, 1, None)
                scale = max(abs(slope[place]), abs(here[name][place]) / size, 1e-300)
                assert min(abs(slope[place] - one) for one in found) <= 1e-6 * scale, (name, by, place)
                compared += 1
    assert compared > {"training": 5000, "serving": 500, "rule": 20}[kind]


def test_a_kink_is_found_where_the_slope_says(base, make_sweep):
    """Stepping to where a slope ends by its own word, the slope has changed there, and not before."""

    def asked(bandwidth):
        sweep = make_sweep(["step_time"], **base["training"], tp=2, zero_stage=3, scale_out_bandwidth=bandwidth)
        return derivatives(sweep, ["step_time"], ["scale_out_bandwidth"])["step_time", "scale_out_bandwidth"]

    def switch_above(bandwidth):
        for _ in range(30):
            stop = float(asked(bandwidth).stop)
            if stop <= bandwidth * (1 + 1e-10):
                break
            bandwidth = stop
        return bandwidth

    def around(place):
        return [asked(place * (1 + share)) for share in (-1e-7, 1e-7)]

    places = [switch_above(20e9)]
    while len(places) < 3:
        places.append(switch_above(places[-1] * (1 + 1e-6)))
    pairs = {place: around(place) for place in places}
    slopes = {place: [abs(float(side.value)) for side in pair] for place, pair in pairs.items()}
    changes = {place: abs(np.diff(pair)[0]) / max(*pair, 1e-300) for place, pair in slopes.items()}
    place = max(changes, key=lambda place: changes[place])
    before, after = pairs[place]
    assert changes[place] > 1e-3
    assert float(before.stop) == pytest.approx(place, rel=1e-9)
    assert float(after.start) == pytest.approx(place, rel=1e-9)
    assert float(asked(place * (1 - 1e-3)).value) == pytest.approx(float(before.value), rel=1e-2)


def test_readings(base, make_sweep):
    inputs = {**base["training"], "tp": 2, "pp": 2}
    outputs = ["step_time", "memory_per_gpu", "mixture_stage_place"]
    sweep = make_sweep(outputs, **inputs, tp_overlap=1.0, num_dense_layers=0)
    asked = ["hbm_bandwidth", "loss_copies", "tp_overlap", "recompute", "vpp", "pp", "sequence_parallel"]
    found = derivatives(sweep, outputs, asked)
    read = {pair: Reading(int(one.reading)).name for pair, one in found.items()}
    assert read["step_time", "hbm_bandwidth"] == "slope"
    assert read["memory_per_gpu", "hbm_bandwidth"] == "none"
    assert read["step_time", "loss_copies"] == "chosen"
    assert float(found["step_time", "loss_copies"].value) == 0
    assert read["step_time", "tp_overlap"] in ("slope", "falling")
    assert float(found["step_time", "tp_overlap"].stop) == 1
    assert {read["step_time", by] for by in asked[3:]} == {"difference"}
    assert float(found["step_time", "sequence_parallel"].stop) == 0


def test_at_the_top_of_its_domain_an_input_can_only_fall(base, make_sweep):
    found = derivatives(
        make_sweep(["step_time"], **base["training"], tp=4, tp_overlap=[0.5, 1.0]), ["step_time"], ["tp_overlap"]
    )
    one = found["step_time", "tp_overlap"]
    assert (np.asarray(one.value) < 0).all()
    inside = evaluate(make_sweep(["step_time"], **base["training"], tp=4, tp_overlap=[1 - 1e-6, 1.0]))["step_time"]
    assert float(one.value[1]) == pytest.approx((inside[1] - inside[0]) / 1e-6, rel=1e-5)


def test_whole_numbers_have_no_derivative(base):
    found = rooflax.derivative("mixture_stage_place", "num_layers", **base["training"], pp=4)
    assert Reading(int(found["reading"])) is Reading.difference  # a count; what moves it in steps is shown by the next
    pinned = {**base["training"], "pp": 4, "middle_stage_layers": 10}
    rounded = rooflax.derivative("mixture_stage_place", "middle_stage_layers", **pinned)
    assert np.isnan(float(rounded))
    assert Reading(int(rounded["reading"])) is Reading.rounded


@pytest.mark.parametrize("relative", [False, True])
def test_a_grid_has_the_derivatives_of_its_points(relative, base):
    asked = rooflax.elasticity if relative else rooflax.derivative
    axes = {"tp": [1, 2, 4, 8], "scale_out_bandwidth": [25e9, 400e9]}
    wrt = ["hbm_bandwidth", "scale_out_bandwidth", "micro_batch_size", "recompute"]
    grid = asked(["step_time", "memory_per_gpu"], wrt, **base["training"], **axes)
    assert set(grid["step_time"].dims) == {"wrt", "tp", "scale_out_bandwidth"}
    for tp in axes["tp"]:
        for bandwidth in axes["scale_out_bandwidth"]:
            point = asked(
                ["step_time", "memory_per_gpu"], wrt, **base["training"], tp=tp, scale_out_bandwidth=bandwidth
            )
            cell = grid.sel(tp=tp, scale_out_bandwidth=bandwidth)
            for name in point.data_vars:
                np.testing.assert_allclose(cell[name], point[name], rtol=1e-12, err_msg=str(name))


def test_an_elasticity_is_the_slope_of_logarithms(base):
    found = rooflax.elasticity("step_time_6nd", ["mfu", "num_parameters"], **base["rule"])
    np.testing.assert_allclose(found["step_time_6nd"], [-1, 1], rtol=1e-12)
    relative = rooflax.elasticity("step_time_6nd", "global_batch_size", **base["rule"])
    stop = float(relative["stop"])
    assert stop > base["rule"]["global_batch_size"]
    assert float(relative) == pytest.approx(stop / base["rule"]["global_batch_size"] - 1, rel=1e-12)


def test_a_derivative_varies_only_along_the_dims_of_what_it_is_made_of(base, make_sweep):
    """The optimizer's time is a term of its own: that of the layers, which the network moves, is not in its slope."""
    sweep = make_sweep(["step_time"], **base["training"], tp=[1, 2], step_overhead=[0.0, 0.1])
    extended, names = with_tangents(sweep, ["step_time"], ["hbm_bandwidth", "step_overhead"])
    assert set(sweep.dims["step_time"]) == {"tp", "step_overhead"}
    assert extended.dims[names["step_time", "hbm_bandwidth"].slope] == ("tp",)
    with_reach, far = with_tangents(sweep, ["step_time"], ["hbm_bandwidth"], reach=True)
    values = evaluate(with_reach, [far["step_time", "hbm_bandwidth"].slope])
    plain = evaluate(extended, [names["step_time", "hbm_bandwidth"].slope])
    one, other = (next(iter(found.values())) for found in (values, plain))
    np.testing.assert_allclose(one[..., 0] if one.ndim > 1 else one, other, rtol=1e-12)


def test_second_derivatives_are_derivatives_of_slopes(base, make_sweep):
    sweep = make_sweep(["step_time_6nd"], **base["rule"])
    first, names = with_tangents(sweep, ["step_time_6nd"], ["mfu"])
    slope = names["step_time_6nd", "mfu"].slope
    second, twice = with_tangents(first, [slope], ["mfu", "num_parameters"])
    values = {name: float(v) for name, v in evaluate(second, [own.slope for own in twice.values()]).items()}
    time, mfu, size = float(evaluate(sweep)["step_time_6nd"]), base["rule"]["mfu"], base["rule"]["num_parameters"]
    assert values[twice[slope, "mfu"].slope] == pytest.approx(2 * time / mfu**2)
    assert values[twice[slope, "num_parameters"].slope] == pytest.approx(-time / mfu / size)


def test_compiled_blocks_have_the_same_slopes(base, make_sweep, small_blocks):
    sweep = make_sweep(["step_time_6nd"], **{**base["rule"], "mfu": [0.2, 0.3, 0.4, 0.5]})
    extended, names = with_tangents(sweep, ["step_time_6nd"], ["mfu", "num_parameters"], reach=True)
    asked = [part for own in names.values() for part in own[1:]]
    eager = evaluate(extended, asked)
    small_blocks(2)
    compiled = evaluate(extended, asked)
    for name in asked:
        np.testing.assert_allclose(compiled[name], eager[name], rtol=1e-12)


@pytest.mark.parametrize("bandwidth", [3e9, 25e9, 80e9, 120e9])
def test_no_kink_lies_within_what_is_told(bandwidth, base, make_sweep):
    """A transfer hidden behind work has one kink in a bandwidth β; the slope times β² is constant on either side."""
    rule = {**base["rule"], "dp_overlap": 1.0, "global_batch_size": 64}
    by, quantity = "scale_out_bandwidth", "dp_step_time_6nd"
    one = derivatives(make_sweep([quantity], **rule, scale_out_bandwidth=bandwidth), [quantity], [by])[quantity, by]
    inside = np.linspace(float(one.start), min(float(one.stop), 2e12), 9)[1:-1]
    found = derivatives(make_sweep([quantity], **rule, scale_out_bandwidth=list(inside)), [quantity], [by])[
        quantity, by
    ]
    constant = np.asarray(found.value) * inside**2
    np.testing.assert_allclose(constant, float(one.value) * bandwidth**2, rtol=1e-9, atol=1e-6)
    everywhere = derivatives(make_sweep([quantity], **rule, scale_out_bandwidth=[1e9, 2e12]), [quantity], [by])[
        quantity, by
    ]
    assert float(everywhere.value[0]) < 0
    assert float(everywhere.value[1]) == 0

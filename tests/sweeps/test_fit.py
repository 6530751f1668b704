"""The fit: known values are found again, records with few rows keep to their class, families count alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from rooflax import RooflaxError, Workbench
from rooflax.specs.calibration import Prior
from rooflax.specs.calibration_files import written
from rooflax.specs.measured.rows import MeasuredRow, Target
from rooflax.sweeps.cases import evaluate_cases
from rooflax.sweeps.compilation import precision
from rooflax.sweeps.fits.fit import Fit, fit
from rooflax.sweeps.fits.fit_problem import Parameter, bind_rows, stacked
from rooflax.sweeps.fits.fit_solver import Weighting

ONE = {"toy_flops": 4e15, "toy_bytes": 1e12}
BIG = {"hardware": "h100-sxm-80gb", "kernel_efficiency": 1.0, "toy_flops": 2e18, "toy_bytes": 0}
CHIPS = ("a100-sxm-80gb", "h100-sxm-80gb", "h200-sxm-141gb", "mi300x", "tpu-v5p", "tpu-v6e")
STACKS = ("megatron-core", "torchtitan", "composer-fsdp")
COMPUTE = Parameter("compute_efficiency", "hardware", Prior(0.7, "", 1.0, 0.5, 0.4), 0, 1)
KERNEL = Parameter("kernel_efficiency", "software_stack", Prior(0.9, "", 0.3, 0.3, 0.5), 0, 1)
HBM = Parameter("hbm_efficiency", "", Prior(0.8, "", 1.0), 0, 1)
OVERLAP = Parameter("tp_overlap", "software_stack", Prior(0.5, "", 1.0, 0.5, 0.5), 0, 1)


@pytest.fixture(scope="module")
def toys() -> Workbench:
    return Workbench(models=(Path(__file__).with_name("toy_models.py"),))


def row(name: str, family: str, seconds: float, quantity: str = "toy_time", **inputs: object) -> MeasuredRow:
    target = Target(quantity, seconds, "s", rate=quantity == "toy_rate")
    return MeasuredRow("toys.csv", name, family, "high", (target,), {**ONE, **inputs})


def measured(
    bench: Workbench, truth: Callable[[str, str], dict[str, float]], count: int, noise: float, families: int = 8
) -> list[MeasuredRow]:
    """Rows that the toy gives at the true values, with normal noise in the logarithm; every fourth tells a rate."""
    random = np.random.default_rng(20261126)
    cases, names = [], []
    for place in range(count):
        chip, stack = CHIPS[place % len(CHIPS)], STACKS[(place // len(CHIPS)) % len(STACKS)]
        case = {"hardware": chip, "software_stack": stack, "toy_exchange": float(random.choice([0, 1, 7]))}
        case |= {"toy_flops": random.choice([0.5, 4, 8]) * 1e15, "toy_bytes": random.choice([1, 8, 32]) * 1e12}
        cases.append(case)
        names.append((chip, stack))
    full = [{**case, **truth(*name)} for case, name in zip(cases, names, strict=True)]
    found = evaluate_cases(bench.registry, bench.catalogs, full, ["toy_time"])
    times = [result.values["toy_time"] * math.exp(noise * random.normal()) for result in found]
    return [
        row(f"r{i}", f"f{i % families}", 1 / time, "toy_rate", **case)
        if i % 4 == 0
        else row(f"r{i}", f"f{i % families}", time, **case)
        for i, (case, time) in enumerate(zip(cases, times, strict=True))
    ]


def fitted(bench: Workbench, rows: Sequence[MeasuredRow], *parameters: Parameter, **options: float) -> Fit:
    return fit(bench.registry, bench.catalogs, rows, parameters, Weighting(**options))


def value(found: Fit, name: str, label: str) -> float:
    return next(e.value for e in found.estimates if (e.name, e.label) == (name, label))


def test_known_values_are_found_again_within_their_standard_errors(toys):
    compute: dict[str, float] = dict(zip(CHIPS, (0.55, 0.7, 0.62, 0.45, 0.8, 0.75), strict=True))
    overlap: dict[str, float] = dict(zip(STACKS, (0.7, 0.3, 0.5), strict=True))

    def truth(chip: str, stack: str) -> dict[str, float]:
        known = {"compute_efficiency": compute[chip], "tp_overlap": overlap[stack]}
        return {**known, "kernel_efficiency": 1.0, "hbm_efficiency": 0.85}

    rows = measured(toys, truth, 360, 0.03)
    rows = [
        MeasuredRow(r.file, r.id, r.family, r.confidence, r.targets, {**r.inputs, "kernel_efficiency": 1.0})
        for r in rows
    ]
    found = fitted(toys, rows, COMPUTE, HBM, OVERLAP, noise=0.03, soft=1.0, balance=0.0)
    records = {(e.name, e.label): e for e in found.estimates if e.level == 2}
    true = {("compute_efficiency", chip): known for chip, known in compute.items()}
    true |= {("tp_overlap", stack): known for stack, known in overlap.items()}
    assert set(records) == set(true)
    everywhere = next(e for e in found.estimates if e.name == "hbm_efficiency")
    assert (everywhere.owner, everywhere.rows, everywhere.families) == ("", 360, 8)
    off = [(records[key].value - true[key]) / records[key].error for key in true]
    off.append((everywhere.value - 0.85) / everywhere.error)
    # Ten independent standard normals: their root mean square lies in this range with 99.8 % probability.
    assert 0.38 < math.sqrt(np.mean(np.square(off))) < 1.72
    assert max(map(abs, off)) < 3.3
    assert max(e.error for e in records.values()) < 0.03
    after = [r.after for r in found.rows]
    assert np.std(after) == pytest.approx(0.03, rel=0.1)
    assert np.std([r.before for r in found.rows]) > 0.1


def test_two_chips_of_a_fit_may_differ_only_as_the_rows_tell(toys):
    """A record with one odd row stays near its class; with many rows of the same kind it goes where they say."""

    def rows_of(chip: str, count: int, efficiency: float) -> list[MeasuredRow]:
        case = {**BIG, "hardware": chip, "compute_efficiency": efficiency}
        time = float(evaluate_cases(toys.registry, toys.catalogs, [case], ["toy_time"])[0].values["toy_time"])
        inputs = {k: v for k, v in case.items() if k != "compute_efficiency"}
        return [row(f"{chip}-{i}", f"{chip}", time, **inputs) for i in range(count)]

    usual = [r for chip in ("a100-sxm-80gb", "h200-sxm-141gb", "mi300x") for r in rows_of(chip, 20, 0.6)]
    narrow = Parameter("compute_efficiency", "hardware", Prior(0.7, "", 1.0, 0.5, 0.1), 0, 1)
    one = fitted(toys, [*usual, *rows_of("h100-sxm-80gb", 1, 0.8)], narrow, balance=0.0)
    many = fitted(toys, [*usual, *rows_of("h100-sxm-80gb", 200, 0.8)], narrow, balance=0.0)
    pooled = value(one, "compute_efficiency", "gpu")
    assert pooled == pytest.approx(0.6, abs=0.03)
    assert pooled < value(one, "compute_efficiency", "h100-sxm-80gb") < 0.66
    assert value(many, "compute_efficiency", "h100-sxm-80gb") > 0.75
    error = {e.label: e.error for e in many.estimates}
    assert error["h100-sxm-80gb"] < error["a100-sxm-80gb"] < error["all"]


def test_a_record_that_no_row_tells_about_has_no_value_of_its_own(toys):
    rows = [row("a", "f", 9.0, hardware="h100-sxm-80gb", software_stack="torchtitan")]
    rows.append(row("b", "f", 9.0, hardware="h100-sxm-80gb", software_stack="megatron-core", toy_exchange=1))
    found = fitted(toys, rows, OVERLAP, COMPUTE)
    labels = {e.label for e in found.estimates if e.name == "tp_overlap"}
    assert labels == {"all", "torch", "megatron-core"}
    assert next(e for e in found.estimates if (e.name, e.label) == ("tp_overlap", "torch")).records == 1


def test_a_family_left_out_is_predicted_as_records_that_no_fit_has_seen(toys, tmp_path):
    def truth(chip: str, stack: str) -> dict[str, float]:
        known = {"compute_efficiency": 0.4 + 0.07 * CHIPS.index(chip), "tp_overlap": 0.5}
        return {**known, "kernel_efficiency": 0.8 + 0.05 * STACKS.index(stack), "hbm_efficiency": 0.85}

    rows = measured(toys, truth, 90, 0.05)
    alone = [row(f"x{i}", "alone", 5.0 + i, hardware="b200-sxm-180gb", toy_exchange=1) for i in range(3)]
    parameters = (COMPUTE, KERNEL, HBM, OVERLAP)
    found = fit(toys.registry, toys.catalogs, [*rows, *alone], parameters, leave_one_family_out=True)
    assert any(e.label == "b200-sxm-180gb" for e in found.estimates)
    for family in ("alone", "f4"):  # every row of f4 tells a rate
        others = [r for r in [*rows, *alone] if r.family != family]
        calibration = fitted(toys, others, *parameters).calibration("2026-11-26")
        folder = tmp_path / family
        folder.mkdir()
        (folder / "calibration.yaml").write_text(written(calibration, {}), encoding="utf-8")
        left = [r for r in found.rows if r.row.family == family]
        assert len(left) > 2
        catalogs = Workbench(models=toys.models, catalog=(folder,)).catalogs
        cases = [r.row.inputs for r in left]
        told = evaluate_cases(toys.registry, catalogs, cases, ["toy_time", "toy_rate"])
        predicted = [result.values[r.row.primary.quantity] for r, result in zip(left, told, strict=True)]
        assert [found.left_out["toys.csv", r.row.id] for r in left] == pytest.approx(predicted, rel=1e-4)
    pooled = [abs(r.after - r.left_out) for r in found.rows if r.row.family == "alone" and r.left_out is not None]
    assert min(pooled) > 0.01


def test_families_count_alike_however_many_rows_they_have():
    families = ["long"] * 97 + ["short"] * 3
    weights = Weighting(family_rows=10.0).of(families, np.ones(100, bool))
    assert weights[:97].sum() == pytest.approx(10.0)
    assert weights[97:].sum() == pytest.approx(10.0)
    used = np.arange(100) < 98
    assert Weighting().of(families, used)[97:].tolist() == pytest.approx([10.0, 0.0, 0.0])
    assert Weighting(balance=0.0).of(families, used).tolist() == [1.0] * 98 + [0.0] * 2
    half = Weighting(family_rows=10.0, balance=0.5).of(families, np.ones(100, bool))
    assert half[0] == pytest.approx(math.sqrt(10 / 97))


@pytest.mark.parametrize(("balance", "between"), [(1.0, (0.55, 0.65)), (0.0, (0.49, 0.52))])
def test_a_long_table_outvotes_a_short_one_only_where_rows_count_alike(toys, balance, between):
    time = {share: 2e18 / (989.4e12 * share) for share in (0.5, 0.7)}
    rows = [row(f"l{i}", "long", time[0.5], **BIG) for i in range(60)]
    rows += [row(f"s{i}", "short", time[0.7], **BIG) for i in range(2)]
    wide = Parameter("compute_efficiency", "", Prior(0.6, "", 10.0), 0, 1)
    found = fitted(toys, rows, wide, balance=balance)
    assert between[0] < found.estimates[0].value < between[1]


def test_one_row_far_off_does_not_move_the_fit(toys):
    time = 2e18 / (989.4e12 * 0.6)
    rows = [row(f"r{i}", "f", time, **BIG) for i in range(20)]
    wide = Parameter("compute_efficiency", "", Prior(0.6, "", 10.0), 0, 1)
    odd = [*rows, row("odd", "f", 8 * time, **BIG)]
    assert abs(fitted(toys, odd, wide).estimates[0].value - 0.6) < 0.006
    assert abs(fitted(toys, odd, wide, soft=1e3).estimates[0].value - 0.6) > 0.02


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_values_stay_inside_their_domain(toys, factor):
    inputs = {"hardware": "h100-sxm-80gb", "toy_exchange": 1}
    rows = [row(f"r{i}", "f", 6.0 * factor, **inputs) for i in range(30)]
    found = fitted(toys, rows, COMPUTE, KERNEL, HBM, OVERLAP)
    for estimate in found.estimates:
        assert toys.registry.vocabulary[estimate.name].admits(estimate.value)
        assert 0 < estimate.value < 1
        assert math.isfinite(estimate.error)


def test_coordinates_of_inputs_keep_to_their_bounds():
    above_one = Parameter("vector_traffic_factor", "software_stack", Prior(1.5, ""), 1, math.inf)
    for parameter, known in ((above_one, 1.7), (COMPUTE, 0.42)):
        free, step = parameter.free(known), 1e-6
        with precision("float64"):
            at = [float(parameter.natural(x)) for x in (free, free - step, free + step, -5.0, 5.0)]
        assert at[0] == pytest.approx(known)
        assert parameter.slope(free) == pytest.approx((at[2] - at[1]) / (2 * step), rel=1e-6)
        assert parameter.low < at[3] < at[4] < parameter.high


def test_what_a_row_or_a_record_states_itself_is_not_fitted(tmp_path, toys):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: M\nconfidence: high\ncatalog: hardware\nsources: {s: {title: S}}\nsource: s\n"
        "facts: {vendor: NVIDIA}\n"
        "fields: {peak_flops_bf16: 1e15, hbm_bandwidth: 1e12, hbm_capacity: 8e10, compute_efficiency: 0.3}\n"
    )
    bench = Workbench(models=toys.models, catalog=(tmp_path,))
    plain = {"software_stack": "torchtitan"}
    rows = [row("own", "f", 9.0, hardware="mine", **plain)]
    rows.append(row("given", "f", 9.0, hardware="h100-sxm-80gb", compute_efficiency=0.5, **plain))
    rows.append(row("free", "f", 9.0, hardware="h100-sxm-80gb", **plain))
    found = fitted(bench, rows, COMPUTE)
    assert [r.row.id for r in found.rows] == ["free"]
    assert {r.row.id: r.reason for r in found.refused} == dict.fromkeys(
        ["own", "given"], "toy_time depends on none of the fitted inputs here"
    )
    both = fitted(bench, rows, COMPUTE, KERNEL)
    assert len(both.rows) == 3
    assert {(e.label, e.rows) for e in both.estimates if e.name == "compute_efficiency" and e.level == 2} == {
        ("h100-sxm-80gb", 1)
    }
    problem = stacked(bench.registry, bind_rows(bench.registry, bench.catalogs, rows, [COMPUTE])[0], [COMPUTE])
    assert len(problem.rows) == 1


def test_rows_that_cannot_be_used_say_why(toys):
    good = {"hardware": "h100-sxm-80gb"}
    rows = [
        row("good", "f", 9.0, **good),
        MeasuredRow("t.csv", "told", "f", "high", (Target("toy_time", 1.0, "s"),), {}, refused="no model"),
        MeasuredRow("t.csv", "low", "f", "low", (Target("toy_time", 1.0, "s"),), good),
        row("zero", "f", 0.0, **good),
        row("unknown", "f", 1.0, quantity="toy_tme", **good),
        row("bare", "f", 1.0),
        row("wrong", "f", 1.0, **{**good, "hardware": "h1000"}),
        row("nan", "f", 1.0, **{**good, "hbm_bandwidth": 1e-320}),
    ]
    found = fitted(toys, rows, COMPUTE)
    reasons = {r.row.id: r.reason for r in found.refused}
    assert [r.row.id for r in found.rows] == ["good"]
    assert reasons["told"] == "no model"
    assert reasons["low"] == "confidence low: unverified rows are never a target"
    assert reasons["zero"] == "toy_time = 0.0 was measured; a number above 0 was expected"
    assert reasons["unknown"] == "`toy_tme` is no computed quantity"
    assert reasons["bare"] == "hbm_bandwidth: needed and not stated"
    assert "unknown hardware record 'h1000'" in reasons["wrong"]
    assert reasons["nan"] == "its prediction is not finite"
    with pytest.raises(RooflaxError, match="none of the 1 rows can be used: told: no model"):
        fitted(toys, rows[1:2], COMPUTE)


def test_a_quantity_can_be_fitted_like_an_input(toys):
    rows = [row(f"r{i}", "f", 1 / 4.0, "toy_rate", hardware="h100-sxm-80gb") for i in range(5)]
    found = fitted(toys, rows, Parameter("toy_time", "", Prior(1.0, "", 2.0)))
    assert found.estimates[0].value == pytest.approx(4.0, rel=0.01)


def test_the_training_model_can_be_fitted(bench, base):
    cases = [{**base["training"], "tp": tp, "hardware": chip} for tp in (1, 2, 4, 8) for chip in CHIPS[:2]]
    true = [{**case, "compute_efficiency": 0.6, "dp_overlap": 0.7} for case in cases]
    times = [r.values["step_time"] for r in evaluate_cases(bench.registry, bench.catalogs, true, ["step_time"])]
    rows = [
        MeasuredRow(
            "t.csv", str(i), f"f{i % 2}", "high", (Target("step_time", time, "s"),), {**case, "dp_overlap": 0.7}
        )
        for i, (case, time) in enumerate(zip(cases, times, strict=True))
    ]
    found = fitted(bench, rows, COMPUTE, noise=0.01)
    for chip in CHIPS[:2]:
        assert value(found, "compute_efficiency", chip) == pytest.approx(0.6, rel=0.01)
    assert max(abs(r.after) for r in found.rows) < 0.01 < max(abs(r.before) for r in found.rows)

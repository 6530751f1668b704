"""Uncertainty of calibrated inputs: their standard errors, what records differ from their class, and the covariance."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import rooflax as rx
from rooflax import Workbench
from rooflax.specs.bind import bind_keywords
from rooflax.specs.calibration import CALIBRATED
from rooflax.specs.distributions import FreeNormal, free_coordinate
from rooflax.specs.measured.rows import MeasuredRow, Target
from rooflax.sweeps.cases import evaluate_cases
from rooflax.sweeps.fits.fit import Fit
from rooflax.sweeps.uncertainties.uncertain_inputs import uncertain_inputs

MODELS = Path(__file__).with_name("toy_models.py")
PARAMS = "compute_efficiency:hardware,hbm_efficiency:hardware,kernel_efficiency:software_stack"
POINT = {"toy_flops": 4e15, "toy_bytes": 4e12, "tp_overlap": 0.5, "software_stack": "torchtitan"}
SHIPPED = {**POINT, "hardware": "h100-sxm-80gb"}
READ = ("compute_efficiency", "hbm_efficiency", "kernel_efficiency", "tp_overlap")


@pytest.fixture(scope="module")
def toys() -> Workbench:
    return Workbench((MODELS,))


@pytest.fixture(scope="module")
def measured(toys) -> Fit:
    """A fit to rows from which the product of two efficiencies is known well, and neither of them alone.

    One chip copies nothing, so that no row tells about its memory.
    """
    random = np.random.default_rng(20261126)
    chips = ("mi300x", "a100-sxm-80gb", "h100-sxm-80gb", "h200-sxm-141gb")
    cases = [
        {
            "hardware": chips[i % 4],
            "software_stack": ("torchtitan", "megatron-core")[i // 4 % 2],
            "toy_flops": float(random.choice([1, 4, 8])) * 1e15,
            "toy_bytes": float(random.choice([0.1, 4, 8])) * (1e12 if i % 4 else 0),
        }
        for i in range(60)
    ]
    truth = {"compute_efficiency": 0.7, "hbm_efficiency": 0.8, "kernel_efficiency": 0.9, "tp_overlap": 0.5}
    found = evaluate_cases(toys.registry, toys.catalogs, [{**case, **truth} for case in cases], ["toy_time"])
    rows = [
        MeasuredRow(
            "toys.csv",
            f"r{i}",
            f"f{i % 6}",
            "high",
            (Target("toy_time", result.values["toy_time"] * math.exp(0.02 * random.normal()), "s", rate=False),),
            {**case, "tp_overlap": 0.5},
        )
        for i, (case, result) in enumerate(zip(cases, found, strict=True))
    ]
    return rx.fit(rows, PARAMS, models=[MODELS])


def distributions(bench, **inputs):
    bound = bind_keywords(inputs, known=bench.names, catalogs=bench.catalogs)
    found = uncertain_inputs(bound, bench.registry.vocabulary, READ, fitted=True)
    return bound, {one.name: one for one in found.inputs}


def test_a_measured_record_has_its_own_standard_error(toys):
    calibrated = toys.catalogs.calibration.records["hardware"]["h100-sxm-80gb"]["compute_efficiency"]
    bound, found = distributions(toys, **SHIPPED)
    (part,) = found["compute_efficiency"].parts
    value, error = calibrated.value, calibrated.error
    assert isinstance(part, FreeNormal)
    assert (part.value, part.low, part.high) == (value, 0.0, 1.0)
    assert part.error == pytest.approx(error / (value * (1 - value)))
    assert float(bound.values["compute_efficiency"].data) == part.centre
    assert "tp_overlap" not in found  # given, so certain


def test_a_record_that_no_row_tells_about_takes_the_spread_of_records(toys):
    """The prior width of a record about its class, beside the error of the class's value."""
    known = toys.catalogs.calibration
    assert "pooled-torch" not in known.records["software_stack"]
    bound, found = distributions(toys, **{**SHIPPED, "software_stack": "pooled-torch"})
    field = bound.lent["kernel_efficiency"].fields[0]
    assert field is not None
    assert field.label == "torch"
    calibrated = known.pooled["software_stack"]["kernel_efficiency"][field.label]
    slope = calibrated.value * (1 - calibrated.value)
    prior = CALIBRATED["software_stack"]["kernel_efficiency"]
    (part,) = found["kernel_efficiency"].parts
    assert isinstance(part, FreeNormal)
    expected = math.hypot(calibrated.error / slope, prior.record)
    assert part.error == pytest.approx(expected)


def test_a_record_of_a_class_that_no_row_tells_about_takes_that_spread_too(toys):
    from rooflax.specs.calibration import Calibrated, Calibration

    value = Calibrated(0.7, 0.02, 9, 3)
    calibration = Calibration({"hardware": {"compute_efficiency": {"all": value}}})
    prior = CALIBRATED["hardware"]["compute_efficiency"]
    record = toys.catalogs.get("hardware", "h100-sxm-80gb")
    found = calibration.field_of(record, "compute_efficiency")
    assert found is not None
    assert found[1].spread == pytest.approx(math.hypot(prior.record, prior.group))
    assert found[1].label == "all"


def test_an_input_that_is_given_or_stated_is_certain(toys):
    _, found = distributions(toys, **SHIPPED, compute_efficiency=0.7, hbm_efficiency="0.8 ± 0.1")
    assert set(found) == {"hbm_efficiency", "kernel_efficiency"}
    assert found["hbm_efficiency"].parts[0].text("1") == "0.8 ± 0.1"


def test_the_covariance_of_a_fit_has_its_standard_errors(measured):
    covariance = measured.covariance
    assert covariance.labels == tuple((e.name, e.owner, e.label) for e in measured.estimates)
    for place, estimate in enumerate(measured.estimates):
        parameter = next(p for p in measured.parameters if p.name == estimate.name)
        error = math.sqrt(covariance.matrix[place, place]) * parameter.slope(parameter.free(estimate.value))
        assert estimate.error == pytest.approx(error, rel=1e-6)
    assert ("compute_efficiency", "hardware", "mi300x") in covariance.labels
    assert ("hbm_efficiency", "hardware", "mi300x") not in covariance.labels
    assert np.linalg.eigvalsh(covariance.matrix).min() > 0
    assert covariance.between(("compute_efficiency", "hardware", "none"), covariance.labels[0]) == 0


def test_a_fit_is_asked_with_its_covariance(measured, toys):
    keys = [
        ("compute_efficiency", "hardware", "h100-sxm-80gb"),
        ("hbm_efficiency", "hardware", "h100-sxm-80gb"),
        ("kernel_efficiency", "software_stack", "torchtitan"),
    ]
    found = rx.uncertainty("toy_time", fitted=measured, models=[MODELS], samples=8192, **SHIPPED)
    assert set(found.attrs["correlated"]) == {name for name, _, _ in keys}
    covariance = np.array([[measured.covariance.between(a, b) for b in keys] for a in keys])
    values = {(e.name, e.owner, e.label): e.value for e in measured.estimates}
    assert float(found["toy_time_centre"]) == pytest.approx(_times(toys, *(np.array([values[k]]) for k in keys))[0])
    # The same by plain Monte-Carlo of the joint normal in the free coordinates.
    centres = [free_coordinate(values[key], 0.0, 1.0) for key in keys]
    drawn = np.random.default_rng(1).multivariate_normal(centres, covariance, 400_000)
    times = _times(toys, *(1 / (1 + np.exp(-drawn.T))))
    np.testing.assert_allclose(found["toy_time"], np.quantile(times, [0.05, 0.5, 0.95]), rtol=2e-3)
    assert float(found["toy_time_deviation"]) == pytest.approx(times.std(), rel=0.02)
    steps = [np.array(centres)[:, None] + sign * 1e-5 * np.eye(3) for sign in (1, -1)]
    above, below = (_times(toys, *(1 / (1 + np.exp(-step)))) for step in steps)
    slopes = (above - below) / 2e-5
    assert float(found["toy_time_first_order"]) == pytest.approx(math.sqrt(slopes @ covariance @ slopes), rel=1e-5)
    # Its errors alone, as if independent, would say much more than the rows do.
    errors = np.sqrt(np.diag(covariance))
    alone = _times(toys, *(1 / (1 + np.exp(-np.random.default_rng(1).normal(centres, errors, (400_000, 3)).T))))
    assert alone.std() > 1.5 * times.std()


def _times(bench, compute, hbm, kernel):
    """The toy's time, written out."""
    chip = bench.catalogs.get("hardware", "h100-sxm-80gb").fields
    flops, bandwidth = chip["peak_flops_bf16"].value, chip["hbm_bandwidth"].value
    return 4e15 / (flops * compute * kernel) + 4e12 / (bandwidth * hbm)


@pytest.mark.parametrize("fitted", [True, "fit"])
def test_a_grid_of_records_is_a_loop_over_them(fitted, measured):
    chosen = measured if fitted == "fit" else True
    chips, stacks = ["h100-sxm-80gb", "a100-sxm-80gb", "mi300x"], ["torchtitan", "megatron-core"]
    inputs = {**POINT, "hardware": chips, "software_stack": stacks, "models": [MODELS], "samples": 256}
    found = rx.uncertainty("toy_time", fitted=chosen, **inputs)
    assert set(found["toy_time"].dims) == {"hardware", "software_stack", "quantile"}
    for chip in chips:
        for stack in stacks:
            alone = rx.uncertainty("toy_time", fitted=chosen, **{**inputs, "hardware": chip, "software_stack": stack})
            cell = found.sel(hardware=chip, software_stack=stack)
            for name in ("", "_mean", "_deviation", "_first_order", "_share", "_first_index", "_total_index"):
                np.testing.assert_allclose(cell[f"toy_time{name}"], alone[f"toy_time{name}"], rtol=1e-9, atol=1e-12)


def test_the_training_model_knows_its_step_time_to_some_per_cent(base):
    found = rx.uncertainty("step_time", fitted=True, samples=256, where=["fits_memory"], **base["training"])
    spread = float(found["step_time_deviation"] / found["step_time_mean"])
    assert 0.01 < spread < 0.3
    assert float(found["step_time_first_order"]) == pytest.approx(float(found["step_time_deviation"]), rel=0.3)
    assert {"compute_efficiency", "hbm_efficiency", "kernel_efficiency"} <= set(found["input"].values)
    assert float(found["step_time_share"].sum()) == pytest.approx(1)

"""Uncertainty: indices and quantiles with closed forms, correlated inputs, grids, blocks, and probabilities."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import rooflax as rx
from rooflax import RooflaxError, Workbench
from rooflax.queries.uncertainty import QUANTILES, answer, asked_of_keywords
from rooflax.specs.bind import bind_keywords
from rooflax.specs.distributions import FreeNormal, Normal
from rooflax.sweeps.sweep import sweep_of
from rooflax.sweeps.uncertainties import uncertainty as streaming
from rooflax.sweeps.uncertainties.design import Design, sobol_scores
from rooflax.sweeps.uncertainties.uncertain_inputs import Uncertain, UncertainInput
from rooflax.sweeps.uncertainties.uncertainty import Question, statistics
from rooflax.sweeps.uncertainties.uncertainty_results import uncertainty as answered

MODELS = Path(__file__).with_name("uncertain_models.py")
ANGLES = {f"angle_{i}": {"uniform": [-math.pi, math.pi]} for i in (1, 2, 3)}
PARTS = {f"part_{i}": {"uniform": [0, 1]} for i in (1, 2, 3, 4)}


def ask(quantities, **inputs):
    return rx.uncertainty(quantities, models=[MODELS], **inputs)


def ishigami_indices(a=7.0, b=0.1):
    """First and total indices, Saltelli et al. 2008, p. 196."""
    parts: dict[tuple[int, ...], float] = {(1,): 0.5 * (1 + b * math.pi**4 / 5) ** 2, (2,): a**2 / 8, (3,): 0.0}
    parts[1, 3] = b**2 * math.pi**8 * (1 / 18 - 1 / 50)
    variance = sum(parts.values())
    first = [parts[(i,)] / variance for i in (1, 2, 3)]
    total = [sum(part for key, part in parts.items() if i in key) / variance for i in (1, 2, 3)]
    return first, total, variance


def sobol_g_indices(weights=(0.0, 1.0, 4.5, 9.0)):
    """First and total indices, Saltelli and Sobol 1995."""
    own = np.array([1 / 3 / (1 + a) ** 2 for a in weights])
    variance = np.prod(1 + own) - 1
    return own / variance, own * np.prod(1 + own) / (1 + own) / variance, variance


@pytest.mark.parametrize(
    ("quantity", "inputs", "known"),
    [("ishigami", ANGLES, ishigami_indices()), ("sobol_g", PARTS, sobol_g_indices())],
    ids=["ishigami", "sobol_g"],
)
def test_sobol_indices_are_those_of_known_functions(quantity, inputs, known):
    found = ask(quantity, samples=8192, **inputs)
    first, total, variance = known
    np.testing.assert_allclose(found[f"{quantity}_first_index"], first, atol=0.01)
    np.testing.assert_allclose(found[f"{quantity}_total_index"], total, atol=0.01)
    assert float(found[f"{quantity}_deviation"]) ** 2 == pytest.approx(variance, rel=0.01)
    assert found.attrs["evaluations"] == 8192 * (len(inputs) + 2)


def test_first_order_is_exact_for_a_linear_function():
    inputs = {"term_1": "1 ± 0.5", "term_2": {"uniform": [0, 6]}, "term_3": {"lognormal": [3, 1.5]}}
    found = ask("linear", samples=4096, **inputs)
    parts = [1.0**2, 9 * 36 / 12, stats.lognorm(math.log(1.5), scale=3).var()]
    assert float(found["linear_first_order"]) == pytest.approx(math.sqrt(sum(parts)), rel=1e-12)
    np.testing.assert_allclose(found["linear_share"], np.array(parts) / sum(parts), rtol=1e-12)
    assert float(found["linear_deviation"]) == pytest.approx(float(found["linear_first_order"]), rel=0.005)
    np.testing.assert_allclose(found["linear_first_index"], found["linear_share"], atol=0.01)
    np.testing.assert_allclose(found["linear_total_index"], found["linear_share"], atol=0.01)
    assert float(found["linear_centre"]) == 2 - 9 + 3


def test_quantiles_of_a_product_of_lognormals_are_those_of_the_closed_form():
    shares = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
    factors = {"term_1": (2.0, 1.3), "term_2": (5.0, 1.2), "term_3": (4.0, 1.5)}
    inputs = {name: {"lognormal": list(pair)} for name, pair in factors.items()}
    found = ask("product", samples=16384, quantiles=shares, **inputs)
    width = math.sqrt(sum(math.log(factor) ** 2 for _, factor in factors.values()))
    known = stats.lognorm(width, scale=2.0 * 5.0 / 4.0)
    np.testing.assert_allclose(found["product"], known.ppf(shares), rtol=0.01)
    assert float(found["product_mean"]) == pytest.approx(known.mean(), rel=1e-3)
    assert float(found["product_deviation"]) == pytest.approx(known.std(), rel=0.01)
    assert found["quantile"].values.tolist() == shares


def joint(correlation, *inputs):
    """Uncertain inputs of which all are correlated."""
    return Uncertain(inputs, tuple(one.name for one in inputs), (), np.asarray(correlation))


def test_indices_of_correlated_inputs_are_those_of_the_closed_form():
    """A linear function of jointly normal inputs: both indices follow from conditional variances alone."""
    correlation = np.array([[1.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 1.0]])
    deviations, slopes = np.array([0.5, 0.2, 1.0]), np.array([2.0, -3.0, 1.0])
    bench = Workbench((MODELS,))
    bound = bind_keywords({}, known=bench.names, catalogs=bench.catalogs)
    sweep = sweep_of(bench.registry, bound, ["linear"])
    normals = [UncertainInput(f"term_{i + 1}", (), (), (Normal(1.0, d),)) for i, d in enumerate(deviations)]
    found = answered(sweep, ["linear"], joint(correlation, *normals), Question(samples=8192))
    covariance = correlation * np.outer(deviations, deviations)
    variance = slopes @ covariance @ slopes
    first = (covariance @ slopes) ** 2 / np.diag(covariance) / variance
    total = slopes**2 / np.diag(np.linalg.inv(covariance)) / variance
    np.testing.assert_allclose(found["linear_first_index"], first, atol=0.01)
    np.testing.assert_allclose(found["linear_total_index"], total, atol=0.01)
    assert float(found["linear_first_order"]) == pytest.approx(math.sqrt(variance), rel=1e-12)
    np.testing.assert_allclose(found["linear_share"], slopes * (covariance @ slopes) / variance, rtol=1e-9)
    assert float(found["linear_deviation"]) == pytest.approx(math.sqrt(variance), rel=0.005)
    assert found.attrs["evaluations"] == 8192 * 8
    assert found.attrs["correlated"] == ["term_1", "term_2", "term_3"]


def test_inputs_without_correlation_have_the_indices_of_independent_ones():
    inputs = [UncertainInput(f"term_{i}", (), (), (FreeNormal(1.0, 0.2),)) for i in (1, 2, 3)]
    bench = Workbench((MODELS,))
    sweep = sweep_of(bench.registry, bind_keywords({}, known=bench.names, catalogs=bench.catalogs), ["product"])
    apart = answered(sweep, ["product"], Uncertain(tuple(inputs)), Question())
    together = answered(sweep, ["product"], joint(np.eye(3), *inputs), Question())
    for name in apart.data_vars:
        np.testing.assert_allclose(together[name], apart[name], rtol=1e-9, atol=1e-12)


def test_every_part_of_a_design_has_the_distribution_of_the_inputs():
    correlation = np.array([[1.0, 0.8], [0.8, 1.0]])
    inputs = [UncertainInput(name, (), (), (Normal(0.0, 1.0),)) for name in ("a", "b")]
    design = Design(joint(correlation, *inputs), 4096, 3, indices=True)
    assert design.parts == 6
    scores = np.stack([design.scores(name).reshape(design.parts, -1) for name in ("a", "b")])
    for part in range(design.parts):
        np.testing.assert_allclose(np.cov(scores[:, part]), correlation, atol=0.02)
    first, second = scores[:, 0], scores[:, 1]
    assert abs(np.corrcoef(first[0], second[0])[0, 1]) < 0.02
    redrawn, shared = scores[:, design.totals["a"]], scores[:, design.firsts["a"]]
    np.testing.assert_array_equal(redrawn[1], first[1])
    np.testing.assert_allclose(shared[0], second[0], atol=1e-12)
    rest = first[0] - 0.8 * first[1], redrawn[0] - 0.8 * redrawn[1]
    assert abs(np.corrcoef(*rest)[0, 1]) < 0.02


def test_scores_are_finite_and_balanced():
    scores = sobol_scores(1024, 6, 0)
    assert np.isfinite(scores).all()
    shares = stats.norm.cdf(scores)
    counts = [np.bincount((column * 1024).astype(int), minlength=1024) for column in shares.T]
    assert all((count == 1).all() for count in counts)  # one point in each of 1024 equal intervals
    np.testing.assert_allclose(shares * 2**30 % 1, 0.5, atol=1e-3)  # in the middle of the sequence's smallest cells


GRID = {"term_1": "1 ± 0.5", "term_2": {"uniform": [1, 2]}, "offset": [0.0, 4.0, 9.0], "term_3": [1.0, 2.0]}


def test_a_grid_is_a_loop_over_its_points():
    found = ask(["linear", "product"], samples=256, where=["linear < 9"], **GRID)
    assert found["linear"].dims == ("term_3", "offset", "quantile")
    assert found["product"].dims == ("term_3", "quantile")
    assert found["linear_share"].dims == ("term_3", "offset", "input")
    assert found["feasible_probability"].dims == ("term_3", "offset")
    for offset in GRID["offset"]:
        for term in GRID["term_3"]:
            point = {**GRID, "offset": offset, "term_3": term}
            alone = ask(["linear", "product"], samples=256, where=["linear < 9"], **point)
            cell = found.sel(offset=offset, term_3=term)
            for name in found.data_vars:
                np.testing.assert_allclose(cell[name], alone[name], rtol=1e-12, atol=1e-15)


def test_how_blocks_are_cut_does_not_matter(monkeypatch):
    whole = ask(["linear", "product"], samples=256, **GRID)
    for most, blocks in ((1024, 6), (2048, 4), (4096, 2), (8192, 1)):
        monkeypatch.setattr(streaming, "BLOCK_EVALUATIONS", most)
        done: list[tuple[int, int]] = []
        question = asked_of_keywords(Workbench((MODELS,)), ["linear", "product"], GRID, [])
        found = answer(question, 256, QUANTILES, 0, progress=lambda *step, to=done: to.append(step))
        assert done == [(step, blocks) for step in range(1, blocks + 1)]
        xr.testing.assert_identical(found, whole)


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    one, again, other = (ask("product", samples=256, seed=seed, **GRID) for seed in (5, 5, 6))
    xr.testing.assert_identical(one, again)
    assert not np.array_equal(one["product"], other["product"])
    assert (one.attrs["seed"], one.attrs["samples"]) == (5, 256)


def test_quantiles_are_the_same_without_indices():
    whole, plain = (ask("product", indices=indices, **GRID) for indices in (True, False))
    np.testing.assert_array_equal(whole["product"], plain["product"])
    assert "product_first_index" not in plain
    assert plain.attrs["evaluations"] == 1024
    assert whole.attrs["evaluations"] == 4 * 1024


def test_infeasible_samples_keep_their_values_and_are_counted():
    found = ask("linear", samples=4096, offset="0 ± 1", where=["stays_small", "linear < 1.5"])
    assert float(found["linear_centre"]) == 0.0
    assert float(found["linear"].sel(quantile=0.95)) == pytest.approx(stats.norm.ppf(0.95), abs=0.01)
    assert found["condition"].values.tolist() == ["stays_small", "linear < 1.5"]
    chances = found["condition_probability"].values
    assert chances == pytest.approx([1.0, stats.norm.cdf(1.5)], abs=0.002)
    assert float(found["feasible_probability"]) == chances[1]


def test_an_input_that_is_not_read_takes_no_share():
    found = ask("product", term_1="1 ± 0.1", where=["linear < 100"], offset="0 ± 1")
    assert found["input"].values.tolist() == ["term_1", "offset"]
    assert found["product_total_index"].values[1] == found["product_share"].values[1] == 0
    assert found["product_total_index"].values[0] == pytest.approx(1, abs=1e-3)


def test_what_does_not_vary_has_no_indices():
    """Nor has what varies by no more than rounding: a product with a sample that is always 0.1."""
    values = np.full((2, 12), 0.1)
    assert statistics(values, [0.5])["_deviation"].tolist() == [0, 0]
    found = ask(["product", "linear"], offset="0 ± 1")
    assert (found["product"] == found["product_centre"]).all()
    assert found["product_deviation"] == found["product_first_order"] == 0
    for part in ("first_index", "total_index", "share"):
        assert np.isnan(found[f"product_{part}"]).all()


def test_a_pinned_quantity_may_be_uncertain():
    found = ask(["linear", "product"], linear="4 ± 1", term_1="1 ± 0.1")
    np.testing.assert_allclose(found["linear"], [4 - 1.645, 4, 4 + 1.645], atol=0.01)
    assert float(found["linear_first_order"]) == 1


def test_everything_else_sees_the_centre():
    uncertain = rx.evaluate(["linear", "product"], models=[MODELS], **{**GRID, "term_1": "1.25 ± 0.5"})
    plain = rx.evaluate(["linear", "product"], models=[MODELS], **{**GRID, "term_1": 1.25, "term_2": 1.5})
    assert uncertain.attrs["notices"] == [
        f"{name}: {text} counts at its centre here; `rooflax uncertainty` uses the whole"
        for name, text in (("term_1", "1.25 ± 0.5"), ("term_2", "uniform from 1 to 2"))
    ]
    xr.testing.assert_identical(uncertain.assign_attrs(notices=[]), plain)


def test_a_notice_tells_of_a_distribution_that_nothing_reads():
    found = ask("product", term_1="1 ± 0.1", offset="0 ± 1")
    assert found.attrs["notices"] == ["offset: no quantity that is asked depends on it"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            "nothing is uncertain: no input that linear depends on has a distribution; give one, such as mfu = 0.42 ± "
            "0.03, or take the errors of the calibration (--fitted)",
        ),
        (
            {"offset": "0 ± 1", "samples": 1000},
            "1000 samples; a power of 2 was expected, at which Sobol sequences are balanced: 512 or 1024",
        ),
        (
            {"offset": "0 ± 1", "samples": 1},
            "1 sample; a power of 2 was expected, at which Sobol sequences are balanced: 2",
        ),
        (
            {"offset": "0 ± 1", "samples": 2**22},
            "4,194,304 samples need 12,582,912 evaluations at every point of the grid; the limit is 4,194,304. Take at "
            "most 1048576 samples, or leave out the indices.",
        ),
        (
            {"offset": "0 ± 1", "samples": 2**23, "indices": False},
            "8,388,608 samples need 8,388,608 evaluations at every point of the grid; the limit is 4,194,304. Take at "
            "most 4194304 samples.",
        ),
        (
            {"offset": "0 ± 1", "quantiles": [0.5, 0.1]},
            "quantiles 0.5, 0.1; shares from 0 to 1 in rising order were expected, such as 0.05, 0.5, 0.95",
        ),
        (
            {"offset": "0 ± 1", "quantiles": [5, 50]},
            "quantiles 5, 50; shares from 0 to 1 in rising order were expected, such as 0.05, 0.5, 0.95",
        ),
        ({"offset": "0 ± 1", "seed": -1}, "seed -1; a whole number at least 0 was expected"),
        (
            {"offset": "0 ± 1", "sample": {"zip": {"term_1": [1, 2]}}},
            "the axis `sample` has the name of a dimension of the results; name it otherwise",
        ),
        (
            {"offset": "0 ± 1", "where": ["liner < 3"]},
            "1 problem\n  where[0]: unknown name `liner`; did you mean `linear`?",
        ),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(RooflaxError) as error:
        ask("linear", **options)
    assert str(error.value) == message


def test_a_category_has_no_quantiles(base):
    with pytest.raises(RooflaxError) as error:
        rx.uncertainty("binding", **{**base["training"], "hbm_efficiency": "0.8 ± 0.1"})
    assert str(error.value).startswith("`binding` is one of ")
    assert str(error.value).endswith(", which have no mean or quantiles")


def test_results_that_do_not_fit_are_refused():
    axes = {f"term_{i}": {"min": 1, "max": 2, "num": 1000} for i in (1, 2, 3)}
    with pytest.raises(RooflaxError) as error:
        ask("linear", samples=2, offset="0 ± 1", **axes)
    assert str(error.value) == (
        "The statistics need 59.6 GiB in memory (8 numbers at each of 1e+09 points); the limit is 8 GiB. Give the axes "
        "fewer labels."
    )


def test_samples_without_a_value_are_counted_and_told():
    found = ask("rooted", term_1={"uniform": [-1, 3]}, samples=1024)
    assert float(found["rooted_no_value_probability"]) == pytest.approx(0.25, abs=0.002)
    assert np.isnan(found["rooted"]).all()
    assert found.attrs["notices"] == [
        "rooted: 25 % of the samples have no finite value, so quantiles and moments are missing there"
    ]
    grid = ask(["rooted", "linear"], term_1="0.1 ± 0.05", term_2=[1, 2], samples=64)
    assert grid["rooted_no_value_probability"].dims == ()
    assert float(grid["linear_no_value_probability"].max()) == 0
    assert [notice.split(":")[0] for notice in grid.attrs["notices"]] == ["rooted"]

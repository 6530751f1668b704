"""Distributions: as they are written, what they refuse, and the values, moments and quantiles that they have."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rooflax.specs.bind import bind_keywords
from rooflax.specs.distribution_forms import DistributionError, is_distribution, read_distribution
from rooflax.specs.distributions import FreeNormal, LogNormal, Normal, Samples, Uniform, free_coordinate, slope_of_free
from rooflax.specs.domains import Domain
from rooflax.specs.problems import SpecError
from rooflax.specs.schema import schema
from rooflax.specs.vocabulary import Group, Kind, Leaf, shipped

LEAVES = shipped()
SHARE = Leaf("share", "1", Kind.CONTINUOUS, "A share", Group.TRAINING, low=0, high=1)
BANDWIDTH = Domain("scale_out_bandwidth", "B/s", "", leaf=LEAVES["scale_out_bandwidth"])
MFU = Domain("mfu", "1", "", leaf=LEAVES["mfu"])
PINNED = Domain("dp_comm_time", "s", "")
INF = math.inf


@pytest.mark.parametrize(
    ("written", "domain", "read"),
    [
        ("0.42 ± 0.03", MFU, Normal(0.42, 0.03, 0.0, 1.0)),
        ("0.42 +- 0.03", MFU, Normal(0.42, 0.03, 0.0, 1.0)),
        ("0.42+/-.03", MFU, Normal(0.42, 0.03, 0.0, 1.0)),
        ("400 ± 20 Gb/s", BANDWIDTH, Normal(50e9, 2.5e9, 0.0, INF)),
        ("50 GB/s ± 20 Gb/s", BANDWIDTH, Normal(50e9, 2.5e9, 0.0, INF)),
        ("25 GB/s ± 10 %", BANDWIDTH, Normal(25e9, 2.5e9, 0.0, INF)),
        ("25e9 ± 10 %", BANDWIDTH, Normal(25e9, 2.5e9, 0.0, INF)),
        ("0.3 ± 0.2 s", PINNED, Normal(0.3, 0.2)),
        ("-3 ± 1 ms", PINNED, Normal(-3e-3, 1e-3)),
        ({"normal": ["25 GB/s", "10 %"]}, BANDWIDTH, Normal(25e9, 2.5e9, 0.0, INF)),
        ({"uniform": [0, 1]}, MFU, Uniform(0.0, 1.0)),
        ({"uniform": ["10 GB/s", "400 Gb/s"]}, BANDWIDTH, Uniform(10e9, 50e9)),
        ({"lognormal": [0.4, 1.1]}, MFU, LogNormal(0.4, 1.1, 0.0, 1.0)),
        ({"samples": [0.4, 0.38, 0.4]}, MFU, Samples((0.4, 0.38, 0.4))),
        ({"samples": np.array([1.0, 2.0])}, PINNED, Samples((1.0, 2.0))),
        (Normal(0.42, 0.03), MFU, Normal(0.42, 0.03, 0.0, 1.0)),
        (FreeNormal(0.4, 0.1, 0.0, 1.0), MFU, FreeNormal(0.4, 0.1, 0.0, 1.0)),
    ],
)
def test_what_is_written_is_read(written, domain, read):
    assert is_distribution(written)
    found = read_distribution(written, domain)
    assert type(found) is type(read)
    ((kind, parts),), ((expected, numbers),) = found.plain().items(), read.plain().items()
    assert kind == expected
    assert parts == pytest.approx(numbers)
    assert (getattr(found, "low", 0), getattr(found, "high", 0)) == pytest.approx(
        (getattr(read, "low", 0), getattr(read, "high", 0))
    )


@pytest.mark.parametrize(
    "value", ["0.4", "-3 s", "+3", 0.4, True, None, [1, 2], {"pow2": [1, 8]}, {"min": 1, "max": 2, "num": 3}, "a-b_c"]
)
def test_what_is_no_distribution(value):
    assert not is_distribution(value)


@pytest.mark.parametrize(
    ("written", "domain", "message"),
    [
        ("0.42 ± 0", MFU, "a deviation is above 0, found `0`"),
        ("0.42 ± 0.03 ± 0.1", MFU, "`0.42 ± 0.03 ± 0.1` cannot be read; write MEAN ± DEVIATION, such as 0.42 ± 0.03"),
        ("0.42 ±", MFU, "`0.42 ±` cannot be read; write MEAN ± DEVIATION, such as 0.42 ± 0.03"),
        (
            "0.42 ± 5 %",
            MFU,
            "`5 %` of the mean, or of 1? write the deviation of a plain number without %",
        ),
        (
            "400 Gb/s ± 20",
            BANDWIDTH,
            "`400 Gb/s ± 20`: write the unit behind the deviation too, or behind it alone",
        ),
        ("1.2 ± 0.1", MFU, "`1.2` is not a number above 0 and at most 1"),
        (
            {"lognormal": [0.4, 1]},
            MFU,
            "a factor is above 1, found 1: 68 % lies from the median / factor to the median · factor",
        ),
        ({"lognormal": [-1, 2]}, PINNED, "the median of a lognormal is above 0, found -1"),
        ({"uniform": [0.3]}, MFU, "uniform takes [low, high], found a list"),
        ({"uniform": [0.5, 0.3]}, MFU, "low (0.5) is not below high (0.3)"),
        ({"uniform": [0.5, 1.3]}, MFU, "1.3 is not a number above 0 and at most 1"),
        (
            {"uniform": [0.5, "1 GB"]},
            MFU,
            "1 GB is a size, since B is the byte (for billions write 70e9 or 70 G); a plain number was expected (for "
            "example 0.4, 8 or 70e9)",
        ),
        ({"unifrom": [0.3, 0.5]}, MFU, "unknown distribution; did you mean `uniform`?"),
        ({"samples": [0.3, 0.3]}, MFU, "at least two different samples were expected"),
        ({"samples": 0.3}, MFU, "samples takes a list of values, found 0.3"),
        (
            {"uniform": [0.3, 0.5], "normal": [0.4, 0.1]},
            MFU,
            "a distribution is one of 0.42 ± 0.03, {uniform: [0.3, 0.5]}, {lognormal: [0.4, 1.1]} or {samples: [0.38, "
            "0.42, 0.45]}, and nothing beside it",
        ),
        (
            "4 ± 1",
            Domain("tp", "1", "", leaf=LEAVES["tp"]),
            "`tp` is a whole number at least 1; only continuous inputs take a distribution",
        ),
        (
            {"uniform": [0, 1]},
            Domain("recompute", "1", "", LEAVES["recompute"].options, LEAVES["recompute"]),
            "`recompute` is one of none, selective, full; only continuous inputs take a distribution",
        ),
        (
            {"uniform": [0, 1]},
            Domain("dropout", "1", "", leaf=LEAVES["dropout"]),
            "`dropout` is true or false; only continuous inputs take a distribution",
        ),
        (
            {"uniform": [0, 1]},
            Domain("binding", "1", "", ("compute", "hbm")),
            "`binding` is one of compute, hbm; only continuous inputs take a distribution",
        ),
    ],
)
def test_what_is_refused(written, domain, message):
    assert is_distribution(written)
    with pytest.raises(DistributionError) as error:
        read_distribution(written, domain)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "written",
    [
        {"lognormal": [1, 1e300]},
        {"lognormal": [1e300, 1e10]},
        {"normal": [1e308, 1e308]},
        {"samples": [1, 1e308]},
    ],
)
def test_what_reaches_beyond_finite_numbers_is_refused(written):
    with pytest.raises(DistributionError, match="is too wide: its standard deviation and its outer quantiles must be"):
        read_distribution(written, PINNED)


def test_a_uniform_of_infinite_width_is_refused():
    wide = Leaf("wide", "1", Kind.CONTINUOUS, "A number", Group.TRAINING, low=-INF)
    with pytest.raises(DistributionError, match="must be finite numbers; give smaller numbers"):
        read_distribution({"uniform": [-1e308, 1e308]}, Domain("wide", "1", "", leaf=wide))


def test_a_distribution_that_lies_outside_its_domain_is_refused():
    narrow = Domain("x", "1", "", leaf=Leaf("x", "1", Kind.CONTINUOUS, "X", Group.TRAINING, low=0.4, high=0.5))
    with pytest.raises(DistributionError) as error:
        read_distribution("0.45 ± 0.2", narrow)
    assert str(error.value) == (
        "80% of 0.45 ± 0.2 lies outside the domain, a number at least 0.4 and at most 0.5; at most 50% may be cut off"
    )
    assert read_distribution("0.45 ± 0.07", narrow).plain() == {"normal": [0.45, 0.07]}


CASES = [
    (Normal(2.0, 3.0), stats.norm(2, 3)),
    (Normal(0.2, 0.3, 0.0, 1.0), stats.truncnorm(-0.2 / 0.3, 0.8 / 0.3, 0.2, 0.3)),
    (Normal(0.0, 0.3, 0.0, INF), stats.truncnorm(0, INF, 0, 0.3)),
    (Uniform(2.0, 5.0), stats.uniform(2, 3)),
    (LogNormal(2.0, 1.5), stats.lognorm(math.log(1.5), scale=2)),
]


@pytest.mark.parametrize(("found", "oracle"), CASES, ids=lambda case: str(case)[:40])
def test_moments_and_quantiles_are_those_of_scipy(found, oracle):
    shares = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6])
    np.testing.assert_allclose(found.at(stats.norm.ppf(shares)), oracle.ppf(shares), rtol=1e-6)
    assert found.deviation == pytest.approx(oracle.std(), rel=1e-9)


def test_a_lognormal_is_cut_at_its_bounds():
    found = LogNormal(0.8, 1.5, 0.0, 1.0)
    plain = stats.lognorm(math.log(1.5), scale=0.8)
    upto = plain.cdf(1.0)
    shares = np.array([0.01, 0.5, 0.99])
    np.testing.assert_allclose(found.at(stats.norm.ppf(shares)), plain.ppf(shares * upto), rtol=1e-9)
    values = found.at(stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000))
    assert found.deviation == pytest.approx(values.std(), rel=1e-4)
    assert found.outside == pytest.approx(1 - upto)


def test_samples_are_drawn_equally_often():
    found = Samples((3.0, 1.0, 2.0, 2.0))
    drawn = found.at(stats.norm.ppf((np.arange(8) + 0.5) / 8))
    assert drawn.tolist() == [1, 1, 2, 2, 2, 2, 3, 3]
    assert found.deviation == pytest.approx(np.std([3, 1, 2, 2]))
    assert found.centre == 2.0
    assert Samples((1.0, 4.0)).centre == 2.5
    assert found.at(np.array([-40.0, 40.0])).tolist() == [1, 3]


@given(
    st.floats(0.01, 0.99),
    st.floats(0.01, 1.5),
    st.sampled_from([(0.0, 1.0), (-1.0, 3.0), (0.0, INF)]),
    st.floats(-4, 4),
)
def test_a_fitted_value_is_normal_in_its_free_coordinate(value, error, bounds, score):
    found = FreeNormal(value, error, *bounds)
    at = float(found.at(np.array([score]))[0])
    assert free_coordinate(at, *bounds) == pytest.approx(free_coordinate(value, *bounds) + error * score, abs=1e-9)
    assert found.at(np.zeros(1))[0] == pytest.approx(value, rel=1e-14)
    step = 1e-6
    slope = (found.at(np.array([step]))[0] - found.at(np.array([-step]))[0]) / (2 * step * error)
    assert slope_of_free(value, *bounds) == pytest.approx(slope, rel=1e-4)


def test_the_deviation_of_a_fitted_value_is_that_of_small_errors():
    scores = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    for found in (FreeNormal(0.9, 0.01, 0.0, 1.0), FreeNormal(3.0, 0.01), FreeNormal(1.0, 0.01, -1.0, 3.0)):
        assert found.deviation == pytest.approx(found.at(scores).std(), rel=1e-3)
    assert FreeNormal(0.9, 0.0, 0.0, 1.0).deviation == 0
    assert FreeNormal(0.9, 0.0, 0.0, 1.0).at(scores[:3]).tolist() == [0.9, 0.9, 0.9]


def test_the_centre_of_a_normal_is_the_mean_as_written():
    assert Normal(0.42, 0.03, 0.0, 1.0).centre == 0.42
    assert Normal(0.95, 0.1, 0.0, 1.0).centre == 0.95


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Normal(50e9, 2.5e9), "50 GB/s ± 2.5 GB/s"),
        (Uniform(1e9, 2e9), "uniform from 1 GB/s to 2 GB/s"),
        (LogNormal(1e9, 1.2), "1 GB/s ×/÷ 1.2"),
        (Samples((1e9, 3e9, 2e9)), "3 samples from 1 GB/s to 3 GB/s"),
        (FreeNormal(1e9, 0.1), "1 GB/s ± 100 MB/s (fitted)"),
    ],
)
def test_a_distribution_in_words(found, text):
    assert found.text("B/s") == text


SPEC = """\
title: t
axes: {tp: [1, 2]}
fixed:
  model: small-1b
  hardware: chip-a
  seq_len: 1024
  global_batch_size: 8
  scale_up_bandwidth: 400 ± 20 Gb/s
outputs: [step_time]
"""


def test_a_spec_holds_the_centre_and_the_distribution_beside_it(load):
    found = load(SPEC)
    assert float(found.inputs.values["scale_up_bandwidth"].data) == 50e9
    assert found.inputs.values["scale_up_bandwidth"].origin == "given"
    assert found.inputs.distributions == {"scale_up_bandwidth": Normal(50e9, 2.5e9, 0.0, INF)}


def test_the_canonical_form_tells_distributions(load):
    plain = load(SPEC.replace("400 ± 20 Gb/s", "50 GB/s")).canonical()
    uncertain = load(SPEC).canonical()
    assert uncertain == {**plain, "distributions": {"scale_up_bandwidth": {"normal": [50e9, 2.5e9]}}}
    assert load(SPEC.replace("400 ± 20 Gb/s", "50 GB/s ± 5 %")).canonical() == uncertain
    assert load(SPEC.replace("400 ± 20", "400 ± 21")).canonical() != uncertain
    assert json.dumps(uncertain)


@pytest.mark.parametrize(
    "override", ["scale_up_bandwidth={uniform: [10 GB/s, 20 GB/s]}", "scale_up_bandwidth=15 ± 3 GB/s"]
)
def test_an_override_may_be_a_distribution(load, override):
    found = load(SPEC, override)
    assert float(found.inputs.values["scale_up_bandwidth"].data) == 15e9
    assert list(found.inputs.distributions) == ["scale_up_bandwidth"]
    on_axis = SPEC.replace("{tp: [1, 2]}", "{tp: [1, 2], scale_up_bandwidth: [1e9, 2e9]}")
    found = load(on_axis.replace("  scale_up_bandwidth: 400 ± 20 Gb/s\n", ""), override)
    assert [axis.name for axis in found.inputs.axes] == ["tp"]
    assert list(found.inputs.distributions) == ["scale_up_bandwidth"]


def test_a_wrong_distribution_is_told_where_it_stands(load):
    with pytest.raises(SpecError) as error:
        load(SPEC.replace("400 ± 20 Gb/s", "{uniform: [10 GB/s, 5 s]}"))
    assert "sweep.yaml:8:43" in str(error.value)
    assert "fixed.scale_up_bandwidth.uniform[1]" in str(error.value)
    with pytest.raises(SpecError) as error:
        load(SPEC.replace("{tp: [1, 2]}", "{tp: [1, 2], hbm_bandwidth: 3 ± 1 TB/s}"))
    assert "a distribution is what is known of one value; it belongs in `fixed`" in str(error.value)
    with pytest.raises(SpecError) as error:
        load(SPEC.replace("{tp: [1, 2]}", "{tp: [1, 2], hbm_bandwidth: [3 ± 1 TB/s, 4 TB/s]}"))
    assert "axes.hbm_bandwidth[0]: a label is one exact value; a distribution belongs in `fixed`" in str(error.value)
    with pytest.raises(SpecError) as error:
        load(SPEC.replace("hardware: chip-a", "hardware: {uniform: [1, 2]}"))
    assert "a record of the hardware catalog has no distribution; only continuous inputs take one" in str(error.value)


def test_keywords_take_distributions(known, catalogs):
    base = {"model": "small-1b", "hardware": "chip-a", "seq_len": 1024, "global_batch_size": 8}
    for given_as in ("400 ± 20 Gb/s", {"normal": [50e9, "20 Gb/s"]}, Normal(50e9, 2.5e9)):
        bound = bind_keywords({**base, "scale_up_bandwidth": given_as}, known=known, catalogs=catalogs)
        assert bound.distributions == {"scale_up_bandwidth": Normal(50e9, 2.5e9, 0.0, INF)}
        assert bound.axes == ()


def test_the_editor_schema_knows_distributions():
    table = schema(quantities={"step_time": "s"})
    fixed = table["properties"]["fixed"]["properties"]
    assert fixed["mfu"]["$ref"] == fixed["step_time"]["$ref"] == "#/$defs/Uncertain"
    assert "$ref" not in fixed["tp"]
    forms = table["$defs"]["Uncertain"]["anyOf"]
    assert [next(iter(form.get("properties", {"one": 0}))) for form in forms] == [
        "one",
        "normal",
        "uniform",
        "lognormal",
        "samples",
    ]

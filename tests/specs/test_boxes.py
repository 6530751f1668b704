"""The section `optimize` of a spec: what it means, and where each mistake in it is told."""

from __future__ import annotations

import json

import pytest

from rooflax.specs.axes import Box
from rooflax.specs.problems import SpecError
from rooflax.specs.schema import schema

SPEC = """\
title: What memory is worth its price?
axes:
  tp: [1, 2]
fixed: {model: small-1b, hardware: chip-a, seq_len: 4096, global_batch_size: 1024}
outputs: [step_time]
where: [fits_memory, step_time < 3 s]
optimize:
  minimize: step_time
  over:
    scale_up_bandwidth: {min: 25 GB/s, max: 800 GB/s}
    hbm_capacity: {min: 40 GB, max: 80 GB}
"""


@pytest.fixture
def told(load):
    """The problems of a text as place, line and message."""

    def problems(text, *overrides):
        with pytest.raises(SpecError) as error:
            load(text, *overrides)
        return [(problem.where, problem.line, problem.message) for problem in error.value.problems]

    return problems


def test_free_inputs_have_ranges_on_their_own_scale(load):
    loaded = load(SPEC)
    assert loaded.inputs.boxes == (
        Box("scale_up_bandwidth", 25e9, 800e9, "B/s", "Scale-up domain: bandwidth per GPU, one direction"),
        Box("hbm_capacity", 40e9, 80e9, "B", "Memory of one GPU"),
    )
    assert [box.log for box in loaded.inputs.boxes] == [True, False]
    assert float(loaded.inputs.values["scale_up_bandwidth"].data) == pytest.approx((25e9 * 800e9) ** 0.5)
    assert float(loaded.inputs.values["hbm_capacity"].data) == 60e9
    assert loaded.inputs.values["hbm_capacity"].origin == "optimize"
    assert loaded.spec.optimize.objective == "step_time"


COUNT = (
    "`tp` is a whole number; list those to try under `axes`, such as tp: [1, 2, 4], and an optimum is found for each"
)
CHOICE = (
    "`recompute` is one of none, selective, full; list those to try under `axes`, such as recompute: [none, "
    "selective], and an optimum is found for each"
)
FLAG = (
    "`dropout` is true or false; list those to try under `axes`, such as dropout: [true, false], and an optimum is "
    "found for each"
)
RECORD = (
    "`network` names records; list those to try under `axes`, such as network: [NAME, NAME], and an optimum is found "
    "for each"
)


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ("recompute: {min: 0, max: 2}", "optimize.over.recompute", CHOICE),
        ("dropout: {min: 0, max: 1}", "optimize.over.dropout", FLAG),
        ("network: {min: 0, max: 1}", "optimize.over.network", RECORD),
        ("tp: {min: 1, max: 8}", "optimize.over.tp", "given in two places; the other is `axes.tp`"),
        ("seq_len: {min: 1, max: 8}", "optimize.over.seq_len", "given in two places; the other is `fixed.seq_len`"),
        ("hbm_capcity: {min: 1, max: 8}", "optimize.over.hbm_capcity", "unknown name; did you mean `hbm_capacity`?"),
        (
            "hbm_capacity: [40 GB, 80 GB]",
            "optimize.over.hbm_capacity",
            "a range is {min: LOW, max: HIGH}, found a list",
        ),
        ("hbm_capacity: 40 GB", "optimize.over.hbm_capacity", "a range is {min: LOW, max: HIGH}, found `40 GB`"),
        ("hbm_capacity: {min: 40 GB, num: 3}", "optimize.over.hbm_capacity.num", "a range is {min: LOW, max: HIGH}"),
        ("hbm_capacity: {min: 4, maxi: 3}", "optimize.over.hbm_capacity.maxi", "unknown key; did you mean `max`?"),
        (
            "hbm_capacity: {min: 40 GB}",
            "optimize.over.hbm_capacity",
            "`max` is missing; a range is {min: LOW, max: HIGH}",
        ),
        ("hbm_capacity: {min: 0, max: 80 GB}", "optimize.over.hbm_capacity.min", "0 is not a number above 0 B"),
        (
            "hbm_capacity: {min: 80 GB, max: 40 GB}",
            "optimize.over.hbm_capacity",
            "no value lies in it: min (80000000000) is above max (40000000000)",
        ),
        (
            "hbm_capacity: {min: 80 GB, max: 0.08 TB}",
            "optimize.over.hbm_capacity",
            "min equals max (80000000000), which leaves nothing free; give the one value under `fixed`",
        ),
        (
            "hbm_capacity: {min: 1e-300, max: 1e300}",
            "optimize.over.hbm_capacity",
            "too wide or too far out to search: from 1e-300 to 1e+300; give a narrower range",
        ),
        (
            "hbm_capacity: {min: 1e200, max: 1e210}",
            "optimize.over.hbm_capacity",
            "too wide or too far out to search: from 1e+200 to 1e+210; give a narrower range",
        ),
        (
            "idle_power: {min: 1, max: 4}",
            "optimize.over.idle_power",
            "neither `step_time` nor a condition depends on it; leave it out",
        ),
        (
            "step_time: {min: 1, max: 4}",
            "optimize.minimize",
            "`step_time` is itself left free under `over`; its best value is an end of its range",
        ),
    ],
)
def test_what_cannot_be_free_is_told_where_it_stands(written, place, message, told):
    text = SPEC.replace("hbm_capacity: {min: 40 GB, max: 80 GB}", written)
    assert text != SPEC
    line = 8 if place == "optimize.minimize" else 11
    assert told(text) == [(place, line, message)]


def test_a_count_is_told_to_be_an_axis(told):
    text = (
        SPEC.replace("  tp: [1, 2]\n", "  num_layers: [1, 2]\n")
        .replace("hbm_capacity:", "tp:")
        .replace("GB, max: 80 GB", ", max: 80")
    )
    assert told(text) == [("optimize.over.tp", 11, COUNT)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "step_time < 3 s",
            "step_time == 3 s",
            (
                "where[1]",
                6,
                "`step_time == 3 s` cannot be kept while scale_up_bandwidth is left free; an optimum takes conditions "
                "with <, <=, > or >=",
            ),
        ),
        ("minimize: step_time", "minimize: step_tme", (
            "optimize.minimize", 8, "unknown quantity `step_tme`; did you mean `step_time`?")),
        ("minimize: step_time", "minimize: compute_time", (
            "optimize.minimize",
            8,
            "`compute_time` does not depend on what is left free: scale_up_bandwidth, hbm_capacity",
        )),
        ("minimize: step_time", "minimize: binding", (
            "optimize.minimize", 8, "`binding` is one of compute, comm, which have no order")),
        ("  minimize: step_time\n", "", ("optimize", 7, "give exactly one of `minimize` and `maximize`")),
        ("  over:", "  ovr:", ("optimize.ovr", 9, "unknown key; did you mean `over`?")),
    ],
)  # fmt: skip
def test_other_mistakes_are_told_where_they_stand(old, new, expected, told):
    text = SPEC.replace(old, new)
    assert text != SPEC
    assert expected in told(text)


def test_an_equation_on_what_is_not_free_is_a_condition(load):
    assert len(load(SPEC.replace("step_time < 3 s", "tp == 2")).conditions) == 2


def test_an_input_that_is_set_is_no_longer_free(load):
    one = load(SPEC, "hbm_capacity=64 GB")
    assert [box.name for box in one.inputs.boxes] == ["scale_up_bandwidth"]
    assert "--set hbm_capacity=64 GB: `hbm_capacity` is dropped from `optimize.over`" in one.notices
    none = load(SPEC, "hbm_capacity=64 GB", "scale_up_bandwidth=[1e11, 2e11]")
    assert none.inputs.boxes == ()
    assert none.spec.optimize is None
    assert "--set scale_up_bandwidth=[1e11, 2e11]: `optimize` is dropped, since no input is left free" in none.notices


BESIDE = {
    "pareto": "{objectives: [step_time:min, step_energy:min]}",
    "gradients": "{derivative: {of: [step_energy], wrt: [overhead_memory]}}",
}


@pytest.mark.parametrize("section", BESIDE)
def test_what_needs_values_is_dropped_while_inputs_are_free(section, load):
    both = f"{SPEC}{section}: {BESIDE[section]}\n"
    free = load(both)
    assert getattr(free.spec, section) is None
    assert f"{section}: dropped, since `optimize` leaves inputs free" in free.notices
    assert free.canonical() == load(SPEC).canonical()
    given = load(both, "hbm_capacity=64 GB", "scale_up_bandwidth=100 GB/s")
    assert getattr(given.spec, section) is not None
    assert not [notice for notice in given.notices if notice.startswith(section)]


def test_a_range_can_be_set(load):
    loaded = load(SPEC, "optimize.over.hbm_capacity={min: 1 GB, max: 2 GB}")
    assert loaded.inputs.boxes[1].high == 2e9


def test_the_canonical_form_tells_what_is_optimized(load):
    form = json.dumps(load(SPEC).canonical())
    same = SPEC.replace("25 GB/s", "200 Gb/s").replace(
        "hbm_capacity: {min: 40 GB, max: 80 GB}", "hbm_capacity: {max: 8e10, min: 4e10}"
    )
    assert json.dumps(load(same).canonical()) == form
    others = [SPEC.replace("minimize", "maximize"), SPEC.replace("max: 80 GB", "max: 81 GB")]
    assert all(json.dumps(load(text).canonical()) != form for text in others)
    without = load(SPEC[: SPEC.index("optimize")], "hbm_capacity=60 GB", "scale_up_bandwidth=1e11")
    assert "optimize" not in without.canonical()


def test_editors_know_which_inputs_can_be_free():
    over = schema(quantities={"step_time": "s"})["$defs"]["Optimize"]["properties"]["over"]
    assert over["properties"]["hbm_capacity"]["$ref"] == "#/$defs/Box"
    assert over["properties"]["step_time"]["description"] == "Computed quantity, left free (s)"
    assert not {"tp", "recompute", "dropout", "model"} & set(over["properties"])
    assert over["additionalProperties"] is False

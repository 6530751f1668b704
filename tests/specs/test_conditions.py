from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooflax.specs.conditions import (
    FLAG_OPTIONS,
    Comparison,
    ConditionError,
    ConstraintName,
    parse_condition,
    parse_equation,
)

UNITS = {"memory_per_gpu": "B", "predicted_mfu": "1", "tp": "1", "pp": "1", "step_time": "s", "rules.step_time": "s"}
CONSTRAINTS = ("fits_memory", "divides_layers")
OPTIONS = {
    "recompute": ("none", "selective", "full"),
    "zero_stage": ("0", "1", "2", "3"),
    "sequence_parallel": FLAG_OPTIONS,
}
PLAIN = "a plain number was expected (for example 0.4, 8 or 70e9)"


def parse(text):
    return parse_condition(text, UNITS, CONSTRAINTS, OPTIONS)


def test_a_constraint_is_named():
    assert parse(" fits_memory ") == (ConstraintName("fits_memory"),)


@pytest.mark.parametrize(
    ("text", "name", "operator", "value"),
    [
        ("memory_per_gpu < 70 GiB", "memory_per_gpu", "<", 70 * 2**30),
        ("memory_per_gpu<70GiB", "memory_per_gpu", "<", 70 * 2**30),
        ("70 GiB > memory_per_gpu", "memory_per_gpu", "<", 70 * 2**30),
        ("70 GiB <= memory_per_gpu", "memory_per_gpu", ">=", 70 * 2**30),
        ("predicted_mfu >= 0.4", "predicted_mfu", ">=", 0.4),
        ("predicted_mfu >= 40 %", "predicted_mfu", ">=", 0.4),
        ("step_time > -1 ms", "step_time", ">", -1e-3),
        ("tp <= 8", "tp", "<=", 8),
        ("tp ≤ 8", "tp", "<=", 8),
        ("tp == 8", "tp", "==", 8),
        ("tp ≠ 8", "tp", "!=", 8),
        ("rules.step_time < 2 min", "rules.step_time", "<", 120),
        ("recompute != full", "recompute", "!=", 2),
        ("full != recompute", "recompute", "!=", 2),
        ("recompute == 'selective'", "recompute", "==", 1),
        ('recompute == "none"', "recompute", "==", 0),
        ("zero_stage <= 2", "zero_stage", "<=", 2),
        ("sequence_parallel == true", "sequence_parallel", "==", 1),
        ("sequence_parallel == 0", "sequence_parallel", "==", 0),
    ],
)
def test_a_comparison_holds_its_value_in_the_unit_of_the_name(text, name, operator, value):
    (found,) = parse(text)
    assert isinstance(found, Comparison)
    assert (found.name, found.operator, found.value) == (name, operator, value)


@pytest.mark.parametrize(
    ("text", "operators", "values", "texts"),
    [
        (
            "0.3 <= predicted_mfu < 60 %",
            (">=", "<"),
            (0.3, 0.6),
            ("predicted_mfu >= 0.3", "predicted_mfu < 60 %"),
        ),
        ("8 > tp > 1", ("<", ">"), (8, 1), ("tp < 8", "tp > 1")),
        ("8 <= tp <= 8", (">=", "<="), (8, 8), ("tp >= 8", "tp <= 8")),
    ],
)
def test_a_chain_is_two_comparisons(text, operators, values, texts):
    found = [part for part in parse(text) if isinstance(part, Comparison)]
    assert tuple(part.operator for part in found) == operators
    assert tuple(part.value for part in found) == values
    assert tuple(part.text for part in found) == texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fits_memry", "unknown constraint `fits_memry`; did you mean `fits_memory`?"),
        ("memory_per_gp < 5 GB", "unknown name `memory_per_gp`; did you mean `memory_per_gpu`?"),
        ("qqq < zzz", "unknown name `qqq`"),
        ("tp", f"`tp` alone says nothing; compare it, `tp < …`: {PLAIN}"),
        ("recompute", "`recompute` alone says nothing; compare it, as in `recompute == none`"),
        (
            "step_time < 5 GB",
            "`step_time`: 5 GB is a size; a time was expected (s, for example 10 us)",
        ),
        ("tp < nan", f"`tp`: `nan` does not start with a finite number; {PLAIN}"),
        ("tp < 'x", f"`tp`: `'x` does not start with a finite number; {PLAIN}"),
        ("tp = 8", "`=` is not a comparison; write `==`"),
        ("tp => 8", "`=>` is not a comparison; write `>=`"),
        ("tp =< 8", "`=<` is not a comparison; write `<=`"),
        ("tp <> 8", "`<>` is not a comparison; write `!=`"),
        ("tp << 8", "`<<` is not a comparison; use one of < <= > >= == !="),
        ("!fits_memory", "`!` is not a comparison; use one of < <= > >= == !="),
        ("tp <=", "`tp <=` lacks a name or a value beside an operator"),
        ("<= 8", "`<= 8` lacks a name or a value beside an operator"),
        ("tp < pp", "`tp` is compared with `pp`; only a value can stand there, not another name"),
        ("fits_memory == true", "`fits_memory` is a constraint; it stands alone and must hold"),
        ("1 == fits_memory", "`fits_memory` is a constraint; it stands alone and must hold"),
        ("1 == 2", "`1` is not a name; a comparison is `name == value`"),
        ("tp < 8 and pp < 8", "`and` is not read; each entry is one condition, and all entries must hold"),
        ("tp < 8 || pp < 8", "`||` is not read; each entry is one condition, and all entries must hold"),
        ("not fits_memory", "`not` is not read; each entry is one condition, and all entries must hold"),
        ("tp*pp <= 8", "`tp*pp` is not a name; a comparison is `name <= value`"),
        (
            "0.3 <= predicted_mfu >= 0.6",
            "`0.3 <= predicted_mfu >= 0.6` cannot be read; a chain is `LOW <= name <= HIGH`, in one direction",
        ),
        (
            "1 == tp == 2",
            "`1 == tp == 2` cannot be read; a chain is `LOW <= name <= HIGH`, in one direction",
        ),
        (
            "1 < tp < 2 < 3",
            "`1 < tp < 2 < 3` cannot be read; a chain is `LOW <= name <= HIGH`, in one direction",
        ),
        (
            "60 % <= predicted_mfu <= 0.3",
            "`60 % <= predicted_mfu <= 0.3` holds for no value: its lower bound lies above its upper bound",
        ),
        (
            "1 > tp > 8",
            "`1 > tp > 8` holds for no value: its lower bound lies above its upper bound",
        ),
        (
            "recompute == ful",
            "`ful` is not an option of `recompute`, one of none, selective, full; did you mean `full`?",
        ),
        ("recompute < full", "the options of `recompute` have no order; compare with == or !="),
        ("__import__('os')", "`__import__('os')` is neither a constraint nor a comparison, such as `tp <= 8`"),
        ("", "'' is not a condition; write a constraint or a comparison, such as `tp <= 8`"),
        (5, "5 is not a condition; write a constraint or a comparison, such as `tp <= 8`"),
        ("x" * 201, f"`{'x' * 30}…` is too long for a condition (201 characters)"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_sentence(text, message):
    with pytest.raises(ConditionError) as refused:
        parse(text)
    assert str(refused.value) == message


@given(st.text(alphabet="tp_mfits memory<>=!0123456789.%GiB\"'&|≤andor*()[]", max_size=30))
def test_arbitrary_text_is_a_condition_or_a_condition_error(text):
    try:
        found = parse(text)
    except ConditionError:
        return
    assert 1 <= len(found) <= 2
    for part in found:
        assert part.name in CONSTRAINTS if isinstance(part, ConstraintName) else part.name in {**UNITS, **OPTIONS}


@given(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(0, 9), st.integers(0, 9))
def test_a_comparison_and_its_mirror_hold_alike(sign, bound, value):
    (plain,) = parse(f"tp {sign} {bound}")
    (mirrored,) = parse(f"{value} {sign} tp")
    assert isinstance(plain, Comparison)
    assert isinstance(mirrored, Comparison)
    assert plain.holds(value) is mirrored.holds(bound)
    assert plain.holds(bound) is ("=" in sign and sign != "!=")


def test_nothing_but_inequality_holds_for_nan():
    for sign, holds in {"<": False, ">=": False, "==": False, "!=": True}.items():
        (found,) = parse(f"tp {sign} 8")
        assert isinstance(found, Comparison)
        assert found.holds(math.nan) is holds


def test_options_may_be_left_out():
    assert parse_condition("tp < 8", UNITS, ())[0] == Comparison("tp", "<", 8.0, "tp < 8")


@pytest.mark.parametrize("text", ["predicted_mfu = 0.45", "predicted_mfu == 45 %", "predicted_mfu=0.45"])
def test_an_equation_is_an_equality(text):
    found = parse_equation(text, UNITS)
    assert (found.name, found.operator, found.value) == ("predicted_mfu", "==", 0.45)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("predicted_mfu", "`predicted_mfu` is not an equation; write `name = value`"),
        ("predicted_mfu < 0.4", "`predicted_mfu < 0.4` is not an equation; write `name = value`"),
        ("tp = pp = 8", "`tp = pp = 8` is not an equation; write `name = value`"),
        ("predicted_mfuu = 0.4", "unknown name `predicted_mfuu`; did you mean `predicted_mfu`?"),
        ("step_time = 5 GB", "`step_time`: 5 GB is a size; a time was expected (s, for example 10 us)"),
    ],
)
def test_what_is_no_equation_is_refused(text, message):
    with pytest.raises(ConditionError) as refused:
        parse_equation(text, UNITS)
    assert str(refused.value) == message

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooflax.specs.problems import Problem, RooflaxError, SpecError, path_text

THREE = (
    Problem(
        ("outputs", 2),
        "unknown quantity `step_tme`; did you mean `step_time`?",
        "sweep.yaml",
        14,
        5,
        "  - step_tme",
    ),
    Problem(
        ("axes", "d_model"),
        "unknown name; the glossary calls it `hidden_size`",
        "sweep.yaml",
        7,
        3,
        "  d_model: [1024]",
    ),
    Problem(
        ("axes", "scale_out_bandwidth", "min"),
        "25 GB is a size; a bandwidth was expected",
        "sweep.yaml",
        9,
        24,
        "  scale_out_bandwidth: {min: 25 GB, max: 50 GB/s, num: 4}",
    ),
)


def test_problems_stand_in_the_order_of_their_lines_in_columns_with_carets():
    assert str(SpecError(THREE)) == "\n".join(
        [
            "3 problems in sweep.yaml",
            "  sweep.yaml:7:3   axes.d_model: unknown name; the glossary calls it `hidden_size`",
            "      d_model: [1024]",
            "      ^",
            "  sweep.yaml:9:24  axes.scale_out_bandwidth.min: 25 GB is a size; a bandwidth was expected",
            "      scale_out_bandwidth: {min: 25 GB, max: 50 GB/s, num: 4}",
            "      " + " " * 21 + "^",
            "  sweep.yaml:14:5  outputs[2]: unknown quantity `step_tme`; did you mean `step_time`?",
            "      - step_tme",
            "        ^",
        ]
    )


def test_one_problem_is_singular():
    assert str(SpecError([Problem((), "the file is empty", "sweep.yaml", 1, 1)])) == (
        "1 problem in sweep.yaml\n  sweep.yaml:1:1  the file is empty"
    )


def test_an_argument_has_no_line_and_its_caret_points_into_the_argument():
    error = SpecError([Problem(("tp",), "`abc` does not start with a finite number", "--set", None, 4, "tp=abc")])
    assert str(error) == (
        "1 problem in --set\n  --set  tp: `abc` does not start with a finite number\n      tp=abc\n         ^"
    )


def test_problems_without_a_file_name_none():
    assert str(SpecError([Problem(("tp",), "must be given"), Problem(("pp",), "must be given")])) == (
        "2 problems\n  tp: must be given\n  pp: must be given"
    )


def test_several_files_keep_the_order_in_which_they_were_read():
    error = SpecError([Problem((), "a", "b.yaml", 9), Problem((), "b", "--set"), Problem((), "c", "b.yaml", 2)])
    assert [problem.message for problem in error.problems] == ["c", "a", "b"]
    assert str(error).startswith("3 problems in b.yaml, --set\n")


def test_a_missing_field_without_a_line_comes_before_the_lines():
    error = SpecError([Problem((), "later", "a.yaml", 3), Problem((), "whole file", "a.yaml")])
    assert str(error) == "2 problems in a.yaml\n  a.yaml    whole file\n  a.yaml:3  later"


def test_a_long_source_line_is_cut_around_the_caret():
    source = "axes: {tp: [" + ", ".join(str(number) for number in range(200)) + "], pp: abc}"
    column = source.index("abc") + 1
    *_, shown, caret = str(SpecError([Problem(("axes", "pp"), "no", "s.yaml", 1, column, source)])).split("\n")
    assert len(shown) <= 112
    assert shown[caret.index("^") :] == "abc}"
    assert shown.startswith("      … ")


def test_a_caret_in_the_middle_of_a_long_line_shows_both_sides():
    source = "x" * 300 + "HERE" + "y" * 300
    *_, shown, caret = str(SpecError([Problem((), "no", "s.yaml", 1, 301, source)])).split("\n")
    assert shown[caret.index("^") :].startswith("HEREy")
    assert shown.startswith("      … x")
    assert shown.endswith("y …")


def test_wide_characters_move_the_caret_and_tabs_do_not_break_it():
    *_, shown, caret = str(SpecError([Problem((), "no", "s.yaml", 1, 6, "\t型号: [x]")])).split("\n")
    assert shown == "      型号: [x]"
    # Two wide characters take four columns of the terminal, so the caret stands two further right than the text index.
    assert caret.index("^") == shown.index("[") + 2


def test_a_column_behind_the_line_points_to_its_end():
    *_, shown, caret = str(SpecError([Problem((), "no", "s.yaml", 1, 40, "tp:")])).split("\n")
    assert caret.index("^") == len(shown)


def test_further_lines_of_a_message_are_indented():
    assert str(SpecError([Problem((), "first\nsecond", "a.yaml", 1)])).split("\n")[2] == "      second"


@given(st.text(), st.integers(-5, 500))
def test_any_source_line_and_column_give_two_caret_lines(source, column):
    lines = str(SpecError([Problem((), "no", "a.yaml", 1, column, source)])).split("\n")
    assert len(lines) == 4
    assert lines[3].strip() == "^"


def test_a_spec_error_needs_a_problem():
    with pytest.raises(ValueError, match="a SpecError needs at least one problem"):
        SpecError([])


def test_errors_are_of_one_family_with_an_exit_code_and_cross_processes():
    error = SpecError(THREE)
    assert isinstance(error, RooflaxError)
    assert error.exit_code == 2
    again = pickle.loads(pickle.dumps(error))
    assert again.problems == error.problems
    assert str(again) == str(error)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("axes", "tp", 2), "axes.tp[2]"),
        ((0, "min"), "[0].min"),
        (("zip", 0, "tp", 1), "zip[0].tp[1]"),
        (("fixed", "a b"), 'fixed["a b"]'),
        (("fields", "llama-3.1-405b"), 'fields["llama-3.1-405b"]'),
        (("", "x"), '[""].x'),
    ],
)
def test_paths_read_as_the_user_would_write_them(path, text):
    assert path_text(path) == text
    assert Problem(path, "no").where == text

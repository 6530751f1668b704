"""What a spec of a stranger may cost: input beyond the limits is refused with its place, soon and before it is made."""

from __future__ import annotations

import os
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rooflax.specs import limits
from rooflax.specs.bind import bind_keywords
from rooflax.specs.catalog import CatalogError, open_catalogs, read_record
from rooflax.specs.conditions import ConditionError, parse_condition
from rooflax.specs.documents import document_text, parse_document
from rooflax.specs.goals import GoalError, parse_goal
from rooflax.specs.limits import (
    LONGEST_NAME,
    LONGEST_SCALAR,
    LONGEST_TEXT,
    MOST_AXES,
    MOST_NODES,
    MOST_POINTS,
    MOST_PROBLEMS,
    MOST_RECORDS,
)
from rooflax.specs.measured.tables import TableError, read_tables
from rooflax.specs.problems import Problem, SpecError
from rooflax.specs.units import UnitError, format_quantity
from rooflax.specs.vocabulary import Kind, shipped

SECONDS, BYTES = 10.0, 512 * 2**20
SPEC = """\
title: t
axes: {tp: [1, 2]%s}
fixed: {model: small-1b, hardware: chip-a, seq_len: 1024, global_batch_size: 8%s}
outputs: [step_time]
%s
"""
LEAVES = [leaf for leaf in shipped().values() if leaf.kind is Kind.CONTINUOUS and leaf.low <= 0.1 and leaf.high >= 0.9]
NAMES = [leaf.name for leaf in LEAVES]
HUGE = "0x1" + "f" * 290


def spec(axes: str = "", fixed: str = "", more: str = "", **others: str) -> str:
    text = SPEC % (axes and f", {axes}", fixed and f", {fixed}", more)
    for old, new in others.items():
        text = text.replace(f"{old}: small-1b, ", new)
    return text


def listed(entry: str, count: int) -> str:
    return f"[{', '.join([entry] * count)}]"


def axes(count: int, form: str) -> str:
    return ", ".join(f"{name}: {form}" for name in NAMES[:count])


LONG = "{min: 0.1, max: 0.9, num: 1000000}"
BEYOND = [
    (spec("hbm_bandwidth: [" + "1," * MOST_NODES + "1]"), "more than 100,000 keys and values; give the labels"),
    (spec(fixed=", ".join(f"zzqx{i}: 1" for i in range(3000))), "fixed.zzqx0: unknown name"),
    (spec(more=f"outputs_: {listed('x', 30_000)}"), "outputs_: unknown key"),
    (spec(more=f"where: {listed('step_tme < 8', 3000)}"), "where: 3,000 conditions; there may be 100"),
    (spec(more=f"where: {listed('tp < 8', 3000)}"), "where: 3,000 conditions; there may be 100"),
    (spec(more=f"catalog: {listed('nowhere', 3000)}"), "catalog: 3,000 folders of records; there may be 20"),
    (spec(more=f"best: {{minimize: step_time, over: {listed('tp', 3000)}}}"), "best.over[1]: `tp` is listed twice"),
    ("title: t\n" + "a: 1\n" * 30_000, "sweep.yaml:3:1    a: given twice; the first is on line 2"),
    (spec(f"{'a' * (LONGEST_NAME + 1)}: [1]"), "sweep.yaml:2:20  axes: 201 characters; a key has at most 200"),
    (spec(fixed=f"recompute: {'a' * (LONGEST_SCALAR + 1)}"), "fixed.recompute: 65,537 characters; a value has at most"),
    (spec("hbm_bandwidth: {min: 1, max: 2, num: 1.0e18}"), "hbm_bandwidth.num: 1e+18 labels; an axis has at most"),
    (spec(f"hbm_bandwidth: {{min: 1, max: 2, num: {HUGE}}}"), "… is not a whole number at least 1"),
    (spec("hbm_bandwidth: {range: [0, 1.0e18, 1.0e-9]}"), "axes.hbm_bandwidth.range: 1e+27 labels"),
    (spec(f"hbm_bandwidth: {{pow2: [1, {HUGE}]}}"), "… is not finite"),
    (spec(f"hbm_bandwidth: [{HUGE}]"), "… is not finite"),
    (spec(fixed=f"recompute: {HUGE}"), "… is not one of none, "),
    (spec(fixed="hbm_bandwidth: 1.0e400"), "fixed.hbm_bandwidth: inf is not finite"),
    (spec(fixed=f"hbm_bandwidth: {'9' * 10_000}"), "fixed.hbm_bandwidth: inf is not finite"),
    (
        spec(f"z: {{zip: {{{axes(8, LONG)}}}}}"),
        f"axes.z.zip.{NAMES[3]}: with it the axes and zip groups have 4,000,002",
    ),
    (spec(axes(8, LONG)), "with it the axes and zip groups have 4,000,002 labels; a sweep has at most 4,000,000"),
    (spec(axes(3, LONG)), "with it the grid has 2 x 1,000,000 x 1,000,000 x 1,000,000 = 2e+18 points"),
    (
        spec(axes(MOST_AXES, "[0.5]")),
        f"axes.{NAMES[MOST_AXES - 1]}: there are 32 axes before it; a sweep has at most 32",
    ),
    (spec(f"z: {{zip: {{model: {listed('a', MOST_RECORDS + 1)}}}}}", model=""), "10,001 records of the model catalog"),
    (spec(fixed='recompute: "a\\e[31m"'), "fixed.recompute: the control character U+001B is not read"),
    (spec(more='store: {path: "a\\0b"}'), "store.path: the control character U+0000 is not read"),
    (spec(fixed='"a\\u202eb": 1'), "fixed: the control character U+202E is not read"),
    (spec(more='description: "\\UFFFFFFFF"'), "not valid YAML behind this: "),
    (spec(more="<<: {a: 1}"), '["<<"]: unknown key'),
]


@pytest.fixture
def _bounded() -> Iterator[None]:
    """The address space of this process may grow by `BYTES` and no more."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("_bounded")
@pytest.mark.parametrize(("text", "message"), BEYOND, ids=[message[-30:] for _, message in BEYOND])
def test_input_beyond_the_limits_is_refused_soon(load, text, message):
    begun = time.process_time()
    with pytest.raises(SpecError) as refused:
        load(text)
    assert time.process_time() - begun < SECONDS
    assert message in str(refused.value)
    assert all(problem.line for problem in refused.value.problems)
    assert len(refused.value.problems) <= MOST_PROBLEMS
    assert len(str(refused.value)) < 100_000


def test_a_text_at_its_limits_is_read():
    assert len(parse_document("[" + "1," * (MOST_NODES - 1) + "]", "f").data) == MOST_NODES - 1
    assert parse_document("a: 1\n" + "#" * (LONGEST_TEXT - 5), "f").data == {"a": 1}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("best." + "a." * 5000 + "x=1", "the path has 5,002 steps; there may be 20"),
        ("outputs." + "1" * 5000 + "=x", "is not a position in a list of 1 entries"),
        ("tp=" + "[" * 1000, "nested more than 20 deep"),
        ("tp=" + "1," * 10**6, "the text is longer than 1,048,576 characters"),
        ("x" * 10_000 + "=1", "unknown name; `rooflax list inputs` shows what may be given"),
    ],
)
def test_overrides_have_the_same_limits(load, override, message):
    with pytest.raises(SpecError) as refused:
        load(spec(), override)
    assert message in str(refused.value)


def test_the_search_for_problems_ends(load, known, catalogs):
    with pytest.raises(SpecError, match=r"^the first 100 problems in --set") as refused:
        load(spec(), *[f"zzz{i}=1" for i in range(3000)])
    assert len(refused.value.problems) == MOST_PROBLEMS
    with pytest.raises(SpecError, match=r"^the first 100 problems"):
        bind_keywords({f"zzz{i}": 1 for i in range(3000)}, known=known, catalogs=catalogs)


def test_python_calls_have_the_same_grid(known, catalogs):
    labels = np.linspace(0.1, 0.9, 10**6)
    with pytest.raises(SpecError, match=r"the grid has .* = 1e\+18 points; a sweep has at most 8e\+12"):
        bind_keywords(dict.fromkeys(NAMES[:3], labels), known=known, catalogs=catalogs)
    assert MOST_POINTS < 10**18


def test_files_are_read_up_to_a_size(tmp_path: Path):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"#" * (4 * LONGEST_TEXT + 1))
    with pytest.raises(SpecError, match=r"spec\.yaml  the file is larger than 4 MiB"):
        document_text(path)
    with pytest.raises(SpecError, match="cannot be read as text"):
        document_text(tmp_path / "a\0b")


@pytest.mark.parametrize(
    "text", ["1" + " " * 60_000 + "x", "1 ±" + " " * 60_000 + "x", "1" + " ±" * 30_000, "+" * 60_000]
)
def test_blanks_take_no_time(load, text):
    begun = time.process_time()
    with pytest.raises(SpecError):
        load(spec(fixed=f'hbm_bandwidth: "{text}"'))
    assert time.process_time() - begun < 1
    with pytest.raises(UnitError, match="is too long for a unit"):
        format_quantity(1.0, "B" + " " * 10**6 + "/s")


def test_a_line_is_shown_around_the_problem_alone():
    for column, expected in ((1, "x"), (500_001, "y"), (10**6, "z")):
        source = "x" * 500_000 + "y" + "z" * 499_999
        shown = str(SpecError([Problem((), "m", "f", 1, column, source)]))
        assert len(shown) < 400
        line, caret = shown.splitlines()[-2:]
        assert line[caret.index("^")] == expected


def test_grammars_are_read_up_to_a_length():
    with pytest.raises(ConditionError, match="is too long for a condition"):
        parse_condition("a" * 10**6 + " < 1", {}, ())
    with pytest.raises(GoalError, match="is too long for an objective"):
        parse_goal("a" * 10**6 + ":min")


def test_names_that_no_file_system_takes():
    for name in ("a" * 5000 + ".yaml", "a\0.yaml", "a" * 5000 + ".json"):
        with pytest.raises(CatalogError, match="cannot be read as text"):
            open_catalogs().get("model", name)


@pytest.mark.parametrize("name", ["pipe.yaml", "pipe.json"])
def test_records_are_files(tmp_path: Path, name: str):
    os.mkfifo(tmp_path / name)
    with pytest.raises(CatalogError, match="is not a file"):
        read_record(tmp_path / name, "model")
    with pytest.raises(CatalogError, match="is not a file"):
        open_catalogs().get("model", str(tmp_path / name))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested more than 20 deep"),
        ('{"model_type": ' + "[" * 30 + "]" * 30 + "}", "nested more than 20 deep"),
        ('{"a": ' + "9" * 5000 + "}", "cannot be read as JSON text"),
        ("#" * (4 * LONGEST_TEXT + 1), "the file is larger than 4 MiB"),
    ],
)
def test_configurations_have_the_same_limits(tmp_path: Path, text: str, message: str):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(CatalogError, match=message):
        read_record(path, "model")


@pytest.mark.parametrize("cell", ["1" * 60_000, "(" * 60_000, "x" + " " * 60_000 + "x", "1." * 30_000])
def test_cells_of_measurements_are_read_up_to_a_length(tmp_path: Path, cell: str):
    begun = time.process_time()
    (tmp_path / "rows.csv").write_text(f"id,model,hardware,mfu_pct,notes\na,{cell},{cell},1,{cell}\n")
    with pytest.raises(TableError, match=r"rows\.csv: a: `model` has 60,0\d\d characters; at most 2,000 were expected"):
        read_tables(tmp_path)
    assert time.process_time() - begun < 2


def test_the_page_tells_every_limit(root: Path):
    told = re.findall(r"^\| ([\d,]+) \|.*\| `(\w+)` \|$", (root / "docs" / "security.md").read_text(), re.MULTILINE)
    declared = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert {name: int(number.replace(",", "")) for number, name in told} == declared

"""What a fuzzer does with each kind of text, and what counts as an answer: something read, or a located problem."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random

import jax.numpy as jnp
from spec_mutants import SCALARS, Material, condition, form, mutant, of_bytes, text, value, written

from rooflax.points import read_cases
from rooflax.specs.bind import bind_keywords
from rooflax.specs.calibration_files import read_calibration
from rooflax.specs.conditions import ConditionError, parse_equation, read_condition
from rooflax.specs.domains import domain_of
from rooflax.specs.examples import FOLDER
from rooflax.specs.goals import GoalError, parse_goal
from rooflax.specs.grids import grid_numbers
from rooflax.specs.limits import MOST_LABELS
from rooflax.specs.loader import load_spec, read_spec
from rooflax.specs.problems import RooflaxError, SpecError
from rooflax.specs.record_files import read_record
from rooflax.specs.scalars import unprintable
from rooflax.specs.scenarios import read_scenario
from rooflax.specs.units import UnitError, format_quantity, parse_quantity
from rooflax.workbench import Workbench

ROOT = Path(__file__).resolve().parents[2]
LONGEST_MESSAGE = 200_000
READ, REFUSED = "read", "refused"
WHOLE_FILE = ("cannot be read", "the file is larger", "the text is longer", "a sweep spec is a mapping")
POINT = """\
title: t
axes: {tp: [1, 2], pp: [1, 2]}
fixed: {model: llama-2-7b, hardware: h100-sxm-80gb, world_size: 64, seq_len: 1024, global_batch_size: 512}
outputs: [step_time]
best: {minimize: step_time, over: [tp, pp]}
"""


@cache
def bench() -> Workbench:
    """The shipped models and catalogs."""
    return Workbench()


@cache
def material() -> Material:
    """The shipped examples, and all names."""
    names = bench().names
    texts = tuple(path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.yaml")))
    return Material(
        texts, (*names.vocabulary, *names.units, "model", "hardware", "network"), (*names.units, *names.options)
    )


def prepare() -> None:
    """Loads whatever is loaded once, so that a bound on memory that is set behind this is one on what is read.

    Some specs load JAX, which maps 1.2 GiB.
    """
    jnp.zeros(1).block_until_ready()
    material()
    plan(load_spec(POINT, file="point", known=bench().names, catalogs=bench().catalogs))


@cache
def folder() -> Path:
    """A folder for the files that are read, deleted with the process."""
    kept = tempfile.TemporaryDirectory(prefix="fuzz-")
    _KEPT.append(kept)
    return Path(kept.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def spec(draw: Random) -> str:
    """A mutant spec is read and, where it is right, planned."""
    path = folder() / "spec.yaml"
    path.write_bytes(mutant(draw, material()))
    return read_file(path)


def read_file(path: Path) -> str:
    """The outcome of one spec file."""
    try:
        loaded = read_spec(path, known=bench().names, catalogs=bench().catalogs)
        plan(loaded)
    except SpecError as error:
        check_located(error, path)
        return REFUSED
    except RooflaxError as error:
        check_told(error)
        return "refused by the plan"
    return READ


def plan(loaded: object) -> None:
    """What comes before evaluation: the graph, the dims and the layout of the store."""
    from rooflax.runs import layout_of
    from rooflax.sweeps.sweep import sweep_of_spec, sweep_to_optimize

    if loaded.inputs.boxes:  # type: ignore[attr-defined]
        sweep_to_optimize(bench().registry, loaded)  # type: ignore[arg-type]
    else:
        layout_of(sweep_of_spec(bench().registry, loaded), loaded)  # type: ignore[arg-type]


def check_told(error: Exception, *names: str) -> None:
    """The message is there, short enough to be read, and names one of the places, if any."""
    message = str(error)
    assert 0 < len(message) < LONGEST_MESSAGE, f"a message of {len(message)} characters"
    assert not names or any(name in message for name in names), message
    assert not names or not unprintable(message), message


def check_located(error: SpecError, path: Path) -> None:
    """Every problem says where it stands, and the message is short enough to be read."""
    check_told(error, str(path))
    for problem in error.problems:
        assert problem.file == str(path), problem
        whole = problem.message.startswith(WHOLE_FILE) or "is a mapping" in problem.message
        assert (problem.line and problem.column) or whole or not path.read_bytes().strip(), problem


def override(draw: Random) -> str:
    """Some `--set` texts over a right spec."""
    keys = (
        "tp",
        "model",
        "hbm_bandwidth",
        "best.over",
        "outputs",
        "where.0",
        "store.dtype",
        "layout",
        "best." + "a." * draw.choice((1, 30, 3000)),
    )
    right = ("tp=[1, 2, 8]", "pp={pow2: [1, 8]}", "seq_len=4 Ki", "best.top=2", "outputs=[step_time, memory_per_gpu]")
    given = [
        draw.choice(right)
        if draw.random() < 0.4
        else f"{draw.choice((draw.choice(keys), draw.choice(SCALARS)))}{draw.choice(('=', '=', '=', '', '=='))}"
        f"{written(value(draw, material()))}"
        for _ in range(draw.choice((1, 2, 5)))
    ]
    try:
        plan(load_spec(POINT, file="point", known=bench().names, catalogs=bench().catalogs, overrides=given))
    except SpecError as error:
        check_told(error, "point", "--set")
        return REFUSED
    except RooflaxError:
        return "refused by the plan"
    return READ


def where(draw: Random) -> str:
    """A `where` entry, an equation to solve, and a goal."""
    entry = condition(draw, material())
    outcome = REFUSED
    for read in (
        lambda: read_condition(entry, bench().names),
        lambda: parse_equation(entry, bench().names.units, bench().names.options),
        lambda: parse_goal(entry),
    ):
        try:
            read()
            outcome = READ
        except (ConditionError, GoalError) as error:
            check_told(error)
    return outcome


UNIT_PIECES = (
    "1",
    "9",
    "0",
    ".",
    "e",
    "E",
    "+",
    "-",
    "−",
    "_",
    " ",
    "*",
    "/",
    "·",
    "^",
    "^9",
    "^-9",
    "GB",
    "s",
    "FLOP",
    "Ei",
    "k",
    "$",
    "h",
    "kg",
    "%",
    "µ",
    "(",
    "\0",
    "e9999",
    "token",
)
UNITS = ("B/s", "1", "s", "$/h", "FLOP/s", "kg/J", "1/s")


def quantity(draw: Random) -> str:
    """A number with a unit, and a unit alone."""
    written_ = text(draw, UNIT_PIECES)
    outcome = REFUSED
    for read in (lambda: parse_quantity(written_, draw.choice(UNITS)), lambda: format_quantity(1e9, written_)):
        try:
            read()
            outcome = READ
        except UnitError as error:
            check_told(error)
    return outcome


def grid(draw: Random) -> str:
    """A grid form, as YAML reads it."""
    from rooflax.specs.documents import parse_document

    problems: list[str] = []
    try:
        data = parse_document(written(form(draw)), "form").data
    except SpecError as error:
        check_told(error, "form")
        return REFUSED
    domain = domain_of(draw.choice(material().names[:-3]), bench().names)
    found = grid_numbers(data, domain, lambda _, message, *__: problems.append(message), ())
    assert (found is None) == bool(problems)
    assert found is None or len(found) <= MOST_LABELS
    return READ if found is not None else REFUSED


def cases(draw: Random) -> str:
    """A CSV of cases: its cells, and the inputs that they give."""
    from rooflax.points import scalar

    rows = [[draw.choice(material().names) for _ in range(3)]]
    rows += [[draw.choice(SCALARS) for _ in range(draw.choice((3, 3, 3, 2, 9)))] for _ in range(draw.choice((0, 1, 3)))]
    path = folder() / "cases.csv"
    path.write_bytes(of_bytes(draw, "\n".join(map(",".join, rows)).encode("utf-8", "surrogatepass")))
    try:
        columns, found = read_cases(path)
        for row in found:
            inputs = {name: scalar(cell) for name, cell in zip(columns, row, strict=False)}
            bind_keywords(inputs, known=bench().names, catalogs=bench().catalogs)
    except RooflaxError as error:
        check_told(error)
        return REFUSED
    return READ


def record(draw: Random) -> str:
    """A catalog record, a configuration of a model, a scenario, or a file of fitted values."""
    kind, name, text_ = draw.choice(record_texts())
    path = folder() / name
    path.write_bytes(of_bytes(draw, text_.encode()) if draw.random() < 0.5 else of_values(draw, text_))
    read: Mapping[str, Callable[[], object]] = {
        "config": lambda: read_record(path, "model"),
        "calibration": lambda: read_calibration(path, bench().names.vocabulary),
        "scenario": lambda: read_scenario(path, bench().names),
    }
    try:
        read.get(kind, lambda: read_record(path, kind))()
    except RooflaxError as error:
        check_told(error, str(path))
        return REFUSED
    return READ


def of_values(draw: Random, text_: str) -> bytes:
    """The document with one scalar exchanged."""
    lines = text_.split("\n")
    place = draw.randrange(len(lines))
    before, sign, _ = lines[place].partition(": ")
    lines[place] = before + sign + written(value(draw, material()))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@cache
def record_texts() -> tuple[tuple[str, str, str], ...]:
    """The kind, the name and the text of some files that are read beside specs."""
    records = sorted((ROOT / "specs" / "catalog").rglob("*.yaml"))[::6]
    configs = sorted((ROOT / "tests" / "specs" / "configs").rglob("*.json"))[::3]
    found = [(path.parent.name, path.name, path.read_text()) for path in records]
    found += [("config", path.name, path.read_text()) for path in configs]
    found += [("scenario", "next.yaml", "title: t\nset: {hardware: h200-sxm-141gb, tp: 4}\n")] * 5
    values = {"value": 0.5, "error": 0.1, "rows": 3, "families": 1}
    pooled = {"hardware": {"matmul_efficiency_bf16": {"nvidia-hopper": values}}}
    return (*found, *[("calibration", "calibration.yaml", json.dumps({"title": "t", "pooled": pooled}, indent=1))] * 5)


TARGETS: Mapping[str, Callable[[Random], str]] = {
    "spec": spec,
    "override": override,
    "where": where,
    "quantity": quantity,
    "grid": grid,
    "cases": cases,
    "record": record,
}
"""What is fuzzed, by name."""

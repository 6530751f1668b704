"""Document 000: agents on a tree, the names of its columns, and the series of its plots."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from rooflax.stores.agent_runs import is_kept, model_of, read_agent_runs, sequence_length_of

# Columns and files that hold nothing to compare, and why.
NOT_COMPARED = {
    "d000_pipeline/run_log.txt": "what the notebook printed on the way to its crash (I0.2)",
    "file": "the name the notebook gives a figure",
    "split": "which part of the golden values a file belongs to",
    "phys_tree_managers, phys_tree_depth where empty": "a chain or an edge case for which they are not defined there",
}
LENGTH, BRANCHING = "agents.sequence_length", "agents.branching_factor"
COLUMNS = {
    "d000_compute_num_agents.csv": ("num_agents", "tree_managers"),
    "d000_compute_total_communication.csv": ("total_communication", "tree_depth"),
}


def compare_counts(path: Path, harness: Any) -> int:
    """One published function and its physical companion: all rows in one call of the engine."""
    published, physical = COLUMNS[path.name]
    rows = harness.rows(path)
    lengths = [harness.number(row[f"in_{LENGTH.partition('.')[2]}"]) for row in rows]
    # An empty cell is the document's NaN, which no input may be.
    factors = [harness.number(row[f"in_{BRANCHING.partition('.')[2]}"] or "nan") for row in rows]
    names = [f"agents.{published}", f"agents.{physical}"]
    plain = [n for n, case in enumerate(zip(lengths, factors, strict=True)) if all(map(_enters_the_engine, case))]
    found = harness.arrays(names, {LENGTH: [lengths[n] for n in plain], BRANCHING: [factors[n] for n in plain]})
    assert np.all(found["status"] >= 0), "the engine refused a row"
    kept = [rows[n] for n in plain]
    compared = harness.check(path, kept, {f"out_{published}": found[names[0]]}, only=lambda row: not row["error"])
    harness.check(path, kept, {f"phys_{physical}": found[names[1]]}, only=lambda row: bool(row[f"phys_{physical}"]))
    compared += harness.check_errors(
        path,
        kept,
        {name: found[name] for name in (names[0], "status", "sentence")},
        scalar=lambda n: (names[0], {LENGTH: lengths[plain[n]], BRANCHING: factors[plain[n]]}),
    )
    beside = sorted(set(range(len(rows))) - set(plain))
    return compared + sum(_compare_beside(path, harness, rows[n], names[0], lengths[n], factors[n]) for n in beside)


def _enters_the_engine(value: float) -> bool:
    """Whether a number is one float64 can hold and a spec may give."""
    return math.isfinite(value) and int(value) == int(float(value))


def _compare_beside(path: Path, harness: Any, row: Mapping[str, str], name: str, length: float, factor: float) -> int:
    """A row whose inputs no spec may give: refused by the interface, its value taken from the formula itself."""
    if row["error"]:
        assert harness.raises(name, {LENGTH: length, BRANCHING: factor}), f"{path.name}: {row['case_id']} is a value"
        return 1
    with jax.enable_x64(True):
        given = {LENGTH: np.asarray(length), BRANCHING: np.asarray(factor)}
        value = float(harness.bench.registry.quantities[name](given))
    return harness.check(path, [row], {f"out_{name.partition('.')[2]}": [value]})


def compare_column_parsing(path: Path, harness: Any) -> int:
    """What the names of columns say."""
    rows = harness.rows(path)
    names = [row["in_column"] for row in rows]
    return harness.check(
        path,
        rows,
        {
            "out_sequence_length": list(map(sequence_length_of, names)),
            "out_model": list(map(model_of, names)),
            "out_kept_by_filter": list(map(is_kept, names)),
        },
    )


def compare_pipeline(folder: Path, harness: Any) -> int:
    """Every series of every plot: columns taken, branching factors, edges and tokens."""
    files = sorted(folder.glob("*.expected.json"))
    assert files, f"{folder} holds no *.expected.json"
    return sum(_compare_series(path, harness) for path in files)


def _compare_series(path: Path, harness: Any) -> int:
    expected = json.loads(path.read_text(encoding="utf-8"))
    runs = read_agent_runs(path.with_name(path.name.replace(".expected.json", ".csv")))
    _same(path, "filtered_columns", runs.attrs["kept_columns"], expected["filtered_columns"])
    compared = 1
    for model, figure in expected["computation_vs_communication"].items():
        series = figure["series"]
        drawn = [
            n for n in runs["sequence_length"].values if n >= 64 and runs["column"].sel(model=model, sequence_length=n)
        ]
        _same(path, f"lengths of {model}", [str(n) for n in drawn], list(series))
        for length, both in series.items():
            for suffix, kind in (("_as_published", "as_published"), ("", "correct")):
                compared += _compare_line(path, harness, runs, model, int(length), suffix, both[kind])
    comparison = expected["model_comparison"]
    _same(path, "compared lengths", [str(n) for n in _compared_lengths(runs)], list(comparison))
    for length, figure in comparison.items():
        for model, line in figure["series"].items():
            compared += _compare_line(path, harness, runs, model, int(length), "_as_published", line)
    return compared


def _compared_lengths(runs: xr.Dataset) -> list[int]:
    """The lengths of which the document believes to have columns of both models."""
    names = runs["column_as_published"]
    both = [n for n in (64, 128, 256) if n in names["sequence_length"]]
    return [n for n in both if all(names.sel(model=m, sequence_length=n).item() for m in ("8B", "70B"))]


def _compare_line(
    path: Path, harness: Any, runs: xr.Dataset, model: str, length: int, suffix: str, line: Mapping[str, Any]
) -> int:
    """One line of a plot; returns how many points were compared."""
    where = f"{model}, N={length}{suffix}"
    run = runs.sel(model=model, sequence_length=length)
    _same(path, f"{where}: column", run[f"column{suffix}"].item(), line["column"])
    tokens = run[f"completion_tokens{suffix}"]
    drawn = tokens[np.isfinite(tokens.values)]
    factors = drawn["branching_factor"].values
    _same(path, f"{where}: branching factors", list(factors), line["branching_factor"])
    edges = harness.arrays(
        "agents.total_communication", {BRANCHING: list(factors), LENGTH: [float(length)] * len(factors)}
    )
    _same(path, f"{where}: edges", list(edges["agents.total_communication"]), line["x_edges"])
    _near(path, f"{where}: tokens", harness.close, list(drawn.values), line["y_tokens"])
    return len(factors)


def _same(path: Path, what: str, found: object, expected: object) -> None:
    assert found == expected, f"{path.name}: {what}: expected {expected!r}, found {found!r}"


def _near(
    path: Path, what: str, close: Callable[[float, float], bool], found: Sequence[float], expected: Sequence[float]
) -> None:
    wrong = [(e, f) for f, e in zip(found, expected, strict=True) if not close(f, e)]
    assert not wrong, f"{path.name}: {what}: expected and found {wrong[:5]}"


FILES: dict[str, Callable[[Path, Any], int]] = {
    "d000_compute_num_agents.csv": compare_counts,
    "d000_compute_total_communication.csv": compare_counts,
    "d000_column_parsing.csv": compare_column_parsing,
    "d000_pipeline": compare_pipeline,
}

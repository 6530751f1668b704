"""Measured runs of document 000: completion tokens by model, sequence length and branching factor, from a CSV.

The CSV has a column `branching_factor` and a column per run, such as
`pareto_prefixsum_seq128_b1-6_llama70B - avg_completion_tokens`; what a column measures is said by its name alone.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from ..specs.text_files import TextError, table_lines
from .problems import StoreError

BRANCHING = "branching_factor"
MODELS = ("8B", "70B")
# The sequence lengths for which the document compares the models, wherever it believes to have columns of both.
COMPARED_LENGTHS = (64, 128, 256)

_LENGTH = re.compile(r"seq(\d{1,9})(?!\d)")
_DROPPED = ("MIN", "MAX", "_step")
_NO_VALUE = {"", "nan", "na", "n/a", "null", "none"}
_HEAD_ROWS = 5


def sequence_length_of(column: str) -> int | None:
    """The sequence length in a column's name: the first whole number after `seq`.

    >>> sequence_length_of("pareto_prefixsum_seq128_b1-6_llama70B - avg_completion_tokens")
    128
    """
    found = _LENGTH.search(column)
    return int(found[1]) if found else None


def model_of(column: str) -> str | None:
    """The model in a column's name, spelled as the document does; 8B where both stand in it.

    >>> model_of("pareto_prefixsum_seq128_b1-6_llama70B - avg_completion_tokens")
    '70B'
    """
    return next((model for model in MODELS if f"llama{model}" in column), None)


def is_kept(column: str) -> bool:
    """Whether a column is a main metric: neither a minimum or maximum nor a step count."""
    return not any(part in column for part in _DROPPED)


def column_by_substring(columns: Iterable[str], length: int, model: str) -> str | None:
    """The column the document takes for a sequence length: the first that has `seq64` in it, `seq640` included."""
    return next((c for c in columns if c != BRANCHING and f"seq{length}" in c and f"llama{model}" in c), None)


def column_by_integer(columns: Iterable[str], length: int, model: str) -> str | None:
    """The column of a sequence length: the first whose parsed length is that number."""
    return next(
        (c for c in columns if c != BRANCHING and sequence_length_of(c) == length and model_of(c) == model), None
    )


def read_agent_runs(path: str | os.PathLike[str]) -> xr.Dataset:
    """Mean completion tokens by model, sequence length and branching factor; NaN where a run is missing.

    `completion_tokens` takes the column whose parsed length is the sequence length, `completion_tokens_as_published`
    the one the document takes; `column` and `column_as_published` name them. Rows keep the order of the file. Along
    `file_column` stands what the name of every column says; the attributes hold the file's shape, the columns that are
    kept and their first rows. Raises StoreError where the file is missing or malformed.
    """
    table = _read(Path(path))
    kept = [name for name in table.columns if is_kept(name)]
    models, lengths = _runs_of(kept)
    if not models:
        raise StoreError(
            f"{table.path}: no column is a run; names with seq<N> and llama8B or llama70B were expected, such as "
            "`pareto_prefixsum_seq128_b1-6_llama70B - avg_completion_tokens`"
        )
    branching = table.numbers(BRANCHING)
    if missing := [row for row, value in enumerate(branching, start=2) if math.isnan(value)]:
        raise StoreError(f"{table.path}: row {missing[0]} has no {BRANCHING}")
    right = {(m, n): column_by_integer(kept, n, m) for m in models for n in lengths}
    printed = {(m, n): column_by_substring(kept, n, m) for m in models for n in lengths}
    data = {
        "completion_tokens": _values(table, right, models, lengths, "Mean completion tokens"),
        "completion_tokens_as_published": _values(
            table, printed, models, lengths, "Mean completion tokens, of the column the document takes"
        ),
        "column": _names(right, models, lengths, "Column of the file"),
        "column_as_published": _names(printed, models, lengths, "Column the document takes"),
        **_parsed(table.columns),
    }
    coords = {
        "file_column": ("file_column", np.array(table.columns), {"long_name": "Column of the file"}),
        "model": ("model", np.array(models), {"long_name": "Llama model"}),
        "sequence_length": ("sequence_length", np.array(lengths), {"long_name": "Sequence length N", "units": "1"}),
        BRANCHING: (BRANCHING, branching, {"long_name": "Branching factor b", "units": "1"}),
    }
    return xr.Dataset(data, coords, _attributes(table, kept))


@dataclass(frozen=True)
class _Table:
    """A CSV as text, and its columns as numbers on demand."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def numbers(self, column: str) -> np.ndarray:
        """One column as float64, NaN where a cell is empty. Raises StoreError where it is no number."""
        position = self.columns.index(column)
        return np.array([self._number(row, line, position) for line, row in enumerate(self.rows, start=2)])

    def _number(self, row: Sequence[str], line: int, position: int) -> float:
        text = row[position].strip()
        if text.lower() in _NO_VALUE:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            value = math.inf
        if math.isinf(value):
            raise StoreError(f"{self.path}: row {line}, column `{self.columns[position]}`: `{text}` is not a number")
        return value


def _read(path: Path) -> _Table:
    if not path.exists():
        raise StoreError(
            f"{path}: no such file; a CSV with a column `{BRANCHING}` and a column per run was expected (the "
            "document's own is not public; a synthetic sample ships as `documents/data/agent-runs-synthetic.csv`)"
        )
    try:
        lines = [tuple(line) for line in csv.reader(table_lines(path)) if line]
    except (TextError, csv.Error) as error:
        raise StoreError(f"{path} cannot be read as a CSV: {error}") from error
    if not lines:
        raise StoreError(f"{path} is empty; a header with `{BRANCHING}` and a column per run was expected")
    columns, rows = tuple(name.strip() for name in lines[0]), tuple(lines[1:])
    if BRANCHING not in columns:
        raise StoreError(f"{path}: no column `{BRANCHING}`; its columns are {', '.join(columns)}")
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise StoreError(f"{path}: two columns are named `{twice}`")
    if not rows:
        raise StoreError(f"{path} has a header and no rows")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            raise StoreError(f"{path}: row {line} has {len(row)} cells, the header has {len(columns)}")
    return _Table(path, columns, rows)


def _runs_of(columns: Sequence[str]) -> tuple[list[str], list[int]]:
    """The models and sequence lengths of the runs, and those lengths that the document takes for runs."""
    runs = [(model_of(c), sequence_length_of(c)) for c in columns if c != BRANCHING]
    models = [model for model in MODELS if any(m == model and n is not None for m, n in runs)]
    lengths = {n for m, n in runs if m is not None and n is not None}
    lengths |= {n for n in COMPARED_LENGTHS if any(column_by_substring(columns, n, model) for model in models)}
    return models, sorted(lengths)


def _values(
    table: _Table,
    chosen: Mapping[tuple[str, int], str | None],
    models: Sequence[str],
    lengths: Sequence[int],
    label: str,
) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
    missing = np.full(len(table.rows), np.nan)
    columns = [[chosen[model, length] for length in lengths] for model in models]
    values = np.array([[missing if c is None else table.numbers(c) for c in row] for row in columns])
    return ("model", "sequence_length", BRANCHING), values, {"long_name": label, "units": "token"}


def _names(
    chosen: Mapping[tuple[str, int], str | None], models: Sequence[str], lengths: Sequence[int], label: str
) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
    names = np.array([[chosen[model, length] or "" for length in lengths] for model in models])
    return ("model", "sequence_length"), names, {"long_name": label}


def _parsed(columns: Sequence[str]) -> dict[str, tuple[tuple[str], np.ndarray, dict[str, str]]]:
    """What the name of every column says: length (NaN for none), model ("" for none), and whether it is kept."""
    lengths = [sequence_length_of(column) for column in columns]
    found = {
        "parsed_length": (np.array([math.nan if n is None else n for n in lengths], dtype=float), "Sequence length"),
        "parsed_model": (np.array([model_of(column) or "" for column in columns]), "Llama model"),
        "kept": (np.array([is_kept(column) for column in columns]), "Main metric"),
    }
    return {name: (("file_column",), values, {"long_name": label}) for name, (values, label) in found.items()}


def _attributes(table: _Table, kept: Sequence[str]) -> dict[str, object]:
    positions = [table.columns.index(name) for name in kept]
    return {
        "file": table.path.name,
        "shape": [len(table.rows), len(table.columns)],
        "kept_columns": list(kept),
        "head": [[row[position] for position in positions] for row in table.rows[:_HEAD_ROWS]],
    }

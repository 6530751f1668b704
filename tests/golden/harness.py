"""The golden harness: rows of golden files, evaluated as arrays and one by one, and compared with what they say."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import rooflax
from rooflax.specs.known import input_name
from rooflax.specs.problems import RooflaxError, SpecError
from rooflax.sweeps import engine
from rooflax.sweeps.sweep import STATUS

CASE = "case"
REFUSED = -1
SENTENCE = "sentence"
REL = 1e-9
EXACT_TO = 2**53
SHOWN = 5

Row = dict[str, str]
Comparison = Callable[[Path, "Harness"], int]


@dataclass
class Harness:
    """How golden rows are read, evaluated and compared. `bench` holds the shipped models and catalogs."""

    bench: rooflax.Workbench = field(default_factory=rooflax.Workbench)

    def rows(self, path: Path) -> list[Row]:
        """The rows of a CSV by column name, every cell as its text."""
        with path.open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
        assert found, f"{path.name}: present, but it holds no row"
        return found

    def number(self, text: str) -> float | int | bool | str | None:
        """A cell as a number: whole ones as int, True and False as bool, "" as None; anything else is the text."""
        if text == "":
            return None
        if text in ("True", "False"):
            return text == "True"
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text

    def column(self, rows: Sequence[Row], name: str) -> list[Any]:
        """One column as numbers."""
        return [self.number(row[name]) for row in rows]

    def arrays(
        self,
        quantities: str | Sequence[str],
        inputs: Mapping[str, Sequence[Any]],
        fixed: Mapping[str, Any] | None = None,
    ) -> dict[str, np.ndarray]:
        """All rows at once, along one dimension, through the engine in float64.

        `inputs` has one entry a row; None stands for the input's default. Besides the quantities (options as their
        positions) the result has "status", REFUSED where the input itself is no value of its name (the quantities are
        NaN there), and "sentence", why it was refused.
        """
        names = [quantities] if isinstance(quantities, str) else list(quantities)
        for name in [*inputs, *(fixed or {})]:
            input_name(name, self.bench.names)
        (size,) = {len(column) for column in inputs.values()}
        found: dict[str, np.ndarray] = {name: np.full(size, np.nan) for name in names}
        found[STATUS] = np.full(size, REFUSED)
        found[SENTENCE] = np.full(size, "", dtype=object)
        for given, members in _alike(inputs, size).items():
            columns = {name: [inputs[name][row] for row in members] for name in given}
            self._fill(found, names, columns, dict(fixed or {}), np.array(members))
        return found

    def _fill(
        self,
        found: dict[str, np.ndarray],
        names: list[str],
        columns: dict[str, list[Any]],
        fixed: dict[str, Any],
        members: np.ndarray,
    ) -> None:
        """Evaluates the rows of equal shape that are accepted, and notes why the others are not."""
        try:
            sweep = self.bench.sweep(names, {**{name: _along(c) for name, c in columns.items()}, **fixed})
        except SpecError as error:
            if len(members) == 1:
                found[SENTENCE][members[0]] = str(error)
                return
            half = len(members) // 2
            for part in (slice(None, half), slice(half, None)):
                self._fill(found, names, {name: c[part] for name, c in columns.items()}, fixed, members[part])
            return
        for name, values in engine.evaluate(sweep, [*names, STATUS]).items():
            found[name][members] = np.broadcast_to(values, len(members))

    def scalar(self, quantities: str | Sequence[str], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """One point through the public interface, options by name; RooflaxError where it has no value."""
        names = [quantities] if isinstance(quantities, str) else list(quantities)
        given = {name: value for name, value in inputs.items() if value is not None}
        data = rooflax.evaluate(names, **given)
        return {name: self._plain(name, data[name].item()) for name in names}

    def _plain(self, name: str, value: float) -> float | str:
        options = self.options(name)
        return options[round(value)] if options else value

    def options(self, name: str) -> tuple[str, ...]:
        """The options of a category by position, empty for a number."""
        return self.bench.registry.options(name)

    def raises(self, quantities: str | Sequence[str], inputs: Mapping[str, Any]) -> bool:
        """Whether the scalar call refuses the point with a sentence."""
        try:
            self.scalar(quantities, inputs)
        except RooflaxError as error:
            return bool(str(error))
        return False

    def close(self, found: Any, expected: Any, rel: float = REL) -> bool:
        """Whether a value is the expected one: floats within `rel`, integers up to 2^53 and texts exactly.

        `expected` None (an empty cell) stands for no value, which a NaN is as well.
        """
        if expected is None:
            return found is None or (isinstance(found, float | np.floating) and math.isnan(found))
        if found is None or isinstance(expected, str) or isinstance(found, str):
            return found == expected
        if isinstance(expected, int):
            return float(found) == expected if abs(expected) <= EXACT_TO else _within(found, expected, 1e-15)
        return _within(found, expected, rel)

    def check(
        self,
        path: Path,
        rows: Sequence[Row],
        columns: Mapping[str, Sequence[Any]],
        *,
        rel: float = REL,
        only: Callable[[Row], bool] = lambda _: True,
        sentences: Sequence[str] | None = None,
    ) -> int:
        """Compares found values (one a row) with the golden columns of those names; how many rows were compared.

        Raises AssertionError with the file and the first mismatches: case, column, expected, found.
        """
        wrong, compared = [], 0
        for position, row in enumerate(rows):
            if not only(row):
                continue
            compared += 1
            for name, found in columns.items():
                expected, value = self.number(row[name]), found[position]
                if not self.close(value, expected, rel):
                    why = f" ({sentences[position]})" if sentences is not None and sentences[position] else ""
                    wrong.append(f"{_case(row, position)}, {name}: expected {expected!r}, found {value!r}{why}")
        _told(path, wrong)
        return compared

    def check_errors(
        self,
        path: Path,
        rows: Sequence[Row],
        arrays: Mapping[str, np.ndarray],
        *,
        scalar: Callable[[int], tuple[str | Sequence[str], Mapping[str, Any]]] | None = None,
        error: str = "error",
    ) -> int:
        """Compares the rows that have an error with NaN and a status in the arrays; how many there are.

        Rows without an error must not be refused. `scalar` gives the quantities and inputs of a row, whose scalar call
        must raise.
        """
        wrong, failing = [], 0
        names = [name for name in arrays if name not in (STATUS, SENTENCE)]
        for position, row in enumerate(rows):
            where, status = _case(row, position), int(arrays[STATUS][position])
            if not row[error]:
                if status == REFUSED:
                    wrong.append(f"{where}: refused: {arrays[SENTENCE][position]}")
                continue
            failing += 1
            values = {name: float(arrays[name][position]) for name in names}
            if status == 0 or not any(map(math.isnan, values.values())):
                wrong.append(f"{where}: expected {row[error]}, found {values} with status {status}")
            if scalar is not None and not self.raises(*scalar(position)):
                wrong.append(f"{where}: expected {row[error]}, the scalar call gives a value")
        _told(path, wrong)
        return failing


def _alike(inputs: Mapping[str, Sequence[Any]], size: int) -> dict[tuple[str, ...], list[int]]:
    """The rows by the names for which they give a value."""
    members: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in range(size):
        members[tuple(name for name, column in inputs.items() if column[row] is not None)].append(row)
    return members


def _along(column: Sequence[Any]) -> xr.DataArray:
    values = np.array(column) if len({type(v) for v in column}) == 1 else np.array(_unmixed(column))
    return xr.DataArray(values, dims=(CASE,), coords={CASE: np.arange(len(values))})


def _unmixed(column: Sequence[Any]) -> list[Any]:
    """A column of one type: floats where all are numbers, texts otherwise."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
        return [float(value) for value in column]
    return [str(value) for value in column]


def _within(found: Any, expected: float, rel: float) -> bool:
    if math.isnan(expected) or math.isinf(expected):
        return repr(float(found)) == repr(float(expected))
    return abs(float(found) - expected) <= rel * abs(expected)


def _case(row: Row, position: int) -> str:
    return f"case {row['case_id']}" if "case_id" in row else f"row {position + 2}"


def _told(path: Path, wrong: Sequence[str]) -> None:
    if wrong:
        more = f"\n  and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise AssertionError(f"{path.name}: {len(wrong)} mismatches\n  " + "\n  ".join(wrong[:SHOWN]) + more)

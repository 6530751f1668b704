"""Measured rows of files: each kind of table through its own reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..catalog import Catalogs
from ..vocabulary import nearest
from .cells import UNSTATED, Row
from .collective_rows import collective_rows
from .gemm_rows import gemm_rows
from .hours_rows import hours_rows
from .inference_rows import inference_rows
from .layouts import input_columns
from .memory_rows import memory_rows
from .rows import MeasuredRow
from .tables import COLUMNS, Table, read_tables
from .training_rows import training_rows

Reader = Callable[[str, Sequence[Row], Catalogs], tuple[MeasuredRow, ...]]

READERS: Mapping[str, Reader] = {
    "training": training_rows,
    "memory": memory_rows,
    "inference": inference_rows,
    "hours": hours_rows,
    "gemm": gemm_rows,
    "collectives": collective_rows,
}
"""The reader of each kind of table."""


def read_measured(place: str | os.PathLike[str], catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """The measured rows of all tables in a folder, file by file in order of name, or of one CSV file.

    Raises TableError, with every problem, where a file cannot be read or a cell is wrong. A row that is well written
    but cannot be predicted says why in `refused`.
    """
    return tuple(row for table in read_tables(Path(place)) for row in rows_of(table, catalogs))


def unread_columns(place: str | os.PathLike[str]) -> tuple[str, ...]:
    """A sentence for each column of the tables in a folder or file that no table of measurements has."""
    known = COLUMNS | input_columns()
    return tuple(
        _unread(table.file, name, known)
        for table in read_tables(Path(place))
        for name in table.columns
        if name not in known
    )


def _unread(file: str, name: str, known: Iterable[str]) -> str:
    like = nearest(name, known)
    return f"{file}: column `{name}` is not read" + (f"; did you mean `{like}`?" if like else "")


def rows_of(table: Table, catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """The measured rows of one table."""
    rows = READERS[table.kind](table.file, table.rows, catalogs)
    return tuple(replace(row, kind=row.kind or table.kind, confidence=row.confidence or UNSTATED) for row in rows)

"""Tables of published measurements: CSV files, told apart by their columns, checked cell by cell."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..limits import LONGEST_CELL, LONGEST_NAME
from ..problems import RooflaxError
from ..text_files import TextError, table_lines
from .cells import Row, text

CONFIDENCES = ("high", "medium", "low")
KINDS: Mapping[str, tuple[str, ...]] = {
    "memory": ("mem_gib",),
    "hours": ("gpu_hours",),
    "inference": ("e2e_latency_ms", "tpot_ms", "ttft_ms", "output_tok_s_total"),
    "collectives": ("busbw_gbs",),
    "gemm": ("achieved_tflops",),
    "training": ("iter_time_s", "tokens_per_s_per_gpu", "tflops_per_gpu", "mfu_pct"),
}
"""The kinds of tables and the columns, any one of them, that tell each."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBERS = _words(
    """params_b active_params_b layers d_model n_heads n_kv_heads d_ff vocab n_experts top_k n_gpus gpus_per_node
    internode_gbps_per_gpu seq_len global_batch_seqs micro_batch_seqs grad_accum tp pp vp cp ep dp iter_time_s
    tokens_per_s_per_gpu tflops_per_gpu mfu_pct hfu_pct peak_mem_gib mem_gib gpu_hours tokens_t wall_days gpu_power_w
    tco2eq batch_size max_concurrency input_len output_len context_len e2e_latency_ms ttft_ms tpot_ms
    output_tok_s_total output_tok_s_per_gpu samples_per_s prefill_tok_s achieved_hbm_gbs mem_gb n_nodes size_bytes
    time_us algbw_gbs busbw_gbs batch_or_groups m n k achieved_tflops peak_tflops_dense efficiency_pct
    mem_bw_gbs"""
)
_ABOVE_ZERO = _words(
    """layers d_model n_heads n_kv_heads d_ff n_gpus gpus_per_node seq_len global_batch_seqs micro_batch_seqs grad_accum
    tp pp vp cp ep dp iter_time_s tokens_per_s_per_gpu mem_gib gpu_hours e2e_latency_ms tpot_ms m n k"""
)
_TEXTS = _words(
    """id source_family source confidence derived_fields notes task model gated_mlp gpu precision framework sharding
    seq_parallel act_recompute pipeline_schedule tflops_kind kind mem_definition mem_kind collective algo op dtype
    weight_dtype kv_dtype scenario intra_link inter_link nccl_version cp_exchange"""
)
COLUMNS = _NUMBERS | _TEXTS
"""The columns that tables of measurements have; some only describe their source."""
_MOST_TOLD = 20


class TableError(RooflaxError):
    """Tables that cannot be read; the message lists every problem with its file, row and column."""


@dataclass(frozen=True)
class Table:
    """One CSV file: its base name, its kind, its rows as they are written, with an `id` each, and its columns.

    A row that states no id is called by its place, "row 3".
    """

    file: str
    kind: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]


def read_tables(place: Path) -> tuple[Table, ...]:
    """The tables of measurements in a folder, by name, or the one in a CSV file.

    Files of a folder without a column of measurements are left out. Raises TableError with all problems at once.
    """
    files = _files(place)
    problems: list[str] = []
    tables = [table for path in files if (table := _read(path, problems)) is not None]
    if not tables and not problems:
        known = ", ".join(dict.fromkeys(name for names in KINDS.values() for name in names))
        what = f"none of its CSV files ({len(files)}) has a" if place.is_dir() else "it has no"
        raise TableError(f"{place}: {what} column of measurements; one of {known} was expected")
    for table in tables:
        problems += _problems(table)
    if not problems and not any(table.rows for table in tables):
        raise TableError(f"{place}: there are no rows below the header; one row for each run was expected")
    if problems:
        told = [f"  {problem}" for problem in problems[:_MOST_TOLD]]
        more = len(problems) - _MOST_TOLD
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise TableError("\n".join([f"{count} in {place}", *told, *([f"  and {more} more"] if more > 0 else [])]))
    return tuple(tables)


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise TableError(f"{place}: there is no such file or folder; a folder of CSV files, or one, was expected")
    files = sorted(place.glob("*.csv"))
    if not files:
        raise TableError(f"{place}: no CSV files; tables of measurements end in .csv")
    return files


def _read(path: Path, problems: list[str]) -> Table | None:
    """The table in a file, or None where its columns are of no known kind."""
    try:
        reader = csv.DictReader(table_lines(path), restkey="", restval=None, strict=True)
        columns = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        kind = _kind(columns)
        if kind is None:
            if len(columns) == 1 and _kind(columns[0].split(";")):
                problems.append(f"{path.name}: its cells are separated by semicolons; commas were expected")
            return None
        if "" in columns:
            problems.append(f"{path.name}: column {columns.index('') + 1} has no name")
            return None
        rows = list(reader)
    except (TextError, csv.Error) as error:
        problems.append(f"{path.name}: cannot be read as a CSV: {error}")
        return None
    twice = sorted({name for name in columns if columns.count(name) > 1})
    problems += [f"{path.name}: column `{name}` appears twice" for name in twice]
    for place, row in enumerate(rows, start=1):
        extra = len(row.get("", ()))
        cells = len(columns) + extra - sum(cell is None for cell in row.values())
        if cells != len(columns):
            problems.append(f"{path.name}: row {place} has {cells} cells, the header has {len(columns)}")
    named = [{**row, "id": text(row, "id") or f"row {place}"} for place, row in enumerate(rows, start=1)]
    whole = tuple(row for row in named if "" not in row and None not in row.values())
    return Table(path.name, kind, whole, tuple(columns))


def _kind(columns: Sequence[str]) -> str | None:
    return next((kind for kind, marks in KINDS.items() if any(mark in columns for mark in marks)), None)


def _problems(table: Table) -> Iterator[str]:
    """What is wrong with the cells of a table."""
    seen: dict[str, int] = {}
    for place, row in enumerate(table.rows, start=1):
        name = text(row, "id")
        if name in seen:
            yield f"{table.file}: row {place}: id {name} is that of row {seen[name]} too"
        seen.setdefault(name, place)
        confidence = text(row, "confidence").lower()
        if confidence and confidence not in CONFIDENCES:
            yield f"{table.file}: {name}: `confidence` is {confidence!r}; one of {', '.join(CONFIDENCES)} was expected"
        for column in row:
            if len(text(row, column)) > LONGEST_CELL:
                told = f"{len(text(row, column)):,} characters; at most {LONGEST_CELL:,} were expected"
                yield f"{table.file}: {name[:LONGEST_NAME]}: `{column[:LONGEST_NAME]}` has {told}"
            elif column in _NUMBERS and (wrong := _wrong(column, text(row, column))):
                yield f"{table.file}: {name}: `{column}` is {text(row, column)!r}; {wrong} was expected"


def _wrong(column: str, cell: str) -> str:
    """What was expected instead of a cell, or nothing where it is right."""
    if not cell:
        return ""
    try:
        value = float(cell)
    except ValueError:
        return "a number"
    if not math.isfinite(value):
        return "a finite number"
    if value < 0:
        return "a number that is not negative"
    return "a number above 0" if value == 0 and column in _ABOVE_ZERO else ""

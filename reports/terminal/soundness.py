"""What a check has found, as a table and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...specs.units import format_quantity
from .columns import Columns, text_column

MOST_ROWS = 40


def damage_table(damages: Sequence[Mapping[str, Any]], most: int = MOST_ROWS) -> Columns:
    """One row a damage: the file, the chunk in it, what is wrong, and the part of the grid that is concerned."""
    shown = damages[:most]
    columns = [
        text_column("file", [damage["key"] for damage in shown], wraps=False),
        text_column(
            "chunk", ["" if damage["chunk"] is None else str(damage["chunk"]) for damage in shown], wraps=False
        ),
        text_column("what is wrong", [damage["what"] for damage in shown]),
        text_column("labels", [_part(damage["spans"]) for damage in shown]),
        text_column(
            "block", ["" if damage["block"] is None else str(damage["block"]) for damage in shown], wraps=False
        ),
    ]
    kept = [column for column in columns if any(column.cells)]
    cut = f"{most} of {len(damages):,} rows; --json prints all" if len(damages) > most else ""
    return Columns(kept, "", cut, keys=1)


def soundness_sentence(found: Mapping[str, Any], *, repaired: bool = False) -> str:
    """How a store is, in one sentence; where it was repaired, what was damaged has been read again."""
    blocks = _counted(found["blocks"], "block")
    read = f"{_counted(found['files'], 'file')} of values, {format_quantity(found['stored'], 'B')} read"
    if found["sound"] and repaired:
        return f"{found['place']} is sound again: what was damaged was read again, {read}"
    if found["sound"]:
        return f"{found['place']} is sound: {blocks}, {read}"
    files = len({damage["key"] for damage in found["damages"]})
    return f"{found['place']} is damaged in {_counted(files, 'file')}: {blocks}, {read}"


def soundness_notices(found: Mapping[str, Any]) -> list[str]:
    """What else there is to say: blocks that are not there yet, and files that are no part of the store."""
    place, notices = found["place"], []
    if not found["complete"]:
        notices.append(
            f"{place} is not finished: {found['done']:,} of {_counted(found['blocks'], 'block')} are there; the same "
            "`rooflax run` resumes it"
        )
    notices += [f"{place}/{key} is a half-written file of a process that was killed" for key in found["torn"]]
    return notices + [f"{place}/{key} is no part of the store" for key in found["strays"]]


def _part(spans: Mapping[str, Mapping[str, Any]]) -> str:
    """The labels from first to last along each dim."""
    return ", ".join(f"{dim} {_range(span)}" for dim, span in spans.items())


def _range(span: Mapping[str, Any]) -> str:
    if span["first"] is None:
        return f"[{span['start']}:{span['stop']}]"
    ends = [
        label if isinstance(label, str) else format_quantity(label, span["unit"])
        for label in (span["first"], span["last"])
    ]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} … {ends[1]}"


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"

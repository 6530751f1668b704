"""The files of one measured run: `rank{r}_results_epoch{e}.json` in a folder of its own, read and checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..specs.text_files import TextError, parse_json, read_text
from .problems import StoreError

# What makes an epoch usable, and what is kept beside it.
TIMED = ("training_time", "tokens_per_sec")
QUALITY = ("validation_loss", "bleu")
CARRIED = ("world_size", "batch_size")
_MOST_MISSING = 1000
_LARGEST = 10**15
_NAME = re.compile(r"rank(\d+)_results_epoch(\d+)\.json")


class MeasuredError(StoreError):
    """Measured runs that cannot be read or compared: every bad file is named."""


@dataclass(frozen=True)
class RankFile:
    """What one file says: its metrics, those of TIMED and QUALITY that are sound, and what is wrong with it."""

    metrics: Mapping[str, float]
    carried: Mapping[str, float] = field(default_factory=dict)
    synthetic: bool = False
    faults: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether time and throughput are known."""
        return all(name in self.metrics for name in TIMED)


@dataclass(frozen=True)
class RunFiles:
    """One run: its folder, and its files by epoch and rank. `dropped` says why an epoch is left out."""

    folder: Path
    world_size: int
    files: Mapping[tuple[int, int], RankFile]
    epochs: tuple[int, ...]
    dropped: Mapping[int, str]
    notices: tuple[str, ...] = ()

    @property
    def warm_up(self) -> int:
        """The first epoch, complete or not: it is measured but not counted."""
        return self.epochs[0]

    @property
    def used(self) -> tuple[int, ...]:
        """The epochs that count: complete, and after the first."""
        return tuple(epoch for epoch in self.epochs[1:] if epoch not in self.dropped)

    @property
    def batch_size(self) -> float:
        """The global batch size that the files carry; NaN where they do not."""
        return next((f.carried["batch_size"] for f in self.files.values() if "batch_size" in f.carried), math.nan)

    @property
    def synthetic(self) -> bool:
        """Whether the files say that they are made up."""
        return any(file.synthetic for file in self.files.values())


def read_run(folder: Path, *, lenient: bool = False) -> RunFiles:
    """The run in a folder.

    Strict: every rank has every epoch and every metric, or MeasuredError names each bad file. Lenient: epochs that are
    not complete are dropped, which `notices` says.
    """
    paths = _rank_paths(folder)
    files = {place: _read(path) for place, path in sorted(paths.items())}
    epochs = range(min(e for e, _ in files), max(e for e, _ in files) + 1)
    world_size = _world_size(folder, files)
    _check_density(folder, files, len(epochs) * world_size)
    faults = _faults(files, epochs, world_size)
    if faults and not lenient:
        raise MeasuredError(_sentence(folder, [fault for found in faults.values() for fault in found]))
    dropped = {
        epoch: "; ".join(found)
        for epoch, found in faults.items()
        if not all((epoch, rank) in files and files[epoch, rank].usable for rank in range(world_size))
    }
    run = RunFiles(folder, world_size, files, tuple(epochs), dropped, tuple(_told(folder, faults, dropped)))
    if not run.used:
        raise MeasuredError(_nothing_left(run))
    return run


def _rank_paths(folder: Path) -> dict[tuple[int, int], Path]:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        raise MeasuredError(f"{folder}: no such folder of measured runs") from None
    except OSError as error:
        raise MeasuredError(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}") from error
    found: dict[tuple[int, int], Path] = {}
    for name in names:
        if match := _NAME.fullmatch(name):
            place = int(match[2]), int(match[1])
            if place in found:
                raise MeasuredError(f"{folder}: {found[place].name} and {name} are of the same rank and epoch")
            found[place] = folder / name
    if not found:
        raise MeasuredError(
            f"{folder}: no metrics found; files named rank0_results_epoch0.json and so on were expected"
        )
    return found


def _read(path: Path) -> RankFile:
    """One file; what cannot be read at all has no metrics and one fault, a sentence with the file's name."""
    name = path.name
    try:
        text = read_text(path)
        if not text.strip():
            return RankFile({}, faults=(f"{name} is empty",))
        content = parse_json(text)
    except TextError as error:
        return RankFile({}, faults=(f"{name}: {error}",))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}: {error.msg}"
        return RankFile({}, faults=(f"{name} is no complete JSON ({where})",))
    except ValueError as error:
        return RankFile({}, faults=(f"{name} is no JSON text ({type(error).__name__})",))
    if not isinstance(content, dict):
        return RankFile({}, faults=(f"{name} holds {_kind(content)}; an object with the metrics was expected",))
    return _checked(content, name)


def _checked(content: Mapping[str, Any], name: str) -> RankFile:
    faults = {metric: fault for metric in (*TIMED, *QUALITY) if (fault := _fault(metric, content))}
    metrics = {metric: float(content[metric]) for metric in (*TIMED, *QUALITY) if metric not in faults}
    carried = {key: float(content[key]) for key in CARRIED if _is_count(content.get(key))}
    wrong = [f"{key} is {_shown(content[key])}" for key in CARRIED if key in content and key not in carried]
    sentences = tuple(f"{fault} in {name}" for fault in (*faults.values(), *wrong))
    return RankFile(metrics, carried, content.get("synthetic") is True, sentences)


def _fault(metric: str, content: Mapping[str, Any]) -> str:
    """What is wrong with one metric, "" where nothing is."""
    if metric not in content:
        return f"no {metric}"
    value = content[metric]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{metric} is {_kind(value)}, not a number,"
    try:
        finite = math.isfinite(float(value))
    except OverflowError:
        finite = False
    if not finite:
        return f"{metric} is {_shown(value)}, not a finite number,"
    if metric in TIMED and value <= 0:
        return f"{metric} is {_shown(value)}, not above 0,"
    return ""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"


def _kind(value: Any) -> str:
    kinds = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return f"text ({_shown(value)})" if isinstance(value, str) else kinds.get(type(value), "a number")


def _world_size(folder: Path, files: Mapping[tuple[int, int], RankFile]) -> int:
    """The ranks of the run: those with files, or what the files carry, which must agree."""
    ranks = max(rank for _, rank in files) + 1
    carried: dict[int, str] = {}
    for (epoch, rank), file in files.items():
        if "world_size" in file.carried:
            carried.setdefault(int(file.carried["world_size"]), file_name(rank, epoch))
    if len(carried) > 1:
        said = ", ".join(f"{name} says {size}" for size, name in sorted(carried.items()))
        raise MeasuredError(f"{folder}: files of runs with different world_size share the folder ({said}); {_APART}")
    size = next(iter(carried), ranks)
    if size < ranks:
        name = next(file_name(rank, epoch) for epoch, rank in files if rank >= size)
        raise MeasuredError(f"{folder}: {name} is of no rank of a run with world_size {size}; {_APART}")
    return size


def _check_density(folder: Path, files: Mapping[tuple[int, int], RankFile], expected: int) -> None:
    """Refuses a folder in which nearly every file would be missing, rather than name them all."""
    if expected > _MOST_MISSING + len(files):
        last = max(files)
        raise MeasuredError(
            f"{folder}: {len(files)} files where {expected} were expected, judging by {file_name(last[1], last[0])} "
            f"and {max(rank for _, rank in files) + 1} ranks; one of the names is wrong"
        )


_APART = "give every run a folder of its own"


def _faults(files: Mapping[tuple[int, int], RankFile], epochs: Sequence[int], world_size: int) -> dict[int, list[str]]:
    """What is wrong in each epoch, a sentence a fault, each with the file's name."""
    found: dict[int, list[str]] = {}
    for epoch in epochs:
        for rank in range(world_size):
            file = files.get((epoch, rank))
            faults = (f"{file_name(rank, epoch)} is missing",) if file is None else file.faults
            if faults:
                found.setdefault(epoch, []).extend(faults)
    return found


def file_name(rank: int, epoch: int) -> str:
    """The name of the file of a rank and epoch."""
    return f"rank{rank}_results_epoch{epoch}.json"


def _sentence(folder: Path, faults: Sequence[str]) -> str:
    advice = "; --lenient leaves incomplete epochs out"
    if len(faults) == 1:
        return f"{folder}: {faults[0]}{advice}"
    return f"{folder}: {len(faults)} faults: {'; '.join(faults)}{advice}"


def _told(folder: Path, faults: Mapping[int, Sequence[str]], dropped: Iterable[int]) -> list[str]:
    gone, name = set(dropped), folder.name or str(folder)
    kept = "is kept, without what is missing"
    return [
        f"{name}: epoch {epoch} {'is left out' if epoch in gone else kept}: {'; '.join(found)}"
        for epoch, found in faults.items()
    ]


def _nothing_left(run: RunFiles) -> str:
    left_out = f", and left out: {'; '.join(run.dropped.values())}" if run.dropped else ""
    return (
        f"{run.folder}: no epoch remains after the first, epoch {run.warm_up}, which is the warm-up{left_out}; "
        "at least two complete epochs were expected"
    )

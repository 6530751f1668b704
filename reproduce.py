"""Reproduction of the source documents: their specs are run in memory, and their pages written."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .measured import agent_runs, measured_speedup
from .reports import documents
from .reports.documents.contract import Sample
from .specs.examples import FOLDER
from .specs.problems import RooflaxError
from .workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

    from .reports.pages import Contents

ALL = "all"
Progress = Callable[[int, int], None]

_MODULE = re.compile(r"d(\d{3})(_\w+)?")


def document_modules() -> dict[str, tuple[str, ...]]:
    """The names of the modules of every document, by its number."""
    found: dict[str, tuple[str, ...]] = {}
    for info in sorted(pkgutil.iter_modules(documents.__path__), key=lambda info: info.name):
        if match := _MODULE.fullmatch(info.name):
            found[match[1]] = (*found.get(match[1], ()), info.name)
    return found


def modules_of(number: str) -> tuple[ModuleType, ...]:
    """The modules of a document, imported."""
    return tuple(importlib.import_module(f"{documents.__name__}.{name}") for name in document_modules()[number])


def reproduce(
    number: str,
    output: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> tuple[Path, ...]:
    """Writes the pages of one document, or of "all", into a folder; the paths of the pages, the index first.

    `data` is read instead of the sample of the one document that takes a file.
    """
    from .reports.pages import write_index, write_page

    known = document_modules()
    if number != ALL and number not in known:
        raise RooflaxError(f"there is no document {number!r}; one of {', '.join(known)} or {ALL} was expected")
    numbers = list(known) if number == ALL else [number]
    if data is not None and len(numbers) > 1:
        raise RooflaxError("--data replaces the sample of one document; name that document")
    folder, bench = Path(output), Workbench()
    pages: dict[Path, Contents] = {}
    for done, one in enumerate(numbers):
        if progress:
            progress(done, len(numbers))
        contents = contents_of(one, bench, data)
        pages[write_page(contents, folder / one)] = contents
    if progress:
        progress(len(numbers), len(numbers))
    return (write_index(pages, folder), *pages) if number == ALL else tuple(pages)


def contents_of(number: str, bench: Workbench, data: str | os.PathLike[str] | None = None) -> Contents:
    """Everything on a document's page, from its specs and samples."""
    from .reports.pages import Contents, described, number_key
    from .reports.registry import figures_of

    modules = modules_of(number)
    samples = {name: sample for module in modules for name, sample in getattr(module, "SAMPLES", {}).items()}
    if data is not None and len(samples) != 1:
        raise RooflaxError(f"document {number} reads no file that --data could replace")
    given = {name: dataset(bench, name) for module in modules for name in module.SPECS}
    given |= {name: _read(sample, data) for name, sample in samples.items()}
    items = [item for module in modules for item in module.items(given)]
    errata, formulas = described(given.values())
    return Contents(
        number=number,
        title=modules[0].TITLE,
        items=tuple(sorted(items, key=lambda item: number_key(item.number))),
        tables=tuple(table for module in modules for table in module.tables(given)),
        figures=tuple(figure for module in modules for figure in figures_of(module, given)),
        files=tuple(file for module in modules for file in _files(module, given)),
        errata=errata,
        formulas=formulas,
        notes=tuple(_notes(number, samples.values() if data is None else ())),
    )


def dataset(bench: Workbench, spec: str) -> xr.Dataset:
    """The labelled results of a shipped spec, in float64."""
    from .sweeps import engine
    from .sweeps.label import dataset as labelled
    from .sweeps.sweep import sweep_of_spec

    sweep = sweep_of_spec(bench.registry, bench.load(spec))
    return labelled(sweep, engine.evaluate(sweep))


def _read(sample: Sample, given: str | os.PathLike[str] | None) -> xr.Dataset:
    """A sample read by its reader, or the user's file in its place."""
    paths = [Path(given)] if given is not None else [FOLDER / path for path in sample.paths]
    return READERS[sample.reader](paths, sample.options)


READERS: Mapping[str, Callable[[list[Path], Mapping[str, Any]], xr.Dataset]] = {
    "agent-runs": lambda paths, options: agent_runs(paths[0], **options),
    "measured-runs": lambda paths, options: measured_speedup(paths, **options),
}


def _files(module: ModuleType, given: Mapping[str, xr.Dataset]) -> Iterable[Any]:
    return module.files(given) if hasattr(module, "files") else ()


def _notes(number: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield (
        f"Made by `rooflax reproduce {number}`. *As published* are the document's own formulas, errors included; "
        "*put right* is what holds, from the main models or from a corrected formula. The formulas of everything that "
        "was computed, with their sources, are at the end of the page."
    )
    for sample in samples:
        if sample.synthetic:
            yield f"**Synthetic data:** {sample.synthetic}"

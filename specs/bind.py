"""Binding: what a spec or a Python call says about inputs, joined with the catalogs into axes and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .axes import Inputs
from .binder import Binder
from .catalog import Catalogs
from .documents import KeyPath
from .grids import Report
from .keywords import add_keywords
from .known import Known
from .limits import MOST_PROBLEMS
from .problems import Problem, SpecError

Locate = Callable[[KeyPath, str, bool], Problem]


def unlocated(path: KeyPath, message: str, about_key: bool = False) -> Problem:  # noqa: ARG001 (a Locate)
    """A problem of input that stands in no file."""
    return Problem(path, message)


def bind(
    axes: Mapping[str, object],
    fixed: Mapping[str, object],
    *,
    known: Known,
    catalogs: Catalogs,
    problems: list[Problem],
    locate: Locate = unlocated,
    folder: Path = Path(),
) -> Inputs:
    """The inputs that `axes` and `fixed` of a spec describe; what is wrong is left out and appended to `problems`.

    A catalog name carries the fields of its records; a leaf given beside it wins over the record. Without `network`
    the hardware's own stands, without `precision` the record `bf16-mixed`. Defaults of leaves are not bound here.
    Paths to record files are relative to `folder`.
    """
    return collect(axes, fixed, known, catalogs, reporter(problems, locate), folder).inputs()


def bind_keywords(
    inputs: Mapping[str, object], *, known: Known, catalogs: Catalogs, boxes: Mapping[str, object] | None = None
) -> Inputs:
    """The inputs that the keyword arguments of a Python call describe.

    Scalars and text are single values; lists, tuples, 1-d arrays and grid forms are axes, in the order given; an
    array with named dimensions and coordinates (`xarray.DataArray`) varies along those dimensions, whose coordinates
    become axes. Numbers are in the input's unit. `boxes` are the ranges of inputs that an optimum is looked for in.
    Raises SpecError with every problem.
    """
    problems: list[Problem] = []
    binder = Binder(known, catalogs, reporter(problems, unlocated), Path())
    add_keywords(binder, inputs)
    for name, form in (boxes or {}).items():
        binder.add_box(name, form, ("over", name))
    bound = binder.inputs()
    if problems:
        raise SpecError(problems)
    return bound


def collect(
    axes: Mapping[str, object],
    fixed: Mapping[str, object],
    known: Known,
    catalogs: Catalogs,
    report: Report,
    folder: Path,
) -> Binder:
    """The binder after everything in `axes`, then in `fixed`, was added to it."""
    binder = Binder(known, catalogs, report, folder)
    for name, form in axes.items():
        binder.add_axis(name, form, ("axes", name))
    for name, value in fixed.items():
        binder.add_fixed(name, value, ("fixed", name))
    return binder


def reporter(problems: list[Problem], locate: Locate) -> Report:
    """A function that appends located problems to `problems`, and raises SpecError when there are too many."""

    def report(path: KeyPath, message: str, about_key: bool = False) -> None:
        problems.append(locate(path, message, about_key))
        if len(problems) >= MOST_PROBLEMS:
            raise SpecError(problems)

    return report

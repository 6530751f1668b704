"""The pictures: one report a file, found by being there."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ...specs.problems import RooflaxError
from ...specs.vocabulary import nearest
from ..registry import Report, reports_of


@cache
def pictures() -> tuple[Report, ...]:
    """Every picture, in the order of their names."""
    modules = [import_module(f".{found.name}", __name__) for found in iter_modules(__path__)]
    return tuple(declared for module in modules for declared in reports_of(module))


def picture(name: str) -> Report:
    """The picture of a name. Raises RooflaxError where there is none."""
    known = {declared.name: declared for declared in pictures()}
    if name not in known:
        hint = nearest(name, known)
        raise RooflaxError(f"there is no picture {name}; " + (f"did you mean `{hint}`?" if hint else ", ".join(known)))
    return known[name]

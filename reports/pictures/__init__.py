"""The pictures: one report a file, found by being there."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ..registry import Report, reports_of


@cache
def pictures() -> tuple[Report, ...]:
    """Every picture, in the order of their names."""
    modules = [import_module(f".{found.name}", __name__) for found in iter_modules(__path__)]
    return tuple(declared for module in modules for declared in reports_of(module))


def picture(name: str) -> Report:
    """The picture of a name. Raises KeyError where there is none."""
    return {declared.name: declared for declared in pictures()}[name]

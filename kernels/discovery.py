"""Discovery of cost models: every module below this package, and the files a user names."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from ..specs.problems import RooflaxError
from ..specs.vocabulary import shipped
from .examples import try_example
from .registry import Registry, RegistryError, build_registry


@cache
def shipped_registry() -> Registry:
    """The registry of this package's own models."""
    return build_registry(_own_modules(), shipped())


def registry_with(model_files: Sequence[Path]) -> Registry:
    """The registry of this package's models and of the given files, which are run as trusted code.

    Every model of the files is tried on its worked example. Raises RooflaxError with the first thing that is wrong.
    """
    files = {path.resolve(): path for path in model_files}
    if not files:
        return shipped_registry()
    loaded = {path: _load(path) for path in files.values()}
    try:
        registry = build_registry([*_own_modules(), *loaded.values()], shipped())
    except (RegistryError, ValueError) as error:
        raise RooflaxError(f"{', '.join(map(str, loaded))}: {error}") from error
    for path, module in loaded.items():
        for quantity in registry.quantities.values():
            if quantity.module == module.__name__:
                try_example(quantity, registry, str(path))
    return registry


def _own_modules() -> list[ModuleType]:
    package = importlib.import_module(__package__ or "")
    found = pkgutil.walk_packages(package.__path__, prefix=package.__name__ + ".")
    return [importlib.import_module(info.name) for info in found]


class _UncachedSource(SourceFileLoader):
    """Loads a user's file without leaving bytecode beside it."""

    def set_data(self, path: object, data: object, *, _mode: int = 0o666) -> None:
        """Writes nothing."""


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise RooflaxError(f"{path}: no such file of cost models")
    name = f"rooflax_models_{path.stem}"
    if path.suffix != ".py":
        raise RooflaxError(f"{path}: a file of cost models is Python and ends in .py")
    spec = importlib.util.spec_from_file_location(name, path, loader=_UncachedSource(name, str(path)))
    if spec is None or spec.loader is None:
        raise RooflaxError(f"{path}: a file of cost models is Python and ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are resolved through sys.modules
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise RooflaxError(f"{path}: {type(error).__name__}: {error}") from error
    return module

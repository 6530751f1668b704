"""Attributes that a store gives its arrays: text without control characters, of the types that readers rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..specs.scalars import printable
from ..specs.units import UnitError, conversion

_TEXTS = (
    *("units", "quantity_units", "long_name", "formula", "source", "comment", "flag_meanings", "role", "coordinates"),
    *("title", "spec", "spec_digest", "registry_digest", "rooflax_digest", "version", "device"),
    *("objective", "direction", "over", "objectives"),
)
_LISTS = ("condition_units", "notices", "overrides", "sources", "terms", "variables")
_COUNTS = ("cells", "empty_cells")
_UNITS = ("units", "condition_units")


def read_attributes(attrs: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """The attributes of `owner`, with `�` for control characters. Raises ValueError where one is of a wrong type."""
    found = {printable(name): _cleaned(value) for name, value in attrs.items()}
    for name, value in found.items():
        expected = _fault(name, value)
        if expected:
            raise ValueError(f"attribute `{name}` of {owner} is a {type(value).__name__}; {expected} was expected")
    for name in _UNITS:
        _check_units(found.get(name, ()), owner)
    _check_flags(found, owner)
    return found


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(name)): _cleaned(part) for name, part in value.items()}
    return [_cleaned(part) for part in value] if isinstance(value, list) else value


def _fault(name: str, value: Any) -> str:
    if name in _TEXTS and not isinstance(value, str):
        return "text"
    if name in _LISTS and not (isinstance(value, list) and all(isinstance(part, str) for part in value)):
        return "a list of texts"
    return "a number" if name in _COUNTS and (not isinstance(value, int) or value < 0) else ""


def _check_units(units: str | list[str], owner: str) -> None:
    for unit in [units] if isinstance(units, str) else units:
        try:
            conversion(unit)
        except UnitError as error:
            raise ValueError(f"the unit of {owner} cannot be read: {error}") from None


def _check_flags(attrs: Mapping[str, Any], owner: str) -> None:
    """Codes and their meanings come in pairs."""
    if "flag_values" not in attrs:
        return
    values, meanings = attrs["flag_values"], str(attrs.get("flag_meanings", "")).split()
    codes = isinstance(values, list) and all(isinstance(code, int) and -128 <= code < 128 for code in values)
    if not codes or len(values) != len(meanings):
        raise ValueError(f"the codes of {owner} do not match their meanings")

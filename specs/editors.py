"""The JSON schema of a sweep spec, with which editors complete and check while one is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .goals import DIRECTIONS, FEWEST, MOST
from .limits import MOST_LABELS
from .schema import SweepSpec
from .vocabulary import CATALOGS, Kind, Leaf, Vocabulary, shipped

_NUMBER = {"type": ["number", "string"]}
_UNCERTAIN = {"$ref": "#/$defs/Uncertain"}
_BOUND = {"$ref": "#/$defs/Bound"}


def json_schema(vocabulary: Vocabulary | None = None, quantities: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The schema of the pydantic models, with the inputs and grid forms that these leave open."""
    vocabulary = vocabulary or shipped()
    table = SweepSpec.model_json_schema()
    table = {"$schema": "https://json-schema.org/draft/2020-12/schema", **table, "title": "rooflax sweep spec"}
    table["$defs"] |= _grid_forms()
    table["properties"]["axes"] |= _inputs(vocabulary, quantities, axis=True)
    table["properties"]["fixed"] |= _inputs(vocabulary, quantities, axis=False)
    table["$defs"]["Optimize"]["properties"]["over"] |= _boxes(vocabulary, quantities)
    table["$defs"]["Pareto"]["properties"]["objectives"] |= _objectives(quantities)
    if quantities is not None:
        table["properties"]["outputs"]["items"] = {"enum": sorted(quantities)}
    return table


def _objectives(quantities: Mapping[str, str] | None) -> dict[str, Any]:
    """The list of a frontier's objectives."""
    one: dict[str, Any] = {"type": "string", "pattern": rf":\s*({'|'.join(DIRECTIONS)})\s*$"}
    if quantities is not None:
        one = {"enum": [f"{name}:{way}" for name in sorted(quantities) for way in DIRECTIONS]}
    return {"items": one, "minItems": FEWEST, "maxItems": MOST}


def _inputs(vocabulary: Vocabulary, quantities: Mapping[str, str] | None, *, axis: bool) -> dict[str, Any]:
    """The properties of `axes` or `fixed`: catalogs, leaves, and quantities that may be pinned."""
    properties: dict[str, Any] = {
        catalog.value: {"description": f"Record of the {catalog} catalog, by name or path"} | _catalog(axis)
        for catalog in CATALOGS
    }
    for leaf in vocabulary.values():
        properties[leaf.name] = {"description": _described(leaf)} | (_axis(leaf) if axis else _single(leaf))
    for name, unit in (quantities or {}).items():
        form = {"$ref": "#/$defs/Axis" if axis else "#/$defs/Uncertain"}
        properties.setdefault(name, {"description": f"Computed quantity, pinned ({unit})"} | form)
    if axis:
        others = "#/$defs/Axis" if quantities is None else "#/$defs/Zip"
        return {"properties": properties, "additionalProperties": {"$ref": others}}
    return {"properties": properties, "additionalProperties": _UNCERTAIN if quantities is None else False}


def _boxes(vocabulary: Vocabulary, quantities: Mapping[str, str] | None) -> dict[str, Any]:
    """The properties of `optimize.over`: continuous leaves, and quantities that may be pinned."""
    form = {"$ref": "#/$defs/Box"}
    free = [leaf for leaf in vocabulary.values() if leaf.kind is Kind.CONTINUOUS]
    properties = {leaf.name: {"description": _described(leaf)} | form for leaf in free}
    for name, unit in (quantities or {}).items():
        properties.setdefault(name, {"description": f"Computed quantity, left free ({unit})"} | form)
    return {"properties": properties, "additionalProperties": form if quantities is None else False}


def _described(leaf: Leaf) -> str:
    unit = "" if leaf.unit == "1" else f" ({leaf.unit})"
    shown = leaf.default if isinstance(leaf.default, str) else f"{leaf.default:g}" if leaf.default is not None else None
    default = f" Default {shown}." if shown is not None else ""
    return f"{leaf.label}{unit}: {leaf.domain()}.{default}"


def _catalog(axis: bool) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "minItems": 1} if axis else {"type": "string"}


def _single(leaf: Leaf) -> dict[str, Any]:
    """What one value of a leaf may be; options that are numbers may be written as numbers."""
    if leaf.kind is Kind.CHOICE:
        return {"enum": [*leaf.options, *(int(option) for option in leaf.options if option.isdecimal())]}
    if leaf.kind is Kind.FLAG:
        return {"enum": [True, False, 0, 1]}
    return dict(_UNCERTAIN) if leaf.kind is Kind.CONTINUOUS else dict(_NUMBER)


def _axis(leaf: Leaf) -> dict[str, Any]:
    if leaf.kind in (Kind.CHOICE, Kind.FLAG):
        return {"type": "array", "items": _single(leaf), "minItems": 1}
    return {"$ref": "#/$defs/Axis"}


def _grid_forms() -> dict[str, Any]:
    def form(properties: dict[str, Any], required: list[str], *examples: object) -> dict[str, Any]:
        shape = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return {**shape, "examples": list(examples)} if examples else shape

    def bounds(length: int, words: str) -> dict[str, Any]:
        return {"type": "array", "items": _BOUND, "minItems": length, "maxItems": length, "description": words}

    samples = {"type": "array", "items": _BOUND, "minItems": 2, "description": "Values seen, each as likely"}
    spaced = {
        "min": _BOUND,
        "max": _BOUND,
        "num": {"type": "integer", "minimum": 1, "maximum": MOST_LABELS},
        "scale": {"enum": ["linear", "log"], "default": "linear"},
    }
    return {
        "Box": form({"min": _BOUND, "max": _BOUND}, ["min", "max"], {"min": "1 TB/s", "max": "8 TB/s"}),
        "Bound": {"type": ["number", "string"], "description": "A number, or text with a unit such as 25 GB/s"},
        "Uncertain": {
            "anyOf": [
                {
                    **_NUMBER,
                    "description": "One value, or with its standard deviation: 0.42 ± 0.03, 25 GB/s ± 10 %",
                    "examples": ["25 GB/s", "25 GB/s ± 10 %"],
                },
                form({"normal": bounds(2, "Mean, standard deviation")}, ["normal"], {"normal": [0.42, 0.03]}),
                form({"uniform": bounds(2, "Low, high")}, ["uniform"], {"uniform": [0.3, 0.5]}),
                form(
                    {"lognormal": bounds(2, "Median, factor: 68 % within median / and times factor")},
                    ["lognormal"],
                    {"lognormal": [0.4, 1.2]},
                ),
                form({"samples": samples}, ["samples"], {"samples": [0.39, 0.41, 0.45]}),
            ]
        },
        "Axis": {
            "anyOf": [
                {
                    "type": "array",
                    "items": {"type": ["number", "string", "boolean"]},
                    "minItems": 1,
                    "description": "Every label",
                    "examples": [[1, 2, 4, 8]],
                },
                form(spaced, ["min", "max", "num"], {"min": "25 GB/s", "max": "400 GB/s", "num": 16, "scale": "log"}),
                form(
                    {"pow2": bounds(2, "Every power of two from lo to hi, both included")}, ["pow2"], {"pow2": [1, 16]}
                ),
                form(
                    {"range": bounds(3, "lo, hi, step; hi is included where the steps meet it")},
                    ["range"],
                    {"range": [4, 40, 1]},
                ),
                {"$ref": "#/$defs/Zip"},
            ]
        },
        "Zip": form(
            {
                "zip": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"$ref": "#/$defs/Axis"},
                    "description": "Inputs that vary together along one dimension; their lists are equally long",
                }
            },
            ["zip"],
            {"zip": {"hardware": ["a100-sxm-80gb", "h100-sxm-80gb"], "gpu_hour_price": ["1.5 $/h", "2.5 $/h"]}},
        ),
    }

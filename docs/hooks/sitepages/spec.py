"""The reference of specs, from the JSON schema: every key with its form, default and an example."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from rooflax.specs.schema import schema

from .texts import Part, plain

PAGE = "reference/spec.md"
_FORMS = {
    "Axis": "A form of an axis",
    "Zip": "Inputs that vary together",
    "Uncertain": "One value, or a distribution",
    "Box": "A range to optimize over",
    "Bound": "A bound",
}
_PLAIN = {"string": "text", "object": "a mapping", "boolean": "true or false"}


def spec_reference() -> Part:
    """One page with every key and every form."""
    table = schema()
    lines = [
        "# Spec reference",
        "A spec is a YAML file. `rooflax schema` prints its JSON schema for editors; this page is made from it. "
        "Numbers may carry units, such as `25 GB/s`. What may be given is on [Inputs](inputs/index.md), what may be "
        "asked on [Quantities](quantities/index.md).",
        *_keys(table, table, "", 2),
        "## Forms of values",
    ]
    for name, title in _FORMS.items():
        lines += _form(name, title, table)
    return Part(PAGE, {PAGE: "\n\n".join(lines) + "\n"})


def _keys(part: Mapping[str, Any], table: Mapping[str, Any], prefix: str, level: int) -> list[str]:
    """The keys of one part, each followed by those inside it."""
    lines = []
    for key, value in part["properties"].items():
        path = f"{prefix}{key}"
        inside = _reference(value)
        below = table["$defs"][inside] if inside in table["$defs"] and inside not in _FORMS else None
        lines += [f"{'#' * level} `{path}` {{#{path}}}", plain(value.get("description", "")), _facts(key, value, part)]
        lines += _examples(path, value)
        if below is not None:
            lines += _keys(below, table, f"{path}.", min(level + 1, 4))
    return lines


def _reference(value: Mapping[str, Any]) -> str:
    """The part that a key holds, "" where it holds something plain."""
    found = [one["$ref"] for one in (value, *value.get("anyOf", ())) if "$ref" in one]
    return found[0].rpartition("/")[2] if found else ""


def _facts(key: str, value: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    facts = [f"**Form**: {_kind(value)}"]
    if key in part.get("required", ()):
        facts.append("**Required**")
    elif (given := value.get("default")) not in (None, [], {}, ()) and not isinstance(given, Mapping):
        facts.append(f"**Default**: `{given}`")
    else:
        facts.append("**Default**: none")
    return "\n".join(f"- {fact}" for fact in facts)


def _kind(value: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "properties" in value:
        return f"a mapping of the names of inputs, each to {_linked(_reference(value['additionalProperties']))}"
    if name := _reference(value):
        return _linked(name) if name in _FORMS else "a mapping of the keys below"
    if "anyOf" in value:
        return " or ".join(_kind(one) for one in value["anyOf"] if one.get("type") != "null")
    if "enum" in value:
        return "one of " + ", ".join(f"`{one}`" for one in value["enum"])
    return (
        _counted(value)
        if value.get("type") in ("array", "integer")
        else _PLAIN.get(str(value.get("type")), "a number, or text")
    )


def _linked(form: str) -> str:
    return f"[{_FORMS[form].lower()}](#{form.lower()})"


def _counted(value: Mapping[str, Any]) -> str:
    """A list and how long it is, or a whole number and its bounds."""
    if value["type"] == "integer":
        low, high = value.get("minimum"), value.get("maximum")
        return f"a whole number, at least {low:,}" + (f", at most {high:,}" if high is not None else "")
    least, most = value.get("minItems"), value.get("maxItems")
    how = f" of {least} to {most}" if most and most != least else f" of {most}" if most else ""
    return f"a list{how}" + (" of texts" if value.get("items", {}).get("type") == "string" else "")


def _examples(path: str, value: Mapping[str, Any]) -> list[str]:
    return [_block(path.split("."), example) for example in value.get("examples", ())]


def _block(keys: Sequence[str], value: object) -> str:
    """A value under its keys as a block of YAML; what a mapping holds is on a line for each of its keys."""
    lines = ["  " * depth + f"{key}:" for depth, key in enumerate(keys)]
    if isinstance(value, Mapping):
        lines += ["  " * len(keys) + f"{key}: {_flow(one)}" for key, one in value.items()]
    else:
        lines = [*lines[:-1], f"{lines[-1]} {_flow(value)}"] if lines else [_flow(value)]
    return "\n".join(["```yaml", *lines, "```"])


def _flow(value: object) -> str:
    """A value as YAML on one line."""
    yaml, text = YAML(), io.StringIO()
    yaml.default_flow_style, yaml.width = True, 1000
    yaml.dump(value, text)
    return text.getvalue().removesuffix("...\n").rstrip()


def _form(name: str, title: str, table: Mapping[str, Any]) -> list[str]:
    form = table["$defs"][name]
    lines = [f"### {title} {{#{name.lower()}}}"]
    lines += [plain(form["description"])] if "description" in form else []
    for one in form.get("anyOf", [form]):
        if "$ref" in one:
            continue
        told = [one["description"]] if "description" in one and one is not form else []
        told += [
            f"`{key}`: {_kind_of_key(value)}" + ("" if key in one["required"] else ", optional")
            for key, value in one.get("properties", {}).items()
        ]
        lines += [". ".join(told).replace("; ", ", ") + "."] if told else []
        lines += [_block((), example) for example in one.get("examples", ())]
    return lines


def _kind_of_key(value: Mapping[str, Any]) -> str:
    return value.get("description", "").strip() or _kind(value)

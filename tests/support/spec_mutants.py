"""Specs that nobody would write: shipped examples with mistakes in them, and random sentences of the grammar.

Everything is drawn from one `random.Random`, so that hypothesis can shrink it and a campaign can repeat it by its seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

# fmt: off
SECTIONS = [
    "title", "description", "axes", "fixed", "outputs", "where", "best", "pareto", "optimize", "gradients",
    "store", "catalog", "zip", "over", "of", "wrt", "minimize", "maximize", "objectives", "top", "derivative",
    "elasticity", "path", "dtype", "min", "max", "num", "scale", "pow2", "range", "normal", "uniform", "lognormal",
    "samples",
]
SCALARS = [
    "0", "1", "-1", "2", "8", "0.5", "1e9", "1e308", "1e400", "-1e400", "1e-400", ".inf", "-.inf", ".nan", "0x10",
    "0o17", "0b1", "1_000", "1e", "0x1" + "f" * 290, "9" * 300, "9" * 5000, "1e99999999999", "null", "~", "true",
    "False", "on", "yes", "25 GB/s", "400 Gb/s", "80 GiB", "1 EiB^9*EiB^9*EiB^9", "15 T", "2.5 $/h", "1 kg/kW*h",
    "0.42 ± 0.03", "25 GB/s ± 10 %", "1 ±", "− 5", "tp < 8", "memory_per_gpu < 70 GiB",
    "0.3 <= predicted_mfu <= 0.6", "fits_memory", "step_time:min", "predicted_mfu:max", "tp = 8", "8 > tp > 1 > 0",
    "((((", "llama-2-7b", "h100-sxm-80gb", "../../etc/passwd.yaml", "/dev/zero", "/dev/stdin.yaml", "config.json",
    "a" * 5000 + ".yaml", "*a", "&a 1", "!!python/object/apply:os.system [ls]", "!!binary aGk=", "<<", "'",
    '"\\e[31m"', '"\\0"', '"\\ud800"', '"\\UFFFFFFFF"', "2024-05-01", "12:30:45", 'größer\u202e', "日本", "x" * 300,
    "{}", "[]", "? ", "- ", "%TAG", "@at", "`tick",
]
BYTES = [
    b'\x00', b'\xff', b'\xef\xbb\xbf', b'\xfe\xff', b'\xc2\x85', b'\xe2\x80\xa8', b'\x1b', b'\t', b'\r', b'\r\n',
    b'\n', b'\n\n', b'---', b'...', b'#', b':', b',', b'[', b']', b'{', b'}', b'?', b'-', b'|', b'>', b'&', b'*',
    b'!', b'%', b'@', b'`', b"'", b'"', b'\\', b'[[[[[[[[[[[[[[[[[[[[[[[[', b'{a:{a:{a:{a:{a:', b'&a', b'*a',
    b'<<:', b'!!int', b'|2', b'>-',
]
# fmt: on


@dataclass(frozen=True)
class Material:
    """What mutants are made of: the texts of whole specs, and names that they may use."""

    texts: Sequence[str]
    names: Sequence[str]
    outputs: Sequence[str]


class Raw(str):
    """A scalar that stands in the document as it is, unquoted."""

    __slots__ = ()


def mutant(draw: Random, material: Material) -> bytes:
    """One spec as the bytes of a file."""
    kind = draw.random()
    if kind < 0.35:
        return of_bytes(draw, draw.choice(material.texts).encode())
    if kind < 0.75:
        return of_nodes(draw, material).encode("utf-8", "surrogatepass")
    return written(_sentence(draw, material)).encode("utf-8", "surrogatepass")


def of_bytes(draw: Random, text: bytes) -> bytes:
    """The text with some bytes put in, taken out, exchanged, copied or moved."""
    found = bytearray(text)
    for _ in range(draw.choice((1, 1, 2, 3, 8, 30))):
        start = draw.randrange(len(found) + 1)
        stop = min(len(found), start + draw.choice((0, 1, 1, 2, 10, 200)))
        change = draw.randrange(4)
        if change == 0:
            found[start:stop] = draw.choice(BYTES)
        elif change == 1:
            del found[start:stop]
        elif change == 2:
            found[start:start] = found[start:stop] * draw.choice((1, 2, 50))
        else:
            found[start:stop] = bytes([draw.randrange(256)])
    return bytes(found[: 2**22])


def of_nodes(draw: Random, material: Material) -> str:
    """An example in which some keys and values are exchanged for others."""
    from rooflax.specs.documents import parse_document

    data = parse_document(draw.choice(material.texts), "example").data
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        places = list(_places(data))
        if not places:
            break
        holder, key = draw.choice(places)
        _change(draw, holder, key, material)
    return written(data)


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    keys = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in list(keys):
        yield data, key
        yield from _places(data[key])


def _change(draw: Random, holder: Any, key: Any, material: Material) -> None:
    change = draw.randrange(6)
    if change == 0:
        holder[key] = value(draw, material)
    elif change == 1:
        del holder[key]
    elif change == 2 and isinstance(holder, dict):
        holder[_name(draw, material)] = holder.pop(key)
    elif change == 2:
        holder[key : key + 1] = [holder[key]] * draw.choice((2, 3, 200))
    elif change == 3:
        holder[key] = {_name(draw, material): holder[key]}
    elif change == 4:
        holder[key] = [holder[key]] if draw.random() < 0.9 else _deep(draw.choice((5, 30, 100)))
    elif isinstance(holder, dict):
        holder[_name(draw, material)] = value(draw, material)
    else:
        holder.insert(key, value(draw, material))


def value(draw: Random, material: Material, depth: int = 2) -> Any:
    """A scalar, a list, a grid form, a distribution, or any mapping."""
    kind = draw.randrange(8 if depth else 4)
    if kind < 3:
        return Raw(draw.choice(SCALARS))
    if kind == 3:
        return Raw(_name(draw, material))
    if kind == 4:
        return [value(draw, material, depth - 1) for _ in range(draw.choice((0, 1, 2, 3, 20)))]
    if kind < 7:
        return form(draw)
    return {_name(draw, material): value(draw, material, depth - 1) for _ in range(draw.randrange(4))}


def form(draw: Random) -> dict[str, Any]:
    """A grid form or a distribution, mostly whole."""
    number: Callable[[], Raw] = lambda: Raw(  # noqa: E731 (short, and used here alone)
        draw.choice(SCALARS)
        if draw.random() < 0.3
        else draw.choice(("1", "2", "4", "64", "0.5", "1e6", "1e12", "1 GB/s"))
    )
    kind = draw.randrange(5)
    if kind == 0:
        found: dict[str, Any] = {"pow2": [number(), number()]}
    elif kind == 1:
        found = {"range": [number(), number(), number()]}
    elif kind == 2:
        found = {"min": number(), "max": number(), "num": number(), "scale": Raw(draw.choice(("log", "linear", "x")))}
    elif kind == 3:
        found = {draw.choice(("normal", "uniform", "lognormal")): [number(), number()]}
    else:
        found = {"samples": [number() for _ in range(draw.choice((0, 1, 3, 100)))]}
    if draw.random() < 0.2:
        found[draw.choice(SECTIONS)] = number()
    return found


def _name(draw: Random, material: Material) -> str:
    names = draw.choice((material.names, material.outputs, SECTIONS, SCALARS))
    return draw.choice(names)


def _deep(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


def _sentence(draw: Random, material: Material) -> dict[str, Any]:
    """A spec by the grammar: sections as they should be, now and then filled with what should not be there."""
    axes = {draw.choice(material.names): form(draw) for _ in range(draw.choice((0, 1, 2, 4, 40)))}
    if draw.random() < 0.3:
        axes["layout"] = {"zip": {draw.choice(material.names): form(draw) for _ in range(draw.choice((1, 2, 10)))}}
    names = [Raw(draw.choice(material.outputs)) for _ in range(draw.choice((1, 2, 5)))]
    over = [Raw(name) for name in list(axes)[: draw.choice((1, 2, 9))]]
    spec: dict[str, Any] = {
        "title": "t",
        "axes": axes,
        "fixed": {
            "model": "llama-2-7b",
            "hardware": "h100-sxm-80gb",
            **{draw.choice(material.names): value(draw, material, 1) for _ in range(draw.choice((0, 3, 12)))},
        },
        "outputs": names,
        "where": [Raw(condition(draw, material)) for _ in range(draw.choice((0, 1, 3)))],
        "best": {"minimize": names[0], "over": over, "top": Raw(draw.choice(("1", "3", "0", "1e9", "-1")))},
        "pareto": {"objectives": [f"{name}:min" for name in names], "over": over},
        "gradients": {"elasticity": {"of": names, "wrt": [Raw(draw.choice(material.names)) for _ in range(2)]}},
        "store": {"path": "x.zarr", "dtype": "float32"},
    }
    return {key: spec[key] for key in spec if key in ("title", "axes", "fixed", "outputs") or draw.random() < 0.3}


def condition(draw: Random, material: Material) -> str:
    """Text that looks like a condition, an equation or a goal."""
    pieces = [
        "<",
        "<=",
        ">",
        ">=",
        "==",
        "!=",
        "=",
        "≤",
        "=>",
        "<>",
        "and",
        "or",
        "not",
        "&&",
        ":",
        "'",
        '"',
        "(",
        ")",
        " ",
    ]
    words = [
        draw.choice((draw.choice(material.outputs), draw.choice(SCALARS), draw.choice(pieces)))
        for _ in range(draw.choice((1, 3, 3, 5, 40)))
    ]
    return draw.choice((" ", "")).join(words)


def text(draw: Random, alphabet: Sequence[str]) -> str:
    """A text of pieces of an alphabet, now and then a very long one."""
    length = draw.choice((1, 2, 3, 5, 8, 40, 3000))
    return "".join(draw.choice(alphabet) for _ in range(length))


def written(data: Any) -> str:
    """Plain data as YAML in flow style, raw scalars as they are."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{_key(key)}: {written(part)}" for key, part in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(written, data)) + "]"
    return data if isinstance(data, Raw) else json.dumps(data, ensure_ascii=False)


def _key(key: str) -> str:
    return key if key.isidentifier() or key in SCALARS else json.dumps(key, ensure_ascii=False)

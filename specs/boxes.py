"""Boxes: the ranges of the inputs that an optimum is looked for in, `{min: 25 GB/s, max: 800 GB/s}`."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from .axes import Box
from .conditions import Comparison, Condition
from .documents import KeyPath
from .domains import Domain, shown
from .grids import Report
from .known import Known
from .vocabulary import CATALOGS, Kind, nearest

_FORM = "{min: LOW, max: HIGH}"
_KEYS = ("min", "max")


def refusal(name: str, domain: Domain) -> str | None:
    """Why an input cannot be free, in a sentence; None where it can."""
    advice = f"list those to try under `axes`, such as {name}: [{{}}], and an optimum is found for each"
    if name in CATALOGS:
        return f"`{name}` names records; {advice.format('NAME, NAME')}"
    if domain.options:
        return f"`{name}` is one of {', '.join(domain.options)}; {advice.format(', '.join(domain.options[:2]))}"
    if domain.flag:
        return f"`{name}` is true or false; {advice.format('true, false')}"
    if domain.leaf is not None and domain.leaf.kind is Kind.COUNT:
        return f"`{name}` is a whole number; {advice.format('1, 2, 4')}"
    return None


def read_box(form: object, domain: Domain, report: Report, path: KeyPath) -> Box | None:
    """The box that `form` describes, or None after `report`."""
    if not isinstance(form, Mapping):
        report(path, f"a range is {_FORM}, found {shown(form)}")
        return None
    for key in form:
        if key not in _KEYS:
            found = nearest(str(key), _KEYS)
            report((*path, key), f"unknown key; did you mean `{found}`?" if found else f"a range is {_FORM}", True)
            return None
    for key in _KEYS:
        if key not in form:
            report(path, f"`{key}` is missing; a range is {_FORM}")
            return None
    bounds: list[float] = []
    for key in _KEYS:
        try:
            bounds.append(domain.read(form[key]))
        except ValueError as error:
            report((*path, key), str(error))
    if len(bounds) < len(_KEYS):
        return None
    low, high = bounds
    if low == high:
        report(path, f"min equals max ({shown(low)}), which leaves nothing free; give the one value under `fixed`")
    elif low > high:
        report(path, f"no value lies in it: min ({shown(low)}) is above max ({shown(high)})")
    else:
        box = Box(domain.name, low, high, domain.unit, domain.label)
        if _searchable(box):
            return box
        report(path, f"too wide or too far out to search: from {shown(low)} to {shown(high)}; give a narrower range")
    return None


def _searchable(box: Box) -> bool:
    """Whether the length of a range, its ratio and its centre are numbers that a float holds."""
    if not box.log:
        return math.isfinite(box.high - box.low) and math.isfinite(box.centre)
    return math.isfinite(box.high / box.low) and 0 < box.centre < math.inf


def faults(
    objective: str, boxes: Collection[str], conditions: Sequence[Condition], known: Known, given: Collection[str]
) -> Iterator[tuple[KeyPath, str]]:
    """What keeps an optimum of `objective` over the inputs `boxes` from being one: place and sentence.

    Places are ("objective",), ("over", name) and ("where", position).
    """
    free, names = set(boxes), ", ".join(boxes)
    if objective in free:
        yield ("objective",), f"`{objective}` is itself left free under `over`; its best value is an end of its range"
        return
    if not free.intersection(known.reads([objective], given)):
        yield ("objective",), f"`{objective}` does not depend on what is left free: {names}"
    read = set(known.reads([objective, *(condition.name for condition in conditions)], given))
    for name in boxes:
        if name not in read:
            yield ("over", name), f"neither `{objective}` nor a condition depends on it; leave it out"
    for position, condition in enumerate(conditions):
        if isinstance(condition, Comparison) and condition.operator in ("==", "!="):
            moves = free.intersection([condition.name, *known.reads([condition.name], given)])
            if moves:
                yield (
                    ("where", position),
                    (
                        f"`{condition.text}` cannot be kept while {', '.join(sorted(moves))} is left free; "
                        "an optimum takes conditions with <, <=, > or >="
                    ),
                )

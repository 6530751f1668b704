"""Conditions of a spec's `where`: a constraint by name, or a comparison such as `memory_per_gpu < 70 GiB`.

    condition  = constraint | name OPERATOR value | value OPERATOR name OPERATOR value
    OPERATOR   = "<" | "<=" | ">" | ">=" | "==" | "!="
    value      = number with an optional unit | option | "option"

One entry holds one condition and all entries must hold, so there is no `and`, `or` or arithmetic.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from . import units as quantities
from .known import Known
from .limits import LONGEST_NAME
from .vocabulary import Kind, nearest

FLAG_OPTIONS = ("false", "true")

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_SIGNS = {"≤": "<=", "≥": ">=", "≠": "!="}
_MISWRITTEN = {"=": "==", "=<": "<=", "=>": ">=", "<>": "!=", "===": "==", "!==": "!="}
_TESTS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

_PIECE = re.compile(r"""("[^"]*"|'[^']*')|([<>=!]+|[≤≥≠])|([^<>=!≤≥≠"']+|["'])""")
_NAME = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_WORD = re.compile(r"(?<!\S)(and|or|not)(?!\S)|(&&?|\|\|?)")


class ConditionError(ValueError):
    """Text that is no condition; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class ConstraintName:
    """A registered constraint that must hold."""

    name: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A quantity or input against a value in its unit; for a choice the value is the option's position.

    `text` is the comparison as it may be shown, with the value as the user wrote it.
    """

    name: str
    operator: str
    value: float
    text: str

    def holds(self, value: float) -> bool:
        """Whether `value`, in the same unit, satisfies the comparison."""
        return bool(_TESTS[self.operator](value, self.value))

    def holds_at(self, values: np.ndarray) -> np.ndarray:
        """Where an array of values, in the same unit, satisfies the comparison: bool; NaN satisfies none."""
        return _TESTS[self.operator](values, self.value) & ~np.isnan(values)


Condition = ConstraintName | Comparison


@dataclass(frozen=True, slots=True)
class _Names:
    """What may be named: quantities and inputs with their units, and choices with their options."""

    units: Mapping[str, str]
    options: Mapping[str, tuple[str, ...]]
    constraints: Collection[str]

    def __contains__(self, name: str) -> bool:
        return name in self.units or name in self.options


def parse_condition(
    text: str,
    units: Mapping[str, str],
    constraints: Collection[str],
    options: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[Condition, ...]:
    """The conditions of one `where` entry: one, or two comparisons for a chain `0.3 <= predicted_mfu <= 0.6`.

    `units` gives the unit of each quantity and input that may be compared, `options` those of the choices; a flag is
    a choice between `FLAG_OPTIONS`, and 0 and 1 are read too. Raises ConditionError.
    """
    names = _Names(units, options or {}, constraints)
    operands, operators = _pieces(text)
    if not operators:
        return (_constraint(operands[0], names),)
    if len(operators) == 1:
        left, right = operands
        if _stands_right(left, right, names):
            return (_comparison(right, _MIRRORED[operators[0]], left, names),)
        return (_comparison(left, operators[0], right, names),)
    if len(operators) > 2 or {sign[0] for sign in operators} not in ({"<"}, {">"}):
        raise ConditionError(f"`{text.strip()}` cannot be read; a chain is `LOW <= name <= HIGH`, in one direction")
    left, name, right = operands
    first, second = (
        _comparison(name, _MIRRORED[operators[0]], left, names),
        _comparison(name, operators[1], right, names),
    )
    lower, upper = (first, second) if operators[0][0] == "<" else (second, first)
    if lower.value > upper.value:
        raise ConditionError(f"`{text.strip()}` holds for no value: its lower bound lies above its upper bound")
    return first, second


def read_condition(text: str, known: Known) -> tuple[Condition, ...]:
    """The conditions of one `where` entry over everything that may be named in a spec. Raises ConditionError."""
    options, units = dict(known.options), dict(known.units)
    for leaf in known.vocabulary.values():
        if leaf.kind in (Kind.FLAG, Kind.CHOICE):
            options[leaf.name] = leaf.options or FLAG_OPTIONS
        else:
            units[leaf.name] = leaf.unit
    return parse_condition(text, units, known.constraints, options)


def parse_equation(
    text: str, units: Mapping[str, str], options: Mapping[str, tuple[str, ...]] | None = None
) -> Comparison:
    """A target such as `predicted_mfu = 0.45`, as an equality. Raises ConditionError.

    `units` gives the unit of each quantity, `options` those of the categories, which no equation takes.
    """
    operands, operators = _pieces(text, also=("=",))
    if len(operators) != 1 or operators[0] not in ("=", "=="):
        raise ConditionError(f"`{text.strip()}` is not an equation; write `name = value`")
    if operands[0] in (options or {}):
        raise ConditionError(f"`{operands[0]}` is one of several options; an equation takes a number")
    return _comparison(operands[0], "==", operands[1], _Names(units, {}, ()))


def _pieces(text: str, also: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """Operands and the operators between them, one operand more than operators."""
    if not isinstance(text, str) or not text.strip():
        raise ConditionError(f"{text!r} is not a condition; write a constraint or a comparison, such as `tp <= 8`")
    if len(text) > LONGEST_NAME:
        raise ConditionError(f"`{text[:30]}…` is too long for a condition ({len(text)} characters)")
    operands, operators = [""], list[str]()
    for quoted, sign, plain in _PIECE.findall(text):
        if sign:
            operators.append(_operator(sign, also))
            operands.append("")
        else:
            operands[-1] += quoted or _plain(plain)
    operands = [operand.strip() for operand in operands]
    if not all(operands):
        raise ConditionError(f"`{text.strip()}` lacks a name or a value beside an operator")
    return operands, operators


def _operator(sign: str, also: tuple[str, ...]) -> str:
    found = _SIGNS.get(sign, sign)
    if found not in _MIRRORED and found not in also:
        hint = f"write `{_MISWRITTEN[found]}`" if found in _MISWRITTEN else f"use one of {' '.join(_MIRRORED)}"
        raise ConditionError(f"`{sign}` is not a comparison; {hint}")
    return found


def _plain(text: str) -> str:
    if found := _WORD.search(text):
        raise ConditionError(f"`{found.group()}` is not read; each entry is one condition, and all entries must hold")
    return text


def _constraint(text: str, names: _Names) -> ConstraintName:
    if text in names.constraints:
        return ConstraintName(text)
    if text in names.options:
        raise ConditionError(f"`{text}` alone says nothing; compare it, as in `{text} == {names.options[text][0]}`")
    if text in names.units:
        expected = quantities.expectation(names.units[text])
        raise ConditionError(f"`{text}` alone says nothing; compare it, `{text} < …`: {expected}")
    if not _NAME.fullmatch(text):
        raise ConditionError(f"`{text}` is neither a constraint nor a comparison, such as `tp <= 8`")
    raise _unknown(text, "constraint", [*names.constraints, *names.units, *names.options])


def _stands_right(left: str, right: str, names: _Names) -> bool:
    """Whether the name is the right operand, as in `70 GiB > memory_per_gpu`."""
    if left in names or left in names.constraints:
        return False
    return right in names or (_NAME.fullmatch(right) is not None and not _NAME.fullmatch(left))


def _comparison(name: str, sign: str, value: str, names: _Names) -> Comparison:
    if name in names.constraints:
        raise ConditionError(f"`{name}` is a constraint; it stands alone and must hold")
    if name not in names:
        if not _NAME.fullmatch(name):
            raise ConditionError(f"`{name}` is not a name; a comparison is `name {sign} value`")
        raise _unknown(name, "name", [*names.units, *names.options])
    if name in names.options:
        number = _position(name, sign, value, names.options[name])
    elif value in names:
        raise ConditionError(f"`{name}` is compared with `{value}`; only a value can stand there, not another name")
    else:
        try:
            number = quantities.parse_quantity(value, names.units[name])
        except quantities.UnitError as error:
            raise ConditionError(f"`{name}`: {error}") from None
    return Comparison(name, sign, number, f"{name} {sign} {value}")


def _position(name: str, sign: str, value: str, options: tuple[str, ...]) -> float:
    """The position of an option; an order is asked for only where the options are ascending numbers."""
    option = value[1:-1] if value[0] in "\"'" and value[-1] == value[0] and len(value) > 1 else value
    if options == FLAG_OPTIONS and option in ("0", "1"):
        return float(option)
    if option not in options:
        guess = nearest(option, options)
        hint = f"; did you mean `{guess}`?" if guess else ""
        raise ConditionError(f"`{option}` is not an option of `{name}`, one of {', '.join(options)}{hint}")
    if sign not in ("==", "!=") and not _ascending(options):
        raise ConditionError(f"the options of `{name}` have no order; compare with == or !=")
    return float(options.index(option))


def _ascending(options: tuple[str, ...]) -> bool:
    return all(option.isdecimal() for option in options) and all(int(a) < int(b) for a, b in pairwise(options))


def _unknown(name: str, what: str, known: Collection[str]) -> ConditionError:
    guess = nearest(name, known)
    return ConditionError(f"unknown {what} `{name}`" + (f"; did you mean `{guess}`?" if guess else ""))

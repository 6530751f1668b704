"""Grid forms: the ways to write the labels of an axis.

A list; `{min, max, num, scale: linear|log}`; `{pow2: [lo, hi]}`, every power of two from lo to hi, both included;
`{range: [lo, hi, step]}`, from lo in steps, with hi where the steps meet it. Bounds and steps may carry units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from .distribution_forms import is_distribution
from .documents import KeyPath
from .domains import Domain, shown
from .limits import MOST_LABELS
from .scalars import as_float
from .vocabulary import nearest

_MOST_REPORTED = 10
_SPACED = ("min", "max", "num", "scale")
_FORMS = "[1, 2, 4], {min: 1, max: 8, num: 4, scale: linear}, {pow2: [1, 16]} or {range: [1, 9, 2]}"

Report = Callable[..., None]


class GridError(ValueError):
    """A grid form that gives no labels; `path` leads to the part that is wrong."""

    def __init__(self, path: KeyPath, message: str) -> None:
        super().__init__(message)
        self.path = path


def grid_numbers(
    form: object, domain: Domain, report: Report, path: KeyPath, *, unique: bool = True
) -> np.ndarray | None:
    """The numbers along an axis (float64, in the domain's unit, in the order written), or None after `report`.

    At most 10^6 labels, none twice where `unique`.
    """
    try:
        if isinstance(form, Mapping):
            numbers = _form(form, domain)
        elif isinstance(form, np.ndarray) and form.dtype.kind in "biuf" and not domain.options:
            numbers = _array(form, domain)
        elif isinstance(form, list | tuple | np.ndarray):
            numbers = _listed(list(form), domain, report, path)
        else:
            raise GridError((), f"an axis takes a list or a grid form, such as {_FORMS}; one value belongs in `fixed`")
        if numbers is not None and unique:
            _refuse_repeats(numbers, form, domain)
    except GridError as error:
        report((*path, *error.path), str(error))
        return None
    return numbers


def check_length(length: int, most: int = MOST_LABELS, what: str = "labels; an axis") -> None:
    """Raises GridError for an axis of no labels, or of more than any sweep can hold."""
    if length == 0:
        raise GridError((), "an axis needs at least one label")
    if length > most:
        raise GridError((), f"{length:,} {what} has at most {most:,}")


def _array(form: np.ndarray, domain: Domain) -> np.ndarray:
    check_length(len(form))
    try:
        return domain.read_numbers(form)
    except ValueError as error:
        raise GridError((), str(error)) from None


def _listed(form: list[object], domain: Domain, report: Report, path: KeyPath) -> np.ndarray | None:
    check_length(len(form))
    numbers = np.empty(len(form))
    wrong = 0
    for position, value in enumerate(form):
        try:
            if is_distribution(value):
                raise ValueError("a label is one exact value; a distribution belongs in `fixed`")
            numbers[position] = domain.read(value)
        except ValueError as error:
            wrong += 1
            report((*path, position), str(error))
        if wrong == _MOST_REPORTED:
            report(path, f"the labels behind the {_MOST_REPORTED}th wrong one were not checked")
            break
    return None if wrong else numbers


def _refuse_repeats(numbers: np.ndarray, form: object, domain: Domain) -> None:
    _, first = np.unique(numbers, return_index=True)
    if len(first) == len(numbers):
        return
    again = np.setdiff1d(np.arange(len(numbers)), first)[0]
    path = () if isinstance(form, Mapping) else (int(again),)
    label = domain.labels(numbers[again : again + 1])[0]
    raise GridError(path, f"the label {shown(label.item())} is on this axis twice")


def _form(form: Mapping[str, object], domain: Domain) -> np.ndarray:
    if domain.options or domain.flag:
        raise GridError((), f"`{domain.name}` takes a list, since its values are not numbers")
    if "pow2" in form:
        return _powers(form, domain)
    if "range" in form:
        return _stepped(form, domain)
    if {"min", "max", "num"} & form.keys():
        return _spaced(form, domain)
    raise GridError((), f"not a grid form; an axis is one of {_FORMS}")


def _powers(form: Mapping[str, object], domain: Domain) -> np.ndarray:
    low, high = _bounds(form, "pow2", ("lo", "hi"), domain)
    exponents: list[int] = []
    for position, bound in enumerate((low, high)):
        mantissa, exponent = math.frexp(bound)
        if mantissa != 0.5:
            raise GridError(("pow2", position), f"{bound:g} is not a power of two")
        exponents.append(exponent - 1)
    if low > high:
        raise GridError(("pow2",), f"lo ({low:g}) is above hi ({high:g})")
    return _checked(np.ldexp(1.0, np.arange(exponents[0], exponents[1] + 1)), domain)


def _stepped(form: Mapping[str, object], domain: Domain) -> np.ndarray:
    low, high, step = _bounds(form, "range", ("lo", "hi", "step"), domain)
    if step <= 0:
        raise GridError(("range", 2), f"a step is above 0, found {step:g}")
    if low > high:
        raise GridError(("range",), f"lo ({low:g}) is above hi ({high:g})")
    steps = (high - low) / step
    if steps >= MOST_LABELS:
        raise GridError(("range",), f"{_counted(steps + 1)} labels; an axis has at most {MOST_LABELS:,}")
    # The count forgives what rounding does to a step such as 0.1, which no float holds exactly.
    numbers = _readable(low + step * np.arange(math.floor(steps + 1e-9) + 1))
    if abs(numbers[-1] - high) <= 1e-9 * step:
        numbers[-1] = high
    return _checked(numbers, domain)


def _spaced(form: Mapping[str, object], domain: Domain) -> np.ndarray:
    _known_keys(form, _SPACED)
    for key in ("min", "max", "num"):
        if key not in form:
            raise GridError((), f"`{key}` is missing; the form is {{min, max, num, scale: linear|log}}")
    low, high = (_bound(form[key], (key,), domain) for key in ("min", "max"))
    num, scale = _whole(form["num"]), form.get("scale", "linear")
    if num != num // 1 or num < 1:
        raise GridError(("num",), f"{shown(form['num'])} is not a whole number at least 1")
    if num > MOST_LABELS:
        raise GridError(("num",), f"{_counted(num)} labels; an axis has at most {MOST_LABELS:,}")
    if scale not in ("linear", "log"):
        raise GridError(("scale",), f"{shown(scale)} is not one of linear, log")
    if low > high:
        raise GridError(("min",), f"min ({low:g}) is above max ({high:g})")
    if (num == 1) != (low == high):
        raise GridError(("num",), "one label needs min equal to max, and min equal to max gives one label")
    if scale == "log" and low <= 0:
        raise GridError(("min",), f"a log scale begins above 0, found {low:g}")
    space = np.geomspace if scale == "log" else np.linspace
    with np.errstate(all="ignore"):  # bounds too far apart for a float are found by the check below
        numbers = _readable(space(low, high, int(num)))
    numbers[0], numbers[-1] = low, high
    return _checked(numbers, domain)


def _counted(number: float) -> str:
    return f"{number:,.0f}" if number < 1e15 else f"{number:.3g}"


def _whole(value: object) -> float:
    """A number; NaN for anything else."""
    return as_float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _readable(numbers: np.ndarray) -> np.ndarray:
    """The numbers to 14 digits where they are no whole ones: what reads as 0.3 is the float written 0.3."""
    if (numbers == np.floor(numbers)).all():
        return numbers
    return np.array([float(f"{number:.14g}") for number in numbers.tolist()])


def _checked(numbers: np.ndarray, domain: Domain) -> np.ndarray:
    check_length(len(numbers))
    try:
        return domain.read_numbers(numbers)
    except ValueError as error:
        raise GridError((), str(error)) from None


def _bounds(form: Mapping[str, object], key: str, names: tuple[str, ...], domain: Domain) -> list[float]:
    _known_keys(form, (key,))
    parts = form[key]
    if not isinstance(parts, list | tuple) or len(parts) != len(names):
        raise GridError((key,), f"{key} takes [{', '.join(names)}], found {shown(parts)}")
    return [_bound(part, (key, position), domain) for position, part in enumerate(parts)]


def _bound(value: object, path: KeyPath, domain: Domain) -> float:
    """A bound or step in the domain's unit; whether it is in the domain is asked of the labels, not of a step."""
    try:
        return Domain(domain.name, domain.unit, domain.label).read(value)
    except ValueError as error:
        raise GridError(path, str(error)) from None


def _known_keys(form: Mapping[str, object], keys: tuple[str, ...]) -> None:
    for key in form:
        if key not in keys:
            found = nearest(str(key), keys)
            meant = f"; did you mean `{found}`?" if found else f"; this form takes {', '.join(keys)}"
            raise GridError((key,), f"unknown key{meant}")

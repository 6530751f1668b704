"""How distributions are written: `0.42 ± 0.03`, `25 GB/s ± 10 %`, `{uniform: [0.3, 0.5]}` and their like.

    text  = number ["unit"] "±" number ["unit"]     also +- and +/-; a last unit holds for both numbers
    forms = {normal: [MEAN, DEVIATION]}, {uniform: [LOW, HIGH]}, {lognormal: [MEDIAN, FACTOR]}, {samples: [VALUE, …]}

A deviation in % is that share of the mean, except for plain numbers, where it could be either and is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from .distributions import Distribution, LogNormal, Normal, Samples, Uniform, is_finite
from .documents import KeyPath
from .domains import Domain, shown
from .limits import MOST_SAMPLES
from .units import NUMBER
from .vocabulary import Kind, nearest

FORMS = ("normal", "uniform", "lognormal", "samples")
MOST_OUTSIDE = 0.5
_GRID_FORMS = ("zip", "pow2", "range", "min", "max", "num", "scale")
_SIGN = re.compile(r"±|\+/-|\+-")
_WRITTEN = "0.42 ± 0.03, {uniform: [0.3, 0.5]}, {lognormal: [0.4, 1.1]} or {samples: [0.38, 0.42, 0.45]}"
_PARTS = {"normal": ("mean", "deviation"), "uniform": ("low", "high"), "lognormal": ("median", "factor")}


class DistributionError(ValueError):
    """What is written is no distribution that the input can have; `path` leads to the part that is wrong."""

    def __init__(self, message: str, path: KeyPath = ()) -> None:
        super().__init__(message)
        self.path = path


def is_distribution(value: object) -> bool:
    """Whether a value is written as a distribution, be it a right one or not."""
    if isinstance(value, str):
        return _SIGN.search(value.strip(), 1) is not None
    if isinstance(value, Mapping):
        keys = [str(key) for key in value]
        alike = len(keys) == 1 and keys[0] not in _GRID_FORMS and nearest(keys[0], FORMS) is not None
        return alike or any(key in FORMS for key in keys)
    return isinstance(value, get_args(Distribution))


def read_distribution(value: object, domain: Domain) -> Distribution:
    """The distribution that `value` is written as, for an input of that domain. Raises DistributionError."""
    _require_continuous(domain)
    if isinstance(value, get_args(Distribution)):
        return _again(value, domain)
    if isinstance(value, str):
        mean, deviation = _halves(value)
        return _normal(mean, deviation, domain)
    if not isinstance(value, Mapping) or len(value) != 1:
        raise DistributionError(f"a distribution is one of {_WRITTEN}, and nothing beside it")
    ((key, parts),) = value.items()
    if key not in FORMS:
        raise DistributionError(f"unknown distribution; did you mean `{nearest(str(key), FORMS)}`?", (str(key),))
    if isinstance(parts, np.ndarray):
        parts = parts.tolist()
    if key == "samples":
        return _samples(parts, domain)
    names = _PARTS[key]
    if not isinstance(parts, list | tuple) or len(parts) != 2:
        raise DistributionError(f"{key} takes [{', '.join(names)}], found {shown(parts)}", (key,))
    read = {"normal": _normal, "uniform": _uniform, "lognormal": _lognormal}[key]
    return read(parts[0], parts[1], domain, ((key, 0), (key, 1)))


def _require_continuous(domain: Domain) -> None:
    only = "only continuous inputs take a distribution"
    if domain.options:
        raise DistributionError(f"`{domain.name}` is one of {', '.join(domain.options)}; {only}")
    if domain.leaf is not None and domain.leaf.kind is not Kind.CONTINUOUS:
        raise DistributionError(f"`{domain.name}` is {domain.leaf.domain()}; {only}")


def _again(value: Any, domain: Domain) -> Distribution:
    """A distribution made in Python, checked as one that was written."""
    plain = value.plain()
    if "free_normal" in plain:
        return value
    return read_distribution(plain, domain)


def _halves(text: str) -> tuple[str, str]:
    """Mean and deviation of a text, each with its unit."""
    halves = [half.strip() for half in _SIGN.split(text)]
    if len(halves) != 2 or not all(halves):
        raise DistributionError(f"{shown(text)} cannot be read; write MEAN ± DEVIATION, such as 0.42 ± 0.03")
    mean, deviation = halves
    own, last = (_unit(half) for half in halves)
    if own and not last:
        raise DistributionError(f"{shown(text)}: write the unit behind the deviation too, or behind it alone")
    if last and not own and last != "%":
        mean = f"{mean} {last}"
    return mean, deviation


def _unit(text: str) -> str:
    found = NUMBER.match(text.replace("−", "-"))
    return text[found.end() :].strip() if found else ""


_ALONE: tuple[KeyPath, KeyPath] = ((), ())


def _normal(mean: object, deviation: object, domain: Domain, paths: Sequence[KeyPath] = _ALONE) -> Normal:
    centre = _inside(mean, domain, paths[0])
    if isinstance(deviation, str) and _unit(deviation) == "%":
        if domain.unit == "1":
            raise DistributionError(
                f"{shown(deviation)} of the mean, or of 1? write the deviation of a plain number without %", paths[1]
            )
        width = abs(centre) * _number(deviation, Domain(domain.name, "1", domain.label), paths[1])
    else:
        width = _number(deviation, domain, paths[1])
    if not width > 0:
        raise DistributionError(f"a deviation is above 0, found {shown(deviation)}", paths[1])
    found = Normal(centre, width, *_bounds(domain))
    _refuse_infinite(found, domain)
    _refuse_outside(found, domain)
    return found


def _uniform(low: object, high: object, domain: Domain, paths: Sequence[KeyPath] = _ALONE) -> Uniform:
    first, last = _number(low, domain, paths[0]), _number(high, domain, paths[1])
    if not first < last:
        raise DistributionError(f"low ({shown(low)}) is not below high ({shown(high)})", paths[0])
    lowest, highest = _bounds(domain)
    for number, path in ((first, paths[0]), (last, paths[1])):
        if not lowest <= number <= highest:  # a bound itself, even one that is excluded, is never drawn
            _check(number, domain, path)
    found = Uniform(first, last)
    _refuse_infinite(found, domain)
    return found


def _lognormal(median: object, factor: object, domain: Domain, paths: Sequence[KeyPath] = _ALONE) -> LogNormal:
    centre = _inside(median, domain, paths[0])
    times = _number(factor, Domain(domain.name, "1", domain.label), paths[1])
    if not centre > 0:
        raise DistributionError(f"the median of a lognormal is above 0, found {shown(median)}", paths[0])
    if not times > 1:
        message = (
            f"a factor is above 1, found {shown(factor)}: 68 % lies from the median / factor to the median · factor"
        )
        raise DistributionError(message, paths[1])
    low, high = _bounds(domain)
    found = LogNormal(centre, times, max(low, 0.0), high)
    _refuse_infinite(found, domain)
    _refuse_outside(found, domain)
    return found


def _samples(parts: object, domain: Domain) -> Samples:
    if not isinstance(parts, list | tuple):
        raise DistributionError(f"samples takes a list of values, found {shown(parts)}", ("samples",))
    if len(parts) > MOST_SAMPLES:
        raise DistributionError(f"{len(parts):,} samples; there may be {MOST_SAMPLES:,}", ("samples",))
    values = tuple(_inside(part, domain, ("samples", place)) for place, part in enumerate(parts))
    if len(set(values)) < 2:
        raise DistributionError("at least two different samples were expected", ("samples",))
    found = Samples(values)
    _refuse_infinite(found, domain)
    return found


def _refuse_infinite(found: Distribution, domain: Domain) -> None:
    if not is_finite(found):
        raise DistributionError(
            f"{found.text(domain.unit)} is too wide: its standard deviation and its outer quantiles must be finite "
            "numbers; give smaller numbers"
        )


def _refuse_outside(found: Normal | LogNormal, domain: Domain) -> None:
    if found.outside > MOST_OUTSIDE:
        expected = domain.leaf.domain() if domain.leaf is not None else ""
        raise DistributionError(
            f"{found.outside:.0%} of {found.text(domain.unit)} lies outside the domain, {expected}; at most "
            f"{MOST_OUTSIDE:.0%} may be cut off"
        )


def _bounds(domain: Domain) -> tuple[float, float]:
    return (domain.leaf.low, domain.leaf.high) if domain.leaf is not None else (-math.inf, math.inf)


def _number(value: object, domain: Domain, path: KeyPath) -> float:
    """A number in the domain's unit, whether the input could have it or not."""
    return _read(Domain(domain.name, domain.unit, domain.label), value, path)


def _inside(value: object, domain: Domain, path: KeyPath) -> float:
    """A number that the input could have."""
    return _read(domain, value, path)


def _read(domain: Domain, value: object, path: KeyPath) -> float:
    try:
        return domain.read(value)
    except ValueError as error:
        raise DistributionError(str(error), path) from None


def _check(number: float, domain: Domain, path: KeyPath) -> None:
    try:
        domain.check(number, shown(number))
    except ValueError as error:
        raise DistributionError(str(error), path) from None

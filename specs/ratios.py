"""Units of derivatives: one unit by another."""

from __future__ import annotations

import re

_OPERATOR = re.compile(r"\s*([*·⋅/])\s*")


def ratio(unit: str, by: str) -> str:
    """The unit of a derivative of something in `unit` by something in `by`.

    >>> ratio("$", "B/s"), ratio("s", "1"), ratio("1", "GiB")
    ('$*s/B', 's', '1/GiB')
    """
    above, below = _parts(unit)
    divisors, factors = _parts(by)
    above, below = [*above, *factors], [*below, *divisors]
    return "/".join(["*".join(above) or "1", *below])


def _parts(unit: str) -> tuple[list[str], list[str]]:
    """The factors above and below the line, without the unit 1."""
    first, *rest = _OPERATOR.split(unit)
    pairs = list(zip(rest[0::2], rest[1::2], strict=True))
    above = [first, *(term for sign, term in pairs if sign != "/")]
    return [part for part in above if part not in ("", "1")], [term for sign, term in pairs if sign == "/"]

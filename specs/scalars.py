"""Scalars of YAML 1.2 by its core schema: what an unquoted text means, and which characters a text may hold."""

from __future__ import annotations

import math
import re
from typing import Any

from .limits import MOST_DIGITS

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(?:(inf|Inf|INF)|(nan|NaN|NAN))")
# Controls move the cursor or recolour a terminal, and some change the direction of the text around them, so that it
# reads as something else. Halves of surrogate pairs are no characters at all.
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def plain(text: str) -> Any:
    """What an unquoted scalar means: None, a flag, a number, or the text itself."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if special := _SPECIAL.fullmatch(text):
        return float("nan" if special[3] else special[1] + "inf")
    if len(text) <= MOST_DIGITS and _INTEGER.fullmatch(text):
        return int(text, 8 if "o" in text else 16 if "x" in text else 10)
    return float(text) if _FLOAT.fullmatch(text) else text


def as_float(value: float) -> float:
    """A number as a float; infinite where it is a whole one that no float holds."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def unprintable(text: str) -> str:
    r"""The first character that no text may hold, as `U+001B`; empty where there is none.

    >>> unprintable("red: \x1b[31m")
    'U+001B'
    """
    found = _CONTROL.search(text)
    return f"U+{ord(found.group()):04X}" if found else ""


def printable(text: str) -> str:
    r"""Text as a terminal may show it: `�` for what no text may hold.

    >>> printable("red: \x1b[31m")
    'red: �[31m'
    """
    return _CONTROL.sub("�", text)

"""Quantities with units: a strict reader and writer of text such as `400 Gb/s`, `80 GiB`, `25 pJ/b`, `2.5 $/h`.

A quantity is a number, then optionally a unit: terms joined by `*` (or `·`) and `/`, each with an optional power
(`s^2`). A `/` divides by the next term only, so `kg/kW/h` is kg/kWh; a `*` behind a `/` is refused, since `kg/kW*h`
is read both ways. Spelling and case are exact: MB is not Mb, mW is not MW, and what people use with two meanings
(KB, kb, TFLOPS, a month) is an error that names the unmistakable spellings, never a guess.

Base units are B, FLOP, s, J, $ and kg. A bit is 1/8 B. Tokens, sequences and GPUs count as 1.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache

from .limits import LONGEST_QUANTITY

BASES = ("B", "FLOP", "s", "J", "$", "kg")

_UP = {"k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DOWN = {"p": -12, "n": -9, "µ": -6, "μ": -6, "u": -6, "m": -3}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_MULTIPLIERS = {"k": 3, "M": 6, "G": 9, "T": 12, "P": 15}
_TIMES = (("d", 86400, 172800), ("h", 3600, 7200), ("min", 60, 120))

NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:_\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_OPERATOR = re.compile(r"\s*([*·⋅/])\s*")
_TERM = re.compile(r"([^\s^]+?)(?:\^(-?[1-9]))?")
_COUNTED = ("token", "tokens", "sequence", "sequences", "GPU", "GPUs")

# What the reader of a message calls each dimension, and a value as it is usually written.
_DIMENSIONS = {
    "": ("a plain number", "0.4, 8 or 70e9"),
    "B": ("a size", "80 GB"),
    "B/s": ("a bandwidth", "25 GB/s"),
    "s": ("a time", "10 us"),
    "/s": ("a rate", "50 /s"),
    "FLOP": ("an amount of arithmetic", "6 PFLOP"),
    "FLOP/s": ("a rate of arithmetic", "312 TFLOP/s"),
    "FLOP/B": ("an arithmetic intensity", "300 FLOP/B"),
    "J": ("an energy", "2 kWh"),
    "J/s": ("a power", "700 W"),
    "J/B": ("an energy per bit", "25 pJ/b"),
    "J/FLOP": ("an energy per operation", "0.5 pJ/FLOP"),
    "FLOP/J": ("arithmetic per energy", "1 TFLOP/J"),
    "$": ("a price", "30000 $"),
    "$/s": ("a price per time", "2.5 $/h"),
    "$/J": ("a price per energy", "0.12 $/kWh"),
    "kg": ("a mass", "150 kg"),
    "kg/J": ("a carbon intensity", "0.385 kg/kWh"),
}

_HINTS = (
    (r"(?i:[kmgtpez]?(flops?|f))", "write TFLOP/s for a rate, TFLOP for an amount of arithmetic"),
    (r"kb|KB|Kb", "write kB for 1000 bytes, KiB for 1024 bytes, kbit for 1000 bits"),
    (r"(?i:y|yr|yrs|years?|mo|months?)", "years and months differ in length; write days, such as 365 d"),
    (r"[kMGT]T", "transfers per second say nothing about bytes; write the bandwidth, such as 64 GB/s"),
    (r"m", "write min for minutes, ms for milliseconds, M for a million"),
    (r"K", "write k for 1000, Ki for 1024"),
    (r"(?i:bn|billions?)", "write G, or e9 behind the number"),
    (r"(?i:hrs?|sec|secs|seconds?)", "write h for hours, s for seconds"),
    (r"(?i:usd|dollars?)", "write $"),
    (r".*[()].*", "parentheses are not read; divide twice, as in kg/kW/h"),
    (r"[\d_,.]+.*", "write the number without blanks or commas, such as 1000000 or 1e6"),
)


class UnitError(ValueError):
    """Text that is no quantity, or one of the wrong dimension; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class _Unit:
    scale: Fraction
    exponents: tuple[int, ...]

    def __mul__(self, other: _Unit) -> _Unit:
        exponents = tuple(a + b for a, b in zip(self.exponents, other.exponents, strict=True))
        return _Unit(self.scale * other.scale, exponents)

    def __pow__(self, power: int) -> _Unit:
        return _Unit(self.scale**power, tuple(power * exponent for exponent in self.exponents))

    @property
    def dimension(self) -> str:
        """The dimension in base units, `kg/J`; empty for a plain number."""
        named = list(zip(BASES, self.exponents, strict=True))
        above = "*".join(_powered(base, exponent) for base, exponent in named if exponent > 0)
        return above + "".join("/" + _powered(base, -exponent) for base, exponent in named if exponent < 0)


def parse_quantity(text: str, unit: str) -> float:
    """The number that `text` states, in `unit`: `parse_quantity("400 Gb/s", "B/s")` is 5e10.

    A number without a unit is taken to be in `unit`. Where `unit` is dimensionless, the multipliers k M G T P and
    Ki Mi Gi Ti Pi may stand alone (`15 T`). The conversion is exact and rounded once.
    Raises UnitError for anything else, with what was found, what was expected and an example.
    """
    wanted = _read_unit(unit)
    try:
        return _quantity(text, wanted)
    except UnitError as error:
        raise UnitError(f"{error}; {expectation(unit)}") from None


def conversion(unit: str) -> tuple[float, dict[str, int]]:
    """The scale of `unit` to base units and its exponents over `BASES`, zeros left out; UnitError if it is none."""
    read = _read_unit(unit)
    return float(read.scale), {base: power for base, power in zip(BASES, read.exponents, strict=True) if power}


def unit_ratio(above: str, below: str) -> str:
    """The unit of a value in `above` per one in `below`: that of a derivative. Equal terms cancel, none is converted.

    `unit_ratio("B/s", "FLOP/s")` is `B/FLOP`; of equal units it is `1`.
    """
    over, under = _terms(above)
    times, by = _terms(below)
    over, under = over + by, under + times
    for term in list(over):
        if term in under:
            over.remove(term)
            under.remove(term)
    return "/".join(["*".join(over) or "1", *under])


def _terms(unit: str) -> tuple[list[str], list[str]]:
    """The terms of a unit that multiply, and those that divide."""
    _read_unit(unit)
    first, *rest = _OPERATOR.split(unit.strip())
    parts = [("*", first), *zip(rest[0::2], rest[1::2], strict=True)]
    above, below = ([term for sign, term in parts if (sign == "/") is divides] for divides in (False, True))
    return [term for term in above if term not in ("", "1")], below


def expectation(unit: str) -> str:
    """What a value in `unit` looks like: `a bandwidth was expected (B/s, for example 25 GB/s)`."""
    dimension = _read_unit(unit).dimension
    name, example = _DIMENSIONS.get(dimension, (f"a quantity in {unit}", f"8 {unit}"))
    if unit in ("min", "h", "d") or set(_COUNTED) & set(_OPERATOR.split(unit)):
        example = f"8 {unit}"
    return f"{name} was expected (" + (f"{unit}, " if dimension else "") + f"for example {example})"


def format_quantity(value: float, unit: str) -> str:
    """`value`, given in `unit`, to 4 significant digits with an engineering prefix: `312 TFLOP/s`, `1.2 ms`.

    B, b, FLOP, J, W and s take decimal prefixes, long times are given in min, h or d. Amounts of $ take
    k M G T P from 10^4 on, plain numbers M G T P from 10^6 on, and whole ones below that are given in full; other
    units take none.
    `nan` and `inf` are written as such, which `parse_quantity` refuses; all else it reads back to the shown digits.
    """
    number, head, tail = float(value), *_split(unit)
    if not math.isfinite(number):
        return f"{number} {head}{tail}".rstrip()
    if head == "" and tail == "" and number == math.floor(number) and abs(number) < 1e6:
        return str(int(number))
    if unit == "s":
        for longer, seconds, least in _TIMES:
            if abs(number) >= least:
                return f"{_digits(_rounded(number / seconds))} {longer}"
    rounded = _rounded(number)
    prefixes = _shown_prefixes(head, tail)
    power = min(max(rounded.adjusted() // 3 * 3, min(prefixes)), max(prefixes)) if rounded else 0
    if rounded.adjusted() < {"": 6, "$": 4}.get(head, -math.inf):
        power = 0
    return f"{_digits(rounded.scaleb(-power))} {prefixes[power]}{head}{tail}".rstrip()


def _quantity(text: str, wanted: _Unit) -> float:
    if not isinstance(text, str) or not text.strip():
        raise UnitError(f"{text!r} is not a quantity")
    if len(text) > LONGEST_QUANTITY:
        raise UnitError(f"{text[:30]!r}… is too long for a quantity ({len(text)} characters)")
    plain = text.strip().replace("−", "-")
    found = NUMBER.match(plain)
    if found is None:
        hint = " (write the number first, as in 2.5 $/h)" if plain.startswith("$") else ""
        raise UnitError(f"{_shown(text)} does not start with a finite number{hint}")
    unit = _unit_of(plain[found.end() :].strip(), wanted)
    if unit.exponents != wanted.exponents:
        raise UnitError(f"{_shown(text, quote='')} is {_kind(unit, wanted)}")
    return _scaled(found.group().replace("_", ""), unit.scale / wanted.scale, text)


def _unit_of(text: str, wanted: _Unit) -> _Unit:
    """The unit behind a number: none means the wanted one, and a lone multiplier belongs to plain numbers."""
    if not text:
        return wanted
    scale = _multiplier(text)
    if scale is None:
        if text[0].isdigit() and not re.match(r"1\s*/", text):
            raise _unknown(text)
        return _read_unit(text)
    if any(wanted.exponents):
        raise UnitError(f"`{text}` is a multiplier without a unit")
    if text == "k":
        # People who say 4k of tokens or of sequence length mean 4096 as often as 4000.
        raise UnitError("`k` is read as 1000 by some and as 1024 by others; write the number, or `Ki` for 1024")
    return _Unit(scale, wanted.exponents)


def _multiplier(text: str) -> Fraction | None:
    if text in _MULTIPLIERS:
        return Fraction(10 ** _MULTIPLIERS[text])
    return Fraction(2 ** _BINARY[text]) if text in _BINARY else None


def _kind(unit: _Unit, wanted: _Unit) -> str:
    name = _DIMENSIONS.get(unit.dimension, (f"a quantity in {unit.dimension}",))[0]
    if unit.dimension == "B" and not wanted.dimension:
        return f"{name}, since B is the byte (for billions write 70e9 or 70 G)"
    return name


def _scaled(number: str, factor: Fraction, text: str) -> float:
    """`number` times `factor`, exact until the one rounding at the end."""
    rough = float(number)
    if rough == 0 and not re.match(r"[^eE]*[1-9]", number):
        return 0.0
    try:
        value = float(Fraction(number) * factor) if rough and math.isfinite(rough) else 0.0
    except OverflowError:
        value = 0.0
    if value == 0:
        raise UnitError(f"{_shown(text)} is outside the range of floating point")
    return value


@lru_cache(maxsize=512)
def _read_unit(text: str) -> _Unit:
    if len(text) > LONGEST_QUANTITY:
        raise UnitError(f"{text[:30]!r}… is too long for a unit ({len(text)} characters)")
    first, *rest = _OPERATOR.split(text.strip())
    operators, terms = rest[0::2], rest[1::2]
    if "/" in operators and set(operators[operators.index("/") :]) != {"/"}:
        raise UnitError(f"`{text}` can be read in two ways; write each divisor behind its own `/`, as in kg/kW/h")
    unit = _Unit(Fraction(1), (0,) * len(BASES))
    if first not in ("", "1") or (operators[:1] != ["/"] and text.strip() != "1"):
        unit *= _read_term(first, text)
    for operator, term in zip(operators, terms, strict=True):
        unit *= _read_term(term, text) ** (-1 if operator == "/" else 1)
    return unit


def _read_term(term: str, text: str) -> _Unit:
    if not term:
        raise UnitError(f"`{text}` lacks a unit beside an operator" if text.strip() else "the unit is empty")
    if (found := _TERM.fullmatch(term)) is None:
        if re.search(r"\s", term):
            raise UnitError(f"{_shown(term)} is not a unit; a `*` or `/` is missing, or there is a blank too many")
        raise _unknown(term)
    symbol, power = found.groups()
    if symbol not in _symbols():
        raise _unknown(symbol)
    return _symbols()[symbol] ** int(power or 1)


def _unknown(symbol: str) -> UnitError:
    for pattern, hint in _HINTS:
        if re.fullmatch(pattern, symbol):
            return UnitError(f"{_shown(symbol)} is not a unit ({hint})")
    alike = [known for known in _symbols() if known.casefold() == symbol.casefold() and known.isascii()]
    hint = f" (did you mean {' or '.join(alike)}?)" if alike else ""
    return UnitError(f"{_shown(symbol)} is not a unit{hint}")


@cache
def _symbols() -> dict[str, _Unit]:
    """Every unit that may be written, prefixes applied; an exact spelling has exactly one meaning."""
    hour = Fraction(3600)
    data, energy = {**_UP, **_BINARY}, {**_DOWN, **_UP}
    del energy["P"], energy["E"]
    count = {prefix: _UP[prefix] for prefix in "kMGT"}
    rows: list[tuple[str, Fraction, dict[str, int], dict[str, int]]] = [
        ("B", Fraction(1), {"B": 1}, data),
        ("byte bytes", Fraction(1), {"B": 1}, {}),
        ("b bit", Fraction(1, 8), {"B": 1}, data),
        ("bits", Fraction(1, 8), {"B": 1}, {}),
        ("Bps", Fraction(1), {"B": 1, "s": -1}, _UP),
        ("bps", Fraction(1, 8), {"B": 1, "s": -1}, _UP),
        ("FLOP", Fraction(1), {"FLOP": 1}, {**_UP, "Z": 21, "Y": 24}),
        ("s", Fraction(1), {"s": 1}, _DOWN),
        ("min", Fraction(60), {"s": 1}, {}),
        ("h hour hours", hour, {"s": 1}, {}),
        ("d day days", 24 * hour, {"s": 1}, {}),
        ("J", Fraction(1), {"J": 1}, energy),
        ("W", Fraction(1), {"J": 1, "s": -1}, energy),
        ("Wh", hour, {"J": 1}, count),
        ("$", Fraction(1), {"$": 1}, count),
        ("g", Fraction(1, 1000), {"kg": 1}, {"k": 3}),
        (" ".join(_COUNTED), Fraction(1), {}, {}),
        ("token tokens", Fraction(1), {}, count),
        ("%", Fraction(1, 100), {}, {}),
    ]
    table: dict[str, _Unit] = {}
    for symbols, scale, powers, prefixes in rows:
        exponents = tuple(powers.get(base, 0) for base in BASES)
        for symbol in symbols.split():
            table[symbol] = _Unit(scale, exponents)
            for prefix, power in prefixes.items():
                step = Fraction(2) if prefix in _BINARY else Fraction(10)
                table[prefix + symbol] = _Unit(scale * step**power, exponents)
    del table["kb"]  # a kilobit by the rules, a kilobyte in common use
    return table


def _split(unit: str) -> tuple[str, str]:
    """The first term of a unit, which takes the prefix, and the rest; `1` and a leading `1/` leave it empty."""
    _read_unit(unit)
    head = re.match(r"[^\s*·⋅/^]*", unit.strip())
    first = head.group() if head else ""
    return ("" if first == "1" else first), unit.strip()[len(first) :]


def _shown_prefixes(head: str, tail: str) -> dict[int, str]:
    """The prefixes a first term is shown with, by power of ten."""
    up = {0: "", **{power: prefix for prefix, power in _UP.items()}}
    down = {0: "", **{power: prefix for prefix, power in _DOWN.items() if prefix not in "uμ"}}
    if tail.startswith("^") or head not in ("", "B", "b", "FLOP", "s", "J", "W", "$") or (head == "" and tail):
        return {0: ""}
    if head == "s":
        return {power: prefix for power, prefix in down.items() if power > -12}
    if head in ("J", "W"):
        return {power: prefix for power, prefix in {**down, **up}.items() if power < 15}
    if head in ("", "$"):
        return {power: prefix for power, prefix in up.items() if power < (18 if head == "" else 15)}
    return {**up, 21: "Z", 24: "Y"} if head == "FLOP" else up


def _rounded(value: float) -> Decimal:
    return Decimal(f"{value:.3e}")


def _digits(number: Decimal) -> str:
    """A number in full where that is short, with a power of ten elsewhere; no trailing zeros."""
    if number == 0:
        return "0"
    if -4 <= number.adjusted() < 7:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa = f"{number.scaleb(-number.adjusted()):f}".rstrip("0").rstrip(".")
    return f"{mantissa}e{number.adjusted()}"


def _powered(base: str, exponent: int) -> str:
    return base if exponent == 1 else f"{base}^{exponent}"


def _shown(text: str, quote: str = "`") -> str:
    """Text inside a message: itself where it prints, escaped where it does not."""
    stripped = text.strip()
    return f"{quote}{stripped}{quote}" if stripped.isprintable() else repr(stripped)

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rooflax.specs.units import UnitError, conversion, expectation, format_quantity, parse_quantity, unit_ratio

UNITS = (
    "1",
    "B",
    "B/s",
    "FLOP",
    "FLOP/s",
    "s",
    "J",
    "W",
    "J/b",
    "$",
    "$/h",
    "$/token",
    "kg/kWh",
    "1/s",
    "tokens/s",
    "h",
)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("400 Gb/s", "B/s", 5e10),
        ("50 GB/s", "B/s", 5e10),
        ("50GB/s", "B/s", 5e10),
        ("400 Gbit/s", "B/s", 5e10),
        ("400 Gbps", "B/s", 5e10),
        ("100 GBps", "B/s", 1e11),
        ("3.35 TB/s", "B/s", 3.35e12),
        ("80 GiB", "B", 80 * 2**30),
        ("80 GB", "B", 8e10),
        ("3 MB", "B", 3e6),
        ("3 Mb", "B", 3e6 / 8),
        ("64 kB", "B", 64000),
        ("64 KiB", "B", 65536),
        ("8 kbit", "B", 1000),
        ("2 bytes", "B", 2),
        ("4 bits", "B", 0.5),
        ("312 TFLOP/s", "FLOP/s", 3.12e14),
        ("1 ZFLOP", "FLOP", 1e21),
        ("2.5 $/h", "$/h", 2.5),
        ("60 $/d", "$/h", 2.5),
        ("2.5 $/GPU/h", "$/h", 2.5),
        ("2 $/Mtoken", "$/token", 2e-6),
        ("0.12 $/kWh", "$/J", 0.12 / 3.6e6),
        ("0.12 $/kWh", "$/kWh", 0.12),
        ("1.5 M$", "$", 1.5e6),
        ("25 pJ/b", "J/b", 25e-12),
        ("25 pJ/bit", "J/b", 25e-12),
        ("200 pJ/B", "J/b", 25e-12),
        ("8 us", "s", 8e-6),
        ("8 µs", "s", 8e-6),
        ("8 \u03bcs", "s", 8e-6),
        ("10 ms", "s", 0.01),
        ("90 min", "h", 1.5),
        ("30 d", "s", 2592000),
        ("700 W", "W", 700),
        ("700 J/s", "W", 700),
        ("1 kW*h", "J", 3.6e6),
        ("1 kW·h", "J", 3.6e6),
        ("1 MW", "W", 1e6),
        ("1 mW", "W", 1e-3),
        ("0.385 kg/kWh", "kg/kWh", 0.385),
        ("385 g/kWh", "kg/kWh", 0.385),
        ("0.385 kg/kW/h", "kg/kWh", 0.385),
        ("40 %", "1", 0.4),
        ("1.5e9", "1", 1.5e9),
        ("1.5E9", "1", 1.5e9),
        ("1_000_000", "1", 1e6),
        (".5", "1", 0.5),
        ("+5", "1", 5),
        ("-5 s", "s", -5),
        ("\u22125 s", "s", -5),
        ("5e\u22123 s", "s", 5e-3),
        ("15 T", "1", 15e12),
        ("15T", "1", 15e12),
        ("8 Ki", "1", 8192),
        ("4096 tokens", "1", 4096),
        ("15 Ttokens", "1", 15e12),
        ("50 /s", "1/s", 50),
        ("50 1/s", "1/s", 50),
        ("50 s^-1", "1/s", 50),
        ("50 tokens/s", "1/s", 50),
        ("9 kg/s^2", "kg/s^2", 9),
        ("  8\u202fGB / s ", "B/s", 8e9),
        ("25", "$/h", 25),
        ("0e999999999 s", "s", 0),
        ("300 FLOP/B", "FLOP/B", 300),
    ],
)
def test_text_is_read_exactly(text, unit, value):
    assert parse_quantity(text, unit) == value


TIME = "; a time was expected (s, for example 10 us)"
SIZE = "; a size was expected (B, for example 80 GB)"
BANDWIDTH = "; a bandwidth was expected (B/s, for example 25 GB/s)"
RATE = "; a rate of arithmetic was expected (FLOP/s, for example 312 TFLOP/s)"
PLAIN = "; a plain number was expected (for example 0.4, 8 or 70e9)"
BYTES = " is not a unit (write kB for 1000 bytes, KiB for 1024 bytes, kbit for 1000 bits)"
FLOPS = " is not a unit (write TFLOP/s for a rate, TFLOP for an amount of arithmetic)"
DIGITS = " is not a unit (write the number without blanks or commas, such as 1000000 or 1e6)"
YEARS = " is not a unit (years and months differ in length; write days, such as 365 d)"


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("25 GB", "B/s", "25 GB is a size" + BANDWIDTH),
        ("25 GB/s", "B", "25 GB/s is a bandwidth" + SIZE),
        ("312 TFLOP", "FLOP/s", "312 TFLOP is an amount of arithmetic" + RATE),
        ("5 kW/h", "W", "5 kW/h is a quantity in J/s^2; a power was expected (W, for example 700 W)"),
        ("40 %", "s", "40 % is a plain number" + TIME),
        ("70 B", "1", "70 B is a size, since B is the byte (for billions write 70e9 or 70 G)" + PLAIN),
        ("64 KB", "B", "`KB`" + BYTES + SIZE),
        ("64 kb", "B", "`kb`" + BYTES + SIZE),
        ("64 kb/s", "B/s", "`kb`" + BYTES + BANDWIDTH),
        ("1 gb", "B", "`gb` is not a unit (did you mean GB or Gb?)" + SIZE),
        ("1 mb", "B", "`mb` is not a unit (did you mean MB or Mb?)" + SIZE),
        ("400 gbps", "B/s", "`gbps` is not a unit (did you mean GBps or Gbps?)" + BANDWIDTH),
        ("312 TFLOPS", "FLOP/s", "`TFLOPS`" + FLOPS + RATE),
        ("312 TFLOPs", "FLOP/s", "`TFLOPs`" + FLOPS + RATE),
        ("312 TFlops", "FLOP/s", "`TFlops`" + FLOPS + RATE),
        ("312 TFLOPs/s", "FLOP/s", "`TFLOPs`" + FLOPS + RATE),
        (
            "32 GT/s",
            "B/s",
            "`GT` is not a unit (transfers per second say nothing about bytes; write the bandwidth, such as 64 GB/s)"
            + BANDWIDTH,
        ),
        ("8 K", "1", "`K` is not a unit (write k for 1000, Ki for 1024)" + PLAIN),
        ("5 m", "s", "`m` is not a unit (write min for minutes, ms for milliseconds, M for a million)" + TIME),
        ("2 years", "s", "`years`" + YEARS + TIME),
        ("1,000", "1", "`,000`" + DIGITS + PLAIN),
        ("1 000", "1", "`000`" + DIGITS + PLAIN),
        ("1_00", "1", "`_00`" + DIGITS + PLAIN),
        ("5 1", "1", "`1`" + DIGITS + PLAIN),
        ("1.2.3", "1", "`.3`" + DIGITS + PLAIN),
        ("1+2j", "1", "`+2j` is not a unit" + PLAIN),
        ("0x10", "1", "`x10` is not a unit" + PLAIN),
        ("1E", "1", "`E` is not a unit" + PLAIN),
        ("5 foo", "s", "`foo` is not a unit" + TIME),
        ("5 US", "s", "`US` is not a unit (did you mean us?)" + TIME),
        ("5 µS", "s", "`µS` is not a unit" + TIME),
        ("5 \x07", "s", "'\\x07' is not a unit" + TIME),
        ("nan", "s", "`nan` does not start with a finite number" + TIME),
        ("-inf", "s", "`-inf` does not start with a finite number" + TIME),
        ("true", "1", "`true` does not start with a finite number" + PLAIN),
        ("", "1", "'' is not a quantity" + PLAIN),
        (" \t", "1", "' \\t' is not a quantity" + PLAIN),
        (True, "1", "True is not a quantity" + PLAIN),
        ("1e999 s", "s", "`1e999 s` is outside the range of floating point" + TIME),
        ("1e-999 s", "s", "`1e-999 s` is outside the range of floating point" + TIME),
        ("1e308 EB", "B", "`1e308 EB` is outside the range of floating point" + SIZE),
        ("1e-320 ns", "s", "`1e-320 ns` is outside the range of floating point" + TIME),
        ("1" * 101, "s", f"'{'1' * 30}'… is too long for a quantity (101 characters)" + TIME),
        ("15 T", "B", "`T` is a multiplier without a unit" + SIZE),
        (
            "15 T tokens",
            "1",
            "`T tokens` is not a unit; a `*` or `/` is missing, or there is a blank too many" + PLAIN,
        ),
        ("5 GB/", "B/s", "`GB/` lacks a unit beside an operator" + BANDWIDTH),
        ("5 GB//s", "B/s", "`GB//s` lacks a unit beside an operator" + BANDWIDTH),
        ("5 *s", "s", "`*s` lacks a unit beside an operator" + TIME),
        (
            "3 kg/kW*h",
            "kg/kWh",
            "`kg/kW*h` can be read in two ways; write each divisor behind its own `/`, as in kg/kW/h; "
            "a carbon intensity was expected (kg/kWh, for example 0.385 kg/kWh)",
        ),
        (
            "2 $/(h)",
            "$/h",
            "`(h)` is not a unit (parentheses are not read; divide twice, as in kg/kW/h); "
            "a price per time was expected ($/h, for example 2.5 $/h)",
        ),
        (
            "$2.5/h",
            "$/h",
            "`$2.5/h` does not start with a finite number (write the number first, as in 2.5 $/h); "
            "a price per time was expected ($/h, for example 2.5 $/h)",
        ),
        ("5 GB", "h", "5 GB is a size; a time was expected (h, for example 8 h)"),
        ("5 GB", "$/token", "5 GB is a size; a price was expected ($/token, for example 8 $/token)"),
        ("5 GB", "J/B/s", "5 GB is a size; a quantity in J/B/s was expected (J/B/s, for example 8 J/B/s)"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(text, unit, message):
    with pytest.raises(UnitError) as refused:
        parse_quantity(text, unit)
    assert str(refused.value) == message


@pytest.mark.parametrize("unit", UNITS)
def test_the_example_of_a_message_is_itself_accepted(unit):
    examples = expectation(unit).partition("for example ")[2].rstrip(")").replace(" or ", ", ").split(", ")
    assert examples
    for text in examples:
        assert parse_quantity(text, unit) > 0


@given(st.text())
@example("1" * 5000)
@example("1e99999999999999999999")
@example("5 " + "/" * 90)
@example("5 s^9" + "*s^9" * 20)
@example("\u0663 s")
def test_arbitrary_text_is_a_finite_number_or_a_unit_error(text):
    for unit in ("1", "B/s"):
        try:
            value = parse_quantity(text, unit)
        except UnitError:
            continue
        assert math.isfinite(value)


@given(
    st.text(alphabet="0123456789.eE+-_", min_size=1, max_size=8),
    st.text(alphabet="kKMGTmuBbFLOPsSJWh$/*^ 1%", max_size=8),
)
def test_text_that_looks_like_a_quantity_is_one_or_a_unit_error(number, unit):
    try:
        value = parse_quantity(f"{number} {unit}", "B/s")
    except UnitError:
        return
    assert math.isfinite(value)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300), st.sampled_from(UNITS))
@example(999.96e6, "B")
@example(9999.99, "1")
@example(16384.0, "1")
@example(5e-324, "J")
@example(119.99, "s")
def test_what_is_shown_reads_back_to_the_shown_digits(value, unit):
    shown = format_quantity(value, unit)
    assert parse_quantity(shown, unit) == pytest.approx(value, rel=6e-4, abs=1e-323)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (312e12, "FLOP/s", "312 TFLOP/s"),
        (989.4e12, "FLOP/s", "989.4 TFLOP/s"),
        (1e25, "FLOP", "10 YFLOP"),
        (5e10, "B/s", "50 GB/s"),
        (999.96e6, "B", "1 GB"),
        (80 * 2**30, "B", "85.9 GB"),
        (0.5, "B", "0.5 B"),
        (-3e9, "B", "-3 GB"),
        (0, "B/s", "0 B/s"),
        (1e30, "B", "1e12 EB"),
        (1.2e-3, "s", "1.2 ms"),
        (8e-6, "s", "8 µs"),
        (1e-15, "s", "1e-6 ns"),
        (100, "s", "100 s"),
        (1500, "s", "25 min"),
        (36 * 3600, "s", "36 h"),
        (2592000, "s", "30 d"),
        (1234567, "h", "1235000 h"),
        (70.6e9, "1", "70.6 G"),
        (0.42314, "1", "0.4231"),
        (128256, "1", "128256"),
        (12345.6, "1", "12350"),
        (9999.99, "1", "10000"),
        (1e6, "1", "1 M"),
        (2.5, "$/h", "2.5 $/h"),
        (9876.5, "$", "9876 $"),
        (150000, "$", "150 k$"),
        (2e-6, "$/token", "2e-6 $/token"),
        (12345.6, "1/s", "12350 /s"),
        (700, "W", "700 W"),
        (1.2e6, "W", "1.2 MW"),
        (25e-12, "J/b", "25 pJ/b"),
        (0.385, "kg/kWh", "0.385 kg/kWh"),
        (50, "GB/s", "50 GB/s"),
        (math.nan, "s", "nan s"),
        (math.inf, "B", "inf B"),
        (-math.inf, "1", "-inf"),
        (-0.0, "s", "0 s"),
        (1.7976931348623157e308, "B", "1.798e290 EB"),
    ],
)
def test_quantities_are_shown_as_the_field_writes_them(value, unit, text):
    assert format_quantity(value, unit) == text


@pytest.mark.parametrize(
    ("unit", "scale", "powers"),
    [
        ("1", 1.0, {}),
        ("B/s", 1.0, {"B": 1, "s": -1}),
        ("J/b", 8.0, {"B": -1, "J": 1}),
        ("$/h", 1 / 3600, {"s": -1, "$": 1}),
        ("kg/kWh", 1 / 3.6e6, {"J": -1, "kg": 1}),
        ("W", 1.0, {"s": -1, "J": 1}),
        ("B/B", 1.0, {}),
        ("s*s", 1.0, {"s": 2}),
        ("GPU", 1.0, {}),
    ],
)
def test_units_have_a_scale_and_a_dimension(unit, scale, powers):
    assert conversion(unit) == (scale, powers)


@pytest.mark.parametrize("unit", ["", "furlong", "1*s", "1/", "B s", "s^0", "s^10", "GB/s*h"])
def test_an_unreadable_unit_is_an_error(unit):
    with pytest.raises(UnitError):
        conversion(unit)
    with pytest.raises(UnitError):
        format_quantity(1.0, unit)


SIMPLE = st.sampled_from(["B", "b", "GiB", "FLOP", "TFLOP", "s", "ms", "h", "J", "kW", "Wh", "$", "kg", "%", "tokens"])


@given(SIMPLE, SIMPLE)
def test_products_multiply_scales_and_add_exponents(left, right):
    (one, first), (two, second) = conversion(left), conversion(right)
    product, powers = conversion(f"{left}*{right}")
    assert product == pytest.approx(one * two)
    assert powers == {k: v for k in {**first, **second} if (v := first.get(k, 0) + second.get(k, 0))}
    quotient, powers = conversion(f"{left}/{right}")
    assert quotient == pytest.approx(one / two)
    assert powers == {k: v for k in {**first, **second} if (v := first.get(k, 0) - second.get(k, 0))}


@given(SIMPLE, SIMPLE, SIMPLE)
def test_a_slash_divides_by_the_next_term_only(a, b, c):
    assert conversion(f"{a}/{b}/{c}") == conversion(f"{a}*{b}^-1*{c}^-1")


@pytest.mark.parametrize(
    ("above", "below", "ratio"),
    [
        ("B/s", "FLOP/s", "B/FLOP"),
        ("B/s", "B/s", "1"),
        ("s", "1", "s"),
        ("1", "B/s", "s/B"),
        ("1/s", "s", "1/s/s"),
        ("$/h", "W", "$/h/W"),
        ("kg/J", "$/J", "kg/$"),
        ("B*s", "s", "B"),
    ],
)
def test_the_unit_of_a_derivative_can_be_read(above, below, ratio):
    assert unit_ratio(above, below) == ratio
    scale, exponents = conversion(ratio)
    (over, above_exponents), (under, below_exponents) = conversion(above), conversion(below)
    assert scale == pytest.approx(over / under)
    difference = {
        b: above_exponents.get(b, 0) - below_exponents.get(b, 0) for b in {*above_exponents, *below_exponents}
    }
    assert exponents == {base: power for base, power in difference.items() if power}

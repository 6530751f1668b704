"""Money: what adds up, textbook limits of an annuity, prices that stand in, and tokens in and out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantity_values import value, values

from rooflax.kernels.discovery import shipped_registry

REGISTRY = shipped_registry()
KWH = 3.6e6
OWNED = dict(
    gpu_capital_price=25000, server_capital_price=8000, network_capital_price=4000, storage_capital_price=1000,
    building_capital_price=10, hardware_lifetime=1461, building_lifetime=5479, cost_of_capital=0.08,
    fleet_utilisation=0.8, power_load=0.7, power_price=0.08 / KWH, operations_price=0.12, tdp=700, host_power=360,
    pue=1.1,
)  # fmt: skip
# Prefills interrupt decoding, so that times of passes alone decide.
SERVED = dict(
    prefill_time=0.05, decode_step_time=0.01, mixed_step_time=0.055, decode_attention_time=0, prompt_len=1024,
    output_len=257, tp=8, batching=0,
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("double_precision")


def test_ownership_adds_up_and_is_the_price() -> None:
    found = values(["ownership_hourly_cost", "gpu_hour_price"], **OWNED)
    terms = REGISTRY.quantities["ownership_hourly_cost"].terms
    assert len(terms) == 7
    assert found["ownership_hourly_cost"] == pytest.approx(math.fsum(found[term] for term in terms), rel=1e-9)
    assert found["gpu_hour_price"] == found["ownership_hourly_cost"]


def test_ownership_by_daily_cash_flows() -> None:
    """What an hour earns, discounted day by day, pays for everything: an independent derivation."""
    hourly = value("gpu_hourly_cost", **OWNED, residual_share=0.1)
    income = 24 * 0.8 * hourly
    daily = 1.08 ** (1 / 365) - 1
    received = sum(income / (1 + daily) ** (day + 0.5) for day in range(1461)) + 2500 / 1.08 ** (1461 / 365)
    assert received == pytest.approx(25000, rel=1e-5)


def test_without_cost_of_capital_depreciation_is_a_straight_line() -> None:
    found = value("gpu_hourly_cost", **(OWNED | dict(cost_of_capital=0)), residual_share=0.2)
    assert found == pytest.approx(0.8 * 25000 / (1461 * 24 * 0.8), rel=1e-12)


def test_a_building_for_ever_pays_interest_only() -> None:
    found = value("building_recovery_rate", building_lifetime=1e7, cost_of_capital=0.08)
    assert found == pytest.approx(math.log(1.08) / 365, rel=1e-9)


@settings(max_examples=60)
@given(
    life=st.floats(200, 8000),
    interest=st.floats(0, 0.5),
    residual=st.floats(0, 1),
)
def test_recovery_rate_is_that_of_the_textbook(life: float, interest: float, residual: float) -> None:
    """(P - S v) r / (1 - v), without guards; where there is no interest, (P - S)/T. Small rates agree with both."""
    known = dict(hardware_lifetime=life, cost_of_capital=interest, residual_share=residual)
    rate = math.log1p(interest) / 365
    left = math.exp(-rate * life)
    line = (1 - residual) / life
    wanted = (1 - residual * left) * rate / -math.expm1(-rate * life) if rate * life > 1e-12 else line
    assert value("hardware_recovery_rate", **known) == pytest.approx(wanted, rel=1e-9, abs=1e-15)


def test_price_of_reserved_and_on_demand_hours() -> None:
    """1000 used hours, 750 reserved of which 9 in 10 are used: 833.3 are paid."""
    known = dict(on_demand_gpu_hour_price=4, reserved_gpu_hour_price=2.2, reserved_share=0.75, reserved_utilisation=0.9)
    assert value("gpu_hour_price", **known) == pytest.approx((250 * 4 + 750 / 0.9 * 2.2) / 1000, rel=1e-12)
    for share, price in ((0, 4.0), (1, 2.2)):
        assert value("gpu_hour_price", **(known | dict(reserved_share=share, reserved_utilisation=1))) == price


def test_a_given_price_stands_over_ownership() -> None:
    found = values(["training_cost"], gpu_hours=1000, gpu_hour_price=2.5, **OWNED)
    assert found["training_cost"] == 2500


@pytest.mark.parametrize("pp", [1, 4])
@pytest.mark.parametrize("concurrency", [1, 2, 64])
def test_tokens_in_and_out_make_up_the_request(pp: int, concurrency: int) -> None:
    known = SERVED | dict(pp=pp, concurrency=concurrency, gpu_hour_price=2.5)
    names = ["cost_per_million_input_tokens", "cost_per_million_output_tokens", "request_cost", "cost_per_output_token"]
    found = values(names, **known)
    total = (1024 * found[names[0]] + 257 * found[names[1]]) / 1e6
    assert total == pytest.approx(found["request_cost"], rel=1e-9)
    assert total == pytest.approx(257 * found["cost_per_output_token"], rel=1e-9)


def test_cost_of_a_request_by_hand() -> None:
    """64 requests take 64 prefills and 256 steps on 8 GPUs at 2.50 $ an hour."""
    found = values(["request_input_cost", "request_output_cost"], **SERVED, concurrency=64, gpu_hour_price=2.5)
    second = 8 * 2.5 / 3600
    assert found["request_input_cost"] == pytest.approx(second * 0.05, rel=1e-12)
    assert found["request_output_cost"] == pytest.approx(second * 256 * 0.01 / 64, rel=1e-12)


def test_one_token_of_output_is_all_prefill() -> None:
    found = values(["prefill_time_share", "cost_per_million_output_tokens"], **(SERVED | dict(output_len=1)),
                   concurrency=8, gpu_hour_price=2.5)  # fmt: skip
    assert found["prefill_time_share"] == 1
    assert found["cost_per_million_output_tokens"] == 0


def test_counted_tokens_change_the_price_not_the_cost() -> None:
    known = SERVED | dict(concurrency=64, gpu_hour_price=2.5)
    output, all_, computed = (
        values(["cost_per_million_tokens", "request_cost"], **known, counted_tokens=choice) for choice in range(3)
    )
    cost = output["request_cost"]
    assert output["cost_per_million_tokens"] == pytest.approx(1e6 * cost / 257, rel=1e-12)
    assert output["cost_per_million_tokens"] == pytest.approx(1e6 * output["cost_per_output_token"], rel=1e-9)
    assert all_["cost_per_million_tokens"] == pytest.approx(1e6 * cost / (257 + 1024), rel=1e-12)
    assert computed["cost_per_million_tokens"] == all_["cost_per_million_tokens"]
    cached = value("cost_per_million_tokens", **known, counted_tokens=2, computed_prompt_len=24)
    assert cached == pytest.approx(1e6 * cost / (257 + 24), rel=1e-12)


def test_power_billed_apart() -> None:
    found = values(["training_cost_with_power"], gpu_hours=1000, gpu_hour_price=2.0, training_power_per_gpu=1000,
                   power_price=0.1 / KWH)  # fmt: skip
    assert found["training_cost_with_power"] == pytest.approx(2000 + 1000 * 0.1, rel=1e-12)


def test_life_of_a_model() -> None:
    known = dict(training_cost=1e6, training_energy=1e12, mean_request_rate=10, service_time=730, output_len=500,
                 cost_per_output_token=2e-6, request_energy=600)  # fmt: skip
    found = values(["lifetime_cost", "lifetime_energy"], **known)
    requests = 10 * 730 * 86400
    assert found["lifetime_cost"] == pytest.approx(1e6 + requests * 500 * 2e-6, rel=1e-12)
    assert found["lifetime_energy"] == pytest.approx(1e12 + requests * 600, rel=1e-12)
    unserved = values(["lifetime_cost"], **(known | dict(mean_request_rate=0)))
    assert unserved["lifetime_cost"] == 1e6
    assert value("lifetime_cost", **known, lifetime_output_tokens=1e9) == pytest.approx(1e6 + 2000, rel=1e-12)

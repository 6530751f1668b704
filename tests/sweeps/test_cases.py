from __future__ import annotations

import pytest

import rooflax
from rooflax.sweeps.cases import evaluate_cases


def test_each_case_is_judged_on_its_own(bench, base):
    cases = [
        {**base["training"], "tp": 2},
        {**base["training"], "tp": 3},
        {**base["training"], "tp": -1, "seq_len": "12 GB"},
        {**base["training"], "model": "mixtral-8x7b", "ep": 4},
        {"model": "gpt-2"},
        {**base["training"], "model": "nonsense-3b"},
        {**base["training"], "tp": 2, "hardware": "t4", "model": "gpt-2"},
    ]
    results = evaluate_cases(bench.registry, bench.catalogs, cases, ["step_time", "binding"])
    assert [result.status is None for result in results] == [False, False, True, False, True, True, False]
    for case, result in zip(cases, results, strict=True):
        if result.status is None:
            assert result.values == {}
        else:
            alone = rooflax.evaluate(["step_time", "binding"], **case)
            assert result.values["step_time"] == pytest.approx(float(alone["step_time"]), rel=1e-12)
            assert result.values["binding"] == int(alone["binding"])
            assert result.status == int(alone["status"])
            assert bool(result.error) == bool(result.status)
    assert results[1].error.startswith("fills_world: the 64 GPUs are not tp x pp x cp x dp = 3 x 1 x 1 x 21.33")
    assert "tp: -1" in results[2].error
    assert "seq_len: " in results[2].error
    assert "hardware" in results[4].error or "world_size" in results[4].error
    assert "nonsense-3b" in results[5].error
    assert [record.name for record in results[6].records if record.confidence == "low"] == ["t4"]


def test_no_cases_have_no_results(bench):
    assert evaluate_cases(bench.registry, bench.catalogs, [], ["step_time"]) == []

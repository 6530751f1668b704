"""llm-analysis as published: its batch solver against a plain search, and the sentence of every refusal."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rooflax
from rooflax.kernels.published.llm_analysis.batch import TRIALS, divided, largest_divisor
from rooflax.specs.problems import RooflaxError

RUN: dict[str, Any] = {
    "model": "llama-1-65b",
    "world_size": 2048,
    "global_batch_size": 4000000,
    "seq_len": 2048,
    "tokens": 1.4e12,
    "llm_analysis.tp": 8,
    "llm_analysis.pp": 8,
    "llm_analysis.sp": 8,
    "llm_analysis.recompute": "selective",
}
REQUEST: dict[str, Any] = {
    "model": "llama-1-65b",
    "concurrency": 1,
    "prompt_len": 512,
    "output_len": 32,
    "llm_analysis.tp": 2,
}


pytestmark = pytest.mark.usefixtures("double_precision")


def evaluated(quantity: str, inputs: dict[str, Any]) -> Any:
    return rooflax.evaluate(quantity, **inputs)


def plain_search(number: int, limit: int) -> int:
    return max((trial for trial in range(1, min(number, limit) + 1) if number % trial == 0), default=0)


@pytest.mark.parametrize(
    ("number", "limit"), [(125000, 62), (6000, 3500), (4194304, 4194304), (2039, 2038), (2053, 2053), (12, 0), (1, 1)]
)
def test_largest_divisor(number: int, limit: int) -> None:
    assert float(largest_divisor(jnp.asarray(float(number)), jnp.asarray(float(limit)))) == plain_search(number, limit)


def test_largest_divisor_of_many() -> None:
    numbers, limits = np.meshgrid(np.arange(3990.0, 4100.0), [1.0, 7.0, 63.0, 64.0, 2047.0, 2050.0, 5000.0])
    expected = [
        [plain_search(int(n), int(m)) for n, m in zip(*row, strict=True)] for row in zip(numbers, limits, strict=True)
    ]
    assert np.asarray(largest_divisor(jnp.asarray(numbers), jnp.asarray(limits))).tolist() == expected


def test_quotient_between_whole_numbers_has_a_slope() -> None:
    assert np.isnan(divided(jnp.asarray(7.0), jnp.asarray(2.0)))
    assert float(divided(jnp.asarray(8.0), jnp.asarray(2.0))) == 4
    assert float(jax.grad(divided)(8.0, 2.0)) == 0.5


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"llm_analysis.tp": 16}, "node_tp: tensor parallelism must stay within a node: tp is above gpus_per_node"),
        ({"llm_analysis.sp": 4}, "megatron_sp: sequence parallel ranks must be 1 or equal the tensor parallel ranks"),
        ({"llm_analysis.pp": 6}, "dp: world_size must be a multiple of the tensor parallel ranks times the stages"),
        (
            {"global_batch_size": 4000001},
            "replica_batch_size: the global batch must be a multiple of the data parallel replicas",
        ),
        ({"seq_len": 4096}, "sequence: seq_len must not be above the model's max_seq_len"),
        (
            {"llm_analysis.tp": 1, "llm_analysis.sp": 1, "llm_analysis.pp": 1, "global_batch_size": 4194304},
            "training_free_memory: weights, optimizer states and gradients are too large for the memory of one GPU",
        ),
        (
            {"llm_analysis.hbm_capacity": 25e9},
            "micro_batch_size: the activations of a single sequence do not fit beside the model's states, or a replica "
            f"has more than {TRIALS**2} sequences a step, where the search for divisors ends",
        ),
        (
            {"global_batch_size": 32 * 4194305},
            "micro_batch_size: the activations of a single sequence do not fit beside the model's states, or a replica "
            f"has more than {TRIALS**2} sequences a step, where the search for divisors ends",
        ),
    ],
)
def test_refused_training(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RooflaxError) as refused:
        evaluated("llm_analysis.gpu_hours", RUN | changed)
    assert str(refused.value) == f"llm_analysis.{sentence}"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"llm_analysis.tp": 1},
            "inference_free_memory: the weights are too large for the memory of one GPU: more tensor parallel ranks or "
            "stages are needed",
        ),
        ({"prompt_len": 2049}, "prompt_tokens: the prompt must not be longer than the model's max_seq_len"),
        (
            {"concurrency": 2},
            "served_batch: the activations, or the keys and values, of this batch do not fit beside the weights",
        ),
    ],
)
def test_refused_inference(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RooflaxError) as refused:
        evaluated("llm_analysis.request_time", REQUEST | changed)
    assert str(refused.value) == f"llm_analysis.{sentence}"


def test_an_efficiency_above_one_is_no_value() -> None:
    with pytest.raises(RooflaxError, match=r"1\.5 is not a number above 0 and at most 1"):
        evaluated("llm_analysis.request_time", REQUEST | {"llm_analysis.flops_efficiency": 1.5})


def test_a_refused_neighbour_leaves_the_others_their_value() -> None:
    found = evaluated("llm_analysis.request_time", REQUEST | {"llm_analysis.tp": [1, 2, 16]})
    assert np.isnan(found["llm_analysis.request_time"].values).tolist() == [True, False, True]
    assert (found["status"].values > 0).tolist() == [True, False, True]

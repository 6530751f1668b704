"""Document 001: its loops written out, what its numbers rest on, and the main models behind the corrections."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import rooflax

ATTN_BYTES = 83886080
IDEAL: dict[str, Any] = {
    "network": "dgx-h100",
    "link_efficiency": 1.0,
    "scale_up_latency": 0.2e-6,
    "scale_out_latency": 2e-6,
    "scale_up_reduces": 0,
    "scale_up_half_message": 0,
    "collective_overhead": 0,
}


def value(quantity: str, **inputs: Any) -> float:
    """A quantity of the document's namespace, whose inputs are given without it where it has them."""
    main = {"network", "model", *IDEAL}
    given: dict[str, Any] = {name if name in main else f"hop_typed.{name}": one for name, one in inputs.items()}
    return rooflax.evaluate(f"hop_typed.{quantity}", **given)[f"hop_typed.{quantity}"].item()


def simulated_ring(size: float, gpus: int, per_node: int) -> tuple[float, float]:
    """Seconds and joules of the document's ring, step by step and link by link."""
    seconds = joules = 0.0
    for _ in range(2 * (gpus - 1)):
        slowest = 0.0
        for sender in range(gpus):
            receiver = (sender + 1) % gpus
            if sender == receiver:
                nv, ib = 0, 0
            else:
                nv, ib = (1, 0) if sender // per_node == receiver // per_node else (2, 1)
            chunk = size / gpus
            slowest = max(slowest, nv * (0.2e-6 + chunk / 90e9) + ib * (2e-6 + chunk / 50e9))
            joules += 8 * chunk * (nv * 5e-12 + ib * 25e-12)
        seconds += slowest
    return seconds, joules


@pytest.mark.parametrize(("gpus", "per_node"), list(itertools.product((1, 2, 5, 8, 9, 12, 16, 24), (1, 4, 8))))
def test_ring_is_the_simulated_one(gpus: int, per_node: int) -> None:
    seconds, joules = simulated_ring(ATTN_BYTES, gpus, per_node)
    where = {"num_gpus": gpus, "gpus_per_node": per_node}
    assert value("dp_latency", **where) == pytest.approx(seconds * 1e3, rel=1e-12)
    assert value("dp_energy", **where) == pytest.approx(joules * 1e3, rel=1e-12)


@pytest.mark.parametrize(
    ("quantity", "above", "below", "ratio"),
    [
        ("latency", dict(num_gpus=16), dict(num_gpus=8), 4.11),
        ("energy", dict(num_gpus=16), dict(num_gpus=8), 3.75),
        ("latency", dict(strategy="PP", receiver=8), dict(strategy="PP"), 3.81),
        ("energy", dict(strategy="PP", receiver=8), dict(strategy="PP"), 7.0),
        ("latency", dict(layer="MLP"), dict(layer="ATTN"), 2.80),
    ],
)
def test_ratio_the_document_rests_on(quantity: str, above: dict, below: dict, ratio: float) -> None:
    assert value(quantity, **above) / value(quantity, **below) == pytest.approx(ratio, abs=0.005)


def test_layer_makes_no_difference_to_tp() -> None:
    assert value("latency", strategy="TP", layer="MLP") == value("latency", strategy="TP", layer="ATTN")


@pytest.mark.parametrize("gpus", [2, 8, 16, 64])
def test_corrected_all_reduce_is_that_of_a_training_step(gpus: int) -> None:
    """ZeRO stage 0 all-reduces the gradients of the whole model; here the model is one layer."""
    element = 2.0
    step = rooflax.evaluate(
        "dp_comm_time",
        shared_parameters_per_gpu=ATTN_BYTES / element,
        expert_parameters_per_gpu=0,
        gradient_width=element,
        weight_width=element,
        zero_stage=0,
        num_micro_batches=1,
        layers_per_stage=1,
        resident_layers_per_gpu=1,
        lora_layer_parameters=0,
        dp=gpus,
        **IDEAL,
    )["dp_comm_time"].item()
    corrected = value("dp_latency_corrected", layer_bytes_corrected=ATTN_BYTES, num_gpus=gpus, **IDEAL)
    assert corrected == pytest.approx(step * 1e3, rel=1e-12)


@pytest.mark.parametrize("gpus", [1, 2, 3, 8])
def test_inside_a_node_the_serial_ring_is_that_of_every_port(gpus: int) -> None:
    corrected = value("dp_latency_corrected", layer_bytes_corrected=ATTN_BYTES, num_gpus=gpus, **IDEAL)
    assert corrected == pytest.approx(value("dp_latency_serial", num_gpus=gpus), rel=1e-12)


def test_every_correction_over_two_nodes_is_faster_than_the_one_before() -> None:
    where = {"num_gpus": 16}
    latencies = [
        value("dp_latency", **where),
        value("dp_latency_serial", **where),
        value("flat_ring_latency", **where, **IDEAL),
        value("dp_latency_corrected", layer_bytes_corrected=ATTN_BYTES, **where, **IDEAL),
    ]
    assert latencies == pytest.approx([6.712981333, 3.916778667, 3.205728, 0.402816], rel=1e-9)


def test_layer_sizes_are_those_of_the_model_but_for_the_gate() -> None:
    main = rooflax.evaluate(["attention_weights", "dense_mlp_weights"], model="llama-3-8b")
    assert main["attention_weights"].item() == value("attn_elems")
    assert main["dense_mlp_weights"].item() == 1.5 * value("mlp_elems")


def test_pipelined_message_takes_as_long_as_its_slowest_link() -> None:
    assert value("pp_latency_corrected", receiver=0, **IDEAL) == 0
    assert value("pp_latency_corrected", receiver=7, **IDEAL) == pytest.approx(16777216 / 450e9 * 1e3 + 0.2e-3)
    assert value("pp_latency_corrected", receiver=8, **IDEAL) == pytest.approx(16777216 / 50e9 * 1e3 + 2e-3)

"""Rows of memory tables: the part of the memory each states, its unit, and what only memory depends on."""

from __future__ import annotations

import math

import pytest

from rooflax.specs.catalog import open_catalogs
from rooflax.specs.measured.memory_habits import dropped_share
from rooflax.specs.measured.memory_rows import bytes_of, memory_rows, part_of, quantity_of
from rooflax.specs.measured.rows import MeasuredRow

CATALOGS = open_catalogs()
ROW = {
    "id": "one",
    "source_family": "somewhere",
    "source": "a log",
    "confidence": "high",
    "kind": "peak per GPU",
    "model": "llama3-8b",
    "gpu": "H100-SXM-80GB",
    "n_gpus": "8",
    "precision": "bf16",
    "framework": "Megatron-LM (core 0.14+)",
    "seq_len": "8192",
    "micro_batch_seqs": "1",
    "global_batch_seqs": "8",
    "tp": "1",
    "pp": "1",
    "cp": "1",
    "dp": "8",
    "sharding": "zero1(dist-opt)",
    "act_recompute": "none",
    "mem_gib": "60",
    "mem_definition": "torch max_memory_allocated (max over ranks)",
}
LORA = "LoRA rank16 attention-only (MLPerf), frozen base in fp8/bf16; packed 8192"


def one(**cells: str) -> MeasuredRow:
    return memory_rows("mine.csv", [ROW | cells], CATALOGS)[0]


@pytest.mark.parametrize(
    ("definition", "wanted"),
    [
        ("torch max_memory_allocated (max over ranks)", "allocated_memory"),
        ("max_memory_usage as logged (GB, torch max allocated)", "allocated_memory"),
        ("torchtitan max_reserved GiB (max over ranks)", "reserved_memory"),
        ("peak_memory_usage bytes/2^30", "reserved_memory"),
        ("nvidia-smi used", "memory_per_gpu"),
        ("", "memory_per_gpu"),
    ],
)
def test_part_of_the_memory_that_a_definition_measures(definition: str, wanted: str) -> None:
    assert part_of(definition) == wanted
    assert one(mem_definition=definition).primary.quantity == wanted


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("peak per GPU, last pipeline stage", "last_stage_memory"),
        ("peak per GPU, first pipeline stage", "first_stage_memory"),
        ("activations, seq-par + selective recompute", "first_stage_stored_activations"),
        ("parameters+optimizer (weights,grads,Adam)", "model_state_memory"),
        ("inference total per GPU", "serving_memory_per_gpu"),
    ],
)
def test_kind_names_the_part(kind: str, wanted: str) -> None:
    assert quantity_of(ROW | {"kind": kind}) == wanted


def test_memory_is_in_gibibytes_unless_the_definition_says_gigabytes() -> None:
    assert bytes_of(1.5, "torchtitan max_reserved GiB (max over ranks)") == 1.5 * 2**30
    assert bytes_of(1.5, "max_memory_usage as logged (GB, torch max allocated)") == 1.5e9
    assert bytes_of(1.5, "GB as printed") == 1.5e9
    assert one().primary.value == 60 * 2**30


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (
            dict(kind="activation memory, % of TP-parallel baseline", mem_definition="percent of baseline"),
            "a percentage of what another layout needs; the memory of one layout was expected",
        ),
        (dict(mem_gib=""), "nothing was measured: `mem_gib` is not stated"),
        (
            dict(kind="peak per GPU, last pipeline stage", mem_definition="nvidia-smi"),
            "`kind` is 'peak per GPU, last pipeline stage': of single stages only the allocated memory is described",
        ),
        (dict(gpu=""), "`gpu` is not stated"),
        (
            dict(kind="inference total per GPU", precision="int8"),
            "`precision` is 'int8'; one of fp16, bf16 was expected",
        ),
    ],
)
def test_refusals_say_what_is_missing(cells: dict[str, str], wanted: str) -> None:
    row = one(**cells)
    assert row.refused == wanted
    assert row.inputs == {}
    assert row.primary.primary


def test_row_without_a_number_has_a_target_all_the_same() -> None:
    assert math.isnan(one(mem_gib="").primary.value)


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        ({}, dict(loss_copies=1.0)),
        (dict(notes="cross-entropy fusion on (_cef)"), dict(fused_cross_entropy=True)),
        (dict(framework="torchtitan"), dict(loss_copies=3.0)),
        (dict(framework="torchtitan", tp="8", dp="1", global_batch_seqs="1"), dict(loss_copies=4.0)),
        (dict(framework="torchtitan", notes="compile", source="b_202506.md"), dict(loss_copies=0.5)),
        (dict(framework="torchtitan", notes="compile", source="b_202412.md"), dict(loss_copies=3.0)),
        (dict(framework="NeMo"), dict(gradient_width=2)),
        (dict(framework="torchtitan", sharding="zero3(FSDP2)"), dict(zero_stage="3")),
        (
            dict(framework="torchtitan", sharding="zero3(FSDP2)", pp="2", dp="4", micro_batch_seqs="1"),
            dict(zero_stage="1"),
        ),
        (dict(kind="parameters+optimizer (weights,grads,Adam; 18 B/param?)"), dict(gradient_width=4)),
    ],
)
def test_habits_of_stacks(cells: dict[str, str], wanted: dict[str, object]) -> None:
    row = one(**cells)
    assert row.refused == ""
    assert {name: row.inputs[name] for name in wanted} == wanted


def test_adapters_stand_where_the_notes_say() -> None:
    row = one(notes=LORA, precision="fp8(TE)", model="llama2-70b")
    wanted = dict(frozen_share=1.0, lora_rank=16, adapts_feed_forward=False, weight_width=1, fp8_activation_input=True)
    assert {name: row.inputs[name] for name in wanted} == wanted
    assert "fp8_activation_input" not in one(notes=LORA, precision="fp8(TE)", cp="8", dp="1").inputs
    assert "weight_width" not in one(notes=LORA, precision="bf16").inputs


def test_op_level_checkpointing_is_told_by_what_it_keeps() -> None:
    """Llama 3 8B: input, attention output, query, value, gate and down of 69,632 elements."""
    kept = 4096 + 4096 + 4096 + 1024 + 14336 + 4096
    fields = dict(
        hidden_size=4096, intermediate_size=14336, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
        gated_mlp=1,
    )  # fmt: skip
    share = (69632 - kept) / (69632 - 4096)
    assert dropped_share(fields) == pytest.approx(share, rel=1e-12)
    row = one(framework="torchtitan", act_recompute="selective(op SAC)")
    assert row.inputs["recompute"] == "full"
    assert row.inputs["recompute_layer_share"] == pytest.approx(share, rel=1e-12)


def test_serving_row_counts_its_sequences() -> None:
    row = one(kind="inference total per GPU", precision="fp16", seq_len="544", micro_batch_seqs="4")
    assert row.refused == ""
    wanted = dict(prompt_len=543, output_len=1, concurrency=4, tp=1, pp=1, precision="w16a16e16")
    assert {name: row.inputs[name] for name in wanted} == wanted


def test_formulas_are_not_called_measurements() -> None:
    row = one(kind="activations, no recompute", notes="ANALYTIC in the paper")
    assert "computed by the formulas of the paper, not measured" in row.assumed

"""Measured rows: CSV files to inputs and targets, cell by cell."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from rooflax.specs.catalog import open_catalogs
from rooflax.specs.measured import MeasuredRow, read_measured
from rooflax.specs.measured.layouts import layout_inputs
from rooflax.specs.measured.machines import used_domain
from rooflax.specs.measured.rows import Target

CATALOGS = open_catalogs()
RUN = {
    "model": "llama3-8b",
    "gpu": "H100-SXM-80GB",
    "n_gpus": "64",
    "gpus_per_node": "8",
    "precision": "bf16",
    "framework": "NeMo 24.09",
    "seq_len": "8192",
    "global_batch_seqs": "512",
    "micro_batch_seqs": "1",
    "tp": "2",
    "pp": "4",
    "vp": "2",
    "cp": "1",
    "act_recompute": "none",
    "sharding": "zero1(dist-opt)",
    "iter_time_s": "12.5",
}
GPT = {
    "model": "",
    "framework": "Megatron-DeepSpeed",
    "layers": "24",
    "d_model": "1024",
    "n_heads": "16",
    "seq_len": "1024",
    "tp": "2",
    "pp": "1",
    "vp": "",
    "precision": "",
    "sharding": "",
    "act_recompute": "full",
}


def write(folder: Path, *rows: dict[str, str], name: str = "mine.csv") -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_one(folder: Path, **cells: str) -> MeasuredRow:
    (row,) = read_measured(write(folder, {**RUN, **cells}), CATALOGS)
    return row


def inputs(**cells: str) -> dict[str, object]:
    layout = layout_inputs({**RUN, **cells}, CATALOGS)
    assert layout.refused == ""
    return dict(layout.inputs)


def refusal(**cells: str) -> str:
    return layout_inputs({**RUN, **cells}, CATALOGS).refused


def test_a_row_states_its_layout():
    assert inputs() == {
        "model": "llama-3-8b",
        "hardware": "h100-sxm-80gb",
        "scale_up_size": 8,
        "precision": "bf16-mixed",
        "software_stack": "nemo",
        "gradient_width": 2,
        "attention_kernel": "flash",
        "dropout": False,
        "world_size": 64,
        "tp": 2,
        "pp": 4,
        "cp": 1,
        "ep": 1,
        "vpp": 2,
        "pipeline_schedule": "interleaved",
        "sequence_parallel": True,
        "zero_stage": "1",
        "recompute": "none",
        "seq_len": 8192,
        "global_batch_size": 512,
        "micro_batch_size": 1,
    }


def test_a_users_own_table_needs_six_columns_and_takes_defaults_for_the_others(tmp_path):
    needed = ("model", "gpu", "n_gpus", "seq_len", "global_batch_seqs", "iter_time_s")
    (row,) = read_measured(write(tmp_path, {name: RUN[name] for name in needed}), CATALOGS)
    assert (row.file, row.id, row.family, row.confidence, row.refused) == ("mine.csv", "row 1", "mine", "medium", "")
    assert row.primary == Target("step_time", 12.5, "s")
    assert {row.inputs[name] for name in ("tp", "pp", "cp", "ep", "vpp", "micro_batch_size")} == {1}
    assert "no software stack: none is stated" in row.assumed
    assert "micro-batch 1, which is not stated" in row.assumed
    assert "precision bf16-mixed, which is not stated" in row.assumed


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"n_gpus": ""}, "`n_gpus` is not stated"),
        ({"seq_len": ""}, "`seq_len` is not stated"),
        ({"gpu": ""}, "`gpu` is not stated"),
        ({"gpu": "H200-NVL-141GB"}, "`gpu`: unknown hardware record 'H200-NVL-141GB'"),
        (
            {"model": "gpt3-5b"},
            "model 'gpt3-5b' is in no catalog and the row does not state `layers`, `d_model`, `n_heads`",
        ),
        ({"model": ""}, "no model is named and the row does not state `layers`, `d_model`, `n_heads`"),
        ({"global_batch_seqs": "", "micro_batch_seqs": ""}, "`global_batch_seqs` is not stated"),
        ({"precision": "posit"}, "`precision` is 'posit'; one of bf16, fp16, fp8, nvfp4, tf32, fp32 was expected"),
        ({"act_recompute": "some"}, "`act_recompute` is 'some'; one of none, selective, full, minimal, custom"),
        ({"sharding": "magic"}, "`sharding` is 'magic'; one of zero1, zero2, zero3, none was expected"),
        ({"dp": "7"}, "tp x pp x cp x dp = 2 x 4 x 1 x 7 is not the 64 GPUs of `n_gpus`"),
        ({"tp": "3"}, "64 GPUs are not a multiple of tp x pp x cp = 3 x 4 x 1"),
        ({"tp": "1.5"}, "`tp` is 1.5; a whole number of at least 1 was expected"),
        (
            {"global_batch_seqs": "12", "micro_batch_seqs": "", "grad_accum": "1"},
            "a global batch of 12 does not divide",
        ),
    ],
)
def test_a_refusal_names_what_is_missing(cells, told):
    assert told in refusal(**cells)


@pytest.mark.parametrize(
    ("cells", "quantity", "value"),
    [
        ({"tokens_per_s_per_gpu": "100"}, "step_time", 12.5),
        ({"iter_time_s": "", "tokens_per_s_per_gpu": "100", "mfu_pct": "40"}, "tokens_per_second_per_gpu", 100),
        ({"iter_time_s": "", "tflops_per_gpu": "400"}, "model_flops_per_second_per_gpu", 400e12),
        (
            {"iter_time_s": "", "tflops_per_gpu": "140", "tflops_kind": "hardware incl. full recompute (eq.3)"},
            "executed_flops_per_second_per_gpu",
            140e12,
        ),
        ({"iter_time_s": "", "mfu_pct": "40"}, "predicted_mfu", 0.4),
    ],
)
def test_exactly_one_number_of_a_row_is_primary(tmp_path, cells, quantity, value):
    row = read_one(tmp_path, **{"tokens_per_s_per_gpu": "", "tflops_per_gpu": "", "mfu_pct": "", **cells})
    assert [target.primary for target in row.targets].count(True) == 1
    assert (row.primary.quantity, row.primary.value) == (quantity, pytest.approx(value))
    assert row.primary.rate is (quantity != "step_time")


def test_a_row_without_any_number_has_a_primary_record_too(tmp_path):
    row = read_one(tmp_path, iter_time_s="")
    assert math.isnan(row.primary.value)
    assert row.refused.startswith("nothing was measured")
    refused = read_one(tmp_path, gpu="abacus")
    assert refused.primary == Target("step_time", 12.5, "s")
    assert refused.inputs == {}


@pytest.mark.parametrize(
    ("kind", "half"),
    [
        ("model FLOPs (Megatron-Bridge formula)", True),
        ("MaxText model TFLOP/s (6N + causal-attention convention)", True),
        ("model FLOPs (NeMo/Megatron formula, causal not halved)", False),
        ("MaxText model TFLOP/s", False),
        ("", False),
    ],
)
def test_published_flops_count_what_their_kind_says(tmp_path, kind, half):
    row = read_one(tmp_path, tflops_per_gpu="400", tflops_kind=kind)
    assert row.inputs.get("causal_attention_counted", False) is half


def test_memory_in_gb_is_decimal(tmp_path):
    memory = {
        kind: next(t.value for t in read_one(tmp_path, peak_mem_gib="80", mem_kind=kind).targets if t.unit == "B")
        for kind in ("torch max allocated", "nvidia-smi, GB as printed")
    }
    assert memory == {"torch max allocated": 80 * 2**30, "nvidia-smi, GB as printed": pytest.approx(80e9)}


@pytest.mark.parametrize(("gpus", "domain", "used"), [(256, 72, 64), (144, 72, 72), (36, 72, 72), (8, 8, 8), (9, 8, 3)])
def test_ranks_fill_fast_domains_evenly(gpus, domain, used):
    assert used_domain(gpus, domain) == used


def test_network_columns_override_the_accelerators_own_network():
    found = inputs(internode_gbps_per_gpu="400", gpus_per_node="4")
    assert (found["scale_out_bandwidth"], found["scale_up_size"]) == (50e9, 4)
    assert "scale_out_bandwidth" not in inputs()


@pytest.mark.parametrize(
    ("told", "record"),
    [
        ("bf16", "bf16-mixed"),
        ("fp16", "fp16-mixed"),
        ("fp8(TE)", "fp8-mixed"),
        ("mxfp8", "fp8-mixed"),
        ("fp8-cs (fp8-mx)", "fp8-mixed"),
        ("fp8+bf16", "fp8-mixed"),
        ("nvfp4", "nvfp4-mixed"),
    ],
)
def test_precisions(told, record):
    assert inputs(precision=told)["precision"] == record


def test_int8_products_stand_for_fp8_where_a_chip_has_none():
    found = inputs(gpu="TPU-v6e", precision="fp8/int8 quantised matmul", framework="MaxText (JAX)", pp="1", vp="1")
    assert (found["precision"], found["matmul_format"]) == ("fp8-mixed", "int8")


@pytest.mark.parametrize(
    ("framework", "gpu", "stack"),
    [
        ("llm-foundry/Composer FSDP", "A100-SXM-80GB", "composer-fsdp"),
        ("torchtitan", "H100-SXM-80GB", "torchtitan"),
        ("Megatron-DeepSpeed", "A100-SXM-80GB", "megatron-lm"),
        ("Megatron-LM 2021", "A100-SXM-80GB", "megatron-lm"),
        ("Megatron-LM 2023", "A100-SXM-80GB", "megatron-lm"),
        ("MegaScale (Megatron-LM 2023)", "A100-SXM-80GB", "megatron-core"),
        ("Megatron-LM (core 0.14+)", "B200-SXM", "megatron-core"),
        ("Megatron-Bridge/NeMo 26.04", "B200-SXM", "nemo"),
        ("DeepSpeed ZeRO-3 (no model parallelism)", "A100-SXM-80GB", "deepspeed-zero"),
        ("MaxText (JAX)", "TPU-v5e", "maxtext-tpu"),
        ("MaxText (JAX) FSDP(+DP)", "H100-SXM-80GB", "maxtext-gpu"),
        ("home-made", "H100-SXM-80GB", None),
    ],
)
def test_frameworks_stand_for_stacks_of_the_catalog(framework, gpu, stack):
    layout = layout_inputs({**RUN, "framework": framework, "gpu": gpu}, CATALOGS)
    assert layout.inputs.get("software_stack") == stack
    if stack:
        assert CATALOGS.get("software_stack", stack).name == stack
    else:
        assert "no software stack: 'home-made' is none of the catalog" in layout.assumed


def test_old_runs_have_unfused_attention_dropout_and_fp16():
    old = inputs(**GPT)
    assert (old["attention_kernel"], old["dropout"], old["precision"]) == ("unfused", True, "fp16-mixed")
    assert (old["sequence_parallel"], old["zero_stage"]) == (False, "0")


@pytest.mark.parametrize(
    ("told", "option", "share"),
    [
        ("none", "none", None),
        ("none(likely)", "none", None),
        ("full", "full", None),
        ("selective", "selective", None),
        ("minimal", "selective", None),
        ("qkv_proj_offloaded", "full", None),
        ("unstated (see scripts)", "none", None),
        ("see config", "none", None),
        ("unstated (rematerialization is on)", "full", None),
        ("selective (whole blocks, every 4th)", "full", 0.25),
        ("selective layer", "full", 0.5),
    ],
)
def test_recomputation(told, option, share):
    found = inputs(act_recompute=told)
    assert (found["recompute"], found.get("recompute_layer_share")) == (option, share)


def test_op_level_checkpointing_repeats_every_second_product():
    found = inputs(act_recompute="selective(op SAC)", framework="torchtitan")
    wide, narrow, inner = 4096, 1024, 14336
    repeated, whole = narrow + wide + inner, 2 * wide + 2 * narrow + 3 * inner
    assert (found["recompute"], found["recompute_layer_share"]) == ("full", pytest.approx(repeated / whole))


def test_unstated_recomputation_is_the_habit_of_the_stack():
    layout = layout_inputs({**RUN, "framework": "MaxText (JAX)", "act_recompute": "unstated"}, CATALOGS)
    assert layout.inputs["recompute"] == "full"
    assert "recompute full, which is not stated" in layout.assumed


@pytest.mark.parametrize(
    ("model", "pp", "stages"),
    [
        ("llama3.1-405b", "8", (15, 15)),
        ("llama3.1-405b", "16", (7, 7)),
        ("deepseek-v3", "16", (4, 1)),
        ("deepseek-v3", "4", (16, 13)),
        ("llama3-70b", "8", (None, None)),
    ],
)
def test_layers_that_do_not_divide_make_uneven_stages(model, pp, stages):
    found = inputs(model=model, pp=pp, tp="1", vp="1")
    assert (found.get("first_stage_layers"), found.get("last_stage_layers")) == stages


def test_an_interleaved_schedule_has_the_fewest_virtual_stages_that_divide():
    layout = layout_inputs({**RUN, "vp": "", "pp": "4", "pipeline_schedule": "interleaved where PP>1"}, CATALOGS)
    assert (layout.inputs["vpp"], layout.inputs["pipeline_schedule"]) == (2, "interleaved")
    assert "vpp = 2: an interleaved schedule whose virtual stages are not stated" in layout.assumed
    assert inputs(vp="", pp="4", pipeline_schedule="")["vpp"] == 1
    assert inputs(vp="1", pipeline_schedule="zero_bubble (ZB-1p)")["pipeline_schedule"] == "zero_bubble"


@pytest.mark.parametrize(
    ("gpu", "gpus", "steps", "tp", "cp"),
    [("H100-SXM-80GB", "8", "4", 4, 1), ("H100-SXM-80GB", "64", "1", 4, 2), ("H200-SXM-141GB", "8", "2", 1, 2)],
)
def test_a_split_that_is_not_stated_follows_from_the_batch(gpu, gpus, steps, tp, cp):
    blank = dict.fromkeys(("tp", "pp", "vp", "cp", "micro_batch_seqs"), "")
    cells = {"model": "llama2-70b", "gpu": gpu, "n_gpus": gpus, "grad_accum": steps, "global_batch_seqs": "8"}
    found = inputs(**blank, **cells)
    assert (found["tp"], found["cp"], found["micro_batch_size"]) == (tp, cp, 1)


def test_the_batch_of_a_chip_becomes_that_of_a_replica():
    cells = {"framework": "MaxText (JAX)", "n_gpus": "64", "tp": "4", "pp": "1", "vp": "", "dp": "16"}
    found = inputs(**cells, micro_batch_seqs="6", global_batch_seqs="384", grad_accum="1")
    assert found["micro_batch_size"] == 24


def test_a_pipeline_of_torchtitan_cuts_a_local_batch_into_as_many_as_it_has_stages():
    cells = {"framework": "torchtitan", "n_gpus": "512", "tp": "8", "pp": "8", "micro_batch_seqs": ""}
    assert inputs(**cells, global_batch_seqs="256")["micro_batch_size"] == 4


@pytest.mark.parametrize(
    ("told", "cells", "stage", "replicas"),
    [
        ("none", {}, "0", None),
        ("zero2", {}, "2", None),
        ("zero3(FSDP2)", {}, "3", None),
        ("", {"framework": "torchtitan"}, "3", None),
        ("zero1 (groups of 4)", {}, "1", 2),
        ("zero3 (FSDP=64..256, FSDP=128+DP above)", {"n_gpus": "4096"}, "3", 4),
        ("zero3 (FSDP=64..256, FSDP=128+DP above)", {"n_gpus": "2048"}, "3", None),
        ("zero3(FSDP over ICI); DP over DCN between slices", {"gpus_per_node": "32"}, "3", 2),
    ],
)
def test_sharding(told, cells, stage, replicas):
    found = inputs(sharding=told, **{"global_batch_seqs": "4096", **cells})
    assert (found["zero_stage"], found.get("dp_replicate")) == (stage, replicas)


def test_fine_tuning_freezes_the_weights():
    lora = inputs(task="lora", notes="LoRA rank16 attention-only")
    assert (lora["frozen_share"], lora["lora_rank"]) == (1.0, 16)
    assert "frozen_share" not in inputs(task="sft")


def test_columns_named_like_inputs_win():
    found = inputs(
        network="hgx-h100-roce-400", head_dim="64", dropout="true", micro_batch_size="4", first_stage_layers="7"
    )
    assert (found["network"], found["head_dim"], found["dropout"]) == ("hgx-h100-roce-400", 64.0, True)
    assert (found["micro_batch_size"], found["first_stage_layers"]) == (4.0, 7.0)


def test_context_parallelism_by_heads_is_told_in_notes():
    assert inputs(notes="CP=a2a; x")["cp_exchange"] == "all_to_all"
    assert "cp_exchange" not in inputs()


MEASURED = Path(__file__).resolve().parents[3] / "shared" / "measured"


@pytest.mark.skipif(not MEASURED.is_dir(), reason="the published tables are no part of this repository")
def test_published_rows_are_covered():
    rows = [row for row in read_measured(MEASURED / "training.csv", CATALOGS) if row.confidence != "low"]
    told = [row for row in rows if "is in no catalog and the row does not state" not in row.refused]
    assert sum(not row.refused for row in told) >= 0.9 * len(told)

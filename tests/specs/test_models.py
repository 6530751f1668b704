"""The shipped model records: their parameter counts against the published ones, their names and their structure."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import rooflax
from rooflax.specs.catalog import Record, open_catalogs, read_record
from rooflax.specs.leaves.model import LEAVES

FOLDER = Path(rooflax.__path__[0]) / "specs" / "catalog" / "model"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
TWO_DIGITS = "the source prints two digits"
"""Largest relative difference of the total where it is above 1 %, and why."""
TOTAL = {
    "gpt-3-350m": (0.018, TWO_DIGITS),
    "gpt-3-1.3b": (0.013, TWO_DIGITS),
    "gpt-3-2.7b": (0.019, TWO_DIGITS),
    "megatron-gpt-1.7b": (0.029, TWO_DIGITS),
    "megatron-gpt-3.6b": (0.011, TWO_DIGITS),
    "opt-1.3b": (0.013, TWO_DIGITS),
    "opt-13b": (0.012, TWO_DIGITS),
    "qwen3-1.7b": (0.013, TWO_DIGITS),
    "llama-4-scout": (0.012, "the published total includes the vision encoder"),
    "kimi-k2": (0.014, "the report prints 1.04 T, its dimensions give 1.026 T"),
}
"""Parameters that are published but that no field describes, or that are published twice, added before comparing."""
EXTRA = {
    "falcon-7b": "head counted beside the tied embedding",
    "falcon-40b": "head counted beside the tied embedding",
    "falcon-180b": "head counted beside the tied embedding",
    "chinchilla-70b": "relative positions",
    "gopher-280b": "relative positions",
}
ACTIVE_WITHOUT_EMBEDDING = ("deepseek-v2-lite", "gpt-oss-20b", "gpt-oss-120b")
EXACT = """
    bloom-560m bloom-3b bloom-7b1 bloom-176b gpt-neox-20b pythia-160m pythia-410m pythia-1b pythia-1.4b
    pythia-2.8b pythia-6.9b pythia-12b gemma-2b gemma-7b gemma-2-2b gemma-2-9b gemma-2-27b
"""
MEASURED_SPELLINGS = """
    llama2-7b llama2-13b llama2-70b llama3-8b llama3-70b llama3.1-405b llama4-scout llama4-maverick mistral-7b
    mixtral-8x7b mixtral-8x22b deepseek-v2-lite deepseek-v2 deepseek-v3 kimi-k2 gemma-2b gemma-7b gemma2-2b
    gemma2-9b gemma2-27b gemma3-4b gemma3-12b gemma3-27b gpt-oss-20b gpt-oss-120b gpt3-175b olmo3-7b olmo3-32b
    qwen2.5-1.5b qwen2.5-7b qwen2.5-14b qwen3-0.6b qwen3-1.7b qwen3-4b qwen3-8b qwen3-14b qwen3-32b
    qwen3-30b-a3b qwen3-235b-a22b qwen3-coder-480b-a35b gpt2 gpt2-medium gpt2-large gpt2-xl gptj-6b bloom-176b
    bloom-7b1 opt-1.3b opt-6.7b opt-13b opt-66b opt-175b llama1-7b llama1-13b llama1-33b llama1-65b gpt-neox-20b
    mpt-7b mpt-30b mt-nlg-530b nemotron4-15b nemotron4-340b grok-1 dbrx falcon-7b falcon-40b falcon-180b phi-2
    phi-3-mini phi-4 llama3.2-1b llama3.2-3b codellama-34b qwen-72b qwen2.5-0.5b qwen2.5-3b qwen2.5-32b
    qwen2.5-72b mistral-nemo-12b mistral-small-24b mistral-large-2407 olmo2-7b olmo2-13b olmo2-32b olmoe-1b-7b
    yi-34b command-r-plus palm-540b palm-62b chinchilla-70b gopher-280b pythia-12b tinyllama-1.1b smollm3-3b
    gpt-1.7b-megatron gpt-3.6b-megatron gpt-18.4b-megatron gpt-39.1b-megatron gpt-145.6b-megatron
    gpt-174.6b-megatron gpt-310.1b-megatron gpt-529.6b-megatron gpt-1008.0b-megatron gpt-22b-megatron
    gpt-175b-megatron gpt-530b-megatron gpt-1t-megatron Qwen3-32B Llama_2_70B llama-3.1-8b
"""


@cache
def record(name: str) -> Record:
    return read_record(FOLDER / f"{name}.yaml", "model")


def values(record: Record) -> dict[str, float]:
    """Every leaf of a record, defaults included."""
    defaults = {leaf.name: leaf.default_value for leaf in LEAVES if not leaf.required}
    return defaults | {name: field.value for name, field in record.fields.items()}


def parameters(v: dict[str, float]) -> tuple[float, float]:
    """Total and active parameters, counted matrix by matrix in plain Python, without biases of the experts."""
    h, a, d = v["hidden_size"], v["num_attention_heads"], v["head_dim"]
    norm = h * (1 + v["norm_bias"])
    outside = (2 - v["tied_embeddings"]) * v["vocab_size"] * h + v["num_position_embeddings"] * h + norm
    if v["kv_lora_rank"]:
        query, rank = v["qk_nope_head_dim"] + v["qk_rope_head_dim"], v["kv_lora_rank"]
        attention = h * a * query
        if v["q_lora_rank"]:
            attention = v["q_lora_rank"] * (h + 1 + a * query)
        attention += h * (rank + v["qk_rope_head_dim"]) + rank
        attention += rank * a * (v["qk_nope_head_dim"] + v["v_head_dim"]) + a * v["v_head_dim"] * h
    else:
        kv = v["num_key_value_heads"]
        attention = 2 * h * a * d + 2 * h * kv * d
        attention += v["qkv_bias"] * (a + 2 * kv) * d + v["attention_output_bias"] * h
    matrices = 2 + v["gated_mlp"]
    dense = matrices * h * v["intermediate_size"] + v["mlp_bias"] * ((matrices - 1) * v["intermediate_size"] + h)
    layers = v["num_layers"]
    total = active = outside + layers * (attention + v["norms_per_layer"] * norm)
    mixtures = layers - v["num_dense_layers"] if v["num_experts"] > 1 else 0
    expert = matrices * h * v["moe_intermediate_size"]
    for_all = (layers - mixtures) * dense + mixtures * h * v["num_experts"]
    shared = v["num_shared_experts"]
    total += for_all + mixtures * (v["num_experts"] + shared) * expert
    active += for_all + mixtures * (v["experts_per_token"] + shared) * expert
    return total, active


def unseen(name: str, v: dict[str, float]) -> float:
    """The parameters of EXTRA."""
    if EXTRA.get(name) == "relative positions":
        return v["num_layers"] * v["hidden_size"] ** 2
    return v["vocab_size"] * v["hidden_size"] if name in EXTRA else 0


def test_there_are_enough_models_dense_and_mixed() -> None:
    mixtures = [name for name in NAMES if values(record(name))["num_experts"] > 1]
    assert len(NAMES) >= 64
    assert len(mixtures) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_total_parameters_are_the_published_ones(name: str) -> None:
    v = values(record(name))
    total = parameters(v)[0] + unseen(name, v)
    assert total == pytest.approx(record(name).facts["published_parameters"], rel=TOTAL.get(name, (0.01, ""))[0])


@pytest.mark.parametrize("name", [name for name in NAMES if "published_active_parameters" in record(name).facts])
def test_active_parameters_are_the_published_ones(name: str) -> None:
    v = values(record(name))
    embedding = v["vocab_size"] * v["hidden_size"] if name in ACTIVE_WITHOUT_EMBEDDING else 0
    active = parameters(v)[1] - embedding
    assert active == pytest.approx(record(name).facts["published_active_parameters"], rel=0.03)


@pytest.mark.parametrize("name", EXACT.split())
def test_total_parameters_are_exact_where_they_are_published_exactly(name: str) -> None:
    v = values(record(name))
    total = parameters(v)[0]
    if name.startswith("bloom"):
        total += 2 * v["hidden_size"]
    if name.startswith("gemma"):
        total += 128 * v["hidden_size"]
    assert total == record(name).facts["published_parameters"]


@pytest.mark.parametrize("name", sorted({*TOTAL, *EXTRA, *ACTIVE_WITHOUT_EMBEDDING}))
def test_each_exception_is_needed_and_explained(name: str) -> None:
    v = values(record(name))
    total, active = parameters(v)
    facts = record(name).facts
    far = abs(total / facts["published_parameters"] - 1) > (0.005 if name in EXTRA else 0.01)
    assert far or abs(active / facts.get("published_active_parameters", active) - 1) > 0.03
    assert re.search("print|count|include|below|give", record(name).notes)


@pytest.mark.parametrize("name", NAMES)
def test_records_hold_together(name: str) -> None:
    found, v = record(name), values(record(name))
    assert {leaf.name for leaf in LEAVES if leaf.required} <= set(found.fields)
    assert v["num_attention_heads"] % v["num_key_value_heads"] == 0
    assert v["experts_per_token"] <= v["num_experts"]
    assert v["num_dense_layers"] < v["num_layers"]
    assert v["num_sliding_layers"] <= v["num_layers"]
    assert (v["sliding_window"] > 0) == (v["num_sliding_layers"] > 0)
    assert (v["num_experts"] > 1) == (v["moe_intermediate_size"] > 0) == ("num_dense_layers" in found.fields)
    assert bool(v["kv_lora_rank"]) == bool(v["v_head_dim"]) == bool(v["qk_nope_head_dim"])
    if v["kv_lora_rank"]:
        assert v["head_dim"] == v["qk_nope_head_dim"] + v["qk_rope_head_dim"]
    assert found.facts["family"]
    assert found.notes.startswith("Published total ")
    for source in found.sources.values():
        assert source.url.startswith("https://")


def test_every_spelling_of_the_measurements_resolves() -> None:
    catalogs, spellings = open_catalogs(), MEASURED_SPELLINGS.split()
    digits = {spelling: re.sub(r"\D", "", catalogs.get("model", spelling).name) for spelling in spellings}
    renamed = {"gpt-530b-megatron": "5296", "gpt-1t-megatron": "1008", "gpt-1008.0b-megatron": "1008"}
    renamed |= {"llama-3.1-8b": "38"}
    assert digits == {spelling: renamed.get(spelling, re.sub(r"\D", "", spelling)) for spelling in spellings}


def test_a_decimal_point_tells_models_apart() -> None:
    catalogs = open_catalogs()
    assert [catalogs.get("model", name).name for name in ("opt-1.3b", "OPT 13B", "gpt3-1.3b", "gpt3-13b")] == [
        "opt-1.3b",
        "opt-13b",
        "gpt-3-1.3b",
        "gpt-3-13b",
    ]


def test_interleaved_dense_layers_are_counted() -> None:
    assert values(record("llama-4-maverick"))["num_dense_layers"] == 24
    assert values(record("deepseek-v3"))["num_dense_layers"] == 3

"""Hugging Face configurations: released ones against the shipped records, and what is said about the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rooflax
from rooflax.specs.architectures import ARCHITECTURES
from rooflax.specs.catalog import CatalogError, Record, read_record
from rooflax.specs.huggingface import record_from_config
from rooflax.specs.leaves.model import LEAVES
from rooflax.specs.problems import RooflaxError

SHIPPED = Path(rooflax.__path__[0]) / "specs" / "catalog" / "model"
CONFIGS = sorted(Path(__file__).with_name("configs").glob("*.json"))
INSTEAD = "Write the model as a record instead: a YAML file such as `rooflax show llama-2-7b` prints."
LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_attention_heads": 8,
    "num_hidden_layers": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
}
MIXTURE = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32}


def values(record: Record) -> dict[str, float]:
    """Every leaf of a record, defaults included."""
    defaults = {leaf.name: leaf.default_value for leaf in LEAVES if not leaf.required}
    return defaults | {name: field.value for name, field in record.fields.items()}


def written(folder: Path, table: Any) -> Path:
    path = folder / "tiny" / "config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(table), encoding="utf-8")
    return path


def read(folder: Path, **changes: Any) -> dict[str, float]:
    return values(record_from_config(written(folder, LLAMA | changes)))


def message(folder: Path, table: Any) -> str:
    """What is said about a configuration, without its path."""
    path = written(folder, table)
    with pytest.raises(RooflaxError) as raised:
        record_from_config(path)
    return str(raised.value).replace(str(path), "config.json")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_released_configurations_are_the_shipped_records(path: Path) -> None:
    found = read_record(path, "model")
    assert values(found) == values(read_record(SHIPPED / f"{path.stem}.yaml", "model"))
    assert found.name == path.stem
    assert {field.source for field in found.fields.values()} == {"config"}
    assert found.source_of("hidden_size").title == f"Hugging Face configuration {path.name} of {path.stem}"


def test_there_are_enough_released_configurations() -> None:
    kinds = {read_record(path, "model").facts["model_type"] for path in CONFIGS}
    assert len(CONFIGS) >= 12
    assert len(kinds) >= 20
    assert kinds <= set(ARCHITECTURES)


def test_defaults_that_were_taken_are_named(tmp_path: Path) -> None:
    table = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"}
    record = record_from_config(written(tmp_path, table))
    assert record.fields["num_key_value_heads"].value == 8
    assert record.notes == (
        "Not in the file, taken from the defaults of llama: tie_word_embeddings = false, attention_bias = false, "
        "mlp_bias = false, num_key_value_heads = num_attention_heads = 8."
    )


def test_what_no_field_describes_is_named() -> None:
    folder = Path(__file__).with_name("configs")
    notes = record_from_config(folder / "gemma-3-4b.json").notes
    assert notes.startswith("The language model only: vision and projector parameters are not counted. ")
    assert "vocab_size = 262208" in notes
    assert notes.endswith("Parameters that no field describes: query and key norms.")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"attention_bias": True}, {"qkv_bias": 1, "attention_output_bias": 1, "mlp_bias": 0}),
        ({"head_dim": 32}, {"head_dim": 32}),
        ({"head_dim": None}, {"head_dim": 8}),
        ({"model_type": "mistral"}, {"sliding_window": 4096, "num_sliding_layers": 4}),
        ({"model_type": "mistral", "sliding_window": None}, {"sliding_window": 0, "num_sliding_layers": 0}),
        ({"model_type": "gemma2", "num_hidden_layers": 5}, {"sliding_window": 4096, "num_sliding_layers": 3}),
        (
            {"model_type": "gemma3_text", "sliding_window": 16, "sliding_window_pattern": 2},
            {"sliding_window": 16, "num_sliding_layers": 2},
        ),
        (
            {"model_type": "qwen2", "use_sliding_window": True, "max_window_layers": 3, "sliding_window": 16},
            {"sliding_window": 16, "num_sliding_layers": 1, "qkv_bias": 1, "attention_output_bias": 0},
        ),
        (
            {"model_type": "qwen3_moe", **MIXTURE, "decoder_sparse_step": 2, "mlp_only_layers": [3]},
            {"num_experts": 8, "num_dense_layers": 3, "num_shared_experts": 0},
        ),
        (
            {"model_type": "qwen2_moe", **MIXTURE, "shared_expert_intermediate_size": 96},
            {"num_shared_experts": 3, "num_dense_layers": 0},
        ),
        (
            {"model_type": "glm4_moe", "first_k_dense_replace": 1, "moe_layer_freq": 2, "n_routed_experts": 8}
            | MIXTURE,
            {"num_dense_layers": 3, "num_experts": 8, "attention_output_bias": 0},
        ),
        (
            {"model_type": "falcon", "multi_query": False, "parallel_attn": False, "bias": True},
            {"num_key_value_heads": 8, "norms_per_layer": 2, "mlp_bias": 1, "intermediate_size": 256},
        ),
        (
            {"model_type": "falcon", "new_decoder_architecture": True, "n_head_kv": 4, "num_ln_in_parallel_attn": 1},
            {"num_key_value_heads": 4, "norms_per_layer": 1, "tied_embeddings": 1},
        ),
        ({"model_type": "gpt2", "n_positions": 128, "n_inner": 100}, {"intermediate_size": 100, "norm_bias": 1}),
        (
            {"model_type": "opt", "ffn_dim": 99, "max_position_embeddings": 64, "enable_bias": False},
            {"intermediate_size": 99, "num_position_embeddings": 66, "qkv_bias": 0, "mlp_bias": 0},
        ),
        (
            {
                "model_type": "llama4_text",
                "num_hidden_layers": 5,
                "interleave_moe_layer_step": 2,
                "num_local_experts": 8,
            }
            | {"num_experts_per_tok": 1, "intermediate_size_mlp": 512, "attention_chunk_size": 16},
            {"num_dense_layers": 3, "num_shared_experts": 1, "intermediate_size": 512, "moe_intermediate_size": 256}
            | {"num_sliding_layers": 4, "sliding_window": 16},
        ),
        ({"model_type": "cohere"}, {"norms_per_layer": 1, "norm_bias": 0, "tied_embeddings": 1}),
        ({"model_type": "starcoder2", "use_bias": False}, {"gated_mlp": 0, "qkv_bias": 0, "norm_bias": 1}),
    ],
    ids=lambda value: value.get("model_type") if isinstance(value, dict) else None,
)
def test_conventions_of_each_type(tmp_path: Path, changes: dict[str, Any], expected: dict[str, float]) -> None:
    found = read(tmp_path, **changes)
    assert {name: found[name] for name in expected} == expected


def test_the_name_is_that_of_the_folder(tmp_path: Path) -> None:
    assert record_from_config(written(tmp_path, LLAMA)).name == "tiny"


def test_all_missing_and_mistyped_keys_are_said_at_once(tmp_path: Path) -> None:
    table = LLAMA | {"hidden_size": "64", "num_hidden_layers": None, "tie_word_embeddings": 1}
    del table["vocab_size"]
    assert message(tmp_path, table) == (
        "4 problems in config.json\n"
        '  hidden_size: "64" was given; a whole number was expected\n'
        "  num_hidden_layers: null; a whole number was expected\n"
        "  vocab_size: missing; a whole number was expected\n"
        "  tie_word_embeddings: 1 was given; true or false was expected\n" + INSTEAD
    )


def test_an_unknown_type_lists_the_known_ones(tmp_path: Path) -> None:
    found = message(tmp_path, LLAMA | {"model_type": "mamba2"})
    assert found.startswith(
        'config.json: model_type: "mamba2" is not known; one of bloom, cohere, cohere2, deepseek_v2,'
    )
    assert found.endswith(f"starcoder2 was expected. {INSTEAD}")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"hidden_size": 60}, "head_dim: missing, and hidden_size 60 is no multiple of 8 heads"),
        ({"intermediate_size": 0}, "intermediate_size: 0 was read; a whole number at least 1 was expected"),
        ({"vocab_size": 10**80}, f"vocab_size: 1{'0' * 59}… was given; a whole number was expected"),
        ({"vocab_size": True}, "vocab_size: true was given; a whole number was expected"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers: 1000000000 was given; at most 10000 were expected"),
        (
            {"layer_types": ["linear_attention", "full_attention"] * 2, "model_type": "qwen3"},
            'layer_types: "linear_attention" was given; one of full_attention, sliding_attention, chunked_attention '
            "was expected",
        ),
        ({"layer_types": ["full_attention"] * 3}, "layer_types: 3 layers listed; 4 were expected"),
        (
            {"model_type": "mixtral", "num_experts_per_tok": 2},
            "num_local_experts: missing; a whole number was expected",
        ),
        (
            {"model_type": "qwen2_moe", **MIXTURE, "shared_expert_intermediate_size": 40},
            "shared_expert_intermediate_size: 40 was given; a multiple of moe_intermediate_size (32) was expected",
        ),
        (
            {"model_type": "qwen3_moe", **MIXTURE, "use_sliding_window": True},
            "use_sliding_window: true was given; false was expected (which layers slide is not said)",
        ),
        (
            {"model_type": "opt", "ffn_dim": 256, "max_position_embeddings": 64, "word_embed_proj_dim": 32},
            "word_embed_proj_dim: 32 was given; 64 was expected",
        ),
    ],
)
def test_each_problem_names_its_key(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    assert message(tmp_path, LLAMA | changes) == f"1 problem in config.json\n  {problem}\n{INSTEAD}"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([], "config.json: a Hugging Face configuration is a JSON object with `model_type`"),
        (
            LLAMA | {"quantization_config": {"quant_method": "fp8"}},
            "config.json: quantization_config: the weights are stored as fp8, which a model record does not hold. "
            "Remove this key and choose the widths with `precision`.",
        ),
        (
            {"model_type": "gemma3"},
            "config.json: text_config: missing; the language model of 'gemma3' was expected there",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, table: Any, expected: str) -> None:
    assert message(tmp_path, table) == expected


@pytest.mark.parametrize("kind", [None, 7, ["llama"], "gpt3"])
def test_a_model_type_of_any_shape_is_refused_in_words(tmp_path: Path, kind: Any) -> None:
    what = "missing" if kind is None else f"{json.dumps(kind)} is not known"
    assert message(tmp_path, LLAMA | {"model_type": kind}).startswith(f"config.json: model_type: {what}; one of bloom,")


def test_text_that_is_not_json_is_located(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "llama",\n}', encoding="utf-8")
    with pytest.raises(CatalogError) as raised:
        record_from_config(path)
    assert str(raised.value).startswith(f"{path}:")
    assert "not valid JSON" in str(raised.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as raised:
        record_from_config(tmp_path / "config.json")
    assert str(raised.value) == f"{tmp_path / 'config.json'}: there is no such file"

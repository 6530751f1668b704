"""The model of a measured row: its dimensions, its catalog record, and what the two leave open."""

from __future__ import annotations

import pytest

from rooflax.specs.catalog import open_catalogs
from rooflax.specs.measured.layouts import layout_inputs

CATALOGS = open_catalogs()
RUN = {
    "model": "llama3-8b",
    "gpu": "H100-SXM-80GB",
    "n_gpus": "64",
    "framework": "NeMo 24.09",
    "seq_len": "8192",
    "global_batch_seqs": "512",
    "tp": "2",
    "pp": "4",
    "vp": "2",
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


def inputs(**cells: str) -> dict[str, object]:
    layout = layout_inputs({**RUN, **cells}, CATALOGS)
    assert layout.refused == ""
    return dict(layout.inputs)


def test_stated_dimensions_win_over_the_record_of_the_model():
    cut = inputs(model="llama3.1-405b-proxy8L", layers="8", d_model="16384", n_heads="128", d_ff="53248", pp="1")
    assert (cut["model"], cut["num_layers"]) == ("llama-3.1-405b", 8)
    assert "hidden_size" not in cut
    other = inputs(model="llama3-8b", layers="8", d_model="512", n_heads="8", d_ff="2048", gated_mlp="1", vocab="32000")
    assert "model" not in other
    assert (other["hidden_size"], other["head_dim"], other["num_key_value_heads"]) == (512, 64, 8)


def test_a_mixture_cut_to_fewer_layers_keeps_the_dense_layers_its_notes_tell():
    cells = {"model": "deepseekv3-cut-4L", "layers": "4", "pp": "1", "tp": "1", "vp": "1"}
    assert inputs(**cells, notes="formal rows use dense_layers=1")["num_dense_layers"] == 1
    assert inputs(**cells)["num_dense_layers"] == 3
    assert "num_mtp_layers" not in inputs(**cells)


@pytest.mark.parametrize(
    ("notes", "framework", "modules"),
    [("", "Megatron-Bridge/NeMo 26.02", 1), ("w/o MTP; x", "Megatron-Bridge/NeMo 25.11", 0), ("w/ MTP", "other", 1)],
)
def test_prediction_modules_follow_notes_or_the_recipe(notes, framework, modules):
    cells = {"model": "deepseek-v3", "pp": "4", "tp": "1", "vp": "4"}
    assert inputs(**cells, notes=notes, framework=framework)["num_mtp_layers"] == modules


def test_a_model_that_only_dimensions_describe_is_a_gpt_where_they_say_so():
    layout = layout_inputs({**RUN, **GPT}, CATALOGS)
    found = layout.inputs
    assert (found["intermediate_size"], found["head_dim"], found["vocab_size"]) == (4096, 64, 50432)
    assert found["num_position_embeddings"] == 1024
    assert found["gated_mlp"] is False
    flags = ("qkv_bias", "attention_output_bias", "mlp_bias", "norm_bias", "tied_embeddings")
    assert all(found[name] is True for name in flags)
    assert "vocab = 50432, the tokens of GPT-2 padded to a multiple of 128 tp" in layout.assumed


@pytest.mark.parametrize(
    ("cells", "gated", "head_dim"),
    [
        (dict(params_b="22", layers="48", d_model="6144", n_heads="24", d_ff="24576", vocab="32000"), False, 256),
        (dict(params_b="128", layers="64", d_model="8192", n_heads="128", d_ff="57344", vocab="32000"), True, 128),
        (dict(params_b="39.1", layers="48", d_model="8192", n_heads="64", d_ff="32768", vocab="51200"), False, 128),
        (dict(params_b="6.7", layers="32", d_model="4096", n_heads="32", d_ff="11008", vocab="32000"), True, 128),
    ],
)
def test_the_number_of_parameters_tells_gates_and_heads(cells, gated, head_dim):
    found = inputs(**{**GPT, **cells, "seq_len": "2048"})
    assert (found["gated_mlp"], found["head_dim"]) == (gated, head_dim)


def test_a_table_of_positions_is_not_taken_for_wider_heads():
    cells = dict(
        params_b="0.17407", layers="12", d_model="768", n_heads="12", d_ff="3072", gated_mlp="0", vocab="50368"
    )
    assert inputs(**{**GPT, **cells, "seq_len": "65536"})["head_dim"] == 64

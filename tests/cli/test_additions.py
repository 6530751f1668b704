"""What a user adds without a change to the package: a cost model with a leaf of its own, a machine, a model."""

from __future__ import annotations

import json

import pytest

MODELS = '''
"""The power a cluster draws."""
from typing import Annotated

from jax import Array

from rooflax.kernels.annotations import Count, Unit
from rooflax.kernels.registry import cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf

Watts = Annotated[Array, Unit("W")]
LEAVES = (Leaf("cooling_factor", "1", Kind.CONTINUOUS, "Power of the hall over that of its GPUs", Group.TRAINING,
               low=1.0, default=1.25, reason="a hall of mine"),)


@cost_model(
    formula=r"f\\,n\\,P",
    source="definition: all GPUs at their limit, and the cooling",
    example=dict(world_size=8, tdp=400.0, cooling_factor=1.5, expect=4800.0),
)
def cluster_power(world_size: Count, tdp: Watts, cooling_factor: Count) -> Watts:
    """Power of the cluster."""
    return world_size * tdp * cooling_factor
'''

GPU = """\
name: my-gpu
title: My GPU
confidence: low
network: dgx-h100
sources: {page: {title: My page, url: "https://example.org", date: "2025"}}
source: page
fields:
  peak_flops_bf16: 500 TFLOP/s
  peak_flops_fp16: 500 TFLOP/s
  peak_flops_fp32: 50 TFLOP/s
  hbm_capacity: 96 GB
  hbm_bandwidth: 4 TB/s
  tdp: 500 W
"""

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 512, "intermediate_size": 1024,
    "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 2048, "tie_word_embeddings": False, "hidden_act": "silu",
}  # fmt: skip


@pytest.fixture
def models(tmp_path):
    path = tmp_path / "power.py"
    path.write_text(MODELS)
    return path


@pytest.fixture
def catalog(tmp_path):
    folder = tmp_path / "mine" / "hardware"
    folder.mkdir(parents=True)
    (folder / "my-gpu.yaml").write_text(GPU)
    return folder.parent


def test_a_cost_model_and_a_leaf_of_ones_own(rooflax, models, spec):
    given = ("--set", "world_size=16", "--set", "hardware=a100-sxm-80gb")
    done = rooflax("eval", "cluster_power", *given, "--models", models, "--json")
    assert done.json == {"cluster_power": {"value": 16 * 400 * 1.25, "unit": "W", "status": 0}}
    done = rooflax("eval", "cluster_power", *given, "--set", "cooling_factor=1.5", "--models", models)
    assert done.out == "cluster_power = 9.6 kW\n"
    assert "cooling_factor" in rooflax("show", "cluster_power", "--models", models).out
    assert "a hall of mine" in rooflax("show", "cooling_factor", "--models", models).out
    assert "cluster_power" in rooflax("list", "quantities", "--models", models).out
    assert rooflax("eval", "cluster_power", *given).code == 2
    settings = ("--set", "outputs=[cluster_power, step_time]", "--set", "cooling_factor=[1, 1.5]")
    done = rooflax("run", spec, *settings, "--models", models)
    assert done.code == 0, done.err
    (first, *_) = rooflax(
        "best", "runs/small.zarr", "--minimize", "cluster_power", "--over", "tp,pp,cooling_factor", "--json"
    ).json
    assert (first["cluster_power"], first["cooling_factor"]) == (6400, 1)
    (best, *_) = rooflax("explain", "cluster_power", *given, "--models", models).out.splitlines()
    assert "cluster_power = 8 kW" in best


def test_a_machine_of_ones_own(rooflax, catalog, point):
    done = rooflax("eval", "step_time", *point, "--set", "hardware=my-gpu", "--catalog", catalog)
    assert done.code == 0
    assert done.told == "note: hardware my-gpu: confidence: low; `rooflax show my-gpu` tells its sources\n"
    assert "my-gpu" in rooflax("list", "hardware", "--catalog", catalog).out
    assert "hbm_bandwidth = 4 TB/s  [page]" in rooflax("show", "my-gpu", "--catalog", catalog).out
    assert rooflax("eval", "step_time", *point, "--set", "hardware=my-gpu").code == 2


def test_a_spec_names_its_own_catalog_and_model(rooflax, catalog, spec, tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text(json.dumps(CONFIG))
    text = spec.read_text().replace(
        "model: llama-2-13b, hardware: a100-sxm-80gb", "model: tiny/config.json, hardware: my-gpu"
    )
    spec.write_text(text + "catalog: [mine]\n")
    done = rooflax("run", spec)
    assert done.code == 0, done.err
    plan = rooflax("plan", spec, "--json").json
    origins = {entry["name"]: entry for entry in plan["inputs"]}
    assert origins["hidden_size"]["value"] == "512"
    assert origins["hbm_bandwidth"] == {"name": "hbm_bandwidth", "value": "4 TB/s", "origin": "hardware my-gpu"}
    assert plan["points"] == 24


def test_a_broken_record_of_ones_own_is_located(rooflax, catalog, point):
    path = catalog / "hardware" / "my-gpu.yaml"
    path.write_text(GPU.replace("4 TB/s", "4 TB").replace("hbm_capacity", "hbm_capazity"))
    done = rooflax("eval", "step_time", *point, "--set", "hardware=my-gpu", "--catalog", catalog)
    assert done.code == 2
    assert "my-gpu.yaml" in done.err
    assert "hbm_capazity" in done.err
    assert "4 TB" in done.err

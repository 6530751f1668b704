"""Rules of thumb of the document's text as quantities: shards, stages, checkpoints, memory and the cache of a token."""

from __future__ import annotations

import math

from ....specs.vocabulary import Group, Kind, Leaf
from ...annotations import Bytes, Count, Number
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model
from .serving_inputs import Gigabytes

NAMESPACE = "rules"

_SHARDING = "definition: document 004, section 6 (sharding strategies)"
_SUMMARY = "definition: document 004, summary"

LEAVES = (
    Leaf("matrix_columns", "1", Kind.COUNT, "Columns of a weight matrix", Group.MODEL, low=-math.inf),
    Leaf("saved_parts", "1", Kind.COUNT, "Activation checkpoints", Group.TRAINING, low=0),
)


@cost_model(
    formula=r"c / t",
    source=_SHARDING,
    example=dict(matrix_columns=4096, tp_size=4, expect=1024.0),
    undefined="no GPU shares the matrix",
)
def tp_shard_columns(matrix_columns: Count, tp_size: Count) -> Count:
    """Columns of a weight matrix on one GPU, as published."""
    return ratio(matrix_columns, tp_size, jnp.nan)


@cost_model(
    formula=r"L / p",
    source=_SHARDING,
    example=dict(num_layers=32, pp_size=4, expect=8.0),
    undefined="no GPU holds a layer",
)
def pp_stage_layers(num_layers: Count, pp_size: Count) -> Count:
    """Layers on one GPU, as published."""
    return ratio(num_layers, pp_size, jnp.nan)


@cost_model(
    formula=r"\frac{1}{C + 1}",
    source=_SHARDING,
    example=dict(saved_parts=3, expect=0.25),
)
def memory_saved_share(saved_parts: Count) -> Number:
    """Share of the activations that C checkpoints save, by the document's text."""
    return 1 / (saved_parts + 1.0)


@cost_model(
    formula=r"20 \cdot 2 P_b",
    source=_SUMMARY,
    example=dict(params_b=70, expect=2800.0),
    errata=(
        Erratum(
            "I4.8",
            wrong="model, gradients, optimizer and activations are about 20 times the model: 40 B a parameter",
            right="16 or 18 B a parameter, then the activations: `memory_per_gpu`",
            why="the document's memory function gives 32 B without and 18 B with recomputation",
        ),
    ),
)
def memory_20x_gb(params_b: Number) -> Gigabytes:
    """Memory of training as 20 times the model, by the document's text."""
    return params_b * 2.0 * 20


@cost_model(
    formula=r"2 \cdot L\,k\,d_h \cdot 2",
    source="definition: document 004, section 9, with key/value heads instead of the model's width",
    example=dict(num_layers=80, num_key_value_heads=8, head_dim=128, expect=327680.0),
)
def kv_cache_per_token_corrected(num_layers: Count, num_key_value_heads: Count, head_dim: Count) -> Bytes:
    """Key/value cache of one token with grouped heads, put right."""
    return 4.0 * num_layers * num_key_value_heads * head_dim

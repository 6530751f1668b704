"""Weights, gradients and optimizer states on one GPU, for the pipeline stage that needs most memory.

Tensor parallelism splits every matrix, pipeline parallelism the layers, expert parallelism the routed experts. Norms
and biases are replicated over tensor parallel ranks. The first stage also holds the input embeddings, the last one
the head; tied embeddings are held by both.
"""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Bytes, Choice, Count, Flag, Number
from .registry import constraint, cost_model

_MIXED = dict(weight_width=2, gradient_width=4, master_width=4, optimizer_width=8)


@cost_model(
    formula=r"\frac{W_{shared}/t + v}{p}",
    source="shoeybi-et-al-2019, sec. 3; narayanan-et-al-2021, sec. 3",
    example=dict(shared_layer_weights=68451041280, layer_vectors=1318912, tp=8, pp=4, expect=2139424768.0),
)
def layer_parameters_per_gpu(shared_layer_weights: Count, layer_vectors: Count, tp: Count, pp: Count) -> Count:
    """Parameters of the layers of one stage on one GPU, without routed experts."""
    return (shared_layer_weights / tp + layer_vectors) / pp


@cost_model(
    formula=r"\frac{W_{routed}}{t\,p\,e}",
    source="lepikhin-et-al-2020, sec. 3; tensor parallelism splits every expert",
    example=dict(routed_expert_parameters=45097156608, tp=1, pp=2, ep=8, expect=2818572288.0),
)
def expert_parameters_per_gpu(routed_expert_parameters: Count, tp: Count, pp: Count, ep: Count) -> Count:
    """Parameters of routed experts on one GPU."""
    return routed_expert_parameters / (tp * pp * ep)


@cost_model(
    formula=r"\left((V+P)h + [p = 1][\text{untied}]\,hV\right)/t",
    source="narayanan-et-al-2021, sec. 3 (the first stage holds the embeddings)",
    example=dict(
        embedding_parameters=262144000, lm_head_weights=262144000, tied_embeddings=0, tp=8, pp=1, expect=65536000.0
    ),
)
def first_stage_edge_parameters(
    embedding_parameters: Count, lm_head_weights: Count, tied_embeddings: Flag, tp: Count, pp: Count
) -> Count:
    """Parameters outside the layers on a GPU of the first stage."""
    head = jnp.where(pp > 1, 0.0, (1 - tied_embeddings) * lm_head_weights)
    return (embedding_parameters + head) / tp


@cost_model(
    formula=r"\left([p > 1]\,hV + [p = 1]\,(\ldots)\right)/t",
    source="narayanan-et-al-2021, sec. 3 (the last stage holds the head, tied or not)",
    example=dict(lm_head_weights=262144000, first_stage_edge_parameters=65536000, tp=8, pp=4, expect=32768000.0),
)
def last_stage_edge_parameters(
    lm_head_weights: Count, first_stage_edge_parameters: Count, tp: Count, pp: Count
) -> Count:
    """Parameters outside the layers on a GPU of the last stage."""
    return jnp.where(pp > 1, lm_head_weights / tp, first_stage_edge_parameters)


@cost_model(
    formula=r"P_{layers} + P_{edge} \text{ of the worst stage}",
    source="definition: parameters on one GPU, routed experts apart",
    example=dict(
        layer_parameters_per_gpu=2139424768,
        first_stage_edge_parameters=32768000,
        last_stage_edge_parameters=32768000,
        worst_stage_is_last=0,
        expect=2172192768.0,
    ),
)
def shared_parameters_per_gpu(
    layer_parameters_per_gpu: Count,
    first_stage_edge_parameters: Count,
    last_stage_edge_parameters: Count,
    worst_stage_is_last: Flag,
) -> Count:
    """Parameters on one GPU of the worst stage, without routed experts."""
    edge = jnp.where(worst_stage_is_last > 0, last_stage_edge_parameters, first_stage_edge_parameters)
    return layer_parameters_per_gpu + edge


@cost_model(
    formula=r"P_{shared} + P_{experts}",
    source="definition: parameters on one GPU",
    example=dict(shared_parameters_per_gpu=2172192768, expert_parameters_per_gpu=0, expect=2172192768.0),
    terms=("shared_parameters_per_gpu", "expert_parameters_per_gpu"),
)
def parameters_per_gpu(shared_parameters_per_gpu: Count, expert_parameters_per_gpu: Count) -> Count:
    """Parameters on one GPU of the worst stage, before any ZeRO sharding."""
    return shared_parameters_per_gpu + expert_parameters_per_gpu


@cost_model(
    formula=r"d\,c",
    source="definition: ranks that hold equal weights and see different tokens",
    example=dict(dp=16, cp=2, expect=32.0),
)
def shard_degree(dp: Count, cp: Count) -> Count:
    """Ranks over which ZeRO shards."""
    return dp * cp


@cost_model(
    formula=r"\max(1, d\,c/e)",
    source="definition: ranks that hold the same experts; expert parallelism regroups the data and context ranks",
    example=dict(dp=16, cp=2, ep=8, expect=4.0),
)
def expert_shard_degree(dp: Count, cp: Count, ep: Count) -> Count:
    """Ranks over which ZeRO shards routed experts."""
    return jnp.maximum(dp * cp / ep, 1.0)


@cost_model(
    formula=r"P_s/d_s + P_e/d_e \text{ from stage 1 on}",
    source="rajbhandari-et-al-2020, sec. 5.1",
    example=dict(
        shared_parameters_per_gpu=2.2e9,
        expert_parameters_per_gpu=0,
        shard_degree=16,
        expert_shard_degree=16,
        zero_stage=1,
        expect=1.375e8,
    ),
)
def updated_parameters_per_gpu(
    shared_parameters_per_gpu: Count,
    expert_parameters_per_gpu: Count,
    shard_degree: Count,
    expert_shard_degree: Count,
    zero_stage: Choice,
) -> Count:
    """Parameters whose optimizer states one GPU holds and updates."""
    return sharded(
        shared_parameters_per_gpu, expert_parameters_per_gpu, shard_degree, expert_shard_degree, zero_stage >= 1
    )


def sharded(shared: Count, experts: Count, degree: Count, expert_degree: Count, on: Flag) -> Count:
    """Parameters left on one rank where sharding is `on`."""
    return shared / jnp.where(on, degree, 1.0) + experts / jnp.where(on, expert_degree, 1.0)


@cost_model(
    formula=r"w\,(P_s/d_s + P_e/d_e) + [\text{stage 3}]\,2w\,\frac{p}{L}\left(P_{layers}[d_s > 1] + P_e[d_e > 1]\right)",
    source="rajbhandari-et-al-2020, sec. 5.3; zhao-et-al-2023, sec. 4 (the layer at work and the next one are gathered)",
    example=dict(
        shared_parameters_per_gpu=2172192768,
        expert_parameters_per_gpu=0,
        layer_parameters_per_gpu=2139424768,
        layers_per_stage=20,
        shard_degree=16,
        expert_shard_degree=16,
        zero_stage=1,
        weight_width=2,
        expect=4344385536.0,
    ),
)
def weight_memory(
    shared_parameters_per_gpu: Count,
    expert_parameters_per_gpu: Count,
    layer_parameters_per_gpu: Count,
    layers_per_stage: Count,
    shard_degree: Count,
    expert_shard_degree: Count,
    zero_stage: Choice,
    weight_width: Bytes,
) -> Bytes:
    """Memory of the weights on one GPU.

    ZeRO stage 3 holds a shard of everything and, gathered, the layer at work and the prefetched next one.
    """
    on = zero_stage >= 3
    held = sharded(shared_parameters_per_gpu, expert_parameters_per_gpu, shard_degree, expert_shard_degree, on)
    shared = jnp.where(on & (shard_degree > 1), layer_parameters_per_gpu, 0.0)
    experts = jnp.where(on & (expert_shard_degree > 1), expert_parameters_per_gpu, 0.0)
    gathered = jnp.minimum(2.0, layers_per_stage) / layers_per_stage * (shared + experts)
    return weight_width * (held + gathered)


@cost_model(
    formula=r"g\,(P_s/d_s + P_e/d_e) \text{ from stage 2 on}",
    source="rajbhandari-et-al-2020, sec. 5.2",
    example=dict(
        shared_parameters_per_gpu=2172192768,
        expert_parameters_per_gpu=0,
        shard_degree=16,
        expert_shard_degree=16,
        zero_stage=1,
        gradient_width=4,
        expect=8688771072.0,
    ),
)
def gradient_memory(
    shared_parameters_per_gpu: Count,
    expert_parameters_per_gpu: Count,
    shard_degree: Count,
    expert_shard_degree: Count,
    zero_stage: Choice,
    gradient_width: Bytes,
) -> Bytes:
    """Memory of the gradients on one GPU."""
    on = zero_stage >= 2
    return gradient_width * sharded(
        shared_parameters_per_gpu, expert_parameters_per_gpu, shard_degree, expert_shard_degree, on
    )


@cost_model(
    formula=r"(o + w_m)\,P_{opt}",
    source="rajbhandari-et-al-2020, sec. 3.1 and 5.1",
    example=dict(updated_parameters_per_gpu=1.375e8, optimizer_width=8, master_width=4, expect=1.65e9),
)
def optimizer_memory(updated_parameters_per_gpu: Count, optimizer_width: Bytes, master_width: Bytes) -> Bytes:
    """Memory of moments and master weights on one GPU."""
    return (optimizer_width + master_width) * updated_parameters_per_gpu


@cost_model(
    formula=r"\frac{w}{d_3} + \frac{g}{d_2} + \frac{o + w_m}{d_1},\ d_k = d \text{ from stage } k \text{ on, else } 1",
    source="rajbhandari-et-al-2020, sec. 5 (16 bytes with no sharding, 4 + 12/d, 2 + 14/d, 16/d)",
    example=dict(shard_degree=64, zero_stage=1, **_MIXED, expect=6.1875),
)
def state_bytes_per_parameter(
    shard_degree: Count,
    zero_stage: Choice,
    weight_width: Bytes,
    gradient_width: Bytes,
    optimizer_width: Bytes,
    master_width: Bytes,
) -> Bytes:
    """Bytes of model states per parameter on one rank."""
    return state_bytes(shard_degree, zero_stage, weight_width, gradient_width, optimizer_width + master_width)


def state_bytes(degree: Count, stage: Choice, weight: Bytes, gradient: Bytes, optimizer: Bytes) -> Bytes:
    """Bytes per parameter when ZeRO of the given stage shards over `degree` ranks."""
    return (
        weight / jnp.where(stage >= 3, degree, 1.0)
        + gradient / jnp.where(stage >= 2, degree, 1.0)
        + optimizer / jnp.where(stage >= 1, degree, 1.0)
    )


@constraint(
    legal=True,
    message="the precision has no gradients ({gradient_width} each) or no optimizer states: it describes serving only",
    formula=r"\min(g, o) > 0",
    source="definition: records of inference presets leave the widths of training at 0",
    example=dict(gradient_width=0.0, optimizer_width=8.0, expect=-1.0),
)
def trains_in_precision(gradient_width: Bytes, optimizer_width: Bytes) -> Number:
    """Whether the precision describes training."""
    return jnp.where(jnp.minimum(gradient_width, optimizer_width) > 0, 0.0, -1.0)

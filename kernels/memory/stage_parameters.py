"""Parameters on one GPU of the first, a middle and the last pipeline stage.

Tensor parallelism splits matrices, expert parallelism the routed experts; norms, biases and routers are replicated.
The first stage also holds the input embeddings, the last one the head; tied embeddings are held by both. Of the stages
between, the one meant needs most. With one stage, first and last are the same.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Choice, Count, Flag
from ..arrays import jnp
from ..example_inputs import DEEPSEEK_V3_LAYERS, LLAMA_70B_LAYERS
from ..registry import cost_model
from ..training.pipeline import DUALPIPE

_ROUNDING = 1e-6
"""Share of a stage by which leading dense layers may reach into it and not count."""


@cost_model(
    formula=r"W_{mix}/t + v_{mix}",
    source="shoeybi-et-al-2019, sec. 3 (matrices are split, norms replicated)",
    example=dict(mixer_weights=150994944, mixer_vectors=16384, tp=8, expect=18890752.0),
)
def mixer_parameters_per_gpu(mixer_weights: Count, mixer_vectors: Count, tp: Count) -> Count:
    """Parameters of one layer on one GPU, without its feed-forward."""
    return mixer_weights / tp + mixer_vectors


@cost_model(
    formula=r"W_{mlp}/t + v_{mlp}",
    source="shoeybi-et-al-2019, sec. 3",
    example=dict(dense_mlp_weights=704643072, dense_mlp_vectors=0, tp=8, expect=88080384.0),
)
def dense_mlp_parameters_per_gpu(dense_mlp_weights: Count, dense_mlp_vectors: Count, tp: Count) -> Count:
    """Parameters of one dense feed-forward on one GPU."""
    return dense_mlp_weights / tp + dense_mlp_vectors


@cost_model(
    formula=r"[L_{moe} > 0]\left(E_s W_e/t + h\,E\right)",
    source="definition: shared experts are split as a dense feed-forward is, the router is replicated",
    example=dict(
        hidden_size=7168, expert_weights=44040192, num_experts=256, num_shared_experts=1, num_moe_layers=58, tp=8,
        expect=7340032.0,
    ),
)  # fmt: skip
def moe_shared_parameters_per_gpu(
    hidden_size: Count,
    expert_weights: Count,
    num_experts: Count,
    num_shared_experts: Count,
    num_moe_layers: Count,
    tp: Count,
) -> Count:
    """Parameters of one mixture on one GPU, without its routed experts."""
    shared = num_shared_experts * expert_weights / tp + hidden_size * num_experts
    return jnp.where(num_moe_layers > 0, shared, 0.0)


@cost_model(
    formula=r"[L_{moe} > 0]\,\frac{E\,W_e}{e\,t_e}",
    source="lepikhin-et-al-2020, sec. 3; expert tensor parallelism splits every expert",
    example=dict(num_experts=256, expert_weights=44040192, num_moe_layers=58, ep=64, expert_tp=1, expect=176160768.0),
)
def routed_parameters_per_gpu(
    num_experts: Count, expert_weights: Count, num_moe_layers: Count, ep: Count, expert_tp: Count
) -> Count:
    """Parameters of the routed experts of one layer on one GPU."""
    return jnp.where(num_moe_layers > 0, num_experts * expert_weights / (ep * expert_tp), 0.0)


@cost_model(
    formula=r"(V + P)\,h/t",
    source="shoeybi-et-al-2019, sec. 3 (the vocabulary is split)",
    example=dict(embedding_parameters=262144000, tp=8, expect=32768000.0),
)
def embedding_parameters_per_gpu(embedding_parameters: Count, tp: Count) -> Count:
    """Parameters of the input embeddings on one GPU."""
    return embedding_parameters / tp


@cost_model(
    formula=r"h\,V/t",
    source="shoeybi-et-al-2019, sec. 3 (the vocabulary is split)",
    example=dict(lm_head_weights=262144000, tp=8, expect=32768000.0),
)
def head_parameters_per_gpu(lm_head_weights: Count, tp: Count) -> Count:
    """Parameters of the language-model head on one GPU."""
    return lm_head_weights / tp


class LayerKinds(NamedTuple):
    """Layers of the whole model, and how many of them are mixtures."""

    num_layers: Count
    num_moe_layers: Count


def mixtures_of_stage(kinds: LayerKinds, layers: Count, before: Count) -> Count:
    """Mixtures among the `layers` of a stage that has `before` layers in front of it.

    Dense layers of a mixture lead where they are fewer than half of all (DeepSeek); otherwise they alternate with
    mixtures (Llama 4).
    """
    dense = kinds.num_layers - kinds.num_moe_layers
    leading = jnp.clip(dense - before, 0.0, layers)
    spread = layers * dense / kinds.num_layers
    return layers - jnp.where(2 * dense < kinds.num_layers, leading, spread)


@cost_model(
    formula=r"n_1 - \min(L - L_{moe}, n_1)",
    source="deepseek-v3-2024, sec. 4.2 (dense layers lead); alternating kinds are spread evenly",
    example=dict(first_stage_layers=4, **DEEPSEEK_V3_LAYERS, expect=1.0),
)
def first_stage_moe_layers(first_stage_layers: Count, kinds: LayerKinds) -> Count:
    """Mixtures on the first stage."""
    return mixtures_of_stage(kinds, first_stage_layers, jnp.zeros_like(first_stage_layers))


@cost_model(
    formula=r"1 + \min\left(\lceil \max(L - L_{moe} - n_1, 0)/n_2 \rceil, p - 3\right)",
    source="definition: the foremost stage between first and last that has no leading dense layers, counted from 0",
    example=dict(middle_stage_layers=1, first_stage_layers=1, pp=61, **DEEPSEEK_V3_LAYERS, expect=3.0),
)
def mixture_stage_place(middle_stage_layers: Count, first_stage_layers: Count, pp: Count, kinds: LayerKinds) -> Count:
    """Place of the foremost middle stage without leading dense layers."""
    dense = kinds.num_layers - kinds.num_moe_layers
    left = jnp.where(2 * dense < kinds.num_layers, jnp.maximum(dense - first_stage_layers, 0.0), 0.0)
    stages = jnp.ceil(left / jnp.maximum(middle_stage_layers, 1.0) - _ROUNDING)
    return 1 + jnp.clip(stages, 0.0, jnp.maximum(pp - 3, 0.0))


@cost_model(
    formula=r"n_2 - \min(\max(L - L_{moe} - n_1 - (i - 1) n_2, 0), n_2)",
    source="deepseek-v3-2024, sec. 4.2 (dense layers lead); alternating kinds are spread evenly",
    example=dict(middle_stage_layers=2, first_stage_layers=2, middle_stage_place=1, **DEEPSEEK_V3_LAYERS, expect=1.0),
)
def middle_stage_moe_layers(
    middle_stage_layers: Count, first_stage_layers: Count, middle_stage_place: Count, kinds: LayerKinds
) -> Count:
    """Mixtures on the middle stage that needs most memory."""
    return mixtures_at(kinds, middle_stage_layers, first_stage_layers, middle_stage_place)


def mixtures_at(kinds: LayerKinds, middle_layers: Count, first_layers: Count, place: Count) -> Count:
    """Mixtures on the middle stage at a place, counted from 0 at the first stage."""
    return mixtures_of_stage(kinds, middle_layers, first_layers + (place - 1) * middle_layers)


@cost_model(
    formula=r"n_p - \min(\max(n_p - L_{moe}, 0), n_p)",
    source="deepseek-v3-2024, sec. 4.2 (dense layers lead); alternating kinds are spread evenly",
    example=dict(last_stage_layers=61, **DEEPSEEK_V3_LAYERS, expect=58.0),
)
def last_stage_moe_layers(last_stage_layers: Count, kinds: LayerKinds) -> Count:
    """Mixtures on the last stage."""
    return mixtures_of_stage(kinds, last_stage_layers, kinds.num_layers - last_stage_layers)


class LayerParameters(NamedTuple):
    """Parameters of one layer on one GPU, by part."""

    mixer_parameters_per_gpu: Count
    dense_mlp_parameters_per_gpu: Count
    moe_shared_parameters_per_gpu: Count


def layers_of(parts: LayerParameters, layers: Count, mixtures: Count) -> Count:
    """Parameters of `layers` layers on one GPU, `mixtures` of them mixtures, without routed experts."""
    dense = (layers - mixtures) * parts.dense_mlp_parameters_per_gpu
    return layers * parts.mixer_parameters_per_gpu + dense + mixtures * parts.moe_shared_parameters_per_gpu


@cost_model(
    formula=r"P_{mix} + \max(P_{mlp}, P_{moe})",
    source="definition: the larger kind of layer, without routed experts",
    example=dict(**LLAMA_70B_LAYERS, num_layers=80, num_moe_layers=0, expect=106971136.0),
)
def working_layer_parameters(parts: LayerParameters, kinds: LayerKinds) -> Count:
    """Parameters of the layer at work on one GPU, without routed experts."""
    dense = jnp.where(kinds.num_moe_layers < kinds.num_layers, parts.dense_mlp_parameters_per_gpu, 0.0)
    return parts.mixer_parameters_per_gpu + jnp.maximum(dense, parts.moe_shared_parameters_per_gpu)


class Edges(NamedTuple):
    """Parameters outside the layers, and what decides who holds them."""

    embedding_parameters_per_gpu: Count
    head_parameters_per_gpu: Count
    hidden_size: Count
    norm_bias: Flag
    tied_embeddings: Flag
    pp: Count
    pipeline_schedule: Choice


class PredictionModules(NamedTuple):
    """The multi-token prediction modules, which stand on the last stage."""

    num_mtp_layers: Count
    num_moe_layers: Count


def mixtures_of_modules(modules: PredictionModules) -> Count:
    """Prediction modules whose layer is a mixture: all or none."""
    return jnp.where(modules.num_moe_layers > 0, modules.num_mtp_layers, 0.0)


def modules_of(modules: PredictionModules, parts: LayerParameters, hidden_size: Count, norm: Count, tp: Count) -> Count:
    """Parameters of the prediction modules on one GPU, without routed experts."""
    joining = 2 * hidden_size**2 / tp + 3 * norm
    layers = layers_of(parts, modules.num_mtp_layers, mixtures_of_modules(modules))
    return layers + modules.num_mtp_layers * joining


_EDGES = dict(
    embedding_parameters_per_gpu=32768000,
    head_parameters_per_gpu=32768000,
    hidden_size=8192,
    tied_embeddings=0,
    **LLAMA_70B_LAYERS,
    num_moe_layers=0,
    tp=8,
)


def head_side(edges: Edges, parts: LayerParameters, modules: PredictionModules, tp: Count) -> Count:
    """Final norm and prediction modules: what the last stage holds beside its layers and the head."""
    norm = edges.hidden_size * (1 + edges.norm_bias)
    return norm + modules_of(modules, parts, edges.hidden_size, norm, tp)


@cost_model(
    formula=r"(V + P)h/t + [p = 1]\left([\text{untied}]\,hV/t + P_{end}\right)",
    source="narayanan-et-al-2021, sec. 3 (the first stage holds the embeddings); deepseek-v3-2024, sec. 3.2.1 (dualpipe: both ends on one rank)",
    example=dict(**_EDGES, pp=1, expect=65544192.0),
)
def first_stage_edge_parameters(edges: Edges, parts: LayerParameters, modules: PredictionModules, tp: Count) -> Count:
    """Parameters outside the layers on a GPU of the first stage."""
    head = (1 - edges.tied_embeddings) * edges.head_parameters_per_gpu + head_side(edges, parts, modules, tp)
    both = (edges.pp <= 1) | (edges.pipeline_schedule == DUALPIPE)
    return edges.embedding_parameters_per_gpu + jnp.where(both, head, 0.0)


@cost_model(
    formula=r"[p > 1]\left(hV/t + P_{end} + [\text{mtp}]\,(V + P)h/t\right)",
    source="narayanan-et-al-2021, sec. 3 (the last stage holds the head, tied or not); deepseek-v3-2024, sec. 2.2 (modules read embeddings)",
    example=dict(**_EDGES, first_stage_edge_parameters=32768000, pp=4, expect=32776192.0),
)
def last_stage_edge_parameters(
    edges: Edges,
    parts: LayerParameters,
    modules: PredictionModules,
    first_stage_edge_parameters: Count,
    tp: Count,
) -> Count:
    """Parameters outside the layers on a GPU of the last stage."""
    embedding = jnp.where(modules.num_mtp_layers > 0, edges.embedding_parameters_per_gpu, 0.0)
    apart = edges.head_parameters_per_gpu + head_side(edges, parts, modules, tp) + embedding
    both = (edges.pp <= 1) | (edges.pipeline_schedule == DUALPIPE)
    return jnp.where(both, first_stage_edge_parameters, apart)

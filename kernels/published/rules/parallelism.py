"""Parallel degrees recommended for a model on a cluster, as printed, and whether they hold what they promise."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from ...annotations import Array, Category, Count, Flag, Number
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model
from .serving_inputs import Gigabytes

NAMESPACE = "rules"

BRANCHES = ("data_parallel", "single_node", "multi_node")

_SECTION = "definition: document 004, section 8, recommend_parallelism"
_RAISES = "the document's code divides by zero here: nodes of no GPU, or no node and more than 100B parameters"
_CASE = dict(params_b=70, num_gpus=512)
_IDLE = Erratum(
    "I4.12",
    wrong="fewer GPUs than a node has give DP = 0, or PP = 0 and a division by zero; 33 of 70 clusters keep GPUs idle",
    right="degrees whose product is every GPU: `rules.recommend_dp_corrected`",
    why="`num_gpus // gpus_per_node` is 0 nodes, which goes to the branch of many nodes; dp is rounded down",
)
_TENSOR = Erratum(
    "I4.12",
    wrong="TP is the size of the node, 16 where nodes have 16 GPUs; 9 to 15 GPUs are one node of 8",
    right="at most 8, and a divisor of the node: `rules.recommend_tp_corrected`",
    why="the document's own rule is TP = 2, 4 or 8 within a node",
)
_TOO_LARGE = Erratum(
    "I4.12",
    wrong="1.7T parameters on 2048 GPUs get TP = 8, PP = 4: 433 GB a GPU by the document's own memory function",
    right="PP = 32: `rules.recommend_pp_corrected`",
    why="PP is never above 4 and nothing checks the memory",
)
_TWENTY = Erratum(
    "I4.8",
    wrong="20 times the model size is 40 B a parameter",
    right="18 B a parameter before activations; what fits is what `rules.recommend_memory_gb_corrected` says",
    why="the document's memory function counts 32 B, and 18 B with recomputation",
)
_STAGE = Erratum(
    "I4.17",
    wrong='ZeRO-2 is the "sweet spot" of the text, the single node gets ZeRO-1',
    right="ZeRO-2 without a pipeline, ZeRO-1 with one: `rules.recommend_zero_stage_corrected`",
    why="both move the same bytes, ZeRO-2 keeps less; in a pipeline it would reduce gradients after each micro-batch",
)


class Degrees(NamedTuple):
    """A recommendation: which branch it comes from, its degrees, and its ZeRO stage and recomputation."""

    branch: Array
    tp: Array
    pp: Array
    dp: Array
    zero_stage: Array
    checkpointing: Array


def recommended(params_b: Array, num_gpus: Array, gpus_per_node: Array, gpu_memory_gb: Array) -> Degrees:
    """The document's recommendation, NaN in all of it where its code divides by zero."""
    nodes = jnp.floor(ratio(num_gpus, gpus_per_node, jnp.nan))
    shared = params_b * 2 * 20 > gpu_memory_gb
    branch = jnp.where(shared, jnp.where(nodes == 1, 1.0, 2.0), 0.0)
    large = jnp.minimum(4.0, jnp.floor(nodes / 2))
    stages = jnp.where(params_b > 100, large, jnp.where(params_b > 50, 2.0, 1.0))
    tp = jnp.where(branch == 0, 1.0, jnp.where(branch == 1, jnp.minimum(gpus_per_node, 8.0), gpus_per_node))
    pp = jnp.where(branch == 2, stages, 1.0)
    dp = jnp.floor(ratio(num_gpus, tp * pp, jnp.nan))
    zero = jnp.where(branch == 1, 1.0, 2.0)
    defined = ~jnp.isnan(nodes) & ~jnp.isnan(dp)
    found = (branch, tp, pp, dp, zero, jnp.where(shared, 1.0, 0.0))
    return Degrees(*(jnp.where(defined, value, jnp.nan) for value in found))


def memory_as_printed(
    params_b: Array,
    tp: Array,
    pp: Array,
    dp: Array,
    zero_stage: Array,
    checkpointing: Array,
    optimizer_bytes: float = 8.0,
) -> Array:
    """Memory of one GPU in GB by the document's memory function, with weights of 2 bytes and stages from 1 on."""
    group = tp * pp
    weights = ratio(2 * params_b, jnp.where(zero_stage == 3, group * dp, group), jnp.nan)
    gradients = ratio(2 * params_b, jnp.where(zero_stage >= 2, group * dp, group), jnp.nan)
    activations = ratio(params_b * (10 - 7 * checkpointing) * 2, group, jnp.nan)
    return weights + gradients + ratio(optimizer_bytes * params_b, group * dp, jnp.nan) + activations


@cost_model(
    formula=r"40 P_b \le M \text{; else one node; else more}",
    source=_SECTION,
    example=_CASE | dict(expect=2.0),
    errata=(_TWENTY, _IDLE),
    undefined=_RAISES,
)
def recommend_branch(
    params_b: Number, num_gpus: Count, gpus_per_node: Count, gpu_memory_gb: Gigabytes
) -> Annotated[Array, Category(BRANCHES)]:
    """Which rule recommends the parallel degrees, as published."""
    return recommended(params_b, num_gpus, gpus_per_node, gpu_memory_gb).branch


@cost_model(
    formula=r"1 \text{; } \min(n_{node}, 8) \text{; } n_{node}",
    source=_SECTION,
    example=_CASE | dict(expect=8.0),
    errata=(_TENSOR,),
    undefined=_RAISES,
)
def recommend_tp(params_b: Number, num_gpus: Count, gpus_per_node: Count, gpu_memory_gb: Gigabytes) -> Count:
    """Recommended tensor parallel degree, as published."""
    return recommended(params_b, num_gpus, gpus_per_node, gpu_memory_gb).tp


@cost_model(
    formula=r"1 \text{; } 2,\ P_b > 50 \text{; } \min(4, \lfloor nodes/2 \rfloor),\ P_b > 100",
    source=_SECTION,
    example=_CASE | dict(expect=2.0),
    errata=(_TOO_LARGE, _IDLE),
    undefined=_RAISES,
)
def recommend_pp(params_b: Number, num_gpus: Count, gpus_per_node: Count, gpu_memory_gb: Gigabytes) -> Count:
    """Recommended pipeline stages, as published."""
    return recommended(params_b, num_gpus, gpus_per_node, gpu_memory_gb).pp


@cost_model(
    formula=r"\lfloor n / (t\,p) \rfloor",
    source=_SECTION,
    example=_CASE | dict(expect=32.0),
    errata=(_IDLE,),
    undefined=_RAISES,
)
def recommend_dp(params_b: Number, num_gpus: Count, gpus_per_node: Count, gpu_memory_gb: Gigabytes) -> Count:
    """Recommended data parallel degree, as published."""
    return recommended(params_b, num_gpus, gpus_per_node, gpu_memory_gb).dp


@cost_model(
    formula=r"2 \text{; } 1 \text{; } 2",
    source=_SECTION,
    example=_CASE | dict(expect=2.0),
    errata=(_STAGE,),
    undefined=_RAISES,
)
def recommend_zero_stage(params_b: Number, num_gpus: Count, gpus_per_node: Count, gpu_memory_gb: Gigabytes) -> Count:
    """Recommended ZeRO stage, as published."""
    return recommended(params_b, num_gpus, gpus_per_node, gpu_memory_gb).zero_stage


@cost_model(
    formula=r"[40 P_b > M]",
    source=_SECTION,
    example=_CASE | dict(expect=1.0),
    undefined=_RAISES,
)
def recommend_checkpointing(params_b: Number, num_gpus: Count, gpus_per_node: Count, gpu_memory_gb: Gigabytes) -> Flag:
    """Whether activations are recomputed in the recommendation, as published."""
    return recommended(params_b, num_gpus, gpus_per_node, gpu_memory_gb).checkpointing


@cost_model(
    formula=r"t\,p\,d",
    source=_SECTION,
    example=dict(recommend_tp=8, recommend_pp=2, recommend_dp=32, expect=512.0),
    errata=(_IDLE,),
    undefined=_RAISES,
)
def recommend_total_gpus(recommend_tp: Count, recommend_pp: Count, recommend_dp: Count) -> Count:
    """GPUs that the recommendation uses, as published."""
    return recommend_tp * recommend_pp * recommend_dp


@cost_model(
    formula=r"M_w + M_g + M_o + M_a \text{ at the recommended degrees}",
    source="definition: document 004, section 6, calculate_memory_per_gpu, of what section 8 recommends",
    example=dict(
        params_b=70,
        recommend_tp=8,
        recommend_pp=2,
        recommend_dp=32,
        recommend_zero_stage=2,
        recommend_checkpointing=1,
        expect=36.3671875,
    ),
    errata=(_TOO_LARGE,),
    undefined="the recommendation has no GPU",
)
def recommend_memory_gb(
    params_b: Number,
    recommend_tp: Count,
    recommend_pp: Count,
    recommend_dp: Count,
    recommend_zero_stage: Count,
    recommend_checkpointing: Flag,
) -> Gigabytes:
    """Memory of one GPU in the recommendation, by the document's memory function."""
    stage = jnp.round(recommend_zero_stage)
    return memory_as_printed(params_b, recommend_tp, recommend_pp, recommend_dp, stage, recommend_checkpointing)


@cost_model(
    formula=r"[t\,p\,d = n]",
    source="definition: the product of the degrees is the number of GPUs",
    example=dict(recommend_total_gpus=512, num_gpus=512, expect=1.0),
)
def recommend_uses_all_gpus(recommend_total_gpus: Count, num_gpus: Count) -> Flag:
    """Whether the published recommendation uses every GPU."""
    return jnp.where(recommend_total_gpus == num_gpus, 1.0, 0.0)


@cost_model(
    formula=r"[d \ge 1]",
    source="definition: at least one replica of the model",
    example=dict(recommend_dp=32, expect=1.0),
)
def recommend_dp_ge_1(recommend_dp: Count) -> Flag:
    """Whether the published recommendation has a replica of the model."""
    return jnp.where(recommend_dp >= 1, 1.0, 0.0)


@cost_model(
    formula=r"[t \le n_{node} \land t \le 8]",
    source="definition: document 004, section 8 (within a node, at most 8)",
    example=dict(recommend_tp=8, gpus_per_node=8, expect=1.0),
)
def recommend_tp_within_node(recommend_tp: Count, gpus_per_node: Count) -> Flag:
    """Whether the published recommendation keeps tensor parallelism within a node."""
    return jnp.where((recommend_tp <= gpus_per_node) & (recommend_tp <= 8), 1.0, 0.0)


@cost_model(
    formula=r"[M_{GPU} < M]",
    source="definition: document 004, section 6 (the fit is strict)",
    example=dict(recommend_memory_gb=36.3671875, gpu_memory_gb=80, expect=1.0),
)
def recommend_fits(recommend_memory_gb: Gigabytes, gpu_memory_gb: Gigabytes) -> Flag:
    """Whether the published recommendation fits, by the document's memory function."""
    return jnp.where(recommend_memory_gb < gpu_memory_gb, 1.0, 0.0)

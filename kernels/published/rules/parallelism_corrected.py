"""Parallel degrees that hold what they promise: they fit, use every GPU and keep tensor parallelism within a node.

All configurations of a bounded set are judged; the first that is possible in the order of preference is recommended.
"""

from __future__ import annotations

from ...annotations import Array, Count, Flag, Number
from ...arrays import jnp
from ...registry import cost_model
from .parallelism import memory_as_printed
from .serving_inputs import Gigabytes

NAMESPACE = "rules"

LARGEST_PP = 64
_TENSOR = (1, 2, 4, 8)
_RECOMPUTED = (0, 1)


def _stages(pp: int) -> tuple[int, ...]:
    """ZeRO stages that go with a pipeline: gradients of many micro-batches stay whole until the last."""
    return (2, 3) if pp == 1 else (1,)


def _in_order() -> list[tuple[int, int, int, int]]:
    """Every (tp, pp, zero stage, recomputation), the most preferred first."""
    pipelines = range(1, LARGEST_PP + 1)
    found = [(t, p, z, c) for t in _TENSOR for p in pipelines for z in _stages(p) for c in _RECOMPUTED]
    return sorted(found, key=lambda one: (one[2] == 3, one[1], one[3], one[0]))


CANDIDATES = _in_order()
_TP, _PP, _ZERO, _CHECKPOINTING = (tuple(map(float, column)) for column in zip(*CANDIDATES, strict=True))

_OPTIMIZER_BYTES = 12.0
_SECTION = "definition: the first possible configuration; preferences after document 004, section 8"
_NOTHING = "no configuration of tp <= 8 within a node and pp <= 64 uses every GPU and fits in its memory"


def _column(column: tuple[float, ...], choice: Array) -> Array:
    """The entry of the chosen candidate, NaN where none was."""
    place = jnp.round(choice)
    position = jnp.where(jnp.isnan(place), 0.0, place).astype(int)
    chosen = jnp.take(jnp.asarray(column, dtype=place.dtype), position, mode="clip")
    return jnp.where(jnp.isnan(place), jnp.nan, chosen)


def _divides(divisor: Array, number: Array) -> Array:
    return number - divisor * jnp.floor(number / divisor) == 0


@cost_model(
    formula=r"\min\{i : t_i \mid n_{node},\ t_i p_i \mid n,\ M_i < M\}",
    source=_SECTION + "; rajbhandari-et-al-2020, sec. 3.1 (12 B of optimizer states)",
    example=dict(params_b=3, num_gpus=64, expect=0.0),
    undefined=_NOTHING,
)
def recommend_choice_corrected(
    params_b: Number, num_gpus: Count, gpus_per_node: Count, gpu_memory_gb: Gigabytes
) -> Count:
    """Place of the recommended configuration in the order of preference, put right.

    First without ZeRO-3, then the fewest pipeline stages, then without recomputation, then the least tensor parallelism.
    """
    gpus, node = jnp.round(num_gpus)[..., None], jnp.round(gpus_per_node)[..., None]
    params, capacity = jnp.asarray(params_b)[..., None], jnp.asarray(gpu_memory_gb)[..., None]
    tp, pp, zero, checkpointing = (
        jnp.asarray(column, dtype=gpus.dtype) for column in (_TP, _PP, _ZERO, _CHECKPOINTING)
    )
    whole = _divides(tp, node) & _divides(tp * pp, gpus) & (gpus >= 1) & (node >= 1)
    dp = jnp.maximum(gpus / (tp * pp), 1.0)
    memory = memory_as_printed(params, tp, pp, dp, zero, checkpointing, _OPTIMIZER_BYTES)
    possible = whole & (memory < capacity)
    place = jnp.arange(len(CANDIDATES), dtype=gpus.dtype)
    first = jnp.min(jnp.where(possible, place, float(len(CANDIDATES))), axis=-1)
    return jnp.where(first < len(CANDIDATES), first, jnp.nan)


@cost_model(
    formula=r"t_i",
    source=_SECTION,
    example=dict(recommend_choice_corrected=3, expect=8.0),
    undefined=_NOTHING,
)
def recommend_tp_corrected(recommend_choice_corrected: Count) -> Count:
    """Recommended tensor parallel degree, put right."""
    return _column(_TP, recommend_choice_corrected)


@cost_model(
    formula=r"p_i",
    source=_SECTION,
    example=dict(recommend_choice_corrected=9, expect=2.0),
    undefined=_NOTHING,
)
def recommend_pp_corrected(recommend_choice_corrected: Count) -> Count:
    """Recommended pipeline stages, put right."""
    return _column(_PP, recommend_choice_corrected)


@cost_model(
    formula=r"n / (t\,p)",
    source="definition: every GPU is in one replica",
    example=dict(num_gpus=512, recommend_tp_corrected=8, recommend_pp_corrected=1, expect=64.0),
    undefined=_NOTHING,
)
def recommend_dp_corrected(num_gpus: Count, recommend_tp_corrected: Count, recommend_pp_corrected: Count) -> Count:
    """Recommended data parallel degree, put right."""
    return num_gpus / (recommend_tp_corrected * recommend_pp_corrected)


@cost_model(
    formula=r"z_i",
    source=_SECTION,
    example=dict(recommend_choice_corrected=9, expect=1.0),
    undefined=_NOTHING,
)
def recommend_zero_stage_corrected(recommend_choice_corrected: Count) -> Count:
    """Recommended ZeRO stage, put right."""
    return _column(_ZERO, recommend_choice_corrected)


@cost_model(
    formula=r"c_i",
    source=_SECTION,
    example=dict(recommend_choice_corrected=4, expect=1.0),
    undefined=_NOTHING,
)
def recommend_checkpointing_corrected(recommend_choice_corrected: Count) -> Flag:
    """Whether activations are recomputed in the recommendation, put right."""
    return _column(_CHECKPOINTING, recommend_choice_corrected)


@cost_model(
    formula=r"M_i",
    source="rajbhandari-et-al-2020, sec. 3.1 (12 B of optimizer states); activations as document 004 counts them",
    example=dict(
        params_b=70,
        recommend_tp_corrected=8,
        recommend_pp_corrected=1,
        recommend_dp_corrected=64,
        recommend_zero_stage_corrected=2,
        recommend_checkpointing_corrected=1,
        expect=71.9140625,
    ),
    undefined=_NOTHING,
)
def recommend_memory_gb_corrected(
    params_b: Number,
    recommend_tp_corrected: Count,
    recommend_pp_corrected: Count,
    recommend_dp_corrected: Count,
    recommend_zero_stage_corrected: Count,
    recommend_checkpointing_corrected: Flag,
) -> Gigabytes:
    """Memory of one GPU in the recommendation, put right."""
    return memory_as_printed(
        params_b,
        recommend_tp_corrected,
        recommend_pp_corrected,
        recommend_dp_corrected,
        jnp.round(recommend_zero_stage_corrected),
        recommend_checkpointing_corrected,
        _OPTIMIZER_BYTES,
    )

"""Legality: the conditions that a layout has to meet before anything can run."""

from __future__ import annotations

from ..annotations import Choice, Count, Number
from ..arrays import jnp
from ..primitives.arithmetic import remainder
from ..registry import constraint
from .pipeline import DUALPIPE


@constraint(
    legal=True,
    message="the {world_size} GPUs are not tp x pp x cp x dp = {tp} x {pp} x {cp} x {dp} with a whole dp",
    formula=r"-\left(|n - t\,p\,c\,d| + d \bmod 1\right)",
    source="narayanan-et-al-2021, sec. 3",
    example=dict(world_size=4096, tp=8, pp=3, dp=4096 / 24, expect=-0.6666667),
)
def fills_world(world_size: Count, tp: Count, pp: Count, cp: Count, dp: Count) -> Count:
    """Whether the parallel degrees use every GPU."""
    product = tp * pp * cp * dp
    gap = jnp.abs(world_size - product)
    rounding = 1e-6 * world_size
    return -(jnp.where(gap > rounding, gap, 0.0) + remainder(dp, 1.0))


@constraint(
    legal=True,
    message="{num_layers} layers do not divide into pp x vpp = {pp} x {vpp} stages; give first_stage_layers and last_stage_layers for uneven ones",
    formula=r"-\max(p\,(L_i \bmod v), p\,(L_1 \bmod 1), p\,(L_p \bmod 1), |L_1 + (p-2)L_i + L_p - L|)",
    source="narayanan-et-al-2021, sec. 2.2.2 (whole layers in every virtual stage)",
    example=dict(
        num_layers=80,
        pp=3,
        first_stage_layers=80 / 3,
        middle_stage_layers=80 / 3,
        last_stage_layers=80 / 3,
        expect=-2.0,
    ),
)
def divides_layers(
    num_layers: Count,
    pp: Count,
    vpp: Count,
    first_stage_layers: Count,
    middle_stage_layers: Count,
    last_stage_layers: Count,
) -> Count:
    """Whether every stage holds whole layers.

    Stages between the first and the last hold whole virtual stages. First and last stage may be shallower, where
    embedding and head count as layers of theirs.
    """
    even = remainder(num_layers, pp * vpp)
    part = jnp.maximum(remainder(first_stage_layers, 1.0), remainder(last_stage_layers, 1.0))
    part = pp * jnp.maximum(part, remainder(middle_stage_layers, vpp))
    between = jnp.maximum(pp - 2, 0.0) * middle_stage_layers
    whole = first_stage_layers + between + jnp.where(pp > 1, last_stage_layers, 0.0)
    missing = jnp.abs(whole - num_layers) + jnp.where(pp > 1, 0.0, jnp.abs(last_stage_layers - num_layers))
    empty = jnp.minimum(jnp.minimum(first_stage_layers, last_stage_layers), middle_stage_layers) < 0
    uneven = jnp.maximum(part, missing) + jnp.where(empty, num_layers, 0.0)
    gap = jnp.abs(first_stage_layers - num_layers / pp) + jnp.abs(last_stage_layers - num_layers / pp)
    return -jnp.where(gap > 1e-6 * num_layers, uneven, even)


@constraint(
    legal=True,
    message="dp_replicate = {dp_replicate} does not divide dp = {dp}",
    formula=r"-(d \bmod d_r)",
    source="zhao-et-al-2023, sec. 3.2.2 (equal groups of replicas)",
    example=dict(dp=12, dp_replicate=8, expect=-4.0),
)
def divides_replicas(dp: Count, dp_replicate: Count) -> Count:
    """Whether the data parallel ranks form whole groups of replicas."""
    return -remainder(dp, dp_replicate)


@constraint(
    legal=True,
    message="DualPipe needs an even number of stages; pp is {pp}",
    formula=r"[\text{DualPipe}]\ -(p \bmod 2)",
    source="deepseek-v3-2024, sec. 3.2.1 (micro-batches from both ends)",
    example=dict(pipeline_schedule=3, pp=3, expect=-1.0),
)
def pairs_stages(pipeline_schedule: Choice, pp: Count) -> Count:
    """Whether a bidirectional pipeline has an even number of stages."""
    return -jnp.where(pipeline_schedule == DUALPIPE, remainder(pp, 2.0), 0.0)


@constraint(
    legal=True,
    message="{num_attention_heads} query heads do not divide into tp = {tp} parts",
    formula=r"-(a \bmod t)",
    source="shoeybi-et-al-2019, sec. 3 (whole heads per rank)",
    example=dict(num_attention_heads=12, tp=8, expect=-4.0),
)
def divides_heads(num_attention_heads: Count, tp: Count) -> Count:
    """Whether every tensor parallel rank has whole query heads.

    Key/value heads need not divide: with more ranks than key/value heads they are replicated.
    """
    return -remainder(num_attention_heads, tp)


@constraint(
    legal=True,
    message="the global batch of {global_batch_size} is not a whole number of micro-batches of {micro_batch_size} on dp = {dp} ranks",
    formula=r"-(B \bmod b\,d)",
    source="narayanan-et-al-2021, sec. 2.2 (whole micro-batches)",
    example=dict(global_batch_size=1024, micro_batch_size=3, dp=128, expect=-256.0),
)
def divides_batch(global_batch_size: Count, micro_batch_size: Count, dp: Count) -> Count:
    """Whether the batch is a whole number of micro-batches on every rank."""
    return -remainder(global_batch_size, micro_batch_size * dp)


@constraint(
    legal=True,
    message="{num_experts} experts do not divide into ep = {ep} parts",
    formula=r"-(E \bmod e)",
    source="lepikhin-et-al-2020, sec. 3 (whole experts per rank)",
    example=dict(num_experts=8, ep=3, expect=-2.0),
)
def divides_experts(num_experts: Count, ep: Count) -> Count:
    """Whether every expert parallel rank has whole experts."""
    return -remainder(num_experts, ep)


@constraint(
    legal=True,
    message="ep x expert_tp = {ep} x {expert_tp} does not divide tp x cp x dp = {tp} x {cp} x {dp}",
    formula=r"-(t\,c\,d \bmod e\,t_e)",
    source="liu-et-al-2025 (expert parallelism regroups the ranks of a stage)",
    example=dict(tp=1, dp=8, cp=1, ep=16, expert_tp=1, expect=-8.0),
)
def divides_expert_ranks(tp: Count, dp: Count, cp: Count, ep: Count, expert_tp: Count) -> Count:
    """Whether expert parallel groups fill the ranks of a stage."""
    whole = jnp.maximum(expert_tp, 1.0)
    return -(remainder(tp * dp * cp, ep * whole) + jnp.abs(whole - expert_tp) + remainder(whole, 1.0))


@constraint(
    legal=True,
    message="a sequence of {seq_len} tokens does not divide into cp = {cp} parts",
    formula=r"-(s \bmod c)",
    source="liu-zaharia-abbeel-2023, sec. 3 (equal parts of the sequence)",
    example=dict(seq_len=4096, cp=3, expect=-1.0),
)
def divides_sequence(seq_len: Count, cp: Count) -> Count:
    """Whether every context parallel rank has an equal part of the sequence."""
    return -remainder(seq_len, cp)


@constraint(
    legal=True,
    message="interleaving (vpp = {vpp}) needs a pipeline and the {num_micro_batches} micro-batches a multiple of pp = {pp}",
    formula=r"v > 1:\ -(m \bmod p)",
    source="narayanan-et-al-2021, sec. 2.2.2 (the interleaved schedule)",
    example=dict(vpp=2, pp=4, num_micro_batches=6, expect=-2.0),
)
def interleaves(vpp: Count, pp: Count, num_micro_batches: Count) -> Count:
    """Whether the interleaved schedule can run."""
    short = remainder(num_micro_batches, pp) + jnp.where(pp > 1, 0.0, 1.0)
    return -jnp.where(vpp > 1, short, 0.0)


@constraint(
    legal=True,
    message="{num_linear_layers} linear layers among {num_layers} of inner width {linear_inner_size} and state {linear_state_size}",
    formula=r"L_{lin} > 0:\ \min(L - L_{lin}, d_i - 1, N - 1)",
    source="definition: linear layers are some of the layers and have an inner width and a state",
    example=dict(num_layers=32, num_linear_layers=40, linear_inner_size=8192, linear_state_size=128, expect=-8.0),
)
def describes_linear_layers(
    num_layers: Count, num_linear_layers: Count, linear_inner_size: Count, linear_state_size: Count
) -> Count:
    """Whether linear layers are among the layers and have their dimensions."""
    lacking = jnp.minimum(jnp.minimum(linear_inner_size, linear_state_size) - 1, num_layers - num_linear_layers)
    return jnp.where(num_linear_layers > 0, jnp.minimum(lacking, 0.0), 0.0)


@constraint(
    legal=True,
    message="adapters of rank {lora_rank} stand beside matrices that are trained themselves; give frozen_share = 1",
    formula=r"r > 0:\ -[\varphi = 0]",
    source="hu-et-al-2021, sec. 4.1 (the pretrained weights are frozen)",
    example=dict(lora_rank=16, frozen_share=0.0, expect=-1.0),
)
def freezes_beside_adapters(lora_rank: Count, frozen_share: Number) -> Number:
    """Whether matrices with adapters beside them are frozen."""
    return -jnp.where((lora_rank > 0) & (frozen_share == 0), 1.0, 0.0)


@constraint(
    legal=True,
    message="a token visits {experts_per_token} of {num_experts} experts, in all but {num_dense_layers} of {num_layers} layers",
    formula=r"\min(E - k, L - L_{dense})",
    source="fedus-zoph-shazeer-2021, sec. 2 (a token visits some of the experts)",
    example=dict(num_experts=8, experts_per_token=9, num_layers=32, num_dense_layers=0, expect=-1.0),
)
def routes_tokens(num_experts: Count, experts_per_token: Count, num_layers: Count, num_dense_layers: Count) -> Count:
    """Whether a token has the experts that it visits, and dense layers exist."""
    lacking = jnp.minimum(num_experts - experts_per_token, num_layers - num_dense_layers)
    return jnp.where(num_experts > 1, jnp.minimum(lacking, 0.0), 0.0)


@constraint(
    legal=True,
    message="{num_sliding_layers} of {num_attention_layers} attention layers see a window of {sliding_window} tokens",
    formula=r"L_w > 0:\ \min(L_a - L_w, w - 1)",
    source="definition: sliding layers are some of those with attention and see at least themselves",
    example=dict(num_sliding_layers=8, num_attention_layers=32, sliding_window=0, expect=-1.0),
)
def slides_over_tokens(num_sliding_layers: Count, num_attention_layers: Count, sliding_window: Count) -> Count:
    """Whether sliding layers are among those with attention and have a window."""
    lacking = jnp.minimum(num_attention_layers - num_sliding_layers, sliding_window - 1)
    return jnp.where(num_sliding_layers > 0, jnp.minimum(lacking, 0.0), 0.0)

"""Batches, stages and the pipeline bubble."""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Count, Number
from .primitives.arithmetic import remainder
from .registry import constraint, cost_model


@cost_model(
    formula=r"n / (t\,p\,c)",
    source="narayanan-et-al-2021, sec. 3 (the product of the degrees is the number of GPUs)",
    example=dict(world_size=4096, tp=8, pp=4, expect=128.0),
)
def dp(world_size: Count, tp: Count, pp: Count, cp: Count) -> Count:
    """Data parallel degree."""
    return world_size / (tp * pp * cp)


@cost_model(
    when_given="dp",
    formula=r"t\,p\,c\,d",
    source="narayanan-et-al-2021, sec. 3 (the product of the degrees is the number of GPUs)",
    example=dict(dp=128, tp=8, pp=4, expect=4096.0),
)
def world_size(dp: Count, tp: Count, pp: Count, cp: Count) -> Count:
    """GPUs, from a given data parallel degree."""
    return dp * tp * pp * cp


@cost_model(
    formula=r"B / (b\,d)",
    source="narayanan-et-al-2021, sec. 2.2 (m micro-batches per pipeline flush)",
    example=dict(global_batch_size=1024, micro_batch_size=2, dp=128, expect=4.0),
)
def num_micro_batches(global_batch_size: Count, micro_batch_size: Count, dp: Count) -> Count:
    """Micro-batches of one step on every data parallel rank."""
    return global_batch_size / (micro_batch_size * dp)


@cost_model(
    when_given="num_micro_batches",
    formula=r"m\,b\,d",
    source="narayanan-et-al-2021, sec. 2.2 (m micro-batches per pipeline flush)",
    example=dict(num_micro_batches=4, micro_batch_size=2, dp=128, expect=1024.0),
)
def global_batch_size(num_micro_batches: Count, micro_batch_size: Count, dp: Count) -> Count:
    """Global batch in sequences, from a given number of micro-batches."""
    return num_micro_batches * micro_batch_size * dp


@cost_model(
    formula=r"L / p",
    source="narayanan-et-al-2021, sec. 2.2 (stages of equal depth)",
    example=dict(num_layers=80, pp=4, expect=20.0),
)
def layers_per_stage(num_layers: Count, pp: Count) -> Count:
    """Layers on one pipeline rank."""
    return num_layers / pp


@cost_model(
    formula=r"\frac{p-1}{v\,m}",
    source="narayanan-et-al-2021, sec. 2.2.2 (time in the bubble over the ideal time)",
    example=dict(pp=4, vpp=2, num_micro_batches=16, expect=0.09375),
)
def pipeline_bubble_overhead(pp: Count, vpp: Count, num_micro_batches: Count) -> Number:
    """Time in the pipeline bubble over the time of the micro-batches.

    This is the overhead over the ideal time, not the share of the step spent idle, which is x / (1 + x).
    """
    return (pp - 1) / (vpp * num_micro_batches)


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
    message="{num_layers} layers do not divide into pp x vpp = {pp} x {vpp} stages",
    formula=r"-(L \bmod p\,v)",
    source="narayanan-et-al-2021, sec. 2.2.2 (equal stages)",
    example=dict(num_layers=80, pp=3, expect=-2.0),
)
def divides_layers(num_layers: Count, pp: Count, vpp: Count) -> Count:
    """Whether the stages hold equal numbers of layers."""
    return -remainder(num_layers, pp * vpp)


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
    message="ep = {ep} does not divide dp x cp = {dp} x {cp}",
    formula=r"-(d\,c \bmod e)",
    source="definition: expert parallelism regroups the data and context parallel ranks",
    example=dict(dp=8, cp=1, ep=16, expect=-8.0),
)
def divides_expert_ranks(dp: Count, cp: Count, ep: Count) -> Count:
    """Whether expert parallel groups fill the data and context parallel ranks."""
    return -remainder(dp * cp, ep)


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

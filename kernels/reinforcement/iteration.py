"""One iteration: one part after another, or generation beside training within a bound on staleness."""

from __future__ import annotations

from ..annotations import Choice, Count, Flag, Number, Seconds
from ..arrays import jnp
from ..registry import cost_model
from .cluster import DISAGGREGATED
from .scoring import GENERATION


@cost_model(
    formula=r"t_w + [\text{scores}]\,t_s",
    source="definition: what the generating GPUs compute in an iteration",
    example=dict(generation_work_time=349.5, scoring_time=42.3, scoring_side=1, expect=391.8),
)
def generation_busy_time(generation_work_time: Seconds, scoring_time: Seconds, scoring_side: Choice) -> Seconds:
    """Work of the generating GPUs in an iteration."""
    return generation_work_time + jnp.where(scoring_side == GENERATION, scoring_time, 0.0)


@cost_model(
    formula=r"t_u + [\text{scores}]\,t_s",
    source="definition: what the training GPUs compute in an iteration",
    example=dict(update_time=200.0, scoring_time=42.3, scoring_side=0, expect=242.3),
)
def training_busy_time(update_time: Seconds, scoring_time: Seconds, scoring_side: Choice) -> Seconds:
    """Work of the training GPUs in an iteration."""
    return update_time + jnp.where(scoring_side == GENERATION, 0.0, scoring_time)


@cost_model(
    formula=r"t_g + t_s + t_u + t_w",
    source="sheng-et-al-2024, sec. 2.1 (generation, preparation, training); one after another",
    example=dict(generation_time=595.3, scoring_time=42.3, update_time=200.0, weight_sync_time=0.38, expect=837.98),
    terms=("generation_time", "scoring_time", "update_time", "weight_sync_time"),
)
def synchronous_iteration_time(
    generation_time: Seconds, scoring_time: Seconds, update_time: Seconds, weight_sync_time: Seconds
) -> Seconds:
    """Time of an iteration whose parts follow one another."""
    return generation_time + scoring_time + update_time + weight_sync_time


@cost_model(
    formula=r"t_w + \max\left(b_g + [\text{batches}]\,t_{tail},\ b_t,\ \frac{t_g + t_s + t_u}{1 + \eta}\right)",
    source="fu-et-al-2025 (samples lag at most the staleness); reiter-1968 (the period of a cycle is its time over the batches on it)",
    example=dict(
        generation_busy_time=349.5,
        training_busy_time=242.3,
        generation_tail_time=245.8,
        continuous_generation=1,
        generation_time=595.3,
        scoring_time=42.3,
        update_time=200.0,
        weight_sync_time=0.38,
        staleness=1.0,
        expect=419.18,
    ),
)
def asynchronous_iteration_time(
    generation_busy_time: Seconds,
    training_busy_time: Seconds,
    generation_tail_time: Seconds,
    continuous_generation: Flag,
    generation_time: Seconds,
    scoring_time: Seconds,
    update_time: Seconds,
    weight_sync_time: Seconds,
    staleness: Number,
) -> Seconds:
    """Time of an iteration that generates beside training.

    Three things bound it: the work of either side, and that samples of a policy `staleness` versions old still have to
    be generated, scored and trained on before the next version. Both sides stop while weights change hands. At a
    staleness of 0 it is the synchronous iteration on the same split. Times are means: what fluctuates between
    iterations, and the cache that is computed again for samples in flight, come on top.
    """
    waits = (1 - continuous_generation) * generation_tail_time
    cycle = (generation_time + scoring_time + update_time) / (1 + staleness)
    slower = jnp.maximum(generation_busy_time + waits, training_busy_time)
    return weight_sync_time + jnp.maximum(slower, cycle)


@cost_model(
    formula=r"t_{sync} \text{ colocated, else } t_{async}",
    source="definition: colocated, the GPUs take turns",
    example=dict(placement=1, synchronous_iteration_time=837.98, asynchronous_iteration_time=419.18, expect=419.18),
)
def rl_iteration_time(
    placement: Choice, synchronous_iteration_time: Seconds, asynchronous_iteration_time: Seconds
) -> Seconds:
    """Time of one iteration of reinforcement learning."""
    return jnp.where(placement == DISAGGREGATED, asynchronous_iteration_time, synchronous_iteration_time)


@cost_model(
    formula=r"t_{sync} / t",
    source="definition: on the same split of the GPUs",
    example=dict(synchronous_iteration_time=837.98, rl_iteration_time=419.18, expect=1.999093),
)
def asynchrony_speedup(synchronous_iteration_time: Seconds, rl_iteration_time: Seconds) -> Number:
    """Speedup over the synchronous iteration on the same split.

    For a comparison with colocated GPUs make `placement` an axis: their training has another data parallel degree.
    """
    return synchronous_iteration_time / rl_iteration_time


@cost_model(
    formula=r"t_g / t_{sync}",
    source="definition: of an iteration whose parts follow one another",
    example=dict(generation_time=595.3, synchronous_iteration_time=837.98, expect=0.7103988),
)
def generation_time_share(generation_time: Seconds, synchronous_iteration_time: Seconds) -> Number:
    """Share of generation in a synchronous iteration."""
    return generation_time / synchronous_iteration_time


@cost_model(
    formula=r"1 - b_g / t \text{, colocated } (t_{tail} + t_w)/t",
    source="definition: time in which a generating GPU computes nothing at full batch; weights in transit count as idle",
    example=dict(
        placement=1,
        generation_busy_time=349.5,
        generation_tail_time=245.8,
        weight_sync_time=0.38,
        rl_iteration_time=419.18,
        expect=0.1662293,
    ),
)
def generation_idle_share(
    placement: Choice,
    generation_busy_time: Seconds,
    generation_tail_time: Seconds,
    weight_sync_time: Seconds,
    rl_iteration_time: Seconds,
) -> Number:
    """Share of an iteration in which the generating GPUs wait.

    The tail counts as waiting: most slots are empty.
    """
    apart = 1 - generation_busy_time / rl_iteration_time
    together = (generation_tail_time + weight_sync_time) / rl_iteration_time
    return jnp.where(placement == DISAGGREGATED, apart, together)


@cost_model(
    formula=r"1 - b_t / t \text{, colocated } (t_{tail} + t_w)/t",
    source="definition: time in which a training GPU computes nothing; weights in transit count as idle",
    example=dict(
        placement=1,
        training_busy_time=242.3,
        generation_tail_time=245.8,
        weight_sync_time=0.38,
        rl_iteration_time=419.18,
        expect=0.4219667,
    ),
)
def training_idle_share(
    placement: Choice,
    training_busy_time: Seconds,
    generation_tail_time: Seconds,
    weight_sync_time: Seconds,
    rl_iteration_time: Seconds,
) -> Number:
    """Share of an iteration in which the training GPUs wait.

    Colocated, they are the generating ones.
    """
    apart = 1 - training_busy_time / rl_iteration_time
    together = (generation_tail_time + weight_sync_time) / rl_iteration_time
    return jnp.where(placement == DISAGGREGATED, apart, together)


@cost_model(
    formula=r"\frac{n_g\,b_g}{n_g\,b_g + n_t\,b_t}",
    source="definition: both sides take equally long where each has GPUs in proportion to its GPU-seconds",
    example=dict(
        generation_busy_time=349.5, training_busy_time=242.3, generation_gpus=64, world_size=64, expect=0.5905711
    ),
)
def balanced_generation_share(
    generation_busy_time: Seconds, training_busy_time: Seconds, generation_gpus: Count, world_size: Count
) -> Number:
    """Share of generating GPUs at which both sides take equally long.

    Where the time of a side is in proportion to 1/GPUs and staleness does not bind, no other split is faster.
    """
    generating = generation_gpus * generation_busy_time
    return generating / (generating + world_size * training_busy_time)

"""Generation of the samples of one iteration: work at full batches, and the tail of the longest outputs.

While samples wait, a replica fills every slot that becomes free. At the end the longest ones run out alone, and an
iteration that may not start before all samples are there waits for them.
"""

from __future__ import annotations

from ..annotations import Count, Number, PerSecond, Seconds
from ..arrays import jnp
from ..registry import cost_model


@cost_model(
    formula=r"r_{GPU}",
    source="definition: generation has the layout of the graph unless another rate is given",
    example=dict(output_tokens_per_second_per_gpu=1500.0, expect=1500.0),
)
def generation_tokens_per_second_per_gpu(output_tokens_per_second_per_gpu: PerSecond) -> PerSecond:
    """Output tokens per second and GPU while every slot is filled.

    Prefill is included.
    """
    return output_tokens_per_second_per_gpu


@cost_model(
    formula=r"t_{step}",
    source="definition: a step of the full batch; an upper estimate, as fewer sequences read less cache",
    example=dict(decode_step_time=0.02, expect=0.02),
)
def tail_step_time(decode_step_time: Seconds) -> Seconds:
    """Time of a decode step while only the longest samples run.

    Give the one at a concurrency of 1 for a lower estimate.
    """
    return decode_step_time


@cost_model(
    formula=r"\frac{S\,s_o}{n_g\,r_{GPU}}",
    source="definition: tokens over the rate of the generating GPUs, all slots filled",
    example=dict(
        generated_tokens_per_iteration=33554432,
        generation_gpus=64,
        generation_tokens_per_second_per_gpu=1500.0,
        expect=349.525333,
    ),
)
def generation_work_time(
    generated_tokens_per_iteration: Count, generation_gpus: Count, generation_tokens_per_second_per_gpu: PerSecond
) -> Seconds:
    """Time to generate the samples of an iteration at full batches."""
    return generated_tokens_per_iteration / (generation_gpus * generation_tokens_per_second_per_gpu)


@cost_model(
    formula=r"\frac{B\,s_o}{r\,r_{GPU}}",
    source="little-1961 (sequences in a replica over the rate at which they leave it)",
    example=dict(
        concurrency=64,
        output_len=4096,
        generation_replica_size=2,
        generation_tokens_per_second_per_gpu=1500.0,
        expect=87.381333,
    ),
)
def sample_residence_time(
    concurrency: Count,
    output_len: Count,
    generation_replica_size: Count,
    generation_tokens_per_second_per_gpu: PerSecond,
) -> Seconds:
    """Time a sample of mean length spends in its slot."""
    return concurrency * output_len / (generation_replica_size * generation_tokens_per_second_per_gpu)


@cost_model(
    formula=r"t_s + (\lambda - 1)\,s_o\,t_{tail}",
    source="definition: the mean sample, and the further tokens of the longest at the steps of the tail",
    example=dict(
        sample_residence_time=87.381333,
        longest_over_mean_output=4.0,
        output_len=4096,
        tail_step_time=0.02,
        expect=333.141333,
    ),
)
def longest_sample_time(
    sample_residence_time: Seconds, longest_over_mean_output: Number, output_len: Count, tail_step_time: Seconds
) -> Seconds:
    """Time the longest sample spends in its slot."""
    return sample_residence_time + (longest_over_mean_output - 1) * output_len * tail_step_time


@cost_model(
    formula=r"\max\left(0,\ \sigma\max(t_w - t_s, 0) + t_l - t_w\right)",
    source="graham-1969 (the last to finish starts before the work of all is done)",
    example=dict(
        generation_work_time=349.525333,
        sample_residence_time=87.381333,
        longest_sample_time=333.141333,
        longest_start=1.0,
        expect=245.76,
    ),
)
def generation_tail_time(
    generation_work_time: Seconds,
    sample_residence_time: Seconds,
    longest_sample_time: Seconds,
    longest_start: Number,
) -> Seconds:
    """Time in which generation waits for its longest samples.

    The last samples start when a mean one is left of the work; `longest_start` says how far before them the longest
    does. An iteration that fits into the slots at once takes the longest sample.
    """
    last_start = jnp.maximum(generation_work_time - sample_residence_time, 0.0)
    return jnp.maximum(longest_start * last_start + longest_sample_time - generation_work_time, 0.0)


@cost_model(
    formula=r"t_w + t_{tail}",
    source="definition: until the last sample of the iteration is there",
    example=dict(generation_work_time=349.525333, generation_tail_time=245.76, expect=595.285333),
    terms=("generation_work_time", "generation_tail_time"),
)
def generation_time(generation_work_time: Seconds, generation_tail_time: Seconds) -> Seconds:
    """Time to generate all samples of an iteration."""
    return generation_work_time + generation_tail_time

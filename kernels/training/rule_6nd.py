"""The 6ND rule: a run in one line, from parameters, tokens, GPUs and an assumed utilisation.

It sees no memory, no parallelism and no communication. Beside it stands the one thing that it hides most: the
gradient all-reduce of plain data parallelism on the given network.
"""

from __future__ import annotations

from ..annotations import Bytes, Count, Dollars, DollarsPerHour, Flops, FlopsPerSecond, Hours, Number, Seconds
from ..arrays import jnp
from ..machine.network import Network, tiers_of
from ..primitives.collectives import all_reduce
from ..primitives.roofline import exposed
from ..registry import cost_model


@cost_model(
    formula=r"\tau\,N_{active}",
    source="hoffmann-et-al-2022, table 3 (about 20 tokens per parameter)",
    example=dict(tokens_per_parameter=20, num_active_parameters=70e9, expect=1.4e12),
)
def tokens(tokens_per_parameter: Number, num_active_parameters: Count) -> Count:
    """Training tokens."""
    return tokens_per_parameter * num_active_parameters


@cost_model(
    formula=r"6\,N\,D",
    source="kaplan-et-al-2020, sec. 2.1",
    example=dict(num_active_parameters=70e9, tokens=1.4e12, expect=5.88e23),
)
def training_flops_6nd(num_active_parameters: Count, tokens: Count) -> Flops:
    """FLOPs of a training run by the 6ND rule."""
    return 6 * num_active_parameters * tokens


@cost_model(
    formula=r"\frac{6\,N\,D}{n\,\pi\,\mathrm{MFU}}",
    source="kaplan-et-al-2020, sec. 2.1; chowdhery-et-al-2022, app. B (MFU)",
    example=dict(training_flops_6nd=5.88e23, world_size=1024, peak_flops=989.4e12, mfu=0.4, expect=1450920.0),
)
def training_time_6nd(training_flops_6nd: Flops, world_size: Count, peak_flops: FlopsPerSecond, mfu: Number) -> Seconds:
    """Time of a training run by the 6ND rule."""
    return training_flops_6nd / world_size / peak_flops / mfu


@cost_model(
    formula=r"n\,t / 3600",
    source="definition: all GPUs for the whole time",
    example=dict(training_time_6nd=1450920.0, world_size=1024, expect=412706.13),
)
def gpu_hours_6nd(training_time_6nd: Seconds, world_size: Count) -> Hours:
    """GPU-hours of a training run by the 6ND rule."""
    return training_time_6nd * world_size / 3600


@cost_model(
    formula=r"h\,c",
    source="definition: every rank is paid, idle or not",
    example=dict(gpu_hours_6nd=412706.13, gpu_hour_price=2.5, expect=1031765.3),
)
def training_cost_6nd(gpu_hours_6nd: Hours, gpu_hour_price: DollarsPerHour) -> Dollars:
    """Cost of a training run by the 6ND rule."""
    return gpu_hours_6nd * gpu_hour_price


@cost_model(
    formula=r"\frac{6\,N\,B\,s}{n\,\pi\,\mathrm{MFU}}",
    source="kaplan-et-al-2020, sec. 2.1 (one batch)",
    example=dict(
        num_active_parameters=70e9,
        global_batch_size=1024,
        seq_len=4096,
        world_size=1024,
        peak_flops=989.4e12,
        mfu=0.4,
        expect=4.346842,
    ),
)
def step_time_6nd(
    num_active_parameters: Count,
    global_batch_size: Count,
    seq_len: Count,
    world_size: Count,
    peak_flops: FlopsPerSecond,
    mfu: Number,
) -> Seconds:
    """Time of one training step by the 6ND rule."""
    per_gpu = 6 * num_active_parameters * (global_batch_size * seq_len / world_size)
    return per_gpu / peak_flops / mfu


@cost_model(
    formula=r"2\,\frac{n-1}{n}\,\frac{g N}{\beta} + 2\,(n-1)\,\alpha \text{ on each tier}",
    source="patarasuk-yuan-2009, sec. 3; chan-et-al-2007 (hierarchical)",
    example=dict(
        num_parameters=70e9,
        gradient_width=2,
        world_size=1024,
        scale_up_size=8,
        scale_up_bandwidth=450e9,
        scale_up_latency=1e-6,
        scale_out_bandwidth=50e9,
        scale_out_latency=5e-6,
        link_efficiency=0.8,
        expect=0.8772075,
    ),
)
def dp_comm_time_6nd(num_parameters: Count, gradient_width: Bytes, world_size: Count, network: Network) -> Seconds:
    """Data parallel communication of one step by the 6ND rule.

    One all-reduce of all gradients over all GPUs, nothing else split: plain data parallelism.
    """
    return all_reduce(num_parameters * gradient_width, tiers_of(network, world_size, jnp.ones_like(world_size)))


@cost_model(
    formula=r"t_{DP} / t_{step}",
    source="definition: above 1 the batch is too small for plain data parallelism to hide its gradients",
    example=dict(dp_comm_time_6nd=0.8772075, step_time_6nd=4.346842, expect=0.2018034),
)
def dp_comm_share_6nd(dp_comm_time_6nd: Seconds, step_time_6nd: Seconds) -> Number:
    """Data parallel communication over step time, by the 6ND rule."""
    return dp_comm_time_6nd / step_time_6nd


@cost_model(
    formula=r"t_{step} + t_{DP} - o\,\min(t_{DP}, \tfrac{2}{3}\,t_{step})",
    source="li-et-al-2020, sec. 3.2 (gradients are reduced behind the backward pass, two thirds of 6ND)",
    example=dict(step_time_6nd=4.346842, dp_comm_time_6nd=0.8772075, dp_overlap=0.5, expect=4.7854458),
)
def dp_step_time_6nd(step_time_6nd: Seconds, dp_comm_time_6nd: Seconds, dp_overlap: Number) -> Seconds:
    """Time of one training step by the 6ND rule with plain data parallelism."""
    return step_time_6nd + exposed(dp_comm_time_6nd, dp_overlap, step_time_6nd * (2 / 3))


@cost_model(
    formula=r"\frac{D}{B\,s}\,t_{step}",
    source="definition: steps of the run times the time of one",
    example=dict(dp_step_time_6nd=5.1218438, tokens=1.4e12, global_batch_size=1024, seq_len=4096, expect=1709599.8),
)
def dp_training_time_6nd(dp_step_time_6nd: Seconds, tokens: Count, global_batch_size: Count, seq_len: Count) -> Seconds:
    """Time of a training run by the 6ND rule with plain data parallelism."""
    return dp_step_time_6nd * (tokens / (global_batch_size * seq_len))


@cost_model(
    formula=r"n\,t\,c / 3600",
    source="definition: every rank is paid, idle or not",
    example=dict(dp_training_time_6nd=1709599.8, world_size=1024, gpu_hour_price=2.5, expect=1215715.4),
)
def dp_training_cost_6nd(dp_training_time_6nd: Seconds, world_size: Count, gpu_hour_price: DollarsPerHour) -> Dollars:
    """Cost of a training run by the 6ND rule with plain data parallelism."""
    return dp_training_time_6nd * (world_size * gpu_hour_price / 3600)


@cost_model(
    formula=r"\frac{6\,N\,B\,s}{n\,\pi\,t_{step}}",
    source="chowdhery-et-al-2022, app. B (MFU)",
    example=dict(mfu=0.4, step_time_6nd=4.346842, dp_step_time_6nd=5.1218438, expect=0.3394748),
)
def dp_mfu_6nd(mfu: Number, step_time_6nd: Seconds, dp_step_time_6nd: Seconds) -> Number:
    """Model FLOPs utilisation left by plain data parallelism.

    Its communication is exposed as far as the 6ND rule with plain data parallelism says.
    """
    return mfu * step_time_6nd / dp_step_time_6nd

"""A training run in the tool: from the operations of a micro-batch to GPU-hours, and what those leave out."""

from __future__ import annotations

from ...annotations import Choice, Count, Flops, FlopsPerSecond, Hours, PerSecond, Seconds
from ...arrays import jnp
from ...registry import Erratum, cost_model
from .operators import forward_flops
from .training_memory import FULL, SELECTIVE

NAMESPACE = "llm_analysis"
_TRAINING = "definition: document 002, training of llm-analysis"


@cost_model(
    formula=r"0,\ 4\,b s^2 h L,\ L (24\,b s h^2 + 4\,b s^2 h) + 2\,b s h V",
    source=_TRAINING + ", num_flops_recompute",
    example=dict(
        micro_batch_size=50,
        sequence=2048,
        hidden_size=4096,
        num_layers=32,
        vocab_size=32000,
        recompute=1,
        expect=109951162777600,
    ),
    errata=(
        Erratum(
            "I2.11",
            wrong="the tool warns that operations of recomputation are too large to ignore where they are below 5 % "
            "of the forward pass",
            right="where they are above 5 %",
            why="The comparison is the wrong way round; the value is counted either way.",
        ),
    ),
)
def recompute_flops(
    micro_batch_size: Count,
    sequence: Count,
    hidden_size: Count,
    num_layers: Count,
    vocab_size: Count,
    recompute: Choice,
) -> Flops:
    """Operations of recomputation of a micro-batch in the tool."""
    scores = 4 * micro_batch_size * sequence**2 * hidden_size * num_layers
    whole = forward_flops(micro_batch_size, sequence, hidden_size, num_layers, vocab_size)
    return jnp.where(recompute == FULL, whole, jnp.where(recompute == SELECTIVE, scores, 0.0))


@cost_model(
    formula=r"3\,\left[L (24\,b s h^2 + 4\,b s^2 h) + 2\,b s h V\right] + F_{rec}",
    source=_TRAINING + ", num_flops_total_per_micro_batch",
    example=dict(
        micro_batch_size=50,
        sequence=2048,
        hidden_size=4096,
        num_layers=32,
        vocab_size=32000,
        recompute_flops=109951162777600,
        expect=4478577147904000,
    ),
)
def micro_batch_flops(
    micro_batch_size: Count,
    sequence: Count,
    hidden_size: Count,
    num_layers: Count,
    vocab_size: Count,
    recompute_flops: Flops,
) -> Flops:
    """Operations of one micro-batch in the tool, forward, backward and recomputed."""
    forward = forward_flops(micro_batch_size, sequence, hidden_size, num_layers, vocab_size)
    return 3 * forward + recompute_flops


@cost_model(
    formula=r"\frac{F_{mb}}{t\,p\,F}",
    source=_TRAINING + ", latency_per_micro_batch",
    example=dict(micro_batch_flops=4478577147904000, node_tp=8, pp=8, gemm_rate=156e12, expect=0.4485754355),
)
def micro_batch_time(micro_batch_flops: Flops, node_tp: Count, pp: Count, gemm_rate: FlopsPerSecond) -> Seconds:
    """Time of one micro-batch in the tool: its operations and nothing else."""
    return micro_batch_flops / (node_tp * pp * gemm_rate)


@cost_model(
    formula=r"m\,t_{mb}",
    source=_TRAINING + ", latency_per_iter",
    example=dict(micro_batch_time=0.4485754354871795, num_micro_batches=2500, expect=1121.438589),
)
def step_time(micro_batch_time: Seconds, num_micro_batches: Count) -> Seconds:
    """Time of one training step in the tool."""
    return micro_batch_time * num_micro_batches


@cost_model(
    formula=r"\lfloor D / (B s) \rfloor",
    source=_TRAINING + ", num_iters",
    example=dict(tokens=1e12, global_batch_size=4e6, sequence=2048, expect=122),
    errata=(
        Erratum(
            "I2.8",
            wrong="a batch of 4,000,000 sequences of 2048 tokens, and 122 or 170 whole steps",
            right="4,000,000 tokens, and every token trained on: 250,000 or 350,000 steps",
            why="The paper's batch of 4M counts tokens. Rounding down to whole steps of 8.2e9 tokens drops 0.06 % of "
            "1.0e12 tokens and 0.53 % of 1.4e12.",
        ),
    ),
)
def num_steps(tokens: Count, global_batch_size: Count, sequence: Count) -> Count:
    """Training steps in the tool, rounded down."""
    return jnp.floor(tokens / (global_batch_size * sequence))


@cost_model(
    formula=r"n\,t_{step}",
    source=_TRAINING + ", total_training_latency",
    example=dict(step_time=1121.4385887179487, num_steps=122, expect=136815.5078),
)
def training_time(step_time: Seconds, num_steps: Count) -> Seconds:
    """Time of a training run in the tool."""
    return step_time * num_steps


@cost_model(
    formula=r"T\,t\,p\,d / 3600",
    source=_TRAINING + ", gpu_hours",
    example=dict(training_time=136815.50782358975, node_tp=8, pp=8, dp=32, expect=77832.82223),
    errata=(
        Erratum(
            "I2.5",
            wrong="GPU-hours of arithmetic alone, beside pies that show communication, norms and the embedding",
            right="`gpu_hours` of the main models; three of the pies' forward passes make 1.40, 1.31, 1.14 and 1.17 "
            "times these GPU-hours",
            why="The pies divide latency_fwd, the GPU-hours come from operations over a rate: no communication, no "
            "memory traffic, no pipeline bubble and no gradient all-reduce is in them.",
        ),
    ),
)
def gpu_hours(training_time: Seconds, node_tp: Count, pp: Count, dp: Count) -> Hours:
    """GPU-hours of a training run in the tool."""
    return training_time * (node_tp * pp * dp) / 3600


@cost_model(
    formula=r"\frac{D}{3600\,H}",
    source="definition: document 002, tokens of the whole run over its GPU time",
    example=dict(tokens=1.4e12, gpu_hours=1015701.6427272022, expect=382.8770896),
)
def tokens_per_second_per_gpu(tokens: Count, gpu_hours: Hours) -> PerSecond:
    """Training tokens per second and GPU in the tool."""
    return tokens / (gpu_hours * 3600)


@cost_model(
    formula=r"\frac{3\,t_{fwd}\,m\,n\,t\,p\,d}{3600}",
    source="definition: the document's own forward pass, three times for forward and backward",
    example=dict(
        forward_time=0.2097721096742479,
        num_micro_batches=2500,
        num_steps=122,
        node_tp=8,
        pp=8,
        dp=32,
        expect=109193.3755,
    ),
)
def gpu_hours_three_forwards(
    forward_time: Seconds, num_micro_batches: Count, num_steps: Count, node_tp: Count, pp: Count, dp: Count
) -> Hours:
    """GPU-hours with communication, norms and embedding charged as in the pies.

    A pass backward costs as much as two forward. Recomputation, pipeline bubbles and the gradients' all-reduce are
    still left out: `gpu_hours` of the main models has them.
    """
    return 3 * forward_time * num_micro_batches * num_steps * (node_tp * pp * dp) / 3600


@cost_model(
    formula=r"\frac{6\,N\,D}{3600\,F}",
    source="kaplan-et-al-2020, sec. 2.1; parameters and rate of document 002",
    example=dict(num_parameters=6573522944, tokens=1e12, gemm_rate=156e12, expect=70229.94598),
)
def gpu_hours_model_flops(num_parameters: Count, tokens: Count, gemm_rate: FlopsPerSecond) -> Hours:
    """GPU-hours of the 6ND rule with the tool's parameters and rate."""
    return 6 * num_parameters * tokens / gemm_rate / 3600

"""What one iteration samples and trains on.

An iteration is one batch of prompts: its samples are generated, scored and trained on, and the generating side gets
the new weights.
"""

from __future__ import annotations

from ..annotations import Choice, Count, Number
from ..arrays import jnp
from ..registry import constraint, cost_model
from .cluster import DISAGGREGATED


@cost_model(
    formula=r"P\,G",
    source="shao-et-al-2024, sec. 4.1 (a group of G outputs for every question)",
    example=dict(prompts_per_iteration=512, samples_per_prompt=16, expect=8192.0),
)
def samples_per_iteration(prompts_per_iteration: Count, samples_per_prompt: Count) -> Count:
    """Samples of one iteration."""
    return prompts_per_iteration * samples_per_prompt


@cost_model(
    formula=r"S\,s_o",
    source="definition: samples by their mean output",
    example=dict(samples_per_iteration=8192, output_len=4096, expect=33554432.0),
)
def generated_tokens_per_iteration(samples_per_iteration: Count, output_len: Count) -> Count:
    """Tokens generated in one iteration."""
    return samples_per_iteration * output_len


@cost_model(
    formula=r"S\,(s_p + s_o)",
    source="definition: prompts and outputs, without padding",
    example=dict(samples_per_iteration=8192, prompt_len=512, output_len=4096, expect=37748736.0),
)
def trained_tokens_per_iteration(samples_per_iteration: Count, prompt_len: Count, output_len: Count) -> Count:
    """Tokens of the samples of one iteration, prompts included."""
    return samples_per_iteration * (prompt_len + output_len)


@cost_model(
    when_given="prompts_per_iteration",
    formula=r"s_p + s_o",
    source="definition: a training sequence is one sample",
    example=dict(prompt_len=512, output_len=4096, expect=4608.0),
)
def seq_len(prompt_len: Count, output_len: Count) -> Count:
    """Training sequence with reinforcement: prompt and output."""
    return prompt_len + output_len


@cost_model(
    when_given="policy_minibatches",
    formula=r"S / m_\pi",
    source="schulman-et-al-2017, sec. 5, algorithm 1 (minibatches of M samples)",
    example=dict(samples_per_iteration=8192, policy_minibatches=16, expect=512.0),
)
def global_batch_size(samples_per_iteration: Count, policy_minibatches: Count) -> Count:
    """Global batch in sequences, from given minibatches."""
    return samples_per_iteration / policy_minibatches


@cost_model(
    formula=r"\frac{K\,S\,(s_p + s_o)}{B\,s}",
    source="schulman-et-al-2017, sec. 5, algorithm 1 (K epochs of minibatches); samples packed into training sequences",
    example=dict(
        policy_epochs=2,
        trained_tokens_per_iteration=37748736,
        global_batch_size=512,
        seq_len=4608,
        expect=32.0,
    ),
)
def updates_per_iteration(
    policy_epochs: Count, trained_tokens_per_iteration: Count, global_batch_size: Count, seq_len: Count
) -> Number:
    """Optimizer steps of one iteration.

    Not rounded. A training sequence longer than a sample holds several; attention is then that of the training
    sequence, an upper estimate.
    """
    return policy_epochs * trained_tokens_per_iteration / (global_batch_size * seq_len)


@constraint(
    legal=True,
    message="{samples_per_iteration} samples on {generation_gpus} GPUs in replicas of {generation_replica_size}, at a staleness of {staleness}, do not fill {concurrency} slots of each",
    formula=r"(1 + \eta\,[\text{disaggregated}])\,\frac{S\,r}{n_g} - B",
    source="fu-et-al-2025 (samples in flight are those of at most 1 + staleness batches)",
    example=dict(
        samples_per_iteration=8192,
        generation_gpus=64,
        generation_replica_size=2,
        staleness=0,
        placement=0,
        concurrency=300,
        expect=-44.0,
    ),
)
def fills_generation_slots(
    samples_per_iteration: Count,
    generation_gpus: Count,
    generation_replica_size: Count,
    staleness: Number,
    placement: Choice,
    concurrency: Count,
) -> Number:
    """Samples in flight of a replica beyond those it decodes.

    With fewer samples than slots a replica runs at a smaller batch than the one its rate is that of.
    """
    batches = 1 + jnp.where(placement == DISAGGREGATED, staleness, 0.0)
    spare = batches * samples_per_iteration * generation_replica_size / generation_gpus - concurrency
    return jnp.where(jnp.abs(spare) < 1e-6 * concurrency, 0.0, spare)

"""The tool's batches: replicas, and the largest micro-batch that divides a replica's share and fits."""

from __future__ import annotations

from ...annotations import Array, Bytes, Count
from ...arrays import jnp
from ...registry import cost_model

NAMESPACE = "llm_analysis"
_BATCH = "definition: document 002, config_batch_size_and_gradient_accumulation_steps of llm-analysis"

# Of a divisor and its cofactor one is at most the root, so this many trials find every divisor of a share up to 2048².
TRIALS = 2048


def divided(total: Array, parts: Array) -> Array:
    """`total / parts`, and no number where both are whole and the parts do not divide it.

    Between whole numbers it is the plain quotient, so that it has a slope.
    """
    whole = (total == jnp.floor(total)) & (parts == jnp.floor(parts))
    quotient = total / parts
    return jnp.where(whole & (quotient != jnp.floor(quotient)), jnp.nan, quotient)


def largest_divisor(number: Array, limit: Array) -> Array:
    """The largest divisor of the whole part of `number` that is at most `limit`; 0 where there is none.

    Tries the divisors up to TRIALS and their cofactors along one more axis, so that the work is fixed.
    """
    whole = jnp.floor(jnp.asarray(number))[..., None]
    most = jnp.asarray(limit)[..., None]
    trial = jnp.arange(1, TRIALS + 1, dtype=whole.dtype)
    cofactor = whole / trial
    divides = cofactor == jnp.floor(cofactor)
    low = jnp.where(divides & (trial <= most), trial, 0.0)
    high = jnp.where(divides & (cofactor <= most), cofactor, 0.0)
    return jnp.max(jnp.maximum(low, high), axis=-1)


@cost_model(
    formula=r"n / (t\,p)",
    source="definition: document 002, train of llm-analysis",
    example=dict(world_size=2048, node_tp=8, pp=8, expect=32),
    undefined="world_size must be a multiple of the tensor parallel ranks times the stages",
)
def dp(world_size: Count, node_tp: Count, pp: Count) -> Count:
    """Data parallel replicas in the tool."""
    return divided(world_size, node_tp * pp)


@cost_model(
    formula=r"s \le s_{max}",
    source="definition: document 002, training of llm-analysis",
    example=dict(seq_len=2048, max_seq_len=4096, expect=2048),
    undefined="seq_len must not be above the model's max_seq_len",
)
def sequence(seq_len: Count, max_seq_len: Count) -> Count:
    """Tokens of one training sequence, checked against the model's longest."""
    return jnp.where(seq_len <= max_seq_len, seq_len, jnp.nan)


@cost_model(
    formula=r"B / d",
    source=_BATCH,
    example=dict(global_batch_size=4000000, dp=32, expect=125000),
    undefined="the global batch must be a multiple of the data parallel replicas",
)
def replica_batch_size(global_batch_size: Count, dp: Count) -> Count:
    """Sequences of a step on one replica in the tool."""
    return divided(global_batch_size, dp)


@cost_model(
    formula=r"\lfloor M_{free} / M_{act,1} \rfloor",
    source="definition: document 002, training of llm-analysis, max_batch_size_per_gpu",
    example=dict(training_free_memory=77953966080, sequence_activation_memory=1241513984, expect=62),
)
def max_micro_batch_size(training_free_memory: Bytes, sequence_activation_memory: Bytes) -> Count:
    """Largest micro-batch whose activations fit in the tool, 0 where none does."""
    return jnp.floor(training_free_memory / sequence_activation_memory)


@cost_model(
    formula=r"\max\{b : b \mid B/d,\ b \le b_{max}\}",
    source=_BATCH,
    example=dict(
        replica_batch_size=1000,
        max_micro_batch_size=62,
        training_free_memory=77953966080,
        sequence_activation_memory=1241513984,
        expect=50,
    ),
    undefined="the activations of a single sequence do not fit beside the model's states, or a replica has more than "
    "4194304 sequences a step, where the search for divisors ends",
)
def micro_batch_size(
    replica_batch_size: Count,
    max_micro_batch_size: Count,
    training_free_memory: Bytes,
    sequence_activation_memory: Bytes,
) -> Count:
    """Sequences of one micro-batch in the tool: the most that fit and divide."""
    found = largest_divisor(replica_batch_size, max_micro_batch_size)
    fits = training_free_memory > found * sequence_activation_memory
    return jnp.where((found >= 1) & fits & (replica_batch_size <= TRIALS**2), found, jnp.nan)


@cost_model(
    formula=r"\frac{B}{b\,d}",
    source=_BATCH,
    example=dict(replica_batch_size=125000, micro_batch_size=50, expect=2500),
    undefined="the micro-batch must divide the sequences of a replica",
)
def num_micro_batches(replica_batch_size: Count, micro_batch_size: Count) -> Count:
    """Micro-batches that one replica accumulates in a step of the tool."""
    return divided(replica_batch_size, micro_batch_size)

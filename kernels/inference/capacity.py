"""How many sequences a replica can serve at once: what its memory holds and what its engine allows."""

from __future__ import annotations

from ..annotations import Bytes, Count, Number
from ..arrays import jnp
from ..registry import constraint, cost_model


@cost_model(
    formula=r"\frac{x_{kv}\,(C - M_w - M_x - M_a)}{m_{seq}/n_a + m_{logits}}",
    source="kwon-et-al-2023, sec. 4 (what weights and working memory leave is the cache's)",
    example=dict(
        hbm_capacity=85899345920,
        serving_weight_memory=1.76e10,
        overhead_memory=2e9,
        serving_working_memory=1e9,
        kv_memory_share=0.9,
        kv_cache_per_sequence=83886080,
        logits_per_sequence=24000,
        attention_groups=1,
        expect=700.3856,
    ),
)
def fitting_concurrency(
    hbm_capacity: Bytes,
    serving_weight_memory: Bytes,
    overhead_memory: Bytes,
    serving_working_memory: Bytes,
    kv_memory_share: Number,
    kv_cache_per_sequence: Bytes,
    logits_per_sequence: Bytes,
    attention_groups: Count,
) -> Count:
    """Sequences whose cache fits beside the weights, relaxed to a real number.

    Negative where not even the weights fit: by how many sequences they miss.
    """
    left = hbm_capacity - serving_weight_memory - overhead_memory - serving_working_memory
    return kv_memory_share * left / (kv_cache_per_sequence / attention_groups + logits_per_sequence)


@constraint(
    message="beside weights and working memory there is room for {fitting_concurrency} sequences",
    guards=("max_concurrency",),
    formula=r"B_{fit} - 1",
    source="definition: a replica serves one sequence at least",
    example=dict(fitting_concurrency=0.25, expect=-0.75),
)
def holds_a_sequence(fitting_concurrency: Count) -> Count:
    """Sequences that fit beyond the first."""
    return fitting_concurrency - 1


@cost_model(
    formula=r"\max(1, \min(\lfloor B_{fit} \rfloor, B_{engine}))",
    source="kwon-et-al-2023, sec. 4.3 (sequences run while blocks of the cache are left)",
    example=dict(fitting_concurrency=700.6, max_batch_size=256, pp=2, expect=512.0),
)
def max_concurrency(fitting_concurrency: Count, max_batch_size: Count, pp: Count) -> Count:
    """Most sequences that a replica serves at once, a whole number.

    An engine limits the sequences of one batch; every stage of a pipeline has one. 1 where nothing fits, which
    `fits_serving_memory` tells.
    """
    return jnp.maximum(jnp.floor(jnp.minimum(fitting_concurrency, max_batch_size * pp)), 1.0)


@cost_model(
    formula=r"B_{max}",
    source="definition: where the share of memory for the cache is given and the number of sequences is not, as many as fit",
    example=dict(max_concurrency=512, expect=512.0),
    when_given="kv_memory_share",
)
def concurrency_(max_concurrency: Count) -> Count:
    """Sequences served together by one replica that is full."""
    return max_concurrency

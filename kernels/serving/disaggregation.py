"""Prefill on replicas of its own: how many, and what it takes to hand the cache over.

Both kinds of replica have the same GPUs, tp and pp. A prompt's cache goes from each rank of the one to the same rank of
the other, all at once; it is needed for the second token, not for the first.
"""

from __future__ import annotations

from ..annotations import Bytes, Choice, Count, Number, PerSecond, Seconds
from ..arrays import jnp
from ..inference.memory import CacheLayout, cache_of
from ..machine.network import Network
from ..primitives.arithmetic import ratio
from ..registry import constraint, cost_model
from .batching import DISAGGREGATED


@cost_model(
    formula=r"r = X_d / X_p \text{ where disaggregated, else } 0",
    source="zhong-et-al-2024, sec. 4.1 (replicas of each kind in proportion to their rates)",
    example=dict(
        batching=DISAGGREGATED,
        decode_requests_per_second=27.173913,
        prefill_requests_per_second=25.575448,
        expect=1.0625,
    ),
)
def prefill_replica_ratio(
    batching: Choice, decode_requests_per_second: PerSecond, prefill_requests_per_second: PerSecond
) -> Number:
    """Prefill replicas for each decoding replica, so that both are busy.

    Where another ratio is given, the scarcer kind bounds the rate.
    """
    return jnp.where(batching == DISAGGREGATED, decode_requests_per_second / prefill_requests_per_second, 0.0)


@cost_model(
    formula=r"n = (1 + r)\,n_r",
    source="definition: a decoding replica and its part of the prefill replicas",
    example=dict(replica_size=8, prefill_replica_ratio=1.0625, expect=16.5),
)
def gpus_per_serving_replica(replica_size: Count, prefill_replica_ratio: Number) -> Count:
    """GPUs that serve for each decoding replica."""
    return replica_size * (1 + prefill_replica_ratio)


@cost_model(
    formula=r"\frac{1}{p}\left(\frac{b_{kv}}{\min(t,k_v)\,c}\left[(L_{att}-L_w)\,s_p + L_w \min(s_p, w)\right] + \frac{L_{lin} b_s}{t}\right)",
    source="patel-et-al-2024, sec. IV-C (the cache of the prompt goes to the token machine)",
    example=dict(
        prompt_len=1024,
        num_attention_layers=80,
        num_linear_layers=0,
        sliding_share=0,
        kv_bytes_per_token_layer=4096,
        linear_state_bytes=0,
        kv_split=8,
        tp=8,
        pp=1,
        cp=1,
        expect=41943040.0,
    ),
)
def kv_transfer_bytes(prompt_len: Count, layout: CacheLayout) -> Bytes:
    """Cache and states of one prompt that each GPU sends to a decoding replica.

    All that it holds: heads that several ranks hold are sent by each, and what the prefill replica found in its own
    cache of prefixes, the decoding one need not have.
    """
    return cache_of(prompt_len, layout)


@cost_model(
    formula=r"\frac{Q}{\beta} + \alpha",
    source="zhong-et-al-2024, sec. 3.3 (communication); patel-et-al-2024, sec. IV-C",
    example=dict(
        kv_transfer_bytes=41943040,
        kv_transfer_tier=1,
        scale_up_size=8,
        scale_up_bandwidth=450e9,
        scale_up_latency=1e-6,
        scale_out_bandwidth=50e9,
        scale_out_latency=5e-6,
        link_efficiency=0.8,
        expect=1.0535760e-3,
    ),
)
def kv_transfer_time(kv_transfer_bytes: Bytes, kv_transfer_tier: Choice, network: Network) -> Seconds:
    """Time to send the cache of one prompt, every rank over its own link."""
    inside = kv_transfer_tier == 0
    scale_up = network.scale_up_bandwidth / network.scale_up_oversubscription
    scale_out = network.scale_out_bandwidth / network.scale_out_oversubscription
    bandwidth = jnp.where(inside, scale_up, scale_out) * network.link_efficiency
    latency = jnp.where(inside, network.scale_up_latency, network.scale_out_latency)
    return kv_transfer_bytes / bandwidth + latency


@cost_model(
    formula=r"(1 - \omega)\,t_{kv}",
    source="patel-et-al-2024, sec. IV-C (layers are sent while the next ones compute)",
    example=dict(kv_transfer_time=1.053576e-3, kv_transfer_overlap=0.75, expect=2.63394e-4),
)
def exposed_kv_transfer_time(kv_transfer_time: Seconds, kv_transfer_overlap: Number) -> Seconds:
    """Time for which the second token waits for the cache."""
    return (1 - kv_transfer_overlap) * kv_transfer_time


@cost_model(
    formula=r"X\,t_{kv} / r",
    source="definition: caches sent by one prefill replica, at the saturated rate",
    example=dict(
        saturated_requests_per_second=27.173913,
        kv_transfer_time=1.053576e-3,
        prefill_replica_ratio=1.0625,
        expect=2.6945675e-2,
    ),
)
def kv_link_utilisation(
    saturated_requests_per_second: PerSecond, kv_transfer_time: Seconds, prefill_replica_ratio: Number
) -> Number:
    """Share of time that a prefill replica sends caches; 0 without any."""
    return ratio(saturated_requests_per_second * kv_transfer_time, prefill_replica_ratio)


@constraint(
    message="sending caches takes {kv_link_utilisation} times the time there is",
    formula=r"1 - u_{kv}",
    source="definition: links cannot be busier than always",
    example=dict(kv_link_utilisation=1.25, expect=-0.25),
)
def sustains_kv_transfer(kv_link_utilisation: Number) -> Number:
    """Share of time in which a prefill replica's links are free."""
    return 1 - kv_link_utilisation

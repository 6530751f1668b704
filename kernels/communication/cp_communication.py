"""Context parallel communication: keys and values travel a ring, or heads are exchanged for positions.

Neighbours of a context parallel group are tp GPUs apart.
"""

from __future__ import annotations

from ..annotations import Bytes, Choice, Count, Number, Seconds
from ..arrays import jnp
from ..example_inputs import H100_NDR
from ..machine.network import Network, tiers_of
from ..model.flops import SELECTIVE
from ..primitives.collectives import all_to_all, neighbour_exchange
from ..primitives.roofline import exposed
from ..registry import cost_model

ALL_TO_ALL = 1
"""Position of `all_to_all` among the options of cp_exchange."""


def passes(once: float, recompute: Choice, recompute_layer_share: Number) -> Number:
    """Exchanges of one layer: `once` in forward and backward, and one more where attention is recomputed."""
    return once + jnp.where(recompute >= SELECTIVE, recompute_layer_share, 0.0)


RING_PASSES, EXCHANGE_PASSES = 3.0, 2.0
"""A ring carries keys and values forward, and backward both them and their gradients; an exchange of heads has one
gradient."""


@cost_model(
    formula=r"T\,a_w\,2k_vd/t \quad\text{or, for MLA,}\quad T\,a_w\,a\,(d_n + d_r + d_v)/t",
    source="liu-zaharia-abbeel-2023, sec. 3 (keys and values of a block)",
    example=dict(
        micro_batch_tokens=4096,
        num_key_value_heads=8,
        num_attention_heads=64,
        head_dim=128,
        activation_width=2,
        tp=1,
        expect=1.6777216e7,
    ),
)
def key_value_message(
    micro_batch_tokens: Count,
    num_key_value_heads: Count,
    num_attention_heads: Count,
    head_dim: Count,
    kv_lora_rank: Count,
    qk_nope_head_dim: Count,
    qk_rope_head_dim: Count,
    v_head_dim: Count,
    activation_width: Bytes,
    tp: Count,
) -> Bytes:
    """Keys and values of one rank's part of the sequence in one layer.

    Latent attention is expanded before the exchange.
    """
    latent = num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim + v_head_dim)
    elements = jnp.where(kv_lora_rank > 0, latent, 2 * num_key_value_heads * head_dim)
    return micro_batch_tokens * activation_width * elements / tp


@cost_model(
    formula=r"(3 + \rho[\text{selective or full}])\,(c-1)\left(\frac{m_{kv}}{\beta} + \alpha\right)",
    source="liu-zaharia-abbeel-2023, sec. 3 (keys and values travel the ring forward, with their gradients backward)",
    example=dict(key_value_message=1.6777216e7, tp=1, cp=4, recompute=0, **H100_NDR, expect=4.284304e-4),
)
def cp_ring_time(
    key_value_message: Bytes,
    tp: Count,
    cp: Count,
    recompute: Choice,
    recompute_layer_share: Number,
    network: Network,
) -> Seconds:
    """Ring exchange of one layer and one micro-batch.

    A ring passes the keys and values of every rank to all others: c - 1 steps forward; backward keys and values
    again and their gradients; any recomputation repeats the forward. Every step waits for the slowest link.
    """
    count = passes(RING_PASSES, recompute, recompute_layer_share)
    return count * (cp - 1) * neighbour_exchange(key_value_message, tiers_of(network, cp, tp))


@cost_model(
    formula=r"(2 + \rho[\text{selective or full}])\left(t_{A2A}(T a_w e_{heads}/t)\right)",
    source="jacobs-et-al-2023, sec. 3.2 (queries, keys and values out, the attention output back)",
    example=dict(
        micro_batch_tokens=4096,
        attention_head_elements=18432,
        activation_width=2,
        tp=1,
        cp=4,
        recompute=0,
        **H100_NDR,
        expect=0.0006351456,
    ),
)
def cp_all_to_all_time(
    micro_batch_tokens: Count,
    attention_head_elements: Count,
    activation_width: Bytes,
    tp: Count,
    cp: Count,
    recompute: Choice,
    recompute_layer_share: Number,
    network: Network,
) -> Seconds:
    """Exchange of heads for positions in one layer and one micro-batch.

    Four all-to-alls forward, of queries, keys, values and output, as one of all their elements; as much backward.
    """
    message = micro_batch_tokens * activation_width * attention_head_elements / tp
    return passes(EXCHANGE_PASSES, recompute, recompute_layer_share) * all_to_all(message, tiers_of(network, cp, tp))


@cost_model(
    formula=r"\tfrac{L_a}{L}\,(t_{ring} \text{ or } t_{A2A})",
    source="definition: by the exchange chosen, mean over all layers",
    example=dict(
        cp_exchange=0,
        cp_ring_time=4.3e-4,
        cp_all_to_all_time=1e-3,
        num_attention_layers=80,
        num_layers=80,
        expect=4.3e-4,
    ),
)
def cp_layer_comm_time(
    cp_exchange: Choice,
    cp_ring_time: Seconds,
    cp_all_to_all_time: Seconds,
    num_attention_layers: Count,
    num_layers: Count,
) -> Seconds:
    """Context parallel communication of one layer and one micro-batch.

    The mean over all layers. The state that linear layers hand on from rank to rank is small beside these.
    """
    chosen = jnp.where(cp_exchange == ALL_TO_ALL, cp_all_to_all_time, cp_ring_time)
    return chosen * num_attention_layers / num_layers


@cost_model(
    formula=r"t - (1 - \sigma)\,o\,\min\left(t, (1 + r_b + \rho[\text{selective or full}])\,\tfrac{L_a}{L} t_{core}\right)",
    source="liu-zaharia-abbeel-2023, sec. 3 (the exchange hides behind blockwise attention)",
    example=dict(
        cp_layer_comm_time=4.284304e-4,
        cp_overlap=1.0,
        attention_core_time=4.63038e-5,
        attention_backward_ratio=2.5,
        num_attention_layers=80,
        num_layers=80,
        recompute=0,
        expect=2.663671e-4,
    ),
)
def exposed_cp_layer_time(
    cp_layer_comm_time: Seconds,
    cp_overlap: Number,
    comm_slowdown: Number,
    attention_core_time: Seconds,
    attention_backward_ratio: Number,
    num_attention_layers: Count,
    num_layers: Count,
    recompute: Choice,
    recompute_layer_share: Number,
) -> Seconds:
    """Exposed context parallel communication of one layer and micro-batch.

    The mean over all layers, of which only those with attention communicate.
    """
    again = jnp.where(recompute >= SELECTIVE, recompute_layer_share, 0.0)
    behind = (1 + attention_backward_ratio + again) * attention_core_time * num_attention_layers / num_layers
    return exposed(cp_layer_comm_time, cp_overlap, behind, comm_slowdown)

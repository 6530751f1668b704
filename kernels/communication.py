"""Communication of a training step: time of every kind, per layer and micro-batch or per step.

Groups are placed from the innermost tier outwards in the order tp, cp, dp, pp, so neighbours of a tensor parallel
group are 1 GPU apart and those of the pipeline tp x cp x dp GPUs. Expert layers regroup the cp x dp ranks into ep,
inside, and the replicas of the experts, so neighbours of an expert parallel group are tp GPUs apart (liu-et-al-2025).
"""

from __future__ import annotations

import jax.numpy as jnp

from .annotations import Bytes, Choice, Count, Flag, Number, Seconds
from .flops import FULL, SELECTIVE
from .network import Network, tiers_of
from .primitives.arithmetic import ratio
from .primitives.collectives import all_gather, all_reduce, all_to_all, neighbour_exchange
from .primitives.roofline import exposed
from .registry import cost_model

_H100_NDR = dict(
    scale_up_size=8,
    scale_up_bandwidth=450e9,
    scale_up_latency=1e-6,
    scale_out_bandwidth=50e9,
    scale_out_latency=5e-6,
    link_efficiency=0.8,
)
ZERO_3 = 3


@cost_model(
    formula=r"2\,\frac{t-1}{t}\,\frac{m}{\beta} + 2\,(t-1)\,\alpha \text{ on each tier}",
    source="patarasuk-yuan-2009, sec. 3; shoeybi-et-al-2019, sec. 3",
    example=dict(hidden_states_message=6.7108864e7, tp=8, **_H100_NDR, expect=3.402231e-4),
)
def tp_all_reduce_time(hidden_states_message: Bytes, tp: Count, network: Network) -> Seconds:
    """Time of one tensor parallel all-reduce of the hidden states.

    With sequence parallelism it is a reduce-scatter and an all-gather of the same volume.
    """
    return all_reduce(hidden_states_message, tiers_of(network, tp, jnp.ones_like(tp)))


@cost_model(
    formula=r"(4 + 2[\text{full}] + [\text{SP}])\,t_{AR}",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces forward, two backward); korthikanti-et-al-2022, sec. 4.2.2 (the extra gathers)",
    example=dict(tp_all_reduce_time=3.402231e-4, recompute=0, sequence_parallel=0, expect=1.3608924e-3),
)
def tp_layer_comm_time(tp_all_reduce_time: Seconds, recompute: Choice, sequence_parallel: Flag) -> Seconds:
    """Tensor parallel communication of one layer and one micro-batch.

    Two all-reduces forward and two backward; full recomputation repeats the forward ones. With sequence parallelism
    the backward pass gathers the input of both column-parallel products once more, half an all-reduce each.
    """
    forward_again = jnp.where(recompute == FULL, 2.0, 0.0)
    regathers = jnp.where(sequence_parallel > 0, 1.0, 0.0)
    return (4 + forward_again + regathers) * tp_all_reduce_time


@cost_model(
    formula=r"t - o\,\min(t, t_F + t_B + t_R)",
    source="definition: a share o of the communication hides behind the layer's own compute",
    example=dict(
        tp_layer_comm_time=1.3608924e-3,
        tp_overlap=0.5,
        layer_forward_time=1.2874e-3,
        layer_backward_time=2.598e-3,
        layer_recompute_time=0.0,
        expect=6.804462e-4,
    ),
)
def exposed_tp_layer_time(
    tp_layer_comm_time: Seconds,
    tp_overlap: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    layer_recompute_time: Seconds,
) -> Seconds:
    """Exposed tensor parallel communication of one layer and micro-batch."""
    behind = layer_forward_time + layer_backward_time + layer_recompute_time
    return exposed(tp_layer_comm_time, tp_overlap, behind)


@cost_model(
    formula=r"(3 + [\text{selective or full}])\,(c-1)\left(\frac{m_{kv}}{\beta} + \alpha\right),\ m_{kv} = T\,a_w\,e_{kv}/t",
    source="liu-zaharia-abbeel-2023, sec. 3 (keys and values travel the ring forward, with their gradients backward)",
    example=dict(
        micro_batch_tokens=4096,
        num_key_value_heads=8,
        num_attention_heads=64,
        head_dim=128,
        activation_width=2,
        tp=1,
        cp=4,
        recompute=0,
        **_H100_NDR,
        expect=4.284304e-4,
    ),
)
def cp_layer_comm_time(
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
    cp: Count,
    recompute: Choice,
    network: Network,
) -> Seconds:
    """Context parallel communication of one layer and one micro-batch.

    A ring passes the keys and values of every rank to all others: c - 1 steps forward; backward keys and values
    again and their gradients; any recomputation repeats the forward. Every step waits for the slowest link of the
    ring. Latent attention is expanded before the exchange.
    """
    latent = num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim + v_head_dim)
    elements = jnp.where(kv_lora_rank > 0, latent, 2 * num_key_value_heads * head_dim)
    message = micro_batch_tokens * activation_width * elements / tp
    passes = 3 + jnp.where(recompute >= SELECTIVE, 1.0, 0.0)
    return passes * (cp - 1) * neighbour_exchange(message, tiers_of(network, cp, tp))


@cost_model(
    formula=r"t - o\,\min(t, (1 + r_b + [\text{selective or full}])\,t_{core})",
    source="liu-zaharia-abbeel-2023, sec. 3 (the exchange hides behind blockwise attention)",
    example=dict(
        cp_layer_comm_time=4.284304e-4,
        cp_overlap=1.0,
        attention_core_time=4.63038e-5,
        attention_backward_ratio=2.5,
        recompute=0,
        expect=2.663671e-4,
    ),
)
def exposed_cp_layer_time(
    cp_layer_comm_time: Seconds,
    cp_overlap: Number,
    attention_core_time: Seconds,
    attention_backward_ratio: Number,
    recompute: Choice,
) -> Seconds:
    """Exposed context parallel communication of one layer and micro-batch."""
    passes = 1 + attention_backward_ratio + jnp.where(recompute >= SELECTIVE, 1.0, 0.0)
    return exposed(cp_layer_comm_time, cp_overlap, passes * attention_core_time)


@cost_model(
    formula=r"(4 + 2[\text{full}])\,\frac{L_{moe}}{L}\,\left(\frac{e-1}{e}\,\frac{T k h a_w}{t'\beta} + (e-1)\alpha\right)",
    source="lepikhin-et-al-2020, sec. 3 (dispatch and combine); deepseek-v3-2024, sec. 3.2.2; liu-et-al-2025 (placement)",
    example=dict(
        hidden_states_message=6.7108864e7,
        experts_per_token=2,
        num_moe_layers=32,
        num_layers=32,
        tp=1,
        ep=8,
        sequence_parallel=1,
        recompute=0,
        **_H100_NDR,
        expect=1.332893e-3,
    ),
)
def ep_layer_comm_time(
    hidden_states_message: Bytes,
    experts_per_token: Count,
    num_moe_layers: Count,
    num_layers: Count,
    tp: Count,
    ep: Count,
    sequence_parallel: Flag,
    recompute: Choice,
    network: Network,
) -> Seconds:
    """Expert parallel communication of one layer and one micro-batch.

    The mean over all layers. Dispatch and combine, forward and backward: four all-to-alls of every token's copies, in activation width, over
    balanced experts. With sequence parallelism each tensor parallel rank sends its own part of the tokens.
    """
    split = jnp.where(sequence_parallel > 0, tp, 1.0)
    message = hidden_states_message * experts_per_token / split
    count = 4 + jnp.where(recompute == FULL, 2.0, 0.0)
    return count * num_moe_layers / num_layers * all_to_all(message, tiers_of(network, ep, tp))


@cost_model(
    formula=r"t - o\,\min(t, t_F + t_B + t_R)",
    source="deepseek-v3-2024, sec. 3.2.1 (the all-to-all of one micro-batch hides behind the compute of another)",
    example=dict(
        ep_layer_comm_time=1.332893e-3,
        ep_overlap=1.0,
        layer_forward_time=4e-4,
        layer_backward_time=8e-4,
        layer_recompute_time=0.0,
        expect=1.32893e-4,
    ),
)
def exposed_ep_layer_time(
    ep_layer_comm_time: Seconds,
    ep_overlap: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    layer_recompute_time: Seconds,
) -> Seconds:
    """Exposed expert parallel communication of one layer and micro-batch."""
    behind = layer_forward_time + layer_backward_time + layer_recompute_time
    return exposed(ep_layer_comm_time, ep_overlap, behind)


@cost_model(
    formula=r"2\,v\,\left(\frac{m}{\beta\,t'} + \alpha\right) \text{ where } p > 1",
    source="narayanan-et-al-2021, sec. 2.2.2 and 4.1 (interleaving repeats the transfers; scatter-gather splits them over tp)",
    example=dict(
        hidden_states_message=6.7108864e7,
        pp=4,
        vpp=1,
        tp=8,
        cp=1,
        dp=16,
        sequence_parallel=1,
        **_H100_NDR,
        expect=4.294304e-4,
    ),
)
def pp_micro_batch_comm_time(
    hidden_states_message: Bytes,
    pp: Count,
    vpp: Count,
    tp: Count,
    cp: Count,
    dp: Count,
    sequence_parallel: Flag,
    network: Network,
) -> Seconds:
    """Pipeline communication of one micro-batch on one rank.

    Hidden states go forward, their gradient backward.
    """
    split = jnp.where(sequence_parallel > 0, tp, 1.0)
    return 2 * vpp * neighbour_exchange(hidden_states_message / split, tiers_of(network, pp, tp * cp * dp))


@cost_model(
    formula=r"t_{RS}(g) + t_{AG}(w);\ \text{stage 3: } m\,(2 t_{AG}(w) + t_{RS}(g))",
    source="rajbhandari-et-al-2020, sec. 7 (2, 2 and 3 times the parameters); zhao-et-al-2023, sec. 3.2 (resharding per micro-batch)",
    example=dict(
        shared_parameters_per_gpu=2.2e9,
        expert_parameters_per_gpu=0.0,
        gradient_width=4,
        weight_width=2,
        tp=8,
        cp=1,
        dp=16,
        ep=1,
        zero_stage=1,
        num_micro_batches=16,
        **_H100_NDR,
        expect=0.3095,
    ),
)
def dp_comm_time(
    shared_parameters_per_gpu: Count,
    expert_parameters_per_gpu: Count,
    gradient_width: Bytes,
    weight_width: Bytes,
    tp: Count,
    cp: Count,
    dp: Count,
    ep: Count,
    zero_stage: Choice,
    num_micro_batches: Count,
    network: Network,
) -> Seconds:
    """Data parallel communication of one step.

    Stages 0 to 2 reduce-scatter the gradients and gather what the sharded optimizer wrote (stage 0 gathers gradients:
    an all-reduce). Stage 3 gathers the weights for forward and for backward and reduce-scatters the gradients, in
    every micro-batch. Experts are replicated over dp x cp / ep ranks only. The group has dp x cp ranks.
    """
    gather_width = jnp.where(zero_stage == 0, gradient_width, weight_width)
    gathers = jnp.where(zero_stage == ZERO_3, 2 * num_micro_batches, 1.0)
    scatters = jnp.where(zero_stage == ZERO_3, num_micro_batches, 1.0)
    width = scatters * gradient_width + gathers * gather_width
    shared = tiers_of(network, dp * cp, tp)
    experts = tiers_of(network, jnp.maximum(dp * cp / ep, 1.0), tp * ep)
    repeats = scatters + gathers
    mean_width = width / repeats
    return repeats * (
        all_gather(shared_parameters_per_gpu * mean_width, shared)
        + jnp.where(expert_parameters_per_gpu > 0, all_gather(expert_parameters_per_gpu * mean_width, experts), 0.0)
    )


@cost_model(
    formula=r"t_{DP} / t_{step}",
    source="definition: how much of a step there is to hide",
    example=dict(dp_comm_time=0.3, step_time=6.0, expect=0.05),
)
def dp_comm_share(dp_comm_time: Seconds, step_time: Seconds) -> Number:
    """Data parallel communication over step time, hidden or not."""
    return ratio(dp_comm_time, step_time)

"""Data parallel communication of one step: gradients are reduced, and what is sharded is gathered.

The ranks that hold equal weights shard over dp_shard x cp of them, neighbours being tp GPUs apart, and repeat the
shards dp_replicate times outside. Experts are held by fewer ranks, the others of the stage over expert_tp x ep.
"""

from __future__ import annotations

from ..annotations import Bytes, Choice, Count, Number, Seconds
from ..arrays import jnp
from ..example_inputs import H100_NDR
from ..machine.network import Network, tiers_of
from ..primitives.arithmetic import ratio
from ..primitives.collectives import all_gather, all_reduce
from ..registry import cost_model

_SHARDS = dict(
    shared_parameters_per_gpu=2.2e9,
    expert_parameters_per_gpu=0.0,
    layers_per_stage=20,
    zero_stage=1,
    tp=8,
    cp=1,
    dp_shard=16,
)
ZERO_3 = 3


@cost_model(
    formula=r"g",
    source="definition: gradients travel as they are kept, unless said",
    example=dict(gradient_width=4, expect=4.0),
)
def reduce_width(gradient_width: Bytes) -> Bytes:
    """Bytes per element of the gradients as they are reduced."""
    return gradient_width


@cost_model(
    formula=r"n\left(t_{AG}(P_s w/n) + t_{AG}(P_e w/n)\right),\ n = L_s \text{ at stage 3, else } 1",
    source="rajbhandari-et-al-2020, sec. 7; experts over the ranks that hold the same ones",
    example=dict(**_SHARDS, expert_tp=8, ep=1, weight_width=2, **H100_NDR, expect=0.1032),
)
def weight_gather_time(
    shared_parameters_per_gpu: Count,
    expert_parameters_per_gpu: Count,
    weight_width: Bytes,
    frozen_share: Number,
    zero_stage: Choice,
    layers_per_stage: Count,
    tp: Count,
    cp: Count,
    dp_shard: Count,
    expert_tp: Count,
    ep: Count,
    network: Network,
) -> Seconds:
    """Time of gathering one GPU's part of the sharded weights once.

    Stage 3 gathers everything, layer by layer; the others what the optimizer changed, at once.
    """
    layerwise = zero_stage == ZERO_3
    changed = weight_width * jnp.where(layerwise, 1.0, 1 - frozen_share)
    parts = (shared_parameters_per_gpu * changed, expert_parameters_per_gpu * changed)
    pieces = jnp.where(layerwise, layers_per_stage, 1.0)
    return _over_shards(parts, pieces, tp, cp, dp_shard, expert_tp, ep, network)


@cost_model(
    formula=r"(1 - \varphi)\left[t_{RS}(P_s g) + t_{RS}(P_e g) + t_{AR}(P_s g/d_s + P_e g/d_e) \text{ over } d_r\right]",
    source="rajbhandari-et-al-2020, sec. 7; zhao-et-al-2023, sec. 3.2.2 (hybrid sharding reduces shards over the replicas)",
    example=dict(
        **_SHARDS,
        lora_layer_parameters=0.0,
        resident_layers_per_gpu=20,
        dp_replicate=1,
        expert_tp=8,
        ep=1,
        reduce_width=4,
        all_reduce_algorithm=0,
        **H100_NDR,
        expect=0.206325,
    ),
)
def gradient_reduce_time(
    shared_parameters_per_gpu: Count,
    expert_parameters_per_gpu: Count,
    lora_layer_parameters: Count,
    resident_layers_per_gpu: Count,
    reduce_width: Bytes,
    frozen_share: Number,
    zero_stage: Choice,
    layers_per_stage: Count,
    tp: Count,
    cp: Count,
    dp_shard: Count,
    dp_replicate: Count,
    expert_tp: Count,
    ep: Count,
    all_reduce_algorithm: Choice,
    network: Network,
) -> Seconds:
    """Time of reducing one GPU's gradients onto their shards once.

    Those of what is trained: the share of the matrices that is not frozen, and the adapters.
    """
    trained = (1 - frozen_share) * reduce_width
    adapters = lora_layer_parameters * resident_layers_per_gpu * reduce_width
    parts = (shared_parameters_per_gpu * trained + adapters, expert_parameters_per_gpu * trained)
    pieces = jnp.where(zero_stage == ZERO_3, layers_per_stage, 1.0)
    scatter = _over_shards(parts, pieces, tp, cp, dp_shard, expert_tp, ep, network)
    outside = tiers_of(network, dp_replicate, tp * cp * dp_shard)
    left = parts[0] / (cp * dp_shard) + parts[1] / expert_shards(tp, cp, dp_shard, expert_tp, ep)
    return scatter + all_reduce(left, outside, all_reduce_algorithm)


def expert_shards(tp: Count, cp: Count, dp_shard: Count, expert_tp: Count, ep: Count) -> Count:
    """Ranks over which an expert is sharded."""
    return jnp.maximum(tp * cp * dp_shard / (expert_tp * ep), 1.0)


def _over_shards(
    parts: tuple[Bytes, Bytes],
    pieces: Count,
    tp: Count,
    cp: Count,
    dp_shard: Count,
    expert_tp: Count,
    ep: Count,
    network: Network,
) -> Seconds:
    """Time of an all-gather, or reduce-scatter, of the shared and the expert part, in equal pieces one after another."""
    shared, experts = (part / pieces for part in parts)
    replicas = expert_shards(tp, cp, dp_shard, expert_tp, ep)
    spread = all_gather(experts, tiers_of(network, replicas, expert_tp * ep))
    return pieces * (all_gather(shared, tiers_of(network, dp_shard * cp, tp)) + jnp.where(experts > 0, spread, 0.0))


@cost_model(
    formula=r"t_{RS} + t_{AG};\ \text{stage 0: } 2 t_{RS};\ \text{stage 3: } m\,(2 t_{AG} + t_{RS})",
    source="rajbhandari-et-al-2020, sec. 7 (2, 2 and 3 times the parameters); zhao-et-al-2023, sec. 3.2 (resharding per micro-batch)",
    example=dict(weight_gather_time=0.1, gradient_reduce_time=0.2, zero_stage=1, num_micro_batches=16, expect=0.3),
)
def dp_comm_time(
    weight_gather_time: Seconds, gradient_reduce_time: Seconds, zero_stage: Choice, num_micro_batches: Count
) -> Seconds:
    """Data parallel communication of one step.

    Stages 1 and 2 reduce-scatter the gradients and gather what the sharded optimizer wrote; stage 0 gathers the
    gradients instead, an all-reduce. Stage 3 gathers the weights for forward and for backward and reduce-scatters the
    gradients, in every micro-batch.
    """
    once = gradient_reduce_time + jnp.where(zero_stage == 0, gradient_reduce_time, weight_gather_time)
    always = num_micro_batches * (2 * weight_gather_time + gradient_reduce_time)
    return jnp.where(zero_stage == ZERO_3, always, once)


@cost_model(
    formula=r"t_{DP} / t_{step}",
    source="definition: how much of a step there is to hide",
    example=dict(dp_comm_time=0.3, step_time=6.0, expect=0.05),
)
def dp_comm_share(dp_comm_time: Seconds, step_time: Seconds) -> Number:
    """Data parallel communication over step time, hidden or not."""
    return ratio(dp_comm_time, step_time)

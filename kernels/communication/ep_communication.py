"""Expert parallel communication: tokens travel to the ranks that hold their experts, and back.

Expert layers regroup the tp x cp x dp ranks of a stage into expert_tp, ep and the replicas of the experts, from the
inside (liu-et-al-2025), so neighbours of an expert parallel group are expert_tp GPUs apart.
"""

from __future__ import annotations

from ..annotations import Bytes, Choice, Count, Flag, Number, Seconds
from ..arrays import jnp
from ..example_inputs import H100_NDR
from ..machine.network import Network, tiers_of
from ..model.flops import FULL
from ..primitives.arithmetic import ratio
from ..primitives.collectives import Tier, all_to_all
from ..primitives.roofline import exposed
from ..registry import cost_model
from ..training.pipeline import DUALPIPE

DEDUPLICATED = 1
"""Position of `deduplicated` among the options of expert_dispatch."""


@cost_model(
    formula=r"a_w",
    source="definition: tokens travel as they are kept, unless said",
    example=dict(activation_width=2, expect=2.0),
)
def dispatch_width(activation_width: Bytes) -> Bytes:
    """Bytes per element of the tokens sent to experts."""
    return activation_width


@cost_model(
    formula=r"T\,h\,k/t",
    source="lepikhin-et-al-2020, sec. 3.2 (every token goes to k experts)",
    example=dict(micro_batch_tokens=4096, hidden_size=4096, experts_per_token=2, tp=1, expect=3.3554432e7),
)
def dispatched_elements(
    micro_batch_tokens: Count, hidden_size: Count, experts_per_token: Count, tp: Count, sequence_parallel: Flag
) -> Count:
    """Elements that one rank sends to experts in one layer.

    With sequence parallelism each tensor parallel rank sends its own part of the tokens.
    """
    split = jnp.where(sequence_parallel > 0, tp, 1.0)
    return micro_batch_tokens * hidden_size * experts_per_token / split


def deduplicated(tiers: tuple[Tier, ...], experts_per_token: Count) -> tuple[Tier, ...]:
    """Tiers as they look when a token crosses to a domain once, however many of its experts are there.

    Of k experts spread evenly over n domains n(1 − (1 − 1/n)^k) domains have one, so that many copies cross instead
    of k: as if the link were wider by the quotient. Copies spread inside the domain over the tier within.
    """
    domains = jnp.ones_like(experts_per_token)
    found = [tiers[0]]
    for tier in reversed(tiers[1:]):
        domains = domains * tier.members
        crossing = domains * (1 - (1 - 1 / domains) ** experts_per_token)
        found.insert(1, tier._replace(bandwidth=tier.bandwidth * experts_per_token / crossing))
    return tuple(found)


@cost_model(
    formula=r"\iota\,t_{A2A}(n_{el}\,w) \text{ over } e \text{ ranks}",
    source="lepikhin-et-al-2020, sec. 3 (dispatch); deepseek-v3-2024, sec. 3.2.2 (one copy a node); liu-et-al-2025 (placement)",
    example=dict(
        dispatched_elements=3.3554432e7,
        dispatch_width=2,
        experts_per_token=2,
        expert_imbalance=1,
        expert_dispatch=0,
        expert_tp=1,
        ep=8,
        **H100_NDR,
        expect=0.0001701118,
    ),
)
def dispatch_time(
    dispatched_elements: Count,
    dispatch_width: Bytes,
    experts_per_token: Count,
    expert_imbalance: Number,
    expert_dispatch: Choice,
    expert_tp: Count,
    ep: Count,
    network: Network,
) -> Seconds:
    """Time of sending the tokens of one micro-batch to the experts of one layer."""
    return expert_exchange(
        dispatched_elements * dispatch_width,
        tiers_of(network, ep, expert_tp),
        experts_per_token,
        expert_imbalance,
        expert_dispatch,
    )


@cost_model(
    formula=r"\iota\,t_{A2A}(n_{el}\,a_w) \text{ over } e \text{ ranks}",
    source="lepikhin-et-al-2020, sec. 3 (combine); deepseek-v3-2024, sec. 3.2.2",
    example=dict(
        dispatched_elements=3.3554432e7,
        activation_width=2,
        experts_per_token=2,
        expert_imbalance=1,
        expert_dispatch=0,
        expert_tp=1,
        ep=8,
        **H100_NDR,
        expect=0.0001701118,
    ),
)
def combine_time(
    dispatched_elements: Count,
    activation_width: Bytes,
    experts_per_token: Count,
    expert_imbalance: Number,
    expert_dispatch: Choice,
    expert_tp: Count,
    ep: Count,
    network: Network,
) -> Seconds:
    """Time of bringing the results of one layer's experts back."""
    return expert_exchange(
        dispatched_elements * activation_width,
        tiers_of(network, ep, expert_tp),
        experts_per_token,
        expert_imbalance,
        expert_dispatch,
    )


def expert_exchange(
    message: Bytes, tiers: tuple[Tier, ...], experts_per_token: Count, imbalance: Number, dispatch: Choice
) -> Seconds:
    """Time of an all-to-all of copies of tokens, plain or with one copy for every domain that has some of its experts."""
    plain, once = all_to_all(message, tiers), all_to_all(message, deduplicated(tiers, experts_per_token))
    return imbalance * jnp.where(dispatch == DEDUPLICATED, once, plain)


@cost_model(
    formula=r"\frac{L_{moe}}{L}\,(2 + \rho[\text{full}])",
    source="deepseek-v3-2024, sec. 3.2 (dispatch and combine, forward and backward); full recomputation repeats the forward",
    example=dict(num_moe_layers=58, num_layers=61, recompute=0, expect=1.901639),
)
def ep_layer_exchanges(
    num_moe_layers: Count, num_layers: Count, recompute: Choice, recompute_layer_share: Number
) -> Number:
    """Pairs of dispatch and combine of one layer and one micro-batch.

    The mean over all layers. The gradient of a dispatch is a combine and the reverse, in the width of each.
    """
    passes = 2 + jnp.where(recompute == FULL, recompute_layer_share, 0.0)
    return passes * ratio(num_moe_layers, num_layers)


@cost_model(
    formula=r"n_{A2A}\,(t_{dispatch} + t_{combine})",
    source="deepseek-v3-2024, sec. 3.2",
    example=dict(dispatch_time=3e-4, combine_time=4e-4, ep_layer_exchanges=1.901639, expect=1.331148e-3),
)
def ep_layer_comm_time(dispatch_time: Seconds, combine_time: Seconds, ep_layer_exchanges: Number) -> Seconds:
    """Expert parallel communication of one layer and one micro-batch."""
    return ep_layer_exchanges * (dispatch_time + combine_time)


@cost_model(
    formula=r"t - (1 - \sigma)\,o\,\min(t, t_F + t_B + t_R),\ o = 1 \text{ with DualPipe}",
    source="deepseek-v3-2024, sec. 3.2.1 (the all-to-all of one micro-batch hides behind the compute of another)",
    example=dict(
        ep_layer_comm_time=1.332893e-3,
        ep_overlap=1.0,
        pipeline_schedule=0,
        layer_forward_time=4e-4,
        layer_backward_time=8e-4,
        layer_recompute_time=0.0,
        expect=1.32893e-4,
    ),
)
def exposed_ep_layer_time(
    ep_layer_comm_time: Seconds,
    ep_overlap: Number,
    pipeline_schedule: Choice,
    comm_slowdown: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    layer_recompute_time: Seconds,
) -> Seconds:
    """Exposed expert parallel communication of one layer and micro-batch.

    DualPipe runs the exchanges of one micro-batch beside the compute of the one that comes the other way.
    """
    behind = layer_forward_time + layer_backward_time + layer_recompute_time
    hidden = jnp.where(pipeline_schedule == DUALPIPE, 1.0, ep_overlap)
    return exposed(ep_layer_comm_time, hidden, behind, comm_slowdown)

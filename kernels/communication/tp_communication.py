"""Tensor parallel communication: what a layer and the pieces around it exchange inside a tensor parallel group.

Neighbours of a tensor parallel group are 1 GPU apart, so the group sits on the innermost tier.
"""

from __future__ import annotations

from ..annotations import Bytes, Choice, Count, Flag, Number, Seconds
from ..arrays import jnp
from ..example_inputs import H100_NDR
from ..machine.network import Network, tiers_of
from ..model.flops import FULL
from ..primitives.collectives import all_gather, all_reduce
from ..primitives.roofline import exposed
from ..registry import cost_model


@cost_model(
    formula=r"2\,\frac{t-1}{t}\,\frac{m}{\beta} + 2\,(t-1)\,\alpha",
    source="patarasuk-yuan-2009, sec. 3; shoeybi-et-al-2019, sec. 3",
    example=dict(
        hidden_states_message=6.7108864e7,
        tp=8,
        all_reduce_algorithm=0,
        sequence_parallel=0,
        **H100_NDR,
        expect=3.402231e-4,
    ),
)
def tp_all_reduce_time(
    hidden_states_message: Bytes, tp: Count, all_reduce_algorithm: Choice, sequence_parallel: Flag, network: Network
) -> Seconds:
    """Time of one tensor parallel all-reduce of the hidden states.

    With sequence parallelism it is a reduce-scatter and an all-gather of the same volume, each started by itself.
    """
    tiers = tiers_of(network, tp, jnp.ones_like(tp))
    whole = all_reduce(hidden_states_message, tiers, all_reduce_algorithm)
    return jnp.where(sequence_parallel > 0, 2 * all_gather(hidden_states_message, tiers), whole)


@cost_model(
    formula=r"(4 + [\text{SP}] + 2\rho[\text{full}])\left(1 - \tfrac{1}{2}\tfrac{L_{moe}}{L}[t_e < t]\right)",
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces forward, two backward); korthikanti-et-al-2022, sec. 4.2.2 (the extra gathers); liu-et-al-2025 (experts with a tensor parallelism of their own)",
    example=dict(tp=8, expert_tp=8, num_layers=80, num_moe_layers=0, recompute=0, sequence_parallel=1, expect=5.0),
)
def tp_layer_all_reduces(
    tp: Count,
    expert_tp: Count,
    num_layers: Count,
    num_moe_layers: Count,
    recompute: Choice,
    recompute_layer_share: Number,
    sequence_parallel: Flag,
) -> Number:
    """Tensor parallel all-reduces of one layer and one micro-batch.

    Two forward and two backward, half of each for attention and half for the feed-forward; full recomputation repeats
    the forward ones. With sequence parallelism the backward pass gathers the input of both column-parallel products
    once more, half an all-reduce each. Experts that are not split over tensor parallel ranks leave the tokens where
    they are.
    """
    forward_again = jnp.where(recompute == FULL, 2.0 * recompute_layer_share, 0.0)
    regathers = jnp.where(sequence_parallel > 0, 1.0, 0.0)
    without = jnp.where(expert_tp < tp, num_moe_layers / num_layers / 2, 0.0)
    return (4 + forward_again + regathers) * (1 - without)


@cost_model(
    formula=r"n_{AR}\,t_{AR}",
    source="shoeybi-et-al-2019, sec. 3",
    example=dict(tp_all_reduce_time=3.402231e-4, tp_layer_all_reduces=4.0, expect=1.3608924e-3),
)
def tp_layer_comm_time(tp_all_reduce_time: Seconds, tp_layer_all_reduces: Number) -> Seconds:
    """Tensor parallel communication of one layer and one micro-batch."""
    return tp_layer_all_reduces * tp_all_reduce_time


@cost_model(
    formula=r"t - (1 - \sigma)\,o\,\min(t, t_F + t_B + t_R)",
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
    comm_slowdown: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    layer_recompute_time: Seconds,
) -> Seconds:
    """Exposed tensor parallel communication of one layer and micro-batch."""
    behind = layer_forward_time + layer_backward_time + layer_recompute_time
    return exposed(tp_layer_comm_time, tp_overlap, behind, comm_slowdown)

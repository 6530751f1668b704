"""Pipeline communication: hidden states go to the next stage, their gradients come back.

Neighbours of a pipeline are tp x cp x dp GPUs apart, so they sit on the outermost tiers.
"""

from __future__ import annotations

from ..annotations import Bytes, Count, Seconds
from ..example_inputs import H100_NDR
from ..machine.network import Network, tiers_of
from ..primitives.collectives import neighbour_exchange
from ..registry import cost_model


@cost_model(
    formula=r"2\,v\,\left(\frac{m}{\beta\,t} + \alpha\right) \text{ where } p > 1",
    source="narayanan-et-al-2021, sec. 2.2.2 and 4.1 (interleaving repeats the transfers; scatter-gather splits them over tp)",
    example=dict(
        hidden_states_message=6.7108864e7,
        pp=4,
        vpp=1,
        tp=8,
        cp=1,
        dp=16,
        **H100_NDR,
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
    network: Network,
) -> Seconds:
    """Pipeline communication of one micro-batch on one rank.

    Hidden states go forward, their gradient backward. Tensor parallel ranks send a part each, which sequence
    parallelism leaves them with and the others scatter and gather again.
    """
    return 2 * vpp * neighbour_exchange(hidden_states_message / tp, tiers_of(network, pp, tp * cp * dp))

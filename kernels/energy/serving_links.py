"""Energy of the links of a serving replica: the all-reduces of its layers, and the hidden states between its stages."""

from __future__ import annotations

from ..annotations import Bytes, Count, Joules, JoulesPerBit
from ..arrays import jnp
from ..example_inputs import H100_NDR
from ..machine.network import Network, tiers_of
from ..primitives.collectives import ALL_REDUCE, SEND_RECEIVE, sent
from ..registry import cost_model

_BITS = 8
_EXAMPLE = dict(
    hidden_size=8192,
    residual_width=2,
    num_layers=80,
    tp=8,
    pp=1,
    **H100_NDR,
    scale_up_energy_per_bit=1e-11,
    scale_out_energy_per_bit=3e-11,
)
_FORMULA = r"8\,t\,\sum_k e_k \left(2\,L\,V_{AR,k} + (p-1)\,V_{PP,k}\right)"


def pass_link_energy(
    message: Bytes, num_layers: Count, tp: Count, pp: Count, network: Network, energies: tuple[JoulesPerBit, ...]
) -> Joules:
    """Energy of the links in one forward pass of a replica that carries `message` between its layers.

    Two all-reduces a layer among the ranks of every tensor parallel group (shoeybi-et-al-2019, sec. 3), and each rank
    sends the hidden states to the next stage, as `prefill_tp_time` and `prefill_pp_time` count them. What experts exchange is not counted.
    """
    reduced = sent(message, tiers_of(network, tp, jnp.ones_like(tp)), ALL_REDUCE)
    passed = sent(message, tiers_of(network, pp, tp), SEND_RECEIVE)
    energy = jnp.zeros_like(message)
    for within, between, per_bit in zip(reduced, passed, energies, strict=True):
        energy = energy + per_bit * (2 * num_layers * within + (pp - 1) * between)
    return _BITS * tp * energy


@cost_model(
    formula=_FORMULA,
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces per layer)",
    example=dict(computed_prompt_len=1024, **_EXAMPLE, expect=3.006477),
)
def prefill_link_energy(
    computed_prompt_len: Count,
    hidden_size: Count,
    residual_width: Bytes,
    num_layers: Count,
    tp: Count,
    pp: Count,
    network: Network,
    scale_up_energy_per_bit: JoulesPerBit,
    scale_out_energy_per_bit: JoulesPerBit,
    tier2_energy_per_bit: JoulesPerBit,
    tier3_energy_per_bit: JoulesPerBit,
) -> Joules:
    """Energy of the links in the prefill of one prompt."""
    energies = (scale_up_energy_per_bit, scale_out_energy_per_bit, tier2_energy_per_bit, tier3_energy_per_bit)
    return pass_link_energy(computed_prompt_len * hidden_size * residual_width, num_layers, tp, pp, network, energies)


@cost_model(
    formula=_FORMULA,
    source="shoeybi-et-al-2019, sec. 3 (two all-reduces per layer)",
    example=dict(concurrency=64, draft_len=0, **_EXAMPLE, expect=0.1879048),
)
def decode_link_energy(
    concurrency: Count,
    draft_len: Count,
    hidden_size: Count,
    residual_width: Bytes,
    num_layers: Count,
    tp: Count,
    pp: Count,
    network: Network,
    scale_up_energy_per_bit: JoulesPerBit,
    scale_out_energy_per_bit: JoulesPerBit,
    tier2_energy_per_bit: JoulesPerBit,
    tier3_energy_per_bit: JoulesPerBit,
) -> Joules:
    """Energy of the links in one decode step of all sequences."""
    energies = (scale_up_energy_per_bit, scale_out_energy_per_bit, tier2_energy_per_bit, tier3_energy_per_bit)
    message = concurrency * (draft_len + 1) * hidden_size * residual_width
    return pass_link_energy(message, num_layers, tp, pp, network, energies)

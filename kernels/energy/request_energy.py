"""Energy of one request of a full replica, split over what it reads and what it writes; power of the boards by phase."""

from __future__ import annotations

from ..annotations import Count, Joules, JoulesPerToken, Number, Seconds, Watts
from ..registry import cost_model


@cost_model(
    formula=r"\frac{E_{idle} + E_{dyn}}{T}",
    source="definition: energy of the boards over their GPU-seconds",
    example=dict(prefill_idle_energy=21.896, prefill_dynamic_energy=127.764, prefill_gpu_time=0.3128, expect=478.4527),
)
def prefill_chip_power(prefill_idle_energy: Joules, prefill_dynamic_energy: Joules, prefill_gpu_time: Seconds) -> Watts:
    """Power of one GPU during prefill."""
    return (prefill_idle_energy + prefill_dynamic_energy) / prefill_gpu_time


@cost_model(
    formula=r"\frac{E_{idle} + E_{dyn}}{T}",
    source="definition: energy of the boards over their GPU-seconds",
    example=dict(decode_idle_energy=10.3152, decode_dynamic_energy=24.0772, decode_gpu_time=0.14736, expect=233.3903),
)
def decode_chip_power(decode_idle_energy: Joules, decode_dynamic_energy: Joules, decode_gpu_time: Seconds) -> Watts:
    """Power of one GPU during decoding."""
    return (decode_idle_energy + decode_dynamic_energy) / decode_gpu_time


@cost_model(
    formula=r"\frac{s_o - 1}{n}\,\frac{E_{step}}{B}\,(1 + \gamma c)",
    source="definition: the first token comes from the prefill; a step serves all sequences alike; a draft draws as much as the model does in the same time",
    example=dict(
        output_len=257,
        decode_step_energy=96.4062,
        concurrency=64,
        decode_tokens_per_step=1,
        draft_len=0,
        draft_time_share=0,
        expect=385.6248,
    ),
)
def request_decode_energy(
    output_len: Count,
    decode_step_energy: Joules,
    concurrency: Count,
    decode_tokens_per_step: Number,
    draft_len: Count,
    draft_time_share: Number,
) -> Joules:
    """Energy of decoding the output of one request."""
    steps = (output_len - 1) / decode_tokens_per_step
    return steps * decode_step_energy / concurrency * (1 + draft_len * draft_time_share)


@cost_model(
    formula=r"E_{prefill} + E_{decode}",
    source="definition: prefill and decoding of one request, with building",
    example=dict(prefill_energy=291.7948, request_decode_energy=385.6248, expect=677.4196),
    terms=("prefill_energy", "request_decode_energy"),
)
def request_energy(prefill_energy: Joules, request_decode_energy: Joules) -> Joules:
    """Energy of one request, with building.

    By a replica that is always full; what stands idle between requests is not counted.
    """
    return prefill_energy + request_decode_energy


@cost_model(
    formula=r"E_{prefill} / s_p",
    source="definition: the prompt is charged the prefill",
    example=dict(prefill_energy=291.7948, prompt_len=1024, expect=0.2849559),
)
def energy_per_input_token(prefill_energy: Joules, prompt_len: Count) -> JoulesPerToken:
    """Energy of one input token."""
    return prefill_energy / prompt_len


@cost_model(
    formula=r"E_{decode} / s_o",
    source="definition: the output is charged the decode steps",
    example=dict(request_decode_energy=385.6248, output_len=257, expect=1.500486),
)
def energy_per_output_token(request_decode_energy: Joules, output_len: Count) -> JoulesPerToken:
    """Energy of one output token, prefill apart."""
    return request_decode_energy / output_len

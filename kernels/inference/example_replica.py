"""Inputs that the worked examples of passes share: Llama-3-70B on eight H100."""

from __future__ import annotations

from ..example_inputs import H100_NDR

LLAMA_70B = dict(
    num_layers=80,
    num_linear_layers=0,
    num_moe_layers=0,
    hidden_size=8192,
    attention_weights=150994944,
    attention_width=8192,
    attention_head_elements=18432,
    linear_inner_size=0,
    linear_mixer_weights=0,
    intermediate_size=28672,
    gated_mlp=1,
    tp=8,
    expert_tp=8,
    ep=1,
)
"""Layers of Llama-3-70B, split over eight tensor parallel ranks."""

WIDTHS = dict(weight_width=2, activation_width=2, residual_width=2)
"""Everything in 16 bits."""

RATES = dict(attainable_flops=742.05e12, reading_bandwidth=2.8475e12, gemm_half_size=100, widening_time=1e-13)
"""Three quarters of the dense bf16 peak of an H100 SXM, and 85 % of its memory bandwidth; weights are widened."""

LINKS = H100_NDR
"""Eight of them joined by NVLink."""

RINGS = dict(all_reduce_algorithm=0, **LINKS)
"""All-reduces round rings over these links."""

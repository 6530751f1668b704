"""Inputs that the worked examples of several modules share, and where they come from."""

from __future__ import annotations

BF16_WIDTHS = dict(weight_width=2, activation_width=2, gradient_width=4)
"""Bytes per element of mixed precision in bf16 with gradients in fp32."""

H100 = dict(attainable_flops=742.05e12, attainable_hbm_bandwidth=2.8475e12)
"""Three quarters of the dense bf16 peak of an H100 SXM, 989.4 TFLOP/s, and 85 % of its 3.35 TB/s."""

H100_PRODUCTS = dict(**H100, gemm_half_size=100)
"""An H100 whose products lose half of their rate where their sides are 100."""

H100_NDR = dict(
    scale_up_size=8,
    scale_up_bandwidth=450e9,
    scale_up_latency=1e-6,
    scale_out_bandwidth=50e9,
    scale_out_latency=5e-6,
    link_efficiency=0.8,
)
"""Eight H100 joined by NVLink 4, 450 GB/s one way, and a 400 Gb/s adapter each to other nodes."""

GPT_3_LAYER = dict(micro_batch_tokens=2048, hidden_size=12288, tp=1, activation_width=2)
"""A sequence of GPT-3 in bf16 on one GPU."""

MIXTRAL = dict(num_moe_layers=32, expert_weights=176160768)
"""Layers of Mixtral 8x7B, all with experts, and the elements of one expert."""

DEEPSEEK_V3_LAYERS = dict(num_layers=61, num_moe_layers=58)
"""Layers of DeepSeek-V3, the first three of them dense."""

LLAMA_70B_LAYERS = dict(
    mixer_parameters_per_gpu=18890752, dense_mlp_parameters_per_gpu=88080384, moe_shared_parameters_per_gpu=0
)
"""Parameters of a layer of Llama-3-70B on each of 8 tensor parallel ranks."""

EVEN_STAGES = dict(
    first_stage_layers=20,
    first_stage_moe_layers=0,
    middle_stage_layers=20,
    middle_stage_moe_layers=0,
    last_stage_layers=20,
    last_stage_moe_layers=0,
)
"""80 dense layers on four stages."""

STAGE = dict(layers_per_stage=20, num_micro_batches=16)
"""One of these stages, and the micro-batches of a step."""

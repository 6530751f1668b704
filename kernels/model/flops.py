"""FLOPs of training, counted twice: what the model needs (for MFU) and what the kernels execute (for time)."""

from __future__ import annotations

from ..annotations import Choice, Count, Flag, Flops, FlopsPerToken, Number
from ..arrays import jnp
from ..primitives.arithmetic import ratio
from ..registry import cost_model

FLASH = 1
"""Position of `flash` among the options of attention_kernel."""
SELECTIVE, FULL = 1, 2
"""Positions of `selective` and `full` among the options of recompute."""


@cost_model(
    formula=r"L - L_{lin}",
    source="definition: layers that mix tokens by attention",
    example=dict(num_layers=48, num_linear_layers=36, expect=12.0),
)
def num_attention_layers(num_layers: Count, num_linear_layers: Count) -> Count:
    """Layers with attention."""
    return num_layers - num_linear_layers


@cost_model(
    formula=r"L_w / L_a",
    source="definition: sliding layers among those with attention",
    example=dict(num_sliding_layers=21, num_attention_layers=42, expect=0.5),
)
def sliding_share(num_sliding_layers: Count, num_attention_layers: Count) -> Number:
    """Share of the attention layers that have a sliding window."""
    return ratio(num_sliding_layers, num_attention_layers)


@cost_model(
    formula=r"(1 - \rho_w)\,s + \rho_w \min(s, w)",
    source="definition: mean over attention layers of the tokens one query attends to, without the causal mask",
    example=dict(seq_len=8192, sliding_window=4096, sliding_share=0.5, expect=6144.0),
)
def attended_tokens(seq_len: Count, sliding_window: Count, sliding_share: Number) -> Count:
    """Tokens attended per query, full square, mean over attention layers."""
    window = jnp.minimum(seq_len, sliding_window)
    return seq_len + sliding_share * (window - seq_len)


@cost_model(
    formula=r"(1-\rho_w)\frac{s}{2} + \rho_w\left(w' - \frac{w'^2}{2s}\right),\ w' = \min(s,w)",
    source="definition: the mean of min(i, w) over positions i of the sequence, to leading order in s",
    example=dict(seq_len=8192, sliding_window=4096, sliding_share=0.5, expect=3584.0),
)
def attended_tokens_causal(seq_len: Count, sliding_window: Count, sliding_share: Number) -> Count:
    """Tokens attended per query under the causal mask, mean over attention layers."""
    window = jnp.minimum(seq_len, sliding_window)
    sliding = window - window**2 / (2 * seq_len)
    return seq_len / 2 + sliding_share * (sliding - seq_len / 2)


@cost_model(
    formula=r"2\,a\,(d_{qk} + d_v)",
    source="chowdhery-et-al-2022, app. B (4 a d for equal widths); deepseek-v2-2024, sec. 2.1 (latent)",
    example=dict(num_attention_heads=64, head_dim=128, expect=32768.0),
)
def attention_flops_per_pair(
    num_attention_heads: Count,
    head_dim: Count,
    kv_lora_rank: Count,
    qk_nope_head_dim: Count,
    qk_rope_head_dim: Count,
    v_head_dim: Count,
) -> FlopsPerToken:
    """FLOPs of attention for one query-key pair, forward, one layer."""
    grouped = 4 * num_attention_heads * head_dim
    latent = 2 * num_attention_heads * (qk_nope_head_dim + qk_rope_head_dim + v_head_dim)
    return jnp.where(kv_lora_rank > 0, latent, grouped)


@cost_model(
    formula=r"(6 - 2\varphi)\,N_{matmul} + 3\left(L_a\,s_{att}\,F_{pair} + L_{lin}\,F_{scan}\right)",
    source="chowdhery-et-al-2022, app. B (6N + 12 L a d s); hu-et-al-2021, sec. 4.2 (frozen matrices need no gradient)",
    example=dict(
        num_matmul_parameters=68713185280,
        num_attention_layers=80,
        linear_scan_flops_per_token=0.0,
        attention_flops_per_pair=32768,
        attended_tokens=4096,
        attended_tokens_causal=2048,
        expect=4.44491366e11,
    ),
)
def model_flops_per_token(
    num_matmul_parameters: Count,
    num_attention_layers: Count,
    num_linear_layers: Count,
    linear_scan_flops_per_token: FlopsPerToken,
    frozen_share: Number,
    attention_flops_per_pair: FlopsPerToken,
    attended_tokens: Count,
    attended_tokens_causal: Count,
    causal_attention_counted: Flag,
) -> FlopsPerToken:
    """Model FLOPs of training one token.

    Forward and twice that for backward, no recomputation. Whether attention counts the full square or only the causal
    half is the convention `causal_attention_counted`.
    """
    attended = jnp.where(causal_attention_counted > 0, attended_tokens_causal, attended_tokens)
    attention = num_attention_layers * attended * attention_flops_per_pair
    mixing = attention + num_linear_layers * linear_scan_flops_per_token
    return (6 - 2 * frozen_share) * num_matmul_parameters + 3 * mixing


@cost_model(
    formula=r"F_{token}\,B\,s",
    source="definition: tokens of one step times the FLOPs of one token",
    example=dict(model_flops_per_token=4.44491366e11, global_batch_size=1024, seq_len=4096, expect=1.86433192e18),
)
def model_flops_per_step(model_flops_per_token: FlopsPerToken, global_batch_size: Count, seq_len: Count) -> Flops:
    """Model FLOPs of one training step."""
    return model_flops_per_token * global_batch_size * seq_len


@cost_model(
    formula=r"\bar s \text{ causal with flash, full square without}",
    source="dao-2023, sec. 3.1 (a causal kernel skips the masked blocks); an unfused kernel computes the full square",
    example=dict(attended_tokens=4096, attended_tokens_causal=2048, expect=2048.0),
)
def executed_attended_tokens(attended_tokens: Count, attended_tokens_causal: Count, attention_kernel: Choice) -> Count:
    """Tokens per query whose scores are computed, mean over attention layers."""
    return jnp.where(attention_kernel == FLASH, attended_tokens_causal, attended_tokens)


@cost_model(
    formula=r"L_a\,F_{pair}\,s_{ex}",
    source="dao-2023, sec. 3.1",
    example=dict(
        num_attention_layers=80, attention_flops_per_pair=32768, executed_attended_tokens=2048, expect=5.36870912e9
    ),
)
def executed_attention_flops_per_token(
    num_attention_layers: Count, attention_flops_per_pair: FlopsPerToken, executed_attended_tokens: Count
) -> FlopsPerToken:
    """Attention FLOPs the kernels execute per token, forward, all layers."""
    return num_attention_layers * attention_flops_per_pair * executed_attended_tokens


@cost_model(
    formula=r"(6 - 2\varphi)N_m + (1 + r_b)A + 3S + \rho\left([\text{selective}]A + [\text{full}](2(N_m - hV) + A + S)\right)",
    source="dao-2023, sec. 4.1 (flash backward 2.5 times forward); korthikanti-et-al-2022, sec. 5 (recomputation)",
    example=dict(
        num_matmul_parameters=68713185280,
        lm_head_weights=262144000,
        executed_attention_flops_per_token=5.36870912e9,
        attention_backward_ratio=2.5,
        linear_scan_flops_per_token=0.0,
        recompute=2,
        expect=5.73340385e11,
    ),
)
def executed_flops_per_token(
    num_matmul_parameters: Count,
    lm_head_weights: Count,
    executed_attention_flops_per_token: FlopsPerToken,
    attention_backward_ratio: Number,
    num_linear_layers: Count,
    linear_scan_flops_per_token: FlopsPerToken,
    frozen_share: Number,
    recompute: Choice,
    recompute_layer_share: Number,
) -> FlopsPerToken:
    """FLOPs the kernels execute to train one token, recomputation included."""
    products = 2 * num_matmul_parameters
    attention, scans = executed_attention_flops_per_token, num_linear_layers * linear_scan_flops_per_token
    again_attention = jnp.where(recompute >= SELECTIVE, attention, 0.0)
    again_layers = jnp.where(recompute == FULL, products - 2 * lm_head_weights + scans, 0.0)
    once = (3 - frozen_share) * products + (1 + attention_backward_ratio) * attention + 3 * scans
    return once + recompute_layer_share * (again_attention + again_layers)


@cost_model(
    formula=r"F_{ex}\,B\,s",
    source="definition: tokens of one step times the executed FLOPs of one token",
    example=dict(executed_flops_per_token=5.73340385e11, global_batch_size=1024, seq_len=4096, expect=2.40476387e18),
)
def executed_flops_per_step(executed_flops_per_token: FlopsPerToken, global_batch_size: Count, seq_len: Count) -> Flops:
    """Executed FLOPs of one training step."""
    return executed_flops_per_token * global_batch_size * seq_len

"""A layer that mixes tokens by a linear recurrence (Mamba-2, linear attention): projections and chunked scan.

The inner width is split over tensor parallel ranks as heads are. The scan works in chunks of Q tokens: inside a chunk
it is a masked product like attention's, between chunks a state of N numbers per inner channel is handed on.
"""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, BytesPerSecond, Count, Flops, FlopsPerSecond, FlopsPerToken, Number, Seconds
from ..arrays import jnp
from ..example_inputs import BF16_WIDTHS, H100_PRODUCTS
from ..primitives import matmul
from ..primitives.matmul import Matmul, MatmulRates, Widths, single
from ..primitives.roofline import roofline_time
from ..registry import cost_model

_MAMBA = dict(micro_batch_tokens=4096, hidden_size=2560, linear_inner_size=5120, linear_mixer_weights=4.0e7, tp=1)


class MixerProjections(NamedTuple):
    """What shapes the projections of one linear layer."""

    micro_batch_tokens: Count
    hidden_size: Count
    linear_inner_size: Count
    linear_mixer_weights: Count
    tp: Count


def mixer_products(layer: MixerProjections) -> tuple[Matmul, Matmul]:
    """The products into the inner width, with gate and state maps, and back out of it."""
    into = layer.linear_mixer_weights / layer.hidden_size - layer.linear_inner_size
    return (
        single(layer.micro_batch_tokens, into / layer.tp, layer.hidden_size),
        single(layer.micro_batch_tokens, layer.hidden_size, layer.linear_inner_size / layer.tp),
    )


@cost_model(
    formula=r"2\,T\,W_{lin}/t",
    source="dao-gu-2024, sec. 7.1 (projections into and out of the inner width)",
    example=dict(**_MAMBA, expect=3.2768e11),
)
def linear_projection_flops(layer: MixerProjections) -> Flops:
    """FLOPs of the projections of one linear layer, forward."""
    return matmul.flops(mixer_products(layer))


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta)^2},\ \phi = 1 + x_{1/2}^2/(mn)",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_MAMBA, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0004504607),
)
def linear_projection_time(layer: MixerProjections, widths: Widths, rates: MatmulRates) -> Seconds:
    """Forward time of the projections of one linear layer."""
    return matmul.time(mixer_products(layer), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^X_i/\pi)^2 + (Q_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_MAMBA, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0004506036),
)
def linear_input_gradient_time(layer: MixerProjections, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the input gradients of the projections of one linear layer."""
    return matmul.input_gradient_time(mixer_products(layer), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^W_i/\pi)^2 + (Q^W_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3; the gradient is read and written as it accumulates",
    example=dict(**_MAMBA, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0004741566),
)
def linear_weight_gradient_time(layer: MixerProjections, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the weight gradients of the projections of one linear layer."""
    return matmul.weight_gradient_time(mixer_products(layer), widths, rates)


@cost_model(
    formula=r"\min(Q, s)\,(g N + d_i) + 4\,N d_i",
    source="dao-gu-2024, sec. 6 (causal half of the products inside a chunk; states written and read)",
    example=dict(seq_len=4096, linear_inner_size=5120, linear_state_size=128, linear_chunk_size=256, expect=3.964928e6),
)
def linear_scan_flops_per_token(
    seq_len: Count,
    linear_inner_size: Count,
    linear_state_size: Count,
    linear_num_groups: Count,
    linear_chunk_size: Count,
) -> FlopsPerToken:
    """FLOPs of the chunked scan of one linear layer for one token, forward.

    Inside a chunk the causal half of C Bᵀ (per group) and of its product with x; to the state and from it, 2 N per
    inner channel each. Backward takes twice as much. A chunk is no longer than the sequence.
    """
    inside = jnp.minimum(linear_chunk_size, seq_len) * (linear_num_groups * linear_state_size + linear_inner_size)
    states = 4 * linear_state_size * linear_inner_size
    return inside + states


@cost_model(
    formula=r"T\,F_{scan}/t",
    source="dao-gu-2024, sec. 8.1 (inner channels and groups are split)",
    example=dict(micro_batch_tokens=4096, linear_scan_flops_per_token=3.964928e6, tp=8, expect=2.0300431e9),
)
def linear_scan_flops(micro_batch_tokens: Count, linear_scan_flops_per_token: FlopsPerToken, tp: Count) -> Flops:
    """FLOPs of the chunked scan of one linear layer, forward."""
    return micro_batch_tokens * linear_scan_flops_per_token / tp


@cost_model(
    formula=r"\phi\,T\,a_w\left[4 d_i + 2 g N + 2 N d_i/Q\right]/t",
    source="dao-gu-2024, sec. 6; inputs, gate, result and convolution once, states once per chunk",
    example=dict(
        micro_batch_tokens=4096,
        linear_inner_size=5120,
        linear_state_size=128,
        linear_num_groups=1,
        linear_chunk_size=256,
        tp=1,
        activation_width=2,
        expect=2.118123e8,
    ),
)
def linear_scan_traffic(
    micro_batch_tokens: Count,
    linear_inner_size: Count,
    linear_state_size: Count,
    linear_num_groups: Count,
    linear_chunk_size: Count,
    tp: Count,
    activation_width: Bytes,
    vector_traffic_factor: Number,
) -> Bytes:
    """Memory traffic of the chunked scan of one linear layer, forward."""
    states = 2 * linear_state_size * linear_inner_size / linear_chunk_size
    elements = 4 * linear_inner_size + 2 * linear_num_groups * linear_state_size + states
    return vector_traffic_factor * micro_batch_tokens * activation_width * elements / tp


@cost_model(
    formula=r"\max(F/\pi_{16}, Q/\beta)",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(
        linear_scan_flops=1.624e10,
        linear_scan_traffic=2.118e8,
        wide_attainable_flops=742.05e12,
        attainable_hbm_bandwidth=2.8475e12,
        expect=7.43810e-5,
    ),
)
def linear_scan_time(
    linear_scan_flops: Flops,
    linear_scan_traffic: Bytes,
    wide_attainable_flops: FlopsPerSecond,
    attainable_hbm_bandwidth: BytesPerSecond,
) -> Seconds:
    """Forward time of the chunked scan of one linear layer."""
    return roofline_time(linear_scan_flops, linear_scan_traffic, wide_attainable_flops, attainable_hbm_bandwidth)

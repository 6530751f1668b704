"""The head and the loss, with the modules that predict further tokens: what the last stage does beside its layers."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, BytesPerSecond, Count, Flag, Flops, FlopsPerSecond, Number, Seconds
from ..example_inputs import BF16_WIDTHS
from ..primitives import matmul
from ..primitives.matmul import Matmul, MatmulRates, Widths, single
from ..registry import cost_model

_HEAD = dict(micro_batch_tokens=4096, hidden_size=8192, vocab_size=32000, tp=8)
_RATES = dict(wide_attainable_flops=742.05e12, attainable_hbm_bandwidth=2.8475e12, gemm_half_size=100)
_FP32 = 4


class Head(NamedTuple):
    """What shapes the product of the language-model head; its columns are split over tensor parallel ranks."""

    micro_batch_tokens: Count
    hidden_size: Count
    vocab_size: Count
    tp: Count


class WideRates(NamedTuple):
    """What bounds the products that stay in 16 bits."""

    wide_attainable_flops: FlopsPerSecond
    attainable_hbm_bandwidth: BytesPerSecond
    gemm_half_size: Number


def head_product(head: Head) -> tuple[Matmul]:
    """The product of the head."""
    return (single(head.micro_batch_tokens, head.vocab_size / head.tp, head.hidden_size),)


def mtp_product(micro_batch_tokens: Count, hidden_size: Count, tp: Count) -> tuple[Matmul]:
    """The projection that joins a hidden state and the embedding of the next token."""
    return (single(micro_batch_tokens, hidden_size / tp, 2 * hidden_size),)


@cost_model(
    formula=r"2\,T\,h\,V/t",
    source="chowdhery-et-al-2022, app. B (the head is a matrix product)",
    example=dict(**_HEAD, expect=2.68435456e11),
)
def lm_head_flops(head: Head) -> Flops:
    """FLOPs of the language-model head, forward, one micro-batch."""
    return matmul.flops(head_product(head))


@cost_model(
    formula=r"\left[hVw + T\,V a_w\right]/t + T\,h\,a_w",
    source="definition: matrix and hidden states read, logits written in the activations' width",
    example=dict(**_HEAD, **BF16_WIDTHS, expect=1.654129e08),
)
def lm_head_traffic(head: Head, widths: Widths) -> Bytes:
    """Memory traffic of the language-model head, forward, one micro-batch."""
    return matmul.traffic(head_product(head), widths)


@cost_model(
    formula=r"\phi\,T\,V\,(a_w + 2 \cdot 4)/t \text{ or, fused, } 2\,T\,V\,a_w/t",
    source="definition: logits read, widened to fp32, read again and their exponentials written; fused, one pass",
    example=dict(micro_batch_tokens=4096, vocab_size=32000, tp=8, activation_width=2, expect=1.6384e8),
)
def loss_traffic(
    micro_batch_tokens: Count,
    vocab_size: Count,
    tp: Count,
    activation_width: Bytes,
    fused_cross_entropy: Flag,
    vector_traffic_factor: Number,
) -> Bytes:
    """Memory traffic of the loss, forward, one micro-batch; backward moves as much."""
    separate = vector_traffic_factor * (activation_width + 2 * _FP32)
    passes = fused_cross_entropy * 2 * activation_width + (1 - fused_cross_entropy) * separate
    return micro_batch_tokens * vocab_size * passes / tp


@cost_model(
    formula=r"t_{head} + Q_{loss}/\beta",
    source="williams-waterman-patterson-2009, sec. 3",
    example=dict(**_HEAD, **BF16_WIDTHS, **_RATES, loss_traffic=1.6384e8, expect=0.0004241392),
)
def lm_head_forward_time(head: Head, widths: Widths, rates: WideRates, loss_traffic: Bytes) -> Seconds:
    """Forward time of the head and the loss for one micro-batch."""
    product = matmul.time(head_product(head), widths, MatmulRates(*rates))
    return product + loss_traffic / rates.attainable_hbm_bandwidth


@cost_model(
    formula=r"t^X_{head} + (1 - \varphi)\,t^W_{head} + Q_{loss}/\beta",
    source="chowdhery-et-al-2022, app. B (backward is two products per forward product); a frozen head has no weight gradient",
    example=dict(**_HEAD, **BF16_WIDTHS, **_RATES, loss_traffic=1.6384e8, expect=0.0008075709),
)
def lm_head_backward_time(
    head: Head, widths: Widths, rates: WideRates, loss_traffic: Bytes, frozen_share: Number
) -> Seconds:
    """Backward time of the head and the loss for one micro-batch."""
    bounds = MatmulRates(*rates)
    inputs = matmul.input_gradient_time(head_product(head), widths, bounds)
    weights = matmul.weight_gradient_time(head_product(head), widths, bounds)
    return inputs + (1 - frozen_share) * weights + loss_traffic / rates.attainable_hbm_bandwidth


@cost_model(
    formula=r"n_{mtp}\left(t_L + t_{head} + t_{join}\right)",
    source="deepseek-v3-2024, sec. 2.2 (each module is a projection, a layer and the shared head)",
    example=dict(
        num_mtp_layers=1,
        micro_batch_tokens=4096,
        hidden_size=7168,
        tp=1,
        **BF16_WIDTHS,
        attainable_flops=742.05e12,
        attainable_hbm_bandwidth=2.8475e12,
        gemm_half_size=100,
        frozen_share=0.0,
        layer_forward_time=5e-3,
        layer_backward_time=1e-2,
        lm_head_forward_time=6e-3,
        lm_head_backward_time=1.2e-2,
        expect=0.03647273,
    ),
)
def mtp_time(
    num_mtp_layers: Count,
    micro_batch_tokens: Count,
    hidden_size: Count,
    tp: Count,
    widths: Widths,
    rates: MatmulRates,
    frozen_share: Number,
    layer_forward_time: Seconds,
    layer_backward_time: Seconds,
    lm_head_forward_time: Seconds,
    lm_head_backward_time: Seconds,
) -> Seconds:
    """Time of the multi-token prediction modules for one micro-batch."""
    joining = mtp_product(micro_batch_tokens, hidden_size, tp)
    weights = (1 - frozen_share) * matmul.weight_gradient_time(joining, widths, rates)
    join = matmul.time(joining, widths, rates) + matmul.input_gradient_time(joining, widths, rates) + weights
    layer = layer_forward_time + layer_backward_time
    return num_mtp_layers * (layer + lm_head_forward_time + lm_head_backward_time + join)

"""The dense feed-forward of one layer on one GPU, one micro-batch."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Count, Flag, Flops, Seconds
from ..example_inputs import BF16_WIDTHS, H100_PRODUCTS
from ..primitives import matmul
from ..primitives.matmul import Matmul, MatmulRates, Widths, single
from ..registry import cost_model

_DENSE = dict(micro_batch_tokens=4096, hidden_size=8192, intermediate_size=28672, gated_mlp=1, tp=8)


class DenseLayer(NamedTuple):
    """What shapes the products of a dense feed-forward."""

    micro_batch_tokens: Count
    hidden_size: Count
    intermediate_size: Count
    gated_mlp: Flag
    tp: Count


def up_and_down(rows: Count, hidden_size: Count, inner: Count, gated_mlp: Flag) -> tuple[Matmul, Matmul]:
    """The products of one feed-forward: into the inner width, with a gate beside it where there is one, and back."""
    return single(rows, (1 + gated_mlp) * inner, hidden_size), single(rows, hidden_size, inner)


def dense_products(layer: DenseLayer) -> tuple[Matmul, Matmul]:
    """The products of a dense feed-forward; tensor parallelism splits its columns."""
    return up_and_down(layer.micro_batch_tokens, layer.hidden_size, layer.intermediate_size / layer.tp, layer.gated_mlp)


@cost_model(
    formula=r"2\,T\,(2+g)hf/t",
    source="chowdhery-et-al-2022, app. B; shoeybi-et-al-2019, sec. 3 (columns are split)",
    example=dict(**_DENSE, expect=7.215545e11),
)
def dense_feed_forward_flops(layer: DenseLayer) -> Flops:
    """FLOPs of a dense feed-forward, forward."""
    return matmul.flops(dense_products(layer))


@cost_model(
    formula=r"(2+g)hfw/t + T\,a_w\,(2h + (2+g)f/t)",
    source="definition: the matrices once, input read, output written, the inner tensors written and read",
    example=dict(**_DENSE, **BF16_WIDTHS, expect=3.984589e08),
)
def dense_feed_forward_traffic(layer: DenseLayer, widths: Widths) -> Bytes:
    """Memory traffic of a dense feed-forward, forward."""
    return matmul.traffic(dense_products(layer), widths)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta)^2},\ \phi = 1 + x_{1/2}^2/(mn)",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_DENSE, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0009828494),
)
def dense_feed_forward_time(layer: DenseLayer, widths: Widths, rates: MatmulRates) -> Seconds:
    """Forward time of a dense feed-forward."""
    return matmul.time(dense_products(layer), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^X_i/\pi)^2 + (Q_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_DENSE, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0009829445),
)
def dense_input_gradient_time(layer: DenseLayer, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the input gradients of a dense feed-forward."""
    return matmul.input_gradient_time(dense_products(layer), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^W_i/\pi)^2 + (Q^W_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3; the gradient is read and written as it accumulates",
    example=dict(**_DENSE, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.001025753),
)
def dense_weight_gradient_time(layer: DenseLayer, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the weight gradients of a dense feed-forward."""
    return matmul.weight_gradient_time(dense_products(layer), widths, rates)


@cost_model(
    formula=r"\sum_i t_i\,[Q_i/\beta > F_i\phi_i/\pi]",
    source="williams-waterman-patterson-2009, sec. 3 (operators left of the ridge point)",
    example=dict(**_DENSE | dict(micro_batch_tokens=64), **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0003790947),
)
def dense_hbm_bound_time(layer: DenseLayer, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of a dense feed-forward that waits for memory, forward and backward."""
    return matmul.memory_bound_time(dense_products(layer), widths, rates)

"""The experts of one layer on one GPU, one micro-batch: those that tokens are routed to, and those shared by all."""

from __future__ import annotations

from typing import NamedTuple

from ..annotations import Bytes, Count, Flag, Flops, Number, Seconds
from ..arrays import jnp
from ..example_inputs import BF16_WIDTHS, H100_PRODUCTS
from ..primitives import matmul
from ..primitives.matmul import Matmul, MatmulRates, Widths
from ..registry import cost_model
from .dense_feed_forward import up_and_down

_ROUTED = dict(
    micro_batch_tokens=4096,
    hidden_size=7168,
    moe_intermediate_size=2048,
    gated_mlp=1,
    num_experts=256,
    experts_per_token=8,
    tp=1,
    expert_tp=1,
    ep=64,
)
_SHARED = dict(
    micro_batch_tokens=4096, hidden_size=7168, moe_intermediate_size=2048, gated_mlp=1, num_shared_experts=1, tp=1
)


class SharedExperts(NamedTuple):
    """What shapes the products of the experts that every token visits."""

    micro_batch_tokens: Count
    hidden_size: Count
    moe_intermediate_size: Count
    num_shared_experts: Count
    gated_mlp: Flag
    tp: Count


class RoutedExperts(NamedTuple):
    """What shapes the products of the routed experts on one rank."""

    micro_batch_tokens: Count
    hidden_size: Count
    moe_intermediate_size: Count
    gated_mlp: Flag
    num_experts: Count
    experts_per_token: Count
    expert_imbalance: Number
    tp: Count
    expert_tp: Count
    ep: Count


def shared_products(experts: SharedExperts) -> tuple[Matmul, Matmul]:
    """The products of the shared experts, which stand side by side as one dense feed-forward."""
    inner = experts.num_shared_experts * experts.moe_intermediate_size / experts.tp
    products = up_and_down(experts.micro_batch_tokens, experts.hidden_size, inner, experts.gated_mlp)
    # Where there are none, nothing reads the tokens either.
    return matmul.grouped(products, jnp.clip(experts.num_shared_experts, 0.0, 1.0), jnp.ones_like(inner))


def routed_products(experts: RoutedExperts) -> tuple[Matmul, Matmul]:
    """The grouped products of the routed experts on one rank.

    A rank holds E/e experts, each split over `expert_tp` ranks. The tokens of e x expert_tp ranks meet there, each of
    these having T/t tokens of its own, and every token visits k experts: T k (expert_tp/t) (e/E) rows an expert.
    """
    local = experts.num_experts / experts.ep
    copies = experts.micro_batch_tokens * experts.experts_per_token * experts.expert_tp / experts.tp
    inner = experts.moe_intermediate_size / experts.expert_tp
    products = up_and_down(copies / local, experts.hidden_size, inner, experts.gated_mlp)
    return matmul.grouped(products, local, experts.expert_imbalance)


@cost_model(
    formula=r"2\,T\,(2+g)hf_eE_s/t",
    source="deepseek-v2-2024, sec. 2.2 (experts that every token visits)",
    example=dict(**_SHARED, expect=3.607773e11),
)
def shared_feed_forward_flops(experts: SharedExperts) -> Flops:
    """FLOPs of the shared experts of one layer, forward."""
    return matmul.flops(shared_products(experts))


@cost_model(
    formula=r"(2+g)hf_eE_sw/t + T\,a_w\,(2h + (2+g)f_eE_s/t)",
    source="definition: the matrices once, input read, output written, the inner tensors written and read",
    example=dict(**_SHARED, **BF16_WIDTHS, expect=2.558525e08),
)
def shared_feed_forward_traffic(experts: SharedExperts, widths: Widths) -> Bytes:
    """Memory traffic of the shared experts of one layer, forward."""
    return matmul.traffic(shared_products(experts), widths)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta)^2},\ \phi = 1 + x_{1/2}^2/(mn)",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_SHARED, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0004948744),
)
def shared_feed_forward_time(experts: SharedExperts, widths: Widths, rates: MatmulRates) -> Seconds:
    """Forward time of the shared experts of one layer."""
    return matmul.time(shared_products(experts), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^X_i/\pi)^2 + (Q_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_SHARED, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0004949273),
)
def shared_input_gradient_time(experts: SharedExperts, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the input gradients of the shared experts of one layer."""
    return matmul.input_gradient_time(shared_products(experts), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^W_i/\pi)^2 + (Q^W_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3; the gradient is read and written as it accumulates",
    example=dict(**_SHARED, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0005197504),
)
def shared_weight_gradient_time(experts: SharedExperts, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the weight gradients of the shared experts of one layer."""
    return matmul.weight_gradient_time(shared_products(experts), widths, rates)


@cost_model(
    formula=r"\sum_i t_i\,[Q_i/\beta > F_i\phi_i/\pi]",
    source="williams-waterman-patterson-2009, sec. 3 (operators left of the ridge point)",
    example=dict(**_SHARED | dict(micro_batch_tokens=64), **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0001905059),
)
def shared_hbm_bound_time(experts: SharedExperts, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the shared experts that waits for memory, forward and backward."""
    return matmul.memory_bound_time(shared_products(experts), widths, rates)


@cost_model(
    formula=r"2\,T\,k\,(2+g)hf_e/t",
    source="fedus-zoph-shazeer-2021, sec. 2 (every token visits k experts); gale-et-al-2022, sec. 4 (grouped products)",
    example=dict(**_ROUTED, expect=2.886218e12),
)
def routed_feed_forward_flops(experts: RoutedExperts) -> Flops:
    """FLOPs of the routed experts of one layer, forward."""
    return matmul.flops(routed_products(experts))


@cost_model(
    formula=r"\tfrac{E}{e}(2+g)hf_ew/t_e + T\,k\,a_w\,(2h t_e + (2+g)f_e)/t",
    source="definition: the matrices once, input read, output written, the inner tensors written and read",
    example=dict(**_ROUTED, **BF16_WIDTHS, expect=1.694499e09),
)
def routed_feed_forward_traffic(experts: RoutedExperts, widths: Widths) -> Bytes:
    """Memory traffic of the routed experts of one layer, forward."""
    return matmul.traffic(routed_products(experts), widths)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi_i/\pi)^2 + (Q_i/\beta)^2},\ \phi = 1 + x_{1/2}^2/(mn)",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_ROUTED, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.003936709),
)
def routed_feed_forward_time(experts: RoutedExperts, widths: Widths, rates: MatmulRates) -> Seconds:
    """Forward time of the routed experts of one layer."""
    return matmul.time(routed_products(experts), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^X_i/\pi)^2 + (Q_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3, product by product",
    example=dict(**_ROUTED, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.003936762),
)
def routed_input_gradient_time(experts: RoutedExperts, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the input gradients of the routed experts of one layer."""
    return matmul.input_gradient_time(routed_products(experts), widths, rates)


@cost_model(
    formula=r"\sum_i \sqrt{(F_i\phi^W_i/\pi)^2 + (Q^W_i/\beta)^2}",
    source="williams-waterman-patterson-2009, sec. 3; the gradient is read and written as it accumulates",
    example=dict(**_ROUTED, **BF16_WIDTHS, **H100_PRODUCTS, expect=0.004009766),
)
def routed_weight_gradient_time(experts: RoutedExperts, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the weight gradients of the routed experts of one layer."""
    return matmul.weight_gradient_time(routed_products(experts), widths, rates)


@cost_model(
    formula=r"\sum_i t_i\,[Q_i/\beta > F_i\phi_i/\pi]",
    source="williams-waterman-patterson-2009, sec. 3 (operators left of the ridge point)",
    example=dict(**_ROUTED | dict(micro_batch_tokens=64), **BF16_WIDTHS, **H100_PRODUCTS, expect=0.0007951795),
)
def routed_hbm_bound_time(experts: RoutedExperts, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the routed experts that waits for memory, forward and backward."""
    return matmul.memory_bound_time(routed_products(experts), widths, rates)

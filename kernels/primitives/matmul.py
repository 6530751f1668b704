"""Matrix products: their arithmetic, their memory traffic and their time, from their shape.

A product of `rows` x `depth` by `depth` x `columns`. Training runs three of them for every one of the forward pass,
with the dimensions permuted: the product itself, the gradient of its input and the gradient of its weights. Functions
take the products that run one after the other and return their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..annotations import Array, Bytes, BytesPerSecond, Count, Flops, FlopsPerSecond, Number, Seconds
from ..arrays import jnp
from .efficiency import fill_slowdown, product_time


class Matmul(NamedTuple):
    """Equal products that run together: the shape of one of them, and how many there are.

    `busiest` is the work of the busiest rank over the mean, where products are dealt out unevenly.
    """

    rows: Count
    columns: Count
    depth: Count
    products: Count | float = 1.0
    busiest: Number | float = 1.0


class Widths(NamedTuple):
    """Bytes per element of the weights, the activations and the gradients of the weights."""

    weight_width: Bytes
    activation_width: Bytes
    gradient_width: Bytes


class MatmulRates(NamedTuple):
    """What bounds matrix products: the rate of large ones, the memory bandwidth, and the size that halves the rate."""

    attainable_flops: FlopsPerSecond
    attainable_hbm_bandwidth: BytesPerSecond
    gemm_half_size: Number


Products = Iterable[Matmul]


def single(rows: Count, columns: Count, depth: Count) -> Matmul:
    """One product."""
    return Matmul(rows, columns, depth)


def grouped(products: tuple[Matmul, Matmul], count: Count, busiest: Number) -> tuple[Matmul, Matmul]:
    """Both products of a feed-forward, `count` times side by side."""
    first, second = (product._replace(products=count, busiest=busiest) for product in products)
    return first, second


def flops(products: Products) -> Flops:
    """Arithmetic of the forward products; each gradient takes as much."""
    return _sum(_flops, products)


def traffic(products: Products, widths: Widths) -> Bytes:
    """Memory traffic forward: both operands read, the result written; the gradient of the input moves as much."""
    return _sum(lambda product: _traffic(product, widths), products)


def time(products: Products, widths: Widths, rates: MatmulRates, per_weight: Seconds | float = 0.0) -> Seconds:
    """Time of the forward products; reading one weight takes `per_weight` beyond its traffic."""

    def one(product: Matmul) -> Seconds:
        arithmetic, memory = _forward(product, widths, rates)
        weights = product.busiest * product.products * product.depth * product.columns
        return _time(arithmetic, memory + per_weight * weights)

    return _sum(one, products)


def input_gradient_time(products: Products, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the gradients of the inputs."""
    return _sum(lambda product: _time(*_input_gradient(product, widths, rates)), products)


def weight_gradient_time(products: Products, widths: Widths, rates: MatmulRates) -> Seconds:
    """Time of the gradients of the weights, read and written as they accumulate."""
    return _sum(lambda product: _time(*_weight_gradient(product, widths, rates)), products)


def memory_bound_time(products: Products, widths: Widths, rates: MatmulRates) -> Seconds:
    """The time of the forward products and both gradients where traffic takes longer than arithmetic."""

    def waiting(product: Matmul) -> Seconds:
        forward = _if_waiting(*_forward(product, widths, rates))
        inputs = _if_waiting(*_input_gradient(product, widths, rates))
        return forward + inputs + _if_waiting(*_weight_gradient(product, widths, rates))

    return _sum(waiting, products)


def _time(arithmetic: Seconds, memory: Seconds) -> Seconds:
    return product_time(arithmetic, memory)


def _if_waiting(arithmetic: Seconds, memory: Seconds) -> Seconds:
    return jnp.where(memory > arithmetic, _time(arithmetic, memory), 0.0)


def _flops(product: Matmul) -> Flops:
    return 2 * product.products * product.rows * product.columns * product.depth


def _traffic(product: Matmul, widths: Widths) -> Bytes:
    weights = product.depth * product.columns * widths.weight_width
    return product.products * (weights + _tokens(product, widths))


def _gradient_traffic(product: Matmul, widths: Widths) -> Bytes:
    gradients = 2 * product.depth * product.columns * widths.gradient_width
    return product.products * (gradients + _tokens(product, widths))


def _tokens(product: Matmul, widths: Widths) -> Bytes:
    return product.rows * (product.depth + product.columns) * widths.activation_width


def _forward(product: Matmul, widths: Widths, rates: MatmulRates) -> tuple[Seconds, Seconds]:
    return _bounds(product, product.rows * product.columns, _traffic(product, widths), rates)


def _input_gradient(product: Matmul, widths: Widths, rates: MatmulRates) -> tuple[Seconds, Seconds]:
    return _bounds(product, product.rows * product.depth, _traffic(product, widths), rates)


def _weight_gradient(product: Matmul, widths: Widths, rates: MatmulRates) -> tuple[Seconds, Seconds]:
    return _bounds(product, product.depth * product.columns, _gradient_traffic(product, widths), rates)


def _bounds(product: Matmul, output: Count, moved: Bytes, rates: MatmulRates) -> tuple[Seconds, Seconds]:
    """Time of the arithmetic and of the traffic on the busiest rank; `output` are the elements of one result."""
    slower = fill_slowdown(product.products * output, rates.gemm_half_size)
    arithmetic = _flops(product) / rates.attainable_flops * slower
    return product.busiest * arithmetic, product.busiest * moved / rates.attainable_hbm_bandwidth


def _sum(value: Callable[[Matmul], Array], products: Products) -> Array:
    first, *rest = map(value, products)
    for other in rest:
        first = first + other
    return first

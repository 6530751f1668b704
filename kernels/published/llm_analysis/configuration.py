"""The tool's GPUs and data types, the rates they give, and its conditions on the parallel layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from ...annotations import Array, Bytes, BytesPerSecond, Choice, Count, FlopsPerSecond, Number, Seconds, Unit
from ...arrays import jnp
from ...registry import Erratum, cost_model
from .inputs import DTYPES

NAMESPACE = "llm_analysis"

Bits = Annotated[Array, Unit("bit")]
_GPU = "definition: document 002, GPU configurations of llm-analysis at revision b7827c5"
_DTYPE = "definition: document 002, data type configurations of llm-analysis"
_RATE = "definition: document 002, get_TFLOPS_per_gpu of llm-analysis"


def _chosen(position: Array, values: Sequence[float]) -> Array:
    """The value of the option at `position`."""
    found = values[0] + 0.0 * position
    for option, value in enumerate(values[1:], start=1):
        found = jnp.where(position == option, value, found)
    return found


def _bits(letter: str) -> tuple[float, ...]:
    """The bits that every data type scheme spells after a letter: w4a16e16 has 16 after "e"."""
    following = {"w": "a", "a": "e", "e": None}[letter]
    return tuple(float(name.split(letter)[1].split(following)[0]) for name in DTYPES)


_WEIGHT_BITS, _ACTIVATION_BITS, _EMBEDDING_BITS = map(_bits, "wae")


@cost_model(formula=r"\mathrm{w}", source=_DTYPE, example=dict(dtype=8, expect=4))
def weight_bits(dtype: Choice) -> Bits:
    """Bits of a weight in the tool's data type."""
    return _chosen(dtype, _WEIGHT_BITS)


@cost_model(formula=r"\mathrm{a}", source=_DTYPE, example=dict(dtype=8, expect=8))
def activation_bits(dtype: Choice) -> Bits:
    """Bits of an activation in the tool's data type; keys and values have as many."""
    return _chosen(dtype, _ACTIVATION_BITS)


@cost_model(formula=r"\mathrm{e}", source=_DTYPE, example=dict(dtype=8, expect=16))
def embedding_bits(dtype: Choice) -> Bits:
    """Bits of an embedding entry in the tool's data type."""
    return _chosen(dtype, _EMBEDDING_BITS)


@cost_model(formula=r"\mathrm{w} / 8", source=_DTYPE, example=dict(weight_bits=4, expect=0.5))
def weight_width(weight_bits: Bits) -> Bytes:
    """Bytes of a weight in the tool's data type."""
    return weight_bits / 8


@cost_model(formula=r"\mathrm{a} / 8", source=_DTYPE, example=dict(activation_bits=16, expect=2))
def activation_width(activation_bits: Bits) -> Bytes:
    """Bytes of an activation in the tool's data type."""
    return activation_bits / 8


@cost_model(formula=r"\mathrm{e} / 8", source=_DTYPE, example=dict(embedding_bits=16, expect=2))
def embedding_width(embedding_bits: Bits) -> Bytes:
    """Bytes of an embedding entry in the tool's data type."""
    return embedding_bits / 8


@cost_model(
    formula=r"\pi_{16}",
    source=_GPU,
    example=dict(gpu=1, expect=989e12),
    errata=(
        Erratum(
            "I2.3",
            wrong="the text links the A100 to the configuration of the H100",
            right="312 TFLOP/s of the A100 and 989 TFLOP/s of the H100 stand in two files",
        ),
    ),
)
def peak_flops_fp16(gpu: Choice) -> FlopsPerSecond:
    """Peak 16-bit rate of the tool's GPU."""
    return _chosen(gpu, (312e12, 989e12))


@cost_model(formula=r"\pi_8", source=_GPU, example=dict(gpu=1, expect=1979e12))
def peak_flops_int8(gpu: Choice) -> FlopsPerSecond:
    """Peak 8-bit rate of the tool's GPU."""
    return _chosen(gpu, (624e12, 1979e12))


@cost_model(
    formula=r"\pi_4",
    source=_GPU,
    example=dict(gpu=1, expect=3958e12),
    errata=(
        Erratum(
            "I2.15",
            wrong="3958 TOP/s of INT4 on the H100",
            right="1979 TOP/s: the matrix units of Hopper have no INT4, so 4-bit data run at the 8-bit rate",
        ),
    ),
)
def peak_flops_int4(gpu: Choice) -> FlopsPerSecond:
    """Peak 4-bit rate of the tool's GPU."""
    return _chosen(gpu, (1248e12, 3958e12))


@cost_model(
    formula=r"\beta_{HBM}",
    source=_GPU,
    example=dict(gpu=0, expect=2039e9),
    errata=(
        Erratum(
            "I2.2",
            wrong="the text gives the A100 2032 GB/s",
            right="2039 GB/s, which the configuration has and every published number uses",
        ),
    ),
)
def hbm_bandwidth(gpu: Choice) -> BytesPerSecond:
    """Memory bandwidth of the tool's GPU."""
    return _chosen(gpu, (2039e9, 3350e9))


@cost_model(
    formula=r"C_{HBM}",
    source=_GPU,
    example=dict(gpu=0, expect=80e9),
    errata=(
        Erratum(
            "I2.13",
            wrong="80 GB is 80e9 B",
            right="`hbm_capacity` of the catalog: 81920 MiB of the A100, 81559 MiB of the H100",
            why="The driver reports binary gigabytes; later revisions of the tool multiply by 2^30.",
        ),
    ),
)
def hbm_capacity(gpu: Choice) -> Bytes:
    """Memory of the tool's GPU."""
    return _chosen(gpu, (80e9, 80e9))


@cost_model(formula=r"\beta_{node}", source=_GPU, example=dict(gpu=1, expect=450e9))
def intra_node_bandwidth(gpu: Choice) -> BytesPerSecond:
    """Bandwidth between the GPUs of a node in the tool, one direction."""
    return _chosen(gpu, (300e9, 450e9))


@cost_model(
    formula=r"\beta_{net}",
    source=_GPU,
    example=dict(gpu=1, expect=200e9),
    errata=(
        Erratum(
            "I2.14",
            wrong="600 GB/s between nodes of A100, 200 GB/s of H100",
            right="`scale_out_bandwidth` of the catalog: 25 GB/s and 50 GB/s per GPU and direction",
            why="200 is in Gb/s; no formula of this revision reads it, so no published number is affected.",
        ),
    ),
)
def inter_node_bandwidth(gpu: Choice) -> BytesPerSecond:
    """Bandwidth between nodes in the tool, which none of its formulas reads."""
    return _chosen(gpu, (600e9, 200e9))


@cost_model(formula=r"\alpha_{node}", source=_GPU, example=dict(gpu=1, expect=8e-6))
def least_message_time(gpu: Choice) -> Seconds:
    """Least time of a message within a node in the tool."""
    return _chosen(gpu, (8e-6, 8e-6))


@cost_model(
    formula=r"\pi(\max(\mathrm{w}, \mathrm{a}))\,\epsilon",
    source=_RATE,
    example=dict(
        weight_bits=4,
        activation_bits=8,
        peak_flops_fp16=312e12,
        peak_flops_int8=624e12,
        peak_flops_int4=1248e12,
        flops_efficiency=0.5,
        expect=312e12,
    ),
    undefined="weights and activations must have at most 16 bits",
)
def gemm_rate(
    weight_bits: Bits,
    activation_bits: Bits,
    peak_flops_fp16: FlopsPerSecond,
    peak_flops_int8: FlopsPerSecond,
    peak_flops_int4: FlopsPerSecond,
    flops_efficiency: Number,
) -> FlopsPerSecond:
    """Rate of matrix products in the tool.

    The wider of weights and activations sets it.
    """
    bits = jnp.maximum(weight_bits, activation_bits)
    narrow = jnp.where(bits <= 4, peak_flops_int4, peak_flops_int8)
    return jnp.where(bits <= 8, narrow, jnp.where(bits <= 16, peak_flops_fp16, jnp.nan)) * flops_efficiency


@cost_model(
    formula=r"\beta_{HBM}\,\epsilon_{HBM}",
    source="definition: document 002, get_gpu_hbm_bandwidth of llm-analysis",
    example=dict(hbm_bandwidth=2039e9, hbm_memory_efficiency=0.9, expect=1.8351e12),
)
def hbm_rate(hbm_bandwidth: BytesPerSecond, hbm_memory_efficiency: Number) -> BytesPerSecond:
    """Memory bandwidth that the tool assumes is reached."""
    return hbm_bandwidth * hbm_memory_efficiency


@cost_model(
    formula=r"t",
    source="definition: document 002, train of llm-analysis",
    example=dict(tp=2, gpus_per_node=8, expect=2),
    undefined="tensor parallelism must stay within a node: tp is above gpus_per_node",
)
def node_tp(tp: Count, gpus_per_node: Count) -> Count:
    """Tensor parallel ranks, which the tool keeps within a node."""
    return jnp.where(tp <= gpus_per_node, tp, jnp.nan)


@cost_model(
    formula=r"s_p \in \{1, t\}",
    source="definition: document 002, constructor of llm-analysis",
    example=dict(sp=1, node_tp=8, expect=1),
    undefined="sequence parallel ranks must be 1 or equal the tensor parallel ranks",
)
def megatron_sp(sp: Count, node_tp: Count) -> Count:
    """Sequence parallel ranks, which the tool ties to the tensor parallel ones."""
    # Both are whole numbers; the tolerance leaves room for a derivative between them.
    tied = (jnp.abs(sp - 1) < 0.5) | (jnp.abs(sp - node_tp) < 0.5)
    return jnp.where(tied, sp, jnp.nan)


@cost_model(
    formula=r"\lfloor L / p \rfloor",
    source="definition: document 002, num_layers_per_gpu of llm-analysis",
    example=dict(num_layers=60, pp=8, expect=7),
)
def layers_per_gpu(num_layers: Count, pp: Count) -> Count:
    """Layers of one pipeline stage in the tool, rounded down."""
    return jnp.floor(num_layers / pp)

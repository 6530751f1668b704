"""GPUs and interconnects as the document's classes GPUSpecs and NetworkSpecs state them."""

from __future__ import annotations

from typing import Annotated

from ....specs.vocabulary import Group, Kind, Leaf
from ...annotations import Array, Choice, Unit
from ...arrays import jnp
from ...registry import Erratum, cost_model

NAMESPACE = "rules"

_GPUS = ("A100", "H100", "H200")
_INTERCONNECTS = ("NVLink", "InfiniBand", "Ethernet")


def _stated(name: str, unit: str, label: str, value: float, where: str = "the document's", note: str = "") -> Leaf:
    return Leaf(name, unit, Kind.CONTINUOUS, label, Group.HARDWARE, default=value, reason=where, note=note)


LEAVES = (
    Leaf(
        "gpu",
        "1",
        Kind.CHOICE,
        "GPU of the document's table",
        Group.HARDWARE,
        options=_GPUS,
        default="H100",
        reason="the GPU of most of the document's examples",
    ),
    Leaf(
        "interconnect",
        "1",
        Kind.CHOICE,
        "Interconnect of the document's table",
        Group.NETWORK,
        options=_INTERCONNECTS,
        default="NVLink",
        reason="the document's advice within a node",
    ),
    _stated("a100_tflops", "TFLOP/s", "Peak rate of A100", 312, "the document's GPUSpecs"),
    _stated("h100_tflops", "TFLOP/s", "Peak rate of H100", 990, "the document's GPUSpecs"),
    _stated("h200_tflops", "TFLOP/s", "Peak rate of H200", 990, "the document's GPUSpecs"),
    _stated("a100_gb", "GB", "Memory of A100", 80, "the document's GPUSpecs"),
    _stated("h100_gb", "GB", "Memory of H100", 80, "the document's GPUSpecs"),
    _stated("h200_gb", "GB", "Memory of H200", 141, "the document's GPUSpecs"),
    _stated("nvlink_gb_s", "GB/s", "Bandwidth of NVLink", 600, "the document's NetworkSpecs"),
    _stated("infiniband_gb_s", "GB/s", "Bandwidth of InfiniBand", 400, "the document's NetworkSpecs"),
    _stated("ethernet_gb_s", "GB/s", "Bandwidth of Ethernet", 100, "the document's NetworkSpecs"),
    _stated("nvlink_us", "us", "Latency of NVLink", 1, "the document's NetworkSpecs"),
    _stated("infiniband_us", "us", "Latency of InfiniBand", 2, "the document's NetworkSpecs"),
    _stated("ethernet_us", "us", "Latency of Ethernet", 10, "the document's NetworkSpecs"),
    _stated(
        "nvlink_4_gb_s",
        "GB/s",
        "Bandwidth of NVLink 4, one direction",
        450,
        "half of the 900 GB/s that NVIDIA states for both directions of an H100's links",
    ),
)

TeraflopsPerSecond = Annotated[Array, Unit("TFLOP/s")]
Gigabytes = Annotated[Array, Unit("GB")]
GigabytesPerSecond = Annotated[Array, Unit("GB/s")]
Microseconds = Annotated[Array, Unit("us")]

_LINKS = Erratum(
    "I4.9",
    wrong='InfiniBand 400 "GB/s", Ethernet 100 "GB/s", NVLink 600 GB/s as "NVLink 4.0 (H100)"',
    right="50, 12.5 and 450 GB/s in one direction: `rules.stated_gb_s_corrected`",
    why="400 and 100 are Gb/s; 600 GB/s is NVLink 3 of an A100, both directions; NVLink 4 has 900 GB/s in both",
)
_PEAK = Erratum(
    "I4.6",
    wrong='H100 is "3.2x faster than A100" at 990 TFLOP/s',
    right="990 / 312 = 3.173; the data sheet has 989.4",
    why="rounded up",
)


def _of(choice: Choice, *values: Array) -> Array:
    """The value at the position of the choice."""
    found = values[0] + 0 * choice
    for position, value in enumerate(values[1:], start=1):
        found = jnp.where(choice == position, value, found)
    return found


@cost_model(
    formula=r"\pi(\mathrm{GPU})",
    source="definition: document 004, section 4, GPUSpecs",
    example=dict(gpu=1, expect=990.0),
    errata=(_PEAK,),
)
def stated_tflops(
    gpu: Choice, a100_tflops: TeraflopsPerSecond, h100_tflops: TeraflopsPerSecond, h200_tflops: TeraflopsPerSecond
) -> TeraflopsPerSecond:
    """Peak rate of the document's GPU."""
    return _of(gpu, a100_tflops, h100_tflops, h200_tflops)


@cost_model(
    formula=r"C(\mathrm{GPU})",
    source="definition: document 004, section 4, GPUSpecs",
    example=dict(gpu=2, expect=141.0),
)
def stated_gb(gpu: Choice, a100_gb: Gigabytes, h100_gb: Gigabytes, h200_gb: Gigabytes) -> Gigabytes:
    """Memory of the document's GPU."""
    return _of(gpu, a100_gb, h100_gb, h200_gb)


@cost_model(
    formula=r"\beta(\mathrm{link})",
    source="definition: document 004, section 7, NetworkSpecs",
    example=dict(interconnect=1, expect=400.0),
    errata=(_LINKS,),
)
def stated_gb_s(
    interconnect: Choice,
    nvlink_gb_s: GigabytesPerSecond,
    infiniband_gb_s: GigabytesPerSecond,
    ethernet_gb_s: GigabytesPerSecond,
) -> GigabytesPerSecond:
    """Bandwidth of the document's interconnect."""
    return _of(interconnect, nvlink_gb_s, infiniband_gb_s, ethernet_gb_s)


@cost_model(
    formula=r"\alpha(\mathrm{link})",
    source="definition: document 004, section 7, NetworkSpecs",
    example=dict(interconnect=2, expect=10.0),
)
def stated_us(
    interconnect: Choice, nvlink_us: Microseconds, infiniband_us: Microseconds, ethernet_us: Microseconds
) -> Microseconds:
    """Latency of the document's interconnect."""
    return _of(interconnect, nvlink_us, infiniband_us, ethernet_us)


@cost_model(
    formula=r"450, \tfrac{1}{8}\,\beta_{IB}, \tfrac{1}{8}\,\beta_{Eth}",
    source="definition: NVLink 4 in one direction; the numbers of InfiniBand and Ethernet taken as bits",
    example=dict(interconnect=1, expect=50.0),
)
def stated_gb_s_corrected(
    interconnect: Choice,
    nvlink_4_gb_s: GigabytesPerSecond,
    infiniband_gb_s: GigabytesPerSecond,
    ethernet_gb_s: GigabytesPerSecond,
) -> GigabytesPerSecond:
    """Bandwidth of the document's interconnect, one direction, put right."""
    return _of(interconnect, nvlink_4_gb_s, infiniband_gb_s / 8, ethernet_gb_s / 8)

"""Tables of document 001: what it prints, and the same put right beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .contract import Table
from .hop_typed_messages import group_sizes, hops, per_hop, routes, sizes
from .hop_typed_readings import ratios_table, strategies, training_step
from .hop_typed_rows import FINAL, HOPS, IDEAL, ONE_WAY, PER_HOP, RECORD, STATED, STEP, column, layers, modes
from .mode_labels import group_size, group_size_as_published

if TYPE_CHECKING:
    import xarray as xr

PRINTED = {
    "PerGPU_MB": "per_gpu_volume",
    "PerGPU_MiB": "per_gpu_volume_binary",
    "Latency_ms": "latency",
    "Energy_mJ": "energy",
}


def tables(data: Mapping[str, xr.Dataset]) -> Iterator[Table]:
    """Every table of the document's page."""
    yield final_table(data[FINAL])
    yield latencies(data[FINAL])
    yield all_reduce_steps(data[FINAL])
    yield volumes(data[FINAL])
    yield energies(data[FINAL])
    yield per_hop(data[PER_HOP])
    yield routes(data[HOPS])
    yield sizes(data[FINAL])
    yield hops(data[HOPS])
    yield group_sizes()
    yield ratios_table(data[FINAL])
    yield strategies()
    yield training_step(data[STEP])


def final_table(data: xr.Dataset) -> Table:
    """The document's table with its rounding."""
    columns = [column(data, quantity) for quantity in PRINTED.values()]
    rows = [
        (layer, mode, *(str(round(float(values[place]), 3)) for values in columns))
        for place, (layer, mode) in enumerate(zip(layers(data), modes(data), strict=True))
    ]
    return Table(
        "final-table",
        "The final table, as published",
        ("Layer", "Mode", *PRINTED),
        rows,
        "Rounded to 3 decimals as the document does. Comments in its code call the columns MiB, us and nJ; they are "
        "decimal MB, MiB, ms and mJ.",
    )


def latencies(data: xr.Dataset) -> Table:
    """Latency as published and put right."""
    published, right = column(data, "latency"), column(data, "latency_corrected", links=RECORD)
    values = (
        published,
        column(data, "latency_serial", bandwidth=STATED),
        column(data, "latency_serial", bandwidth=ONE_WAY),
        column(data, "latency_corrected", links=IDEAL),
        right,
        published / right,
    )
    return Table(
        "latency",
        "Latency, published and put right",
        (
            "Layer",
            "Mode",
            "Published [ms]",
            "NVLink 900 GB/s, hops in turn [ms]",
            "NVLink 450 GB/s, hops in turn [ms]",
            "Main models, ideal links [ms]",
            "Main models, DGX H100 [ms]",
            "Published / DGX H100",
        ),
        _rows(data, values),
        "Hops in turn: the document's formulas with the time per byte of the stated bandwidth (900 GB/s count both "
        "directions, 450 one). Main models: collectives with a ring for every port, hops pipelined, a gated "
        "feed-forward, one all-reduce for TP; ideal links have the document's startup times, DGX H100 those of the "
        "network's record and 0.8 of the bandwidth.",
    )


def all_reduce_steps(data: xr.Dataset) -> Table:
    """What each correction does to the all-reduce of the attention gradients."""
    steps = (
        ("As published", column(data, "latency"), "NVLink at 90 GB/s (I1.1)"),
        ("NVLink at 900 GB/s", column(data, "latency_serial", bandwidth=STATED), "the bandwidth of the table"),
        ("NVLink at 450 GB/s", column(data, "latency_serial", bandwidth=ONE_WAY), "one direction of it"),
        (
            "Hops pipelined",
            column(data, "flat_ring_latency", links=IDEAL),
            "a step takes as long as its slowest link, not the sum over NVLink, InfiniBand and NVLink (I1.10)",
        ),
        (
            "A ring for every port",
            column(data, "latency_corrected", links=IDEAL),
            "eight rings at once, each leaving the node through another InfiniBand port with 1/8 of the gradients, "
            "where one flat ring sends all of them through one port a node",
        ),
        (
            "DGX H100",
            column(data, "latency_corrected", links=RECORD),
            "startup times and share of bandwidth as measured with NCCL",
        ),
    )
    rows = [(name, float(values[0]), float(values[1]), why) for name, values, why in steps]
    return Table(
        "all-reduce-steps",
        "All-reduce of the attention gradients, corrected one error at a time",
        ("Step", "DP-8 [ms]", "DP-16 [ms]", "What changes"),
        rows,
        "Each row keeps the corrections above it. Inside one node one ring and eight are the same.",
    )


def volumes(data: xr.Dataset) -> Table:
    """Volume per GPU and in aggregate."""
    published = [group_size_as_published(label) for label in modes(data)]
    named = [group_size(label) for label in modes(data)]
    per_gpu = column(data, "per_gpu_volume")
    values = (
        per_gpu,
        published,
        column(data, "total_volume"),
        named,
        per_gpu * named,
        column(data, "per_gpu_volume_corrected"),
        column(data, "total_volume_corrected"),
    )
    return Table(
        "volume",
        "Volume per GPU and in aggregate",
        (
            "Layer",
            "Mode",
            "Published per GPU [MB]",
            "Published group",
            "Published total [MB]",
            "Group",
            "Published per GPU x group [MB]",
            "Right per GPU [MB]",
            "Right total [MB]",
        ),
        _rows(data, values),
        "The document computes the published total and drops it. The right volumes count both phases of a collective "
        "and every byte once, at its sender: all GPUs of a collective send, of a pipeline message one.",
    )


def energies(data: xr.Dataset) -> Table:
    """Energy as published and of the whole group."""
    values = (column(data, "energy"), column(data, "energy_corrected"))
    return Table(
        "energy",
        "Energy, published and put right",
        ("Layer", "Mode", "Published [mJ]", "Right, all senders [mJ]"),
        _rows(data, values),
        "The document's DP rows count every GPU, its TP and PP rows one sender. Put right, all count every sender, at "
        "the document's 5 and 25 pJ/bit; a bit to another node takes NVLink, InfiniBand and NVLink.",
    )


def _rows(data: xr.Dataset, columns: tuple) -> list[tuple]:
    """One row a mode, the columns of numbers behind its layer and label."""
    return [
        (layer, mode, *(float(values[place]) for values in columns))
        for place, (layer, mode) in enumerate(zip(layers(data), modes(data), strict=True))
    ]

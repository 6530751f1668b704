"""The tables of document 004 on memory and communication, published beside corrected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .contract import Cell, Table
from .training_printed import COLLECTIVES, LAYOUTS
from .training_tables import rows_of, values

if TYPE_CHECKING:
    import xarray as xr


def sharding_tables(data: Mapping[str, xr.Dataset]) -> Iterator[Table]:
    """Tables of memory, collective operations, tensor and data parallelism, in the order of the document."""
    yield _memory(data["documents/004-memory"])
    yield _memory_parts(data["documents/004-memory"])
    yield _activations(data["documents/004-activations"])
    yield _collectives(data["documents/004-collectives"])
    yield _message_times(data["documents/004-collectives"])
    yield _networks(data["documents/004-tensor-parallel"])
    yield _tensor_parallel(data["documents/004-tensor-parallel"])
    yield _zero(data["documents/004-zero"])


def _memory(data: xr.Dataset) -> Table:
    return Table(
        "memory",
        "Memory of one GPU for 70B parameters",
        (
            "Configuration",
            "Total [GB], as published",
            "Fits 80 GB, as published",
            "Total with fp32 weights [GB]",
            "Main model [GB]",
            "Fits, main model",
        ),
        rows_of(
            LAYOUTS,
            values(data, "rules.memory_gb"),
            [bool(fits) for fits in values(data, "rules.fits_gpu")],
            values(data, "rules.memory_gb_corrected"),
            values(data, "memory_per_gpu", 1e-9),
            [margin >= 0 for margin in values(data, "fits_memory")],
        ),
        "The main model holds LLaMA-2-70B on H100 (80 GiB) with one sequence of 4096 tokens a micro-batch, flash "
        "attention and fp32 gradients. Three of the layouts that the document refuses fit.",
    )


def _memory_parts(data: xr.Dataset) -> Table:
    published = [values(data, f"rules.{part}_gb") for part in ("parameter", "gradient", "optimizer", "activation")]
    names = ("weight_memory", "gradient_memory", "optimizer_memory", "activation_memory")
    main = [values(data, name, 1e-9) for name in names]
    parts = ("Parameters", "Gradients", "Optimizer", "Activations")
    return Table(
        "memory-parts",
        "What the memory is made of",
        (
            "Configuration",
            *(f"{part} [GB], as published" for part in parts),
            "Optimizer with fp32 weights [GB]",
            *(f"{part} [GB], main model" for part in parts),
        ),
        rows_of(LAYOUTS, *published, values(data, "rules.optimizer_gb_corrected"), *main),
    )


def _activations(data: xr.Dataset) -> Table:
    extra = data["executed_flops_per_token"] / data["executed_flops_per_token"].isel(recompute=0) - 1
    return Table(
        "activations",
        "Activations of one sequence through 80 layers of width 8192",
        (
            "Tokens",
            "34 b s h L [GB], as published",
            "Everything stored [GB]",
            "Selective recomputation [GB]",
            "Full recomputation [GB]",
            "FLOPs added by selective",
            "FLOPs added by full",
        ),
        rows_of(
            values(data, "rules.seq_len"),
            *(
                values(data, f"rules.activation_bytes_{name}", 1e-9)
                for name in ("text", "korthikanti", "selective", "full_recompute")
            ),
            [float(value) for value in extra.isel(recompute=1).values],
            [float(value) for value in extra.isel(recompute=2).values],
        ),
        "Bytes of fp16 with dropout and without flash attention (Korthikanti et al. 2022); the FLOPs are the main "
        "model's, as a share of those without recomputation.",
    )


def _collectives(data: xr.Dataset) -> Table:
    sizes = [int(size) for size in data["rules.group_size"].values]
    rows: list[tuple[Cell, ...]] = []
    for place, name in enumerate(str(name) for name in data["rules.collective"].values):
        one = data.isel({"rules.collective": place})
        published, right = values(one, "rules.collective_gb"), values(one, "rules.collective_gb_corrected")
        rows += [(name, size, *pair) for size, *pair in zip(sizes, published, right, strict=True)]
    columns = ("Operation", "Ranks", "Moved by a rank [GB], as published", "Moved by a rank [GB], put right")
    return Table("collectives", "Bytes moved in a collective operation on 1 GB", columns, rows)


def _message_times(data: xr.Dataset) -> Table:
    names = [str(name) for name in data["rules.algorithm"].values]
    columns = ("Algorithm", "Time of 1 GB at 400 GB/s and 2 us [ms], as published")
    return Table(
        "message-times",
        "The algorithm changes nothing",
        columns,
        rows_of(names, values(data, "rules.communication_ms")),
        "The argument is ignored; `tp_all_reduce_time` has 2 (n-1) latencies of a ring.",
    )


def _networks(data: xr.Dataset) -> Table:
    stated = data.isel(link=slice(0, 3))
    return Table(
        "networks",
        "Interconnects of the document",
        (
            "Interconnect",
            "Bandwidth [GB/s], as published",
            "Latency [us], as published",
            "One direction [GB/s], put right",
        ),
        rows_of(
            [str(name) for name in stated["rules.interconnect"].values],
            values(stated, "rules.stated_gb_s"),
            values(stated, "rules.stated_us"),
            values(stated, "rules.stated_gb_s_corrected"),
        ),
        "600 GB/s is NVLink 3 of an A100 in both directions; NVLink 4 of an H100 has 450 in one. 400 and 100 are Gb/s.",
    )


def _tensor_parallel(data: xr.Dataset) -> Table:
    eight = data.isel(shards=3)
    names = [str(name) for name in eight["rules.interconnect"].values]
    return Table(
        "tensor-parallel",
        "Tensor parallel communication of one layer over eight GPUs",
        (
            "Interconnect",
            "Bandwidth [GB/s]",
            "One all-reduce [ms], as published",
            "Layer [ms], as published",
            "Layer [GB], as published",
            "Layer forward [ms], put right",
            "Layer forward and backward [ms], put right",
            "Layer forward [GB], put right",
            "Main model, forward and backward [ms]",
        ),
        rows_of(
            names,
            values(eight, "rules.bandwidth_gb_s"),
            values(eight, "rules.tp_all_reduce_ms"),
            values(eight, "rules.tp_layer_ms"),
            [float(eight["rules.tp_layer_gb"])] * len(names),
            values(eight, "rules.tp_layer_ms_corrected"),
            values(eight, "rules.tp_layer_step_ms_corrected"),
            [float(eight["rules.tp_layer_gb_corrected"])] * len(names),
            values(eight, "tp_layer_comm_time", 1e3),
        ),
        "4 sequences of 2048 tokens, width 8192. The first three rows use the document's bandwidths, the last three "
        "one direction of each link.",
    )


def _zero(data: xr.Dataset) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for stage in range(data.sizes["stage"]):
        one = data.isel(stage=stage)
        stated, right = (one.sel({"rules.bandwidth_gb_s": bandwidth}) for bandwidth in (400, 50))
        moved = float(one["rules.zero_total_gb"])
        rows.append(
            (
                stage,
                COLLECTIVES[int(one["rules.zero_collective"])],
                80 * float(one["rules.zero_layer_gb"]) if stage == 3 else moved,
                float(stated["rules.zero_comm_ms"]),
                float(stated["rules.zero_layer_ms"]),
                float(one["rules.zero_gb_corrected"]),
                float(one["rules.zero_ratio_corrected"]),
                float(right["rules.zero_comm_ms_corrected"]),
                float(one["dp_comm_time"]) * 1e3,
            )
        )
    columns = (
        "ZeRO stage",
        "Operation, as published",
        "Moved [GB], as published",
        "Step at 400 GB/s [ms], as published",
        "Layer at 400 GB/s [ms], as published",
        "Moved [GB], put right",
        "Moved, over stage 1",
        "Step at 50 GB/s [ms], put right",
        "Main model with TP=8 [ms]",
    )
    note = (
        "70B parameters, 64 replicas, gradients in bf16. The main model shares the parameters among eight tensor "
        "parallel GPUs, reduces the gradients in fp32 and gathers the weights in bf16, over 80 % of 50 GB/s."
    )
    return Table("zero-traffic", "Data parallel communication by ZeRO stage", columns, rows, note)

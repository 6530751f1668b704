"""The checklist of document 001: every item, what came of it, and what is wrong in the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from .contract import Item, errata_of
from .hop_typed_readings import ratios
from .hop_typed_rows import FINAL, IDEAL, ONE_WAY, STATED, STEP, column, modes
from .mode_labels import group_size, group_size_as_published

if TYPE_CHECKING:
    import xarray as xr

Wrong = Callable[..., str]


def items(data: Mapping[str, xr.Dataset]) -> Iterator[Item]:
    """Every item with its result from the datasets."""
    final, step = data[FINAL], data[STEP]
    errata = {
        known.number: f"{known.number}: {known.wrong}; right: {known.right}"
        for dataset in data.values()
        for name, variable in dataset.variables.items()
        for known in errata_of(str(name), variable.attrs)
    }

    def wrong(*numbers: str) -> str:
        return " ".join(f"{errata[number]}." for number in numbers if number in errata)

    yield from _inputs(final, wrong)
    yield from _strategies(final, wrong)
    yield from _readings(final, step, wrong)


def _inputs(final: xr.Dataset, wrong: Wrong) -> Iterator[Item]:
    size = {name: float(final[f"hop_typed.{name}"]) for name in ("attn_bytes", "mlp_bytes", "act_bytes")}
    yield Item(
        "S1.1",
        "Link constants and model dimensions",
        "inputs of the namespace `hop_typed` with the document's values as defaults; every one can be an axis",
        wrong("I1.1"),
    )
    yield Item(
        "S1.2",
        "Sizes of a block",
        ", ".join(f"{name} {value:,.0f} B" for name, value in size.items())
        + f"; gated feed-forward {float(final['dense_mlp_weights']) * 2:,.0f} B",
        wrong("I1.7", "I1.8"),
        ("sizes",),
    )
    yield Item("S1.3", "Hops between ranks", "any two ranks, any node size", see=("hops", "routes"))
    yield Item(
        "S1.4",
        "cost_bytes",
        "`hop_typed.message_latency`, `hop_typed.message_energy`",
        wrong("I1.1", "I1.10", "I1.11"),
        ("routes", "per-hop"),
    )


def _strategies(final: xr.Dataset, wrong: Wrong) -> Iterator[Item]:
    published, right = column(final, "latency"), column(final, "latency_corrected", links=IDEAL)
    yield Item(
        "S1.5",
        "ring_dp",
        f"ATTN DP-8 {published[0]:.3f} ms published, {right[0]:.3f} ms put right; DP-16 {published[1]:.3f} and "
        f"{right[1]:.3f} ms",
        wrong("I1.4", "I1.5"),
        ("final-table", "all-reduce-steps", "ring-all-reduce"),
    )
    yield Item(
        "S1.6",
        "tp_cost",
        f"{published[4]:.3f} ms published, {right[4]:.3f} ms for one ring all-reduce over 8 GPUs",
        wrong("I1.6"),
        ("latency",),
    )
    yield Item(
        "S1.7",
        "pp_cost",
        f"PP-NV {published[6]:.3f} and PP-Cross {published[7]:.3f} ms published, {right[6]:.3f} and {right[7]:.3f} ms "
        "put right",
        wrong("I1.10"),
        ("latency",),
    )
    yield Item(
        "S1.8",
        "The final table",
        f"{len(modes(final))} rows, every printed digit; a run gives each row once, whatever was run before",
        wrong("I1.2") + " I1.9: the cells were run out of order; run again, they append the rows once more.",
        ("final-table",),
    )
    yield Item(
        "S1.9",
        "MB and MiB side by side",
        "`hop_typed.per_gpu_volume` in MB and `hop_typed.per_gpu_volume_binary` in MiB",
        see=("final-table",),
    )
    groups = [(group_size_as_published(label), group_size(label)) for label in modes(final)]
    yield Item(
        "S1.10",
        "Group size and aggregate volume",
        "published " + ", ".join(str(found) for found, _ in groups) + "; right " + ", ".join(str(n) for _, n in groups),
        wrong("I1.3", "I1.4"),
        ("group-size", "volume"),
    )


def _readings(final: xr.Dataset, step: xr.Dataset, wrong: Wrong) -> Iterator[Item]:
    yield Item(
        "S1.11",
        "Latency and energy of every message per hop, in us and nJ",
        "announced by the document, which has no code for it; made here",
        wrong("I1.2"),
        ("per-hop",),
    )
    yield Item(
        "S1.12",
        "Charts that compare DP, TP and PP",
        "announced by the document, which has no code for them; made here, published beside put right",
        see=("latency-by-strategy", "energy-by-strategy", "volume-by-strategy"),
    )
    yield Item("S1.13", "Labels with either hyphen", "both U+2011 and the ASCII hyphen are read", see=("group-size",))
    free = {name: float(step[name].isel(overlap=0).max()) for name in ("exposed_tp_comm_time", "pipeline_bubble_time")}
    yield Item(
        "S1.14",
        "Caveats: first-order, no overlap, no asynchronous progress, no bubbles",
        "kept for the published numbers; the main models have overlap and bubbles: a step of LLaMA-3 8B shows up to "
        f"{free['exposed_tp_comm_time']:.1f} s of TP and {free['pipeline_bubble_time']:.2f} s of bubble, unhidden",
        see=("strategies", "training-step", "step-by-layout"),
    )
    yield Item("S1.15", "What each strategy sends", "the document's words beside what is counted", see=("strategies",))
    told = ratios(final)
    yield Item(
        "S1.16",
        "What follows for strategies",
        "; ".join(
            f"{name} {published:.2f} published, {right:.2f} put right" for name, (published, right) in told.items()
        ),
        see=("ratios",),
    )
    stated, one_way = (column(final, "latency_serial", bandwidth=width) for width in (STATED, ONE_WAY))
    yield Item(
        "S1.17",
        "The published rows put right",
        f"ATTN DP-8 {stated[0]:.3f} ms at 900 and {one_way[0]:.3f} ms at 450 GB/s, DP-16 {stated[1]:.3f} and "
        f"{one_way[1]:.3f} ms with hops in turn; volumes of both phases, TP as a ring, energy of the whole group",
        wrong("I1.4", "I1.5", "I1.6", "I1.10"),
        ("latency", "all-reduce-steps", "volume", "energy", "corrections"),
    )

"""What document 001 tells about strategies: ratios between its rows, its words and caveats, and a whole step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .contract import Table
from .hop_typed_rows import IDEAL, column, layers, modes
from .mode_labels import NON_BREAKING

if TYPE_CHECKING:
    import xarray as xr

LAYOUTS = ("DP-8", "DP-16", "TP-8", "TP-8 x DP-2", "PP-8")
STEP_COLUMNS = {
    "DP [s]": "exposed_dp_comm_time",
    "TP [s]": "exposed_tp_comm_time",
    "PP [s]": "exposed_pp_comm_time",
    "Bubble [s]": "pipeline_bubble_time",
    "Step [s]": "step_time",
}


def ratios(data: xr.Dataset) -> dict[str, tuple[float, float]]:
    """Ratios between rows, published and by the main models on ideal links."""
    at = {name: place for place, name in enumerate(f"{a} {b}" for a, b in zip(layers(data), modes(data), strict=True))}

    def ratio(quantity: str, above: str, below: str) -> tuple[float, float]:
        pair = [at[label.replace("-", NON_BREAKING)] for label in (above, below)]
        both = (column(data, quantity), column(data, f"{quantity}_corrected", links=IDEAL))
        return tuple(float(values[pair[0]] / values[pair[1]]) for values in both)  # pyright: ignore[reportReturnType]

    return {
        "Latency, ATTN: DP-16 / DP-8": ratio("latency", "ATTN DP-16", "ATTN DP-8"),
        "Energy, ATTN: DP-16 / DP-8": ratio("energy", "ATTN DP-16", "ATTN DP-8"),
        "Latency: PP-Cross / PP-NV": ratio("latency", "BLOCK PP-Cross", "BLOCK PP-NV"),
        "Energy: PP-Cross / PP-NV": ratio("energy", "BLOCK PP-Cross", "BLOCK PP-NV"),
        "Latency, DP-8: MLP / ATTN": ratio("latency", "MLP DP-8", "ATTN DP-8"),
    }


def ratios_table(data: xr.Dataset) -> Table:
    """What the document's numbers say about strategies, and what is left of it."""
    rows = [(name, published, right) for name, (published, right) in ratios(data).items()]
    return Table(
        "ratios",
        "How the rows compare",
        ("Ratio", "Published", "Main models, ideal links"),
        rows,
        "No ratio falls below 1, but the factors change: most of what a second node costs in the document comes from "
        "one ring through one port, and NVLink at 90 of 450 GB/s makes the step to InfiniBand look small.",
    )


def strategies() -> Table:
    """The document's words on what each strategy sends, its caveats, and what is counted here."""
    rows = (
        ("DP", "All-reduce of full gradients across all GPUs.", "One all-reduce of a layer's gradients."),
        (
            "TP",
            "Reduce-scatter, all-reduce, all-gather of activation slices sharded over GPUs.",
            "One all-reduce of the layer's output in the forward pass, and one of its gradient in the backward pass.",
        ),
        (
            "PP",
            "Point-to-point transfer of activation checkpoints between consecutive stages.",
            "One message of a block's output to the next stage, and one of its gradient back.",
        ),
        ("Caveat", "First-order: message sizes over link constants.", "Main models add what links reach in practice."),
        ("Caveat", "No overlap with compute.", "`dp_overlap`, `tp_overlap`, `pp_overlap` of the main models."),
        ("Caveat", "No asynchronous progress.", "Covered by the same overlaps; no model of the runtime itself."),
        ("Caveat", "No pipeline bubbles.", "`pipeline_bubble_time` of the main models."),
    )
    return Table("strategies", "What each strategy sends, and what is left out", ("What", "Document", "Here"), rows)


def training_step(data: xr.Dataset) -> Table:
    """The communication of a whole training step by layout."""
    rows = []
    for place, name in enumerate(LAYOUTS):
        for overlap, hidden in enumerate(("nothing", "all that can be")):
            here = data.isel(layout=place, overlap=overlap)
            values = [float(here[quantity]) for quantity in STEP_COLUMNS.values()]
            rows.append((name, int(here["world_size"]), hidden, *values, float(here["memory_per_gpu"]) / 1e9))
    return Table(
        "training-step",
        "Communication of a training step of LLaMA-3 8B by the main models",
        ("Layout", "GPUs", "Hidden behind compute", *STEP_COLUMNS, "Memory per GPU [GB]"),
        rows,
        "All 32 layers and all micro-batches of 512 sequences of 2048 tokens, one sequence a micro-batch, on DGX H100 "
        "nodes. DP communicates once a step, TP in every layer of every micro-batch.",
    )

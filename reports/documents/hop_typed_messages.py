"""Tables of document 001's messages: sizes, hops, and what one message costs; and the groups its labels name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .contract import Table
from .hop_typed_rows import BANDWIDTH, ONE_WAY, STATED
from .mode_labels import NON_BREAKING, group_size, group_size_as_published

if TYPE_CHECKING:
    import xarray as xr


def per_hop(data: xr.Dataset) -> Table:
    """The table that the document announces: every message on every link."""
    names = [
        f"{strategy}-{size:.0f} {layer} chunk" if strategy == "DP" else f"{strategy} activation"
        for strategy, size, layer in zip(
            *(data[f"hop_typed.{name}"].values for name in ("strategy", "num_gpus", "layer")), strict=True
        )
    ]
    rows = []
    for place, name in enumerate(names):
        for link in data["hop_typed.link"].values:
            here = data.isel(row=place).sel({"hop_typed.link": link})
            right = here["hop_typed.link_latency_corrected"]
            rows.append(
                (
                    name,
                    float(here["hop_typed.message"]),
                    str(link),
                    float(here["hop_typed.link_latency"]),
                    float(right.sel({BANDWIDTH: STATED})),
                    float(right.sel({BANDWIDTH: ONE_WAY})),
                    float(here["hop_typed.link_energy"]),
                )
            )
    return Table(
        "per-hop",
        "One message on one link",
        (
            "Message",
            "Size [B]",
            "Link",
            "Published latency [us]",
            "NVLink 900 GB/s [us]",
            "NVLink 450 GB/s [us]",
            "Energy [nJ]",
        ),
        rows,
        "The document announces this table in us and nJ and has no code for it.",
    )


def routes(data: xr.Dataset) -> Table:
    """One activation between ranks of one node and of two."""
    rows = []
    for name, receiver in (("to itself", 0), ("in its node", 1), ("to another node", 8)):
        here = data.sel({"hop_typed.sender": 0, "hop_typed.receiver": receiver})
        times = [float(here[f"hop_typed.{which}"]) * 1e6 for which in ("message_latency", "message_latency_serial")]
        hops_taken = [float(here[f"hop_typed.{kind}_hops"]) for kind in ("nv", "ib")]
        rows.append(
            (name, float(here["hop_typed.message"]), *hops_taken, *times, float(here["hop_typed.message_energy"]) * 1e9)
        )
    return Table(
        "routes",
        "One activation from rank 0",
        (
            "Where",
            "Size [B]",
            "NVLink hops",
            "InfiniBand hops",
            "Published latency [us]",
            "NVLink 450 GB/s [us]",
            "Energy [nJ]",
        ),
        rows,
        "Hops in turn, as the document adds them up. Its formula takes any message, one of -1 bytes included.",
    )


def sizes(data: xr.Dataset) -> Table:
    """Elements and bytes of a block."""

    def value(name: str) -> float:
        return float(data[name])

    width = value("hop_typed.attn_bytes") / value("hop_typed.attn_elems")
    rows = [
        (
            "Attention",
            value("hop_typed.attn_elems"),
            value("hop_typed.attn_bytes"),
            value("attention_weights"),
            value("attention_weights") * width,
        ),
        (
            "Feed-forward",
            value("hop_typed.mlp_elems"),
            value("hop_typed.mlp_bytes"),
            value("dense_mlp_weights"),
            value("dense_mlp_weights") * width,
        ),
        ("Activation", value("hop_typed.act_bytes") / width, value("hop_typed.act_bytes"), None, None),
    ]
    return Table(
        "sizes",
        "Sizes of one block of LLaMA-3 8B",
        ("What", "Published elements", "Published [B]", "Main models, elements", "Main models [B]"),
        rows,
        "The document counts two feed-forward matrices; LLaMA-3 has a gate, so three. 2 bytes per element on both "
        "sides; fp32 gradients would double every gradient.",
    )


def hops(data: xr.Dataset) -> Table:
    """Hops between all ranks of two nodes."""
    nv, ib = data["hop_typed.nv_hops"].values, data["hop_typed.ib_hops"].values
    ranks = range(nv.shape[1])
    rows = [(str(i), *(f"{nv[i, j]:.0f}+{ib[i, j]:.0f}" for j in ranks)) for i in range(nv.shape[0])]
    return Table(
        "hops",
        "NVLink + InfiniBand hops between two ranks",
        ("From / to", *(str(j) for j in ranks)),
        rows,
        "The first eight rows and columns are the document's matrix of one node.",
    )


def group_sizes() -> Table:
    """The document's rule for the size of a group, on its own labels and on ASCII ones."""
    names = ("DP-8", "DP-16", "TP-8", "PP-NV", "PP-Cross", "DP-64", "TP-4", "DP-80")
    labels = [label for name in names for label in (name.replace("-", NON_BREAKING), name)]
    rows = [
        (
            label,
            "U+2011" if NON_BREAKING in label else "ASCII",
            group_size_as_published(label),
            group_size(label),
        )
        for label in labels
    ]
    return Table(
        "group-size",
        "Group size from the mode label",
        ("Label", "Hyphen", "As published", "Right"),
        rows,
        "The document's labels have U+2011, its rule looks for the ASCII hyphen. Both are read here.",
    )

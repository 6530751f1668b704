"""What the hop-typed model reads: the document's constants, with its own values where it has them.

One link is NVLink 4 inside a node, the other NDR InfiniBand between nodes. A message costs its startup time, its
bytes times the time per byte, and its bits times the energy per bit, on every hop of its way.
"""

from __future__ import annotations

from typing import Annotated

from ....specs.vocabulary import Group, Kind, Leaf
from ...annotations import Array, Unit

NAMESPACE = "hop_typed"

SecondsPerByte = Annotated[Array, Unit("s/B")]
JoulesPerBit = Annotated[Array, Unit("J/b")]
Joules = Annotated[Array, Unit("J")]
Megabytes = Annotated[Array, Unit("MB")]
Mebibytes = Annotated[Array, Unit("MiB")]
Milliseconds = Annotated[Array, Unit("ms")]
Microseconds = Annotated[Array, Unit("us")]
Millijoules = Annotated[Array, Unit("mJ")]
Nanojoules = Annotated[Array, Unit("nJ")]

ATTN, MLP = 0, 1
DP, TP, PP = 0, 1, 2
NVLINK, NDR = 0, 1

_PRINTED = "the document's value"
_NODE = "the document's node, a DGX H100"


def _size(name: str, label: str, default: float, note: str = "") -> Leaf:
    return Leaf(name, "1", Kind.COUNT, label, Group.TRAINING, low=1, default=default, reason=_PRINTED, note=note)


def _rank(name: str, label: str, default: float) -> Leaf:
    reason = "ranks 0 and 1 are neighbours in one node"
    return Leaf(name, "1", Kind.COUNT, label, Group.TRAINING, default=default, reason=reason)


def _constant(name: str, unit: str, label: str, default: float, note: str = "") -> Leaf:
    return Leaf(name, unit, Kind.CONTINUOUS, label, Group.TRAINING, default=default, reason=_PRINTED, note=note)


def _choice(name: str, label: str, options: tuple[str, ...], reason: str, note: str = "") -> Leaf:
    return Leaf(
        name,
        "1",
        Kind.CHOICE,
        label,
        Group.TRAINING,
        default=options[0],
        reason=reason,
        options=options,
        note=note,
    )


LEAVES = (
    _size("d_model", "Hidden size", 4096),
    _size("d_ff", "Width of the feed-forward", 14336),
    _size("seq_len", "Tokens of the sequence", 2048),
    _size(
        "kv_dim", "Width of keys, and of values", 1024, "8 heads of 128; the document calls it multi-query attention"
    ),
    _constant("bytes_per_element", "B", "Bytes per element", 2.0, "the document's FP16 or BF16, for gradients too"),
    _constant("alpha_nv", "s", "Startup time of an NVLink hop", 0.2e-6),
    _constant(
        "beta_nv", "s/B", "Time per byte of an NVLink hop", 1 / 90e9, "the code's 1/90e9; its table says 900 GB/s"
    ),
    _constant("epb_nv", "J/b", "Energy per bit of an NVLink hop", 5e-12),
    _constant("alpha_ib", "s", "Startup time of an InfiniBand hop", 2e-6),
    _constant("beta_ib", "s/B", "Time per byte of an InfiniBand hop", 1 / 50e9),
    _constant("epb_ib", "J/b", "Energy per bit of an InfiniBand hop", 25e-12),
    Leaf(
        "nvlink_bandwidth",
        "B/s",
        Kind.CONTINUOUS,
        "NVLink bandwidth per GPU in the put-right serial hops",
        Group.TRAINING,
        above=True,
        default=450e9,
        reason="one direction of NVLink 4; the 900 GB/s of the document's table count both",
    ),
    Leaf("gpus_per_node", "1", Kind.COUNT, "GPUs per node", Group.TRAINING, low=1, default=8, reason=_NODE),
    Leaf("num_gpus", "1", Kind.COUNT, "GPUs of the group", Group.TRAINING, low=1, default=8, reason=_NODE),
    _rank("sender", "Rank that sends", 0),
    _rank("receiver", "Rank that receives", 1),
    Leaf(
        "group_size",
        "1",
        Kind.COUNT,
        "GPUs that the aggregate volume counts",
        Group.TRAINING,
        default=2,
        reason="what the document's rule says of each of its labels, whose hyphen it does not match",
    ),
    _choice("layer", "Layer whose gradients are reduced", ("ATTN", "MLP"), "the first layer of the document's table"),
    _choice("link", "Kind of link", ("NVLink4", "NDR400"), "the first link of the document's table"),
    _choice(
        "strategy",
        "Parallelism strategy",
        ("DP", "TP", "PP"),
        "the first strategy of the document's table",
        "DP: all-reduce of a layer's gradients. TP: reduce-scatter, all-reduce, all-gather of activation slices. "
        "PP: point-to-point transfer of an activation checkpoint to the next stage.",
    ),
)

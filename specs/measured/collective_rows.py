"""Measured collectives: rows of tables in the style of nccl-tests as cases."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from ..catalog import Catalogs
from ..records import Record
from .cells import Part, Refused, Row, count, number, required, text
from .machines import hardware_record
from .rows import MeasuredRow, Target

_KINDS = {
    "all_reduce": "all_reduce",
    "all_gather": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "all_to_all": "all_to_all",
    "alltoall": "all_to_all",
    "send_recv": "send_receive",
    "sendrecv": "send_receive",
}
_PAIRS = "nvlink-3-bridge-pair"
_NETWORKS = (
    ("intra_link", "pairwise nvlink", _PAIRS),
    ("inter_link", "efa v3", "aws-p5en-efa"),
)
"""A column, what it contains, and the network record that is meant, where it is not that of the accelerator."""
_UNI = re.compile(r"(?<![\d.])([\d.]+) ?GB/s uni", re.IGNORECASE)
_PER_GPU = re.compile(r"(?<![\d.])([\d.]+) ?GB/s per GPU", re.IGNORECASE)
_PER_NODE = re.compile(r"(?<![\d.])([\d.]+) ?Gb/s per node")
_SWITCH_OVER = re.compile(r"nvls *>= *([\d.]+) *([km]i?b)", re.IGNORECASE)
_BYTES = {"kb": 1e3, "kib": 2.0**10, "mb": 1e6, "mib": 2.0**20}
_CUBE_MESH = "dgx-1-v100"
_CUBE_MESH_LINKS = {2: 1, 3: 2, 4: 4, 8: 6}
"""NVLinks of a GPU that a ring over the first GPUs of a DGX-1 uses, by GPUs: the first two share one link, and the
double links join other pairs (NVIDIA DGX-1 With Tesla V100 System Architecture, fig. 4)."""
_LINK = 25e9
_GIGA, _MICRO, _BITS_PER_BYTE = 1e9, 1e-6, 8


def collective_rows(file: str, rows: Iterable[Row], catalogs: Catalogs) -> tuple[MeasuredRow, ...]:
    """The rows of `file` with the columns of nccl-tests tables: `collective`, `gpu`, `n_gpus`, `size_bytes`, `time_us`.

    `algbw_gbs` stands for the time where that is not stated. `algo`, `intra_link` and `inter_link` tell the algorithm
    and the links.
    """
    return tuple(_measured(file, row, catalogs) for row in rows)


def _measured(file: str, row: Row, catalogs: Catalogs) -> MeasuredRow:
    family = text(row, "source_family") or file.removesuffix(".csv")
    part, refused, time = Part(), "", math.nan
    try:
        time = _time(row)
        part = _collective(row) | _network(row, catalogs) | _algorithm(row)
    except Refused as refusal:
        refused = str(refusal)
    targets = (Target("collective_time", time, "s"),)
    return MeasuredRow(
        file, text(row, "id"), family, text(row, "confidence"), targets, part.inputs, refused, part.assumed
    )


def _time(row: Row) -> float:
    time, rate, size = number(row, "time_us"), number(row, "algbw_gbs"), number(row, "size_bytes")
    if time is not None:
        return time * _MICRO
    if not rate or size is None:
        raise Refused("neither `time_us` nor `algbw_gbs` is stated")
    return size / (rate * _GIGA)


def _collective(row: Row) -> Part:
    told = text(row, "collective").lower()
    if told not in _KINDS:
        raise Refused(f"`collective` is {told!r}; one of {', '.join(_KINDS)} was expected")
    size = number(row, "size_bytes")
    if size is None:
        raise Refused("`size_bytes` is not stated")
    return Part({"collective": _KINDS[told], "collective_message": size, "collective_group": required(row, "n_gpus")})


def _network(row: Row, catalogs: Catalogs) -> Part:
    """The accelerator's own network unless the row's links are those of another; between nodes the row states them."""
    record = hardware_record(row, catalogs)
    named = (name for column, part, name in _NETWORKS if part in text(row, column).lower())
    name = next(named, record.network)
    if name is None:
        raise Refused(f"hardware {record.name} names no network")
    network = catalogs.get("network", name)
    inside = _UNI.search(text(row, "intra_link"))
    part = Part({"network": network.name})
    if inside:
        part |= Part({"scale_up_bandwidth": float(inside[1]) * _GIGA})
    if network.name == _CUBE_MESH:
        part |= _cube_mesh(row)
    if network.name == _PAIRS and required(row, "n_gpus") > 2:
        words = "one slot's bandwidth for both GPUs of a pair: pairs meet on one path between the sockets"
        part |= Part({"scale_out_oversubscription": 2.0}, (words,))
    return part | _nodes(row, network)


def _cube_mesh(row: Row) -> Part:
    """The links of a DGX-1 that a ring over some of its GPUs can use."""
    gpus = required(row, "n_gpus")
    links = _CUBE_MESH_LINKS.get(gpus)
    if links is None:
        raise Refused(f"a ring over {gpus} of the 8 GPUs of a DGX-1 uses a number of links that is not known")
    words = f"{links} of the 6 NVLinks of a GPU: those that join {gpus} GPUs in rings"
    return Part({"scale_up_bandwidth": links * _LINK}, (words,))


def _nodes(row: Row, network: Record) -> Part:
    """How many ranks share a node, and the bandwidth between nodes."""
    gpus, nodes = required(row, "n_gpus"), count(row, "n_nodes") or 1
    if nodes == 1:
        return Part()
    if gpus % nodes:
        raise Refused(f"{gpus} GPUs do not fill {nodes} nodes evenly")
    inputs: dict[str, object] = {"scale_up_size": gpus // nodes}
    between = text(row, "inter_link")
    per_gpu, per_node = _PER_GPU.search(between), _PER_NODE.search(between)
    if per_gpu:
        inputs["scale_out_bandwidth"] = float(per_gpu[1]) * _GIGA
    elif per_node:
        inputs["scale_out_bandwidth"] = float(per_node[1]) * _GIGA / _BITS_PER_BYTE / (count(row, "gpus_per_node") or 1)
    elif not between or "unstated" in between.lower():
        raise Refused("`inter_link` does not state what joins the nodes")
    else:
        return Part(inputs, (f"the bandwidth between nodes of {network.name}",))
    return Part(inputs)


def _algorithm(row: Row) -> Part:
    """The algorithm of an all-reduce, and whether switches add up; the library's choice where it is not stated."""
    told, size = text(row, "algo").lower(), number(row, "size_bytes") or 0.0
    over = _SWITCH_OVER.search(told)
    if over:
        return Part({"scale_up_reduces": size >= float(over[1]) * _BYTES[over[2].lower()], **_best()})
    if "nvls off" in told:
        return Part({"scale_up_reduces": False, "all_reduce_algorithm": "ring"})
    if "nvls" in told:
        return Part({"scale_up_reduces": True, **_best()})
    if told in ("ring", "tree"):
        return Part({"scale_up_reduces": False, "all_reduce_algorithm": told})
    if told in ("", "auto"):
        return Part(_best())
    raise Refused(f"`algo` is {told!r}; ring, tree, nvls or auto was expected")


def _best() -> dict[str, object]:
    return {"all_reduce_algorithm": "best"}

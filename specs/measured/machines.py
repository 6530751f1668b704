"""The machine of a measured row: accelerator, network and precision."""

from __future__ import annotations

import re

from ..catalog import Catalogs
from ..records import CatalogError, Record
from .cells import Part, Refused, Row, count, number, text

_ASIDE = re.compile(r"\(.*?\)")
_POWER_CAP = re.compile(r"(?<!\d)(\d+) ?W cap", re.IGNORECASE)
_BITS_PER_BYTE = 8
_NETWORK_LATENCY = 2.7e-6
"""One step on a network by the tuning constants of NCCL, as in the network records that cite them."""
PRECISIONS = (
    ("nvfp4", "nvfp4-mixed"),
    ("fp4", "nvfp4-mixed"),
    ("fp8", "fp8-mixed"),
    ("bf16", "bf16-mixed"),
    ("fp16", "fp16-mixed"),
    ("tf32", "tf32"),
    ("fp32", "fp32"),
)
"""What a training precision contains, narrowest first, and the record it stands for."""


def hardware_record(row: Row, catalogs: Catalogs) -> Record:
    """The accelerator's record; a remark in parentheses behind its name does not count. Raises Refused."""
    name = text(row, "gpu")
    if not name:
        raise Refused("`gpu` is not stated")
    plain = _ASIDE.sub("", name).strip()
    try:
        return catalogs.get("hardware", plain or name)
    except CatalogError as error:
        raise Refused(f"`gpu`: {error}") from None


def machine(row: Row, catalogs: Catalogs) -> Part:
    """Accelerator and network: the accelerator's own one, with the sizes and bandwidths that the row states."""
    record = hardware_record(row, catalogs)
    inputs: dict[str, object] = {"hardware": record.name}
    assumed = []
    aside = _ASIDE.search(text(row, "gpu"))
    cap = _POWER_CAP.search(aside[0]) if aside else None
    if cap:
        inputs["tdp"] = float(cap[1])
    elif aside:
        assumed.append(f"{record.name} at its full power, not {aside[0]}")
    gpus, domain = count(row, "n_gpus"), count(row, "gpus_per_node")
    if domain is not None:
        inputs["scale_up_size"] = used_domain(gpus or domain, domain)
    rate = number(row, "internode_gbps_per_gpu")
    if rate:
        inputs["scale_out_bandwidth"] = rate * 1e9 / _BITS_PER_BYTE
    network = _network(record, catalogs)
    if record.network is None:
        raise Refused(f"hardware {record.name} names no network")
    if network is not None and "scale_out_latency" not in network.fields:
        inputs["scale_out_latency"] = _NETWORK_LATENCY
        assumed.append(f"scale_out_latency = 2.7 us, that of GPU networks: {network.name} states none")
    return Part(inputs, tuple(assumed))


def used_domain(gpus: int, domain: int) -> int:
    """GPUs of one fast domain that a run occupies.

    A run of several domains occupies the same number in each, so that ranks fill them evenly: 256 GPUs on domains of
    72 are 64 in each of four.
    """
    if gpus <= domain or gpus % domain == 0:
        return domain
    return max(size for size in range(1, domain + 1) if gpus % size == 0)


def _network(record: Record, catalogs: Catalogs) -> Record | None:
    return catalogs.get("network", record.network) if record.network else None


def precision(row: Row, hardware: Record, habit: str) -> Part:
    """The precision record of a training row; `habit` is what its stack trains in."""
    told = text(row, "precision").lower()
    if not told:
        return Part({"precision": habit}, (f"precision {habit}, which is not stated",))
    if "int8" in told and _peak(hardware, "int8") > _peak(hardware, "fp8"):
        return Part({"precision": "fp8-mixed", "matmul_format": "int8"})
    for part, record in PRECISIONS:
        if part in told:
            return Part({"precision": record})
    raise Refused(f"`precision` is {text(row, 'precision')!r}; one of bf16, fp16, fp8, nvfp4, tf32, fp32 was expected")


def _peak(hardware: Record, form: str) -> float:
    field = hardware.fields.get(f"peak_flops_{form}")
    return field.value if field is not None else 0.0

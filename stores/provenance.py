"""Provenance: what a store says of its own origin, and how two origins differ.

Everything sits in the attributes of the root. All that may differ between two equal runs (when, where, which run) sits
in one of them, `rooflax_run`, so that two stores of one sweep are otherwise equal byte for byte.
"""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..specs.blocks import StoreLayout
from .checksums import checksum
from .location import FORMAT, FORMAT_VERSION

DIGEST = "rooflax_digest"
FINISHED = "rooflax_finished"
RUN = "rooflax_run"
# The checksum of every document below the root.
DOCUMENTS = "rooflax_documents"
# Read by xarray: the names of the coordinates that are not dims.
COORDINATES = "coordinates"
VARIABLES = "variables"

# A copy of the provenance, and its checksum.
COPY, COPY_CHECKSUM = "provenance", "provenance_checksum"

_OWN = (FORMAT, DIGEST, FINISHED, COORDINATES, VARIABLES, DOCUMENTS)
_PARTS = {
    "spec_digest": "the spec",
    "registry_digest": "the cost models",
    "version": "the version of rooflax",
    "layout_digest": "how it is cut into blocks",
}
_SHOWN = 12


def attributes_of(layout: StoreLayout) -> dict[str, Any]:
    """The root attributes of a new store.

    Raises ValueError where the provenance is no JSON or uses a name that the store needs.
    """
    own = {
        FORMAT: FORMAT_VERSION,
        DIGEST: layout.digest,
        FINISHED: False,
        DOCUMENTS: {},
        COORDINATES: " ".join(coord.name for coord in layout.coords if coord.dims != (coord.name,)),
        VARIABLES: [array.path for array in layout.arrays],
    }
    taken = sorted(own.keys() & layout.attrs.keys())
    if taken:
        raise ValueError(f"the provenance uses {', '.join(taken)}, which the store writes itself")
    attributes = {**layout.attrs, **own, RUN: layout.attrs.get(RUN) or run_record()}
    json.dumps(attributes, allow_nan=False)
    return {name: attributes[name] for name in sorted(attributes)}


def copy_of(layout: StoreLayout) -> dict[str, str]:
    """The provenance in one text with its checksum: what the root can be made anew from."""
    kept = {name: value for name, value in layout.attrs.items() if name != RUN}
    text = json.dumps(dict(sorted({**kept, FORMAT: FORMAT_VERSION, DIGEST: layout.digest}.items())))
    return {COPY: text, COPY_CHECKSUM: checksum(text.encode())}


def copied(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """The attributes that a copy holds; None where it is not as it was written."""
    text = attributes.get(COPY)
    if not isinstance(text, str) or attributes.get(COPY_CHECKSUM) != checksum(text.encode()):
        return None
    return json.loads(text)


def provenance_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The root attributes that came from a layout: all but those that the store writes itself."""
    return {name: value for name, value in attributes.items() if name not in _OWN}


def run_record() -> dict[str, str]:
    """When, where and as which run a store was started."""
    return {"run": uuid.uuid4().hex, "host": socket.gethostname(), "started": now()}


def run_of(attributes: Mapping[str, Any]) -> str:
    """The identity of the run that began a store."""
    record = attributes.get(RUN)
    return str(record.get("run", "")) if isinstance(record, Mapping) else ""


def now() -> str:
    """The present time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def difference(stored: Mapping[str, Any], layout: StoreLayout) -> str:
    """How the origin of a store differs from that of `layout`, as a clause; empty where it is the same."""
    if stored.get(DIGEST) == layout.digest:
        return ""
    parts = [
        f"{title} ({_shown(stored[name])} there, {_shown(layout.attrs[name])} here)"
        for name, title in _PARTS.items()
        if name in stored and name in layout.attrs and stored[name] != layout.attrs[name]
    ]
    parts = parts or [f"its digest ({_shown(stored.get(DIGEST))} there, {_shown(layout.digest)} here)"]
    return " and ".join(parts) + (" differs" if len(parts) == 1 else " differ")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"

"""Rows of document 001's datasets by the names the document gives them, and its quantities along them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .mode_labels import mode_label

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

FINAL = "documents/001-final-table"
PER_HOP = "documents/001-per-hop"
HOPS = "documents/001-hops"
RING = "documents/001-ring"
STEP = "documents/001-training-step"

BANDWIDTH = "hop_typed.nvlink_bandwidth"
STATED, ONE_WAY = 900e9, 450e9
IDEAL, RECORD = 0, 1
"""Positions on `links`: the document's startup times on full links, and those of the network's record."""


def layers(data: xr.Dataset) -> list[str]:
    """The document's first column: a pipeline message belongs to no layer but to the block."""
    pairs = zip(_texts(data, "layer"), _texts(data, "strategy"), strict=True)
    return ["BLOCK" if strategy == "PP" else layer for layer, strategy in pairs]


def modes(data: xr.Dataset) -> list[str]:
    """The document's second column, with its own hyphen."""
    crossing = data["hop_typed.ib_hops"].values > 0
    return [
        mode_label(strategy, int(size), crosses_nodes=bool(crosses))
        for strategy, size, crosses in zip(
            _texts(data, "strategy"), data["hop_typed.num_gpus"].values, crossing, strict=True
        )
    ]


def column(data: xr.Dataset, quantity: str, **selection: Any) -> np.ndarray:
    """A quantity along the rows; `bandwidth` selects by label and `links` by position, where it varies with them."""
    found = data[f"hop_typed.{quantity}"]
    if "bandwidth" in selection:
        found = found.sel({BANDWIDTH: selection["bandwidth"]})
    if "links" in found.dims:
        found = found.isel(links=selection.get("links", IDEAL))
    return found.values


def _texts(data: xr.Dataset, name: str) -> list[str]:
    return [str(label) for label in data[f"hop_typed.{name}"].values]

"""The store of a sweep before anything is computed: arrays, coordinates, provenance, and the digest of its origin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from ..specs.blocks import SIGNIFICANT_BITS, ArrayLayout, Regions, StoreLayout, chunking
from ..specs.loaded import LoadedSpec
from ..specs.records import Record
from .eager import is_for_numpy
from .engine import blocks_of
from .label import attributes, coordinates
from .leaves import is_code
from .sweep import Sweep
from .versions import device, library_versions

if TYPE_CHECKING:
    from .gradients.stored_gradients import StoredGradient

FORMAT = 3
"""Changes when equal specs and models would be stored differently, other than in how arrays are cut."""


def store_layout(
    sweep: Sweep, loaded: LoadedSpec, gradients: Sequence[StoredGradient] = (), overrides: Sequence[str] = ()
) -> StoreLayout:
    """The layout of the store of a spec's sweep and the gradients it asks for.

    `overrides` are those the spec was loaded with.
    """
    dtype, regions = loaded.spec.store.dtype, blocks_of(sweep)
    arrays = tuple(_array(sweep, name, dtype, regions) for name in sweep.variables)
    arrays += tuple(gradient.layout(sweep, regions.lengths, dtype) for gradient in gradients)
    arrays = tuple(_rounded(array, loaded.spec.store.mantissa_bits) for array in arrays)
    cuts = [list(regions.grid.items()), [(array.path, array.dtype, array.shards, array.chunks) for array in arrays]]
    provenance = {**_provenance(sweep, loaded, overrides), "layout_digest": _digest([FORMAT, *cuts])}
    digest = _digest([provenance[part] for part in ("spec_digest", "registry_digest", "version", "layout_digest")])
    return StoreLayout(arrays, coordinates(sweep), len(regions), provenance, digest, regions.grid)


def _array(sweep: Sweep, name: str, dtype: str, regions: Regions) -> ArrayLayout:
    dims = sweep.dims[name]
    kept = "int8" if is_code(sweep, name) else dtype
    shards, chunks = chunking(dims, sweep.sizes, regions.lengths, np.dtype(kept).itemsize)
    return ArrayLayout(name, dims, sweep.shape(name), kept, shards, chunks, attributes(sweep, name))


def _rounded(array: ArrayLayout, bits: int | None) -> ArrayLayout:
    """An array of numbers that are rounded when they are written."""
    if bits is None or np.dtype(array.dtype).kind != "f":
        return array
    return replace(array, attrs={**array.attrs, SIGNIFICANT_BITS: bits})


def _provenance(sweep: Sweep, loaded: LoadedSpec, overrides: Sequence[str]) -> dict[str, Any]:
    read = {quantity.declared.source for quantity in sweep.graph.order}
    return {
        "title": loaded.spec.title,
        "spec": loaded.text,
        "overrides": list(overrides),
        "spec_digest": _digest(loaded.canonical()),
        "registry_digest": sweep.registry.digest,
        "version": version("rooflax"),
        "versions": library_versions(),
        "device": "cpu: NumPy" if is_for_numpy(sweep) else device(),
        "inputs": {name: value.origin for name, value in sorted(sweep.values.items())},
        "records": [_record(record) for record in sweep.inputs.records],
        "notices": list(loaded.notices),
        "sources": sorted(source for source in read if not source.startswith("definition:")),
    }


def _record(record: Record) -> Mapping[str, Any]:
    fields = {
        name: {"value": field.text, "source": field.source, **({"note": field.note} if field.note else {})}
        for name, field in record.fields.items()
    }
    return {
        "catalog": str(record.catalog),
        "name": record.name,
        "title": record.title,
        "confidence": record.confidence,
        "fields": fields,
        "sources": {key: source.title for key, source in record.sources.items()},
    }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rooflax.specs import blocks
from rooflax.specs.blocks import ArrayLayout, Coordinate, Region, StoreLayout
from rooflax.stores import Store


@dataclass(frozen=True)
class Sweep:
    """A small sweep with known values: its layout, its blocks, and what each block holds."""

    layout: StoreLayout
    regions: blocks.Regions

    def expected(self, name: str) -> np.ndarray:
        array = next(array for array in self.layout.arrays if array.path == name)
        if array.dtype == "int8":
            return np.full(array.shape, 127, dtype="int8")
        values = np.sqrt(np.arange(math.prod(array.shape), dtype="float64") + len(name)).reshape(array.shape)
        if values.ndim:
            values[..., -1] = np.nan
        return values.astype(array.dtype)

    def block(self, region: Region) -> dict[str, np.ndarray]:
        return {
            array.path: self.expected(array.path)[region.selection(array.dims)]
            for array in self.layout.arrays
            if blocks.writes(region, array.dims)
        }

    def fill(self, store: Store, order: Sequence[int] | None = None) -> None:
        for index in range(len(self.regions)) if order is None else order:
            store.write(self.regions[index], self.block(self.regions[index]))
            store.mark(self.regions[index])


@pytest.fixture(scope="session")
def make_sweep() -> Callable[..., Sweep]:
    def make(*, target: int = 60, chunk_bytes: int = 64, digest: str = "d1", **attrs: object) -> Sweep:
        sizes = {"model": 2, "tp": 5, "bandwidth": 23}
        lengths = blocks.block_grid(sizes, target)
        regions = blocks.regions(sizes, lengths)

        def array(name: str, dims: str, dtype: str, group: str = "", **labels: str) -> ArrayLayout:
            own = tuple(dims.split())
            shards, chunks = blocks.chunking(own, sizes, lengths, np.dtype(dtype).itemsize, chunk_bytes)
            return ArrayLayout(name, own, tuple(sizes[dim] for dim in own), dtype, shards, chunks, labels, group)

        arrays = (
            array("step_time", "model tp bandwidth", "float32", units="s", long_name="Time of one step"),
            array("memory", "model tp", "float64", units="B"),
            array("rules.share", "bandwidth", "float64"),
            array("total", "", "float32"),
            array("status", "model tp bandwidth", "int8", flag_meanings="feasible too_large"),
            array("step_time", "tp bandwidth", "float32", group="gradients"),
        )
        coords = (
            Coordinate("model", ("model",), np.array(["llama-2-70b", "größer-1t"]), {"long_name": "Model"}),
            Coordinate("tp", ("tp",), np.array([1.0, 2.0, 4.0, 8.0, 16.0])),
            Coordinate("pp", ("tp",), np.array([16.0, 8.0, 4.0, 2.0, 1.0])),
            Coordinate("bandwidth", ("bandwidth",), np.linspace(25e9, 400e9, 23), {"units": "B/s"}),
            Coordinate("precision", (), np.array("bf16")),
        )
        provenance = {"spec": "axes: {}", "spec_digest": "s1", "registry_digest": "r1", "version": "0.1.0", **attrs}
        return Sweep(StoreLayout(arrays, coords, len(regions), provenance, digest, regions.grid), regions)

    return make


@pytest.fixture(scope="session")
def sweep(make_sweep: Callable[..., Sweep]) -> Sweep:
    return make_sweep()


@pytest.fixture(scope="session")
def store_bytes() -> Callable[[Path], dict[str, bytes]]:
    """Every file of a store by its name, without the one attribute that tells runs apart."""

    def read(path: Path) -> dict[str, bytes]:
        files = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
        root = json.loads(files["zarr.json"])
        assert set(root["attributes"].pop("rooflax_run")) <= {"run", "host", "started", "finished", "root_checksum"}
        return {**files, "zarr.json": json.dumps(root).encode()}

    return read

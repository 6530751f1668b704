"""Writing: the values of a block, the mark that it is done, small results, and the mark that all is done."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import zarr
import zarr.abc.store
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import WrapperStore

from ..specs.blocks import SIGNIFICANT_BITS, ArrayLayout, Coordinate, Region, chunking, writes
from ..specs.places import Place
from .layout import BLOCKS, DONE, WRITE_ALL, consolidate, create_array, create_coordinate, dims_of
from .location import Location, located
from .locks import Lock
from .problems import DamagedError, StoreError, remedy
from .provenance import COORDINATES, DIGEST, FINISHED, RUN, VARIABLES, now, run_of
from .rounding import rounded
from .sealed import sealed

if TYPE_CHECKING:
    import xarray as xr

_MARKS = f"{BLOCKS}/{DONE}"


class Store:
    """A store open for writing.

    A block is written from scratch unless it is marked as done, and its mark is written last; a shard is put in place
    at once, by a rename or as one object. So a process may be killed at any moment: a block without its mark may have
    some of its shards or none, which is harmless, because it will be written again, to the same bytes. Only what the
    operating system has accepted and not yet put on disk can be lost, and only if the machine itself stops. Threads may
    share a Store; other processes that take part in a run open the place without a lock of their own.
    """

    def __init__(self, place: Place | Location, lock: Lock | None = None) -> None:
        """`place` holds a rooflax store; `open_store` checks that. The lock is let go by `close`, or with the Store."""
        self.place = located(place)
        self._store = sealed(self.place.zarr_store())
        root = zarr.open_group(_Unread(self._store), mode="r+")
        self.run = run_of(root.attrs)
        arrays = dict(_arrays(root))
        stated: Any = root.attrs.get(VARIABLES, [])
        lost = [name for name in (_MARKS, *map(str, stated)) if name not in arrays]
        if lost:
            raise DamagedError(f"{self.place} is damaged: it has no array {', '.join(lost)}; {remedy(self.place)}")
        self._marks = arrays.pop(_MARKS)
        self._arrays = arrays
        self._results = list(map(str, stated))
        self._lock = lock
        self._released = weakref.finalize(self, lock.release) if lock is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except StoreError:
            # What stopped the run is told, not what follows from it.
            if error is None:
                raise

    @property
    def is_locked(self) -> bool:
        """Whether the right to write here is this Store's own."""
        return self._released is not None and self._released.alive

    def close(self) -> None:
        """Lets the lock go, after which nothing more is to be written; a second call does nothing."""
        if self._released is None or not self._released.alive:
            return
        try:
            self._publish("end of a run", now=True)
        finally:
            self._released()

    def done(self) -> np.ndarray:
        """Which blocks are marked: bool, shape (number of blocks,)."""
        found = np.zeros(self._marks.shape, dtype=bool)
        with self.place.errors("read"):
            names = [key.rpartition("/")[2] for key, _ in self.place.keys(_MARKS)]
        found[[int(name) for name in names if name.isdecimal()]] = True
        return found

    def holds(self, regions: Sequence[Region]) -> np.ndarray:
        """For each of some blocks, whether every shard that it writes is there; marks alone do not tell."""
        found = np.ones(len(regions), dtype=bool)
        for name in self._results:
            array = self._arrays[name]
            with self.place.errors("read"):
                there = {key for key, size in self.place.keys(name) if size}
            for position, region in enumerate(regions):
                if writes(region, dims_of(array)) and f"{name}/{_key(array, region)}" not in there:
                    found[position] = False
        return found

    def has_group(self, group: str) -> bool:
        """Whether the store has a group of results with all the arrays it states."""
        found = {name for name in self._arrays if name.startswith(f"{group}/")}
        if not found:
            return False
        with self.place.errors("read"):
            inside = zarr.open_group(self._store, path=group, mode="r", use_consolidated=False)
            stated: Any = inside.attrs.get(VARIABLES, [])
            return all(self._is_filled(f"{group}/{name}", found) for name in map(str, stated))

    def _is_filled(self, name: str, found: set[str]) -> bool:
        if name not in found:
            return False
        return self._arrays[name].size == 0 or any(key.startswith(f"{name}/c") for key, _ in self.place.keys(name))

    def write(self, region: Region, arrays: Mapping[str, np.ndarray]) -> None:
        """The values of one block: each array by its path in the store, in the shape of the block along its dims.

        Exactly the results of the layout that this block writes (see `blocks.writes`) must be there. Raises ValueError
        where that does not hold, StoreError where the disk refuses.
        """
        self._check_names(region, arrays)
        self.rewrite(region, arrays)

    def rewrite(self, region: Region, arrays: Mapping[str, np.ndarray]) -> None:
        """The values of some arrays of one block, in place of what is there; the others stay.

        The same errors as of `write`.
        """
        for name, values in arrays.items():
            target = self._arrays[name]
            selection = region.selection(dims_of(target))
            _check_shard(name, target, selection, values)
            bits: Any = target.attrs.get(SIGNIFICANT_BITS)
            with self._writing(f"write block {region.index} of"):
                target[selection] = values if bits is None else rounded(values, bits)

    def mark(self, region: Region) -> None:
        """Marks a block as done; to be called once all its values are written."""
        with self._writing(f"mark block {region.index} of"):
            self._marks[region.index] = 1
        self._publish(f"block {region.index}")

    def write_group(self, group: str, dataset: xr.Dataset, *, fresh: bool = False) -> None:
        """A small result in one piece: variables, coordinates and attributes of `dataset`, in a group such as `best`.

        Arrays of the same names that the group has already are replaced, and all others too where it is to be `fresh`.
        """
        if group in {"", BLOCKS} or "/" in group:
            raise ValueError(f"{group!r} cannot be a group of results")
        labels = [str(name) for name, coord in dataset.coords.items() if coord.dims != (name,)]
        with self._writing(f"write {group} of"):
            root = zarr.open_group(self._store, mode="r+", use_consolidated=False)
            target = root.create_group(group, overwrite=True) if fresh else root.require_group(group)
            order = {COORDINATES: " ".join(sorted(labels)), VARIABLES: [str(name) for name in dataset.data_vars]}
            target.update_attributes({**dataset.attrs, **order})
            for name, coord in dataset.coords.items():
                labelled = Coordinate(str(name), tuple(map(str, coord.dims)), coord.to_numpy(), coord.attrs)
                create_coordinate(target, labelled, overwrite=True)
            for name, variable in dataset.data_vars.items():
                if variable.dtype.kind in "UTO":
                    text = Coordinate(str(name), tuple(map(str, variable.dims)), variable.to_numpy(), variable.attrs)
                    create_coordinate(target, text, overwrite=True)
                else:
                    create_array(target, _whole(str(name), variable), overwrite=True)[...] = variable.to_numpy()
            consolidate(self._store)
        self._publish(group)

    def finish(self) -> None:
        """Marks the store as finished; a second call changes nothing. Raises ValueError while blocks are not done."""
        pending = int((~self.done()).sum())
        if pending:
            raise ValueError(f"{pending} of {self._marks.shape[0]} blocks are not done")
        root = zarr.open_group(self._store, mode="r+")
        if not root.attrs.get(FINISHED):
            attrs: Any = root.attrs
            run: Any = attrs[RUN]
            with self._writing("finish"):
                self.place.clear_torn()
                root.update_attributes({FINISHED: True, RUN: {**run, "finished": now()}})
            self._publish(f"finished: {attrs.get(DIGEST)}", now=True)

    @contextmanager
    def _writing(self, action: str) -> Iterator[None]:
        """What is written while the lock is still ours."""
        with self.place.errors(action, kept=True), self.place.writing():
            if self._lock is not None:
                self._lock.check()
            yield

    def _publish(self, message: str, *, now: bool = False) -> None:
        with self.place.errors("commit to", kept=True):
            self.place.publish(message, now=now)

    def _check_names(self, region: Region, arrays: Mapping[str, np.ndarray]) -> None:
        if not 0 <= region.index < self._marks.shape[0]:
            raise ValueError(f"block {region.index} of a store of {self._marks.shape[0]} blocks")
        unknown = sorted(arrays.keys() - self._arrays.keys())
        if unknown:
            raise ValueError(f"the store has no array {', '.join(unknown)}")
        others = sorted(name for name in arrays if not writes(region, dims_of(self._arrays[name])))
        if others:
            raise ValueError(f"block {region.index} does not write {', '.join(others)}: another block does")
        due = {name for name in self._results if writes(region, dims_of(self._arrays[name]))}
        missing = sorted(due - arrays.keys())
        if missing:
            raise ValueError(f"block {region.index} must write {', '.join(missing)} too")


class _Unread(WrapperStore[zarr.abc.store.Store]):
    """A store whose chunks read as absent, so that zarr makes every shard anew.

    Otherwise zarr reads the shard that lies there and merges it with the new values, even if these cover it: slow, and
    impossible where it is damaged.
    """

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        return await super().get(key, prototype, byte_range) if key.endswith("zarr.json") else None


def _key(array: zarr.Array, region: Region) -> str:
    """The name of the shard that a block writes, within its array."""
    metadata: Any = array.metadata
    starts = [part.start or 0 for part in region.selection(dims_of(array))]
    shards = array.shards or array.chunks
    return metadata.chunk_key_encoding.encode_chunk_key(
        tuple(start // length for start, length in zip(starts, shards, strict=True))
    )


def _arrays(root: zarr.Group, prefix: str = "") -> Iterator[tuple[str, zarr.Array]]:
    for name, array in root.arrays():
        yield prefix + name, array.with_config(WRITE_ALL)
    for name, group in root.groups():
        yield from _arrays(group, f"{prefix}{name}/")


def _check_shard(name: str, target: zarr.Array, selection: tuple[slice, ...], values: np.ndarray) -> None:
    shards = target.shards or target.chunks
    shape = []
    for part, shard, size in zip(selection, shards, target.shape, strict=True):
        start, stop, _ = part.indices(size)
        shape.append(stop - start)
        if start % shard or stop != min(start + shard, size):
            raise ValueError(f"array `{name}`: {start} to {stop} is no whole shard of {shard} along a dim of {size}")
    if values.shape != tuple(shape) or values.dtype != target.dtype:
        raise ValueError(
            f"array `{name}`: {values.dtype} values of shape {values.shape} for {target.dtype} of shape {tuple(shape)}"
        )


def _whole(name: str, variable: xr.DataArray) -> ArrayLayout:
    dims = tuple(map(str, variable.dims))
    # An array may be empty, such as the frontier where no point is feasible; a chunk has one value at least.
    sizes = {dim: max(size, 1) for dim, size in zip(dims, variable.shape, strict=True)}
    shards, chunks = chunking(dims, sizes, sizes, variable.dtype.itemsize)
    return ArrayLayout(name, dims, variable.shape, variable.dtype.str, shards, chunks, variable.attrs)

"""Soundness of stores: what of one is damaged, and mending just that by the spec it keeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .jobs import Job, job_of
from .plans import layout_of
from .repairs import Means, Repair, repair_of
from .specs.problems import RooflaxError
from .sweeps import engine
from .sweeps.gradients.stored_gradients import GROUP as GRADIENTS
from .sweeps.gradients.stored_gradients import gradient_labels
from .sweeps.searches.searches import found_in, labelled, searches_of
from .workbench import Workbench

if TYPE_CHECKING:
    from .specs.blocks import StoreLayout
    from .specs.loaded import LoadedSpec
    from .stores.damage import Soundness
    from .stores.write import Store

Progress = Callable[[int, int], None]
_ROUNDS = 3


@dataclass(frozen=True)
class Origin:
    """What a store was computed from; `notices` tell why the same may come out with other last bits."""

    job: Job
    layout: StoreLayout
    notices: tuple[str, ...]


def check(path: str | os.PathLike[str], *, progress: Progress | None = None) -> Soundness:
    """What is damaged in a store: every document, mark and chunk is read and held against its checksum."""
    from .stores.check import check_store

    return check_store(path, progress=progress)


def origin_of(
    found: Soundness,
    *,
    bench: Workbench | None = None,
    spec: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
) -> Origin:
    """What a checked store was computed from, by the spec it keeps.

    `spec` and `overrides` stand in for that, where it names files beside it. Raises RooflaxError where the store does
    not tell, was written in an older format, or the same spec and models are not to be had.
    """
    from .stores.location import FORMAT_VERSION
    from .stores.provenance import difference
    from .stores.repair import provenance, stored_documents

    attributes = provenance(stored_documents(found.place))
    if attributes is None:
        raise _beyond(
            found, "its zarr.json and the copy in _blocks/zarr.json are both damaged, so nothing tells its origin"
        )
    if found.format != FORMAT_VERSION:
        raise _beyond(found, f"it has store format {found.format}, and this version writes {FORMAT_VERSION} alone")
    bench = bench or Workbench()
    loaded, given = _spec_of(found, attributes, bench, spec, overrides)
    job = job_of(bench.registry, loaded)
    layout = layout_of(job.sweep, loaded, job.gradients, given)
    if clause := difference(attributes, layout):
        raise _beyond(found, clause)
    return Origin(job, layout, _other_bits(attributes, layout))


def _spec_of(
    found: Soundness,
    attributes: Mapping[str, Any],
    bench: Workbench,
    spec: str | os.PathLike[str] | None,
    overrides: Sequence[str],
) -> tuple[LoadedSpec, Sequence[str]]:
    """The spec of a store, and the overrides it is loaded with."""
    if spec is not None:
        return bench.load(spec, overrides), overrides
    given = [str(text) for text in attributes.get("overrides", ())]
    return bench.load_text(str(attributes["spec"]), f"spec in {Path(found.place).name}", given), given


def planned_repair(found: Soundness, origin: Origin) -> Repair:
    """What would mend a store."""
    from .stores.repair import differing, recorded, stored_documents, templates

    documents = stored_documents(found.place)
    groups = [*origin.job.searches, *([GRADIENTS] if origin.job.gradients else [])]
    means = Means(
        origin.layout,
        origin.job.regions,
        templates(origin.layout, documents),
        partial(recorded, documents),
        groups,
        documents.attributes is None,
    )
    plan = repair_of(found, means)
    return replace(plan, files=differing(found.place, plan.files))


def repair(
    path: str | os.PathLike[str],
    *,
    bench: Workbench | None = None,
    spec: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Soundness:
    """Mends what is damaged in a store, as far as that goes, and tells how it is then."""
    found = check(path)
    if not needs_repair(found):
        return found
    return repaired(found, origin_of(found, bench=bench, spec=spec, overrides=overrides), progress=progress)


def needs_repair(found: Soundness) -> bool:
    """Whether there is anything to mend; half-written files of an unfinished store are its run's to delete."""
    return bool(found.damages or (found.complete and found.torn))


def repaired(
    found: Soundness,
    origin: Origin,
    *,
    told: Callable[[Repair, Soundness], None] | None = None,
    progress: Progress | None = None,
) -> Soundness:
    """A checked store after its repair; each step is `told` before it is taken.

    Documents may have to be restored before the values that they describe can be judged, so there may be a second one.
    """
    for _ in range(_ROUNDS):
        plan = planned_repair(found, origin)
        if told:
            told(plan, found)
        again = mend(found, origin, plan, progress)
        if again.sound or again.damages == found.damages:
            return again
        found = again
    return found


def mend(found: Soundness, origin: Origin, repair: Repair, progress: Progress | None = None) -> Soundness:
    """Does what a repair says, and checks what was damaged again.

    Every file is put in place whole, so a repair that is killed leaves what it has not mended as it was.
    """
    from .stores.check import check_store
    from .stores.repair import opened_for_repair

    job, touched = origin.job, {damage.array for damage in found.damages}
    # Of these groups the documents may be anything, and the root's repeats them all.
    unsure = set(repair.groups) - {GRADIENTS} if "" in touched else set()
    with opened_for_repair(found.place, repair.files, [*unsure, *repair.given_up]) as store:
        if GRADIENTS in repair.groups:
            store.write_group(GRADIENTS, gradient_labels(job.sweep, job.gradients))
        _compute(store, job, repair, progress)
        for index in repair.marks:
            store.mark(job.regions[index])
        if repair.torn:
            store.place.clear_torn()
        if found.complete and store.done().all():
            store.finish()
    return check_store(found.place, only=None if "" in touched else touched)


def _compute(store: Store, job: Job, repair: Repair, progress: Progress | None) -> None:
    """Evaluates the blocks that are damaged, or all where something is gathered from them, and writes what is asked."""
    gathered = set(repair.groups) - {GRADIENTS}
    searches = searches_of(job.sweep) if gathered else {}
    due = [job.regions[i] for i in range(len(job.regions)) if searches or i in repair.blocks]
    # All names of the run are evaluated: the same compiled function gives the same bits.
    blocks = engine.evaluate_blocks(job.sweep, job.names, dtype=job.dtype, regions=due) if due else ()
    for done, block in enumerate(blocks, start=1):
        found_in(searches, block.region, block.values)
        if wanted := repair.blocks.get(block.region.index):
            values = job.arrays(block)
            store.rewrite(block.region, {name: values[name] for name in wanted})
        if progress:
            progress(done, len(due))
    for group, dataset in labelled(job.sweep, searches).items():
        if group in gathered:
            store.write_group(group, dataset, fresh=True)


def _beyond(found: Soundness, reason: str) -> RooflaxError:
    return RooflaxError(
        f"{found.place} cannot be repaired: {reason}; `rooflax run SPEC -o {found.place} --overwrite` computes it anew"
    )


def _other_bits(attributes: Mapping[str, Any], layout: StoreLayout) -> tuple[str, ...]:
    """A notice where another machine or another version of the compiler has computed the store."""
    there, here = attributes.get("versions") or {}, layout.attrs["versions"]
    parts = [f"jax {there.get('jax')} there, {here['jax']} here"] if there.get("jax") != here["jax"] else []
    if attributes.get("device") != layout.attrs["device"]:
        parts.append(f"{attributes.get('device')} there, {layout.attrs['device']} here")
    return tuple([f"what is computed again may differ in its last bits: {'; '.join(parts)}"] if parts else ())

"""Repairs: what would mend a damaged store, file by file and block by block; nothing is done here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .specs.blocks import Regions, StoreLayout
    from .stores.damage import Damage, Soundness

DOCUMENT = "zarr.json"


@dataclass(frozen=True)
class Repair:
    """What mends a store.

    `files` are documents and coordinates to put back, with their bytes; `blocks` has the arrays to compute again in
    each block, `marks` the blocks to mark, `groups` the results to gather again; `torn` are half-written files to
    delete, `given_up` groups that nothing vouches for and nobody can gather. `beyond` tells what is left damaged.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    blocks: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    marks: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    torn: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What it does, in sentences."""
        found = [f"restore {key}" for key in self.files]
        found += [f"compute block {block} again and write {', '.join(own)}" for block, own in self.blocks.items()]
        found += [f"mark block {block} as done" for block in self.marks]
        found += [f"write {group} again" for group in self.groups]
        found += [f"delete {key}, which is half written" for key in self.torn]
        found += [f"delete {group}: the command that wrote it writes it again" for group in self.given_up]
        return (*found, *(f"leave {line}" for line in self.beyond))

    def as_mapping(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        blocks = {str(block): list(own) for block, own in self.blocks.items()}
        return {**asdict(self), "files": list(self.files), "blocks": blocks}


@dataclass(frozen=True)
class Means:
    """What there is to mend a store with.

    `templates` are its files as they were before the first block, `recorded` gives a document as the root's repeats it.
    `groups` can be gathered again. `rootless` says that the root's document is lost.
    """

    layout: StoreLayout
    regions: Regions
    templates: Mapping[str, bytes]
    recorded: Callable[[str], bytes | None]
    groups: Collection[str]
    rootless: bool


def repair_of(found: Soundness, means: Means) -> Repair:
    """What mends the damage that a check has found."""
    results = {array.path for array in means.layout.arrays}
    files = dict(means.templates) if means.rootless else {}
    blocks: dict[int, set[str]] = {}
    marks: list[int] = []
    # Without the root's document nothing vouches for the documents of these groups.
    groups: list[str] = list(means.groups) if means.rootless else []
    beyond: list[str] = []
    given_up: list[str] = []
    for damage in found.damages:
        group = damage.array.partition("/")[0]
        wanted = _file(damage, means)
        if wanted is not None:
            files[damage.key] = wanted
        elif damage.array in results and not damage.key.endswith(DOCUMENT):
            starts = {dim: span.start for dim, span in damage.spans.items()}
            blocks.setdefault(means.regions.writer(starts), set()).add(damage.array)
        elif damage.block is not None:
            marks.append(damage.block)
        elif group in means.groups:
            groups.append(group)
        elif means.rootless and damage.key.endswith(DOCUMENT):
            given_up.append(group)
        else:
            beyond.append(f"{damage.key} as it is: the command that wrote {group} writes it again")
    return Repair(
        files,
        {block: tuple(sorted(own)) for block, own in sorted(blocks.items())},
        tuple(sorted(set(marks))),
        tuple(dict.fromkeys(groups)),
        found.torn if found.complete else (),
        tuple(dict.fromkeys(given_up)),
        tuple(dict.fromkeys(beyond)),
    )


def _file(damage: Damage, means: Means) -> bytes | None:
    """The bytes of a damaged file where they are known without computing anything."""
    if means.rootless:
        return means.templates.get(damage.key)
    found = means.recorded(damage.key) if damage.key.endswith(DOCUMENT) else None
    return found if found is not None else means.templates.get(damage.key)

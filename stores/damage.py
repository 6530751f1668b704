"""What a check finds: each damage with its place in the store and on the grid, and the sum of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Label = float | str


@dataclass(frozen=True)
class Span:
    """A range along a dim: positions from `start` to before `stop`, and the first and last label where these are known.

    `unit` is that of the labels.
    """

    start: int
    stop: int
    first: Label | None = None
    last: Label | None = None
    unit: str = "1"


@dataclass(frozen=True)
class Damage:
    """One thing that is damaged.

    `array` is the path of the array or group, "" for the root; `key` the file; `chunk` the position among the chunks of
    the array where one of them is damaged and not the whole file; `spans` the part of the grid that is concerned;
    `block` the block that writes it, None where none does.
    """

    kind: str
    array: str
    key: str
    what: str
    chunk: tuple[int, ...] | None = None
    spans: Mapping[str, Span] = field(default_factory=dict)
    block: int | None = None


@dataclass(frozen=True)
class Soundness:
    """What a check has found in a store.

    `complete` says whether its run came to its end, `done` how many of its `blocks` are marked; what the others hold is
    no damage. `files` and `stored` count the files that were read and their bytes. `torn` are the half-written files of
    processes that were killed, `strays` those that are no part of the store.
    """

    place: str
    format: int
    complete: bool
    blocks: int
    done: int
    files: int
    stored: int
    damages: tuple[Damage, ...] = ()
    torn: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damages

    def as_mapping(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return {"sound": self.sound, **asdict(self)}

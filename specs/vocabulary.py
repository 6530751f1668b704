"""The vocabulary: every input a model of this package may read, declared once.

A *leaf* is a named input with a unit, a domain and, where one is defensible, a default with its reason. Names follow
`docs/glossary.md`. Cost-model files may declare further leaves beside the model that reads them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .limits import LONGEST_NAME


class Kind(StrEnum):
    """What values a leaf takes, and so what a derivative with respect to it means."""

    CONTINUOUS = "continuous"
    COUNT = "count"
    FLAG = "flag"
    CHOICE = "choice"


class Group(StrEnum):
    """Where a leaf belongs; the first six are catalogs whose records carry the leaf as a field."""

    MODEL = "model"
    HARDWARE = "hardware"
    NETWORK = "network"
    PRECISION = "precision"
    SOFTWARE = "software_stack"
    SCALING_LAW = "scaling_law"
    PARALLELISM = "parallelism"
    TRAINING = "training"
    INFERENCE = "inference"
    SERVING = "serving"
    REINFORCEMENT = "reinforcement"
    SCALING = "scaling"
    RELIABILITY = "reliability"
    MONEY = "money"
    ENERGY = "energy"


CATALOGS = (Group.MODEL, Group.HARDWARE, Group.NETWORK, Group.PRECISION, Group.SOFTWARE, Group.SCALING_LAW)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One input: its name, unit and domain, and the default that stands where nothing is given.

    `low` and `high` are inclusive bounds in `unit`; `above` excludes `low` itself. A value outside the domain is one
    that no model or machine could ever have. `default` is None where the value must be given; every default has a
    `reason`. Choices are given by option name and enter the kernels as the option's position.
    """

    name: str
    unit: str
    kind: Kind
    label: str
    group: Group
    low: float = 0.0
    high: float = math.inf
    above: bool = False
    default: float | str | None = None
    reason: str = ""
    options: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if (self.default is None) != (self.reason == ""):
            raise ValueError(f"leaf `{self.name}`: a default needs a reason, and a reason needs a default")
        if (self.kind is Kind.CHOICE) != bool(self.options):
            raise ValueError(f"leaf `{self.name}`: options belong to choices, and a choice needs them")
        if self.kind is Kind.CHOICE and self.default is not None and self.default not in self.options:
            raise ValueError(f"leaf `{self.name}`: default {self.default!r} is not one of {list(self.options)}")

    @property
    def required(self) -> bool:
        """True where no default is declared, so a value must be given by a catalog record or by the user."""
        return self.default is None

    @property
    def default_value(self) -> float:
        """The default as the number that enters the kernels."""
        if self.default is None:
            raise ValueError(f"leaf `{self.name}` has no default")
        return float(self.options.index(self.default)) if isinstance(self.default, str) else float(self.default)

    def domain(self) -> str:
        """The domain in words, for messages and listings."""
        if self.kind is Kind.CHOICE:
            return "one of " + ", ".join(self.options)
        if self.kind is Kind.FLAG:
            return "true or false"
        what = "a whole number" if self.kind is Kind.COUNT else "a number"
        bounds = []
        if math.isfinite(self.low):
            bounds.append(f"{'above' if self.above else 'at least'} {self.low:g}")
        if math.isfinite(self.high):
            bounds.append(f"at most {self.high:g}")
        return " ".join([what, " and ".join(bounds)]).rstrip()

    def admits(self, value: float) -> bool:
        """Whether `value`, in the leaf's unit, lies in its domain."""
        if math.isnan(value) or value < self.low or value > self.high or (self.above and value == self.low):
            return False
        return self.kind is Kind.CONTINUOUS or (math.isfinite(value) and value == math.floor(value))


@dataclass(frozen=True)
class Vocabulary(Mapping[str, Leaf]):
    """All leaves by name, with their aliases; immutable, extended by `with_leaves`."""

    leaves: Mapping[str, Leaf]
    aliases: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        aliases: dict[str, str] = {}
        for leaf in self.leaves.values():
            for alias in leaf.aliases:
                if alias in self.leaves or alias in aliases:
                    raise ValueError(f"alias `{alias}` of leaf `{leaf.name}` is declared twice")
                aliases[alias] = leaf.name
        object.__setattr__(self, "aliases", aliases)

    @classmethod
    def of(cls, leaves: Iterable[Leaf]) -> Vocabulary:
        """A vocabulary of the given leaves; a name declared twice is an error."""
        table: dict[str, Leaf] = {}
        for leaf in leaves:
            if leaf.name in table:
                raise ValueError(f"leaf `{leaf.name}` is declared twice")
            table[leaf.name] = leaf
        return cls(table)

    def with_leaves(self, leaves: Iterable[Leaf]) -> Vocabulary:
        """This vocabulary and the given leaves."""
        return Vocabulary.of([*self.leaves.values(), *leaves])

    def of_group(self, group: Group) -> tuple[Leaf, ...]:
        """The leaves of one group, in declaration order."""
        return tuple(leaf for leaf in self.leaves.values() if leaf.group is group)

    def __getitem__(self, name: str) -> Leaf:
        return self.leaves[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.leaves)

    def __len__(self) -> int:
        return len(self.leaves)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where nothing is close: what "did you mean" offers."""
    if len(name) > LONGEST_NAME:  # far longer than any name, and slow to compare
        return None
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def shipped() -> Vocabulary:
    """The vocabulary of this package, without the leaves that cost-model files add."""
    from .leaves import LEAVES

    return Vocabulary.of(LEAVES)

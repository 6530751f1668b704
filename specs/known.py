"""What the loader is told about the models: names, units, options and what depends on what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from .vocabulary import CATALOGS, Kind, Vocabulary, nearest

_AMBIGUOUS = {"batch_size": "micro_batch_size, global_batch_size or concurrency"}


class Known(Protocol):
    """The names a spec may use, given by the composition root, so that specs need not import the models."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The leaves: what may be given."""
        ...

    @property
    def units(self) -> Mapping[str, str]:
        """The unit of every computed quantity."""
        ...

    @property
    def options(self) -> Mapping[str, tuple[str, ...]]:
        """The options of the categorical quantities."""
        ...

    @property
    def constraints(self) -> Collection[str]:
        """The names that `where` may list alone."""
        ...

    def missing(self, outputs: Collection[str], given: Collection[str]) -> Mapping[str, str]:
        """The required leaves nobody gave, each with the output that needs it.

        `outputs` are quantities, and the inputs and constraints that `where` names.
        """
        ...

    def reads(self, outputs: Collection[str], given: Collection[str]) -> Collection[str]:
        """The names among `given` that the outputs, or the constraints that apply to them, depend on.

        `outputs` are as in `missing`; one that is given itself is read.
        """
        ...


class UnknownName(ValueError):
    """A name that is no input, quantity or catalog; the message says what may be meant."""


def quantities(known: Known) -> set[str]:
    """The names of all computed quantities."""
    return {*known.units, *known.options}


def proper_name(written: str, known: Known) -> str | None:
    """The input that `written` names: a catalog, a leaf, by an alias too, or a quantity to be pinned; None for none."""
    if written in CATALOGS or written in known.vocabulary or written in known.units or written in known.options:
        return written
    return known.vocabulary.aliases.get(written)


def input_name(written: str, known: Known) -> str:
    """The name of the input that `written` stands for. Raises UnknownName, with what may be meant."""
    if (name := proper_name(written, known)) is not None:
        return name
    if written in _AMBIGUOUS:
        raise UnknownName(f"ambiguous: {_AMBIGUOUS[written]}")
    vocabulary = known.vocabulary
    found = nearest(written, [*CATALOGS, *vocabulary, *vocabulary.aliases, *quantities(known)])
    if found is None:
        raise UnknownName("unknown name; `rooflax list inputs` shows what may be given")
    raise UnknownName(f"unknown name; did you mean `{vocabulary.aliases.get(found, found)}`?")


def no_number(name: str, known: Known) -> str:
    """Why there are no derivatives by an input of this proper name; "" where there are."""
    leaf = known.vocabulary.get(name)
    if name in CATALOGS:
        return f"`{name}` stands for many inputs; name one of them"
    if name in known.options:
        return f"`{name}` is one of several options, by which there is no derivative"
    if leaf is not None and leaf.kind is not Kind.CONTINUOUS:
        advice = "make it an axis, or ask `rooflax grad` for the difference to its next legal value"
        return f"`{name}` is a {leaf.kind}, by which there is no derivative; {advice}"
    return ""


def check_quantity(name: str, known: Known) -> None:
    """Raises UnknownName where `name` is no computed quantity."""
    if name in known.units or name in known.options:
        return
    if name in known.vocabulary:
        raise UnknownName(f"`{name}` is an input, not a computed quantity")
    found = nearest(name, quantities(known))
    raise UnknownName(
        f"unknown quantity `{name}`; "
        + (f"did you mean `{found}`?" if found else "`rooflax list quantities` shows what can be computed")
    )

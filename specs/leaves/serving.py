"""A fleet that serves requests: arrivals, lengths, batching, goals."""

from ..vocabulary import Leaf

LEAVES: tuple[Leaf, ...] = ()

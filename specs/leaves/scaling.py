"""Scaling laws and budgets."""

from ..vocabulary import Leaf

LEAVES: tuple[Leaf, ...] = ()

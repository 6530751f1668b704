"""Failures, checkpoints and restarts."""

from ..vocabulary import Leaf

LEAVES: tuple[Leaf, ...] = ()

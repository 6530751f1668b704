"""Post-training by reinforcement."""

from ..vocabulary import Leaf

LEAVES: tuple[Leaf, ...] = ()

"""Terms: one point's quantity as the tree of what adds up to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One node: a quantity or input at the point.

    `share` is the part of the root it makes up, None below a node that is not a sum. The children of a sum are its
    terms; those of other quantities are the names the formula reads.
    """

    name: str
    label: str
    value: float
    unit: str
    share: float | None
    formula: str
    source: str
    origin: str
    options: tuple[str, ...]
    is_sum: bool
    children: tuple[Term, ...]

    def leaves(self) -> tuple[Term, ...]:
        """The terms of the sum that are not sums themselves; they add up to this node."""
        return tuple(leaf for child in self.children for leaf in child.leaves()) if self.is_sum else (self,)

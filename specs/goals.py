"""Goals: quantities to make small or large, written `step_time:min` or `predicted_mfu:max`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .limits import LONGEST_NAME
from .vocabulary import nearest

DIRECTIONS = ("min", "max")
FEWEST, MOST = 2, 3


class GoalError(ValueError):
    """Text that is no goal, or goals that make no frontier; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A quantity that is to be as small as possible, or as large."""

    quantity: str
    largest: bool

    def __str__(self) -> str:
        return f"{self.quantity}:{DIRECTIONS[self.largest]}"

    @property
    def words(self) -> str:
        """The goal as it is told: `smallest step_time`."""
        return f"{'largest' if self.largest else 'smallest'} {self.quantity}"


def parse_goal(text: str) -> Goal:
    """The goal that `QUANTITY:min` or `QUANTITY:max` states. Raises GoalError.

    >>> str(parse_goal(" step_time : min"))
    'step_time:min'
    """
    if len(text) > LONGEST_NAME:
        raise GoalError(f"`{text[:30]}…` is too long for an objective ({len(text):,} characters)")
    quantity, sign, direction = (part.strip() for part in text.partition(":"))
    if not sign or not quantity:
        name = quantity or "QUANTITY"
        raise GoalError(f"`{text.strip()}` says no direction; write `{name}:min` or `{name}:max`")
    if direction not in DIRECTIONS:
        guess = nearest(direction, DIRECTIONS)
        hint = f"; did you mean `{quantity}:{guess}`?" if guess else ""
        raise GoalError(f"`{direction}` is no direction, one of {', '.join(DIRECTIONS)}{hint}")
    return Goal(quantity, direction == "max")


def check_goals(goals: Sequence[str]) -> None:
    """Raises GoalError unless there are two or three."""
    if not FEWEST <= len(goals) <= MOST:
        raise GoalError(f"two or three objectives were expected, found {len(goals)}")


def check_order(quantity: str, others: Collection[str], options: Sequence[str]) -> None:
    """Raises GoalError where a quantity is among `others` already, or is one of several options without an order."""
    if quantity in others:
        raise GoalError(f"`{quantity}` is an objective twice")
    if options:
        raise GoalError(f"`{quantity}` is one of {', '.join(options)}, which have no order")

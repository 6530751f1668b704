"""Feasibility: the conditions on a point, which of them fails first, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..kernels.arrays import jnp
from ..kernels.graph import Graph
from ..kernels.registry import Quantity, Registry, names_in
from ..specs.conditions import Comparison, ConstraintName

FEASIBLE, NOT_COMPUTED = 0, 127
DEFINED = "defined"


@dataclass(frozen=True)
class Check:
    """One condition: the name whose value decides, the bound it is held against, and the sentence for a failure.

    A constraint's value is its own margin. `strict` margins must be above 0, others at least 0.
    """

    text: str
    reads: str
    unit: str
    message: str
    operator: str = ""
    bound: float = 0.0
    shows: tuple[tuple[str, str], ...] = ()

    @property
    def strict(self) -> bool:
        """Whether a margin of 0 fails."""
        return self.operator in ("<", ">", "!=")

    def margin(self, values: Mapping[str, Any]) -> Any:
        """By how much the condition holds, in `unit`; negative where it fails."""
        value = values[self.reads]
        if self.operator in ("<", "<="):
            return self.bound - value
        if self.operator in (">", ">="):
            return value - self.bound
        if self.operator in ("==", "!="):
            distance = jnp.abs(value - self.bound)
            return distance if self.operator == "!=" else -distance
        return jnp.where(jnp.isnan(value), -1.0, 0.0) if self.operator == DEFINED else value

    def fails(self, margin: Any) -> Any:
        """Where a margin means failure; a margin that is not a number fails."""
        return ~(margin > 0) if self.strict else ~(margin >= 0)

    @property
    def named(self) -> tuple[str, ...]:
        """The names whose values the message shows."""
        return tuple(name for _, name in self.shows)

    def sentence(self, values: Mapping[str, float], registry: Registry) -> str:
        """Why the condition fails, with the values of one point filled in."""
        return self.message.format_map({word: registry.shown(name, values[name]) for word, name in self.shows})


def checks_of(
    registry: Registry, graph: Graph, legal: Iterable[str], conditions: Iterable[ConstraintName | Comparison]
) -> tuple[Check, ...]:
    """The checks of a sweep in order: values that must exist, legality, then what was asked for, each once."""
    checks = [_defined(quantity) for quantity in graph.order if quantity.declared.undefined]
    checks += [_constraint(registry.quantities[name]) for name in legal]
    for condition in conditions:
        if isinstance(condition, ConstraintName):
            checks.append(_constraint(registry.quantities[condition.name]))
        else:
            checks.append(_comparison(registry, condition))
    return tuple(dict.fromkeys(checks))


def _defined(quantity: Quantity) -> Check:
    text = f"{quantity.name} is defined"
    return Check(text, quantity.name, "1", f"{quantity.name}: {quantity.declared.undefined}", DEFINED)


def _constraint(quantity: Quantity) -> Check:
    message = quantity.declared.constraint.message if quantity.declared.constraint else ""
    shows = tuple((word, quantity.name_of(word)) for word in names_in(message))
    return Check(quantity.name, quantity.name, quantity.unit, f"{quantity.name}: {message}", shows=shows)


def _comparison(registry: Registry, condition: Comparison) -> Check:
    text = condition.text.replace("{", "{{").replace("}", "}}")
    return Check(
        condition.text,
        condition.name,
        registry.unit(condition.name),
        f"`{text}` was asked, {condition.name} is {{value}}",
        condition.operator,
        condition.value,
        (("value", condition.name),),
    )


def judge(checks: tuple[Check, ...], values: Mapping[str, Any], like: Any) -> tuple[Any, Any]:
    """Status and margin of every point.

    The status is 0 or the position, from 1, of the first check that fails (int8). The margin is that check's, in its
    own unit; where all hold it is the last check's. `like` gives the dtype of the margin.
    """
    status = jnp.zeros((1,) * like.ndim, dtype=jnp.int8)
    margin = jnp.zeros((1,) * like.ndim, dtype=like.dtype)
    for position, check in reversed(list(enumerate(checks, start=1))):
        own = check.margin(values)
        fails = check.fails(own)
        if position == len(checks):
            margin = own + margin
        margin = jnp.where(fails, own, margin)
        status = jnp.where(fails, jnp.int8(position), status)
    return status, margin

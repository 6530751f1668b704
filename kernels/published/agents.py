"""Document 000: agents that sum a sequence in a tree, as printed, and the same tree counted level by level.

A sequence of N elements is reduced by managers that take up to b inputs each. The document counts the managers with a
closed form and the edges with a loop over the levels; for most N and b the two describe different trees.
"""

from __future__ import annotations

from itertools import pairwise

from ...specs.vocabulary import Group, Kind, Leaf
from ..annotations import Array, Count, Number
from ..arrays import jnp
from ..registry import Erratum, cost_model

NAMESPACE = "agents"

# Each level is at most half of the one below where b >= 2, so that 64 levels reduce any count below 2^64.
LEVELS = 64

LEAVES = (
    Leaf(
        "sequence_length",
        "1",
        Kind.CONTINUOUS,
        "Sequence length N of the agents",
        Group.INFERENCE,
        low=-float("inf"),
        note="elements of the sequence; the printed formulas take any number, negative ones included",
    ),
    Leaf(
        "branching_factor",
        "1",
        Kind.CONTINUOUS,
        "Branching factor b of the agents",
        Group.INFERENCE,
        low=-float("inf"),
        note="inputs that each manager processes; at 1 and below the document means a chain",
    ),
)

_ENDLESS = "for 1 < b < 2 the levels never shrink to one, and the published loop does not end"
_NO_TREE = "a tree of agents has at least one element, and its managers take two inputs or more (one: a chain)"


@cost_model(
    formula=r"\left\lceil \frac{N-1}{b-1} \right\rceil,\ N \text{ where } b \le 1",
    source="definition: document 000, compute_num_agents",
    example=dict(sequence_length=513, branching_factor=2.5, expect=342),
    errata=(
        Erratum(
            "I0.1",
            wrong="N = 513, b = 2: 512 managers",
            right="521, by `agents.tree_managers`",
            why="The closed form holds for a tree whose levels divide evenly; every level rounds up, and the edges of "
            "`agents.total_communication` are those of the tree that does.",
        ),
    ),
    undefined="the branching factor is not a number",
)
def num_agents(sequence_length: Count, branching_factor: Number) -> Count:
    """Managers of the tree of agents, as published."""
    is_chain = branching_factor <= 1
    inputs = jnp.where(is_chain, 2.0, branching_factor)
    return jnp.where(is_chain, sequence_length, jnp.ceil((sequence_length - 1) / (inputs - 1)))


@cost_model(
    formula=r"\sum_{k:\,n_k > 1} n_k,\ n_0 = N,\ n_{k+1} = \lceil n_k / b \rceil;\ N - 1 \text{ where } b \le 1",
    source="definition: document 000, compute_total_communication",
    example=dict(sequence_length=100, branching_factor=3, expect=152),
    errata=(
        Erratum(
            "I0.4",
            wrong="1 < b < 2: the loop never ends",
            right="refused: no value, and a status",
            why="A level of 2 stays at ceil(2 / b) = 2.",
        ),
        Erratum(
            "I0.6",
            wrong="b = 1 is drawn as a point of the same curve: N = 64 has 63 edges at b = 1, 126 at b = 2, 97 at b = 3",
            right="b = 1 is a chain, told apart from the trees",
            why="A chain has no managers, so its N - 1 edges and a tree's edges are not steps of one scale.",
        ),
    ),
    undefined=_ENDLESS,
)
def total_communication(sequence_length: Count, branching_factor: Number) -> Count:
    """Edges of the tree of agents, as published."""
    edges = _edges_of_levels(sequence_length, branching_factor)
    return jnp.where(branching_factor <= 1, sequence_length - 1, edges)


@cost_model(
    formula=r"\sum_{k:\,n_k > 1} n_k,\ n_0 = N,\ n_{k+1} = \lceil n_k / b \rceil;\ N - 1 \text{ where } b = 1",
    source="definition: every node of a level sends to one manager of the next",
    example=dict(sequence_length=100, branching_factor=3, expect=152),
    undefined=_NO_TREE,
)
def total_communication_corrected(sequence_length: Count, branching_factor: Number) -> Count:
    """Edges of the tree of agents, of a chain where b = 1."""
    edges = jnp.where(branching_factor >= 2, _edges_of_levels(sequence_length, branching_factor), sequence_length - 1)
    return jnp.where(_is_legal(sequence_length, branching_factor), edges, jnp.nan)


@cost_model(
    formula=r"\sum_{k \ge 1} n_k,\ n_0 = N,\ n_{k+1} = \lceil n_k / b \rceil \text{ until } 1;\ N - 1 \text{ where } b = 1",
    source="definition: managers of all levels, the last one alone; in a chain every agent but the first",
    example=dict(sequence_length=100, branching_factor=3, expect=53),
    undefined=_NO_TREE,
)
def tree_managers(sequence_length: Count, branching_factor: Number) -> Count:
    """Managers of the tree of agents, level by level."""
    levels = _levels(sequence_length, branching_factor)
    managers = jnp.zeros_like(levels[0])
    for below, level in pairwise(levels):
        managers = managers + jnp.where(below > 1, level, 0.0)
    chained = jnp.where(branching_factor >= 2, managers, sequence_length - 1)
    return jnp.where(_is_legal(sequence_length, branching_factor), chained, jnp.nan)


@cost_model(
    formula=r"\left|\{k : n_k > 1\}\right|,\ n_0 = N,\ n_{k+1} = \lceil n_k / b \rceil;\ N - 1 \text{ where } b = 1",
    source="definition: levels of managers, so hops from an element to the root",
    example=dict(sequence_length=100, branching_factor=3, expect=5),
    undefined=_NO_TREE,
)
def tree_depth(sequence_length: Count, branching_factor: Number) -> Count:
    """Levels of managers of the tree of agents."""
    levels = _levels(sequence_length, branching_factor)
    depth = jnp.zeros_like(levels[0])
    for level in levels[:-1]:
        depth = depth + jnp.where(level > 1, 1.0, 0.0)
    chained = jnp.where(branching_factor >= 2, depth, sequence_length - 1)
    return jnp.where(_is_legal(sequence_length, branching_factor), chained, jnp.nan)


def _levels(sequence_length: Count, branching_factor: Number) -> list[Array]:
    """The sizes of the levels from the elements up, `LEVELS` of them and the one left over; 2 stands for b <= 1.

    Exact for whole numbers up to 2^53: the quotient of two of them rounds to a whole number only where it is one.
    A level is never empty, though b be infinite.
    """
    inputs = jnp.where(branching_factor <= 1, 2.0, branching_factor)
    levels = [sequence_length + jnp.zeros_like(inputs)]
    for _ in range(LEVELS):
        levels.append(jnp.maximum(jnp.ceil(levels[-1] / inputs), 1.0))
    return levels


def _edges_of_levels(sequence_length: Count, branching_factor: Number) -> Array:
    """The sum of all levels above one node; not a number where the last of them still is."""
    levels = _levels(sequence_length, branching_factor)
    edges = jnp.zeros_like(levels[0])
    for level in levels[:-1]:
        edges = edges + jnp.where(level > 1, level, 0.0)
    return jnp.where(levels[-1] > 1, jnp.nan, edges)


def _is_legal(sequence_length: Count, branching_factor: Number) -> Array:
    """Whether the tree exists: at least one element, and two inputs a manager or a chain."""
    return (sequence_length >= 1) & ((branching_factor == 1) | (branching_factor >= 2))

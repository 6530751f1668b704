"""Operations: the models traced for a block, without what changes nothing.

Equal operations are merged, what a known choice does not choose is left out, and so is what nobody reads; what repeats
along an axis is computed once. Every value is known by a number: arguments come first, what operations make follows in
the order they run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

MOVES = frozenset({"broadcast_in_dim", "convert_element_type", "expand_dims", "reshape", "squeeze"})
"""Operations that cost nothing inside those that read them."""
_DECIDED: Mapping[str, Callable[..., Any]] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "and": np.bitwise_and, "or": np.bitwise_or, "not": np.invert,
}  # fmt: skip
"""Operations whose results are known where their operands are: those that choices are made of."""
_ELEMENTWISE = frozenset({
    *_DECIDED, "abs", "add", "ceil", "convert_element_type", "div", "exp", "expm1", "floor", "integer_pow", "is_finite",
    "log", "log1p", "max", "min", "mul", "neg", "pow", "rem", "round", "select_n", "sign", "sqrt", "square", "sub",
})  # fmt: skip
"""Operations of arrays of one shape, element by element."""


@dataclass(frozen=True)
class Constant:
    """A number that is the same everywhere in an array of some shape, or a whole array that a model brings along."""

    array: Any
    shape: tuple[int, ...]

    @property
    def uniform(self) -> bool:
        """Whether it is one number."""
        return np.ndim(self.array) == 0

    @property
    def identity(self) -> Any:
        """What tells it from others: the digits and the sign of a number, an array itself."""
        return (repr(self.array), str(self.array.dtype), self.shape) if self.uniform else ("array", id(self.array))


@dataclass(frozen=True)
class Operation:
    """One primitive operation: what it reads (numbers of values, or literals), and the numbers of what it makes."""

    primitive: Any
    params: Mapping[str, Any]
    reads: tuple[Any, ...]
    makes: tuple[int, ...]

    @property
    def values(self) -> tuple[int, ...]:
        """The numbers of the values it reads."""
        return tuple(read for read in self.reads if isinstance(read, int))

    @property
    def moves(self) -> bool:
        """Whether it only repeats values, or writes them in another type."""
        return self.primitive.name in MOVES

    def __call__(self, values: Mapping[int, Any]) -> list[Any]:
        """What it makes."""
        return results(self.primitive, self.params, [_read(values, read) for read in self.reads])


def _read(values: Mapping[int, Any], read: Any) -> Any:
    return values[read] if isinstance(read, int) else jnp.broadcast_to(read.array, read.shape)


def results(primitive: Any, params: Mapping[str, Any], values: Sequence[Any]) -> list[Any]:
    """What a primitive operation returns."""
    found = primitive.bind(*values, **primitive.get_bind_params(dict(params)))
    return list(found) if primitive.multiple_results else [found]


@dataclass(frozen=True)
class Traced:
    """A function as operations: its arguments are the values 0, 1, … and its results are `results`.

    `shapes` has the shape and type of every value. A result is a `Constant` where it depends on no argument.
    """

    operations: tuple[Operation, ...]
    shapes: Mapping[int, Any]
    results: tuple[Any, ...]


def traced(function: Callable[..., Sequence[Any]], arguments: Sequence[Any]) -> Traced:
    """The operations that a function of arrays runs; arguments are arrays, or `Constant`s where they are known."""
    shapes = [jax.ShapeDtypeStruct(argument.shape, _type(argument)) for argument in arguments]
    closed = jax.make_jaxpr(function)(*shapes)
    tracer = _Tracer(shapes)
    entering = [argument if isinstance(argument, Constant) else place for place, argument in enumerate(arguments)]
    found = tracer.inline(closed, entering)
    needed = {read for read in found if isinstance(read, int)}
    kept = []
    for operation in reversed(tracer.operations):
        if needed.intersection(operation.makes):
            needed.update(operation.values)
            kept.append(operation)
    return Traced(tuple(reversed(kept)), dict(enumerate(tracer.shapes)), tuple(found))


def _type(argument: Any) -> Any:
    return argument.array.dtype if isinstance(argument, Constant) else argument.dtype


class _Tracer:
    def __init__(self, shapes: Sequence[Any]) -> None:
        self.shapes = list(shapes)
        self.operations: list[Operation] = []
        self.known: dict[Any, tuple[int, ...]] = {}
        self.narrow: dict[int, int] = {}

    def inline(self, closed: ClosedJaxpr, entering: Sequence[Any]) -> list[Any]:
        """Appends the operations, those of functions inside it too, and returns the results."""
        consts = [Constant(np.asarray(const)[()], np.shape(const)) for const in closed.consts]
        found = dict(zip((*closed.jaxpr.invars, *closed.jaxpr.constvars), (*entering, *consts), strict=True))

        def read(atom: Any) -> Any:
            if not isinstance(atom, Literal):
                return found[atom]
            aval: Any = atom.aval
            return Constant(aval.dtype.type(atom.val), ())

        for equation in closed.jaxpr.eqns:
            reads = [read(atom) for atom in equation.invars]
            shapes = [var.aval for var in equation.outvars]
            if equation.primitive.name in ("jit", "pjit"):
                made = self.inline(equation.params["jaxpr"], reads)
            elif (decided := _decided(equation.primitive.name, reads, shapes[0])) is not None:
                made = [decided]
            else:
                made = self.narrowed(equation.primitive, equation.params, reads, shapes)
            found |= dict(zip(equation.outvars, made, strict=True))
        return [read(atom) for atom in closed.jaxpr.outvars]

    def narrowed(
        self, primitive: Any, params: Mapping[str, Any], reads: Sequence[Any], shapes: Sequence[Any]
    ) -> Sequence[int]:
        """The values of an operation; one whose operands all repeat along an axis is computed once and repeated."""
        if primitive is jax.lax.broadcast_in_dim_p:
            made = self.append(primitive, params, reads, shapes)
            if isinstance(reads[0], int) and params["broadcast_dimensions"] == tuple(range(len(shapes[0].shape))):
                self.narrow[made[0]] = self.narrow.get(reads[0], reads[0])
            return made
        whole = shapes[0].shape
        if primitive.name not in _ELEMENTWISE or not any(isinstance(read, int) for read in reads):
            return self.append(primitive, params, reads, shapes)
        parts = [self.narrow.get(read, read) if isinstance(read, int) else read for read in reads]
        bare = [self.shapes[part].shape for part in parts if isinstance(part, int)]
        shape = np.broadcast_shapes(*bare)
        if shape == whole or any(len(one) != len(whole) for one in bare) or not _uniform(parts):
            return self.append(primitive, params, reads, shapes)
        operands = [self.repeated(part, shape) for part in parts]
        (made,) = self.append(primitive, params, operands, [jax.ShapeDtypeStruct(shape, shapes[0].dtype)])
        return [self.repeated(made, whole)]

    def repeated(self, read: Any, shape: tuple[int, ...]) -> Any:
        """An operand repeated to a shape of as many axes."""
        if not isinstance(read, int):
            return Constant(read.array, shape)
        made = self.shapes[read]
        if made.shape == shape:
            return read
        params = {"shape": shape, "broadcast_dimensions": tuple(range(len(shape))), "sharding": None}
        (found,) = self.append(jax.lax.broadcast_in_dim_p, params, [read], [jax.ShapeDtypeStruct(shape, made.dtype)])
        self.narrow[found] = self.narrow.get(read, read)
        return found

    def append(
        self, primitive: Any, params: Mapping[str, Any], reads: Sequence[Any], shapes: Sequence[Any]
    ) -> Sequence[int]:
        """The values of an operation, of an earlier one where that is the same."""
        operands = tuple(read if isinstance(read, int) else read.identity for read in reads)
        key = (primitive, tuple(sorted(params.items(), key=lambda item: item[0])), operands)
        try:
            known = self.known.get(key)
        except TypeError:  # a parameter that has no hash, such as an array
            key = known = None
        if known is not None:
            return known
        makes = tuple(range(len(self.shapes), len(self.shapes) + len(shapes)))
        self.shapes += shapes
        self.operations.append(Operation(primitive, params, tuple(reads), makes))
        if key is not None:
            self.known[key] = makes
        return makes


def _uniform(reads: Sequence[Any]) -> bool:
    """Whether all constants among operands are single numbers."""
    return all(read.uniform for read in reads if not isinstance(read, int))


def _decided(name: str, reads: Sequence[Any], made: Any) -> Any:
    """What an operation makes where that is known without running it, else None: a number, or one of its operands."""
    first = reads[0] if reads else None
    if name == "select_n" and isinstance(first, Constant) and first.uniform:
        return reads[1 + int(first.array)]
    if name in ("and", "or") and made.dtype == bool:
        for known, other in (reads, reads[::-1]):
            if isinstance(known, Constant) and known.uniform:
                return other if bool(known.array) == (name == "and") else Constant(known.array, made.shape)
    if first is None or not all(isinstance(read, Constant) and read.uniform for read in reads):
        return None
    if name in MOVES:
        return Constant(first.array.astype(made.dtype), made.shape)
    if name in _DECIDED:
        return Constant(_DECIDED[name](*(read.array for read in reads)), made.shape)
    return None

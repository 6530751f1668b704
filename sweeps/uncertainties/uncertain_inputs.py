"""The inputs of a sweep that are not known exactly: their distributions along dims, and how they go together."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...specs.axes import Inputs
from ...specs.calibration_fields import Lent
from ...specs.distributions import Distribution, FreeNormal
from ...specs.vocabulary import Vocabulary

Key = tuple[str, str, str]
"""What a fitted value is of: an input, the catalog that owns it, and a record or class of that catalog."""


@dataclass(frozen=True)
class Covariance:
    """How the errors of fitted values go together, in their free coordinates: `matrix` over `labels` both ways."""

    labels: tuple[Key, ...]
    matrix: np.ndarray

    def between(self, one: Key, other: Key) -> float:
        """The covariance of two fitted values; 0 where one of them is not among the labels."""
        if one not in self.labels or other not in self.labels:
            return 0.0
        return float(self.matrix[self.labels.index(one), self.labels.index(other)])


@dataclass(frozen=True)
class UncertainInput:
    """One input: a distribution for every label of its dim, or one where it has none; `shape` is the dims' length."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    parts: tuple[Distribution, ...]

    @property
    def deviations(self) -> np.ndarray:
        """The standard deviations along the dims."""
        return np.array([part.deviation for part in self.parts]).reshape(self.shape)

    def at(self, scores: np.ndarray, dims: tuple[str, ...]) -> np.ndarray:
        """The values at scores with one axis per dim of `dims`, own ones among them, and the samples last."""
        if not self.dims:
            return self.parts[0].at(scores)
        axis = dims.index(self.dims[0])
        labels = zip(self.parts, np.moveaxis(scores, axis, 0), strict=True)
        return np.moveaxis(np.stack([part.at(own) for part, own in labels]), 0, axis)

    def text(self, unit: str) -> str:
        """The distribution as people read it, or what it differs along."""
        return f"another for each {self.dims[0]}" if self.dims else self.parts[0].text(unit)


@dataclass(frozen=True)
class Uncertain:
    """All uncertain inputs of a sweep.

    `correlation` is that of the scores of the inputs in `joint`, of shape (*lengths along `dims`, c, c); all other
    inputs are independent.
    """

    inputs: tuple[UncertainInput, ...]
    joint: tuple[str, ...] = ()
    dims: tuple[str, ...] = ()
    correlation: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(found.name for found in self.inputs)


def uncertain_inputs(
    inputs: Inputs,
    vocabulary: Vocabulary,
    read: Collection[str],
    *,
    fitted: bool = False,
    covariance: Covariance | None = None,
) -> Uncertain:
    """The inputs among those in `read` that have distributions.

    With `fitted` the values that the calibration lends have them too, normal in the free coordinate; they are
    independent but for what `covariance` says of them.
    """
    found = [
        UncertainInput(name, (), (), (distribution,))
        for name, distribution in inputs.distributions.items()
        if name in read
    ]
    if not fitted:
        return Uncertain(tuple(found))
    lent = {name: own for name, own in inputs.lent.items() if name in read}
    found += [_lent_input(inputs, vocabulary, name, own, covariance) for name, own in lent.items()]
    spread = tuple(one for one in found if any(part.deviation > 0 for part in one.parts))
    if covariance is None:
        return Uncertain(spread)
    return _joined(spread, inputs, {one.name: lent[one.name] for one in spread if one.name in lent}, covariance)


def _bounds(vocabulary: Vocabulary, name: str) -> tuple[float, float]:
    leaf = vocabulary.get(name)
    return (leaf.low, leaf.high) if leaf is not None else (0.0, math.inf)


def _lent_input(
    inputs: Inputs, vocabulary: Vocabulary, name: str, lent: Lent, covariance: Covariance | None
) -> UncertainInput:
    bounds = _bounds(vocabulary, name)
    stated = np.broadcast_to(inputs.values[name].data, len(lent.fields)) if lent.dims else [inputs.values[name].data]
    parts = []
    for value, own in zip(stated, lent.fields, strict=True):
        if own is None:
            parts.append(FreeNormal(float(value), 0.0, *bounds))
            continue
        key = (name, own.owner, own.label)
        known = covariance is not None and key in covariance.labels
        error = math.sqrt(covariance.between(key, key)) if covariance is not None and known else None
        parts.append(own.distribution(*bounds, error))
    shape = (len(lent.fields),) if lent.dims else ()
    return UncertainInput(name, lent.dims, shape, tuple(parts))


def _joined(
    found: tuple[UncertainInput, ...], inputs: Inputs, lent: Mapping[str, Lent], covariance: Covariance
) -> Uncertain:
    """The inputs with the correlation of those that the covariance tells of, for every label of their dims."""
    told = {name for name, _, _ in covariance.labels}
    members = [one for one in found if one.name in lent and one.name in told]
    dims = tuple(axis.name for axis in inputs.axes if any(axis.name in one.dims for one in members))
    lengths = tuple(inputs.sizes[dim] for dim in dims)
    correlation = np.empty((*lengths, len(members), len(members)))
    for place in np.ndindex(lengths):
        at = dict(zip(dims, place, strict=True))
        correlation[place] = _correlation(
            members, lent, covariance, lambda one, at=at: at[one.dims[0]] if one.dims else 0
        )
    return Uncertain(found, tuple(one.name for one in members), dims, correlation)


def _correlation(
    members: Sequence[UncertainInput],
    lent: Mapping[str, Lent],
    covariance: Covariance,
    place: Callable[[UncertainInput], int],
) -> np.ndarray:
    """The correlation of the scores at one label of every dim; what a record differs from its class is independent."""
    matrix = np.eye(len(members))
    for i, one in enumerate(members):
        for j, other in enumerate(members[:i]):
            fields = [lent[member.name].fields[place(member)] for member in (one, other)]
            errors = [_error(member.parts[place(member)]) for member in (one, other)]
            if all(errors) and fields[0] is not None and fields[1] is not None:
                keys = [(m.name, f.owner, f.label) for m, f in zip((one, other), fields, strict=True) if f is not None]
                matrix[i, j] = matrix[j, i] = covariance.between(*keys) / (errors[0] * errors[1])
    return matrix


def _error(part: Distribution) -> float:
    return part.error if isinstance(part, FreeNormal) else 0.0

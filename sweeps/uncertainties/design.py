"""The samples of a question about uncertainty: scores of all uncertain inputs, by scrambled Sobol sequences.

Samples come in parts of N along one axis. A and B are independent draws of all inputs. Part T_i is A with the input i
drawn anew from what the other inputs leave open, so that A and T_i differ by what only i can decide. Part F_i has the
input i of B and the others of A as far as that i allows, so that B and F_i share what i decides and nothing else.
For an independent input both are A with the column i of B, and evaluated once; N (k + c + 2) evaluations for k inputs
of which c are correlated.

Sources: Saltelli et al. 2010 (design and estimators), Kucherenko, Tarantola and Annoni 2012 (dependent inputs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...specs.normal_scores import scores_of
from ...specs.problems import RooflaxError
from .uncertain_inputs import Uncertain

_BITS = 30


def parts_of(uncertain: Uncertain, indices: bool) -> int:
    """The number of parts that a design of these inputs has: A alone where no indices are asked for."""
    return 2 + len(uncertain.inputs) + len(uncertain.joint) if indices else 1


def check_samples(samples: int) -> None:
    """Raises RooflaxError unless the number of samples is a power of 2, at which Sobol sequences are balanced."""
    if samples < 2 or samples & (samples - 1):
        below = 1 << max(samples.bit_length() - 1, 1)
        near = f"{below} or {2 * below}" if samples > 2 else "2"
        raise RooflaxError(
            f"{samples} {'sample' if samples == 1 else 'samples'}; a power of 2 was expected, at which "
            f"Sobol sequences are balanced: {near}"
        )


def sobol_scores(samples: int, inputs: int, seed: int) -> np.ndarray:
    """Independent standard normal scores (samples, inputs) of a scrambled Sobol sequence.

    The uniform points are multiples of 2^-30; half of that is added, so that none is 0 or 1.
    """
    from scipy.stats import qmc

    sequence = qmc.Sobol(inputs, scramble=True, bits=_BITS, rng=np.random.default_rng(seed))
    points = sequence.random_base2(samples.bit_length() - 1)
    return scores_of(points + 2.0 ** -(_BITS + 1))


class Design:
    """The samples of uncertain inputs: N scores a part, part after part, and where the parts are.

    `totals` and `firsts` hold, for each input, the position of its part T and F among all parts; A and B are 0 and 1.
    Both are empty where no indices are asked for. The draws of A are the same with indices and without.
    """

    def __init__(self, uncertain: Uncertain, samples: int, seed: int, *, indices: bool) -> None:
        """Raises RooflaxError unless `samples` is a power of 2."""
        check_samples(samples)
        self.uncertain, self.samples = uncertain, samples
        self.parts = parts_of(uncertain, indices)
        names, count = uncertain.names, len(uncertain.inputs)
        self.totals = {name: 2 + place for place, name in enumerate(names)} if indices else {}
        own = {name: 2 + count + place for place, name in enumerate(uncertain.joint)} if indices else {}
        self.firsts = {**self.totals, **own}
        drawn = sobol_scores(samples, 2 * count, seed).T
        self._drawn = {name: (drawn[place], drawn[count + place]) for place, name in enumerate(names)}
        self._joint = None
        if uncertain.joint:
            first, second = (np.stack([self._drawn[name][i] for name in uncertain.joint]) for i in (0, 1))
            self._joint = _joint(uncertain.correlation, first, second)

    @property
    def total(self) -> int:
        """The number of samples of all parts."""
        return self.parts * self.samples

    def dims(self, name: str) -> tuple[str, ...]:
        """The dims along which the scores of an input differ: none unless it is correlated with others."""
        return self.uncertain.dims if name in self.uncertain.joint else ()

    def scores(self, name: str) -> np.ndarray:
        """The scores of an input, (*lengths along its dims, total)."""
        if self._joint is not None and name in self.uncertain.joint:
            return self._joint_scores(self._joint, name)
        first, second = self._drawn[name]
        columns = [first] * self.parts
        if self.totals:
            columns[1] = columns[self.totals[name]] = second
        return np.concatenate(columns)

    def _joint_scores(self, joint: _Joint, name: str) -> np.ndarray:
        place = self.uncertain.joint.index(name)
        columns = [joint.first[..., place, :]] * self.parts
        if self.totals:
            columns[1] = joint.second[..., place, :]
            columns[self.totals[name]] = joint.redrawn[..., place, :]
            for other, moved in enumerate(self.uncertain.joint):
                columns[self.firsts[moved]] = joint.given(other, place)
        return np.concatenate(columns, axis=-1)


@dataclass(frozen=True)
class _Joint:
    """Correlated draws, each of shape (*lengths, c, N); `redrawn` has every input from what the others leave open.

    `correlation` is that of the scores, (*lengths, c, c).
    """

    first: np.ndarray
    second: np.ndarray
    redrawn: np.ndarray
    correlation: np.ndarray

    def given(self, known: int, place: int) -> np.ndarray:
        """The input at `place` of the first draw, moved as the one at `known` moves it where that is of the second."""
        moved = self.second[..., known, :] - self.first[..., known, :]
        return self.first[..., place, :] + self.correlation[..., place, known, None] * moved


def _joint(correlation: np.ndarray, first: np.ndarray, second: np.ndarray) -> _Joint:
    """Draws with the given correlation from independent ones (c, N)."""
    lower = np.linalg.cholesky(correlation)
    one, other = lower @ first, lower @ second
    precision = np.linalg.inv(correlation)
    own = np.diagonal(precision, axis1=-2, axis2=-1)[..., None]
    # The mean of one score given all others, from the precision: z_i - (P z)_i / P_ii.
    redrawn = one - (precision @ one) / own + second / np.sqrt(own)
    return _Joint(one, other, redrawn, correlation)

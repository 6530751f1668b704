"""Labels of a sweep that no point can satisfy, found before anything is stored."""

from __future__ import annotations

import math

import numpy as np

from .engine import MEMORY_LIMIT, evaluate, total_bytes
from .sweep import STATUS, Sweep

MOST_POINTS = 20_000_000


def infeasible_labels(sweep: Sweep) -> list[str]:
    """A sentence for every label of every axis at which no point is feasible, naming the condition that fails most.

    Nothing is said of grids with more than 20 million points on the dims of the conditions.
    """
    dims = sweep.dims[STATUS]
    if math.prod(sweep.shape(STATUS)) > MOST_POINTS or total_bytes(sweep, [STATUS], "float32") > MEMORY_LIMIT:
        return []
    status = evaluate(sweep, [STATUS], dtype="float32")[STATUS]
    sentences = []
    for position, dim in enumerate(dims):
        others = tuple(axis for axis in range(len(dims)) if axis != position)
        feasible = (status == 0).any(axis=others)
        labels = next(axis.labels for axis in sweep.axes if axis.name == dim)
        for index in np.flatnonzero(~feasible):
            codes = np.bincount(status.take(index, axis=position).ravel())
            check = sweep.checks[int(codes.argmax()) - 1]
            sentences.append(
                f"no point with {dim} = {_label(labels[index])} is feasible; {check.text} fails most often"
            )
    return sentences


def _label(label: object) -> str:
    return f"{label:g}" if isinstance(label, float) else str(label)

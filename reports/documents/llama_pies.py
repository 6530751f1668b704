"""The pies of document 002: what each is a share of, and the labels on its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from .llama_names import PARTS
from .llama_runs import (
    H100,
    IDEAL,
    INFERENCE,
    MEMORY_PARTS,
    PUBLISHED,
    TRAINING,
    decode_times,
    forward_times,
    memory_parts,
    shares,
)

if TYPE_CHECKING:
    import xarray as xr

Parts = Callable[[Mapping[str, "xr.Dataset"], int], Sequence[float]]


@dataclass(frozen=True)
class Pie:
    """One figure of four pies: its parts, and the whole percents read from its picture, a row a model."""

    name: str
    title: str
    parts: tuple[str, ...]
    of: Parts
    labels: tuple[tuple[int | None, ...], ...]
    note: str

    def shares(self, data: Mapping[str, xr.Dataset], model: int) -> list[float]:
        """The shares of one model in percent."""
        return shares(self.of(data, model))


def _forward(data: Mapping[str, xr.Dataset], model: int, setup: int) -> list[float]:
    return forward_times(data[TRAINING], model, setup)


_NOTE = (
    "Shares of the forward pass of one micro-batch. The GPU-hours are not made of it: three of these passes take 1.40, "
    "1.31, 1.14 and 1.17 times the micro-batch of the GPU-hours, in which only arithmetic is charged."
)
FIGURES = (
    Pie(
        "time-breakdown",
        "Where the forward pass goes, A100 at efficiencies 0.5 and 0.9",
        PARTS,
        partial(_forward, setup=PUBLISHED),
        ((26, 42, 1, 19, 2, 10), (28, 46, 0, 17, 2, 7), (29, 51, 0, 14, 1, 5), (30, 54, 0, 12, 1, 3)),
        _NOTE,
    ),
    Pie(
        "time-breakdown-ideal",
        "Where the forward pass goes, A100 at ideal efficiency",
        PARTS,
        partial(_forward, setup=IDEAL),
        ((22, 34, 1, 31, 4, 8), (23, 39, 1, 28, 3, 6), (25, 44, 1, 24, 2, 4), (27, 48, 1, 21, 1, 2)),
        "Communication and the input embedding gain share, as the text says, and so do the norms, which it denies.",
    ),
    Pie(
        "time-breakdown-h100",
        "Where the forward pass goes, H100 at efficiencies 0.5 and 0.9",
        PARTS,
        partial(_forward, setup=H100),
        ((21, 34, 1, 32, 4, 8), (23, 38, 1, 29, 3, 6), (25, 43, 1, 25, 2, 4), (27, 47, 1, 22, 1, 2)),
        "Arithmetic is 3.2 times as fast as on the A100, the link between GPUs 1.5 times.",
    ),
    Pie(
        "decode-breakdown",
        "Where a decode step goes, A100 at ideal efficiency",
        PARTS,
        lambda data, model: decode_times(data[INFERENCE], model),
        ((33, 65, 0, 0, 2, 0), (34, 64, 1, 0, 0, 1), (33, 66, 0, 0, 1, 0), (32, 63, 0, 4, 1, 0)),
        "Keys and values, 2.1 to 4.2 % of the step, are left out as in the document. The labels of LLaMA-13B on the "
        "document's picture do not agree with its own data.",
    ),
    Pie(
        "memory-breakdown",
        "Where the memory of training goes",
        MEMORY_PARTS,
        lambda data, model: memory_parts(data[TRAINING], model),
        ((None, None, 3, 97), (1, 1, 6, 92), (2, 2, 16, 80), (3, 3, 23, 71)),
        "The micro-batch is the largest that fits, so activations fill what the states leave. The two smallest parts "
        "of LLaMA-7B have no label on the picture.",
    ),
)

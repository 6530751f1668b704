"""Rounding to fewer mantissa bits: zeros at the end of a number compress, and its leading bits stay."""

from __future__ import annotations

import numpy as np
from numcodecs import BitRound


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Floating-point values to `bits` mantissa bits, the nearest, ties to even; NaN and infinity stay.

    The relative error is at most 2**-(bits + 1).
    """
    near = np.asarray(BitRound(bits).encode(np.ascontiguousarray(values))).view(values.dtype).reshape(values.shape)
    return np.where(np.isfinite(values), near, values)

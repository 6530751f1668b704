from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def double_precision() -> Iterator[None]:
    """Arithmetic in 64 bits, as `rooflax.evaluate` has it."""
    with jax.enable_x64(True):
        yield

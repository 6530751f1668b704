"""The small sweep of many blocks that tests of damage and disks share."""

from __future__ import annotations

import pytest
from stored_sweep import cut_small, filled


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Its finished store; tests of runs as processes have one of their own."""
    with pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        return filled(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def small_blocks(monkeypatch):
    """Grids are cut into blocks of few points."""
    cut_small(monkeypatch)

"""Fuzzed input of every kind ends in something read or a located problem, within time and memory.

The examples are the same in every run. `tests/fuzz/campaign.py` reads as many as one likes.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import fuzz_targets
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MOST_BYTES = 2**30
MOST_SECONDS = 10.0
EXAMPLES = {"spec": 250, "override": 100, "where": 1500, "quantity": 150, "grid": 150, "cases": 40, "record": 150}


@pytest.fixture(scope="module", autouse=True)
def bounded() -> Iterator[None]:
    """The address space of this process may grow by 1 GiB and no more."""
    fuzz_targets.prepare()
    before = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MOST_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


@pytest.mark.slow
@pytest.mark.parametrize("target", EXAMPLES)
def test_input_is_read_or_refused_with_located_problems(target: str) -> None:
    outcomes: dict[str, int] = {}

    @settings(max_examples=EXAMPLES[target], suppress_health_check=SLOW)
    @given(st.randoms(use_true_random=False))
    def read(draw: Random) -> None:
        begun = time.process_time()
        outcome = fuzz_targets.TARGETS[target](draw)
        assert time.process_time() - begun < MOST_SECONDS
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    read()
    assert {fuzz_targets.READ, fuzz_targets.REFUSED} <= outcomes.keys()


def test_what_is_neither_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("title: t\n")
    assert fuzz_targets.read_file(path) == fuzz_targets.REFUSED
    monkeypatch.setattr(fuzz_targets, "read_spec", lambda *_, **__: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        fuzz_targets.read_file(path)

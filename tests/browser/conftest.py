"""A real browser whose network ends at this machine, and the explorer as a process of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from served_explorer import Served, served

import rooflax

SPEC = """\
title: Which cluster trains it?
axes:
  hardware: [a100-sxm-80gb, h100-sxm-80gb]
  world_size: {pow2: [64, 1024]}
  tp: [1, 2, 4, 8]
  hbm_bandwidth: {min: 1 TB/s, max: 4 TB/s, num: 5, scale: log}
fixed: {model: llama-2-70b, seq_len: 4096, global_batch_size: 1024, zero_stage: 1, gpu_hour_price: 2.5 $/h}
outputs: [step_time, memory_per_gpu, cost_per_token, binding]
where: [fits_memory]
store: {dtype: float64}
"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
LIMIT_MS = 30_000
LOCAL = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:")


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """The machine's own Chromium."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with sync.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=[*FLAGS, "--disable-sync"])
        yield browser
        browser.close()


@dataclass
class Reader:
    """A page of the browser, what it asked of other machines, and what went wrong in it."""

    page: Any
    strangers: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@pytest.fixture
def reader(chromium) -> Iterator[Reader]:
    """A reader whose network ends at this machine, and who saw nothing go wrong."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    found = Reader(context.new_page())

    def route(asked) -> None:
        if LOCAL.match(asked.request.url):
            asked.continue_()
        else:
            found.strangers.append(asked.request.url)
            asked.abort()

    context.route("**/*", route)
    found.page.set_default_timeout(LIMIT_MS)
    found.page.on("pageerror", lambda error: found.faults.append(str(error)))
    found.page.on("console", lambda told: found.faults.append(told.text) if told.type == "error" else None)
    yield found
    context.close()
    assert found.strangers == []
    assert found.faults == []


@pytest.fixture(scope="session")
def spec(tmp_path_factory) -> Path:
    """The file of a spec of four axes."""
    path = tmp_path_factory.mktemp("spec") / "cluster.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="session")
def store(spec, tmp_path_factory) -> Path:
    """What the spec computes, stored."""
    path = tmp_path_factory.mktemp("stores") / "cluster.zarr"
    rooflax.run(spec, store=path)
    return path


@pytest.fixture(scope="session")
def live(spec) -> Iterator[Served]:
    """The explorer of the spec."""
    with served(str(spec)) as found:
        yield found


@pytest.fixture(scope="session")
def stored(store) -> Iterator[Served]:
    """The explorer of the store."""
    with served(str(store)) as found:
        yield found

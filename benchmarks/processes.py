"""Whole processes of the command line, with their seconds and most memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable

from .grids import SPEC

_TOLD = (
    "import resource, rooflax.cli\n"
    "try: rooflax.cli.main()\n"
    "except SystemExit as end: assert not end.code\n"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)


def stored_run(settings: Iterable[str]) -> tuple[float, int]:
    """Seconds and high-water mark, in bytes, of a run of the grid with overrides, into a new store."""
    with tempfile.TemporaryDirectory() as folder:
        own = ["run", str(SPEC), "-o", f"{folder}/x.zarr", "--quiet"]
        own += [part for setting in settings for part in ("--set", setting)]
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", _TOLD, *own], capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr)
    return seconds, int(done.stdout.split()[-1]) * (1 if sys.platform == "darwin" else 1024)

"""A campaign of fuzzed input: `python tests/fuzz/campaign.py [--specs N] [--seed S] [--workers W]`.

Every example is read in a process whose address space may grow by 1 GiB and whose examples may each take 10 s of
processor time. What is neither read nor refused with a located problem is a crash; its seed repeats it. The exit code
is 1 where there was one.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

MOST_BYTES = 2**30
MOST_SECONDS = 10.0
BATCH = 200
SHARES = {"spec": 1.0, "override": 0.2, "where": 0.5, "quantity": 0.5, "grid": 0.3, "cases": 0.1, "record": 0.3}


class Hang(BaseException):
    """More processor time than an example may take."""


def _hang(*_: object) -> None:
    raise Hang


def limited() -> None:
    """Bounds this process: its address space from now on, and the time of each example."""
    from fuzz_targets import prepare

    prepare()
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MOST_BYTES, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, _hang)


def judged(target: str, seed: str) -> tuple[str, float, str]:
    """The outcome of one example, the seconds it took, and the traceback of a crash."""
    from fuzz_targets import TARGETS

    begun = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        outcome, trace = TARGETS[target](Random(seed)), ""
    except (Exception, Hang):  # noqa: BLE001 (whatever it is, it is what is looked for)
        outcome, trace = "crash", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return outcome, time.process_time() - begun, trace


def batch(target: str, seed: int, first: int, count: int) -> dict[str, Any]:
    """Some examples in a row: how many of each outcome, the slowest, and the crashes."""
    outcomes: Counter[str] = Counter()
    slowest, crashes = (0.0, ""), []
    for place in range(first, first + count):
        name = f"{target}:{seed}:{place}"
        outcome, seconds, trace = judged(target, name)
        outcomes[outcome] += 1
        slowest = max(slowest, (seconds, name))
        if trace:
            crashes.append((name, trace))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"target": target, "outcomes": outcomes, "slowest": slowest, "crashes": crashes, "peak": peak}


def campaign(counts: dict[str, int], seed: int, workers: int) -> dict[str, dict[str, Any]]:
    """All examples of all targets, and what came of them by target."""
    found: dict[str, dict[str, Any]] = {
        name: {"outcomes": Counter(), "slowest": (0.0, ""), "crashes": [], "peak": 0} for name in counts
    }
    with ProcessPoolExecutor(workers, get_context("spawn"), limited) as pool:
        jobs = [
            pool.submit(batch, name, seed, first, min(BATCH, count - first))
            for name, count in counts.items()
            for first in range(0, count, BATCH)
        ]
        for done, job in enumerate(jobs, start=1):
            part = job.result()
            own = found[part["target"]]
            own["outcomes"] += part["outcomes"]
            own["slowest"] = max(own["slowest"], part["slowest"])
            own["peak"] = max(own["peak"], part["peak"])
            for name, trace in part["crashes"]:
                own["crashes"].append(name)
                click.echo(f"--- {name}\n{trace}")
            if done % 50 == 0:
                click.echo(f"{done} of {len(jobs)} batches", err=True)
    return found


def main() -> int:
    """Runs a campaign and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=int, default=100_000, help="how many specs; other targets have their share")
    parser.add_argument("--only", choices=sorted(SHARES), help="one target alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", metavar="NAME", help="one example by its name, such as spec:0:17, in this process")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the workers end too
    if given.repeat:
        outcome, seconds, trace = judged(given.repeat.split(":")[0], given.repeat)
        click.echo(f"{outcome} after {seconds:.2f} s\n{trace}")
        return int(bool(trace))
    begun = time.time()
    counts = {name: int(share * given.specs) for name, share in SHARES.items() if given.only in (None, name)}
    found = campaign(counts, given.seed, given.workers)
    click.echo(f"seed {given.seed}, {given.workers} workers, {time.time() - begun:.0f} s")
    for name, own in found.items():
        slow, which = own["slowest"]
        told = json.dumps(dict(own["outcomes"]))
        click.echo(f"{name:10} {told}  slowest {slow:.2f} s ({which})  peak {own['peak'] / 1024:.0f} MiB")
    return int(any(own["crashes"] for own in found.values()))


if __name__ == "__main__":
    sys.exit(main())

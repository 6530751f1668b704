"""A replica, step by step and request by request, in plain Python: what the formulas of a fleet are held against."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple


class Request(NamedTuple):
    """One request: when it comes, the prompt's length over the mean, and its steps after the first token."""

    arrival: float
    prompt: float
    steps: int


class Served(NamedTuple):
    """When the prompt was begun, and when the first and the last token came."""

    request: Request
    begun: float
    first: float
    last: float


class Times(NamedTuple):
    """Seconds of a mean prompt alone, of a decode step, and of a mixed step whose chunk is full."""

    prefill: float
    decode: float
    mixed: float = 0.0
    chunks: float = 1.0  # mixed steps that a mean prompt needs


def lognormal(chance: random.Random, variation: float) -> float:
    """A draw of mean 1."""
    shape = math.sqrt(math.log1p(variation**2))
    return math.exp(chance.gauss(0, 1) * shape - shape**2 / 2)


def poisson(
    seed: int, rate: float, number: int, steps: int, prompt_variation: float = 0, output_variation: float = 0
) -> list[Request]:
    """Requests of a Poisson stream; all at once where the rate is infinite."""
    chance, now, found = random.Random(seed), 0.0, []
    for _ in range(number):
        now += 0.0 if math.isinf(rate) else chance.expovariate(rate)
        length = round(steps * lognormal(chance, output_variation))
        found.append(Request(now, lognormal(chance, prompt_variation), max(length, 0)))
    return found


def separate(requests: Sequence[Request], slots: int, times: Times) -> list[Served]:
    """A replica that reads a waiting prompt, alone, before it decodes on."""
    now, step, coming, served = 0.0, 0, deque(requests), []
    active: list[tuple[int, int, Served]] = []  # the step after which each sequence ends
    while coming or active:
        if coming and coming[0].arrival <= now and len(active) < slots:
            request = coming.popleft()
            begun, now = now, now + times.prefill * request.prompt
            entry = Served(request, begun, now, now)
            if request.steps:
                heapq.heappush(active, (step + request.steps, len(served), entry))
            served.append(entry)
        elif active:
            now, step = now + times.decode, step + 1
            while active and active[0][0] == step:
                _, place, entry = heapq.heappop(active)
                served[place] = entry._replace(last=now)
        else:
            now = coming[0].arrival
    return served


def chunked(requests: Sequence[Request], slots: int, times: Times) -> list[Served]:
    """A replica whose every step advances all decodes and up to a chunk of the prompts in order.

    Sequences that decode take the slots; the prompt that is being read comes on top.
    """
    now, step, coming, served = 0.0, 0, deque(requests), []
    active: list[tuple[int, int, Served]] = []
    left, reading = 0.0, Served(Request(0, 0, 0), 0, 0, 0)
    while coming or active or left:
        room, ready, started = 1.0, list[Served](), now
        while room > 0:
            if not left:
                if not coming or coming[0].arrival > now or len(active) + len(ready) > slots:
                    break
                request = coming.popleft()
                left, reading = times.chunks * request.prompt, Served(request, now, 0, 0)
            piece = min(left, room)
            left, room = left - piece, room - piece
            if not left:
                ready.append(reading)
        if room == 1 and not active:
            now = coming[0].arrival
            continue
        now, step = started + times.decode + (1 - room) * (times.mixed - times.decode), step + 1
        while active and active[0][0] == step:
            _, place, entry = heapq.heappop(active)
            served[place] = entry._replace(last=now)
        for entry in (begun._replace(first=now, last=now) for begun in ready):
            if entry.request.steps:
                heapq.heappush(active, (step + entry.request.steps, len(served), entry))
            served.append(entry)
    return served


def static(requests: Sequence[Request], slots: int, times: Times) -> float:
    """Seconds of batches that read all their prompts and decode until their longest sequence ends."""
    total = 0.0
    for start in range(0, len(requests), slots):
        batch = requests[start : start + slots]
        total += sum(times.prefill * request.prompt for request in batch)
        total += max(request.steps for request in batch) * times.decode
    return total


def waits(arrivals: Sequence[float], services: Sequence[float], servers: int) -> list[float]:
    """The wait of each arrival before the first of several servers that falls free."""
    free, found = [0.0] * servers, []
    for arrival, service in zip(arrivals, services, strict=True):
        start = max(arrival, heapq.heappop(free))
        found.append(start - arrival)
        heapq.heappush(free, start + service)
    return found


def mean(values: Sequence[float]) -> float:
    """The mean."""
    return math.fsum(values) / len(values)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of all stays below."""
    return sorted(values)[math.ceil(share * len(values)) - 1]

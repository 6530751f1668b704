"""What the recommendation, serving and reinforcement learning rules read, beside the inputs they share with training.

Domains are as wide as the notebook's code: it takes zero and negative numbers.
"""

from __future__ import annotations

import math
from typing import Annotated

from ....specs.vocabulary import Group, Kind, Leaf
from ...annotations import Array, Unit

NAMESPACE = "rules"

Milliseconds = Annotated[Array, Unit("ms")]
Gigabytes = Annotated[Array, Unit("GB")]
TeraflopsPerSecond = Annotated[Array, Unit("TFLOP/s")]
TerabytesPerSecond = Annotated[Array, Unit("TB/s")]

_DEFAULT = "the document's default"


def _number(
    name: str, unit: str, label: str, group: Group, default: float | None = None, reason: str = "", note: str = ""
) -> Leaf:
    return Leaf(name, unit, Kind.CONTINUOUS, label, group, low=-math.inf, default=default, reason=reason, note=note)


def _count(name: str, label: str, group: Group, default: float | None = None, reason: str = "", note: str = "") -> Leaf:
    return Leaf(name, "1", Kind.COUNT, label, group, low=-math.inf, default=default, reason=reason, note=note)


LEAVES = (
    _count("gpus_per_node", "GPUs of a node", Group.PARALLELISM, 8, _DEFAULT),
    _number("gpu_memory_gb", "GB", "Memory of one GPU", Group.INFERENCE, 80, _DEFAULT, "80 for A100 and H100"),
    _number("memory_bandwidth_tbs", "TB/s", "Memory bandwidth of one GPU", Group.INFERENCE, 3.35, _DEFAULT),
    _number(
        "h100_bandwidth_tbs",
        "TB/s",
        "Memory bandwidth of the serving H100",
        Group.INFERENCE,
        3.35,
        "where the document serves users it takes an H100, whatever the hardware",
    ),
    _count("prompt_len", "Prompt in tokens", Group.INFERENCE, note="`avg_prompt_len` where the document serves users"),
    _count("gen_len", "Generated tokens", Group.INFERENCE, note="`avg_gen_len` where the document serves users"),
    _count("num_users", "Users", Group.INFERENCE),
    _number("requests_per_second_per_user", "1/s", "Requests of one user", Group.INFERENCE),
    _number(
        "target_latency_ms",
        "ms",
        "Latency that a request may have",
        Group.INFERENCE,
        note="the document asks for it and never uses it to size anything",
    ),
    _count("num_ppo_epochs", "Passes of PPO over one batch", Group.TRAINING),
    _count("total_gpus", "GPUs of the reinforcement learning run", Group.TRAINING),
    Leaf(
        "rl_mode",
        "1",
        Kind.CHOICE,
        "Whether generation waits for training",
        Group.TRAINING,
        options=("sync", "async"),
        default="sync",
        reason=_DEFAULT,
        note="the document's code takes every other text for async",
    ),
)

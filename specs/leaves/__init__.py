"""The shipped leaves, one file a group."""

from . import (
    energy,
    hardware,
    inference,
    model,
    money,
    network,
    parallelism,
    precision,
    reinforcement,
    reliability,
    scaling,
    serving,
    software,
    training,
)

LEAVES = (
    *model.LEAVES,
    *hardware.LEAVES,
    *network.LEAVES,
    *precision.LEAVES,
    *software.LEAVES,
    *parallelism.LEAVES,
    *training.LEAVES,
    *inference.LEAVES,
    *serving.LEAVES,
    *reinforcement.LEAVES,
    *scaling.LEAVES,
    *reliability.LEAVES,
    *money.LEAVES,
    *energy.LEAVES,
)

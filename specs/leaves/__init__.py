"""The shipped leaves, one file a group."""

from . import hardware, inference, model, money, network, parallelism, precision, software, training

LEAVES = (
    *model.LEAVES,
    *hardware.LEAVES,
    *network.LEAVES,
    *precision.LEAVES,
    *software.LEAVES,
    *parallelism.LEAVES,
    *training.LEAVES,
    *inference.LEAVES,
    *money.LEAVES,
)

"""Failures, checkpoints and restarts of a long training run, and GPUs that are slower than others."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_number = partial(Leaf, kind=Kind.CONTINUOUS, group=Group.RELIABILITY)
_UNBOUNDED = 1e18

LEAVES = (
    _number(
        "gpu_mtbf",
        unit="s",
        label="Mean time between failures of one GPU and of what fails with it",
        above=True,
        default=16384 * 54 * 86400 / 419,
        reason="Llama 3 405B: 419 unexpected interruptions in 54 days on 16,384 H100, 5.8 years each (table 5)",
        note="counts whatever interrupts the run: host, network and software beside the GPU, over the GPUs",
    ),
    _number(
        "detection_time",
        unit="s",
        label="Time to detect and to diagnose a failure",
        default=600.0,
        reason="MegaScale: less than 10 minutes on average (sec. 6.3)",
    ),
    _number(
        "initialisation_time",
        unit="s",
        label="Time to schedule a run again and to initialise it",
        default=300.0,
        reason="MegaScale: back within 15 minutes, up to 10 of which go to detection and diagnosis (sec. 6.3)",
        note="without loading the checkpoint",
    ),
    _number(
        "checkpoint_bandwidth",
        unit="B/s",
        label="Bandwidth between one GPU and the checkpoint store",
        above=True,
        default=2e12 / 16384,
        reason="Llama 3 405B: a store that sustains 2 TB/s for 16,384 GPUs (sec. 3.3.1)",
    ),
    _number(
        "storage_bandwidth",
        unit="B/s",
        label="Bandwidth of the whole checkpoint store",
        above=True,
        default=_UNBOUNDED,
        reason="unbounded: a store that grows with the cluster unless its limit is said",
    ),
    Leaf(
        "asynchronous_checkpoint",
        "1",
        Kind.FLAG,
        "Checkpoints are copied to the host and written while training goes on",
        Group.RELIABILITY,
        high=1,
        default=0,
        reason="the safe side: a plain save waits until everything is written",
    ),
    _number(
        "node_repair_time",
        unit="s",
        label="Time until a failed node serves again, mean over all failures",
        default=0.0,
        reason="a node is replaced as part of the restart unless a repair is said to take longer",
        note="a failure that leaves its node usable counts with 0",
    ),
    Leaf(
        "spare_nodes",
        "1",
        Kind.COUNT,
        "Nodes that stand by for failed ones",
        Group.RELIABILITY,
        default=0,
        reason="none is paid for unless said",
    ),
    Leaf(
        "gpus_per_node",
        "1",
        Kind.COUNT,
        "GPUs of one node",
        Group.RELIABILITY,
        low=1,
        default=8,
        reason="HGX and DGX machines from A100 to B200 have eight",
    ),
    _number(
        "step_time_variation",
        unit="1",
        label="Standard deviation of one GPU's step time over its mean",
        default=0.0,
        reason="predicted step times are calibrated on measured ones, stragglers included",
        note="of equal work on GPUs of one kind; faulty nodes are failures",
    ),
)

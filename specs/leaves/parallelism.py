"""How a model is spread over GPUs, and what of the communication is hidden."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_degree = partial(Leaf, unit="1", kind=Kind.COUNT, group=Group.PARALLELISM, low=1, default=1, reason="no split")
_overlap = partial(
    Leaf,
    unit="1",
    kind=Kind.CONTINUOUS,
    group=Group.PARALLELISM,
    high=1,
    default=0.0,
    reason="nothing is hidden unless said: an upper bound of the exposed time",
)

LEAVES = (
    Leaf("world_size", "1", Kind.COUNT, "GPUs", Group.PARALLELISM, low=1, aliases=("num_gpus", "n_gpus")),
    _degree("tp", label="Tensor parallel degree", aliases=("tp_size", "tensor_par")),
    _degree("pp", label="Pipeline parallel degree", aliases=("pp_size",)),
    _degree("cp", label="Context parallel degree", aliases=("cp_size",)),
    _degree("ep", label="Expert parallel degree", aliases=("ep_size",)),
    _degree("vpp", label="Virtual stages per pipeline rank", aliases=("interleaving",)),
    Leaf(
        "sequence_parallel",
        "1",
        Kind.FLAG,
        "Sequence parallelism beside tensor parallelism",
        Group.PARALLELISM,
        high=1,
        default=1,
        reason="on when tp > 1, as Megatron recommends; without effect at tp = 1",
    ),
    Leaf(
        "zero_stage",
        "1",
        Kind.CHOICE,
        "ZeRO stage",
        Group.PARALLELISM,
        options=("0", "1", "2", "3"),
        default="1",
        reason="sharded optimizer: the usual choice of large runs",
        aliases=("ds_zero",),
    ),
    _overlap("tp_overlap", label="Hidden share of tensor parallel communication"),
    _overlap("dp_overlap", label="Hidden share of data parallel communication"),
    _overlap("pp_overlap", label="Hidden share of pipeline communication"),
    _overlap("ep_overlap", label="Hidden share of expert parallel communication"),
    _overlap("cp_overlap", label="Hidden share of context parallel communication"),
)

"""How a model is spread over GPUs."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_degree = partial(Leaf, unit="1", kind=Kind.COUNT, group=Group.PARALLELISM, low=1, default=1, reason="no split")
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
    _degree("dp_replicate", label="Replicas of the sharded states (HSDP)"),
    Leaf(
        "pipeline_schedule",
        "1",
        Kind.CHOICE,
        "Pipeline schedule",
        Group.PARALLELISM,
        options=("1f1b", "interleaved", "zero_bubble", "dualpipe"),
        default="1f1b",
        reason="the common schedule; with vpp > 1 it is interleaved",
    ),
    Leaf(
        "cp_exchange",
        "1",
        Kind.CHOICE,
        "How context parallel ranks exchange keys and values",
        Group.PARALLELISM,
        options=("ring", "all_to_all"),
        default="ring",
        reason="the default of Megatron-Core and torchtitan",
        note="all_to_all exchanges heads for positions (DeepSpeed-Ulysses)",
    ),
    Leaf(
        "all_reduce_algorithm",
        "1",
        Kind.CHOICE,
        "Algorithm of all-reduces",
        Group.PARALLELISM,
        options=("ring", "tree", "best"),
        default="best",
        reason="libraries choose the faster one by message size",
    ),
)

"""What a software stack adds to the chip: the fields of a software_stack record."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_number = partial(Leaf, unit="1", kind=Kind.CONTINUOUS, group=Group.SOFTWARE)
_overlap = partial(_number, high=1, default=0.0)
_EXPOSED = "nothing is hidden unless said: an upper bound of the exposed time"

LEAVES = (
    _number(
        "kernel_efficiency",
        label="Share of the chip's attainable rates that the stack's kernels reach",
        high=1,
        above=True,
        default=1.0,
        reason="kernels as good as the vendor's best",
    ),
    Leaf(
        "synchronous_attention",
        "1",
        Kind.FLAG,
        "Fused attention without the chip's asynchronous instructions (FlashAttention-2)",
        Group.SOFTWARE,
        high=1,
        default=0,
        reason="the vendor's fastest kernel: FlashAttention-3 or cuDNN on Hopper",
    ),
    _number(
        "vector_traffic_factor",
        label="Traffic of vector operators over that of perfectly fused ones",
        low=1,
        default=1.0,
        reason="one kernel per norm, residual and activation, each tensor moved once",
    ),
    _number(
        "launch_overhead",
        unit="s",
        label="Host time to issue one layer, forward",
        default=0.0,
        reason="the host is faster than the device unless said",
        note="a layer takes at least this long, and twice this backward",
    ),
    _number(
        "step_overhead",
        unit="s",
        label="Time between steps that neither computes nor communicates",
        default=0.0,
        reason="data loading and logging hide behind the step",
    ),
    _number(
        "layer_gap",
        unit="s",
        label="Time between the kernels of one layer in a serving pass",
        default=0.0,
        reason="kernels follow one another without a gap unless said",
        note="starting and draining them, where no work of another kernel runs meanwhile",
    ),
    _number(
        "pass_overhead",
        unit="s",
        label="Time of a serving pass beside its layers: scheduling and sampling",
        default=0.0,
        reason="scheduling hides behind the pass before unless said",
    ),
    _number(
        "pass_collective_overhead",
        unit="s",
        label="Time to start one collective in a serving pass",
        default=1e-5,
        reason="kernels of serving stacks exchange small messages without the start of a library's collective",
    ),
    _number(
        "kv_reread_share",
        label="Share of the cache that query heads of one group read again each",
        high=1,
        default=0.0,
        reason="kernels since 2023 take the query heads of a group together",
        note="1: every query head reads the keys and values that its group shares by itself",
    ),
    _number(
        "widening_flops",
        unit="FLOP",
        label="Vector instructions to widen one weight that is stored narrower than products run",
        default=0.0,
        reason="widening hides behind reading unless said",
    ),
    _overlap("tp_overlap", label="Hidden share of tensor parallel communication", reason=_EXPOSED),
    _overlap("dp_overlap", label="Hidden share of data parallel communication", reason=_EXPOSED),
    _overlap("pp_overlap", label="Hidden share of pipeline communication", reason=_EXPOSED),
    _overlap("ep_overlap", label="Hidden share of expert parallel communication", reason=_EXPOSED),
    _overlap("cp_overlap", label="Hidden share of context parallel communication", reason=_EXPOSED),
    _overlap("offload_overlap", label="Hidden share of transfers to and from the host", reason=_EXPOSED),
    _number(
        "comm_slowdown",
        label="Slowdown of compute while communication runs beside it",
        default=0.0,
        reason="communication kernels are taken to leave compute alone",
        note="every hidden second of communication costs this many seconds of compute",
    ),
    Leaf(
        "expert_dispatch",
        "1",
        Kind.CHOICE,
        "How tokens travel to their experts",
        Group.SOFTWARE,
        options=("all_to_all", "deduplicated"),
        default="all_to_all",
        reason="what every framework has",
        note="deduplicated: a token crosses to a domain once, however many of its experts are there (DeepEP)",
    ),
)

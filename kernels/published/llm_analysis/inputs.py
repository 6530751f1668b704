"""What the tool reads beside the main models' inputs: its parallelism, data type, efficiencies and fixed widths.

Defaults are the tool's, except the GPU and the data type, where the document names its own.
"""

from __future__ import annotations

from functools import partial

from ....specs.vocabulary import Group, Kind, Leaf

NAMESPACE = "llm_analysis"

GPUS = ("a100-sxm-80gb", "h100-sxm-80gb")
DTYPES = (
    "w16a16e16",
    "w16a16e32",
    "w8a16e16",
    "w8a16e32",
    "w8a8e16",
    "w8a8e32",
    "w4a16e16",
    "w4a16e32",
    "w4a8e16",
    "w4a8e32",
    "w4a4e16",
    "w4a4e32",
)
RECOMPUTATIONS = ("none", "selective", "full")
ZERO_STAGES = ("0", "1", "2", "3")
_TOOL = "the tool's default"
_DOCUMENT = "the document's default"
_FIXED = "fixed in the tool's code"

_count = partial(Leaf, unit="1", kind=Kind.COUNT, low=1)
_width = partial(Leaf, unit="B", kind=Kind.CONTINUOUS)
_share = partial(Leaf, unit="1", kind=Kind.CONTINUOUS, high=1, above=True)

LEAVES = (
    Leaf(
        "gpu", "1", Kind.CHOICE, "GPU of the tool", Group.HARDWARE, options=GPUS, default=GPUS[0], reason=_DOCUMENT,
        note="its rates and sizes are quantities of this namespace and can be given instead",
    ),
    Leaf(
        "dtype", "1", Kind.CHOICE, "Data type scheme of the tool", Group.PRECISION, options=DTYPES, default=DTYPES[0],
        reason=_DOCUMENT, note="bits of a weight, an activation and an embedding entry",
    ),
    _share(
        name="flops_efficiency", label="Share of the peak rate assumed by the tool", group=Group.HARDWARE, default=1,
        reason=_TOOL, note="the document trains with 0.5; operations of recomputation count, unlike in an MFU",
    ),
    _share(
        name="hbm_memory_efficiency", label="Share of the memory bandwidth assumed by the tool", group=Group.HARDWARE,
        default=1, reason=_TOOL, note="the document trains with 0.9",
    ),
    _count(name="tp", label="Tensor parallel ranks of the tool", group=Group.PARALLELISM, default=1, reason=_TOOL),
    _count(name="pp", label="Pipeline stages of the tool", group=Group.PARALLELISM, default=1, reason=_TOOL),
    _count(
        name="sp", label="Sequence parallel ranks of the tool", group=Group.PARALLELISM, default=1, reason=_TOOL,
        note="1, or the tensor parallel ranks; read by training alone",
    ),
    _count(
        name="gpus_per_node", label="GPUs of one node in the tool", group=Group.PARALLELISM, default=8, reason=_TOOL
    ),
    Leaf(
        "zero_stage", "1", Kind.CHOICE, "ZeRO stage of the tool", Group.PARALLELISM, options=ZERO_STAGES,
        default="0", reason=_TOOL,
    ),
    Leaf(
        "recompute", "1", Kind.CHOICE, "Activation recomputation of the tool", Group.TRAINING, options=RECOMPUTATIONS,
        default="none", reason=_TOOL, note="the document trains with selective",
    ),
    Leaf(
        "use_kv_cache", "1", Kind.FLAG, "Keys and values are cached", Group.INFERENCE, high=1, default=1, reason=_TOOL
    ),
    _count(
        name="max_seq_len", label="Longest sequence of the model in the tool", group=Group.MODEL, default=2048,
        reason="the LLaMA configurations of the tool",
    ),
    _width(
        name="inference_norm_width", label="Bytes of a norm's element held in inference", group=Group.PRECISION,
        default=2, reason=_TOOL,
    ),
    _width(
        name="training_norm_width", label="Bytes of a norm's element held in training", group=Group.PRECISION,
        default=4, reason=_TOOL,
    ),
    _width(
        name="timed_norm_width", label="Bytes of a norm's element that its time charges", group=Group.PRECISION,
        default=4, reason=_FIXED,
    ),
    _width(
        name="dropout_mask_width", label="Bytes of a dropout mask's element", group=Group.PRECISION, default=1,
        reason=_FIXED,
    ),
    _width(
        name="optimizer_width", label="Optimizer bytes of a parameter", group=Group.PRECISION, default=16,
        reason=_FIXED, note="fp32 copies of weight and gradient, momentum and variance",
    ),
    Leaf(
        "reported_gpu_hours", "h", Kind.CONTINUOUS, "GPU-hours that the LLaMA paper reports", Group.TRAINING,
        note="table 15 of the paper",
    ),
    Leaf(
        "reported_gpu_power", "W", Kind.CONTINUOUS, "Power of one GPU in the LLaMA paper", Group.HARDWARE, default=400,
        reason="table 15 of the paper",
    ),
    Leaf(
        "reported_pue", "1", Kind.CONTINUOUS, "Power usage effectiveness in the LLaMA paper", Group.MONEY,
        default=1.1, reason="section 6 of the paper",
    ),
    Leaf(
        "reported_carbon_intensity", "kg/J", Kind.CONTINUOUS, "Carbon of one joule in the LLaMA paper", Group.MONEY,
        default=0.385 / 3.6e6, reason="section 6 of the paper: 0.385 kg a kWh",
    ),
)  # fmt: skip

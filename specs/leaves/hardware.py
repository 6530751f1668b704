"""One accelerator as software sees it (one device of `world_size`): the fields of a hardware record."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_number = partial(Leaf, kind=Kind.CONTINUOUS, group=Group.HARDWARE, above=True)
_NO_PATH = "0: no native path is stated for this format, so the next wider one runs"

LEAVES = (
    _number("peak_flops_bf16", unit="FLOP/s", label="Peak rate, bf16 dense", above=False, default=0.0, reason=_NO_PATH),
    _number("peak_flops_fp16", unit="FLOP/s", label="Peak rate, fp16 dense", above=False, default=0.0, reason=_NO_PATH),
    _number("peak_flops_tf32", unit="FLOP/s", label="Peak rate, tf32 dense", above=False, default=0.0, reason=_NO_PATH),
    _number(
        "peak_flops_fp32", unit="FLOP/s", label="Peak rate, fp32 vector", above=False, default=0.0, reason=_NO_PATH
    ),
    _number("peak_flops_fp8", unit="FLOP/s", label="Peak rate, fp8 dense", above=False, default=0.0, reason=_NO_PATH),
    _number("peak_flops_int8", unit="FLOP/s", label="Peak rate, int8 dense", above=False, default=0.0, reason=_NO_PATH),
    _number("peak_flops_fp4", unit="FLOP/s", label="Peak rate, fp4 dense", above=False, default=0.0, reason=_NO_PATH),
    _number("peak_flops_int4", unit="FLOP/s", label="Peak rate, int4 dense", above=False, default=0.0, reason=_NO_PATH),
    _number("hbm_capacity", unit="B", label="Memory of one GPU", note="what the driver reports where known"),
    _number("hbm_bandwidth", unit="B/s", label="Memory bandwidth", aliases=("mem_bw",)),
    _number("tdp", unit="W", label="Board power limit"),
    _number("idle_power", unit="W", label="Idle power"),
    Leaf(
        "compute_efficiency",
        "1",
        Kind.CONTINUOUS,
        "Share of peak rate that large matrix products reach",
        Group.HARDWARE,
        high=1,
        above=True,
        default=0.75,
        reason="large bf16 GEMMs reach 73 % on H100 and 75 % on A100 (median of the vidur tables), and 72-87 % at best "
        "shapes (ml-engineering MAMF)",
    ),
    Leaf(
        "hbm_efficiency",
        "1",
        Kind.CONTINUOUS,
        "Share of memory bandwidth that streaming operators reach",
        Group.HARDWARE,
        high=1,
        above=True,
        default=0.85,
        reason="copies reach 87 % on Ironwood (tpu-recipes) and 80-90 % on GPUs",
    ),
)

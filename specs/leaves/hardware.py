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
    _number(
        "tdp",
        unit="W",
        label="Board power limit",
        above=False,
        default=0.0,
        reason="not stated: power is taken to limit nothing",
    ),
    _number(
        "flop_energy",
        unit="J/FLOP",
        label="Board energy of one 16-bit FLOP of a sustained matrix product",
        above=False,
        default=0.93e-12,
        reason="B200 at 1000 W sustains 0.48 of its peak on long products, 0.64 on short ones (SimuMax tables)",
        note="at peak, narrower formats draw three quarters of it",
    ),
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
    Leaf(
        "narrow_efficiency",
        "1",
        Kind.CONTINUOUS,
        "Rate of 8- and 4-bit matrix products over peak, as a share of that in 16 bits",
        Group.HARDWARE,
        high=1,
        above=True,
        default=0.8,
        reason="fp8 products reach 67 % of their peak on H100 where bf16 ones reach 80 % (ml-engineering MAMF)",
    ),
    Leaf(
        "attention_efficiency",
        "1",
        Kind.CONTINUOUS,
        "Share of peak rate that fused attention reaches with large heads on long sequences",
        Group.HARDWARE,
        high=1,
        above=True,
        default=0.7,
        reason="FlashAttention-2 reaches 50-73 % of peak on A100 with heads of 128, which lose 28 % (Dao 2023)",
    ),
    Leaf(
        "synchronous_share",
        "1",
        Kind.CONTINUOUS,
        "Attention rate without asynchronous instructions over that with them",
        Group.HARDWARE,
        high=1,
        above=True,
        default=1.0,
        reason="chips before Hopper have no asynchronous instructions",
    ),
    Leaf(
        "gemm_half_size",
        "1",
        Kind.CONTINUOUS,
        "Rows, columns or depth at which a matrix product loses half its rate",
        Group.HARDWARE,
        default=0.0,
        reason="large products: the shape does not matter",
    ),
    Leaf(
        "host_bandwidth",
        "B/s",
        Kind.CONTINUOUS,
        "Bandwidth between a GPU and host memory, one direction",
        Group.HARDWARE,
        above=True,
        default=25e9,
        reason="PCIe 4.0 x16: 31.5 GB/s raw, about 25 GB/s for large copies",
    ),
)

"""Bytes per element and the format of matrix products: the fields of a precision record."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_width = partial(Leaf, unit="B", kind=Kind.CONTINUOUS, group=Group.PRECISION, high=8)

FORMATS = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp4", "int4")

LEAVES = (
    _width("weight_width", label="Bytes per weight", above=True, note="scales of block formats included"),
    _width("activation_width", label="Bytes per activation", above=True),
    _width("gradient_width", label="Bytes per gradient"),
    _width("master_width", label="Bytes per master weight", note="0 where the weights are their own master"),
    _width(
        "optimizer_width",
        label="Bytes of optimizer moments per parameter",
        high=16,
        note="both Adam moments together: 8 in fp32",
    ),
    _width(
        "embedding_width",
        label="Bytes per element of embeddings and head when serving",
        above=True,
        default=2.0,
        reason="quantised checkpoints keep embeddings and head in 16 bits",
    ),
    _width("kv_width", label="Bytes per element of the key/value cache", above=True),
    Leaf(
        "matmul_format",
        "1",
        Kind.CHOICE,
        "Format in which matrix products run",
        Group.PRECISION,
        options=FORMATS,
        note="the wider of the weight and activation formats",
    ),
)

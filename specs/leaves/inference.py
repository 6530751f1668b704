"""One serving replica: lengths and concurrency."""

from ..vocabulary import Group, Kind, Leaf

LEAVES = (
    Leaf(
        "prompt_len", "1", Kind.COUNT, "Prompt length in tokens", Group.INFERENCE, low=1, aliases=("input_len", "isl")
    ),
    Leaf("output_len", "1", Kind.COUNT, "Output length in tokens", Group.INFERENCE, low=1, aliases=("osl", "gen_len")),
    Leaf(
        "concurrency",
        "1",
        Kind.COUNT,
        "Sequences decoded together by one replica",
        Group.INFERENCE,
        low=1,
        note="each sequence is prefilled alone and decoded in a batch of this size",
    ),
)

"""Known errors of the hop-typed document, each stated once for all the formulas it touches."""

from __future__ import annotations

from ...registry import Erratum

NVLINK_BANDWIDTH = Erratum(
    "I1.1",
    wrong="1/90e9 s per byte on NVLink (11 ps/B)",
    right="1/450e9 s per byte, by `hop_typed.nvlink_bandwidth`",
    why="The document's own table says 900 GB/s, ten times what its code divides by; and 900 GB/s counts both "
    "directions, while a message uses one.",
)
UNIT_COMMENTS = Erratum(
    "I1.2",
    wrong="comments and text announce MiB, us and nJ",
    right="the columns are decimal MB, ms and mJ, as their names say",
    why="The code divides bytes by 1e6 and multiplies seconds and joules by 1e3.",
)
GROUP_LABEL = Erratum(
    "I1.3",
    wrong='the rule looks for "-8" and "-16"; every label has U+2011 and gets a group of 2, so Total_MB is twice PerGPU_MB',
    right="the number in the label, whichever hyphen it has: 8, 16, 8, 16, 8, 8, and 2 for PP",
    why="U+2011 is not the ASCII hyphen. With that one, DP-64 and TP-4 would still get 2, and DP-80 would get 8.",
)
ONE_PHASE = Erratum(
    "I1.4",
    wrong="PerGPU_MB of DP is L(n-1)/n: 73.4 MB for ATTN DP-8",
    right="2L(n-1)/n: 146.8 MB, by `hop_typed.dp_volume_corrected`",
    why="An all-reduce is a reduce-scatter and an all-gather; latency and energy do count both, the volume only one.",
)
ENERGY_SCOPE = Erratum(
    "I1.5",
    wrong="the energy of DP is that of the whole group, those of TP and PP are one sender's",
    right="every GPU's, by `hop_typed.energy_corrected`: 9.395 mJ for one all-reduce over TP-8",
    why="Numbers of different scope stand in one column and are compared.",
)
TP_SCHEDULE = Erratum(
    "I1.6",
    wrong="TP sends the whole activation twice over one NVLink hop, whatever the group",
    right="a ring all-reduce over the group, by `hop_typed.tp_latency_corrected`",
    why="A reduce-scatter followed by an all-reduce is no schedule; each of 8 GPUs sends 2 (8-1)/8 of the activation "
    "in 14 steps.",
)
UNGATED = Erratum(
    "I1.7",
    wrong="the feed-forward has two matrices: 234.9 MB",
    right="three, since that of LLaMA-3 is gated: 352.3 MB, by `hop_typed.layer_bytes_corrected`",
    why="The document says so itself (`no gate`); LLaMA-3 has none without. Its `multi-query` attention has 8 key and "
    "value heads, which is grouped, and its `full-precision` gradients are counted at 2 bytes.",
)
ONE_BLOCK = Erratum(
    "I1.8",
    wrong="rows stand for one block, which neither the table nor the text says of the 32",
    right="a training step reduces the gradients of all layers: `dp_comm_time` of the main models",
    why="The number of layers is stated and never multiplied in.",
)
STORE_AND_FORWARD = Erratum(
    "I1.10",
    wrong="a message to another node waits for each of its three hops in turn",
    right="the slowest link bounds it, since the hops work at the same time: `hop_typed.pp_latency_corrected`",
    why="Transfers are cut into packets, so that the links of a route carry different packets of one message at once.",
)
NEGATIVE_BYTES = Erratum(
    "I1.11",
    wrong="a message of -1 bytes has a latency of 0.2 us and a negative energy",
    right="a message has 0 bytes or more",
    why="The code does not look at its arguments.",
)

"""Formulas and errata that the forward passes of prefill, decode and training share."""

from __future__ import annotations

from ...registry import Erratum

FORWARD = "definition: document 002, get_latency_fwd of llm-analysis"
FLOPS = r"L\,(24\,b s h^2 + 4\,b s^2 h) + 2\,b s h V"
ATTENTION = (
    r"\lfloor L / p \rfloor \max\left(\frac{8\,b s h^2 + 4\,b s^2 h}{t F}, "
    r"\frac{4\,h^2 w / t + (b s h + 4\,b s h / t + 2\,a s^2 b / t)\,w_a}{W}\right)"
)
MLP = (
    r"\lfloor L / p \rfloor \max\left(\frac{16\,b s h^2}{t F}, "
    r"\frac{8\,h^2 w / t + (b s h + 8\,b s h / t)\,w_a}{W}\right)"
)
NORM = r"2 \lfloor L / p \rfloor \frac{4\,b s h}{W}"
_ALL_REDUCE = r"\max\left(2\,b s h\,\frac{t-1}{t}\,\frac{w_a}{\beta_{node}}, \alpha_{node}\right)"
TP = r"2 \lfloor L / p \rfloor " + _ALL_REDUCE + r",\ 0 \text{ at } t = 1"
INPUT = r"\frac{V h w_e}{W} + " + _ALL_REDUCE.replace("w_a", "w_e")
OUTPUT = r"\frac{2\,b s V h}{t F}"

WHOLE_HEAD = Erratum(
    "I2.12",
    wrong="the output embedding is charged to every pipeline stage",
    right="the last stage alone computes it",
    why="Layers are divided by the stages and the output embedding is not, so the shares are those of a stage that "
    "does not exist.",
)
FULL_BANDWIDTH = Erratum(
    "I2.16",
    wrong="the all-reduce runs at the full bandwidth; the efficiency within a node is an input that nothing reads",
    right="bandwidth times an efficiency: the main models have `link_efficiency`",
)
NORM_WIDTH = Erratum(
    "I2.12",
    wrong="4 B an element, whatever width of a norm is given; the same run stores norms at 2 B",
    right="the given width: half the time in inference",
)

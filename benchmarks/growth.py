"""How the cost of a stored sweep grows with points, outputs and axes, as a table and a picture.

Every run is a process of its own that fills a new store, with compiled functions in the cache; a first one that is not
counted compiles them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .processes import stored_run

TITLE = "Growth of a stored sweep, float32, whole processes"
CAPTION = "memory: the high-water mark of the process; the picture is build/growth.svg"
COLUMNS = ("grows", "to", "points", "outputs", "axes", "seconds", "memory")
PICTURE = Path(__file__).parents[1] / "build" / "growth.svg"
# Each of them varies along all of the first four axes, the first two along all six.
_OUTPUTS = ("dp_step_time_6nd", "dp_training_cost_6nd", "dp_training_time_6nd", "dp_mfu_6nd", "dp_comm_share_6nd")
_AXES = ("mfu", "scale_out_bandwidth", "num_parameters", "link_efficiency", "dp_overlap", "peak_flops_bf16")
_RANGES = {
    "mfu": "min: 0.2, max: 0.7",
    "scale_out_bandwidth": "min: 25 GB/s, max: 400 GB/s, scale: log",
    "num_parameters": "min: 1 G, max: 1 T, scale: log",
    "dp_overlap": "min: 0, max: 0.9",
    "link_efficiency": "min: 0.5, max: 1",
    "peak_flops_bf16": "min: 300 TFLOP/s, max: 1000 TFLOP/s",
}
_POINTS = 1e8


@dataclass(frozen=True)
class Case:
    """A sweep of some outputs over some axes of equal length."""

    grows: str
    to: float
    points: float
    outputs: int
    axes: int

    def settings(self) -> list[str]:
        """The overrides of the spec of the storage benchmarks that make it this sweep."""
        length = max(2, round(self.points ** (1 / self.axes)))
        axes = ", ".join(f"{name}: {{{_RANGES[name]}, num: {length}}}" for name in _AXES[: self.axes])
        fixed = {"hardware": "h100-sxm-80gb", "global_batch_size": "1024", "world_size": "1024", "seq_len": "4096"}
        fixed |= {"mfu": "0.4", "num_parameters": "70 G", "gpu_hour_price": "2.5 $/h", "dp_overlap": "0.5"}
        kept = ", ".join(f"{name}: {text}" for name, text in fixed.items() if name not in _AXES[: self.axes])
        return [f"axes={{{axes}}}", f"fixed={{{kept}}}", f"outputs=[{', '.join(_OUTPUTS[: self.outputs])}]"]


CASES = (
    *(Case("points", points, points, 2, 4) for points in (1e6, 1e7, 1e8, 4e8)),
    *(Case("outputs", count, _POINTS, count, 4) for count in (1, 2, 3, 4, 5)),
    *(Case("axes", count, _POINTS, 2, count) for count in (2, 3, 4, 5, 6)),
)


def rows() -> Iterator[tuple[str, ...]]:
    """A row for each sweep; the picture is drawn after the last."""
    found = []
    for case in CASES:
        stored_run(case.settings())
        seconds, memory = stored_run(case.settings())
        found.append((case, seconds, memory))
        told = f"{case.to:.0e}" if case.grows == "points" else f"{case.to:.0f}"
        yield (
            case.grows, told, f"{case.points:.0e}", f"{case.outputs}", f"{case.axes}", f"{seconds:.1f} s",
            f"{memory / 2**20:.0f} MiB",
        )  # fmt: skip
    _draw(found)


def _draw(found: Sequence[tuple[Case, float, int]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), layout="constrained")
    panels = figure.subplots(2, 3, sharex="col")
    for column, grows in enumerate(dict.fromkeys(case.grows for case, *_ in found)):
        own = [(case.to, seconds, memory / 2**20) for case, seconds, memory in found if case.grows == grows]
        places, seconds, memory = zip(*own, strict=True)
        for row, (values, label) in enumerate(((seconds, "seconds"), (memory, "memory (MiB)"))):
            panel = panels[row][column]
            panel.plot(places, values, "o-", color="#0072b2")
            panel.set_ylim(0, 1.15 * max(values))
            panel.grid(alpha=0.3)
            if grows == "points":
                panel.set_xscale("log")
            if column == 0:
                panel.set_ylabel(label)
        panels[1][column].set_xlabel(grows)
    figure.suptitle("A stored sweep: whole processes (2 outputs, 4 axes and 1e8 points where they do not grow)")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE)

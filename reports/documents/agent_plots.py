"""Plots of document 000: measured tokens over the edges of the tree, and the tree itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..figures import Series, curves, panels
from .contract import Figure

if TYPE_CHECKING:
    import xarray as xr

COLORS = ("#2E5EAA", "#2E8B57", "#B22222", "#FF8C00")
COMPARED_COLORS = {"8B": COLORS[0], "70B": COLORS[2]}
COMPARED_LENGTHS = (64, 128, 256)
SHORTEST = 64
FONT = ("serif", 12.0)
LENGTH, FACTOR = "agents.sequence_length", "agents.branching_factor"
EDGES = "agents.total_communication"
AXIS = "Total communication [edges]"
# The legend stands above the curves: the part of the axis that each of its lines takes.
_LEGEND_LINE = 0.095


def measured_figures(runs: xr.Dataset) -> Iterator[Figure]:
    """Tokens over edges, one figure a model, and the models compared at one sequence length."""
    for model in runs["model"].values:
        yield _tradeoff_figure(runs, str(model))
    for length in compared_lengths(runs):
        yield _comparison_figure(runs, length)


def tree_figures(managers: xr.Dataset, trees: xr.Dataset) -> Iterator[Figure]:
    """What the closed form misses, and the depth that a tree has."""
    yield _managers_figure(managers)
    yield _depth_figure(trees)


def tradeoff_name(model: str) -> str:
    """The stem of a model's figure, the document's own."""
    return f"computation_vs_communication_llama{model.lower()}"


def _tradeoff_figure(runs: xr.Dataset, model: str) -> Figure:
    title = f"Llama-{model}: Computation vs Communication"
    lengths = [(f"N={length}", length, model) for length in drawn_lengths(runs, model)]
    colors = {label: COLORS[place % len(COLORS)] for place, (label, _, _) in enumerate(lengths)}
    return Figure(
        tradeoff_name(model),
        title,
        _both(runs, lengths, colors, title),
        (11.0, 4.0),
        note=f"{column_erratum(runs.sel(model=[model]))} Put right, a line goes along b = 2, 3, … and b = 1, the "
        "chain, stands alone.",
    )


def _comparison_figure(runs: xr.Dataset, length: int) -> Figure:
    title = f"Model Comparison (N={length})"
    lines = [(f"Llama-{model}", length, str(model)) for model in runs["model"].values]
    colors = {f"Llama-{model}": COMPARED_COLORS[str(model)] for model in runs["model"].values}
    plot = _both(runs, lines, colors, title)
    return Figure(
        f"model_comparison_seq{length}",
        title,
        plot,
        (11.0, 4.0),
        note=column_erratum(runs.sel(sequence_length=[length])),
    )


def _both(runs: xr.Dataset, lines: list[tuple[str, int, str]], colors: Mapping[str, str], title: str) -> Any:
    """The plot as published, in the order of the file, and beside it put right, the chain apart."""
    published, right = [], []
    for label, length, model in lines:
        run = runs.sel(model=model, sequence_length=length)
        edges, tokens = run[EDGES].values, run["completion_tokens_as_published"].values
        drawn = np.isfinite(tokens)
        published.append(Series(label, list(edges[drawn]), list(tokens[drawn]), "published", color=colors[label]))
        order = np.argsort(run["branching_factor"].values, kind="stable")
        factors, tokens = run["branching_factor"].values[order], run["completion_tokens"].values[order]
        tree = np.isfinite(tokens) & (factors >= 2)
        right.append(Series(label, list(edges[order][tree]), list(tokens[tree]), "corrected", color=colors[label]))
    chain = _chain_points(runs, lines)
    right += [chain] if len(chain.x) else []
    shared: dict[str, Any] = {
        "x": AXIS,
        "whole_x": True,
        "legend": "upper left",
        "font": FONT,
        "y_limits": (0.0, _highest([*published, *right]) / (1 - _LEGEND_LINE * max(len(right), 2))),
    }
    return panels(
        curves(published, y="Computation Depth", title=f"{title}\nas published", **shared),
        curves(right, y="Mean completion tokens [token]", title=f"{title}\nput right", **shared),
    )


def _chain_points(runs: xr.Dataset, lines: list[tuple[str, int, str]]) -> Series:
    chains = runs.isel(branching_factor=runs["branching_factor"].values == 1)
    points = [
        (float(edges), float(tokens))
        for _, length, model in lines
        for edges, tokens in zip(
            chains[EDGES].sel(sequence_length=length).values,
            chains["completion_tokens"].sel(model=model, sequence_length=length).values,
            strict=True,
        )
        if np.isfinite(tokens)
    ]
    return Series("b=1 (chain)", [x for x, _ in points], [y for _, y in points], "points", color="#666666")


def _managers_figure(managers: xr.Dataset) -> Figure:
    missed = managers["agents.tree_managers"] - managers["agents.num_agents"]
    factors = managers[FACTOR].values
    share = 100 * (missed != 0).mean(LENGTH).values
    most = missed.max(LENGTH).values
    axis: dict[str, Any] = {"x": "Branching factor b [1]", "log": "x", "x_ticks": (2, 4, 8, 16, 32, 64)}
    plot = panels(
        curves([Series("differ", list(factors), list(share))], y="Sequence lengths with a wrong count [%]", **axis),
        curves([Series("most", list(factors), list(most))], y="Most managers missed [1]", **axis),
    )
    return Figure(
        "managers_missed",
        "Managers that the published closed form misses",
        plot,
        (9.0, 3.6),
        note="Over all N from 2 to 1024: managers counted level by level, less ceil((N-1)/(b-1)).",
    )


def _depth_figure(trees: xr.Dataset) -> Figure:
    drawn = trees.sel({FACTOR: trees[FACTOR].values >= 2})
    told = (2, 3, 4, 8, 32)
    series = []
    for length in (64, 128, 256, 512):
        one = drawn.sel({LENGTH: length})
        texts = [f"b={b:g}" if length == 512 and b in told else "" for b in one[FACTOR].values]
        edges, depth = one["agents.total_communication_corrected"].values, one["agents.tree_depth"].values
        series.append(Series(f"N={length}", list(edges), list(depth), "corrected", texts=texts))
    plot = curves(
        series, x=AXIS, y="Levels of managers [1]", legend="right", log="x", x_ticks=(64, 128, 256, 512, 1024)
    )
    return Figure(
        "edges_and_depth",
        "Edges and depth of trees of agents",
        plot,
        (6.8, 3.8),
        note="Depth is the number of levels of managers, so it follows from N and b and needs no measurement. Points "
        "of a curve are b = 2, 3, 4, 5, 6, 8, 16, 32, 64 from right to left.",
    )


def drawn_lengths(runs: xr.Dataset, model: str) -> list[int]:
    """The sequence lengths of a model's columns that the document draws."""
    lengths = [int(length) for length in runs["sequence_length"].values if length >= SHORTEST]
    return [length for length in lengths if runs["column"].sel(model=model, sequence_length=length).item()]


def compared_lengths(runs: xr.Dataset) -> list[int]:
    """The sequence lengths of which the document believes to have columns of both models."""
    if runs.sizes["model"] < 2:
        return []
    names = runs["column_as_published"]
    lengths = [length for length in COMPARED_LENGTHS if length in names["sequence_length"].values]
    return [length for length in lengths if all(names.sel(sequence_length=length).values.tolist())]


def _highest(series: list[Series]) -> float:
    return max((float(max(one.y)) for one in series if len(one.y)), default=1.0)


def column_erratum(runs: xr.Dataset) -> str:
    """What the document's column pick does to this file."""
    wrong = runs["column"] != runs["column_as_published"]
    models, lengths, columns = (runs[name].values for name in ("model", "sequence_length", "column_as_published"))
    taken = [
        f"for N = {lengths[n]} of Llama-{models[m]} `{columns[m, n]}`"
        for m, n in zip(*np.nonzero(wrong.values), strict=True)
    ]
    picked = f"; here it takes {'; '.join(taken)}" if taken else "; in this file it takes the right ones"
    return f"I0.3: a column is picked by the text `seq64`, which `seq640` has too{picked}."

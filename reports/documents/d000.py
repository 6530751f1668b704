"""Document 000: computation against communication of agents on a tree, Llama 8B and 70B."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import agent_plots
from .agent_plots import EDGES, FACTOR, LENGTH, column_erratum, compared_lengths, drawn_lengths, tradeoff_name
from .contract import Figure, Item, Sample, Table

if TYPE_CHECKING:
    import xarray as xr

NUMBER = "000"
TITLE = "Computation vs communication of agents, Llama-8B and Llama-70B"
TREES, MANAGERS, RUNS = "documents/000-trees", "documents/000-managers", "agent-runs"
SPECS = (TREES, MANAGERS)
SAMPLES = {
    RUNS: Sample(
        reader="agent-runs",
        paths=("documents/data/agent-runs-synthetic.csv",),
        synthetic="the completion tokens are made up, since the document's CSV is not public; `--data FILE` reads "
        "yours. The sample has a column of N = 640 before that of N = 64, so that the document's column pick shows.",
    )
}

Data = Mapping[str, "xr.Dataset"]


def tables(data: Data) -> Iterator[Table]:
    """The file as read, the verification table of each model, and the trees."""
    runs = data[RUNS]
    yield _columns_table(runs)
    yield _head_table(runs)
    for model in runs["model"].values:
        yield _verification_table(runs, str(model))
    yield _trees_table(data[TREES])
    yield _managers_table(data[MANAGERS])


def figures(data: Data) -> Iterator[Figure]:
    """Both plots of the document, as published beside put right, and what its tree really is."""
    yield from agent_plots.measured_figures(data[RUNS])
    yield from agent_plots.tree_figures(data[MANAGERS], data[TREES])


def items(data: Data) -> Iterator[Item]:
    """The checklist of the document."""
    runs, trees = data[RUNS], data[TREES]
    apart = _apart(data[MANAGERS])
    yield Item(
        "S0.1",
        "Number of agents of the tree",
        f"`agents.num_agents`, ceil((N-1)/(b-1)): {_tree(trees, 'agents.num_agents', 513, 2)} at N = 513, b = 2",
        f"I0.1: this is not the tree whose edges the document counts: {apart['points']:,} of {apart['of']:,} differ, "
        f"by up to {apart['most']} (N = {apart['length']}, b = {apart['factor']}); `agents.tree_managers` counts "
        f"{_tree(trees, 'agents.tree_managers', 513, 2)} there. I0.7: the notebook never calls it.",
        see=("trees", "managers", "managers_missed"),
    )
    yield Item(
        "S0.2",
        "Total communication of the tree",
        f"`agents.total_communication`, the sum of the levels: {_tree(trees, EDGES, 64, 2)} edges at N = 64, b = 2",
        "I0.4: for 1 < b < 2 the published loop never ends; here such a point has no value and a status, its "
        "neighbours their values. I0.6: b = 1 is a chain of N - 1 edges, no wider tree; it is drawn apart.",
        see=("trees",),
    )
    known = int(np.isfinite(runs["parsed_length"].values).sum())
    yield Item("S0.3", "Sequence length of a column", f"parsed for {known} columns", see=("columns",))
    found = sum(bool(model) for model in runs["parsed_model"].values)
    yield Item("S0.4", "Model of a column", f"parsed for {found} columns; 8B where both stand in it", see=("columns",))
    kept = len(runs.attrs["kept_columns"])
    yield Item("S0.5", "Columns that are kept", f"{kept} of {runs.sizes['file_column']}", see=("columns",))
    yield Item(
        "S0.6",
        "The CSV: shape, columns, first rows",
        f"{runs.attrs['file']}: {runs.attrs['shape'][0]} rows, {runs.attrs['shape'][1]} columns",
        see=("head", "columns"),
    )
    yield Item(
        "S0.7",
        "Computation against communication, one plot a model",
        f"{runs.sizes['model']} figures, as published (left) and put right (right)",
        column_erratum(runs) + " I0.5: the axis says computation depth, the data are mean completion tokens.",
        see=tuple(tradeoff_name(str(model)) for model in runs["model"].values),
    )
    lengths = compared_lengths(runs)
    yield Item(
        "S0.8",
        "The models compared at one sequence length",
        f"N = {', '.join(map(str, lengths))}" if lengths else "no length has columns of both models",
        see=tuple(f"model_comparison_seq{length}" for length in lengths),
    )
    yield Item(
        "S0.9",
        "Verification tables",
        "both tables, N >= 64, runs that exist",
        "I0.2: the notebook's own cell prints the headers and dies: a row's branching factor has become a float, which "
        "the format `2d` refuses. Here it is a whole number.",
        see=tuple(f"verification_llama{str(model).lower()}" for model in runs["model"].values),
    )
    yield Item(
        "S0.10",
        "Managers and depth of the tree",
        "`agents.tree_managers`, `agents.tree_depth`; b = 1 is a chain, 1 < b < 2, b < 1 and N < 1 have no tree",
        see=("trees", "edges_and_depth"),
    )


def _columns_table(runs: xr.Dataset) -> Table:
    names = map(str, runs["file_column"].values)
    columns = zip(names, *(runs[name].values for name in ("parsed_length", "parsed_model", "kept")), strict=True)
    rows = [
        (name, None if np.isnan(length) else int(length), str(model) or None, "yes" if kept else "no")
        for name, length, model, kept in columns
    ]
    return Table("columns", "Columns of the file", ("column", "sequence length", "model", "kept"), rows)


def _head_table(runs: xr.Dataset) -> Table:
    rows, columns = runs.attrs["shape"]
    note = f"Shape of {runs.attrs['file']}: {rows} rows, {columns} columns; those that are kept are shown."
    return Table("head", "First rows of the file", runs.attrs["kept_columns"], runs.attrs["head"], note)


def _verification_table(runs: xr.Dataset, model: str) -> Table:
    rows = []
    for length in drawn_lengths(runs, model):
        run = runs.sel(model=model, sequence_length=length)
        for position, factor in enumerate(run["branching_factor"].values):
            point = run.isel(branching_factor=position)
            both = [float(point[name]) for name in ("completion_tokens_as_published", "completion_tokens")]
            if not np.isnan(both).all():
                shown = ["" if np.isnan(tokens) else f"{tokens:.1f}" for tokens in both]
                rows.append((length, _whole(factor), _whole(point[EDGES]), *shown, "chain" if factor == 1 else "tree"))
    return Table(
        f"verification_llama{model.lower()}",
        f"Llama-{model} data",
        (
            "Seq Length",
            "Branching Factor",
            "Total Communication",
            "Avg Completion Tokens (as published)",
            "Avg Completion Tokens (put right)",
            "structure",
        ),
        rows,
        note=column_erratum(runs.sel(model=[model])),
    )


def _trees_table(trees: xr.Dataset) -> Table:
    names = ("num_agents", "tree_managers", "total_communication", "total_communication_corrected", "tree_depth")
    rows = [
        (_whole(n), _whole(b), *(_whole(trees[f"agents.{name}"].sel({LENGTH: n, FACTOR: b})) for name in names))
        for n in trees[LENGTH].values
        for b in trees[FACTOR].values
    ]
    return Table(
        "trees",
        "Trees of agents",
        (
            "N",
            "b",
            "agents (as published)",
            "managers, level by level",
            "edges (as published)",
            "edges (put right)",
            "levels",
        ),
        rows,
        note="b = 1 is a chain: N agents, of which all but the first combine two values.",
    )


def _managers_table(managers: xr.Dataset) -> Table:
    published, right = managers["agents.num_agents"], managers["agents.tree_managers"]
    rows = []
    for factor in (2, 3, 4, 8, 16, 32, 64):
        if factor in managers[FACTOR].values:
            missed = (right - published).sel({FACTOR: factor})
            worst = int(np.argmax(missed.values))
            rows.append(
                (factor, int((missed != 0).sum()), missed.size, _whole(missed[worst]), _whole(missed[LENGTH][worst]))
            )
    apart = _apart(managers)
    return Table(
        "managers",
        "Managers that the published closed form misses",
        ("b", "trees that differ", "of", "most managers missed", "at N"),
        rows,
        note=f"All b from 2 to 64 and N from 2 to 1024: {apart['points']:,} of {apart['of']:,} trees differ.",
    )


def _apart(managers: xr.Dataset) -> dict[str, Any]:
    """In how many trees the published count and the levels differ, and where most."""
    missed = abs(managers["agents.tree_managers"] - managers["agents.num_agents"]).transpose(LENGTH, FACTOR)
    worst = np.unravel_index(np.argmax(missed.values), missed.shape)
    length, factor = (missed[dim].values[place] for dim, place in zip(missed.dims, worst, strict=True))
    return {
        "points": int((missed != 0).sum()),
        "of": missed.size,
        "most": int(missed.max()),
        "length": _whole(length),
        "factor": _whole(factor),
    }


def _tree(trees: xr.Dataset, name: str, length: int, factor: int) -> int | None:
    return _whole(trees[name].sel({LENGTH: length, FACTOR: factor}))


def _whole(value: Any) -> int | None:
    """A count as a whole number; a value that does not exist is an empty cell."""
    return None if np.isnan(float(value)) else round(float(value))

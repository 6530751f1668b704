"""Measured runs: what folders of per-rank metrics and files of agent runs say, beside what the models predict."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .specs.problems import RooflaxError
from .workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

    Path_ = str | os.PathLike[str]

_RATE = "tokens_per_second"


def report_of(
    workdirs: Sequence[Path_],
    *,
    single_world_size: int | None = None,
    multi_world_size: int | None = None,
    lenient: bool = False,
    ddof: int = 0,
    output: Path_ | None = None,
    predicted: Path_ | Mapping[str, object] | None = None,
    bench: Workbench | None = None,
) -> tuple[str, list[Path]]:
    """The report on measured runs as text, and the figures and tables written below `output`, if it is given.

    Takes what `measured_speedup` takes.
    """
    from .reports.measured import text_of

    found = measured_speedup(
        workdirs,
        single_world_size=single_world_size,
        multi_world_size=multi_world_size,
        lenient=lenient,
        ddof=ddof,
        predicted=predicted,
        bench=bench,
    )
    return text_of(found), _written(found, Path(output)) if output is not None else []


def measured_speedup(
    workdirs: Sequence[Path_],
    *,
    single_world_size: int | None = None,
    multi_world_size: int | None = None,
    lenient: bool = False,
    ddof: int = 0,
    predicted: Path_ | Mapping[str, object] | None = None,
    bench: Workbench | None = None,
) -> xr.Dataset:
    """Averages, deviations and, for two runs or more, speedups of measured runs, one folder a run.

    The baseline is the run of `single_world_size`, or the one with the fewest GPUs. `lenient` leaves incomplete epochs
    out instead of refusing them, `ddof` is 0 for the population's standard deviation and 1 for the sample's.
    `predicted`, a spec or inputs, adds the speedup that the models predict for the same numbers of GPUs. Raises
    MeasuredError naming every bad file, or where two runs are asked of one folder.
    """
    from .stores.measured import aggregate, read_runs, refuse_one_folder, with_speedup

    if len(workdirs) == 1 and single_world_size is not None and multi_world_size is not None:
        refuse_one_folder(workdirs[0])
    averages = aggregate(read_runs(workdirs, lenient=lenient), ddof=ddof)
    if len(workdirs) > 1:
        averages = with_speedup(averages, single_world_size=single_world_size, multi_world_size=multi_world_size)
        return averages if predicted is None else _with_prediction(averages, predicted, bench or Workbench())
    asked = single_world_size if single_world_size is not None else multi_world_size
    if asked is not None and asked != int(averages["world_size"][0]):
        raise RooflaxError(f"{workdirs[0]} holds a run with world_size {int(averages['world_size'][0])}, not {asked}")
    if predicted is not None:
        raise RooflaxError("a predicted speedup stands beside a measured one: give two runs or more, a folder each")
    return averages


def agent_runs(path: Path_) -> xr.Dataset:
    """The measured agent runs of a CSV, with the edges, managers and levels of each of their trees."""
    import numpy as np

    from .points import evaluate
    from .stores.agent_runs import read_agent_runs

    runs = read_agent_runs(path)
    names = [f"agents.{name}" for name in ("total_communication", "num_agents", "tree_managers", "tree_depth")]
    factors, places = np.unique(runs["branching_factor"].values, return_inverse=True)
    inputs: dict[str, Any] = {
        "agents.sequence_length": [float(n) for n in runs["sequence_length"].values],
        "agents.branching_factor": [float(b) for b in factors],
    }
    trees = evaluate(names, **inputs)
    dims = ("agents.sequence_length", "agents.branching_factor")
    return runs.assign(
        {
            name: (
                ("sequence_length", "branching_factor"),
                trees[name].transpose(*dims).values[:, places],
                trees[name].attrs,
            )
            for name in names
        }
    )


def _with_prediction(averages: xr.Dataset, given: Path_ | Mapping[str, object], bench: Workbench) -> xr.Dataset:
    """The averages with `predicted_speedup`: the ratio of predicted tokens per second to the baseline's."""
    import numpy as np

    rates, where = _predicted_rates(averages, given, bench)
    coords = rates.coords
    if "world_size" not in coords or rates.dims != coords["world_size"].dims:
        raise RooflaxError(_varies(where, rates.dims))
    known = dict(zip(map(int, coords["world_size"].values), rates.values, strict=True))
    if missing := [size for size in map(int, averages["world_size"].values) if size not in known]:
        raise RooflaxError(
            f"{where}: no world_size {missing[0]}, which was measured; it has {', '.join(map(str, known))}"
        )
    predicted = np.array([known[int(size)] for size in averages["world_size"].values])
    base = list(averages["run"].values).index(averages.attrs["baseline"])
    label = f"tokens per second of the models, {where}"
    return averages.assign(predicted_speedup=("run", predicted / predicted[base], {"long_name": label, "units": "1"}))


def _predicted_rates(
    averages: xr.Dataset, given: Path_ | Mapping[str, object], bench: Workbench
) -> tuple[xr.DataArray, str]:
    from .sweeps import engine
    from .sweeps.label import dataset
    from .sweeps.sweep import sweep_of, sweep_of_spec

    if not isinstance(given, Mapping):
        loaded = bench.load(given)
        sweep = sweep_of_spec(bench.registry, loaded)
        if _RATE not in sweep.outputs:
            sweep = sweep_of(bench.registry, loaded.inputs, [*sweep.outputs, _RATE], loaded.conditions)
        where = Path(given).stem
    else:
        sweep, where = bench.sweep([_RATE], _per_run(averages) | dict(given)), "given inputs"
    if len(sweep.dims[_RATE]) != 1:
        raise RooflaxError(_varies(where, sweep.dims[_RATE]))
    return dataset(sweep, engine.evaluate(sweep, [_RATE]))[_RATE], where


def _varies(where: str, dims: Sequence[object]) -> str:
    along = f"it varies along {', '.join(map(str, dims))}" if dims else "it does not vary"
    return f"{where}: `{_RATE}` must vary along `world_size` alone; {along}"


def _per_run(averages: xr.Dataset) -> dict[str, object]:
    """The GPUs of the runs as an axis, and with them the global batch sizes where all runs tell theirs."""
    import numpy as np
    import xarray as xr

    sizes, places = np.unique(averages["world_size"].values.astype(float), return_index=True)
    batches = averages["batch_size"].values[places]
    axis: dict[str, object] = {"world_size": list(sizes)}
    if np.isnan(batches).any():
        return axis
    batch = xr.DataArray(batches, dims="world_size", coords={"world_size": sizes})
    return {**axis, "global_batch_size": batch}


def _written(averages: xr.Dataset, folder: Path) -> list[Path]:
    """The figures as PNG and PDF, the text, and the averages as a CSV."""
    from .reports.figures import save
    from .reports.measured import figures_of, text_of

    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [path for figure in figures_of(averages) for path in save(figure, folder)]
        text, table = folder / "report.txt", folder / "averages.csv"
        text.write_text(text_of(averages), encoding="utf-8")
        per_run = [name for name in averages.data_vars if averages[name].dims == ("run",)]
        averages[per_run].to_dataframe().to_csv(table, lineterminator="\n")
    except OSError as error:
        raise RooflaxError(f"cannot write below {folder}: {(error.strerror or str(error)).lower()}") from error
    return [*files, text, table]

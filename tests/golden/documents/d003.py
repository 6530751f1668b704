"""Document 003: measured runs, read strictly and leniently, their averages, deviations and speedups."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from rooflax import measured
from rooflax.specs.problems import RooflaxError
from rooflax.stores.measured import aggregate, read_runs, with_speedup

# Entries of expected.json that hold nothing to compare, and why.
NOT_COMPARED = {
    "reference_script": "what the document's script makes of bad input",
    "single_as_seen": "one rank of a folder that two runs have shared: no run, and refused",
    "time_speedup_as_seen, throughput_speedup_as_seen": "of two runs in one folder: refused",
    "kind, note, split, std_note": "documentation",
}
FILE_NAME = re.compile(r"rank\d+_results_epoch\d+\.json")
AVERAGES = {
    "avg_training_time": "training_time",
    "avg_tokens_per_sec": "tokens_per_second",
}
DEVIATIONS = {
    "std_training_time": "training_time_std",
    "std_tokens_per_sec": "tokens_per_second_std",
}
KINDS = {"population": 0, "sample": 1}


def compare_runs(folder: Path, harness: Any) -> int:
    """Every case and every speedup of a folder of measured runs; counts numbers and refusals."""
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    compared = 0
    for name, case in expected.get("cases", {}).items():
        if (folder / name).is_dir():
            compared += _compare_case(folder / name, case["expected"], harness)
    for pair, numbers in expected.get("speedups", {}).items():
        single, multi = (folder / name for name in pair.split("->"))
        if single.is_dir() and multi.is_dir():
            compared += _compare_speedup([single, multi], numbers, harness)
    if "document_example" in expected:
        compared += _compare_example(expected["document_example"], harness)
    return compared


def _compare_case(folder: Path, expected: Mapping[str, Any], harness: Any) -> int:
    strict = expected.get("strict", "")
    compared = _compare_averages([folder], expected, harness) if "avg_training_time" in expected else 0
    if strict.startswith("error"):
        compared += _refused([folder], FILE_NAME.findall(strict) or [folder.name], may_warn="(or warn" in strict)
    elif strict.startswith("cannot tell the runs apart"):
        compared += _refused([folder, folder], ["cannot tell the runs apart", folder.name])
        compared += _refused([folder], ["cannot tell the runs apart"], single_world_size=1, multi_world_size=2)
        compared += _compare_averages([folder], expected["multi_as_seen"], harness)
    if "lenient_complete_epochs" in expected:
        compared += _compare_averages([folder], expected["lenient_complete_epochs"], harness, lenient=True)
    assert compared, f"{folder.name}: nothing was compared"
    return compared


def _refused(folders: list[Path], named: list[str], *, may_warn: bool = False, **asked: Any) -> int:
    """Reading raises one sentence that names all of these, or, where either is right, says so in a notice."""
    try:
        found = measured.measured_speedup(folders, **asked)
    except RooflaxError as error:
        said = str(error)
    else:
        assert may_warn, f"{folders[0].name}: was read, and should have been refused"
        said = " ".join(found.attrs["notices"])
    missing = [name for name in named if name not in said]
    assert not missing, f"{folders[0].name}: {said!r} does not name {', '.join(missing)}"
    assert "\n" not in said, f"{folders[0].name}: {said!r} is more than a sentence"
    return 1


def _compare_averages(folders: list[Path], expected: Mapping[str, Any], harness: Any, *, lenient: bool = False) -> int:
    runs = read_runs(folders, lenient=lenient)
    found = {kind: aggregate(runs, ddof=ddof).isel(run=0) for kind, ddof in KINDS.items()}
    one = found["population"]
    used = one["epoch"].values[runs["used"].isel(run=0).values]
    pairs: dict[str, tuple[Any, Any]] = {
        "world_size": (int(one["world_size"]), expected["world_size"]),
        "n_epochs_used": (int(one["num_epochs"]), expected["n_epochs_used"]),
        "epochs_used": (used.tolist(), expected["epochs_used"]),
    }
    for key, name in AVERAGES.items():
        pairs[key] = (float(one[name]), expected[key])
    for key, name in DEVIATIONS.items():
        for kind, averages in found.items():
            if f"{key}_{kind}" in expected:
                pairs[f"{key}_{kind}"] = (float(averages[name]), expected[f"{key}_{kind}"])
    for key, name in (("training_time_s", "epoch_training_time"), ("tokens_per_sec", "epoch_tokens_per_second")):
        series = one[name].sel(epoch=used).values
        listed = expected[f"per_epoch_{key}"]
        assert len(series) == len(listed), f"{folders[0].name}: {key}: {len(series)} epochs, expected {len(listed)}"
        pairs |= {f"{key}[{place}]": pair for place, pair in enumerate(zip(series, listed, strict=True))}
    return _same(folders[0].name, pairs, harness)


def _compare_speedup(folders: list[Path], expected: Mapping[str, Any], harness: Any) -> int:
    population = measured.measured_speedup(folders).isel(run=1)
    names = {
        "training_time_speedup": "training_time_speedup",
        "throughput_speedup": "throughput_speedup",
        "time_scaling_efficiency": "training_time_efficiency",
        "throughput_scaling_efficiency": "throughput_efficiency",
        "phys_time_speedup_std_propagated_population": "training_time_speedup_std",
    }
    pairs: dict[str, tuple[Any, Any]] = {}
    pairs |= {key: (float(population[name]), expected[key]) for key, name in names.items() if key in expected}
    text, _ = measured.report_of(folders)
    said = " | ".join(line.strip() for line in text.splitlines() if "Speedup: " in line)
    pairs["printed"] = (said, expected["printed"])
    return _same(" -> ".join(folder.name for folder in folders), pairs, harness)


def _compare_example(example: Mapping[str, Any], harness: Any) -> int:
    """The document's own averages, of which it prints the speedups."""
    both = [example["single"], example["multi"]]
    columns = {
        "training_time": [one["training_time"][0] for one in both],
        "training_time_std": [one["training_time"][1] for one in both],
        "tokens_per_second": [one["tokens_per_sec"][0] for one in both],
        "tokens_per_second_std": [one["tokens_per_sec"][1] for one in both],
    }
    columns["tokens_per_epoch"] = list(np.prod([columns["training_time"], columns["tokens_per_second"]], axis=0))
    averages = xr.Dataset(
        {name: ("run", values, {"long_name": name}) for name, values in columns.items()},
        {"run": ["single", "multi"], "world_size": ("run", [1, 2])},
        {"std": "population"},
    )
    multi = with_speedup(averages).sel(run="multi")
    time, rate = float(multi["training_time_speedup"]), float(multi["throughput_speedup"])
    pairs = {
        "time_speedup": (time, example["time_speedup"]),
        "throughput_speedup": (rate, example["throughput_speedup"]),
        "time_scaling_efficiency": (float(multi["training_time_efficiency"]), example["time_scaling_efficiency"]),
        "time_speedup_printed": (f"{time:.2f}x", example["time_speedup_printed"]),
        "throughput_speedup_printed": (f"{rate:.2f}x", example["throughput_speedup_printed"]),
    }
    return _same("document_example", pairs, harness)


def _same(where: str, pairs: Mapping[str, tuple[Any, Any]], harness: Any) -> int:
    wrong = [
        f"{key}: expected {expected!r}, found {found!r}"
        for key, (found, expected) in pairs.items()
        if not (found == expected if isinstance(expected, list) else harness.close(found, expected))
    ]
    if wrong:
        raise AssertionError(f"measured_runs: {where}: " + "; ".join(wrong[:5]))
    return len(pairs)


FILES: dict[str, Callable[[Path, Any], int]] = {"measured_runs": compare_runs}

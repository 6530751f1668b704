"""Studies: the datasets from which the site's pictures are drawn, computed while it is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rooflax as rx
from rooflax.queries.reporting import study_of
from rooflax.reports.pictures import picture
from rooflax.reports.terminal.validation import measured_dataset
from rooflax.sweeps.compilation import cache_compilations, cache_folder
from rooflax.validation import validate
from rooflax.workbench import Workbench

if TYPE_CHECKING:
    import xarray as xr

TRAINING = "llama-70b-parallelism"
_OUTPUTS = ("step_time", "tokens_per_second", "predicted_mfu", "memory_per_gpu", "cost_per_token", "binding")
_TERMS = (
    "attention_time",
    "feed_forward_time",
    "vector_time",
    "exposed_tp_comm_time",
    "exposed_dp_comm_time",
    "exposed_pp_comm_time",
    "pipeline_bubble_time",
    "optimizer_time",
)
_LAYOUT = {"model": "llama-2-70b", "hardware": "h100-sxm-80gb", "tp": 8, "global_batch_size": 1024, "seq_len": 4096}


def studies(folder: Path) -> Iterator[tuple[str, Mapping[str, xr.Dataset]]]:
    """(where it is from, its datasets by group) of every study; a picture is drawn from the first that offers it."""
    cache_compilations(cache_folder())
    world = {"pow2": [64, 4096]}
    pareto = {"objectives": ["step_time:min", "memory_per_gpu:min"], "over": ["tp", "pp", "micro_batch_size"]}
    outputs = [*_OUTPUTS, *_TERMS]
    yield _run(folder / "training.zarr", TRAINING, world_size=world, outputs=outputs, pareto=pareto, attribution=False)
    slopes = {"of": ["tpot"], "wrt": ["hbm_bandwidth", "scale_up_bandwidth", "peak_flops_bf16"]}
    yield _run(folder / "inference.zarr", "inference", gradients={"elasticity": slopes})
    roofline = picture("roofline")
    computed = Workbench().registry.quantities
    operators = [name for name in (*roofline.quantities, *roofline.further) if name in computed]
    yield _run(folder / "operators.zarr", TRAINING, outputs=operators, best=None, scale_out_bandwidth="50 GB/s", pp=1)
    known = rx.uncertainty("step_time", fitted=True, samples=256, indices=False, world_size=world, **_LAYOUT)
    yield "`rooflax uncertainty step_time --fitted`", {"": known, "uncertainty": known}
    rows = [one for one in validate().records if one.target.primary and one.target.quantity == "step_time"]
    yield "the published step times of [validation](../validation.md)", {"": measured_dataset("step_time", rows)}


def _run(store: Path, spec: str, *, attribution: bool = True, **given: Any) -> tuple[str, Mapping[str, xr.Dataset]]:
    rx.run(spec, store=store, **given)
    return f"the shipped sweep `{spec}`", study_of(store, Workbench(), attribution=attribution).groups

"""Validation: what the models predict for published measurements, beside what was measured."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .output_files import write_text
from .specs.measured.errors import Family, Overall, Record, families, overall
from .workbench import Workbench

if TYPE_CHECKING:
    from .kernels.registry import Registry
    from .specs.axes import Inputs
    from .specs.measured import MeasuredRow, Target
    from .sweeps.fits.validate import Predicted

SHIPPED = Path(__file__).parent / "specs" / "validation"
FAMILIES = "families.yaml"
TRAINING = "training"
CONSTANT_MFU = {"fp8": 0.35, "int8": 0.35, "fp4": 0.27, "int4": 0.27}
"""The naive rule: one MFU per format of the matrix products, causal attention counted, recomputation not."""
_SIXTEEN_BITS = 0.37

Key = tuple[str, str]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Validation:
    """Every measured number with its prediction, and the statistics of the primary ones."""

    place: Path
    records: tuple[Record, ...]

    @property
    def families(self) -> tuple[Family, ...]:
        """The statistics of every family of every file."""
        return families(self.records)

    @property
    def overall(self) -> tuple[Overall, ...]:
        """The statistics over families, one for each kind of table."""
        return overall(self.families)


def validate(
    data: str | os.PathLike[str] | None = None,
    *,
    bench: Workbench | None = None,
    left_out: Mapping[Key, float] | None = None,
    progress: Progress | None = None,
) -> Validation:
    """Predictions of every row of the CSV files in a folder, or of one file; without `data` of the shipped ones.

    `left_out` holds, by file and id of a row, what a model fitted without the row's family predicts for its primary
    number. Raises RooflaxError where a file or a cell is wrong.
    """
    from .specs.measured import read_measured

    bench, place = bench or Workbench(), Path(data) if data is not None else SHIPPED
    rows = read_measured(place, bench.catalogs)
    kinds = list(dict.fromkeys(row.kind for row in rows))
    records: dict[int, list[Record]] = {}
    for done, kind in enumerate(kinds):
        if progress:
            progress(done, len(kinds))
        own = {place: row for place, row in enumerate(rows) if row.kind == kind}
        records |= dict(zip(own, _records(bench, kind, list(own.values())), strict=True))
    if progress:
        progress(len(kinds), len(kinds))
    told = (record for place in range(len(rows)) for record in records[place])
    return Validation(place, tuple(_beside(record, left_out or {}) for record in told))


def predicted_without_family(data: str | os.PathLike[str] | None, bench: Workbench) -> Mapping[Key, float]:
    """What the calibration, fitted anew to these rows without a family, predicts for the rows of that family.

    By file and id of each row that a stage of the calibration can use: training, matrix products and collectives, or
    serving.
    """
    from .calibration import fit_rows, parameters_of, stage_params
    from .specs.calibration import STAGES
    from .specs.measured import read_measured

    rows = read_measured(Path(data) if data is not None else SHIPPED, bench.catalogs)
    found: dict[Key, float] = {}
    for name, stage in STAGES.items():
        own = [row for row in rows if row.kind in stage.kinds]
        if any(not row.refused for row in own):
            parameters = parameters_of(bench, stage_params(name), {}, {})
            found |= fit_rows(bench, own, parameters, leave_one_family_out=True).left_out
    return found


def _beside(record: Record, left_out: Mapping[Key, float]) -> Record:
    key = record.row.file, record.row.id
    return replace(record, left_out=left_out[key]) if record.target.primary and key in left_out else record


def _records(bench: Workbench, kind: str, rows: Sequence[MeasuredRow]) -> Iterator[list[Record]]:
    """The records of rows of one kind, row by row."""
    from .sweeps.fits.validate import bound_rows, predict

    asked = dict.fromkeys(target.quantity for row in rows for target in row.targets)
    asked |= {"step_time": None} if kind == TRAINING else {}
    bound = list(bound_rows(bench.registry, bench.catalogs, (row.inputs for row in rows if not row.refused)))
    found = iter(predict(bench.registry, bound, asked))
    naive = iter(constant_mfu_times(bench.registry, bound) if kind == TRAINING else [None] * len(bound))
    for row in rows:
        if row.refused:
            yield [Record(row, target, refused=row.refused) for target in row.targets]
        else:
            predicted, time = next(found), next(naive)
            yield [_record(row, target, predicted, time) for target in row.targets]


def _record(row: MeasuredRow, target: Target, predicted: Predicted, naive: float | None) -> Record:
    value = predicted.values.get(target.quantity)
    if not value:
        why = predicted.lacking.get(target.quantity, f"`{target.quantity}` is 0 here, which has no relative error")
        return Record(row, target, refused=why)
    time = predicted.values.get("step_time")
    baseline = None
    if naive and time and (target.rate or target.quantity == "step_time"):
        baseline = value * time / naive if target.rate else naive
    return Record(row, target, predicted=value, baseline=baseline)


def constant_mfu_times(registry: Registry, rows: Sequence[Inputs | str]) -> list[float | None]:
    """Step times of bound rows by the naive rule: model FLOPs over GPUs times peak rate times a constant MFU."""
    from .specs.leaves.precision import FORMATS
    from .sweeps.fits.validate import predict

    asked = ("model_flops_per_step", "peak_flops", "world_size", "matmul_format")
    times: list[float | None] = []
    for found in predict(registry, rows, asked, {"causal_attention_counted": 1.0}):
        if any(not found.values.get(name) for name in asked[:3]):
            times.append(None)
            continue
        flops, peak, gpus = (found.values[name] for name in asked[:3])
        mfu = CONSTANT_MFU.get(FORMATS[round(found.values["matmul_format"])], _SIXTEEN_BITS)
        times.append(flops / (peak * gpus * mfu))
    return times


def fitted_families(found: Validation) -> frozenset[str]:
    """The families whose rows took part in the shipped fit, under their own name or, as the data say, another."""
    from .specs.calibration_files import SHIPPED as calibration
    from .specs.calibration_files import read_provenance
    from .specs.record_files import parse_yaml, read_text

    told = [read_provenance(path).get("rows", {}) for path in calibration if path.is_file()]
    fitted = {(name, row) for families in told for name, rows in families.items() for row in rows}
    path = found.place / FAMILIES
    same = parse_yaml(read_text(path), path).data if path.is_file() else {}
    alike = {name for name, family in same.items() if isinstance(family, Mapping) and family.get("same_runs_as")}
    own = {r.row.family for r in found.records if (r.row.family, r.row.id) in fitted}
    return frozenset(alike | own)


def write_json(found: Validation, path: Path) -> Path:
    """Writes every record as plain data, `{"rows": [...]}`; the path."""
    text = json.dumps({"rows": [record.as_mapping() for record in found.records]}, indent=1, allow_nan=False)
    write_text(path, text + "\n")
    return path

"""What came of a fit: as plain data, as errors of families, and as the file that makes its values catalog data."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .output_files import write_text
from .specs.calibration_files import written
from .specs.domains import domain_of
from .specs.problems import RooflaxError
from .workbench import Workbench

STAGES = ("before", "fitted", "left_out")

if TYPE_CHECKING:
    from .sweeps.fits.fit import Fit
    from .sweeps.fits.fit_problem import Parameter


def summary(found: Fit, bench: Workbench) -> dict[str, Any]:
    """What came of a fit, as plain data: what `--json` prints and tables show."""
    units = {parameter.name: domain_of(parameter.name, bench.names).unit for parameter in found.parameters}
    names = ("name", "owner", "label", "value", "error", "rows", "families", "records")
    levels = ("all", "class", "record")
    estimates = [
        {**{name: getattr(e, name) for name in names}, "level": levels[e.level], "unit": units[e.name]}
        for e in found.estimates
    ]
    rows = [
        {
            "file": row.row.file,
            "id": row.row.id,
            "source_family": row.row.family,
            "quantity": row.row.primary.quantity,
            "unit": row.row.primary.unit,
            "measured": row.row.primary.value,
            "before": row.predicted(row.before) if math.isfinite(row.before) else None,
            "fitted": row.predicted(row.after),
            "left_out": None if row.left_out is None else row.predicted(row.left_out),
        }
        for row in found.rows
    ]
    refused = [
        {"file": r.row.file, "id": r.row.id, "source_family": r.row.family, "reason": r.reason} for r in found.refused
    ]
    return {"parameters": estimates, "errors": errors(found), "rows": rows, "refused": refused, "steps": found.steps}


def errors(found: Fit) -> dict[str, Any]:
    """The errors of time, predicted over measured less 1, of each family's rows and over families that count alike."""
    families: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row.row.family for row in found.rows):
        rows = [row for row in found.rows if row.row.family == name]
        ratios = {"before": [row.before for row in rows], "fitted": [row.after for row in rows]}
        ratios["left_out"] = [row.left_out for row in rows if row.left_out is not None]
        finite = {key: [value for value in values if math.isfinite(value)] for key, values in ratios.items()}
        families[name] = {"rows": len(rows), **{key: _statistics(values) for key, values in finite.items() if values}}
    stages = [stage for stage in STAGES if all(stage in family for family in families.values())]
    over = {key: _over([family[key]["median"] for family in families.values()]) for key in stages}
    return {"families": families, "over_families": over}


def _statistics(log_ratios: Sequence[float]) -> dict[str, float]:
    signed = sorted(math.expm1(ratio) for ratio in log_ratios)
    absolute = sorted(map(abs, signed))
    mean = math.fsum(absolute) / len(absolute)
    bias = math.fsum(signed) / len(signed)
    return {"median": _quantile(absolute, 0.5), "mean": mean, "p90": _quantile(absolute, 0.9), "bias": bias}


def _over(medians: Sequence[float]) -> dict[str, float]:
    """Of the families' medians: their median and mean, and the largest."""
    return {"median": _quantile(sorted(medians), 0.5), "mean": math.fsum(medians) / len(medians), "max": max(medians)}


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of ordered numbers, linear between them."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def write_calibration(found: Fit, path: Path, bench: Workbench, *, whole: bool = False) -> None:
    """Writes a fit as a calibration file, with what it was fitted on. Raises RooflaxError for quantities.

    Without `whole` it holds what goes beside the bench's own calibration: the values of the records that rows tell
    about, so that everything else keeps its values.
    """
    pinned = [parameter.name for parameter in found.parameters if parameter.name not in bench.names.vocabulary]
    if pinned:
        raise RooflaxError(f"{', '.join(pinned)} is computed; a calibration holds inputs, so -o writes no fit of it")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    fitted = found.calibration(today)
    fitted = fitted if whole else fitted.beside(bench.catalogs.calibration)
    write_text(path, written(fitted, provenance(found, bench.registry.digest)))


def provenance(found: Fit, digest: str) -> dict[str, Any]:
    """What a fit rests on: the models, priors, weights, errors, and the ids of its rows by family."""
    told = errors(found)
    files = dict.fromkeys(row.row.file for row in found.rows)
    rows: dict[str, list[str]] = {}
    for row in found.rows:
        rows.setdefault(row.row.family, []).append(row.row.id)
    weighting = found.weighting
    return {
        "registry": digest,
        "files": {file: sum(row.row.file == file for row in found.rows) for file in files},
        "weights": {name: getattr(weighting, name) for name in ("noise", "soft", "family_rows", "balance")},
        "priors": {p.name: _told_prior(p) for p in found.parameters},
        "errors": {
            "over_families": {key: _rounded(stats) for key, stats in told["over_families"].items()},
            "families": {name: _family(stats) for name, stats in told["families"].items()},
        },
        "rows": rows,
    }


def _told_prior(parameter: Parameter) -> dict[str, Any]:
    prior = parameter.prior
    widths = {"overall": prior.overall, "group": prior.group, "record": prior.record}
    kept = widths if parameter.owner else {"overall": prior.overall}
    return {"owner": str(parameter.owner) or "everywhere", "centre": prior.centre, **kept, "reason": prior.reason}


def _family(stats: Mapping[str, Any]) -> dict[str, Any]:
    """A family's errors in one line: its rows, and the median and mean of each stage."""
    told = {"rows": stats["rows"]}
    for key, found in stats.items():
        if isinstance(found, Mapping):
            told |= {f"{key}_median": round(found["median"], 4), f"{key}_mean": round(found["mean"], 4)}
    return told


def _rounded(stats: Mapping[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in stats.items()}

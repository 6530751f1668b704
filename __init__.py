"""rooflax: cost models of LLM training and inference over huge grids.

Everything here is loaded when it is first used.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calibration import fit
    from .points import evaluate, explain
    from .queries.attribution import attribute
    from .queries.comparison import compare
    from .queries.frontier import pareto
    from .queries.gradient import derivative, elasticity, second_derivative
    from .queries.optimum import optimize
    from .queries.solve import solve
    from .queries.uncertainty import uncertainty
    from .results import best, open  # noqa: A004 (reads as rooflax.open)
    from .runs import Run, run
    from .soundness import check, repair
    from .specs.problems import RooflaxError, SpecError
    from .workbench import Workbench

_HOMES = {
    "RooflaxError": ".specs.problems",
    "Run": ".runs",
    "SpecError": ".specs.problems",
    "Workbench": ".workbench",
    "attribute": ".queries.attribution",
    "best": ".results",
    "check": ".soundness",
    "compare": ".queries.comparison",
    "derivative": ".queries.gradient",
    "elasticity": ".queries.gradient",
    "evaluate": ".points",
    "explain": ".points",
    "fit": ".calibration",
    "open": ".results",
    "optimize": ".queries.optimum",
    "pareto": ".queries.frontier",
    "repair": ".soundness",
    "run": ".runs",
    "second_derivative": ".queries.gradient",
    "solve": ".queries.solve",
    "uncertainty": ".queries.uncertainty",
}
__all__ = [
    "RooflaxError",
    "Run",
    "SpecError",
    "Workbench",
    "attribute",
    "best",
    "check",
    "compare",
    "derivative",
    "elasticity",
    "evaluate",
    "explain",
    "fit",
    "open",
    "optimize",
    "pareto",
    "repair",
    "run",
    "second_derivative",
    "solve",
    "uncertainty",
]


_GIVE_DATASETS = {
    "attribute",
    "best",
    "compare",
    "derivative",
    "elasticity",
    "evaluate",
    "open",
    "optimize",
    "pareto",
    "second_derivative",
    "uncertainty",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name in _GIVE_DATASETS:
        import_module(".reports.accessor", __name__)
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)


# Where xarray has been imported, datasets may be at hand already; else the accessor comes with the first of ours.
if "xarray" in sys.modules:
    from .reports import accessor as _accessor  # noqa: F401

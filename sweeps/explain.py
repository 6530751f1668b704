"""Explanations: one point's quantity as a tree of the terms that add up to it, and what each term is made of."""

from __future__ import annotations

from collections.abc import Mapping

from ..specs.terms import Term
from .engine import evaluate
from .sweep import Sweep


def explain(sweep: Sweep, quantity: str, depth: int = 1) -> Term:
    """The tree of a quantity at a sweep of one point, in float64.

    Sums are followed to their end; below a term that is not a sum, `depth` more levels of what it reads are shown.
    """
    names = [*sweep.graph.inputs, *(model.name for model in sweep.graph.order)]
    values = {name: float(array) for name, array in evaluate(sweep, names, dtype="float64").items()}
    return _term(sweep, quantity, values, values[quantity], depth)


def _term(sweep: Sweep, name: str, values: Mapping[str, float], root: float | None, depth: int) -> Term:
    model = next((quantity for quantity in sweep.graph.order if quantity.name == name), None)
    options = model.options if model else ()
    share = values[name] / root if root else None
    label, unit = sweep.registry.label(name), sweep.registry.unit(name)
    if model is None:
        leaf = sweep.registry.vocabulary.get(name)
        options = leaf.options if leaf else ()
        return Term(name, label, values[name], unit, share, "", "", sweep.values[name].origin, options, False, ())
    terms = model.terms
    below = terms or (model.reads if depth > 0 else ())
    children = tuple(
        _term(sweep, child, values, root if terms else None, depth if terms else depth - 1) for child in below
    )
    declared = model.declared
    return Term(
        name,
        label,
        values[name],
        unit,
        share,
        declared.formula,
        declared.source,
        "computed",
        options,
        bool(terms),
        children,
    )

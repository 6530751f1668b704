"""Formulas: LaTeX as MathML, which browsers draw themselves."""

from __future__ import annotations

import re

_LINKING = re.compile(r"\\(href|style|class)")


def mathml(formula: str, *, display: str = "inline") -> str:
    """A LaTeX formula as MathML; "" where it cannot be read. `display` is "inline" or "block"."""
    from latex2mathml import exceptions
    from latex2mathml.converter import convert

    told = [error for error in vars(exceptions).values() if isinstance(error, type) and issubclass(error, Exception)]
    try:
        return "" if _LINKING.search(formula) else convert(formula.replace(r"\arg", r"\mathrm{arg}\,"), display=display)
    except (*told, ValueError, IndexError):
        return ""

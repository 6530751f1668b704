"""Formulas in Markdown: what stands between dollar signs becomes MathML, which needs no script."""

from __future__ import annotations

import re
from typing import Any

from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor

from rooflax.reports.formulas import mathml

# Amounts of money keep a blank on one side of the sign, formulas on neither.
_INLINE = r"(?<![\\\w$])\$(?![\s$])([^$\n]*[^$\s])\$(?!\w)"


class _Formula(InlineProcessor):
    """One formula within a line."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Any, int | None, int | None]:  # noqa: ARG002 (overrides)
        """The formula as MathML, which stays out of all further processing."""
        found = mathml(m[1])
        if not found:
            return None, None, None
        return self.md.htmlStash.store(found), m.start(0), m.end(0)


class FormulaExtension(Extension):
    """Adds formulas to Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Registers the pattern behind that of code, so that code stays code."""
        md.inlinePatterns.register(_Formula(_INLINE, md), "rooflax_formula", 185)


def shown(formula: str) -> str:
    """A formula in a block of its own, which scrolls where it is wider than the page."""
    return f'<div class="formula" data-search-exclude>{mathml(formula, display="block")}</div>'

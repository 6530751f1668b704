"""The notebooks, as they were executed, on pages of the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .texts import Part

FOLDER = "notebooks"


_LIVE = ("application/javascript", "application/vnd.holoviews_load.v0+json", "application/vnd.holoviews_exec.v0+json")


def pages(folder: Path) -> Part:
    """A page for every notebook, with the pictures of its outputs beside it."""
    import nbformat
    from nbconvert import MarkdownExporter

    exporter = MarkdownExporter()
    nav, files = [], {}
    for path in sorted(folder.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = [_still(output) for output in cell.outputs if not _loads(output)]
        text, resources = exporter.from_notebook_node(notebook, {"unique_key": path.stem})
        files[f"{FOLDER}/{path.stem}.md"] = _told(text, path.name)
        files |= {f"{FOLDER}/{name}": content for name, content in resources["outputs"].items()}
        nav.append(f"{FOLDER}/{path.stem}.md")
    return Part(nav, files)


def _loads(output: Any) -> bool:
    """Whether an output loads scripts, which still pictures do not need, and a page without a network does not get."""
    data = output.get("data", {})
    return bool(set(_LIVE[:2]) & set(data)) or "<script" in data.get("text/html", "")


def _still(output: Any) -> Any:
    """An output without what is for scripts."""
    for kind in _LIVE:
        output.get("data", {}).pop(kind, None)
    return output


def _told(text: str, name: str) -> str:
    heading, _, rest = text.strip().partition("\n")
    return f"{heading}\n\n*This page is the executed notebook `docs/notebooks/{name}`.*\n{rest}\n"

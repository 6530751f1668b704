"""The notebooks, as they were executed, on pages of the site."""

from __future__ import annotations

from pathlib import Path

from .texts import Part

FOLDER = "notebooks"


def pages(folder: Path) -> Part:
    """A page for every notebook, with the pictures of its outputs beside it."""
    from nbconvert import MarkdownExporter

    exporter = MarkdownExporter()
    nav, files = [], {}
    for path in sorted(folder.glob("*.ipynb")):
        text, resources = exporter.from_filename(str(path))
        files[f"{FOLDER}/{path.stem}.md"] = _told(text, path.name)
        files |= {f"{FOLDER}/{name}": content for name, content in resources["outputs"].items()}
        nav.append(f"{FOLDER}/{path.stem}.md")
    return Part(nav, files)


def _told(text: str, name: str) -> str:
    heading, _, rest = text.strip().partition("\n")
    return f"{heading}\n\n*This page is the executed notebook `docs/notebooks/{name}`.*\n{rest}\n"

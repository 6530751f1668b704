"""Runs the notebooks beside this file anew and keeps their outputs: `python docs/notebooks/execute.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

LONGEST_SECONDS = 600


def executed(path: Path, folder: str) -> nbformat.NotebookNode:
    """A notebook after it has run in a folder, without what differs from one run to the next."""
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": folder}}
    NotebookClient(notebook, timeout=LONGEST_SECONDS, resources=place, record_timing=False).execute()
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return notebook


if __name__ == "__main__":
    for found in sorted(Path(__file__).parent.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as temporary:
            nbformat.write(executed(found, temporary), found)
        print(found.name)

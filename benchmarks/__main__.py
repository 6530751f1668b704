"""`python -m benchmarks [SECTION]...`: prints tables of ratios, those of all sections by default; nothing is a test."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import jax
from rich.console import Console
from rich.table import Table

from . import cluster, exploring, gradients, growth, kernels, memory, scaling, search, slicing, startup, storing

SECTIONS = {
    "kernels": kernels,
    "memory": memory,
    "gradients": gradients,
    "search": search,
    "storing": storing,
    "slicing": slicing,
    "exploring": exploring,
    "growth": growth,
    "cluster": cluster,
    "scaling": scaling,
    "startup": startup,
}


def main(asked: list[str]) -> None:
    """Runs the sections asked for, all of them by default."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(_machine())
    for name in asked or SECTIONS:
        section = SECTIONS[name]
        table = Table(title=section.TITLE, caption=section.CAPTION, header_style="bold")
        for column in section.COLUMNS:
            table.add_column(column, justify="left" if column == section.COLUMNS[0] else "right")
        for row in section.rows():
            table.add_row(*row)
        console.print(table)


def _machine() -> str:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("rooflax", "jax", "numpy"))
    machine = f"{platform.machine()}, {os.cpu_count()} processors"
    device = f"{jax.default_backend()} ({jax.devices()[0].device_kind}), {machine}"
    return f"{versions}; Python {platform.python_version()}; {device}; commit {commit.stdout.strip() or 'unknown'}"


if __name__ == "__main__":
    main(sys.argv[1:])

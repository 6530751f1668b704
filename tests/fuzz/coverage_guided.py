"""Coverage-guided fuzzing: `python tests/fuzz/coverage_guided.py spec|where [-max_total_time=300] [-seed=1] …`.

Needs atheris (`pip install atheris`), which has no wheels for every Python, so no test depends on it. What follows the
target are options of libFuzzer. It starts from the shipped examples, or from conditions; what it keeps lies in a folder
of its own, or in one given. An exception that is not one of ours ends it with the input that caused it.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

CONDITIONS = ("fits_memory", "tp <= 8", "0.3 <= predicted_mfu <= 0.6", "70 GiB > memory_per_gpu", "binding == compute")


def main() -> int:
    """Fuzzes one target until its time is over."""
    target, options = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if target not in ("spec", "where"):
        raise click.UsageError("the target is spec or where")
    try:
        atheris: Any = import_module("atheris")
    except ImportError:
        click.echo("atheris is not installed; pip install atheris, where there is a wheel for this Python", err=True)
        return 2
    with atheris.instrument_imports(include=["rooflax.specs", "ruamel.yaml"]):  # pyright: ignore[reportAttributeAccessIssue]
        import fuzz_targets

        from rooflax.specs.conditions import ConditionError, read_condition
    known = fuzz_targets.bench().names
    path = fuzz_targets.folder() / "spec.yaml"

    def spec(data: bytes) -> None:
        path.write_bytes(data)
        fuzz_targets.read_file(path)

    def where(data: bytes) -> None:
        try:
            read_condition(data.decode("utf-8", "replace"), known)
        except ConditionError as error:
            fuzz_targets.check_told(error)

    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{target}-"))
    for place, text in enumerate(fuzz_targets.material().texts if target == "spec" else CONDITIONS):
        (corpus / str(place)).write_text(text, encoding="utf-8")
    own = [option for option in options if not option.startswith("-")] or [str(corpus)]
    atheris.Setup([sys.argv[0], *(option for option in options if option.startswith("-")), *own], locals()[target])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())

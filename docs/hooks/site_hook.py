"""The hook of the site: pages that are generated from the schema, the command line, the registry and the catalogs.

Nothing generated lies in the repository. An entry of the navigation that begins with `=` names a generator.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File
from sitepages import constraints, inputs, notebooks, pictures, quantities, records, texts, works
from sitepages.commands import commands
from sitepages.formula_marks import FormulaExtension
from sitepages.spec import spec_reference

from rooflax.workbench import Workbench

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATORS = {
    "=spec": lambda _: spec_reference(),
    "=commands": lambda _: commands(),
    "=quantities": quantities.pages,
    "=inputs": inputs.pages,
    "=constraints": constraints.pages,
    "=catalogs": records.pages,
    "=pictures": lambda _: pictures.pages(),
    "=bibliography": works.pages,
    "=notebooks": lambda _: notebooks.pages(DOCS / "notebooks"),
    "=decisions": lambda _: texts.Part(_decisions()),
    "=changelog": lambda _: texts.Part("changelog.md", {"changelog.md": _changelog()}),
}


@cache
def generated(name: str) -> texts.Part:
    """The pages of one generator, made once."""
    return GENERATORS[name](_bench())


@cache
def _bench() -> Workbench:
    return Workbench()


def _decisions() -> list[Any]:
    return [{_title(path): f"decisions/{path.name}"} for path in sorted((DOCS / "decisions").glob("*.md"))]


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts generated pages into the navigation."""
    config.nav = _filled(config.nav)
    config.markdown_extensions.append(FormulaExtension())  # pyright: ignore[reportArgumentType]
    return config


def _filled(entry: Any) -> Any:
    if isinstance(entry, list):
        return [_filled(one) for one in entry]
    if isinstance(entry, dict):
        return {title: _filled(below) for title, below in entry.items()}
    return generated(entry).nav if entry in GENERATORS else entry


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages to those in the folder."""
    for name in GENERATORS:
        for path, content in generated(name).pages.items():
            files.append(File.generated(config, path, content=content))
    return files

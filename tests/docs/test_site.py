"""The site is built without a warning, tells everything there is to tell, and asks nothing of any network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rooflax.inventory import listed
from rooflax.reports.pictures import pictures
from rooflax.specs.bibliography import bibliography
from rooflax.specs.vocabulary import CATALOGS
from rooflax.workbench import Workbench

pytest.importorskip("mkdocs", reason="pip install 'rooflax[docs]' has what builds the site")

ROOT = Path(__file__).resolve().parents[2]
LOADED = {
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "image": "href", "input": "src", "link": "href",
    "object": "data", "script": "src", "source": "src", "use": "href", "video": "src",
}  # fmt: skip
LEADS = ("canonical", "next", "prev")
_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?\s*(?:https?:)?//""")
pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a page loads, the ids it has, and the places its links lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.inside_style = False
        self.styles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        self.styles.append(given.get("style", ""))
        self.inside_style = tag == "style"
        address = given.get(LOADED.get(tag, ""), "")
        if address and given.get("rel") not in LEADS:
            self.loads.append(address)
        if given.get("srcset"):
            self.loads += [part.split()[0] for part in given["srcset"].split(",")]

    def handle_data(self, data):
        if self.inside_style:
            self.styles.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    given = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {
        str(path.relative_to(site)): Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))
    }


def outside(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))


def test_no_page_asks_anything_of_a_network(site: Path, pages: dict[str, Page]) -> None:
    assert len(pages) > 150
    assert {name: found for name, page in pages.items() if (found := [a for a in page.loads if outside(a)])} == {}
    inline = [name for name, page in pages.items() if any(map(_STYLE.search, page.styles))]
    sheets = [str(path) for path in site.rglob("*.css") if _STYLE.search(path.read_text(encoding="utf-8"))]
    assert (inline, sheets) == ([], [])


def test_what_pages_load_is_there(site: Path, pages: dict[str, Page]) -> None:
    missing = [
        f"{name}: {address}"
        for name, page in pages.items()
        for address in page.loads
        if not address.startswith("data:") and not ((site / name).parent / address.partition("#")[0]).exists()
        if not address.startswith("/")
    ]
    assert missing == []


@pytest.mark.parametrize(
    "markup",
    ['<script src="https://x">', '<img src="//x/y.png">', '<link href="http://x/y">', '<img srcset="https://x 2x">'],
)
def test_a_request_is_noticed(markup: str) -> None:
    assert any(map(outside, Page(markup).loads))


def test_a_style_that_loads_is_noticed() -> None:
    assert any(map(_STYLE.search, Page("<style>@import url('https://x/y.css')</style>").styles))


def test_everything_has_its_place(site: Path, pages: dict[str, Page]) -> None:
    bench = Workbench()
    ids = {name: page.ids for name, page in pages.items()}

    def absent(names, prefix: str) -> list[str]:
        there = {one for name, found in ids.items() if name.startswith(prefix) for one in found}
        return sorted(set(names) - there)

    quantities = [row[0] for row in listed("quantities", bench)[1]]
    assert absent(quantities, "reference/quantities/") == []
    assert absent(bench.registry.constraints, "reference/constraints") == []
    assert absent(bench.registry.vocabulary, "reference/inputs/") == []
    assert absent(bibliography(), "reference/bibliography") == []
    assert absent([one.name for one in pictures()], "reference/pictures") == []
    for catalog in CATALOGS:
        page = f"reference/catalogs/{catalog.value.replace('_', '-')}.html"
        assert absent(bench.catalogs.names(catalog.value), page) == []
    commands = (ids["reference/commands.html"], ids["reference/spec.html"])
    assert {"rooflax-run", "rooflax-attribute", "rooflax-explore", "rooflax-schema"} <= commands[0]
    text = (site / "reference/commands.html").read_text(encoding="utf-8")
    assert "Sentinel" not in text
    assert "[default: local]" in text
    assert {"axes", "best.over", "gradients.elasticity.wrt", "store.mantissa_bits", "uncertain"} <= commands[1]


def test_a_quantity_is_told_whole(site: Path) -> None:
    text = (site / "reference/quantities/training/step.html").read_text(encoding="utf-8")
    (entry,) = re.findall(r'<h2 id="step_time">.*?(?=<h2 )', text, flags=re.DOTALL)
    assert 'display="block"' in entry
    assert "gives <strong>2.334 s</strong>" in entry
    assert 'href="../../bibliography.html#narayanan-et-al-2021"' in entry
    assert 'href="../memory/' in entry or 'href="stage_times.html#' in entry or 'href="pipeline.html#' in entry


def test_a_generated_file_never_lies_in_the_repository() -> None:
    assert not (ROOT / "docs" / "reference").exists()

"""The bibliography: every key that a cost model cites is in it, nothing else is, and each entry can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rooflax.specs.bibliography import Source, bibliography, citation, cited
from rooflax.specs.problems import RooflaxError

KERNELS = Path(__file__).resolve().parents[2] / "kernels"


def used() -> set[str]:
    return {key for path in KERNELS.rglob("*.py") for key in cited(path.read_text(encoding="utf-8"))}


def test_every_cited_key_resolves_and_none_is_idle() -> None:
    assert used() == set(bibliography())


# Works without a DOI: proceedings of USENIX, books, and a public copy of a handbook in the public domain.
PUBLISHERS = (
    "https://www.usenix.org/conference/",
    "https://www.wiley.com/",
    "https://personal.math.ubc.ca/~cbm/aands/",
)


@pytest.mark.parametrize("source", bibliography().values(), ids=lambda source: source.key)
def test_entry_is_complete(source: Source) -> None:
    assert re.fullmatch(r"https://(arxiv\.org/abs/\d{4}\.\d{4,5}|doi\.org/10\.\d{4,9}/\S+)", source.url) or (
        source.url.startswith(PUBLISHERS)
    )
    assert source.key.endswith(f"-{source.year}")
    assert source.authors
    assert source.title
    if arxiv := re.search(r"arXiv:(\d{4}\.\d{4,5})", source.venue):
        assert source.url == f"https://arxiv.org/abs/{arxiv[1]}"


def test_entries_are_sorted_and_distinct() -> None:
    works = bibliography()
    assert list(works) == sorted(works)
    assert len({work.url for work in works.values()}) == len(works)


def test_citation() -> None:
    assert citation("dao-2023") == (
        "Tri Dao (2023). FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning. "
        "arXiv:2307.08691. https://arxiv.org/abs/2307.08691"
    )


def test_unknown_key_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(RooflaxError) as refused:
        citation("dao-2032")
    assert str(refused.value) == "unknown source `dao-2032`; did you mean `dao-2023`?"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("dao-2023, sec. 4.1", ("dao-2023",)),
        ("definition: tokens of a step", ()),
        ("korthikanti-et-al-2022, sec. 5; dao-2023, sec. 4.1; dao-2023", ("korthikanti-et-al-2022", "dao-2023")),
        ("definition: elements; deepseek-v2-2024, sec. 2.1 (latent)", ("deepseek-v2-2024",)),
        ("narayanan-et-al-2021; the head is left out, as of 2024", ("narayanan-et-al-2021",)),
    ],
)
def test_keys_in_a_source(text: str, keys: tuple[str, ...]) -> None:
    assert cited(text) == keys

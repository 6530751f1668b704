"""The catalog reader: what a record file may hold, what its errors say, and how records are found by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rooflax.specs import record_files
from rooflax.specs.catalog import CatalogError, open_catalogs, read_record
from rooflax.specs.leaves.precision import FORMATS

CATALOGS = open_catalogs()
HARDWARE = CATALOGS.names("hardware")

SPELLINGS = """
V100-SXM2-32GB T4 A100-SXM-40GB A100-SXM-80GB A100-PCIe-80GB A40-48GB A10G L4 L40S-48GB RTX-4090 H100-SXM-80GB
H100-PCIe-80GB H100-NVL-94GB H100-SXM-96GB-HBM2e-500W H800-SXM-80GB H20-96GB H200-SXM-141GB GH200-96GB
GH200-141GB B200-SXM-180GB GB200-NVL72 B300-SXM GB300-NVL72 Rubin-R200 MI210 MI250X MI300X MI325X MI350X
MI355X TPU-v3 TPU-v4 TPU-v5e TPU-v5p TPU-v6e TPU-v7x-Ironwood Gaudi2 Gaudi3 Trainium1 Trainium2 Inferentia2
"""

GOOD = """\
name: my-chip
title: My chip
confidence: medium
aliases: [Chip One]
network: dgx-h100
facts: {vendor: Me, year: 2026}
sources:
  sheet: {title: Datasheet of my chip, url: "https://example.org/sheet", date: "2026"}
  talk: {title: A talk}
source: sheet
fields:
  peak_flops_bf16: 100 TFLOP/s
  hbm_capacity: {value: 80 GiB, source: talk, note: as told}
  hbm_bandwidth: 2e12
"""


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def chip(tmp_path: Path, old: str = "", new: str = "") -> Path:
    """A good record with one change, where the reader looks for a hardware record."""
    assert old in GOOD
    return write(tmp_path / "hardware", "my-chip.yaml", GOOD.replace(old, new) if old else GOOD)


def test_record_keeps_values_in_base_units_as_written_with_source_and_note(tmp_path: Path) -> None:
    record = read_record(chip(tmp_path))
    assert (record.catalog, record.name, record.title, record.confidence) == (
        "hardware",
        "my-chip",
        "My chip",
        "medium",
    )
    assert record.network == "dgx-h100"
    assert record.facts == {"vendor": "Me", "year": 2026}
    assert record.aliases == ("Chip One",)
    assert {leaf: field.value for leaf, field in record.fields.items()} == {
        "peak_flops_bf16": 1e14,
        "hbm_capacity": 80 * 2**30,
        "hbm_bandwidth": 2e12,
    }
    capacity = record.fields["hbm_capacity"]
    assert (capacity.text, capacity.source, capacity.note) == ("80 GiB", "talk", "as told")
    assert record.source_of("hbm_bandwidth").title == "Datasheet of my chip"
    assert record.source_of("hbm_bandwidth").url == "https://example.org/sheet"
    assert record.path == str(tmp_path / "hardware" / "my-chip.yaml")


def test_choice_and_plain_number_fields(tmp_path: Path) -> None:
    start = GOOD[: GOOD.index("aliases:")].replace("my-chip", "mine")
    text = start + "sources: {s: {title: T}}\nsource: s\nfields: {matmul_format: fp8, kv_width: 1}\n"
    fields = read_record(write(tmp_path / "precision", "mine.yaml", text)).fields
    assert fields["matmul_format"].value == FORMATS.index("fp8")
    assert fields["kv_width"].value == 1.0


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("name: my-chip\n", "", None, "name: missing; a text was expected"),
        ("name: my-chip", "name: chip", 1, "name: 'chip' is not the file's name; 'my-chip' was expected"),
        ("medium", "sure", 3, "confidence: 'sure' was given; one of high, medium, low was expected"),
        ("facts:", "fact:", 6, "fact: unknown key; did you mean `facts`?"),
        ("year: 2026", "years: [1, 2]", 6, "facts.years: a fact is a text, a number, or true or false"),
        ("title: A talk", "url: x", 9, "sources.talk.title: missing; a source needs a title to cite"),
        ("source: sheet", "source: sheets", 10, "source: 'sheets' is not a key of `sources`; did you mean `sheet`?"),
        ("source: sheet\n", "", 11, "fields.peak_flops_bf16: no source; name one here, or a default"),
        (
            "source: talk",
            "source: tale",
            13,
            "fields.hbm_capacity.source: 'tale' is not a key of `sources`; did you mean `talk`?",
        ),
        ("note:", "notes:", 13, "fields.hbm_capacity.notes: unknown key; did you mean `note`?"),
        ("peak_flops_bf16", "peak_flops_b16", 12, "fields.peak_flops_b16: unknown field of a hardware record; did you"),
        ("hbm_bandwidth", "mem_bw", 14, "fields.mem_bw: unknown field; the glossary calls it `hbm_bandwidth`"),
        ("hbm_bandwidth", "kv_width", 14, "fields.kv_width: is a precision input, not a field of a hardware record"),
        ("2e12", "2 TB", 14, "fields.hbm_bandwidth: "),
        ("2e12", "-5", 14, "fields.hbm_bandwidth: -5 was given; a number above 0 in B/s was expected"),
        ("2e12", "true", 14, "fields.hbm_bandwidth: true was given; a number above 0 in B/s was expected"),
        ("2e12", "{source: talk}", 14, "fields.hbm_bandwidth: nothing was given; a number above 0 in B/s was expected"),
    ],
)
def test_a_wrong_record_says_where_and_what_was_expected(
    tmp_path: Path, old: str, new: str, line: int | None, message: str
) -> None:
    path = chip(tmp_path, old, new)
    with pytest.raises(CatalogError) as caught:
        read_record(path)
    text = str(caught.value)
    where = f"{path}:{line}" if line else str(path)
    assert any(part.strip().startswith(where) for part in text.splitlines()), text
    assert message in " ".join(text.split()), text


def test_all_problems_of_a_file_come_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "hardware",
        "my-chip.yaml",
        GOOD.replace("medium", "sure").replace("2e12", "2 TB").replace("source: talk", "source: tale"),
    )
    with pytest.raises(CatalogError) as caught:
        read_record(path)
    assert str(caught.value).startswith(f"3 problems in {path}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", ":1:8  not valid YAML: "),
        (GOOD + "name: twice\n", ":15:1  name: given twice; the first is on line 1"),
        (GOOD + "notes: !!python/object/apply:os.system [ls]\n", ":15:8  notes: tags are not accepted"),
        (GOOD + "a: &a [1, 1]\n" + "".join(f"b{n}: [*a, *a]\n" for n in range(30)), "aliases repeat more than 100"),
        (GOOD.replace("source: talk", "source: [talk]"), "source: ['talk'] is not a key of `sources`"),
        ("- a\n- b\n", ": a record is a mapping with `name`, `title`, `sources` and `fields`"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=r"my-chip\.yaml") as caught:
        read_record(write(tmp_path / "hardware", "my-chip.yaml", text))
    assert message in str(caught.value)


def test_a_file_without_a_catalog_is_asked_for_one(tmp_path: Path) -> None:
    path = write(tmp_path, "my-chip.yaml", GOOD)
    assert read_record(path, "hardware").name == "my-chip"
    with pytest.raises(CatalogError, match="which catalog is this\\? Add a top-level key `catalog:`, one of model"):
        read_record(path)
    with pytest.raises(CatalogError, match="there is no such file"):
        read_record(tmp_path / "none.yaml")
    with pytest.raises(CatalogError, match=r"a \.json file is a model's config\.json; a network record is a \.yaml"):
        read_record(tmp_path / "config.json", "network")


@pytest.mark.parametrize(
    ("catalog", "given", "name"),
    [
        ("hardware", "H100-SXM-80GB", "h100-sxm-80gb"),
        ("hardware", "h100_sxm 80gb", "h100-sxm-80gb"),
        ("hardware", "A100", "a100-sxm-80gb"),
        ("hardware", "A100-SXM", "a100-sxm-80gb"),
        ("hardware", "B200-SXM", "b200-sxm-180gb"),
        ("hardware", "GB200", "gb200-nvl72"),
        ("hardware", "TPU-v7x", "tpu-v7x-ironwood"),
        ("hardware", "Gaudi-2", "gaudi2"),
        ("network", "DGX_H200", "dgx-h100"),
        ("precision", "BF16 mixed", "bf16-mixed"),
        ("model", "Llama2_70B", "llama-2-70b"),
        ("model", "Llama-31-405B", "llama-3.1-405b"),
    ],
)
def test_lookup_ignores_case_and_separators(catalog: str, given: str, name: str) -> None:
    assert CATALOGS.get(catalog, given).name == name


@pytest.mark.parametrize(
    "spelling",
    SPELLINGS.split(),
)
def test_common_spellings_are_names_so_that_one_file_is_read(spelling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    parse = record_files.parse_yaml
    monkeypatch.setattr(record_files, "parse_yaml", lambda text, path: (read.append(path.stem), parse(text, path))[1])
    record = open_catalogs().get("hardware", spelling)
    assert read == [record.name] == [spelling.lower()]


def test_unknown_names_are_told_with_the_nearest_and_how_to_list_all() -> None:
    with pytest.raises(CatalogError) as caught:
        CATALOGS.get("hardware", "h100-smx-80gb")
    assert str(caught.value) == (
        "unknown hardware record 'h100-smx-80gb'; did you mean `h100-sxm-80gb`? "
        f"`rooflax list hardware` shows all {len(HARDWARE)}."
    )
    with pytest.raises(CatalogError, match=r"^unknown network 'zzzz'\. `rooflax list networks` shows all"):
        CATALOGS.get("network", "zzzz")
    with pytest.raises(CatalogError, match="there is no catalog 'gpu'; the catalogs are model, hardware, network"):
        CATALOGS.get("gpu", "h100")


def test_a_dot_left_out_is_forgiven_only_where_one_record_fits(tmp_path: Path) -> None:
    for name in ("chip-1.35", "chip-13.5", "chip-2.5"):
        write(tmp_path / "hardware", f"{name}.yaml", GOOD.replace("my-chip", name).replace("aliases: [Chip One]\n", ""))
    catalogs = open_catalogs(tmp_path)
    assert catalogs.get("hardware", "chip 25").name == "chip-2.5"
    with pytest.raises(
        CatalogError, match=r"'chip-135' fits several records: chip-1\.35, chip-13\.5; write one in full"
    ):
        catalogs.get("hardware", "chip-135")


def test_dots_between_digits_tell_names_apart(tmp_path: Path) -> None:
    for name in ("gpt-1.3b", "gpt-13b"):
        write(tmp_path / "hardware", f"{name}.yaml", GOOD.replace("my-chip", name).replace("aliases: [Chip One]\n", ""))
    catalogs = open_catalogs(tmp_path)
    assert catalogs.get("hardware", "GPT 1.3B").name == "gpt-1.3b"
    assert catalogs.get("hardware", "GPT 13B").name == "gpt-13b"


def test_a_users_record_is_found_by_name_alias_and_path_and_wins(tmp_path: Path) -> None:
    chip(tmp_path)
    own = GOOD.replace("name: my-chip", "name: h100-sxm-80gb").replace("Chip One", "Chip Two")
    write(tmp_path / "hardware", "h100-sxm-80gb.yaml", own)
    catalogs = open_catalogs(tmp_path)
    assert catalogs.get("hardware", "my chip").name == "my-chip"
    assert catalogs.get("hardware", "chip-one").name == "my-chip"
    assert catalogs.get("hardware", str(tmp_path / "hardware" / "my-chip.yaml")).name == "my-chip"
    assert catalogs.get("hardware", "H100-SXM-80GB").path == str(tmp_path / "hardware" / "h100-sxm-80gb.yaml")
    assert "my-chip" in catalogs.names("hardware")
    assert len(catalogs.names("hardware")) == len(HARDWARE) + 1


def test_loose_records_name_their_catalog(tmp_path: Path) -> None:
    path = write(tmp_path, "my-chip.yaml", GOOD + "catalog: hardware\n")
    assert open_catalogs(tmp_path).get("hardware", "my-chip").path == str(path)
    path.write_text(GOOD)
    with pytest.raises(CatalogError, match="a record outside those folders needs a top-level key `catalog:`"):
        open_catalogs(tmp_path)


def test_ambiguous_names_and_empty_directories_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no such directory"):
        open_catalogs(tmp_path / "none")
    with pytest.raises(CatalogError, match="no records found; it holds the folders model, hardware, network, prec"):
        open_catalogs(tmp_path)
    chip(tmp_path)
    twin = write(tmp_path / "hardware", "mychip.yaml", GOOD.replace("name: my-chip", "name: mychip"))
    with pytest.raises(CatalogError) as caught:
        open_catalogs(tmp_path)
    assert str(caught.value) == (
        f"{twin} and {tmp_path / 'hardware' / 'my-chip.yaml'} have the same name: case and separators do not count"
    )


@pytest.mark.parametrize(
    ("alias", "other"), [("H100 SXM 80GB", "h100-sxm-80gb"), ("Chip Two", "twin"), ("My Chip", "my-chip")]
)
def test_an_alias_may_not_be_a_name_or_another_alias(tmp_path: Path, alias: str, other: str) -> None:
    chip(tmp_path, "Chip One", alias)
    twin = GOOD.replace("name: my-chip", "name: twin").replace("Chip One", "Chip Two")
    write(tmp_path / "hardware", "twin.yaml", twin)
    with pytest.raises(CatalogError, match=r"alias '.*' is already a name or alias of ") as caught:
        open_catalogs(tmp_path).get("hardware", "no such chip")
    assert other in str(caught.value)

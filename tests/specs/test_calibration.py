"""Fitted values: the file, what a record takes of it, what wins over it, and the values that are shipped."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from rooflax.specs.bind import bind_keywords
from rooflax.specs.calibration import (
    ALL,
    CALIBRATED,
    STAGES,
    Calibrated,
    Calibration,
    class_of,
    pooled_notices,
)
from rooflax.specs.calibration_files import SHIPPED, read_calibration, read_provenance, written
from rooflax.specs.catalog import CatalogError, Catalogs, open_catalogs
from rooflax.specs.layers import LayeredCatalogs
from rooflax.specs.records import Record
from rooflax.specs.vocabulary import Kind, shipped

MOST = 6
VOCABULARY = shipped()
VALUE = Calibrated(0.61, 0.012, 193, 3)
POOLED = {
    "hardware": {
        "compute_efficiency": {ALL: Calibrated(0.6, 0.1, 900, 9, 7), "gpu": Calibrated(0.65, 0.05, 800, 8, 6)},
        "hbm_efficiency": {ALL: Calibrated(0.85, 0.2, 0, 0, 0)},
    },
    "software_stack": {"tp_overlap": {ALL: Calibrated(0.5, 0.1, 90, 4, 3), "torch": Calibrated(0.4, 0.1, 80, 3, 1)}},
}
FITTED = Calibration(POOLED, {"hardware": {"h100-sxm-80gb": {"compute_efficiency": VALUE}}}, {}, "2026-11-26")
MINE = (
    "name: mine\ntitle: M\nconfidence: high\ncatalog: hardware\nsources: {s: {title: S}}\nsource: s\n"
    "facts: {vendor: NVIDIA}\n"
    "fields: {peak_flops_bf16: 1e15, hbm_bandwidth: 1e12, hbm_capacity: 8e10, compute_efficiency: 0.3}\n"
)


def folder(path: Path, calibration: Calibration) -> Path:
    path.mkdir(exist_ok=True)
    (path / "calibration.yaml").write_text(written(calibration, {"rows": {"f": ["a", "b"]}}), encoding="utf-8")
    return path


@pytest.fixture
def catalogs(tmp_path: Path) -> Catalogs:
    """The shipped records with a calibration laid over, and a chip that states one value itself."""
    (tmp_path / "mine.yaml").write_text(MINE, encoding="utf-8")
    others = [name for priors in CALIBRATED.values() for name in priors]
    fitted = [name for leaves in POOLED.values() for name in leaves]
    return open_catalogs(folder(tmp_path, FITTED)).without([name for name in others if name not in fitted])


def test_files_keep_values_and_what_they_were_fitted_on(tmp_path):
    path = folder(tmp_path, FITTED) / "calibration.yaml"
    assert read_calibration(path, VOCABULARY) == FITTED
    assert read_provenance(path) == {"rows": {"f": ["a", "b"]}}
    assert not Calibration()
    assert FITTED


def test_a_record_takes_its_own_value_or_that_of_its_class(catalogs):
    own, other, tpu = (catalogs.get("hardware", name) for name in ("h100-sxm-80gb", "b200-sxm-180gb", "tpu-v5p"))
    found = own.fields["compute_efficiency"]
    assert (found.value, found.text, found.source) == (0.61, "0.61", "calibration")
    assert found.note == "± 0.012, 193 rows of 3 families"
    assert own.source_of("compute_efficiency").title == "fitted on 193 rows of 3 families, 2026-11-26"
    found = other.fields["compute_efficiency"]
    assert (found.value, found.note) == (0.65, "pooled over 6 gpus, ± 0.05, 800 rows of 8 families")
    assert tpu.fields["compute_efficiency"].note == "pooled over 7 chips, ± 0.1, 900 rows of 9 families"
    assert own.fields["hbm_efficiency"].note == "a prior value, no row tells, ± 0.2"
    stack = catalogs.get("software_stack", "torchtitan")
    assert stack.fields["tp_overlap"].note == "pooled over 1 torch stack, ± 0.1, 80 rows of 3 families"
    assert catalogs.get("software_stack", "pooled").fields["tp_overlap"].value == 0.4
    assert catalogs.get("software_stack", "pooled-xla").fields["tp_overlap"].value == 0.5


def test_what_a_record_states_itself_stays(catalogs):
    mine = catalogs.get("hardware", "mine")
    assert mine.fields["compute_efficiency"].value == 0.3
    assert mine.fields["hbm_efficiency"].source == "calibration"
    assert catalogs.without(["hbm_efficiency"]).get("hardware", "mine").fields.keys() == mine.fields.keys() - {
        "hbm_efficiency"
    }


def test_given_wins_over_record_over_calibration_over_default(catalogs, known):
    def bound(**inputs: object) -> dict[str, float]:
        found = bind_keywords(inputs, known=known, catalogs=catalogs)
        return {name: float(value.data) for name, value in found.values.items() if not value.dims}

    assert bound(hardware="h100-sxm-80gb")["compute_efficiency"] == 0.61
    assert bound(hardware="h100-sxm-80gb", compute_efficiency=0.2)["compute_efficiency"] == 0.2
    assert bound(hardware="mine")["compute_efficiency"] == 0.3
    assert bound(hardware="h100-sxm-80gb")["tp_overlap"] == 0.4
    assert bound(hardware="tpu-v5p")["tp_overlap"] == 0.5
    assert bound(hardware="h100-sxm-80gb", tp_overlap=0.9)["tp_overlap"] == 0.9
    assert "tp_overlap" not in bound(tp=2)
    plain = bind_keywords(
        {"hardware": "h100-sxm-80gb"}, known=known, catalogs=catalogs.without(["compute_efficiency", "tp_overlap"])
    )
    assert not {"compute_efficiency", "tp_overlap"} & set(plain.values)


def test_chips_on_an_axis_take_their_own_values_and_stacks(catalogs, known):
    chips = ["h100-sxm-80gb", "tpu-v5p"]
    found = bind_keywords({"hardware": chips}, known=known, catalogs=catalogs).values
    assert found["compute_efficiency"].data.tolist() == [0.61, 0.6]
    assert found["tp_overlap"].dims == ("hardware",)
    assert found["tp_overlap"].data.tolist() == [0.4, 0.5]
    assert found["tp_overlap"].origin == "default software_stack of each `hardware`"


def test_values_everywhere_stand_in_for_the_default(tmp_path, known):
    everywhere = Calibration({}, {}, {"overhead_memory": Calibrated(2e9, 1e8, 40, 4)}, "2026-11-26")
    catalogs = open_catalogs(folder(tmp_path, everywhere))
    found = bind_keywords({"tp": 2}, known=known, catalogs=catalogs).values["overhead_memory"]
    assert (float(found.data), found.origin) == (2e9, "calibration")
    found = bind_keywords({"overhead_memory": 1e9}, known=known, catalogs=catalogs).values["overhead_memory"]
    assert (float(found.data), found.origin) == (1e9, "given")


def test_a_later_folder_wins_for_the_inputs_it_has(tmp_path):
    other = Calibration({"hardware": {"hbm_efficiency": {ALL: Calibrated(0.9, 0.01, 5, 1, 1)}}}, {}, {}, "2027-01-01")
    catalogs = open_catalogs(folder(tmp_path / "a", FITTED), folder(tmp_path / "b", other))
    found = catalogs.get("hardware", "h100-sxm-80gb").fields
    assert (found["compute_efficiency"].value, found["hbm_efficiency"].value) == (0.61, 0.9)
    anew = Calibration({"hardware": {"compute_efficiency": {ALL: Calibrated(0.7, 0.1, 5, 1, 1)}}}, {}, {}, "2027-01-01")
    replaced = FITTED.overlaid(anew)
    assert replaced.value_of(catalogs.get("hardware", "h100-sxm-80gb"), "compute_efficiency") == (
        Calibrated(0.7, 0.1, 5, 1, 1),
        "1 chip",
    )


def test_the_folder_of_a_spec_wins_for_the_inputs_it_has(tmp_path):
    other = Calibration({"hardware": {"hbm_efficiency": {ALL: Calibrated(0.9, 0.01, 5, 1, 1)}}}, {}, {}, "2027-01-01")
    base = open_catalogs(folder(tmp_path / "a", FITTED))
    layered = LayeredCatalogs(base, [folder(tmp_path / "b", other)], VOCABULARY)
    found = layered.get("hardware", "h100-sxm-80gb").fields
    assert (found["compute_efficiency"].value, found["hbm_efficiency"].value) == (0.61, 0.9)
    without = layered.without(["hbm_efficiency"]).get("hardware", "h100-sxm-80gb").fields
    assert found.keys() - without.keys() == {"hbm_efficiency"}
    assert base.get("hardware", "h100-sxm-80gb").fields["hbm_efficiency"].value == 0.85


def test_lent_values_are_told_where_they_are_read(catalogs, known):
    def notices(*read: str, **inputs: object) -> tuple[str, ...]:
        return pooled_notices(bind_keywords(inputs, known=known, catalogs=catalogs), read)

    assert notices("compute_efficiency", hardware="b200-sxm-180gb") == (
        "hardware b200-sxm-180gb: values pooled over others of its class: compute_efficiency 0.65 (6 gpus)",
    )
    assert notices("compute_efficiency", hardware="b200-sxm-180gb", compute_efficiency=0.5) == ()
    assert notices("compute_efficiency", hardware="h100-sxm-80gb") == ()
    assert notices("hbm_bandwidth", hardware="b200-sxm-180gb") == ()
    assert notices("compute_efficiency", "hbm_efficiency", "tp_overlap", hardware="b200-sxm-180gb") == (
        "hardware b200-sxm-180gb: values pooled over others of its class: compute_efficiency 0.65 (6 gpus), "
        "hbm_efficiency 0.85 (a prior value, no row tells)",
        "software_stack pooled-torch: values pooled over others of its class: tp_overlap 0.4 (1 torch stack)",
    )
    told = notices("compute_efficiency", hardware=["h100-sxm-80gb", "tpu-v5p"])
    assert told == ("hardware tpu-v5p: values pooled over others of its class: compute_efficiency 0.6 (7 chips)",)


@pytest.mark.parametrize(
    ("catalog", "facts", "expected"),
    [
        ("hardware", {"vendor": "NVIDIA"}, "gpu"),
        ("hardware", {"vendor": "Google"}, "tpu"),
        ("hardware", {"vendor": "Google", "kind": "gpu"}, "gpu"),
        ("hardware", {"vendor": "AWS"}, ALL),
        ("hardware", {}, ALL),
        ("software_stack", {"kind": "xla"}, "xla"),
        ("software_stack", {"framework": "PyTorch"}, "torch"),
        ("network", {"vendor": "NVIDIA"}, ALL),
    ],
)
def test_class_of_a_record(catalog, facts, expected):
    assert class_of(Record(catalog, "n", "N", "high", {}, facts=facts)) == expected


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("pooled: {hardware: {compute_efficency: {all: {value: 1}}}}", 1, "did you mean `compute_efficiency`?"),
        (
            "pooled:\n  hardware:\n    tp_overlap: {all: {value: 1}}",
            3,
            "is a software_stack input, not a field of a har",
        ),
        ("pooled: {model: {}}", 1, "is none of hardware, software_stack, network"),
        (
            "records:\n  hardware:\n    h:\n      hbm_efficiency: {value: 1.5}",
            4,
            "1.5 was given; a number above 0 and at",
        ),
        ("records: {hardware: {h: {hbm_efficiency: 0.5}}}", 1, "a mapping was expected"),
        ("everywhere: {tp_overlap: {value: 0.5, eror: 1}}", 1, "a mapping of numbers value, error, rows, families"),
        ("everywhere: {tp_overlap: {value: true}}", 1, "a mapping of numbers value, error, rows, families"),
        ("titel: x", 1, "unknown key; known: title, date, pooled, records, everywhere"),
    ],
)
def test_wrong_files_are_told_with_the_line(tmp_path, text, line, message):
    path = tmp_path / "calibration.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError) as told:
        open_catalogs(tmp_path).get("hardware", "h100-sxm-80gb")
    assert f"{path}:{line}" in str(told.value)
    assert message in str(told.value)


def test_every_calibrated_input_is_continuous_and_starts_inside_its_domain():
    for owner, priors in [pair for stage in STAGES.values() for pair in stage.inputs.items()]:
        assert len(priors) <= MOST
        for name, prior in priors.items():
            leaf = VOCABULARY[name]
            assert (leaf.group, leaf.kind) == (owner, Kind.CONTINUOUS)
            assert leaf.low < prior.centre < leaf.high
            assert prior.reason
            assert min(prior.overall, prior.group, prior.record) > 0


@pytest.mark.parametrize("shipped_file", SHIPPED, ids=lambda path: path.name)
class TestShipped:
    def test_parameters_are_few_and_declared(self, shipped_file):
        found = read_calibration(shipped_file, VOCABULARY)
        for catalog, leaves in found.pooled.items():
            assert set(leaves) <= set(CALIBRATED[catalog])
        for catalog, records in found.records.items():
            known = open_catalogs().names(catalog)
            for name, values in records.items():
                assert name in known
                assert len(values) <= MOST
                assert set(values) <= set(CALIBRATED[catalog])

    def test_no_parameter_names_a_model_or_a_family(self, shipped_file):
        found, told = read_calibration(shipped_file, VOCABULARY), read_provenance(shipped_file)
        names = {name for records in found.records.values() for name in records}
        names |= {kind for leaves in found.pooled.values() for by in leaves.values() for kind in by}
        names |= {leaf for leaves in found.pooled.values() for leaf in leaves} | set(found.everywhere)
        assert names.isdisjoint(open_catalogs().names("model"))
        # A family may be called as the software that it ran, whose own value that is.
        assert names & set(told["rows"]) <= set(open_catalogs().names("software_stack"))

    def test_every_row_it_was_fitted_on_is_named(self, shipped_file):
        found, told = read_calibration(shipped_file, VOCABULARY), read_provenance(shipped_file)
        ids = [row for rows in told["rows"].values() for row in rows]
        assert len(ids) == sum(told["files"].values())
        assert all(told["errors"]["families"][family]["rows"] == len(rows) for family, rows in told["rows"].items())
        assert max(v.rows for by in found.pooled.values() for x in by.values() for v in x.values()) <= len(ids)

    def test_every_row_it_was_fitted_on_is_published(self, shipped_file, root):
        measured = root.parent / "shared" / "measured"
        if not measured.is_dir():
            pytest.skip("the published tables are not beside the checkout")
        published = set()
        for path in measured.glob("*.csv"):
            with path.open(newline="", encoding="utf-8") as file:
                published |= {(path.name, row.get("id", "")) for row in csv.DictReader(file)}
        told = read_provenance(shipped_file)
        ids = {row for rows in told["rows"].values() for row in rows}
        assert set(told["files"]) <= {file for file, _ in published}
        assert ids <= {row for file, row in published if file in told["files"]}

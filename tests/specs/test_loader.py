import contextlib
import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rooflax.specs.documents import parse_document
from rooflax.specs.limits import DEEPEST, LONGEST_TEXT, MOST_ALIASED
from rooflax.specs.loader import load_spec, read_spec
from rooflax.specs.problems import SpecError
from rooflax.specs.scalars import plain

SPEC = """\
title: Where does tensor parallelism stop paying?
axes:
  model: [small-1b, Large_7B]
  tp: {pow2: [1, 8]}
  scale_up_bandwidth: {min: 25 GB/s, max: 400 GB/s, num: 3, scale: log}
fixed: {hardware: chip-a, seq_len: 4096, global_batch_size: 1024, recompute: selective}
outputs: [step_time, memory_per_gpu]
where: [fits_memory, memory_per_gpu < 70 GiB]
best: {minimize: step_time, over: [tp]}
store: {path: runs/a.zarr}
"""


@pytest.fixture
def told(load):
    """The message of each problem of a spec, by its path."""

    def problems(text, *overrides):
        with pytest.raises(SpecError) as caught:
            load(text, *overrides)
        return {problem.where: problem.message for problem in caught.value.problems}

    return problems


def minimal(**sections):
    base = {
        "title": "t",
        "axes": {"tp": [1, 2]},
        "fixed": {"model": "small-1b", "hardware": "chip-a", "seq_len": 1024, "global_batch_size": 8},
        "outputs": ["step_time"],
    }
    return json.dumps({key: value for key, value in {**base, **sections}.items() if value is not ...})


def with_fixed(**inputs):
    fixed = {"model": "small-1b", "hardware": "chip-a", "seq_len": 1024, "global_batch_size": 8} | inputs
    return {key: value for key, value in fixed.items() if value is not ...}


def test_a_spec_becomes_axes_values_and_conditions(load):
    loaded = load(SPEC)
    assert loaded.inputs.sizes == {"model": 2, "tp": 4, "scale_up_bandwidth": 3}
    assert loaded.inputs.axes[0].labels.tolist() == ["small-1b", "large-7b"]
    assert loaded.inputs.values["scale_up_bandwidth"].data.tolist() == [25e9, 100e9, 400e9]
    assert [condition.name for condition in loaded.conditions] == ["fits_memory", "memory_per_gpu"]
    assert loaded.spec.best is not None
    assert loaded.spec.best.over == ("tp",)
    assert loaded.spec.best.top == 1
    assert loaded.spec.store.dtype == "float32"
    assert loaded.notices == ()
    assert loaded.text == SPEC


def test_five_mistakes_are_told_at_once_with_their_places(load):
    text = """\
title: five mistakes
axes:
  d_model: [1024, 0]
  tpp: [1, 2]
  scale_up_bandwidth: {min: 25 GB, max: 400 GB/s, num: 4}
fixed:
  batch_size: 8
  model: small-1b
  hardware: chip-a
  seq_len: 1024
  global_batch_size: 8
outputs: [step_tme, step_time]
"""
    with pytest.raises(SpecError) as caught:
        load(text)
    assert (
        str(caught.value)
        == """\
5 problems in sweep.yaml
  sweep.yaml:3:19   axes.d_model[1]: 0 is not a whole number at least 1
      d_model: [1024, 0]
                      ^
  sweep.yaml:4:3    axes.tpp: unknown name; did you mean `tp`?
      tpp: [1, 2]
      ^
  sweep.yaml:5:29   axes.scale_up_bandwidth.min: 25 GB is a size; a bandwidth was expected (B/s, for example 25 GB/s)
      scale_up_bandwidth: {min: 25 GB, max: 400 GB/s, num: 4}
                                ^
  sweep.yaml:7:3    fixed.batch_size: ambiguous: micro_batch_size, global_batch_size or concurrency
      batch_size: 8
      ^
  sweep.yaml:12:11  outputs[0]: unknown quantity `step_tme`; did you mean `step_time`?
      outputs: [step_tme, step_time]
                ^"""
    )


WRONG = [
    (dict(outputs=["tp"]), "outputs[0]", "`tp` is an input, not a computed quantity"),
    (dict(outputs=["step_time", "step_time"]), "outputs[1]", "`step_time` is listed twice"),
    (dict(outputs=[]), "outputs", "at least one name was expected"),
    (dict(outputs=...), "outputs", "missing: the quantities to compute and keep."),
    (dict(title=...), "title", "missing: one line that says what the sweep is about; pictures and pages carry it."),
    (dict(outputz=[1]), "outputz", "unknown key; did you mean `outputs`?"),
    (dict(seq_len=4), "seq_len", "unknown key; the input `seq_len` belongs in `fixed` or `axes`"),
    (dict(gradients={}), "gradients", "give `derivative`, `elasticity` or both"),
    (dict(axes=[1]), "axes", "a mapping was expected, found a list"),
    (dict(fixed=with_fixed(tp=2)), "fixed.tp", "given in two places; the other is `axes.tp`"),
    (
        dict(axes={"tp": [1], "vpp": [1, 2]}),
        "axes.vpp",
        "no output depends on `vpp`; leave the axis out, or ask for an output that reads it",
    ),
    (
        dict(axes={"precision": ["fp8-mixed"]}, outputs=["memory_per_gpu"]),
        "axes.precision",
        "no output depends on `precision`; leave the axis out, or ask for an output that reads it",
    ),
    (dict(axes={"tp": 4}), "axes.tp", None),
    (dict(axes={"tp": []}), "axes.tp", "an axis needs at least one label"),
    (dict(fixed=with_fixed(pp=[1, 2])), "fixed.pp", "one value was expected, found a list; an axis belongs in `axes`"),
    (dict(fixed=with_fixed(tp_overlap=1.5)), "fixed.tp_overlap", "1.5 is not a number at least 0 and at most 1"),
    (dict(fixed=with_fixed(seq_len="4 s")), "fixed.seq_len", None),
    (dict(fixed=with_fixed(seq_len=True)), "fixed.seq_len", "true is not a number"),
    (dict(fixed=with_fixed(seq_len=None)), "fixed.seq_len", "no value is given"),
    (
        dict(fixed=with_fixed(recompute="selctive")),
        "fixed.recompute",
        "`selctive` is not one of none, selective, full; did you mean `selective`?",
    ),
    (dict(fixed=with_fixed(dropout="yes")), "fixed.dropout", "`yes` is not true or false"),
    (dict(fixed=with_fixed(model="huge-9t")), "fixed.model", "unknown model 'huge-9t'."),
    (dict(fixed=with_fixed(model=7)), "fixed.model", "the name of a model was expected, found 7"),
    (dict(axes={"model": "small-1b"}, fixed=with_fixed(model=...)), "axes.model", None),
    (dict(where=["memory_per_gpu < 70 GB/s"]), "where[0]", None),
    (dict(where=["fits_memry"]), "where[0]", "unknown constraint `fits_memry`; did you mean `fits_memory`?"),
    (dict(best={"over": ["tp"]}), "best", "give exactly one of `minimize` and `maximize`"),
    (dict(best={"minimize": "step_time", "over": []}), "best.over", "at least one name was expected"),
    (dict(best={"minimize": "step_time", "over": ["pp"]}), "best.over[0]", "`pp` is not an axis; the axes are tp"),
    (dict(best={"minimize": "step_time", "over": ["tp", "tp_size"]}), "best.over[1]", "`tp` is listed twice"),
    (
        dict(best={"minimize": "step_tme", "over": ["tp"]}),
        "best.minimize",
        "unknown quantity `step_tme`; did you mean `step_time`?",
    ),
    (
        dict(best={"maximize": "binding", "over": ["tp"]}),
        "best.maximize",
        "`binding` is one of compute, comm, which have no order",
    ),
    (dict(best={"minimize": "step_time", "over": ["tp"], "top": 0}), "best.top", "0 is not at least 1"),
    (dict(store={"dtype": "float16"}), "store.dtype", "`float16` is not one of float32 or float64"),
    (dict(catalog=["nowhere"]), "catalog[0]", "catalog directory nowhere: there is no such directory"),
    (
        dict(fixed=with_fixed(global_batch_size=...)),
        "outputs[0]",
        "`step_time` needs `global_batch_size` (Global batch in sequences), which has no default; "
        "give it under `fixed` or `axes`",
    ),
    (
        dict(fixed=with_fixed(model=...)),
        "outputs[0]",
        "`step_time` needs a model record; give `model` under `fixed` or `axes` "
        "(`rooflax list models` shows the names), or hidden_size, num_layers",
    ),
    (
        dict(fixed=with_fixed(hardware="chip-c")),
        "outputs[0]",
        "`step_time` needs a network; give `hardware` whose record names one, or give `network` under `fixed` "
        "or `axes` (`rooflax list networks` shows the names), or scale_up_bandwidth",
    ),
    (
        dict(fixed=with_fixed(hardware=...), axes={"hardware": ["chip-a", "chip-b"]}, outputs=["step_energy"]),
        "outputs[0]",
        "`step_energy` needs `idle_power` (Idle power), which chip-b do not state; "
        "give it under `fixed`, or leave these records out",
    ),
    (
        dict(fixed={"step_time": "1 s"}, axes={"hardware": ["chip-b"]}, outputs=["step_energy"]),
        "outputs[0]",
        "`step_energy` needs `idle_power` (Idle power), which chip-b do not state; "
        "give it under `fixed`, or leave these records out",
    ),
    (dict(fixed=with_fixed(model="\0.yaml")), "fixed.model", None),
    (dict(fixed=with_fixed(hardware="chip-d")), "fixed.hardware", "unknown network 'net-x'."),
    (
        dict(where=["mfu < 0.5"]),
        "where[0]",
        "`mfu` needs `mfu` (Model FLOPs utilisation assumed by the 6ND rule), which has no default; "
        "give it under `fixed` or `axes`",
    ),
]


@pytest.mark.parametrize(("sections", "where", "message"), WRONG, ids=[f"{w[1]}-{i}" for i, w in enumerate(WRONG)])
def test_each_mistake_is_one_problem_in_its_place(told, sections, where, message):
    problems = told(minimal(**sections))
    assert list(problems) == [where]
    assert message is None or problems[where] == message


def test_wrong_values_name_what_was_expected(told):
    assert "one value belongs in `fixed`" in told(minimal(axes={"tp": 4}))["axes.tp"]
    assert "a time" in told(minimal(fixed=with_fixed(seq_len="4 s")))["fixed.seq_len"]
    assert "a bandwidth" in told(minimal(where=["memory_per_gpu < 70 GB/s"]))["where[0]"]
    message = told(minimal(axes={"model": "small-1b"}, fixed=with_fixed(model=...)))["axes.model"]
    assert message == "a list of model names was expected, found `small-1b`; one name belongs in `fixed`"


def test_aliases_are_read_with_a_notice(load):
    loaded = load(minimal(axes={"tp_size": [1, 2]}, fixed=with_fixed(sequence_length=2048, seq_len=...)))
    assert loaded.inputs.sizes == {"tp": 2}
    assert loaded.notices == ("axes.tp_size: read as `tp`", "fixed.sequence_length: read as `seq_len`")


def test_a_fixed_input_that_nothing_reads_is_a_notice(load):
    loaded = load(minimal(fixed=with_fixed(precision="fp8-mixed", vpp=2, network="net-b"), outputs=["memory_per_gpu"]))
    assert loaded.notices == tuple(
        f"fixed.{name}: no output depends on it"
        for name in ("hardware", "seq_len", "global_batch_size", "precision", "vpp", "network")
    )


def test_the_hardware_is_read_where_only_its_default_network_is(load):
    text = minimal(fixed={"hardware": "chip-a", "hidden_size": 8}, outputs=["tp_comm_time"])
    assert load(text).notices == ()
    text = minimal(fixed={"hardware": "chip-a", "network": "net-a", "hidden_size": 8}, outputs=["tp_comm_time"])
    assert load(text).notices == ("fixed.hardware: no output depends on it",)
    text = minimal(fixed={"hardware": "chip-a", "hidden_size": 8, "scale_up_bandwidth": 1}, outputs=["tp_comm_time"])
    assert load(text).notices == ("fixed.hardware: no output depends on it",)


def test_members_of_a_zip_group_that_nothing_reads_are_a_notice(load):
    loaded = load(minimal(axes={"layout": {"zip": {"tp": [1, 2], "vpp": [1, 2]}}}))
    assert loaded.notices == ("axes.layout.zip.vpp: no output depends on it",)


def test_a_field_that_records_lack_may_be_given_beside_them(load):
    fixed = with_fixed(hardware=..., idle_power="500 W")
    loaded = load(minimal(fixed=fixed, axes={"hardware": ["chip-a", "chip-b"]}, outputs=["step_energy"]))
    assert loaded.inputs.values["idle_power"].data == 500.0
    assert "idle_power" not in loaded.inputs.lacking


def test_a_pinned_quantity_needs_none_of_its_inputs(load):
    loaded = load(minimal(axes={"compute_time": ["1 ms", "2 ms"]}, fixed={"tp_comm_time": "300 us"}))
    assert loaded.inputs.values["compute_time"].data.tolist() == [1e-3, 2e-3]
    assert loaded.inputs.values["tp_comm_time"].data == 3e-4


def test_wrong_names_do_not_count_as_missing_too(told):
    text = minimal(fixed=with_fixed(hardware="chp", global_batch_size="x"))
    assert list(told(text)) == ["fixed.hardware", "fixed.global_batch_size"]


def test_zip_members_reduce_as_one(told, load):
    axes = {"layout": {"zip": {"tp": [1, 2], "recompute": ["none", "full"]}}}
    assert told(minimal(axes=axes, best={"minimize": "step_time", "over": ["tp"]})) == {
        "best.over[0]": "`tp` varies with the zip group `layout`; reduce over `layout`"
    }
    assert load(minimal(axes=axes, best={"minimize": "step_time", "over": ["layout"]})).inputs.sizes == {"layout": 2}


def test_further_record_folders_win(known, catalogs, tmp_path):
    folder = tmp_path / "mine" / "model"
    folder.mkdir(parents=True)
    fields = "{hidden_size: 64, num_layers: 2}"
    (folder / "small-1b.yaml").write_text(
        f"name: small-1b\ntitle: T\nconfidence: low\nsources: {{s: {{title: S}}}}\nsource: s\nfields: {fields}\n"
    )
    (tmp_path / "s.yaml").write_text(minimal(catalog=["mine"]))
    loaded = read_spec(tmp_path / "s.yaml", known=known, catalogs=catalogs)
    assert loaded.inputs.values["hidden_size"].data == 64
    assert loaded.inputs.values["peak_flops_bf16"].data == 1e14
    (tmp_path / "s.yaml").write_text(minimal(catalog=["mine"], fixed=with_fixed(model="gpt-2")))
    loaded = read_spec(tmp_path / "s.yaml", known=known, catalogs=catalogs)
    assert loaded.inputs.values["hidden_size"].data == 8  # not the shipped record: the catalogs given come first
    (tmp_path / "s.yaml").write_text(minimal(fixed=with_fixed(model="mine/model/small-1b.yaml")))
    loaded = read_spec(tmp_path / "s.yaml", known=known, catalogs=catalogs)
    assert loaded.inputs.values["hidden_size"].origin == "model small-1b"
    assert loaded.inputs.values["hidden_size"].data == 64


def test_files_that_cannot_be_read(known, catalogs, tmp_path):
    with pytest.raises(SpecError, match="there is no such file"):
        read_spec(tmp_path / "none.yaml", known=known, catalogs=catalogs)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SpecError, match="cannot be read as text"):
        read_spec(tmp_path / "bytes.yaml", known=known, catalogs=catalogs)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1e9", 1e9), ("1E-3", 1e-3), (".5", 0.5), ("+7", 7), ("0o17", 15), ("0x1F", 31), ("017", 17)),
        *(("on", "on"), ("yes", "yes"), ("1_000", "1_000"), ("1:30", "1:30"), ("2001-01-01", "2001-01-01")),
        *(("true", True), ("False", False), ("~", None), ("", None), ("-.inf", -np.inf), ("4096", 4096)),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    assert plain(text) == value
    assert type(plain(text)) is type(value)
    assert parse_document(f"a: {text}", "f").data == {"a": value}
    assert parse_document(f"a: '{text}'", "f").data == {"a": text}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", "f:3:2  not valid YAML: while parsing a flow sequence, expected ',' or ']'"),
        ("tp: 1\npp: 2\ntp: 4\n", "f:3:1  tp: given twice; the first is on line 1"),
        ("a: !!python/object:os.system x", "f:1:4  a: tags are not accepted"),
        ("a: 1\n---\nb: 2", "f:2:1  a second document begins here; a file holds one"),
        ("a: *x", "f:1:4  a: *x refers to nothing that ends above it"),
        ("a: &a [*a]", "f:1:8  a[0]: *a refers to nothing that ends above it"),
        ("? [1]\n: 2", "f:1:3  a key must be a name"),
        ("a: \x00", "f:1:4  not valid YAML: the character U+0000 is not allowed"),
        ('a: "\\ud800"', "f:1:4  a: half a surrogate pair is no character"),
        ("a: " + "[" * (DEEPEST + 1), f"nested more than {DEEPEST} deep"),
        ("a: &x [" + "1," * MOST_ALIASED + "]\nb: *x", f"f:2:4  b: aliases repeat more than {MOST_ALIASED} values"),
        ("#" * (LONGEST_TEXT + 1), f"the text is longer than {LONGEST_TEXT:,} characters"),
        ("", "a sweep spec is a mapping"),
        ("[1]", "f:1:1  a sweep spec is a mapping with the keys title, axes, fixed and outputs"),
    ],
)
def test_documents_that_cannot_be_read(known, catalogs, text, message):
    with pytest.raises(SpecError) as caught:
        load_spec(text, file="f", known=known, catalogs=catalogs)
    assert message in str(caught.value)


def test_aliases_within_the_limit_are_read_and_located():
    document = parse_document("a: &x [1, 2]\nb: *x\n", "f")
    assert document.data == {"a": [1, 2], "b": [1, 2]}
    assert document.problem(("b", 1), "m").location == "f:2:4"


KEYS = st.sampled_from(["title", "axes", "fixed", "outputs", "where", "best", "store", "catalog", "gradients", "tp"])
NAMES = st.sampled_from(["tp", "tp_size", "model", "hardware", "zip", "recompute", "compute_time", "batch_size", "mfu"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["step_time", "binding", "25 GB/s", "small-1b", "tp", "tp <= 8", "float64", "1e400", "x.yaml", "\0.yaml"]
    ),
)
FORMS = st.one_of(
    st.fixed_dictionaries({"pow2": st.lists(SCALARS, min_size=2, max_size=2)}),
    st.fixed_dictionaries({"range": st.lists(SCALARS, min_size=3, max_size=3)}),
    st.fixed_dictionaries({"min": SCALARS, "max": SCALARS, "num": SCALARS}, optional={"scale": SCALARS}),
    st.fixed_dictionaries({"zip": st.dictionaries(NAMES, st.lists(SCALARS, max_size=3), max_size=3)}),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4), FORMS, st.dictionaries(NAMES, SCALARS, max_size=3))
INPUTS = st.dictionaries(st.one_of(NAMES, st.text(max_size=5)), VALUES, max_size=4)
PARTS = st.dictionaries(st.sampled_from(["minimize", "over", "top", "path", "dtype"]), VALUES, max_size=3)
SPECS = st.dictionaries(st.one_of(KEYS, st.text(max_size=5)), st.one_of(INPUTS, VALUES, PARTS), max_size=6)


@settings(max_examples=400, deadline=None)
@given(
    data=SPECS,
    overrides=st.lists(st.one_of(st.text(max_size=12), st.sampled_from(["tp=4", "best.over=[tp]"])), max_size=2),
)
@example(data={"axes": {"compute_time": {"min": -1.7e308, "max": 1.7e308, "num": 4}}}, overrides=[])
@example(data={"axes": {"compute_time": {"range": [0, 1.7e308, 5e-324]}}}, overrides=[])
def test_any_document_gives_a_spec_or_a_spec_error(known, catalogs, data, overrides):
    text = json.dumps(data).replace("NaN", ".nan").replace("Infinity", ".inf")
    with contextlib.suppress(SpecError):
        loaded = load_spec(text, file="f.yaml", known=known, catalogs=catalogs, overrides=overrides)
        json.dumps(loaded.canonical(), allow_nan=False)


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="ab:-[]{}&*!#'\"|>%@?, \n\t\\~1.\ud800\x00\x85é", max_size=40))
def test_any_text_gives_a_spec_error(known, catalogs, text):
    with pytest.raises(SpecError):
        load_spec(text, file="f.yaml", known=known, catalogs=catalogs)

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooflax.specs.axes import Value
from rooflax.specs.bind import bind, bind_keywords
from rooflax.specs.domains import domain_of
from rooflax.specs.grids import grid_numbers
from rooflax.specs.limits import MOST_LABELS
from rooflax.specs.problems import SpecError


@pytest.fixture
def bound(known, catalogs):
    """Inputs of a spec's two sections, which are right."""

    def inputs(axes=None, **fixed):
        problems = []
        found = bind(axes or {}, fixed, known=known, catalogs=catalogs, problems=problems)
        assert problems == []
        return found

    return inputs


@pytest.fixture
def told(known, catalogs):
    """The messages of a spec's two sections by path."""

    def problems(axes=None, **fixed):
        found = []
        bind(axes or {}, fixed, known=known, catalogs=catalogs, problems=found)
        return {problem.where: problem.message for problem in found}

    return problems


@pytest.fixture
def call(known, catalogs):
    return lambda **inputs: bind_keywords(inputs, known=known, catalogs=catalogs)


@pytest.fixture
def refused(call):
    def problems(**inputs):
        with pytest.raises(SpecError) as caught:
            call(**inputs)
        return {problem.where: problem.message for problem in caught.value.problems}

    return problems


def labelled(values, dims, attrs=None, **coords):
    """What xarray's DataArray looks like from outside."""
    values = np.asarray(values)
    named = {dim: SimpleNamespace(values=np.asarray(labels)) for dim, labels in coords.items()}
    return SimpleNamespace(values=values, dims=tuple(dims), coords=named, attrs=attrs or {})


GRIDS = [
    ("tp", [4, 1, "2", 8.0], [4, 1, 2, 8]),
    ("tp", {"pow2": [1, 1]}, [1]),
    ("tp", {"pow2": [2, 16]}, [2, 4, 8, 16]),
    ("hbm_capacity", {"pow2": ["16 GiB", "64 GiB"]}, [2**34, 2**35, 2**36]),
    ("tp_overlap", {"pow2": [0.25, 1]}, [0.25, 0.5, 1]),
    ("tp", {"range": [1, 9, 2]}, [1, 3, 5, 7, 9]),
    ("tp", {"range": [1, 8, 2]}, [1, 3, 5, 7]),
    ("tp", {"range": [3, 3, 5]}, [3]),
    ("tp_overlap", {"range": [0, 0.5, 0.1]}, [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
    ("scale_up_latency", {"range": ["1 us", "2 us", "500 ns"]}, [1e-6, 1.5e-6, 2e-6]),
    ("tp_overlap", {"min": 0, "max": 1, "num": 11}, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
    ("tp_overlap", {"min": 0.5, "max": 0.5, "num": 1, "scale": "log"}, [0.5]),
    ("world_size", {"min": 64, "max": 1024, "num": 5, "scale": "log"}, [64, 128, 256, 512, 1024]),
    ("scale_out_bandwidth", {"min": "200 Gb/s", "max": "400 GB/s", "num": 3, "scale": "log"}, [25e9, 1e11, 4e11]),
]


@pytest.mark.parametrize(("name", "form", "labels"), GRIDS)
def test_every_grid_form_gives_its_labels_in_order(bound, name, form, labels):
    inputs = bound({name: form})
    (axis,) = inputs.axes
    assert axis.labels.tolist() == [float(label) for label in labels]
    assert axis.labels.dtype == np.float64
    assert inputs.values[name].data.tolist() == axis.labels.tolist()
    assert inputs.values[name].dims == (name,)
    assert inputs.values[name].origin == "axis"


WRONG_GRIDS = [
    ("tp", [], "axes.tp", "an axis needs at least one label"),
    ("tp", [1, 2, 1], "axes.tp[2]", "the label 1 is on this axis twice"),
    ("recompute", ["none", "full", "none"], "axes.recompute[2]", "the label `none` is on this axis twice"),
    ("tp", [1, [2]], "axes.tp[1]", "one value was expected, found a list"),
    ("tp", {"pow2": [1, 12]}, "axes.tp.pow2[1]", "12 is not a power of two"),
    ("tp", {"pow2": [0, 8]}, "axes.tp.pow2[0]", "0 is not a power of two"),
    ("tp", {"pow2": [-2, 8]}, "axes.tp.pow2[0]", "-2 is not a power of two"),
    ("tp", {"pow2": [0.5, 2]}, "axes.tp", "0.5 is not a whole number at least 1"),
    ("tp", {"pow2": [8, 1]}, "axes.tp.pow2", "lo (8) is above hi (1)"),
    ("tp", {"pow2": [8]}, "axes.tp.pow2", "pow2 takes [lo, hi], found a list"),
    ("tp", {"pow2": [1, 8], "num": 3}, "axes.tp.num", "unknown key; this form takes pow2"),
    ("tp", {"range": [1, 8, 0]}, "axes.tp.range[2]", "a step is above 0, found 0"),
    ("tp", {"range": [8, 1, 1]}, "axes.tp.range", "lo (8) is above hi (1)"),
    ("tp", {"range": [1, "x", 1]}, "axes.tp.range[1]", None),
    ("tp", {"range": [1, 1e18, 1]}, "axes.tp.range", "1e+18 labels; an axis has at most 1,000,000"),
    ("tp", {"min": 1, "max": 4}, "axes.tp", "`num` is missing; the form is {min, max, num, scale: linear|log}"),
    ("tp", {"min": 1, "max": 10, "num": 3}, "axes.tp", "5.5 is not a whole number at least 1"),
    ("tp", {"min": 4, "max": 1, "num": 3}, "axes.tp.min", "min (4) is above max (1)"),
    ("tp", {"min": 1, "max": 4, "num": 0}, "axes.tp.num", "0 is not a whole number at least 1"),
    ("tp", {"min": 1, "max": 4, "num": 2.5}, "axes.tp.num", "2.5 is not a whole number at least 1"),
    ("tp", {"min": 1, "max": 4, "num": 10**7}, "axes.tp.num", "10,000,000 labels; an axis has at most 1,000,000"),
    ("tp", {"min": 1, "max": 4, "num": 1}, "axes.tp.num", None),
    ("tp", {"min": 4, "max": 4, "num": 2}, "axes.tp.num", None),
    ("tp", {"min": 1, "max": 4, "num": 4, "scale": "lin"}, "axes.tp.scale", "`lin` is not one of linear, log"),
    ("tp", {"min": 1, "max": 4, "num": 4, "scal": "log"}, "axes.tp.scal", "unknown key; did you mean `scale`?"),
    ("pp_overlap", {"min": 0, "max": 1, "num": 4, "scale": "log"}, "axes.pp_overlap.min", None),
    ("tp", {"lo": 1}, "axes.tp", None),
    ("recompute", {"pow2": [1, 2]}, "axes.recompute", "`recompute` takes a list, since its values are not numbers"),
    ("dropout", {"range": [0, 1, 1]}, "axes.dropout", "`dropout` takes a list, since its values are not numbers"),
    ("model", {"pow2": [1, 2]}, "axes.model", None),
    ("model", ["small-1b", "Small_1B"], "axes.model[1]", "the label `small-1b` is on this axis twice"),
]


@pytest.mark.parametrize(("name", "form", "where", "message"), WRONG_GRIDS)
def test_a_grid_form_without_labels_is_one_located_problem(told, name, form, where, message):
    found = told({name: form})
    assert list(found) == [where]
    assert message is None or found[where] == message


def test_wrong_labels_are_told_up_to_ten(told):
    found = told({"tp": [0] * 50})
    assert list(found) == [*(f"axes.tp[{i}]" for i in range(10)), "axes.tp"]
    assert found["axes.tp"] == "the labels behind the 10th wrong one were not checked"


@given(
    low=st.integers(1, 10**6),
    count=st.integers(1, 200),
    step=st.integers(1, 10**4),
    scale=st.sampled_from([1, 10, 1000]),
)
def test_a_range_counts_like_whole_numbers(known, low, count, step, scale):
    high = low + (count - 1) * step
    form = {"range": [low / scale, high / scale, step / scale]}
    numbers = grid_numbers(form, domain_of("tokens_per_parameter", known), pytest.fail, ())
    assert numbers is not None
    assert numbers.tolist() == [(low + i * step) / scale for i in range(count)]


def test_a_million_labels_are_legal_and_one_more_is_not(bound, told, refused):
    assert refused(world_size=np.arange(1, MOST_LABELS + 2)) == {
        "world_size": "1,000,001 labels; an axis has at most 1,000,000"
    }
    assert bound({"world_size": {"range": [1, MOST_LABELS, 1]}}).axes[0].size == MOST_LABELS
    assert "1,000,000" in told({"world_size": {"range": [1, MOST_LABELS + 1, 1]}})["axes.world_size.range"]


def test_choices_and_flags_become_numbers_and_keep_their_names(bound):
    inputs = bound(
        {"recompute": ["full", "none"], "zero_stage": [3, "0"], "dropout": [True, 0]}, attention_kernel="flash"
    )
    recompute, zero_stage, dropout = inputs.axes
    assert recompute.labels.tolist() == ["full", "none"]
    assert inputs.values["recompute"].data.tolist() == [2, 0]
    assert zero_stage.labels.tolist() == ["3", "0"]
    assert inputs.values["zero_stage"].data.tolist() == [3, 0]
    assert dropout.labels.tolist() == [1, 0]
    assert inputs.values["attention_kernel"].data == 1
    assert inputs.values["attention_kernel"].dims == ()


def test_a_catalog_axis_carries_all_fields_of_its_records(bound):
    inputs = bound({"hardware": ["CHIP_B", "chip-a"], "model": ["small-1b", "large-7b"]})
    assert [axis.labels.tolist() for axis in inputs.axes] == [["chip-b", "chip-a"], ["small-1b", "large-7b"]]
    peak = inputs.values["peak_flops_bf16"]
    assert (peak.dims, peak.data.tolist()) == (("hardware",), [2e14, 1e14])
    assert peak.origin == "hardware of each `hardware`"
    assert inputs.values["hidden_size"].dims == ("model",)
    assert [record.name for record in inputs.records] == [
        "chip-b",
        "chip-a",
        "small-1b",
        "large-7b",
        "net-b",
        "net-a",
        "bf16-mixed",
    ]


def test_the_network_follows_the_hardware_where_none_is_given(bound):
    inputs = bound({"hardware": ["chip-a", "chip-b"]})
    bandwidth = inputs.values["scale_up_bandwidth"]
    assert (bandwidth.dims, bandwidth.data.tolist()) == (("hardware",), [3e11, 4e11])
    assert bandwidth.origin == "default network of each `hardware`"
    single = bound(hardware="chip-a").values["scale_up_bandwidth"]
    assert (single.data, single.origin) == (3e11, "network net-a, the default of chip-a")
    chosen = bound({"hardware": ["chip-a", "chip-b"]}, network="net-b").values["scale_up_bandwidth"]
    assert (chosen.dims, chosen.data, chosen.origin) == ((), 4e11, "network net-b")


def test_hardware_without_a_default_network_lacks_its_fields(bound):
    inputs = bound({"hardware": ["chip-a", "chip-c"]})
    assert "scale_up_bandwidth" not in inputs.values
    assert inputs.lacking["scale_up_bandwidth"] == ("chip-c",)
    assert "scale_up_bandwidth" not in bound(hardware="chip-c").lacking


def test_precision_is_bf16_mixed_where_none_is_given(bound):
    width = bound().values["weight_width"]
    assert (width.data, width.origin) == (2.0, "default precision bf16-mixed")
    given = bound({"precision": ["fp8-mixed", "bf16-mixed"]})
    assert given.values["weight_width"].data.tolist() == [1, 2]
    assert given.values["matmul_format"].data.tolist() == [4, 2]


def test_a_leaf_beside_its_catalog_wins_over_the_record(bound):
    inputs = bound(
        {"hardware": ["chip-a", "chip-b"], "hidden_size": [64, 128]}, model="large-7b", peak_flops_bf16="1 PFLOP/s"
    )
    assert (inputs.values["peak_flops_bf16"].dims, inputs.values["peak_flops_bf16"].data) == ((), 1e15)
    assert inputs.values["hidden_size"].dims == ("hidden_size",)
    assert inputs.values["num_layers"].origin == "model large-7b"


def test_fields_that_some_records_lack(bound):
    inputs = bound({"hardware": ["chip-a", "chip-b"], "model": ["small-1b", "large-7b"]})
    experts = inputs.values["num_experts"]
    assert (experts.data.tolist(), experts.origin) == ([8, 1], "model of each `model`; default for large-7b")
    assert "idle_power" not in inputs.values
    assert inputs.lacking["idle_power"] == ("chip-b",)
    assert bound(hardware="chip-b").lacking["idle_power"] == ("chip-b",)
    assert "experts_per_token" not in inputs.values
    assert "experts_per_token" not in inputs.lacking
    assert inputs.values["scale_out_size"].data.tolist() == [64, 2**24]


def test_a_quantity_may_be_pinned_to_any_finite_value(bound, told):
    inputs = bound(
        {"compute_time": {"min": "1 ms", "max": "4 ms", "num": 3, "scale": "log"}}, tp_comm_time=-1, binding="comm"
    )
    assert inputs.values["compute_time"].data.tolist() == [1e-3, 2e-3, 4e-3]
    assert inputs.axes[0].unit == "s"
    assert inputs.values["tp_comm_time"].data == -1
    assert inputs.values["binding"].data == 1
    assert told(compute_time=float("inf")) == {"fixed.compute_time": "inf is not finite"}


def test_a_zip_group_is_one_dimension(bound):
    inputs = bound({"layout": {"zip": {"tp_size": [1, 2, 2], "model": ["small-1b", "large-7b", "small-1b"]}}})
    (axis,) = inputs.axes
    assert (axis.name, axis.labels.tolist()) == ("layout", [0, 1, 2])
    assert axis.coords["tp"].tolist() == [1, 2, 2]
    assert axis.coords["model"].tolist() == ["small-1b", "large-7b", "small-1b"]
    assert (inputs.values["tp"].dims, inputs.values["tp"].origin) == (("layout",), "zip layout")
    assert inputs.values["hidden_size"].data.tolist() == [2048, 4096, 2048]
    assert inputs.notices == ("axes.layout.zip.tp_size: read as `tp`",)


@pytest.mark.parametrize(
    ("dim", "form", "where", "message"),
    [
        (
            "layout",
            {"zip": {"tp": [1, 2, 4], "pp": {"pow2": [1, 2]}}},
            "axes.layout",
            "the members of a zip group are equally long, but tp has 3, pp has 2",
        ),
        ("tp", {"zip": {"pp": [1]}}, "axes.tp", "`tp` is an input; name the zip group otherwise, such as `layout`"),
        ("a b", {"zip": {"pp": [1]}}, 'axes["a b"]', None),
        ("layout", {"zip": {}}, "axes.layout", None),
        ("layout", {"zip": {"tp": [1]}, "num": 1}, "axes.layout", None),
        ("layout", {"zip": {"tpp": [1]}}, "axes.layout.zip.tpp", "unknown name; did you mean `tp`?"),
        ("layout", {"zip": {"tp": [1, 0]}}, "axes.layout.zip.tp[1]", "0 is not a whole number at least 1"),
        ("layout", {"zip": {"tp": 4}}, "axes.layout.zip.tp", None),
    ],
)
def test_wrong_zip_groups(told, dim, form, where, message):
    found = told({dim: form})
    assert list(found) == [where]
    assert message is None or found[where] == message


def test_a_name_under_its_alias_is_the_same_name(told):
    found = told({"tp": [1, 2]}, tp_size=4)
    assert found == {"fixed.tp_size": "given as `tp` in two places; the other is `axes.tp`"}


def test_values_cannot_be_written_to(bound):
    with pytest.raises(ValueError, match="read-only"):
        bound(tp=4).values["tp"].data[...] = 2
    with pytest.raises(ValueError, match="`x` has 1 dimensions but names"):
        Value("x", (), np.zeros(2), "given")


def test_keywords_scalars_are_fixed_and_sequences_are_axes_in_order(call):
    inputs = call(
        model="small-1b",
        pp=np.int64(2),
        tp=(1, 2),
        recompute=["full"],
        vpp=range(1, 3),
        cp=np.array([1, 4]),
        ep={"pow2": [1, 2]},
    )
    assert inputs.sizes == {"tp": 2, "recompute": 1, "vpp": 2, "cp": 2, "ep": 2}
    assert inputs.values["pp"].dims == ()
    assert call(layout={"zip": {"tp": [1, 2], "pp": [2, 1]}}).sizes == {"layout": 2}
    assert call(tp=np.array(4)).values["tp"].data == 4
    assert call(model=np.array(["small-1b", "large-7b"])).axes[0].labels.tolist() == ["small-1b", "large-7b"]


def test_keyword_problems_name_paths_only(refused):
    assert refused(tp=0, tpp=1, pp=[1, -1], model=["no"], cp=np.array([1.5])) == {
        "tp": "0 is not a whole number at least 1",
        "tpp": "unknown name; did you mean `tp`?",
        "pp[1]": "-1 is not a whole number at least 1",
        "model[0]": "unknown model 'no'.",
        "cp": "1.5 is not a whole number at least 1",
    }
    assert (
        refused(tp=np.ones((2, 2)))["tp"] == "2 dimensions without names; give a DataArray, whose dimensions are named"
    )
    assert refused(tp=object())["tp"] == "one value was expected, found a object"


def test_arrays_with_named_dimensions_vary_along_axes(call):
    bandwidth = labelled(
        [[1e9, 2e9, 3e9], [4e9, 5e9, 6e9]], ("hardware", "tp"), hardware=["CHIP_A", "chip-b"], tp=[1, 2, 4]
    )
    inputs = call(hbm_bandwidth=bandwidth, pp=[1, 2], tp=[1, 2, 4])
    assert inputs.sizes == {"hardware": 2, "tp": 3, "pp": 2}
    assert inputs.axes[0].labels.tolist() == ["chip-a", "chip-b"]
    assert inputs.values["hbm_bandwidth"].dims == ("hardware", "tp")
    assert inputs.values["hbm_bandwidth"].data[1, 2] == 6e9
    assert inputs.values["peak_flops_bf16"].dims == ("hardware",)
    assert inputs.values["tp"].data.tolist() == [1, 2, 4]


def test_arrays_along_a_dimension_that_is_no_input(call):
    cases = labelled(["large-7b", "small-1b"], ("case",), case=["x", "y"])
    inputs = call(model=cases, tp=labelled([2, 4], ("case",)))
    assert inputs.axes[0].labels.tolist() == ["x", "y"]
    assert inputs.values["hidden_size"].data.tolist() == [4096, 2048]
    assert inputs.values["tp"].dims == ("case",)
    assert call(recompute=labelled([["full"], ["none"]], ("a", "b"))).values["recompute"].data.tolist() == [[2], [0]]
    assert call(tp=labelled([1, 2], ("tp",), tp=[1, 2])).sizes == {"tp": 2}
    assert call(tp=labelled(4, ())).values["tp"].data == 4


def test_the_units_of_an_array_are_converted(call, refused):
    array = labelled([25, 50], ("case",), attrs={"units": "GB/s"})
    assert call(hbm_bandwidth=array).values["hbm_bandwidth"].data.tolist() == [25e9, 50e9]
    assert "a size" in refused(hbm_bandwidth=labelled([25], ("case",), attrs={"units": "GB"}))["hbm_bandwidth"]


@pytest.mark.parametrize(
    ("inputs", "where", "message"),
    [
        (
            dict(mfu=labelled([0.1, 0.2], ("tp",), tp=[1, 2]), tp=[1, 4]),
            "mfu",
            "its coordinate `tp` differs from the axis `tp` given beside it",
        ),
        (
            dict(mfu=labelled([0.1, 0.2], ("tp",))),
            "mfu",
            "its dimension `tp` has no coordinate, so the values of `tp` are not known",
        ),
        (dict(mfu=labelled([0.1, 1.2], ("case",))), "mfu", "1.2 is not a number above 0 and at most 1"),
        (dict(mfu=labelled([0.1, np.nan], ("case",))), "mfu", "nan is not finite"),
        (dict(mfu=labelled([0.1, 0.2], ("c",), c=[1, 1])), "mfu", "the labels of its dimension `c` are not distinct"),
        (dict(mfu=labelled([0.1], ("hardware",), hardware=["no"])), "mfu.hardware[0]", "unknown hardware 'no'."),
        (
            dict(tp=labelled([1, 2], ("tp",), tp=[1, 4])),
            "tp",
            "the values along an axis of the same name are its coordinate, but the two differ",
        ),
        (
            dict(model=labelled([["small-1b"]], ("a", "b"))),
            "model",
            "the names of records vary along one dimension, found a, b",
        ),
        (dict(nope=labelled([1.0], ("case",))), "nope", None),
    ],
)
def test_arrays_that_do_not_fit(refused, inputs, where, message):
    found = refused(**inputs)
    assert list(found) == [where]
    assert message is None or found[where] == message


def test_a_data_array_of_xarray_is_read(call):
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray([[0.1, 0.2]], dims=("case", "tp"), coords={"tp": [1, 2]})
    assert call(mfu=array, tp=[1, 2]).sizes == {"case": 1, "tp": 2}
    assert call(mfu=xarray.DataArray(0.5)).values["mfu"].data == 0.5

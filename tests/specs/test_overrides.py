import pytest

from rooflax.specs.loader import load_spec
from rooflax.specs.overrides import apply_overrides
from rooflax.specs.problems import SpecError

SPEC = """\
title: t
axes:
  tp_size: [1, 2]
  recompute: [none, full]
  model: [small-1b, large-7b]
fixed: {hardware: chip-a, seq_len: 1024, global_batch_size: 8}
outputs: [step_time]
best: {minimize: step_time, over: [tp, recompute]}
"""
ZIPPED = SPEC.replace("  recompute: [none, full]\n", "").replace(
    "tp_size: [1, 2]", "layout: {zip: {tp: [1, 2], pp: [2, 1]}}"
)
ZIPPED = ZIPPED.replace("over: [tp, recompute]", "over: [layout]")


@pytest.fixture
def load(known, catalogs):
    return lambda *overrides, text=SPEC: load_spec(
        text, file="s.yaml", known=known, catalogs=catalogs, overrides=overrides
    )


@pytest.fixture
def told(load):
    def message(*overrides, text=SPEC):
        with pytest.raises(SpecError) as caught:
            load(*overrides, text=text)
        return str(caught.value)

    return message


def test_a_scalar_makes_an_axis_fixed(load):
    loaded = load("tp=2")
    assert loaded.inputs.sizes == {"recompute": 2, "model": 2}
    assert loaded.inputs.values["tp"].data == 2
    assert loaded.spec.best is not None
    assert loaded.spec.best.over == ("recompute",)
    assert loaded.notices == (
        "--set tp=2: the axis `tp` is now one value",
        "--set tp=2: `tp` is dropped from `best.over`",
    )


def test_without_axes_to_reduce_over_best_is_dropped(load):
    loaded = load("tp=2", "recompute=full")
    assert loaded.spec.best is None
    assert loaded.notices[-1] == "--set recompute=full: `best` is dropped, since no axis is left to reduce over"


def test_a_frontier_follows_the_axes(load):
    text = SPEC + "pareto: {objectives: [step_time:min, step_energy:min], over: [tp, recompute]}\n"
    loaded = load("tp=2", text=text)
    assert loaded.spec.pareto is not None
    assert loaded.spec.pareto.over == ("recompute",)
    assert loaded.notices[-1] == "--set tp=2: `tp` is dropped from `pareto.over`"
    loaded = load("tp=2", "recompute=full", text=text)
    assert loaded.spec.pareto is None
    assert loaded.notices[-1] == "--set recompute=full: `pareto` is dropped, since no axis is left to reduce over"
    loaded = load("pareto.objectives=[step_energy:max, step_time:min]", text=text)
    assert loaded.spec.pareto is not None
    assert loaded.spec.pareto.objectives == ("step_energy:max", "step_time:min")


def test_a_list_or_grid_form_makes_an_axis_behind_the_others(load):
    loaded = load("seq_len={pow2: [1024, 4096]}", "hardware=[chip-a, chip-b]")
    assert loaded.inputs.sizes == {"tp": 2, "recompute": 2, "model": 2, "seq_len": 3, "hardware": 2}


def test_an_axis_that_stays_an_axis_keeps_its_place(load):
    loaded = load("recompute=[selective]", "num_gpus=8", "tensor_par=[1, 2, 4]")
    assert loaded.inputs.sizes == {"tp": 3, "recompute": 1, "model": 2}
    assert loaded.inputs.values["world_size"].data == 8
    assert "--set num_gpus=8: `num_gpus` read as `world_size`" in loaded.notices


def test_catalogs_and_quantities_are_set_alike(load):
    loaded = load("model=large-7b", "compute_time=3 ms")
    assert loaded.inputs.sizes == {"tp": 2, "recompute": 2}
    assert loaded.inputs.values["compute_time"].data == 3e-3


def test_dotted_paths_reach_everything_else(load):
    loaded = load("best.over=[model]", "store.dtype=float64", "title=other", "outputs.0=tp_comm_time", "best.top=3")
    assert loaded.spec.best is not None
    assert (loaded.spec.best.over, loaded.spec.best.top) == (("model",), 3)
    assert (loaded.spec.store.dtype, loaded.spec.title, loaded.spec.outputs) == ("float64", "other", ("tp_comm_time",))
    assert load("axes.tp_size=[4, 8]").inputs.axes[0].labels.tolist() == [4, 8]


def test_the_last_override_wins(load):
    assert load("tp=2", "tp=4").inputs.values["tp"].data == 4
    assert load("tp=2", "tp=[4, 8]").inputs.sizes == {"recompute": 2, "model": 2, "tp": 2}


def test_a_problem_is_located_at_the_override_that_wrote_it(told):
    message = "axes.tp[1]: 0 is not a whole number at least 1\n      axes={tp: [1, 0]}\n           ^"
    assert message in told("tp=[1, 2]", "axes={tp: [1, 0]}")


def test_zip_groups_are_set_whole(load, told):
    assert load("layout={zip: {tp: [4], pp: [8]}}", text=ZIPPED).inputs.sizes == {"layout": 1, "model": 2}
    assert told("tp=4", text=ZIPPED) == (
        "1 problem in --set\n"
        "  --set  `tp` is a member of the zip group `layout`; set the group, layout={zip: …}\n"
        "      tp=4\n"
        "      ^"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tp=0", "  --set  fixed.tp: 0 is not a whole number at least 1\n      tp=0\n         ^"),
        ("tpp=4", "  --set  `tpp`: unknown name; did you mean `tp`?\n      tpp=4\n      ^"),
        ("batch_size=4", "  --set  `batch_size`: ambiguous: micro_batch_size, global_batch_size or concurrency\n"),
        ("bset.over=[tp]", "  --set  `bset.over`: unknown path; did you mean `best`?\n"),
        ("nothing.like=1", "  --set  `nothing.like`: unknown path; a path begins with one of title, description, axes"),
        ("best.ovr=[tp]", "  --set  best.ovr: unknown key; did you mean `over`?\n      best.ovr=[tp]\n      ^"),
        ("title.x=1", "  --set  `x` leads into a single value, which has no parts\n"),
        ("outputs.3=a", "  --set  `3` is not a position in a list of 1 entries, counted from 0\n"),
        ("tp", "  --set  KEY=VALUE was expected, such as tp=8 or best.over=[tp,pp]\n"),
        ("=4", "  --set  KEY=VALUE was expected, such as tp=8 or best.over=[tp,pp]\n"),
        ("tp=[1,", "  --set  not valid YAML: while parsing a flow node"),
        ("tp={pow2: [1, 3]}", "  --set  axes.tp.pow2[1]: 3 is not a power of two\n"),
        ("outputs=[stp_time]", "  --set  outputs[0]: unknown quantity `stp_time`; did you mean `step_time`?\n"),
        ("tp=", "  --set  fixed.tp: no value is given\n"),
        ("title={a: 1, a: 2}", "  --set  given twice; the first is on line 1\n"),
    ],
)
def test_wrong_overrides_are_located_at_the_option(told, override, message):
    assert told(override).startswith("1 problem in --set\n" + message)


def test_problems_of_the_file_keep_their_places(told):
    text = SPEC.replace("[tp, recompute]", "[tp, nothing]")
    assert "s.yaml:8:40  best.over[0]: `nothing` is not an axis; the axes are recompute, model" in told(
        "tp=2", text=text
    )


def test_the_data_given_is_not_changed(known):
    data = {"axes": {"tp": [1, 2]}, "best": {"over": ["tp"]}, "store": {"dtype": "float32"}}
    edited = apply_overrides(data, ["tp=4", "store.dtype=float64"], known)
    assert data == {"axes": {"tp": [1, 2]}, "best": {"over": ["tp"]}, "store": {"dtype": "float32"}}
    assert edited.data == {"axes": {}, "fixed": {"tp": 4}, "store": {"dtype": "float64"}}

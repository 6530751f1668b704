from __future__ import annotations

import keyword
import math

import pytest

from rooflax.specs.units import conversion
from rooflax.specs.vocabulary import CATALOGS, Group, Kind, Leaf, nearest, shipped

LEAVES = tuple(shipped().values())
each_leaf = pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)


def number(name="x", **changes):
    return Leaf(**{"name": name, "unit": "1", "kind": Kind.CONTINUOUS, "label": "X", "group": Group.MONEY, **changes})


@each_leaf
def test_names_and_aliases_are_identifiers(leaf):
    for name in (leaf.name, *leaf.aliases):
        assert name.isidentifier()
        assert name == name.lower()
        assert not keyword.iskeyword(name)


def test_names_and_aliases_are_unique():
    spoken = [name for leaf in LEAVES for name in (leaf.name, *leaf.aliases)]
    assert sorted(set(spoken)) == sorted(spoken)
    # Catalog axes are named beside the leaves, so no leaf may take their names.
    assert not {*CATALOGS, "status", "margin", "binding"} & set(spoken)


@each_leaf
def test_units_can_be_read(leaf):
    scale, _ = conversion(leaf.unit)
    assert scale > 0
    assert leaf.kind is Kind.CONTINUOUS or leaf.unit == "1"


@each_leaf
def test_labels_are_text_for_an_axis(leaf):
    assert leaf.label
    assert leaf.label[0].isupper()
    assert not leaf.label.endswith(".")


def test_labels_tell_leaves_apart():
    labels = [leaf.label for leaf in LEAVES]
    assert sorted(set(labels)) == sorted(labels)


@each_leaf
def test_domains_are_intervals_of_the_kind(leaf):
    assert leaf.low <= leaf.high
    if leaf.kind is Kind.FLAG:
        assert (leaf.low, leaf.high, leaf.above) == (0, 1, False)
    if leaf.kind is Kind.CHOICE:
        assert len(set(leaf.options)) == len(leaf.options) > 1
        assert all(option == option.strip() != "" for option in leaf.options)


@each_leaf
def test_defaults_lie_in_the_domain_and_have_a_reason(leaf):
    assert leaf.required is (leaf.default is None) is (leaf.reason == "")
    if not leaf.required:
        assert leaf.admits(leaf.default_value)


def test_nothing_that_only_the_user_can_know_has_a_default():
    vocabulary = shipped()
    for name in ("world_size", "global_batch_size", "seq_len", "prompt_len", "output_len", "concurrency"):
        assert vocabulary[name].required
    assert all(leaf.required for leaf in vocabulary.of_group(Group.MONEY) if "price" in leaf.name)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("d_model", "hidden_size"),
        ("d_ff", "intermediate_size"),
        ("n_head", "num_attention_heads"),
        ("num_gpus", "world_size"),
        ("n_gpus", "world_size"),
        ("tp_size", "tp"),
        ("tensor_par", "tp"),
        ("interleaving", "vpp"),
        ("mbs", "micro_batch_size"),
        ("gbs", "global_batch_size"),
        ("activation_checkpointing", "recompute"),
        ("ds_zero", "zero_stage"),
        ("flops_efficiency", "mfu"),
        ("use_swiglu", "gated_mlp"),
        ("top_k", "experts_per_token"),
        ("mem_bw", "hbm_bandwidth"),
    ],
)
def test_other_spellings_of_the_glossary_are_aliases(alias, name):
    assert shipped().aliases[alias] == name


@pytest.mark.parametrize("banned", ["batch_size", "S", "N", "D", "n"])
def test_words_that_mean_several_things_are_no_aliases(banned):
    assert banned not in shipped().aliases
    assert banned not in shipped()


def test_groups_partition_the_leaves():
    vocabulary = shipped()
    assert [leaf for group in Group for leaf in vocabulary.of_group(group)] == sorted(
        LEAVES, key=lambda leaf: list(Group).index(leaf.group)
    )
    assert len(vocabulary) == len(LEAVES)


def test_a_name_declared_twice_is_an_error():
    with pytest.raises(ValueError, match="leaf `tp` is declared twice"):
        shipped().with_leaves([number("tp")])


@pytest.mark.parametrize("taken", ["tp", "tp_size"])
def test_an_alias_that_is_taken_is_an_error(taken):
    with pytest.raises(ValueError, match=f"alias `{taken}` of leaf `x` is declared twice"):
        shipped().with_leaves([number(aliases=(taken,))])


def test_further_leaves_leave_the_vocabulary_as_it_was():
    vocabulary = shipped()
    assert "x" in vocabulary.with_leaves([number()])
    assert "x" not in vocabulary


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"default": 1.0}, "leaf `x`: a default needs a reason, and a reason needs a default"),
        ({"reason": "so"}, "leaf `x`: a default needs a reason, and a reason needs a default"),
        ({"options": ("a", "b")}, "leaf `x`: options belong to choices, and a choice needs them"),
        ({"kind": Kind.CHOICE}, "leaf `x`: options belong to choices, and a choice needs them"),
        (
            {"kind": Kind.CHOICE, "options": ("a", "b"), "default": "c", "reason": "so"},
            r"leaf `x`: default 'c' is not one of \['a', 'b'\]",
        ),
    ],
)
def test_a_contradictory_leaf_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        number(**changes)


@pytest.mark.parametrize(
    ("changes", "inside", "outside"),
    [
        ({}, (0, 0.5, math.inf), (-1e-9, math.nan, -math.inf)),
        ({"above": True, "high": 1.0}, (1e-9, 1), (0, 1.1, math.nan)),
        ({"kind": Kind.COUNT, "low": 1}, (1, 2, 1e9), (0, 1.5, math.inf, math.nan)),
        ({"kind": Kind.FLAG, "high": 1}, (0, 1), (0.5, 2, -1)),
    ],
)
def test_a_domain_admits_what_a_machine_could_have(changes, inside, outside):
    leaf = number(**changes)
    assert [value for value in inside if not leaf.admits(value)] == []
    assert [value for value in outside if leaf.admits(value)] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "a number at least 0"),
        ({"above": True, "high": 1.0}, "a number above 0 and at most 1"),
        ({"kind": Kind.COUNT, "low": 1}, "a whole number at least 1"),
        ({"kind": Kind.FLAG, "high": 1}, "true or false"),
        ({"kind": Kind.CHOICE, "options": ("a", "b")}, "one of a, b"),
    ],
)
def test_a_domain_has_words(changes, words):
    assert number(**changes).domain() == words


def test_a_choice_enters_the_kernels_as_the_position_of_its_option():
    vocabulary = shipped()
    assert vocabulary["zero_stage"].default_value == 1
    assert vocabulary["recompute"].default_value == 0
    assert vocabulary["attention_kernel"].default_value == 1


def test_a_leaf_without_default_has_no_default_value():
    with pytest.raises(ValueError, match="leaf `x` has no default"):
        _ = number().default_value


@pytest.mark.parametrize(
    ("wrong", "meant"), [("hiden_size", "hidden_size"), ("worldsize", "world_size"), ("zzzzzzzz", None)]
)
def test_the_nearest_name_is_offered(wrong, meant):
    assert nearest(wrong, shipped()) == meant

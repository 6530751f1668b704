"""The dependency graph: order, pinned quantities, missing leaves, stand-ins and cycles."""

from __future__ import annotations

import pytest

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.graph import Graph, GraphError, resolve
from rooflax.kernels.registry import Declaration, Quantity, Registry
from rooflax.specs.vocabulary import Group, Kind, Leaf, Vocabulary

REGISTRY = shipped_registry()
DEGREES = dict(tp=1.0, pp=1.0, cp=1.0)


def toy(**models: tuple[str, ...]) -> Registry:
    """A registry of sums: every quantity adds up what it reads; `a` is required, `b` defaults to 10."""
    vocabulary = Vocabulary.of(
        [
            Leaf("a", "1", Kind.CONTINUOUS, "A", Group.TRAINING),
            Leaf("b", "1", Kind.CONTINUOUS, "B", Group.TRAINING, default=10.0, reason="ten"),
        ]
    )
    declared = Declaration("x", "definition: x", {"expect": 0})
    quantities = {
        name: Quantity(name, lambda **read: sum(read.values()), "1", name, "", declared, reads)
        for name, reads in models.items()
    }
    return Registry(quantities, {}, vocabulary, "")


def order(graph: Graph) -> list[str]:
    return [quantity.name for quantity in graph.order]


def test_everything_needed_runs_once_and_before_it_is_read() -> None:
    graph = resolve(toy(x=("a", "b"), y=("x", "a"), z=("y", "x"), other=("a",)), ["z", "y"], {"a"})
    assert order(graph) == ["x", "y", "z"]
    assert graph.inputs == ("a", "b")
    assert graph.missing == {}
    assert graph({"a": 1.0, "b": 2.0}) == {"a": 1.0, "b": 2.0, "x": 3.0, "y": 4.0, "z": 7.0}


def test_order_of_the_shipped_models_respects_what_they_read() -> None:
    graph = resolve(REGISTRY, REGISTRY.quantities, ())
    seen = set(graph.inputs)
    for quantity in graph.order:
        assert set(quantity.reads) <= seen
        seen.add(quantity.name)
    assert set(REGISTRY.quantities) <= seen


def test_given_quantity_is_pinned() -> None:
    graph = resolve(toy(x=("a", "b"), y=("x", "b")), ["y"], {"x"})
    assert order(graph) == ["y"]
    assert graph.inputs == ("x", "b")
    assert graph({"x": 5.0, "b": 1.0})["y"] == 6.0


def test_pinned_output_is_an_input() -> None:
    graph = resolve(toy(x=("a",)), ["x"], {"x"})
    assert (order(graph), graph.inputs, graph.missing) == ([], ("x",), {})


def test_missing_leaf_names_the_output_that_needs_it() -> None:
    graph = resolve(toy(x=("a",), y=("b",), z=("y", "a")), ["y", "z", "x"], ())
    assert graph.missing == {"a": "z"}


def test_leaf_may_be_an_output() -> None:
    assert resolve(toy(), ["a"], {"a"}).inputs == ("a",)


def test_unknown_output_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="stepp_time"):
        resolve(REGISTRY, ["stepp_time"], ())


def test_cycle_is_shown() -> None:
    with pytest.raises(GraphError) as refused:
        resolve(toy(x=("y",), y=("z",), z=("x", "a")), ["x"], {"a"})
    assert str(refused.value) == "models depend on each other in a circle: x -> y -> z -> x"


def test_pinning_breaks_a_cycle() -> None:
    assert order(resolve(toy(x=("y",), y=("x",)), ["x"], {"y"})) == ["x"]


def test_dp_follows_from_world_size() -> None:
    graph = resolve(REGISTRY, ["dp"], {"world_size"})
    assert graph({"world_size": 64.0, "tp": 4.0, "pp": 2.0, "cp": 1.0})["dp"] == 8.0


def test_given_dp_makes_world_size_derived() -> None:
    graph = resolve(REGISTRY, ["world_size", "dp"], {"dp"})
    assert order(graph) == ["world_size"]
    assert graph({"dp": 8.0, "tp": 4.0, "pp": 2.0, "cp": 1.0})["world_size"] == 64.0


def test_given_dp_and_world_size_are_both_leaves() -> None:
    graph = resolve(REGISTRY, ["fills_world"], {"dp", "world_size"})
    assert order(graph) == ["fills_world"]
    assert float(graph({"dp": 8.0, "world_size": 17.0} | DEGREES)["fills_world"]) == -9.0


def test_given_number_of_micro_batches_makes_the_batch_derived() -> None:
    graph = resolve(REGISTRY, ["global_batch_size", "pipeline_bubble_overhead"], {"num_micro_batches", "world_size"})
    values = graph({"num_micro_batches": 8.0, "world_size": 4.0, "micro_batch_size": 2.0, "vpp": 1.0} | DEGREES)
    assert values["global_batch_size"] == 64.0


def test_dp_and_micro_batches_determine_world_and_batch() -> None:
    graph = resolve(REGISTRY, ["tokens_per_second_per_gpu"], {"num_micro_batches", "dp", "step_time", "seq_len"})
    given = {"num_micro_batches": 8.0, "dp": 4.0, "micro_batch_size": 1.0, "step_time": 2.0, "seq_len": 100.0}
    assert graph.missing == {}
    assert graph(given | DEGREES)["tokens_per_second_per_gpu"] == 32 * 100 / 2 / 4


def test_neither_world_size_nor_dp_leaves_world_size_missing() -> None:
    assert resolve(REGISTRY, ["dp"], ()).missing == {"world_size": "dp"}


def test_model_given_by_its_size_alone_is_dense() -> None:
    graph = resolve(REGISTRY, ["training_flops_6nd"], {"num_parameters"})
    assert graph.missing == {}
    assert graph({"num_parameters": 1e9, "tokens_per_parameter": 20.0})["training_flops_6nd"] == 1.2e20


def test_architecture_wins_over_the_stand_in() -> None:
    """A pinned size beside a full architecture: the active parameters still leave out the idle experts."""
    given = {"num_parameters", "hidden_size", "num_layers", "moe_intermediate_size", "gated_mlp"}
    graph = resolve(REGISTRY, ["num_active_parameters"], given)
    assert order(graph) == ["num_moe_layers", "expert_weights", "num_active_parameters"]

"""The registry: what a declaration must say, what is refused and with which words, and files of a user's own models."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from rooflax.kernels.discovery import registry_with, shipped_registry
from rooflax.kernels.registry import Registry, RegistryError, build_registry
from rooflax.specs.problems import RooflaxError
from rooflax.specs.vocabulary import Group, Kind, Leaf, Vocabulary

VOCABULARY = Vocabulary.of(
    [
        Leaf("price", "$/h", Kind.CONTINUOUS, "Price", Group.MONEY),
        Leaf("duration", "s", Kind.CONTINUOUS, "Duration", Group.TRAINING),
        Leaf("members", "1", Kind.COUNT, "Members", Group.TRAINING, default=1, reason="alone"),
    ]
)
HEADER = """
from __future__ import annotations
from typing import Annotated, NamedTuple
from rooflax.kernels.annotations import Array, Bytes, Category, Count, Dollars, DollarsPerHour, Seconds
from rooflax.kernels.registry import constraint, cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf
"""
COST = '''
@cost_model(formula="c t", source="definition: price by time", example=dict(price=2.0, duration=3600.0, expect=2.0))
def cost(price: DollarsPerHour, duration: Seconds) -> Dollars:
    """Cost of the whole.

    More words about it.
    """
    return price * duration / 3600
'''


@pytest.fixture
def module() -> Iterator[object]:
    """A maker of modules from source text, known to sys.modules as a real one is."""
    made: list[str] = []

    def make(source: str, name: str = "some_models") -> ModuleType:
        found = ModuleType(name)
        text = HEADER + source
        sys.modules[name] = found
        made.append(name)
        found.__file__ = f"/{name}.py"
        linecache.cache[found.__file__] = (len(text), None, text.splitlines(keepends=True), found.__file__)
        exec(compile(text, found.__file__, "exec"), vars(found))
        return found

    yield make
    for name in made:
        sys.modules.pop(name, None)


def build(*modules: ModuleType) -> Registry:
    return build_registry(modules, VOCABULARY)


def test_declaration_is_read_from_the_function(module) -> None:
    registry = build(module(COST))
    cost = registry.quantities["cost"]
    assert (cost.unit, cost.label, cost.description) == ("$", "Cost of the whole", "More words about it.")
    assert cost.reads == ("price", "duration")
    assert cost({"price": 3.0, "duration": 7200.0}) == 6.0
    assert registry.unit("cost") == "$"
    assert registry.unit("price") == "$/h"
    assert (registry.label("cost"), registry.label("price")) == ("Cost of the whole", "Price")


def changed(old: str, new: str) -> str:
    assert old in COST
    return COST.replace(old, new)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            COST.split('"""', maxsplit=1)[0] + "return price",
            "`cost` in some_models has no docstring; its first line is the label",
        ),
        (changed('formula="c t"', 'formula=""'), "`cost` in some_models has no formula"),
        (changed("definition: price by time", ""), "`cost` in some_models has no source"),
        (changed("dict(price=2.0, duration=3600.0, expect=2.0)", "{}"), "`cost` in some_models has no example"),
        (changed(" -> Dollars", ""), "`cost` in some_models has no return annotation, so no unit"),
        (changed("-> Dollars", "-> float"), "the result of `cost` in some_models is not annotated with a unit"),
        (
            changed("duration: Seconds", "duration"),
            "parameter `duration` of `cost` in some_models is not annotated with a unit",
        ),
        (
            changed("duration", "duraton"),
            "`cost` in some_models: unknown parameter `duraton`; did you mean `duration`?",
        ),
        (changed("duration", "xyzzy"), "`cost` in some_models: unknown parameter `xyzzy`"),
        (
            changed("duration: Seconds", "duration: Bytes"),
            "`cost` in some_models: `duration` is in s, its annotation says B",
        ),
        (changed("price=2.0, ", ""), "`cost` in some_models: the example lacks price"),
        (changed(", expect=2.0", ""), "`cost` in some_models: the example lacks expect"),
        (
            changed("source=", "terms=('price', 'fee'), source="),
            "`cost` in some_models: terms ['fee'] are not among its parameters",
        ),
        (
            changed("@cost_model(", "@constraint(message='{price} for {members}', "),
            "`cost` in some_models: its message names ['members'], which it does not read",
        ),
        (
            changed("def cost", "def price").replace("(price: ", "(members: ").replace("DollarsPerHour", "Count"),
            "`price` in some_models is already a leaf of the vocabulary",
        ),
        (
            COST + changed("def cost", "def duration_").replace("source=", "when_given='cost', source="),
            "`duration` in some_models: stands in for a name in s, its result is $",
        ),
    ],
)
def test_declaration_is_refused(module, source: str, message: str) -> None:
    with pytest.raises(RegistryError) as refused:
        build(module(source.replace("return price * duration / 3600", "return 0.0")))
    assert str(refused.value) == message


def test_name_declared_twice_is_refused(module) -> None:
    with pytest.raises(RegistryError) as refused:
        build(module(COST, "first_models"), module(COST, "second_models"))
    assert str(refused.value) == "`cost` is declared twice: in first_models and in second_models"


def test_imported_models_are_declared_once(module) -> None:
    second = module(COST.replace("def cost", "def fee"), "second_models")
    second.cost = module(COST, "first_models").cost
    assert list(build(sys.modules["first_models"], second).quantities) == ["cost", "fee"]


def test_example_may_leave_out_defaults(module) -> None:
    source = COST.replace("duration: Seconds", "duration: Seconds, members: Count")
    assert build(module(source)).quantities["cost"].reads == ("price", "duration", "members")


def test_category_is_a_number_with_options(module) -> None:
    source = '''
@cost_model(formula="x", source="definition: x", example=dict(members=1, expect=0))
def kind(members: Count) -> Annotated[Array, Category(("few", "many"))]:
    """What it is."""
    return members * 0
'''
    kind = build(module(source)).quantities["kind"]
    assert (kind.unit, kind.options) == ("1", ("few", "many"))


def test_bundle_stands_for_its_fields(module) -> None:
    source = '''
class Work(NamedTuple):
    price: DollarsPerHour
    duration: Seconds

@cost_model(formula="x", source="definition: x", example=dict(price=2.0, duration=5.0, members=3, expect=30.0))
def total(members: Count, work: Work) -> Dollars:
    """Total."""
    return work.price * work.duration * members
'''
    total = build(module(source)).quantities["total"]
    assert total.reads == ("members", "price", "duration")
    assert total({"price": 2.0, "duration": 5.0, "members": 3}) == 30.0


def test_bundle_with_a_wrong_unit_is_refused(module) -> None:
    source = '''
class Work(NamedTuple):
    price: Bytes

@cost_model(formula="x", source="definition: x", example=dict(price=2.0, expect=30.0))
def total(work: Work) -> Dollars:
    """Total."""
    return work.price
'''
    with pytest.raises(RegistryError) as refused:
        build(module(source))
    assert str(refused.value) == "`total` in some_models: `price` is in $/h, its annotation says B"


def test_stand_in_is_kept_apart(module) -> None:
    stand_in = '''
@cost_model(when_given="cost", formula="c", source="definition: x", example=dict(cost=2.0, price=1.0, expect=7200.0))
def duration(cost: Dollars, price: DollarsPerHour) -> Seconds:
    """Duration."""
    return cost / price * 3600
'''
    registry = build(module(COST + stand_in))
    assert list(registry.quantities) == ["cost"]
    assert [model.declared.when_given for model in registry.stand_ins["duration"]] == ["cost"]


def test_conditions_are_ordered_legality_first(module) -> None:
    source = "".join(
        f'''
@constraint(message="{{price}} is wrong", legal={legal}, formula="x", source="definition: x",
            example=dict(price=2.0, expect=2.0))
def {name}(price: DollarsPerHour) -> DollarsPerHour:
    """Margin."""
    return price
'''
        for name, legal in (("cheap", False), ("whole", True), ("fair", False))
    )
    registry = build(module(source))
    assert list(registry.constraints) == ["whole", "cheap", "fair"]
    condition = registry.constraints["whole"].declared.constraint
    assert condition is not None
    assert (condition.message, condition.legal) == ("{price} is wrong", True)


def test_digest_follows_code_and_defaults(module) -> None:
    first = build(module(COST))
    assert build(module(COST)).digest == first.digest
    assert build(module(COST.replace("/ 3600", "/ 3601"))).digest != first.digest
    leaves = [*VOCABULARY.values()][:2]
    again = Leaf("members", "1", Kind.COUNT, "Members", Group.TRAINING, default=2, reason="alone")
    assert build_registry([module(COST)], Vocabulary.of([*leaves, again])).digest != first.digest


def test_discovery_finds_every_module() -> None:
    registry = shipped_registry()
    modules = {quantity.module.rpartition(".")[2] for quantity in registry.quantities.values()}
    assert {"tp_communication", "inference", "parameters", "pipeline", "rule_6nd", "step", "training_memory"} <= modules
    assert shipped_registry() is registry
    assert registry_with([]) is registry


USER_MODEL = (
    HEADER.replace("from __future__ import annotations\n", "")
    + '''
LEAVES = (Leaf("insurance_rate", "1", Kind.CONTINUOUS, "Insurance rate", Group.MONEY, default=0.02, reason="usual"),)

@cost_model(formula="r c", source="definition: a share of the cost", example=dict(training_cost=100.0, expect=2.0))
def insurance_cost(training_cost: Dollars, insurance_rate: Count) -> Dollars:
    """Cost of insurance."""
    return training_cost * insurance_rate
'''
)


def test_file_of_a_user_adds_models_and_leaves(tmp_path: Path) -> None:
    path = tmp_path / "my_costs.py"
    path.write_text(USER_MODEL, encoding="utf-8")
    registry = registry_with([path])
    assert float(registry.quantities["insurance_cost"]({"training_cost": 100.0, "insurance_rate": 0.02})) == 2.0
    assert registry.vocabulary["insurance_rate"].default_value == 0.02
    assert "insurance_cost" not in shipped_registry().quantities
    assert registry.digest != shipped_registry().digest


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.py", None, "{path}: no such file of cost models"),
        ("costs.txt", "", "{path}: a file of cost models is Python and ends in .py"),
        ("broken.py", "x = 1 / 0", "{path}: ZeroDivisionError: division by zero"),
        (
            "again.py",
            USER_MODEL.replace("insurance_cost", "step_time").replace("-> Dollars", "-> Seconds"),
            "{path}: `step_time` is declared twice: in rooflax.kernels.training.step and in rooflax_models_again",
        ),
        (
            "typo.py",
            USER_MODEL.replace("training_cost", "training_costs"),
            "{path}: `insurance_cost` in rooflax_models_typo: unknown parameter `training_costs`; "
            "did you mean `training_cost`?",
        ),
    ],
)
def test_file_of_a_user_is_refused(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(RooflaxError) as refused:
        registry_with([path])
    assert str(refused.value) == message.format(path=path)

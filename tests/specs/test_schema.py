import json
import re

import pytest
from pydantic import ValidationError

from rooflax.specs.schema import Best, Pareto, SweepSpec, check_shape, schema
from rooflax.specs.vocabulary import shipped


def test_a_spec_cannot_be_changed():
    spec, wrong = check_shape({"title": "t", "outputs": ["a"]})
    assert wrong == []
    assert spec is not None
    with pytest.raises(ValidationError, match="frozen"):
        spec.title = "other"
    assert (spec.axes, spec.fixed, spec.where, spec.best, spec.store.path) == ({}, {}, (), None, None)


def test_every_key_of_a_spec_is_described():
    for part in (SweepSpec, Best, Pareto):
        assert [name for name, field in part.model_fields.items() if not field.description] == []


def test_the_objective_is_the_one_given():
    assert Best(minimize="a", over=("tp",)).objective == "a"
    assert Best(maximize="b", over=("tp",)).objective == "b"


def test_wrong_shapes_are_all_told_with_their_paths():
    data = {"title": 3, "outputs": "a", "best": {"over": "tp", "top": True, "mx": 1}, "store": {"pth": "x"}, "axes": 1}
    spec, wrong = check_shape(data)
    assert spec is None
    assert wrong == [
        (("title",), "text was expected, found 3", False),
        (("axes",), "a mapping was expected, found 1", False),
        (("outputs",), "a list was expected, found `a`", False),
        (("best", "over"), "a list was expected, found `tp`", False),
        (("best", "top"), "a whole number was expected, found true", False),
        (("best", "mx"), "unknown key; the keys are minimize, maximize, over, top", True),
        (("store", "pth"), "unknown key; did you mean `path`?", True),
    ]


def test_the_editor_schema_lists_every_input_with_its_unit():
    table = schema()
    assert table["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert table["additionalProperties"] is False
    assert json.loads(json.dumps(table)) == table
    for section in ("axes", "fixed"):
        properties = table["properties"][section]["properties"]
        assert list(properties)[:4] == ["model", "hardware", "network", "precision"]
        assert set(shipped()) <= set(properties)
        assert properties["hbm_bandwidth"]["description"] == "Memory bandwidth (B/s): a number above 0."
        assert properties["tp"]["description"] == "Tensor parallel degree: a whole number at least 1. Default 1."
    assert table["properties"]["fixed"]["properties"]["zero_stage"] == {
        "description": "ZeRO stage: one of 0, 1, 2, 3. Default 1.",
        "enum": ["0", "1", "2", "3", 0, 1, 2, 3],
    }
    assert table["properties"]["axes"]["properties"]["dropout"]["items"] == {"enum": [True, False, 0, 1]}


def test_the_editor_schema_resolves_its_references():
    table = schema(quantities={"step_time": "s"})
    text = json.dumps(table)
    for name in {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}:
        assert name in table["$defs"]


def test_the_editor_schema_knows_objectives():
    objectives = schema(quantities={"step_time": "s"})["$defs"]["Pareto"]["properties"]["objectives"]
    assert (objectives["minItems"], objectives["maxItems"]) == (2, 3)
    assert objectives["items"] == {"enum": ["step_time:min", "step_time:max"]}
    pattern = schema()["$defs"]["Pareto"]["properties"]["objectives"]["items"]["pattern"]
    assert [bool(re.search(pattern, text)) for text in ("a:min", "a : max", "a", "a:mix", "a:minimum")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_known_quantities_close_the_editor_schema():
    table = schema(quantities={"step_time": "s", "mfu": "1"})
    assert table["properties"]["outputs"]["items"] == {"enum": ["mfu", "step_time"]}
    fixed = table["properties"]["fixed"]
    assert fixed["properties"]["step_time"]["description"] == "Computed quantity, pinned (s)"
    assert fixed["additionalProperties"] is False
    assert table["properties"]["axes"]["additionalProperties"] == {"$ref": "#/$defs/Zip"}
    assert schema()["properties"]["outputs"]["items"] == {"type": "string"}

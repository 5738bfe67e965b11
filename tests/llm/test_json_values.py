"""JSON values as they are written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.llm.json_values import EMPTY, JsonObject, Plain, normal_json, read_object
from tests.memory.examples import json_values
from tests.properties import scaled


@given(st.dictionaries(st.text(), json_values, max_size=4))
@settings(max_examples=scaled(200))
def test_any_object_comes_back_equal(value: dict[str, object]) -> None:
    made = JsonObject(value)
    read = read_object(made.json)
    assert read == made
    assert hash(read) == hash(made)
    assert made.as_dict() == json.loads(made.json)


def test_numbers_keep_their_digits() -> None:
    text = '{"a": 1.50, "b": 1E400, "c": -0, "d": 123456789012345678901234567890}'
    value = read_object(text)
    assert value is not None
    assert value.json == text
    assert value["a"] == 1.5
    assert value["b"] == "1E400"
    assert value["d"] == 123456789012345678901234567890


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "[1]", "1", '"x"', "", "{", '{"a": NaN}', "{" * 100_000])
def test_other_texts_are_not_objects(text: str) -> None:
    assert read_object(text) is None
    assert normal_json(text) == text


def test_normal_json_has_the_usual_spaces_and_escapes() -> None:
    assert normal_json('{"b":1.0,\n"a" : ["\\u00e9\\/",\ttrue]}') == '{"b": 1.0, "a": ["é/", true]}'
    assert normal_json('{"a": "\\ud83d\\ude00 \\ud800"}') == '{"a": "😀 \ufffd"}'


def test_order_of_keys_does_not_matter_for_equality() -> None:
    one, other = JsonObject({"a": 1, "b": [2]}), JsonObject({"b": [2], "a": 1})
    assert one == other == {"a": 1, "b": [2]}
    assert hash(one) == hash(other)
    assert one.json != other.json


def test_with_values_changes_and_removes_keys() -> None:
    value = JsonObject({"a": 1, "b": 2})
    assert value.with_values(a=None, c="x") == {"b": 2, "c": "x"}
    assert value == {"a": 1, "b": 2}


def test_plain_word_that_json_does_not_have_is_text() -> None:
    value = JsonObject.of({"done": Plain("yes"), "nothing": Plain(""), "count": Plain("012")})
    assert value == {"done": "yes", "nothing": None, "count": "012"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, object(), b"x"])
def test_value_that_json_does_not_have_is_rejected(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        JsonObject({"key": value})


def test_too_deep_value_is_rejected() -> None:
    deep: object = 1
    for _ in range(20):
        deep = [deep]
    with pytest.raises(ValueError, match="nested more than 16 levels"):
        JsonObject({"key": deep})
    assert not EMPTY

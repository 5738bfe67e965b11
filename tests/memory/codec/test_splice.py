"""Edits of byte ranges, and nodes written in block style."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode
from aloop.memory.codec.serialization import parse
from aloop.memory.codec.splice import Edit, apply_edits, emit_node, splice
from aloop.text import clean_text
from tests.memory.examples import NOWHERE, texts
from tests.properties import scaled

DATA = b"0123456789"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], b"0123456789"),
        ([Edit(2, 4, b"xyz")], b"01xyz456789"),
        ([Edit(4, 4, b"x"), Edit(0, 0, b"a"), Edit(10, 10, b"z")], b"a0123x456789z"),
        ([Edit(0, 10, b"")], b""),
        ([Edit(2, 4, b"x"), Edit(4, 6, b"y")], b"01xy6789"),
        ([Edit(4, 6, b"y"), Edit(4, 4, b"x")], b"0123xy6789"),
    ],
)
def test_edits_leave_other_bytes_unchanged(edits: list[Edit], expected: bytes) -> None:
    assert b"".join(splice(DATA, edits)) == expected
    data = bytearray(DATA)
    data = apply_edits(data, edits)
    assert data == expected


@pytest.mark.parametrize(
    "edits", [[Edit(2, 5, b""), Edit(4, 6, b"")], [Edit(5, 4, b"")], [Edit(-1, 0, b"")], [Edit(9, 11, b"")]]
)
def test_overlapping_and_out_of_range_edits_are_rejected(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="overlaps another or is out of range"):
        splice(DATA, edits)


def test_splice_does_not_copy_unchanged_bytes() -> None:
    data = bytearray(DATA)
    first, *_ = splice(data, [Edit(5, 5, b"x")])
    assert isinstance(first, memoryview)
    assert first.obj is data
    first.release()


def test_splice_and_apply_edits_agree() -> None:
    places = st.integers(0, 20)
    edit = st.builds(
        lambda at, length, new: Edit(at, at + length, new), places, st.integers(0, 5), st.binary(max_size=3)
    )

    @given(st.lists(edit, max_size=4))
    @settings(max_examples=scaled(200))
    def agree(edits: list[Edit]) -> None:
        data = bytearray(range(26))
        try:
            expected = b"".join(splice(data, edits))
        except ValueError:
            return
        data = apply_edits(data, edits)
        assert data == expected

    agree()


def meaning(node: Node) -> object:
    if isinstance(node, ScalarNode):
        return node.text
    if isinstance(node, SequenceNode):
        return [meaning(item) for item in node.items]
    return {key: meaning(value) for key, value in node.values.items()}


def build(value: object) -> Node:
    if isinstance(value, dict):
        return MappingNode({key: build(item) for key, item in value.items()})
    if isinstance(value, list):
        return SequenceNode([build(item) for item in value])
    return ScalarNode(str(value))


keys = st.one_of(st.text(max_size=8), texts).map(clean_text)
trees = st.dictionaries(
    keys,
    st.recursive(
        keys, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=5
    ),
    min_size=1,
    max_size=3,
)


@given(trees, st.integers(0, 4))
@settings(max_examples=scaled(100))
def test_any_tree_round_trips_in_block_style(tree: dict[str, object], column: int) -> None:
    """Including any keys, because unknown keys must be kept."""
    data = f"{' ' * column}root:{emit_node(build(tree), column + 2)}\n".encode()
    assert meaning(parse(data, NOWHERE).root) == {"root": tree}
    assert yaml.load(data, yaml.CBaseLoader) == {"root": tree}


@pytest.mark.parametrize(
    "text", ["yes", "10:30", "a#b", "null", "~", "'quoted'", '"two\n\n  lines"', "{a: -1, b: c:d}", "[[], {}]"]
)
def test_flow_value_means_the_same_in_block_style(text: str) -> None:
    node = parse(f"x: [{text}]".encode(), NOWHERE).root.values["x"]
    data = f"x:{emit_node(node, 2)}\n".encode()
    assert yaml.safe_load(data) == yaml.safe_load(f"x: [{text}]")


def test_apply_edits_copies_data_that_has_views() -> None:
    data = bytearray(b"one two three")
    edits = [Edit(0, 3, b"1"), Edit(4, 7, b"TWO"), Edit(13, 13, b"!")]
    with memoryview(data):
        assert apply_edits(data, edits) == b"1 TWO three!"

"""Edits of byte ranges, and syntax tree nodes written as YAML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aloop.memory.codec.emitter import MAX_KEY, emit_text, emit_word
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the bytes from ``start`` to ``end`` with ``new``.

    Insertions at the same offset are made in the given order.
    """

    start: int
    end: int
    new: bytes


def _range(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


def splice(data: bytes | bytearray, edits: Iterable[Edit]) -> list[memoryview | bytes]:
    """Return the edited text as pieces, without copying ``data``.

    Raises ValueError if edits overlap or are out of range.
    """
    view = memoryview(data).toreadonly()
    pieces: list[memoryview | bytes] = []
    position = 0
    for edit in sorted(edits, key=_range):
        if not position <= edit.start <= edit.end <= len(data):
            raise ValueError(f"the edit of bytes {edit.start} to {edit.end} overlaps another or is out of range")
        pieces += [view[position : edit.start], edit.new]
        position = edit.end
    pieces.append(view[position:])
    return [piece for piece in pieces if piece]


def apply_edits(data: bytearray, edits: Iterable[Edit]) -> bytearray:
    """Edit ``data`` in place if possible, and return the edited text."""
    ordered = sorted(edits, key=_range)
    try:
        for edit in reversed(ordered):
            data[edit.start : edit.end] = edit.new
    except BufferError:
        # Views of an earlier, failed write still exist, so its size is fixed. Edits made so far kept the length, and
        # making them again changes nothing.
        return bytearray(b"".join(splice(data, edits)))
    return data


def emit_node(node: Node, column: int) -> str:
    """Return a node as the value after ``key:``, in block style at ``column``.

    Starts with a space or a newline. Used to convert lists in brackets, with known and unknown keys, to block lists.
    """
    if isinstance(node, ScalarNode):
        if node.plain:
            # A plain scalar needs no quotes, unless it was written over several lines.
            return f" {node.text}" if "\n" not in node.text else f" {emit_text(node.text, column)}"
        return f" {emit_text(node.text, column)}"
    margin = " " * column
    if isinstance(node, SequenceNode):
        if not node.items:
            return " []"
        return "\n" + "\n".join(f"{margin}-{_after_dash(item, column + 2)}" for item in node.items)
    if not node.values:
        return " {}"
    return "\n" + "\n".join(_pairs(node, column))


def _pairs(node: MappingNode, column: int) -> list[str]:
    margin = " " * column
    pairs = []
    for key, value in node.values.items():
        word = emit_word(key, column + 2)
        if "\n" in word or len(word) > MAX_KEY:
            word = f"? {word}\n{margin}"
        pairs.append(f"{margin}{word}:{emit_node(value, column + 2)}")
    return pairs


def _after_dash(node: Node, column: int) -> str:
    text = emit_node(node, column)
    # The first line of a nested collection is on the line of the dash.
    return " " + text.lstrip("\n").lstrip(" ") if text.startswith("\n") else text

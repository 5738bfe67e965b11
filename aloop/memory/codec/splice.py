"""Edits of byte ranges: everything outside of them stays to the byte."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aloop.memory.codec.emitter import emit_text, emit_word
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode

# YAML lets a key stand before its colon only on one line, and within 1,024 characters of it.
_MAX_KEY = 1_000


@dataclass(frozen=True, slots=True)
class Edit:
    """Put ``new`` in place of the bytes from ``start`` to ``end``; the two are equal for an insertion.

    Of two insertions at one place, the one given first comes first.
    """

    start: int
    end: int
    new: bytes


def _place(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


def splice(data: bytes | bytearray, edits: Iterable[Edit]) -> list[memoryview | bytes]:
    """Return the pieces of ``data`` with the edits made, in order; nothing is copied.

    Raises ValueError when two edits overlap or one lies outside: an edit is never made by half.
    """
    view = memoryview(data).toreadonly()
    pieces: list[memoryview | bytes] = []
    position = 0
    for edit in sorted(edits, key=_place):
        if not position <= edit.start <= edit.end <= len(data):
            raise ValueError(f"the edit of bytes {edit.start} to {edit.end} overlaps another, or lies outside")
        pieces += [view[position : edit.start], edit.new]
        position = edit.end
    pieces.append(view[position:])
    return [piece for piece in pieces if piece]


def apply_edits(data: bytearray, edits: Iterable[Edit]) -> bytearray:
    """Return the text with the edits made: ``data`` itself where that is possible, for a large text is slow to copy."""
    ordered = sorted(edits, key=_place)
    try:
        for edit in reversed(ordered):
            data[edit.start : edit.end] = edit.new
    except BufferError:
        # The pieces of an earlier write still look into it, kept by the traceback of its failure. What was changed by
        # now kept its length, and the same edit made again changes nothing.
        return bytearray(b"".join(splice(data, edits)))
    return data


def emit_node(node: Node, column: int) -> str:
    """Return any node as the value behind ``key:``, block style, its lines at ``column``; begins with its own gap.

    For lists that a person wrote in brackets and that must grow: known keys and unknown ones come back alike.
    """
    if isinstance(node, ScalarNode):
        if node.plain:
            # Bound to be one line of harmless characters, unless a person broke it over several.
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
        if "\n" in word or len(word) > _MAX_KEY:
            word = f"? {word}\n{margin}"
        pairs.append(f"{margin}{word}:{emit_node(value, column + 2)}")
    return pairs


def _after_dash(node: Node, column: int) -> str:
    text = emit_node(node, column)
    # The first line of a nested collection moves up, behind the dash.
    return " " + text.lstrip("\n").lstrip(" ") if text.startswith("\n") else text

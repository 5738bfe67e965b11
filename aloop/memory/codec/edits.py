"""Edits of single messages and header fields in a text that people may have shaped.

Each function returns edits of byte ranges for ``splice``; nothing outside of them changes, whatever the indentation,
the comments and the order of keys. They need a block list of messages: ``unfold`` makes one.

Lists that can not grow in their own style, as lists that can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import END_MARKER, ITEM_COLUMN, emit_messages, emit_text
from aloop.memory.codec.nodes import MappingNode, Node, SequenceNode
from aloop.memory.codec.serialization import ParsedDocument, parse
from aloop.memory.codec.splice import Edit, emit_node
from aloop.memory.codec.text_layout import TextLayout


class MessageEdits:
    """Edits of one parsed text; message numbers count from 0."""

    def __init__(self, parsed: ParsedDocument) -> None:
        self._places = TextLayout(parsed)
        self._root = parsed.root
        messages = parsed.root.values.get("messages")
        # A list without messages, in brackets or not there at all, has nothing to be edited; the header has.
        self._items = messages.items if isinstance(messages, SequenceNode) else []
        self._column = self._places.column(messages.start) if messages and self._items else ITEM_COLUMN
        if isinstance(messages, SequenceNode) and messages.items and messages.flow:
            raise ValueError("the messages are no block list")

    def drop(self, first: int, last: int) -> Edit:
        """Take the messages from ``first`` to ``last``, the latter included, out of the text."""
        return self.replace(first, last, ())

    def replace(self, first: int, last: int, messages: Iterable[LLMMessage]) -> Edit:
        """Put ``messages`` in place of those from ``first`` to ``last``, the latter included."""
        lines = emit_messages(messages, self._column)
        return self._edit(self._start(first), self._behind(last), lines)

    def insert_after(self, number: int, messages: Iterable[LLMMessage]) -> Edit:
        """Put ``messages`` behind message ``number``."""
        end = self._behind(number)
        return self._edit(end, end, emit_messages(messages, self._column))

    def insert_before(self, number: int, messages: Iterable[LLMMessage]) -> Edit:
        """Put ``messages`` in front of message ``number``."""
        start = self._start(number)
        return self._edit(start, start, emit_messages(messages, self._column))

    def lines(self, first: int) -> tuple[str, int]:
        """Return the lines of all messages from ``first`` on as they stand there, and the column of their dashes."""
        return self._places.text[self._start(first) : self._behind(len(self._items) - 1)], self._column

    def set_flag(self, number: int, flag: str) -> Edit:
        """Mark a message, ``skip`` for instance; nothing changes when it is marked already."""
        item = self._mapping(number)
        value = item.values.get(flag)
        if value is not None:
            return self._edit(value.start, value.end, "true")
        column = self._places.column(item.start)
        end = self._end(number)
        return self._edit(end, end, f"{' ' * column}{flag}: true\n")

    def clear_flag(self, number: int, flag: str) -> Edit | None:
        """Take a mark away, its whole line; None when there is none."""
        item = self._mapping(number)
        key = item.keys.get(flag)
        if key is None:
            return None
        if next(iter(item.keys)) == flag:
            # The line with the dash must stay.
            return self._edit(item.values[flag].start, item.values[flag].end, "false")
        return self._edit(self._places.line_start(key.start), self._places.end_of(item.values[flag]), "")

    def header(self, key: str, text: str) -> Edit:
        """Set a one-line text of the header, on a line of its own where it is new."""
        return self.header_value(key, emit_text(" ".join(text.split()), 2))

    def header_value(self, key: str, value: str) -> Edit:
        """Set a field of the header to what is YAML already."""
        line = f"{key}: {value}\n"
        present = self._root.keys.get(key)
        if present is not None:
            return self._edit(present.start, self._places.end_of(self._root.values[key]), line)
        known = [name for name in ("id", "created_at", "updated_at", "title", "model") if name in self._root.values]
        end = max(self._places.end_of(self._root.values[name]) for name in known)
        return self._edit(end, end, self._places.indented(line))

    def _mapping(self, number: int) -> MappingNode:
        item: Node = self._items[number]
        if not isinstance(item, MappingNode):
            raise TypeError(f"message {number} is no mapping")
        return item

    def _start(self, number: int) -> int:
        return self._places.item_start(self._items[number], self._column)

    def _end(self, number: int) -> int:
        return self._places.end_of(self._items[number])

    def _behind(self, number: int) -> int:
        """Return the end of a message, with the comments that would become part of a text put in their place."""
        return self._places.behind_deep_comments(self._end(number), self._column)

    def _edit(self, start: int, end: int, lines: str) -> Edit:
        gap = self._places.gap_before(start) if start == end else ""
        return self._places.edit(start, end, gap + lines)


_DEEP = re.compile(r"^[ \t]+(?=#)", re.MULTILINE)


def unfold(parsed: ParsedDocument) -> str:
    """Return the text with its messages as a block list, and those typed below the end marker among them.

    All else stays as it is, unless the whole file is in braces: then all of it is written anew. Unknown keys stay.
    """
    items = _all_messages(parsed)
    if parsed.root.flow:
        values = {**parsed.root.values, "messages": SequenceNode(items)}
        return emit_node(MappingNode(values), 0).lstrip("\n") + f"\n{END_MARKER}"
    return _unfold_messages(parsed, TextLayout(parsed), items)


def as_block(parsed: ParsedDocument, path: Path) -> ParsedDocument:
    """Return the text with its messages as a block list: itself where they are one, or there are none to be edited."""
    messages = parsed.root.values.get("messages")
    in_brackets = isinstance(messages, SequenceNode) and messages.flow and bool(messages.items)
    if parsed.below or parsed.root.flow or in_brackets:
        return parse(unfold(parsed).encode(), path)
    return parsed


def _all_messages(parsed: ParsedDocument) -> list[Node]:
    messages = parsed.root.values.get("messages")
    above = messages.items if isinstance(messages, SequenceNode) else []
    return above + (parsed.below.items if parsed.below else [])


def _unfold_messages(parsed: ParsedDocument, places: TextLayout, items: list[Node]) -> str:
    text, key = places.text, parsed.root.keys.get("messages")
    block = places.native(emit_node(SequenceNode(items), len(places.margin) + ITEM_COLUMN) + "\n")
    marker = places.marker()
    if parsed.below and marker:
        text = text[: marker[1]] + text[places.end_of(parsed.below) :]
    if key is None:
        place = marker[0] if marker else len(text)
        section = places.native(f"{places.gap_before(place)}\n{places.margin}messages:")
        return text[:place] + section + block + text[place:]
    node = parsed.root.values["messages"]
    end = places.end_of(node)
    # A comment behind the closing bracket stays, on the line of the key.
    is_block = isinstance(node, SequenceNode) and not node.flow
    comment = "" if is_block else text[node.end : end].strip()
    colon = text.index(":", key.end) + 1
    if block.endswith(places.newline * 2):
        # A block that keeps its blank lines would take those that follow for its own.
        end += places.blank_after(end)
    # Comments that stand deeper than the new texts would become part of the last.
    behind = places.behind_deep_comments(end, len(places.margin) + ITEM_COLUMN)
    notes = _DEEP.sub(places.margin, text[end:behind])
    return text[:colon] + (f" {comment}" if comment else "") + block + notes + text[behind:]

"""Edits of single messages and header fields in a session text, in any layout.

Methods return edits of byte ranges for ``splice``. They require the messages as a block list; ``unfold`` converts other
layouts to one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from aloop.llm.json_values import JsonObject, to_json_text
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import END_MARKER, ITEM_COLUMN, emit_messages, emit_pairs, emit_text
from aloop.memory.codec.nodes import MappingNode, Node, SequenceNode
from aloop.memory.codec.serialization import ParsedDocument, parse
from aloop.memory.codec.splice import Edit, emit_node
from aloop.memory.codec.text_layout import TextLayout


class MessageEdits:
    """Creates edits of one parsed text; message numbers count from 0."""

    def __init__(self, parsed: ParsedDocument) -> None:
        self._layout = TextLayout(parsed)
        self._root = parsed.root
        messages = parsed.root.values.get("messages")
        # Without messages, whether the list is empty or missing, the header can still be edited.
        self._items = messages.items if isinstance(messages, SequenceNode) else []
        self._column = self._layout.column(messages.start) if messages and self._items else ITEM_COLUMN
        if isinstance(messages, SequenceNode) and messages.items and messages.flow:
            raise ValueError("the messages are not a block list")

    def drop(self, first: int, last: int) -> Edit:
        """Remove the messages from ``first`` to ``last`` inclusive."""
        return self.replace(first, last, ())

    def replace(self, first: int, last: int, messages: Iterable[LLMMessage]) -> Edit:
        """Replace the messages from ``first`` to ``last`` inclusive."""
        lines = emit_messages(messages, self._column)
        return self._edit(self._start(first), self._behind(last), lines)

    def insert_after(self, number: int, messages: Iterable[LLMMessage]) -> Edit:
        """Insert ``messages`` after message ``number``."""
        end = self._behind(number)
        return self._edit(end, end, emit_messages(messages, self._column))

    def insert_before(self, number: int, messages: Iterable[LLMMessage]) -> Edit:
        """Insert ``messages`` before message ``number``."""
        start = self._start(number)
        return self._edit(start, start, emit_messages(messages, self._column))

    def lines(self, first: int) -> tuple[str, int]:
        """Return the lines of the messages from ``first`` on, and their dashes' column."""
        return self._layout.text[self._start(first) : self._behind(len(self._items) - 1)], self._column

    def move(self, number: int, after: int) -> list[Edit]:
        """Move a message, as it is written, after message ``after``, an earlier one."""
        layout = self._layout
        start, end, target = self._start(number), self._behind(number), self._behind(after)
        text = layout.text[start:end]
        closing = "" if layout.ends_line(end - 1) else layout.newline
        inserted = Edit(layout.at(target), layout.at(target), f"{text}{closing}".encode())
        return [inserted, Edit(layout.at(start), layout.at(end), b"")]

    def set_flag(self, number: int, flag: str) -> Edit:
        """Set a flag of a message, such as ``skip``."""
        item = self._mapping(number)
        value = item.values.get(flag)
        if value is not None:
            return self._edit(value.start, value.end, "true")
        column = self._layout.column(item.start)
        end = self._end(number)
        return self._edit(end, end, f"{' ' * column}{flag}: true\n")

    def clear_flag(self, number: int, flag: str) -> Edit | None:
        """Remove the line of a flag, or return None if it is not set."""
        item = self._mapping(number)
        key = item.keys.get(flag)
        if key is None:
            return None
        if next(iter(item.keys)) == flag:
            # Keep the line, because it has the dash of the list item.
            return self._edit(item.values[flag].start, item.values[flag].end, "false")
        return self._edit(self._layout.line_start(key.start), self._layout.end_of(item.values[flag]), "")

    def can_edit(self, number: int) -> bool:
        """Return False for a message in braces, which can only be replaced as a whole."""
        return not self._mapping(number).flow

    def set_keys(self, number: int, before: JsonObject, after: JsonObject) -> Iterator[Edit]:
        """Change the unknown keys of a message from ``before`` to ``after``."""
        item = self._mapping(number)
        column = self._layout.column(item.start)
        added = ""
        for key, lines in _changed_pairs(before, after, column):
            present = item.keys.get(key)
            if present is None:
                added += lines
            elif lines or next(iter(item.keys)) != key:
                # The first key has the dash of the list item before it.
                is_first = next(iter(item.keys)) == key
                start = present.start if is_first else self._layout.line_start(present.start)
                yield self._edit(start, self._layout.end_of(item.values[key]), lines[column if is_first else 0 :])
            else:
                yield self._edit(item.values[key].start, item.values[key].end, "null")
        if added:
            end = self._end(number)
            yield self._edit(end, end, added)

    def set_header_keys(self, before: JsonObject, after: JsonObject) -> Iterator[Edit]:
        """Change the unknown keys of the header from ``before`` to ``after``."""
        layout = self._layout
        for key, lines in _changed_pairs(before, after, 0):
            present = self._root.keys.get(key)
            lines = layout.indented(lines)
            if present is not None:
                yield self._edit(layout.line_start(present.start), layout.end_of(self._root.values[key]), lines)
            else:
                end = self._end_of_header()
                yield self._edit(end, end, lines)

    def header(self, key: str, text: str) -> Edit:
        """Set a header field to a text; line breaks become spaces."""
        return self.header_value(key, emit_text(" ".join(text.split()), 2))

    def header_value(self, key: str, value: str) -> Edit:
        """Set a header field to a value that is already YAML."""
        line = f"{key}: {value}\n"
        present = self._root.keys.get(key)
        if present is not None:
            return self._edit(present.start, self._layout.end_of(self._root.values[key]), line)
        end = self._end_of_header()
        return self._edit(end, end, self._layout.indented(line))

    def _end_of_header(self) -> int:
        known = [name for name in ("id", "created_at", "updated_at", "title", "model") if name in self._root.values]
        return max(self._layout.end_of(self._root.values[name]) for name in known)

    def _mapping(self, number: int) -> MappingNode:
        item: Node = self._items[number]
        if not isinstance(item, MappingNode):
            raise TypeError(f"message {number} is not a mapping")
        return item

    def _start(self, number: int) -> int:
        return self._layout.item_start(self._items[number], self._column)

    def _end(self, number: int) -> int:
        return self._layout.end_of(self._items[number])

    def _behind(self, number: int) -> int:
        """Return the end of a message and of the deeply indented comments after it."""
        return self._layout.behind_deep_comments(self._end(number), self._column)

    def _edit(self, start: int, end: int, lines: str) -> Edit:
        gap = self._layout.gap_before(start) if start == end else ""
        return self._layout.edit(start, end, gap + lines)


def _changed_pairs(before: JsonObject, after: JsonObject, column: int) -> Iterator[tuple[str, str]]:
    """Yield each key whose value differs, and its new lines, empty for a removed key."""
    old, new = before.frozen(), after.frozen()
    for key in {**old, **new}:
        if key not in new:
            yield key, ""
        elif key not in old or to_json_text(old[key]) != to_json_text(new[key]):
            yield key, "".join(emit_pairs(JsonObject.of({key: new[key]}), column))


_DEEP = re.compile(r"^[ \t]+(?=#)", re.MULTILINE)


def unfold(parsed: ParsedDocument) -> str:
    """Return the text with all messages in one block list.

    Messages below the end marker are included. The rest is unchanged, unless the whole file is in braces: then all of
    it is rewritten. Unknown keys are kept.
    """
    items = _all_messages(parsed)
    if parsed.root.flow:
        values = {**parsed.root.values, "messages": SequenceNode(items)}
        return emit_node(MappingNode(values), 0).lstrip("\n") + f"\n{END_MARKER}"
    return _unfold_messages(parsed, TextLayout(parsed), items)


def as_block(parsed: ParsedDocument, path: Path) -> ParsedDocument:
    """Return the document, unfolded unless its messages are a block list already."""
    messages = parsed.root.values.get("messages")
    in_brackets = isinstance(messages, SequenceNode) and messages.flow and bool(messages.items)
    if parsed.below or parsed.root.flow or in_brackets:
        return parse(unfold(parsed).encode(), path)
    return parsed


def _all_messages(parsed: ParsedDocument) -> list[Node]:
    messages = parsed.root.values.get("messages")
    above = messages.items if isinstance(messages, SequenceNode) else []
    return above + (parsed.below.items if parsed.below else [])


def _unfold_messages(parsed: ParsedDocument, layout: TextLayout, items: list[Node]) -> str:
    text, key = layout.text, parsed.root.keys.get("messages")
    block = layout.native(emit_node(SequenceNode(items), len(layout.margin) + ITEM_COLUMN) + "\n")
    marker = layout.marker()
    if parsed.below and marker:
        text = text[: marker[1]] + text[layout.end_of(parsed.below) :]
    if key is None:
        offset = marker[0] if marker else len(text)
        section = layout.native(f"{layout.gap_before(offset)}\n{layout.margin}messages:")
        return text[:offset] + section + block + text[offset:]
    node = parsed.root.values["messages"]
    end = layout.end_of(node)
    # A comment after the closing bracket moves to the line of the key.
    is_block = isinstance(node, SequenceNode) and not node.flow
    comment = "" if is_block else text[node.end : end].strip()
    colon = text.index(":", key.end) + 1
    if block.endswith(layout.newline * 2):
        # The following blank lines would become part of a literal block with "+".
        end += layout.blank_after(end)
    # Comments indented deeper than the new texts would become part of the last one.
    behind = layout.behind_deep_comments(end, len(layout.margin) + ITEM_COLUMN)
    notes = _DEEP.sub(layout.margin, text[end:behind])
    return text[:colon] + (f" {comment}" if comment else "") + block + notes + text[behind:]

"""A version of a session as list items, each with its text as it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.edits import as_block
from aloop.memory.codec.emitter import ITEM_COLUMN
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode
from aloop.memory.codec.schema import is_null
from aloop.memory.codec.serialization import ParsedDocument, interpret, load_messages, parse
from aloop.memory.codec.splice import emit_node
from aloop.memory.codec.text_layout import TextLayout
from aloop.memory.session import Session

Value = object
"""A node without its style; two are equal if the nodes mean the same."""


def value_of(node: Node | None) -> Value:
    """Return the meaning of ``node``; a key without a value means the same as no key."""
    if node is None or isinstance(node, ScalarNode):
        return None if node is None or is_null(node) else node.text
    if isinstance(node, SequenceNode):
        return tuple(map(value_of, node.items))
    return frozenset((key, value) for key, node in node.values.items() if (value := value_of(node)) is not None)


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a version.

    ``text`` are its lines with line feeds and the dash at ``column``, ``gap`` the blank lines and comments before it.
    ``raw`` is ``gap`` and ``text`` as they are in the file. ``identity`` is the same in two versions of one message,
    ``meaning`` only if the versions mean the same.
    """

    node: MappingNode
    message: LLMMessage
    text: str
    column: int
    gap: str = ""
    raw: str = ""
    identity: Value = field(init=False)
    meaning: Value = field(init=False)

    def __post_init__(self) -> None:
        message = self.message
        calls = tuple((call.id, call.name, call.arguments) for call in message.tool_calls)
        identity = (message.role, value_of(self.node.values.get("content")), calls, message.tool_call_id)
        object.__setattr__(self, "identity", identity)
        object.__setattr__(self, "meaning", value_of(self.node))

    def lines_at(self, column: int) -> str:
        """Return the lines with the dash at ``column``, in other words if that is needed."""
        moved = indented(self.text, column - self.column)
        item = item_of(moved, column)
        return moved if item is not None and item.meaning == self.meaning else emit_item(self.node, column)

    def with_text(self, text: str) -> Item | None:
        """Return the item with changed lines, or None if they are not one message."""
        item = item_of(text, self.column)
        return item and replace(item, gap=self.gap)


def line_feeds(text: str) -> str:
    return re.sub("\r\n?", "\n", text)


def indented(lines: str, by: int) -> str:
    """Return ``lines`` moved to the right, or to the left if ``by`` is negative."""
    if by < 0:
        return re.sub(rf"^ {{1,{-by}}}", "", lines, flags=re.MULTILINE)
    return re.sub(r"^(?=[^\n])", " " * by, lines, flags=re.MULTILINE) if by else lines


def emit_item(node: Node, column: int) -> str:
    """Return the lines of a message as aloop writes them."""
    text = emit_node(SequenceNode([node]), column).lstrip("\n")
    return f"{text}\n"


def item_of(text: str, column: int) -> Item | None:
    """Return the message in ``text``, or None if there is not exactly one."""
    fragment = f"messages:\n{text}"
    try:
        root = parse(fragment.encode(), Path()).root
        messages = load_messages(text, Path())
    except SessionFileError:
        return None
    listed = root.values.get("messages")
    if len(root.values) != 1 or not isinstance(listed, SequenceNode) or len(listed.items) != 1:
        return None
    node = listed.items[0]
    return Item(node, messages[0], text, column) if isinstance(node, MappingNode) else None


@dataclass(frozen=True, slots=True)
class Section:
    """A list of messages and its range in the text.

    ``start`` and ``end`` are offsets of characters, ``column`` is that of the dashes.
    """

    items: tuple[Item, ...] = ()
    start: int = 0
    end: int = 0
    column: int = ITEM_COLUMN


class SessionText:
    """One version of a session; raises SessionFileError if it cannot be read."""

    def __init__(self, data: bytes, path: Path) -> None:
        self.parsed = as_block(parse(data, path), path)
        self.session: Session = interpret(self.parsed, path)
        self.layout = TextLayout(self.parsed)
        self.messages = self._section("messages", self.session.messages)
        self.system = self._section("system_messages", self.session.system_messages)

    def _section(self, key: str, messages: Sequence[LLMMessage]) -> Section:
        node, layout = self.parsed.root.values.get(key), self.layout
        if not isinstance(node, SequenceNode) or not node.items:
            return Section(column=len(layout.margin) + ITEM_COLUMN)
        if node.flow:
            column = len(layout.margin) + ITEM_COLUMN
            texts = [emit_item(item, column) for item in node.items]
            items = (
                Item(item, message, text, column, raw=text)
                for item, message, text in zip(node.items, messages, texts, strict=True)
                if isinstance(item, MappingNode)
            )
            return Section(tuple(items), column=column)
        column = layout.column(node.start)
        start = position = layout.item_start(node.items[0], column)
        found = []
        for item, message in zip(node.items, messages, strict=True):
            if not isinstance(item, MappingNode):  # reading the session has ruled this out
                continue
            first = layout.item_start(item, column)
            end = layout.behind_deep_comments(layout.end_of(item), column)
            gap, text = line_feeds(layout.text[position:first]), line_feeds(layout.text[first:end])
            text = text if text.endswith("\n") else f"{text}\n"
            found.append(Item(item, message, text, column, gap, layout.text[position:end]))
            position = end
        return Section(tuple(found), start, position, column)

    def key_lines(self, mapping: MappingNode, key: str) -> str:
        """Return the lines of one key and its value, with line feeds, the key at column 0."""
        start = mapping.keys[key].start
        lines = line_feeds(self.layout.text[start : self.layout.end_of(mapping.values[key])])
        lines = lines if lines.endswith("\n") else f"{lines}\n"
        return indented(lines, -self.layout.column(start))


def is_same_session(parsed: ParsedDocument, other: ParsedDocument) -> bool:
    """Return True if two versions have the same ID."""
    return value_of(parsed.root.values.get("id")) == value_of(other.root.values.get("id"))

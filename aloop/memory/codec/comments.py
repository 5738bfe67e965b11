"""The comments that a user added to a session file, and values that end at one."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aloop.memory.codec.emitter import SCHEMA_LINE
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode
from aloop.memory.codec.schema import is_null
from aloop.memory.codec.serialization import ParsedDocument

_COMMENT = re.compile(r"(?:^|(?<=\s))#+[ \t]*(.*)", re.MULTILINE)
_COMMENT_BEHIND = re.compile(r"[ \t]+(#[^\r\n]*)")
_TEXTS = ("title", "content", "note")
"""The keys whose values are words of the user or the model."""
_SHOWN = 40
"""The most characters of a text that a warning repeats."""


@dataclass(frozen=True, slots=True)
class CutValue:
    """A value without quotes that YAML ends before ``comment``.

    ``offset`` is the first character of the comment.
    """

    key: str
    text: str
    comment: str
    offset: int

    @property
    def advice(self) -> str:
        """A sentence about the text, and how to keep it."""
        whole = f"{self.text} {self.comment}"
        if len(whole) > _SHOWN or "\n" in self.text:
            comment = self.comment if len(self.comment) <= _SHOWN else f"{self.comment[:_SHOWN]}…"
            return f"{comment!r} is a comment and not part of the {self.key}. To keep it, quote the whole {self.key}"
        quoted = json.dumps(whole, ensure_ascii=False)
        return f"{self.comment!r} is a comment and not part of the {self.key}. To keep it, write {self.key}: {quoted}"


def cut_values(text: str, node: Node) -> Iterator[CutValue]:
    """Yield the values of a header or message that are perhaps cut by a comment."""
    if not isinstance(node, MappingNode):
        return
    for key in _TEXTS:
        value = node.values.get(key)
        if isinstance(value, ScalarNode) and value.plain and not is_null(value):
            match = _COMMENT_BEHIND.match(text, value.end)
            if match:
                yield CutValue(key, value.text, match[1].rstrip(), match.start(1))


def find_cuts(parsed: ParsedDocument) -> list[tuple[str, CutValue]]:
    """Return the values that comments cut, each after line and column."""
    values = parsed.root.values
    lists = [values.get("system_messages"), values.get("messages"), parsed.below]
    items = [item for node in lists if isinstance(node, SequenceNode) for item in node.items]
    found = [cut for node in (parsed.root, *items) for cut in cut_values(parsed.source.text, node)]
    return [("{}:{}".format(*parsed.source.place(cut.offset)), cut) for cut in found]


def cut_warning(cuts: Sequence[tuple[str, CutValue]]) -> str:
    """Return a warning about values, after line and column; empty if there are none."""
    if not cuts:
        return ""
    place, cut = cuts[0]
    more = f" ({len(cuts) - 1:,} more: `aloop sessions check` lists them)" if len(cuts) > 1 else ""
    return f"{place}: {cut.advice}{more}"


def find_comments(parsed: ParsedDocument) -> list[tuple[int, str]]:
    """Return the comments, each with the number of its message.

    Messages count from 1; 0 is the header. A comment on its own line belongs to the message after it.
    """
    text, messages = parsed.source.text, parsed.root.values.get("messages")
    lists = [node for node in (messages, parsed.below) if isinstance(node, SequenceNode)]
    starts = [item.start for node in lists for item in node.items]
    found = []
    for start, end in _gaps(parsed, len(text)):
        for match in _COMMENT.finditer(text, start, end):
            first = text.rfind("\n", 0, match.start()) + 1
            is_alone = not text[first : match.start()].strip()
            number = bisect_right(starts, match.start())
            number += is_alone and number < len(starts) and end >= starts[number]
            comment = match[1].strip()
            if comment and not text.startswith(SCHEMA_LINE.rstrip(), match.start()):
                found.append((number, comment))
    return found


def _gaps(parsed: ParsedDocument, length: int) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each part of the text without keys and values."""
    end = 0
    roots: list[Node] = [parsed.root, *([parsed.below] if parsed.below else [])]
    for root in roots:
        for scalar in _scalars(root):
            if scalar.start > end:
                yield end, scalar.start
            end = max(end, scalar.end)
    yield end, length


def _scalars(node: Node) -> Iterator[ScalarNode]:
    """Yield all keys and values in the order of the text."""
    if isinstance(node, ScalarNode):
        yield node
    elif isinstance(node, MappingNode):
        for name, value in node.values.items():
            yield node.keys[name]
            yield from _scalars(value)
    else:
        for item in node.items:
            yield from _scalars(item)

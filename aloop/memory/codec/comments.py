"""The comments that a user added to a session file."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from aloop.memory.codec.emitter import SCHEMA_LINE
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode
from aloop.memory.codec.serialization import ParsedDocument

_COMMENT = re.compile(r"(?:^|(?<=\s))#+[ \t]*(.*)", re.MULTILINE)


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

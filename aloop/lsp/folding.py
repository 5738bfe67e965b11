"""Folding ranges: messages, and within them every value of several lines.

The output of tools, thinking and the blocks of a provider have the kind ``region``, so that one command of the editor
folds all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol.types import FoldingRange, FoldingRangeKind

from aloop.lsp.analysis import Analysis
from aloop.memory.codec.nodes import MappingNode, Node, SequenceNode

_REGIONS = frozenset({"thinking", "blocks"})
_MESSAGES, _REGION, _OTHER = range(3)
"""The order in which ranges are kept if the editor takes only some."""


def folding_ranges(analysis: Analysis, limit: int | None = None) -> list[FoldingRange] | None:
    """Return the ranges, at most ``limit``, or None if the text is not a session."""
    parsed = analysis.parsed
    if parsed is None or analysis.session is None:
        return None
    folder = _Folder(analysis)
    found = [*folder.sections(parsed.root), *(folder.items(parsed.below) if parsed.below else ())]
    if limit is not None and len(found) > limit:
        found = sorted(found, key=lambda each: each[0])[:limit]
    return sorted((each for _, each in found), key=lambda each: (each.start_line, -each.end_line))


_Fold = tuple[int, FoldingRange]


class _Folder:
    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis

    def sections(self, root: MappingNode) -> Iterator[_Fold]:
        """Yield the folds of the header's keys and of all messages."""
        for key, value in root.values.items():
            yield from self._fold(root.keys[key].start, value, _OTHER)
            if key in ("messages", "system_messages") and isinstance(value, SequenceNode):
                yield from self.items(value)
            else:
                yield from self._inside(value)

    def items(self, messages: SequenceNode) -> Iterator[_Fold]:
        """Yield the folds of a list of messages."""
        for item in messages.items:
            yield from self._fold(item.start, item, _MESSAGES)
            if not isinstance(item, MappingNode):
                continue
            role = item.values.get("role")
            is_result = getattr(role, "text", "") == "tool"
            for key, value in item.values.items():
                rank = _REGION if key in _REGIONS or (is_result and key == "content") else _OTHER
                yield from self._fold(item.keys[key].start, value, rank)
                yield from self._inside(value)

    def _inside(self, node: Node) -> Iterator[_Fold]:
        """Yield the folds of the values within a value."""
        if isinstance(node, MappingNode):
            for key, value in node.values.items():
                yield from self._fold(node.keys[key].start, value, _OTHER)
                yield from self._inside(value)
        elif isinstance(node, SequenceNode):
            for item in node.items:
                if len(node.items) > 1:
                    yield from self._fold(item.start, item, _OTHER)
                yield from self._inside(item)

    def _fold(self, start: int, node: Node, rank: int) -> Iterator[_Fold]:
        first, last = self._analysis.index.line(start), self._analysis.last_line(node)
        if last > first:
            yield rank, FoldingRange(first, last, kind=FoldingRangeKind.Region if rank == _REGION else None)

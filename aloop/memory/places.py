"""Where things begin and end in a parsed text, in lines and in bytes."""

from __future__ import annotations

import re

from aloop.memory.nodes import Node, Scalar, Sequence
from aloop.memory.serialization import Parsed
from aloop.memory.splice import Edit

_END_LINE = re.compile(r"^\.\.\.[ \t]*(?:#[^\n]*)?(?:\n|\Z)", re.MULTILINE)
_BLANK_LINES = re.compile(r"(?:\r?\n)*")
_BLANK_LINES_AT_END = re.compile(r"(?:\r?\n)*\Z")


class Places:
    """The geometry of one text. Offsets are characters; ``at`` and ``edit`` turn them into bytes of UTF-8."""

    def __init__(self, parsed: Parsed) -> None:
        self.text = parsed.source.text
        self.newline = parsed.source.newline
        self._root = parsed.root
        self._ascii = self.text.isascii()

    def at(self, offset: int) -> int:
        return offset if self._ascii else len(self.text[:offset].encode())

    def edit(self, start: int, end: int, new: str) -> Edit:
        """Return the edit that puts ``new``, its line ends those of the text, in place of ``start`` to ``end``."""
        return Edit(self.at(start), self.at(end), self.native(new).encode())

    def native(self, text: str) -> str:
        return text.replace("\n", self.newline)

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return the offset behind the newline of the line at ``offset``."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def column(self, offset: int) -> int:
        return offset - self.line_start(offset)

    def gap_before(self, offset: int) -> str:
        """Return the newline that a new line at ``offset`` needs first: a file's last line may have none."""
        return "\n" if offset and self.text[offset - 1] != "\n" else ""

    def blank_after(self, offset: int) -> int:
        """Return the length of the blank lines at ``offset``."""
        match = _BLANK_LINES.match(self.text, offset)
        return len(match.group()) if match else 0

    def end_of(self, node: Node) -> int:
        """Return the offset behind the last line of ``node``, a comment on that line included."""
        node = _last_leaf(node)
        start, end = node.start, node.end
        if not isinstance(node, Scalar) or node.plain or end <= start or self.text[start] not in "|>":
            return self.line_end(end)
        header = self.text[start : self.line_end(start)].split("#")[0]
        if "+" in header:
            return end
        # Blank lines behind a block are no part of it: what is new goes before them. Lines of spaces may be its
        # content and are left alone.
        blank = _BLANK_LINES_AT_END.search(self.text, start, end)
        spare = len(blank.group()) if blank else 0
        return end - spare + len(self.newline) if spare else end

    def item_start(self, item: Node, column: int) -> int:
        """Return where the line begins that holds the dash of a list item; dashes stand at ``column``."""
        return self.text.rfind(f"\n{' ' * column}-", 0, item.start) + 1

    def marker(self) -> tuple[int, int] | None:
        """Return where the first end marker's line begins and ends, None when there is none."""
        # Behind the last value, a line of three dots at the very left can be nothing else.
        start = max((self.end_of(node) for node in self._root.values.values()), default=0)
        match = _END_LINE.search(self.text, min(start, len(self.text)))
        return match.span() if match else None


def _last_leaf(node: Node) -> Node:
    """Return what stands last inside ``node``: a block collection ends behind the comments that follow, a leaf not."""
    while not isinstance(node, Scalar) and not node.flow:
        children = node.items if isinstance(node, Sequence) else list(node.values.values())
        if not children:
            break
        node = children[-1]
    return node

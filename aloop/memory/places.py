"""Where things begin and end in a parsed text, in lines and in bytes."""

from __future__ import annotations

import re

from aloop.memory.nodes import Node, Scalar, Sequence
from aloop.memory.serialization import Parsed
from aloop.memory.splice import Edit

_END_LINE = re.compile(r"^\.\.\.[ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z)", re.MULTILINE)
_BLOCK_HEADER = re.compile(r"([|>])([1-9]?)[-+]?([1-9]?)")
_LINE_START = re.compile(r"^(?=[^\n])", re.MULTILINE)
_BLANK_LINES = re.compile(r"(?: *\r?\n)*")
_BLANK_LINES_AT_END = re.compile(r"(?:\r?\n)*\Z")


class Places:
    """The geometry of one text. Offsets are characters; ``at`` and ``edit`` turn them into bytes of UTF-8."""

    def __init__(self, parsed: Parsed) -> None:
        self.text = parsed.source.text
        self.newline = parsed.source.newline
        self._root = parsed.root
        self._below = parsed.below
        self._ascii = self.text.isascii()
        self.margin = "" if parsed.root.flow else " " * self.column(parsed.root.start)
        """The indentation of the session's own keys."""

    def at(self, offset: int) -> int:
        return offset if self._ascii else len(self.text[:offset].encode())

    def edit(self, start: int, end: int, new: str) -> Edit:
        """Return the edit that puts ``new``, its line ends those of the text, in place of ``start`` to ``end``."""
        return Edit(self.at(start), self.at(end), self.native(new).encode())

    def native(self, text: str) -> str:
        return text.replace("\n", self.newline)

    def indented(self, lines: str) -> str:
        """Return ``lines`` as far to the right as the session's own keys."""
        return _LINE_START.sub(self.margin, lines) if self.margin else lines

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

    def closed_block(self) -> Edit | None:
        """Return the edit without which a newline behind the text would become part of the block that it ends with."""
        if self.text.endswith("\n"):
            return None
        for node in (*self._root.values.values(), *([self._below] if self._below else [])):
            leaf = _last_leaf(node)
            if leaf.end == len(self.text) and self._is_block(leaf):
                header = _BLOCK_HEADER.match(self.text, leaf.start)
                return self.edit(*header.span(), header.expand(r"\1\2\3-")) if header else None
        return None

    def _is_block(self, node: Node) -> bool:
        """Whether a node is a literal or folded block."""
        return isinstance(node, Scalar) and not node.plain and node.end > node.start and self.text[node.start] in "|>"

    def keeps_blank_lines(self, node: Node) -> bool:
        """Whether ``node`` ends with a block to whose text all blank lines behind it belong."""
        leaf = _last_leaf(node)
        return self._is_block(leaf) and "+" in self.text[leaf.start : self.line_end(leaf.start)].split("#")[0]

    def blank_after(self, offset: int) -> int:
        """Return the length of the blank lines at ``offset``."""
        match = _BLANK_LINES.match(self.text, offset)
        return len(match.group()) if match else 0

    def end_of(self, node: Node) -> int:
        """Return the offset behind the last line of ``node``, a comment on that line included."""
        node = _last_leaf(node)
        start, end = node.start, node.end
        if not self._is_block(node):
            return self.line_end(end)
        if self.keeps_blank_lines(node):
            return end
        # Blank lines behind a block are no part of it: what is new goes before them. Lines of spaces may be its
        # content and are left alone.
        blank = _BLANK_LINES_AT_END.search(self.text, start, end)
        spare = blank.group() if blank else ""
        return end - len(spare) + spare.find("\n") + 1

    def behind_deep_comments(self, offset: int, column: int) -> int:
        """Return the offset behind the comment lines at ``offset`` that stand deeper than the text of a message does.

        Put in front of them, a text would take them for its last lines. Dashes stand at ``column``.
        """
        match = re.compile(rf"(?:(?:[ \t]*\r?\n)* {{{column + 4},}}#[^\n]*(?:\n|\Z))+").match(self.text, offset)
        return match.end() if match else offset

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

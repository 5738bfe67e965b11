"""Line positions in a session text, and where a save inserts messages."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from aloop.memory.codec.emitter import END_MARKER, ITEM_COLUMN
from aloop.memory.codec.nodes import Node, ScalarNode, SequenceNode, with_line_feeds
from aloop.memory.codec.serialization import ParsedDocument
from aloop.memory.codec.splice import Edit

_END_LINE = re.compile(r"^\.\.\.[ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z)", re.MULTILINE)
_BLOCK_HEADER = re.compile(r"([|>])([1-9]?)[-+]?([1-9]?)")
_LINE_START = re.compile(r"^(?=[^\n])", re.MULTILINE)
_BLOCK = 10_000
"""Characters between two known byte offsets."""
_BLANK_LINES = re.compile(r"(?: *\r?\n)*")


class TextLayout:
    """The layout of one text; ``at`` and ``edit`` convert characters to UTF-8 bytes."""

    def __init__(self, parsed: ParsedDocument) -> None:
        self.text = parsed.source.text
        self._lines = with_line_feeds(self.text)
        self.newline = parsed.source.newline
        self._root = parsed.root
        self._below = parsed.below
        self._ascii = self.text.isascii()
        self._blocks = [0]
        self.margin = "" if parsed.root.flow else " " * self.column(parsed.root.start)
        """The indentation of the session's own keys."""

    def at(self, offset: int) -> int:
        if self._ascii:
            return offset
        # The whole text before the offset, encoded for each of many edits, would take quadratic time.
        block = offset // _BLOCK
        while len(self._blocks) <= block:
            last = (len(self._blocks) - 1) * _BLOCK
            self._blocks.append(self._blocks[-1] + len(self.text[last : last + _BLOCK].encode()))
        return self._blocks[block] + len(self.text[block * _BLOCK : offset].encode())

    def edit(self, start: int, end: int, new: str) -> Edit:
        """Return an edit with the text's line endings."""
        return Edit(self.at(start), self.at(end), self.native(new).encode())

    def native(self, text: str) -> str:
        return text.replace("\n", self.newline)

    def indented(self, lines: str) -> str:
        """Indent ``lines`` like the session's own keys."""
        return _LINE_START.sub(self.margin, lines) if self.margin else lines

    def line_start(self, offset: int) -> int:
        return self._lines.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return the offset after the newline of the line at ``offset``."""
        found = self._lines.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def ends_line(self, offset: int) -> bool:
        """Return True if the character at ``offset`` ends a line."""
        return self._lines[offset] == "\n"

    def column(self, offset: int) -> int:
        return offset - self.line_start(offset)

    def gap_before(self, offset: int) -> str:
        """Return a newline if the line before ``offset`` has none."""
        return "\n" if offset and self._lines[offset - 1] != "\n" else ""

    def closed_block(self) -> Edit | None:
        """Return an edit that keeps a new final newline out of the text's last block."""
        if self._lines.endswith("\n"):
            return None
        for node in (*self._root.values.values(), *([self._below] if self._below else [])):
            leaf = _last_leaf(node)
            if leaf.end == len(self.text) and self._is_block(leaf):
                header = _BLOCK_HEADER.match(self.text, leaf.start)
                return self.edit(*header.span(), header.expand(r"\1\2\3-")) if header else None
        return None

    def _is_block(self, node: Node) -> bool:
        """Return True for a literal or folded block."""
        return (
            isinstance(node, ScalarNode) and not node.plain and node.end > node.start and self.text[node.start] in "|>"
        )

    def keeps_blank_lines(self, node: Node) -> bool:
        """Return True if ``node`` ends with a block that includes blank lines ("+")."""
        leaf = _last_leaf(node)
        return self._is_block(leaf) and "+" in self.text[leaf.start : self.line_end(leaf.start)].split("#")[0]

    def blank_after(self, offset: int) -> int:
        """Return the length of the blank lines at ``offset``."""
        match = _BLANK_LINES.match(self._lines, offset)
        return len(match.group()) if match else 0

    def end_of(self, node: Node) -> int:
        """Return the offset after the last line of ``node`` and its comment."""
        node = _last_leaf(node)
        start, end = node.start, node.end
        if not self._is_block(node):
            return self.line_end(end)
        if self.keeps_blank_lines(node):
            return end
        # Blank lines after a block are not part of it: new text goes before them. Lines of spaces may be part of it.
        blank = self._blank_lines_at(start, end)
        return blank + self.text[blank:end].find("\n") + 1

    def _blank_lines_at(self, start: int, end: int) -> int:
        """Return the offset of the empty lines at the end of a range.

        Not by a regular expression, which would take quadratic time for many empty lines inside the range.
        """
        while end > start and self.text[end - 1] == "\n":
            end -= 1
            if end > start and self.text[end - 1] == "\r":
                end -= 1
        return end

    def behind_deep_comments(self, offset: int, column: int) -> int:
        """Return the offset after the deeply indented comment lines at ``offset``.

        They are indented deeper than message text. A text inserted before them would include them as its last lines.
        ``column`` is that of the dashes.
        """
        match = re.compile(rf"(?:(?:[ \t]*\r?\n)* {{{column + 4},}}#[^\n]*(?:\n|\Z))+").match(self._lines, offset)
        return match.end() if match else offset

    def item_start(self, item: Node, column: int) -> int:
        """Return the start of the line with the dash of a list item, at ``column``."""
        return self._lines.rfind(f"\n{' ' * column}-", 0, item.start) + 1

    def marker(self) -> tuple[int, int] | None:
        """Return the start and end of the first end marker's line, or None."""
        # After the last value, a line that starts with three dots is always the end marker.
        start = max((self.end_of(node) for node in self._root.values.values()), default=0)
        match = _END_LINE.search(self._lines, min(start, len(self._lines)))
        return match.span() if match else None


def _last_leaf(node: Node) -> Node:
    """Return the last leaf of ``node``, whose end excludes following comments."""
    while not isinstance(node, ScalarNode) and not node.flow:
        children = node.items if isinstance(node, SequenceNode) else list(node.values.values())
        if not children:
            break
        node = children[-1]
    return node


_CANONICAL_STAMP = re.compile(rb'(?:#[^\n]*\n)?id: [^\n]*\ncreated_at: [^\n]*\nupdated_at: ("[^"\\\n]*")\n')
_SECTION = b"\nmessages:\n"
_UNINDENTED = re.compile(rb"\n[^ \n]")


@dataclass(frozen=True, slots=True)
class InsertionPoint:
    """A byte range to replace with ``before``, new text, and ``after``."""

    start: int
    end: int
    before: str = ""
    after: str = ""

    @property
    def bare(self) -> bool:
        return not (self.before or self.after)


@dataclass(frozen=True, slots=True)
class InsertionPoints:
    """The byte positions where a save writes the time and new messages.

    ``spare`` is the number of bytes of blank lines after the messages, ``column`` that of the messages' dashes,
    ``newline`` the line end to write. ``once`` are further edits for the first save.
    """

    stamp: InsertionPoint
    messages: InsertionPoint
    spare: int = 0
    column: int = ITEM_COLUMN
    newline: str = "\n"
    once: tuple[Edit, ...] = ()

    def edits(self, stamp: str, lines: str) -> list[Edit]:
        """Return the edits of a save: the new time, and the lines of new messages, if any."""
        edits = [self._fill(self.stamp, stamp)]
        if lines:
            point = self.messages
            if self.spare and lines.endswith("\n\n"):
                # The following blank lines would become part of a block with "+": insert it after them.
                point = replace(point, start=point.start + self.spare, end=point.end + self.spare)
            edits += [self._fill(point, lines), *self.once]
        return edits

    def _fill(self, point: InsertionPoint, new: str) -> Edit:
        text = f"{point.before}{new}{point.after}".replace("\n", self.newline)
        return Edit(point.start, point.end, text.encode())

    def after(self, edits: list[Edit]) -> InsertionPoints | None:
        """Return the insertion points after ``edits``, or None if unknown."""
        if self.once or not (self.stamp.bare and self.messages.bare) or self.stamp.end > self.messages.start:
            return None
        stamp, *lines = edits
        grown = len(stamp.new) - (stamp.end - stamp.start)
        offset, spare = self.messages.start + grown, self.spare
        for edit in lines:
            spare -= edit.start - self.messages.start
            offset = edit.start + grown + len(edit.new)
        return replace(
            self,
            stamp=InsertionPoint(stamp.start, stamp.end + grown),
            messages=InsertionPoint(offset, offset),
            spare=spare,
        )


def find_insertion_points(parsed: ParsedDocument) -> InsertionPoints | None:
    """Return the insertion points of a text in any layout, or None.

    Return None if the text must be unfolded first: it has a list in brackets, or messages below the end marker with
    another indentation.
    """
    return _Finder(parsed).find()


def canonical_insertion_points(data: bytes | bytearray) -> InsertionPoints | None:
    """Return the insertion points of a canonical text without parsing it, or None."""
    stamp = _CANONICAL_STAMP.match(data)
    offset = len(data) - len(END_MARKER)
    # Not found: an empty list in brackets, which must be replaced, and messages that are not the last key.
    section = data.rfind(_SECTION)
    following = _UNINDENTED.search(data, section + len(_SECTION) - 1)
    if stamp is None or section < 0 or following is None or following.start() != offset - 1:
        return None
    return InsertionPoints(InsertionPoint(*stamp.span(1)), InsertionPoint(offset, offset))


def section_edit(parsed: ParsedDocument, key: str, lines: str) -> Edit:
    """Return an edit that replaces a section with ``lines``.

    They are ``key:`` and its block list. A new section is inserted before the messages.
    """
    layout, keys, values = TextLayout(parsed), parsed.root.keys, parsed.root.values
    if key not in keys:
        start = layout.line_start(keys["messages"].start) if "messages" in keys else layout.end_of(values["id"])
        lines = f"{layout.gap_before(start)}{layout.indented(lines)}"
        if not lines.endswith("\n\n"):
            return layout.edit(start, start, f"{lines}\n")
        # The following blank lines would become part of a block with "+".
        return layout.edit(start, start + layout.blank_after(start), lines)
    end = layout.end_of(values[key])
    if lines.endswith("\n\n"):
        end += layout.blank_after(end)  # the same
    return layout.edit(layout.line_start(keys[key].start), end, layout.indented(lines))


class _Finder:
    def __init__(self, parsed: ParsedDocument) -> None:
        self._layout = TextLayout(parsed)
        self._root = parsed.root
        self._below = parsed.below if parsed.below and parsed.below.items else None
        self._once: list[Edit] = []
        self._column = len(self._layout.margin) + ITEM_COLUMN

    def find(self) -> InsertionPoints | None:
        end = None if self._root.flow else self._end_of_messages()
        if end is None:
            return None
        offset, stamp = self._layout.at(end), self._stamp()
        # A new line for the time that is inserted at the same offset already ends the last line.
        before = "" if stamp.after and stamp.start == offset else self._layout.gap_before(end)
        if before and (closed := self._layout.closed_block()):
            self._once.append(closed)
        if "messages" not in self._root.values:
            before += f"\n{self._layout.margin}messages:\n"
        point = InsertionPoint(offset, offset, before, END_MARKER if self._below else "")
        spare = self._layout.blank_after(end)
        return InsertionPoints(stamp, point, spare, self._column, self._layout.newline, tuple(self._once))

    def _end_of_messages(self) -> int | None:
        """Return the offset for new messages, or None if the list cannot be extended."""
        layout, messages = self._layout, self._root.values.get("messages")
        if isinstance(messages, SequenceNode) and messages.items:
            self._column = layout.column(messages.start)
            if messages.flow or (self._below and layout.column(self._below.start) != self._column):
                return None
            if self._below is None:
                return layout.behind_deep_comments(layout.end_of(messages), self._column)
            if marker := layout.marker():
                line = layout.text[slice(*marker)].removeprefix("...").strip()
                if not line and layout.keeps_blank_lines(messages) and layout.blank_after(marker[1]):
                    line = "#"  # separates the block from the blank lines
                self._once.append(layout.edit(*marker, f"{line}\n" if line else ""))
            return layout.behind_deep_comments(layout.end_of(self._below), self._column)
        if self._below:
            return None
        if messages is None:
            marker = layout.marker()
            return marker[0] if marker else len(layout.text)
        if messages.end > messages.start:
            # Remove an empty value (null or []) so that the list can be written.
            self._once.append(layout.edit(messages.start, messages.end, ""))
        return layout.behind_deep_comments(layout.end_of(messages), self._column)

    def _stamp(self) -> InsertionPoint:
        """Return the insertion point of ``updated_at``, or of a new line for it."""
        layout, value = self._layout, self._root.values.get("updated_at")
        if value is None:
            end = layout.end_of(self._root.values["id"])
            before = f"{layout.gap_before(end)}{layout.margin}updated_at: "
            return InsertionPoint(layout.at(end), layout.at(end), before, "\n")
        if value.end > value.start:
            # A block value ends with a line end, which must be kept.
            end = value.end - (len(layout.newline) if layout.ends_line(value.end - 1) else 0)
            return InsertionPoint(layout.at(value.start), layout.at(end))
        offset = layout.at(layout.text.index(":", self._root.keys["updated_at"].end) + 1)
        return InsertionPoint(offset, offset, " ")

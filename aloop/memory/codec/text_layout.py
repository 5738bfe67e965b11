"""Where things begin and end in a parsed text, in lines and in bytes.

Where in a session's text a save puts what is new.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from aloop.memory.codec.emitter import END_MARKER, ITEM_COLUMN
from aloop.memory.codec.nodes import Node, ScalarNode, SequenceNode
from aloop.memory.codec.serialization import ParsedDocument
from aloop.memory.codec.splice import Edit

_END_LINE = re.compile(r"^\.\.\.[ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z)", re.MULTILINE)
_BLOCK_HEADER = re.compile(r"([|>])([1-9]?)[-+]?([1-9]?)")
_LINE_START = re.compile(r"^(?=[^\n])", re.MULTILINE)
_BLANK_LINES = re.compile(r"(?: *\r?\n)*")
_BLANK_LINES_AT_END = re.compile(r"(?:\r?\n)*\Z")


class TextLayout:
    """The geometry of one text. Offsets are characters; ``at`` and ``edit`` turn them into bytes of UTF-8."""

    def __init__(self, parsed: ParsedDocument) -> None:
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
        return (
            isinstance(node, ScalarNode) and not node.plain and node.end > node.start and self.text[node.start] in "|>"
        )

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
    """A byte range to be filled; ``before`` and ``after`` stand around what is put in."""

    start: int
    end: int
    before: str = ""
    after: str = ""

    @property
    def bare(self) -> bool:
        return not (self.before or self.after)


@dataclass(frozen=True, slots=True)
class InsertionPoints:
    """The places of one text, in bytes of it as UTF-8; ``once`` are edits that the first save must make besides.

    ``column`` is where the dashes of messages stand, ``newline`` the line end to write, ``spare`` the bytes of blank
    lines that follow the messages.
    """

    stamp: InsertionPoint
    messages: InsertionPoint
    spare: int = 0
    column: int = ITEM_COLUMN
    newline: str = "\n"
    once: tuple[Edit, ...] = ()

    def edits(self, stamp: str, lines: str) -> list[Edit]:
        """Return the edits of a save: the new time, and the lines of new messages (perhaps none)."""
        edits = [self._fill(self.stamp, stamp)]
        if lines:
            slot = self.messages
            if self.spare and lines.endswith("\n\n"):
                # A block that keeps its blank lines would take those that follow for its own: it goes behind them.
                slot = replace(slot, start=slot.start + self.spare, end=slot.end + self.spare)
            edits += [self._fill(slot, lines), *self.once]
        return edits

    def _fill(self, slot: InsertionPoint, new: str) -> Edit:
        text = f"{slot.before}{new}{slot.after}".replace("\n", self.newline)
        return Edit(slot.start, slot.end, text.encode())

    def after(self, edits: list[Edit]) -> InsertionPoints | None:
        """Return the anchors of the text in which ``edits`` were made; None when it takes another look to tell."""
        if self.once or not (self.stamp.bare and self.messages.bare) or self.stamp.end > self.messages.start:
            return None
        stamp, *lines = edits
        grown = len(stamp.new) - (stamp.end - stamp.start)
        place, spare = self.messages.start + grown, self.spare
        for edit in lines:
            spare -= edit.start - self.messages.start
            place = edit.start + grown + len(edit.new)
        return replace(
            self,
            stamp=InsertionPoint(stamp.start, stamp.end + grown),
            messages=InsertionPoint(place, place),
            spare=spare,
        )


def find_insertion_points(parsed: ParsedDocument) -> InsertionPoints | None:
    """Return where the next save of this text goes, whatever its indentation, key order and line ends.

    None when the text must be unfolded before anything can be added: a list in brackets, or messages typed below the
    end marker at another indentation.
    """
    return _Finder(parsed).find()


def canonical_insertion_points(data: bytes | bytearray) -> InsertionPoints | None:
    """Return the anchors of a text in aloop's own form, known without another look at its middle."""
    stamp = _CANONICAL_STAMP.match(data)
    place = len(data) - len(END_MARKER)
    # An empty list in brackets is to be replaced; messages that are not last have something behind them.
    section = data.rfind(_SECTION)
    following = _UNINDENTED.search(data, section + len(_SECTION) - 1)
    if stamp is None or section < 0 or following is None or following.start() != place - 1:
        return None
    return InsertionPoints(InsertionPoint(*stamp.span(1)), InsertionPoint(place, place))


def section_edit(parsed: ParsedDocument, key: str, lines: str) -> Edit:
    """Return the edit that puts ``lines`` (``key:`` and its list, block style) in place of a section of the text.

    A section that is not there yet is put before the messages.
    """
    places, keys, values = TextLayout(parsed), parsed.root.keys, parsed.root.values
    if key not in keys:
        place = places.line_start(keys["messages"].start) if "messages" in keys else places.end_of(values["id"])
        lines = f"{places.gap_before(place)}{places.indented(lines)}"
        if not lines.endswith("\n\n"):
            return places.edit(place, place, f"{lines}\n")
        # A block that keeps its blank lines would take those that follow for its own.
        return places.edit(place, place + places.blank_after(place), lines)
    end = places.end_of(values[key])
    if lines.endswith("\n\n"):
        end += places.blank_after(end)  # the same
    return places.edit(places.line_start(keys[key].start), end, places.indented(lines))


class _Finder:
    def __init__(self, parsed: ParsedDocument) -> None:
        self._places = TextLayout(parsed)
        self._root = parsed.root
        self._below = parsed.below if parsed.below and parsed.below.items else None
        self._once: list[Edit] = []
        self._column = len(self._places.margin) + ITEM_COLUMN

    def find(self) -> InsertionPoints | None:
        end = None if self._root.flow else self._end_of_messages()
        if end is None:
            return None
        place, stamp = self._places.at(end), self._stamp()
        # A new line for the time, put in at the same place, ends the text's last line already.
        before = "" if stamp.after and stamp.start == place else self._places.gap_before(end)
        if before and (closed := self._places.closed_block()):
            self._once.append(closed)
        if "messages" not in self._root.values:
            before += f"\n{self._places.margin}messages:\n"
        slot = InsertionPoint(place, place, before, END_MARKER if self._below else "")
        spare = self._places.blank_after(end)
        return InsertionPoints(stamp, slot, spare, self._column, self._places.newline, tuple(self._once))

    def _end_of_messages(self) -> int | None:
        """Return the offset where further messages go, None where the list can not grow as it is."""
        places, messages = self._places, self._root.values.get("messages")
        if isinstance(messages, SequenceNode) and messages.items:
            self._column = places.column(messages.start)
            if messages.flow or (self._below and places.column(self._below.start) != self._column):
                return None
            if self._below is None:
                return places.behind_deep_comments(places.end_of(messages), self._column)
            if marker := places.marker():
                line = places.text[slice(*marker)].removeprefix("...").strip()
                if not line and places.keeps_blank_lines(messages) and places.blank_after(marker[1]):
                    line = "#"  # something must stand between the block and the blank lines
                self._once.append(places.edit(*marker, f"{line}\n" if line else ""))
            return places.behind_deep_comments(places.end_of(self._below), self._column)
        if self._below:
            return None
        if messages is None:
            marker = places.marker()
            return marker[0] if marker else len(places.text)
        if messages.end > messages.start:
            # Nothing, in words (null) or in brackets: it makes way for the list.
            self._once.append(places.edit(messages.start, messages.end, ""))
        return places.behind_deep_comments(places.end_of(messages), self._column)

    def _stamp(self) -> InsertionPoint:
        """Return the place of the value of ``updated_at``, or of a line of its own where there is none."""
        places, value = self._places, self._root.values.get("updated_at")
        if value is None:
            end = places.end_of(self._root.values["id"])
            before = f"{places.gap_before(end)}{places.margin}updated_at: "
            return InsertionPoint(places.at(end), places.at(end), before, "\n")
        if value.end > value.start:
            # A value over several lines (a block) ends with the line end that must stay.
            end = value.end - (len(places.newline) if places.text[value.end - 1] == "\n" else 0)
            return InsertionPoint(places.at(value.start), places.at(end))
        place = places.at(places.text.index(":", self._root.keys["updated_at"].end) + 1)
        return InsertionPoint(place, place, " ")

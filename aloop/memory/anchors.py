"""Where in a session's text a save puts what is new."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from aloop.memory.emitter import END_MARKER, ITEM_COLUMN
from aloop.memory.nodes import Mapping, Node, Scalar, Sequence
from aloop.memory.serialization import Parsed
from aloop.memory.splice import Edit, emit_node

_END_LINE = re.compile(r"^\.\.\.[ \t]*(?:#[^\n]*)?(?:\n|\Z)", re.MULTILINE)
_CANONICAL_STAMP = re.compile(rb'(?:#[^\n]*\n)?id: [^\n]*\ncreated_at: [^\n]*\nupdated_at: ("[^"\\\n]*")\n')
_SECTION = b"\nmessages:\n"
_UNINDENTED = re.compile(rb"\n[^ \n]")
_BLANK_START = re.compile(r"(?:\r?\n)*")
_BLANK_LINES = re.compile(r"(?:\r?\n)*\Z")


@dataclass(frozen=True, slots=True)
class Slot:
    """A byte range to be filled; ``before`` and ``after`` stand around what is put in."""

    start: int
    end: int
    before: str = ""
    after: str = ""

    @property
    def bare(self) -> bool:
        return not (self.before or self.after)


@dataclass(frozen=True, slots=True)
class Anchors:
    """The places of one text, in bytes of it as UTF-8; ``once`` are edits that the first save must make besides.

    ``column`` is where the dashes of messages stand, ``newline`` the line end to write, ``spare`` the bytes of blank
    lines that follow the messages.
    """

    stamp: Slot
    messages: Slot
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

    def _fill(self, slot: Slot, new: str) -> Edit:
        text = f"{slot.before}{new}{slot.after}".replace("\n", self.newline)
        return Edit(slot.start, slot.end, text.encode())

    def after(self, edits: list[Edit]) -> Anchors | None:
        """Return the anchors of the text in which ``edits`` were made; None when it takes another look to tell."""
        if self.once or not (self.stamp.bare and self.messages.bare) or self.stamp.end > self.messages.start:
            return None
        stamp, *lines = edits
        grown = len(stamp.new) - (stamp.end - stamp.start)
        place, spare = self.messages.start + grown, self.spare
        for edit in lines:
            spare -= edit.start - self.messages.start
            place = edit.start + grown + len(edit.new)
        return replace(self, stamp=Slot(stamp.start, stamp.end + grown), messages=Slot(place, place), spare=spare)


def find_anchors(parsed: Parsed) -> Anchors | None:
    """Return where the next save of this text goes, whatever its indentation, key order and line ends.

    None when the text must be unfolded before anything can be added: a list in brackets, or messages typed below the
    end marker at another indentation.
    """
    return _Finder(parsed).find()


def canonical_anchors(data: bytes | bytearray) -> Anchors | None:
    """Return the anchors of a text in aloop's own form, known without another look at its middle."""
    stamp = _CANONICAL_STAMP.match(data)
    place = len(data) - len(END_MARKER)
    # An empty list in brackets is to be replaced; messages that are not last have something behind them.
    section = data.rfind(_SECTION)
    following = _UNINDENTED.search(data, section + len(_SECTION) - 1)
    if stamp is None or section < 0 or following is None or following.start() != place - 1:
        return None
    return Anchors(Slot(*stamp.span(1)), Slot(place, place))


def unfold(parsed: Parsed) -> str:
    """Return the text with its messages as a block list, all else as it stands, unless the whole file is in braces."""
    items = _all_messages(parsed)
    if parsed.root.flow:
        values = {**parsed.root.values, "messages": Sequence(items)}
        return emit_node(Mapping(values), 0).lstrip("\n") + "\n...\n"
    return _Finder(parsed).unfold_messages(items)


def section_edit(parsed: Parsed, key: str, lines: str) -> Edit:
    """Return the edit that puts ``lines`` (``key:`` and its list, block style) in place of a section of the text.

    A section that is not there yet is put before the messages.
    """
    return _Finder(parsed).section_edit(key, lines)


def _all_messages(parsed: Parsed) -> list[Node]:
    messages = parsed.root.values.get("messages")
    above = messages.items if isinstance(messages, Sequence) else []
    return above + (parsed.below.items if parsed.below else [])


class _Finder:
    def __init__(self, parsed: Parsed) -> None:
        self._text = parsed.source.text
        self._newline = parsed.source.newline
        self._root = parsed.root
        self._below = parsed.below if parsed.below and parsed.below.items else None
        self._ascii = self._text.isascii()

    def find(self) -> Anchors | None:
        if self._root.flow:
            return None
        messages = self._root.values.get("messages")
        once: list[Edit] = []
        column = ITEM_COLUMN
        if isinstance(messages, Sequence) and messages.items:
            if messages.flow:
                return None
            column = self._column(messages.start)
            last: Node = messages
            if self._below:
                if self._column(self._below.start) != column:
                    return None
                once.append(self._marker_away())
                last = self._below
            slot = self._behind(last)
            if self._below:
                slot = Slot(slot.start, slot.end, slot.before, "...\n")
        elif self._below:
            return None
        elif messages is None:
            slot = self._new_section()
        else:
            if messages.end > messages.start:
                once.append(Edit(self._at(messages.start), self._at(messages.end), b""))
            slot = self._behind(messages)
        return Anchors(self._stamp(), slot, self._spare(slot), column, self._newline, tuple(once))

    def section_edit(self, key: str, lines: str) -> Edit:
        if key not in self._root.keys:
            before = self._root.keys.get("messages")
            place = self._at(before.start) if before else self._behind(self._root.values["id"]).start
            return Edit(place, place, self._bytes(f"{lines}\n"))
        start, end = self._root.keys[key].start, self._end_of(self._root.values[key])
        if lines.endswith("\n\n"):
            # The blank lines behind would become part of the block that ends the section.
            end += self._blank_after(end)
        return Edit(self._at(start), self._at(end), self._bytes(lines))

    def unfold_messages(self, items: list[Node]) -> str:
        text, key = self._text, self._root.keys.get("messages")
        block = emit_node(Sequence(items), ITEM_COLUMN)
        marker = self._marker()
        if self._below and marker:
            text = text[: marker.start()] + "...\n" + text[self._end_of(self._below) :]
        if key is None:
            place = marker.start() if marker else len(text)
            return f"{text[:place]}\nmessages:{block}\n{text[place:]}"
        node = self._root.values["messages"]
        end = self._end_of(node)
        # A comment behind the closing bracket stays, on the line of the key.
        comment = text[node.end : end].strip() if not isinstance(node, Sequence) or node.flow else ""
        colon = text.index(":", key.end) + 1
        new = f"{f' {comment}' if comment else ''}{block}\n"
        return text[:colon] + new.replace("\n", self._newline) + text[end:]

    def _bytes(self, text: str) -> bytes:
        return text.replace("\n", self._newline).encode()

    def _spare(self, slot: Slot) -> int:
        offset = slot.end if self._ascii else len(self._text.encode()[: slot.end].decode())
        return self._blank_after(offset)

    def _blank_after(self, offset: int) -> int:
        """Return the length of the blank lines at ``offset``."""
        match = _BLANK_START.match(self._text, offset)
        return len(match.group()) if match else 0

    def _at(self, offset: int) -> int:
        return offset if self._ascii else len(self._text[:offset].encode())

    def _column(self, offset: int) -> int:
        return offset - (self._text.rfind("\n", 0, offset) + 1)

    def _line_end(self, offset: int) -> int:
        """Return the offset behind the newline of the line at ``offset``."""
        found = self._text.find("\n", offset)
        return len(self._text) if found < 0 else found + 1

    def _stamp(self) -> Slot:
        """Return the place of the value of ``updated_at``, or of a line of its own where there is none."""
        value = self._root.values.get("updated_at")
        if value is None:
            behind = self._behind(self._root.values["id"])
            return Slot(behind.start, behind.end, behind.before + "updated_at: ", "\n")
        if value.end > value.start:
            # A value over several lines (a block) ends with the line end that must stay.
            end = value.end - (len(self._newline) if self._text[value.end - 1] == "\n" else 0)
            return Slot(self._at(value.start), self._at(end))
        place = self._at(self._text.index(":", self._root.keys["updated_at"].end) + 1)
        return Slot(place, place, " ")

    def _end_of(self, node: Node) -> int:
        """Return the offset behind the last line of ``node``, a comment on that line included."""
        node = _last_leaf(node)
        start, end = node.start, node.end
        if isinstance(node, Scalar) and not node.plain and end > start and self._text[start] in "|>":
            header = self._text[start : self._line_end(start)].split("#")[0]
            if "+" in header:
                return end
            # Blank lines behind a block are no part of it: what is new goes before them. Lines of spaces may be its
            # content and are left alone.
            blank = _BLANK_LINES.search(self._text, start, end)
            spare = len(blank.group()) if blank else 0
            return end - spare + len(self._newline) if spare else end
        return self._line_end(end)

    def _behind(self, node: Node) -> Slot:
        end = self._end_of(node)
        place = self._at(end)
        return Slot(place, place, "\n" if end and self._text[end - 1] != "\n" else "")

    def _marker(self) -> re.Match[str] | None:
        """Find the first end marker. A line of three dots at column 0 can be nothing else outside of the messages."""
        start = max((self._end_of(node) for node in self._root.values.values()), default=0)
        return _END_LINE.search(self._text, min(start, len(self._text)))

    def _marker_away(self) -> Edit:
        marker = self._marker()
        if marker is None:
            raise ValueError("messages stand below an end marker that is not there")
        return Edit(self._at(marker.start()), self._at(marker.end()), b"")

    def _new_section(self) -> Slot:
        """Return the place for a ``messages`` section at the end of the document."""
        marker = self._marker()
        end = marker.start() if marker else len(self._text)
        gap = "\n" if end and self._text[end - 1] != "\n" else ""
        place = self._at(end)
        return Slot(place, place, f"{gap}\nmessages:\n")


def _last_leaf(node: Node) -> Node:
    """Return what stands last inside ``node``: a block collection ends behind the comments that follow, a leaf not."""
    while not isinstance(node, Scalar) and not node.flow:
        children = node.items if isinstance(node, Sequence) else list(node.values.values())
        if not children:
            break
        node = children[-1]
    return node

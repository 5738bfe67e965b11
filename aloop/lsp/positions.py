"""Lines and positions as the Language Server Protocol counts them.

Lines end with LF, CRLF or CR and with nothing else. The column of a position counts code units of the encoding that
client and server have agreed on, which is UTF-16 unless the client prefers another. Offsets count characters.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from lsprotocol.types import Position, PositionEncodingKind, Range

_LINE_END = re.compile(r"\r\n?|\n")
_LINE_START = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
_CODECS = {
    PositionEncodingKind.Utf8: ("utf-8", 1),
    PositionEncodingKind.Utf16: ("utf-16-le", 2),
    PositionEncodingKind.Utf32: ("utf-32-le", 4),
}


class Units:
    """Columns in one encoding; lone surrogates, which JSON can contain, count too."""

    def __init__(self, encoding: PositionEncodingKind | str = PositionEncodingKind.Utf16) -> None:
        self._codec, self._size = _CODECS[PositionEncodingKind(encoding)]

    def length(self, text: str) -> int:
        """Return the number of code units in ``text``."""
        return len(text) if text.isascii() else len(self._encoded(text)) // self._size

    def index(self, line: str, column: int) -> int:
        """Return the index of the character at ``column``, at most the length of the line.

        A column within a character is that of its start.
        """
        if self._size == 4 or line.isascii():
            return min(column, len(line))
        data = self._encoded(line)
        if column * self._size >= len(data):
            return len(line)
        while column and self._is_within(data, column):
            column -= 1
        return len(data[: column * self._size].decode(self._codec, "surrogatepass"))

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._codec, "surrogatepass")

    def _is_within(self, data: bytes, column: int) -> bool:
        """Return True if the unit at ``column`` is not the first of its character."""
        if self._size == 1:
            return data[column] & 0xC0 == 0x80
        return data[2 * column + 1] & 0xFC == 0xDC and data[2 * column - 1] & 0xFC == 0xD8


def split_lines(text: str) -> list[str]:
    """Return the lines of ``text``, all but the last, which may be empty, with ends."""
    if "\r" in text:
        return _LINE_START.split(text)
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), last]


def replace_range(lines: list[str], units: Units, area: Range, new: str) -> None:
    """Replace a range in ``lines``, as one change of an editor does."""
    first, before = _place(lines, units, area.start)
    last, after = _place(lines, units, area.end)
    text = f"{lines[first][:before]}{new}{lines[last][after:]}"
    if text.startswith("\n") and first and lines[first - 1].endswith("\r"):
        first -= 1
        text = lines[first] + text
    lines[first : last + 1] = split_lines(text) if last + 1 == len(lines) else split_lines(text)[:-1]


def _place(lines: list[str], units: Units, position: Position) -> tuple[int, int]:
    """Return the line and the index in it; a place outside the text is at its end."""
    if position.line >= len(lines):
        return len(lines) - 1, len(lines[-1])
    line = lines[position.line].rstrip("\r\n")
    return position.line, units.index(line, position.character)


class TextIndex:
    """The positions of the characters of one text."""

    def __init__(self, text: str, units: Units) -> None:
        self.text = text
        self._units = units

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def line(self, offset: int) -> int:
        """Return the line of a character, counted from 0."""
        return bisect_right(self._starts, offset) - 1

    def line_start(self, line: int) -> int:
        """Return the offset of a line, or that of the end of the text."""
        return self._starts[line] if line < len(self._starts) else len(self.text)

    def line_text(self, line: int) -> str:
        """Return a line without its end."""
        return self.text[self.line_start(line) : self.line_start(line + 1)].rstrip("\r\n")

    def position(self, offset: int) -> Position:
        """Return the position of a character."""
        line = self.line(offset)
        before = self.text[self._starts[line] : offset]
        # A position between CR and LF is that of the end of the line.
        return Position(line, self._units.length(before.rstrip("\r\n")))

    def offset(self, position: Position) -> int:
        """Return the offset of a position; a place outside the text is at its end."""
        line: int = position.line
        if line >= len(self._starts):
            return len(self.text)
        return self._starts[line] + self._units.index(self.line_text(line), position.character)

    def range(self, start: int, end: int) -> Range:
        """Return the range between two offsets."""
        return Range(self.position(start), self.position(end))

    def rest_of_line(self, offset: int) -> Range:
        """Return the range from a character to the end of its line."""
        line = self.line(offset)
        end = self._starts[line] + len(self.line_text(line))
        return self.range(offset, max(offset, end))

"""Markdown that arrives in pieces, as finished lines and an unfinished rest.

Nothing that follows a finished line changes how it looks, so it is rendered and printed once. A block is finished when
the parser finds another one after it; items of a list, lines of code and rows of a long table are finished before their
block is. Of a block that is taller than the screen, the first rows are finished too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise

from rich.text import Text

from aloop.sanitize import safe_text
from aloop.width import CLOSING, last_rows
from repl.output.diff import DiffLines, is_diff_language
from repl.output.highlight import Highlighter
from repl.output.markdown import blocks_of, markdown_lines
from repl.output.rich_lines import line_of, wrapped
from repl.output.styled import Line, line, spans_from
from repl.output.table import Cells

_MARKS = re.compile(r"`+|\*\*|~~")
_UNSURE = re.compile(r"\s*(?:```|~~~|#|\||[-=*_:\s]*$)")
_LONG_LINE = 200  # characters after which the start of a line is taken as text, unless it is unsure
_ALL = 1 << 20  # rows
_LONGEST_RENDERED = 20_000  # characters of an unfinished block that is rendered at each change


class _Code:
    """The code between two fences, which is finished line by line."""

    def __init__(self, head: str, fence: str, language: str, width: int) -> None:
        self._indent = len(head) - len(head.lstrip(" "))
        self._end = re.compile(rf" {{0,3}}{re.escape(fence)}{re.escape(fence[0])}*[ \t]*$")
        self._fence = fence
        self._highlighter = Highlighter(language)
        self._diff = DiffLines(width) if is_diff_language(language) else None

    def is_end(self, text: str) -> bool:
        return self._end.match(text) is not None

    def add(self, text: str) -> list[Line]:
        """Add a line; return what is finished now."""
        shown = self._without_indent(text)
        return self._diff.add([shown]) if self._diff else [line_of(row) for row in self._highlighter.add([shown])]

    def end(self) -> list[Line]:
        """Return the rest."""
        return self._diff.finish() if self._diff else []

    def rest(self, partial: str, width: int) -> list[Line]:
        """Return what is not finished; ``partial`` is the start of the next line."""
        pending = self._diff.pending() if self._diff else []
        if not partial or (partial.lstrip()[:1] == self._fence[0] and not partial.strip(f"{self._fence[0]} ")):
            return pending
        shown = self._without_indent(partial)
        return [
            *pending,
            *map(line_of, wrapped(Text(shown) if self._diff else self._highlighter.preview(shown), width)),
        ]

    def _without_indent(self, text: str) -> str:
        safe = safe_text(text)
        return safe[min(self._indent, len(safe) - len(safe.lstrip(" "))) :]


class AnswerText:
    """The text of an answer.

    ``width`` returns the cells of a row, ``room`` the rows that may be unfinished.
    """

    def __init__(self, width: Callable[[], int], room: Callable[[], int]) -> None:
        self._width = width
        self._room = room
        self._start_over()

    def _start_over(self) -> None:
        self._source = ""  # from the start of the unfinished block
        self._printed = ""  # the letters and digits of the unfinished block that are printed
        self._is_joined = True  # no blank row before the block, as before the first one
        self._code: _Code | None = None
        self._in_list = False  # items of the same list are printed
        self._number: int | None = None  # of the item
        self._in_table = False
        self._columns: list[int] | None = None  # their widths, once rows of the table are printed
        self._fixed_for = 0

    def feed(self, text: str) -> list[Line]:
        """Add ``text`` and return the lines that are finished."""
        self._source += text
        lines = self._add_code()
        if not self._code and "\n" in text:
            complete, _, partial = self._source.rpartition("\n")
            lines += self._add_blocks([row.removesuffix("\r") for row in complete.split("\n")], partial)
        return [*lines, *self._overflow()]

    def finish(self) -> list[Line]:
        """Return the rest, complete or not, and start over."""
        if self._code:
            self._source += "\n" if self._source else ""
            lines = self._add_code()
            lines += self._lead(self._unprinted(self._code.end())) if self._code else []
        else:
            lines = self._add_blocks(self._source.split("\n"), "", is_end=True)
        self._start_over()
        return lines

    def keep(self, rows: Iterable[Line]) -> bool:
        """Take ``rows`` as printed if they are the first ones of the rest."""
        letters = _letters(rows)
        if not _letters(self._rest(self._width(), _ALL)).startswith(letters):
            return False
        self._printed += letters
        self._is_joined = True
        return True

    def rest(self, width: int, count: int) -> list[Line]:
        """Return the last ``count`` rows of what is not finished, for ``width`` cells."""
        rows = self._rest(width, count)
        gap: list[Line] = [()] if rows and not self._is_joined else []
        return [*gap, *rows][-count:] if count > 0 else []

    def _rest(self, width: int, count: int) -> list[Line]:
        if self._code:
            return self._after_printed(self._code.rest(self._source, width))
        text = self._source.strip("\n")
        if self._in_table:
            complete, _, partial = text.rpartition("\n")
            text = text if partial.strip(" |") else complete
        if self._columns is not None:
            cells = blocks_of(text)[0].cells
            return self._after_printed(cells.body(self._columns, width)) if cells else []
        if len(text) > _LONGEST_RENDERED:
            return [line(row) for row in last_rows(safe_text(text).split("\n"), width, count // 2)]
        return self._after_printed(self._rendered(_closed(text), width))

    def _add_code(self) -> list[Line]:
        """Take the complete lines of code from the source."""
        lines: list[Line] = []
        while self._code and "\n" in self._source:
            row, _, self._source = self._source.partition("\n")
            row = row.removesuffix("\r")
            if not self._code.is_end(row):
                lines += self._lead(self._unprinted(self._code.add(row)))
                continue
            lines += self._lead(self._unprinted(self._code.end()))
            self._code, self._is_joined = None, False
        return lines

    def _add_blocks(self, rows: list[str], partial: str, *, is_end: bool = False) -> list[Line]:
        """Take the finished blocks of the source, which has ``rows`` and ``partial``."""
        lines: list[Line] = []
        left = [partial]
        blocks = blocks_of("\n".join(rows))
        self._in_table = False
        for block, end in zip(blocks, [*(block.start for block in blocks[1:]), len(rows)], strict=False):
            part = rows[block.start : end]
            is_open = block is blocks[-1] and not is_end and not block.is_done(part)
            if block.fence:
                self._code = _Code(part[0], block.fence, block.language, self._width())
                self._source = "\n".join([*part[1:], ""]) if len(part) > 1 else ""
                lines += self._add_code()
                if self._code and is_open:
                    continue
                if self._code:
                    lines += self._lead(self._unprinted(self._code.end()))
                    self._code = None
            elif block.cells and (is_open or self._columns is not None):
                lines += self._add_rows(block.cells, is_open=is_open)
                if is_open:
                    self._in_table = True
                    left = [*(part[:2] if self._columns is not None else part), partial]
                    continue
                self._columns = None
            elif block.items:
                self._number = self._number if self._in_list else block.number
                starts = [*block.items, end]
                for start, stop in pairwise(starts):
                    self._in_list = is_open and stop == end
                    if self._in_list:
                        left = [*rows[start:], partial]
                        break
                    lines += self._take(rows[start:stop])
                    self._number = None if self._number is None else self._number + 1
                    self._is_joined = True
                if self._in_list:
                    continue
                self._number = None
            elif is_open:
                left = [*part, partial]
                continue
            else:
                lines += self._take(part)
            self._is_joined = False
        self._source = "\n".join(left)
        return lines

    def _take(self, rows: list[str]) -> list[Line]:
        """Return a finished block, without what is printed of it."""
        return self._lead(self._unprinted(self._rendered("\n".join(rows).strip("\n"), self._width())))

    def _add_rows(self, cells: Cells, *, is_open: bool) -> list[Line]:
        """Return the rows of a table if it is too tall to wait for its end."""
        width, is_first = self._width(), self._columns is None
        if is_first and is_open and len(cells.lines(width)) <= self._room():
            return []
        if self._columns is None or self._fixed_for != width:
            self._columns, self._fixed_for = cells.fixed_widths(width), width
        head = cells.head(self._columns, width) if is_first else []
        return self._lead(self._unprinted([*head, *cells.body(self._columns, width)]))

    def _overflow(self) -> list[Line]:
        """Return rows at the start of the block that no longer fit into the room."""
        partial, text, room = self._source.rpartition("\n")[2], self._source.strip("\n"), self._room()
        is_unsure = partial and (len(partial) < _LONG_LINE or _UNSURE.match(partial))
        # Most texts are short; a row needs a character.
        if self._code or self._in_table or is_unsure or not room <= len(text) <= _LONGEST_RENDERED:
            return []
        rows = self._after_printed(self._rendered(_closed(text), self._width()))
        if len(rows) <= room:
            return []
        done = rows[: len(rows) - room // 2]
        self._printed += _letters(done)
        return self._lead(done)

    def _rendered(self, text: str, width: int) -> list[Line]:
        return list(_rendered(text, width, self._number)) if text.strip() else []

    def _after_printed(self, lines: list[Line]) -> list[Line]:
        """Return the rows of an unfinished block that are not printed."""
        rows, before = _after_text(lines, self._printed)
        if rows:
            self._printed = self._printed[:before]
        return rows

    def _unprinted(self, lines: list[Line]) -> list[Line]:
        """Return the rows of a finished part that are not printed; from now on, they are."""
        rows, before = _after_text(lines, self._printed)
        self._printed = "" if rows else self._printed[before:]
        return rows

    def _lead(self, lines: list[Line]) -> list[Line]:
        """Return lines of the block, after a blank one if they are its first."""
        if not lines:
            return lines
        gap: list[Line] = [] if self._is_joined else [()]
        self._is_joined = True
        return [*gap, *lines]


@lru_cache(maxsize=8)
def _rendered(text: str, width: int, number: int | None) -> tuple[Line, ...]:
    return tuple(markdown_lines(text, width, number=number))


def _letters(rows: Iterable[Line]) -> str:
    """Return the letters and digits of ``rows``, by which printed text is recognized."""
    return "".join(character for row in rows for _, text in row for character in text if character.isalnum())


def _after_text(lines: list[Line], printed: str) -> tuple[list[Line], int]:
    """Return the part of ``lines`` after the text ``printed``.

    The second value is the number of letters and digits before that part. The text may have been wrapped for another
    width. Only letters and digits are compared, because the marks of Markdown may have changed. From the first
    difference on, everything counts as not printed.
    """
    if not printed:
        return lines, 0
    at = 0
    for number, row in enumerate(lines):
        text = "".join(part for _, part in row)
        end = 0  # of what is printed
        for place, character in enumerate(text):
            if not character.isalnum():
                continue
            if at == len(printed):
                return [spans_from(row, _next_word(text, end, place)), *lines[number + 1 :]], at
            if character != printed[at]:
                first = text.rfind(" ", 0, place) + 1
                return [spans_from(row, first), *lines[number + 1 :]], at - sum(map(str.isalnum, text[first:place]))
            at, end = at + 1, place + 1
        if at == len(printed):
            return lines[number + 1 :], at
    return [], at


def _next_word(text: str, end: int, place: int) -> int:
    """Return where text begins that is not printed, between ``end`` and ``place``."""
    # A period or the like after the last word belongs to it.
    if space := text.rfind(" ", end, place) + 1:
        return space
    while end < place and text[end] in CLOSING:
        end += 1
    return end


def _closed(text: str) -> str:
    """Return ``text`` with the emphasis and the code that are open at its end closed."""
    paragraph = text[text.rfind("\n\n") + 1 :]
    is_open: list[str] = []
    for mark in _MARKS.findall(paragraph):
        if is_open and is_open[-1] == mark:
            is_open.pop()
        elif not (is_open and is_open[-1].startswith("`")):
            is_open.append(mark)
    if not is_open:
        return text
    kept = text.rstrip()
    for mark in reversed(is_open):
        # A mark without text after it is not shown yet.
        kept = kept.removesuffix(mark) if kept.endswith(mark) else kept + mark
    return kept

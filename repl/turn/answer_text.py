"""Markdown that arrives in pieces, as finished lines and an unfinished rest.

Nothing that follows a finished line changes how it looks, so it is rendered and printed once. Lines of code, items of a
list and rows of a long table are finished as soon as they are complete, other blocks at their end. Of a block that is
taller than the screen, the first rows are finished too.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache

from rich.text import Text

from aloop.sanitize import safe_text
from aloop.width import last_rows
from repl.output.diff import DiffLines, is_diff_language
from repl.output.highlight import Highlighter
from repl.output.markdown import markdown_lines, parse_table_block
from repl.output.rich_lines import line_of, wrapped
from repl.output.styled import Line, Span, line
from repl.output.table import Cells

_FENCE = re.compile(r"(\s*)(`{3,}|~{3,})(.*)")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])(?:\s|$)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_DELIMITER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_MARKS = re.compile(r"`+|\*\*|~~")
_ONLY_MARKS = re.compile(r"[-=*_|:\s]*$")
_LONG_LINE = 200  # characters after which a line is taken as begun
_LONGEST_RENDERED = 20_000  # characters of an unfinished block that is rendered at each change


class _Block(ABC):
    """A block that is not complete."""

    @abstractmethod
    def add(self, text: str) -> list[Line]:
        """Add a line; return what is finished now."""

    @abstractmethod
    def end(self) -> list[Line]:
        """Return the rest."""

    @abstractmethod
    def rest(self, partial: str, width: int, count: int) -> list[Line]:
        """Return the unfinished rows, at least the last ``count``.

        ``partial`` is the start of the next line.
        """

    def overflow(self, width: int, room: int) -> list[Line]:  # noqa: ARG002 - most have nothing
        """Return rows at the start that no longer fit into ``room`` rows."""
        return []


class _Text(_Block):
    """A paragraph, an item of a list, a quotation or the like."""

    def __init__(self, width: Callable[[], int], number: int | None = None) -> None:
        self.lines: list[str] = []
        self.fence = ""  # of code inside
        self.number = number
        self._width = width
        self._printed = ""

    @property
    def ends_blank(self) -> bool:
        return bool(self.lines) and not self.lines[-1].strip()

    def add(self, text: str) -> list[Line]:
        self.lines.append(text)
        return []

    def end(self) -> list[Line]:
        text = "\n".join(self.lines).strip("\n")
        lines = _rendered(text, self._width(), self.number) if text.strip() else []
        return _after_text(lines, self._printed)

    def rest(self, partial: str, width: int, count: int) -> list[Line]:
        text = "\n".join([*self.lines, partial]).strip("\n")
        if not text.strip():
            return []
        if len(text) > _LONGEST_RENDERED:
            return [line(row) for row in last_rows(safe_text(text).split("\n"), width, count // 2)]
        return _after_text(_rendered(_closed(text), width, self.number), self._printed)

    def overflow(self, width: int, room: int) -> list[Line]:
        text = "\n".join(self.lines).strip("\n")
        # Most texts are short; a row needs a character.
        if not room <= len(text) <= _LONGEST_RENDERED:
            return []
        rows = _after_text(_rendered(_closed(text), width, self.number), self._printed)
        if len(rows) <= room:
            return []
        done = rows[: len(rows) - room // 2]
        self._printed += "".join(text for row in done for _, text in row)
        return done


class _Code(_Block):
    """The code between two fences."""

    def __init__(self, indent: int, fence: str, language: str, width: Callable[[], int]) -> None:
        self._indent = indent
        self._fence = fence
        self._highlighter = Highlighter(language)
        self._diff = DiffLines(width()) if is_diff_language(language) else None

    def is_end(self, text: str) -> bool:
        found = _FENCE.match(text)
        return bool(found and found[2].startswith(self._fence) and not found[3].strip())

    def add(self, text: str) -> list[Line]:
        shown = self._without_indent(text)
        return self._diff.add([shown]) if self._diff else [line_of(row) for row in self._highlighter.add([shown])]

    def end(self) -> list[Line]:
        return self._diff.finish() if self._diff else []

    def rest(self, partial: str, width: int, count: int) -> list[Line]:  # noqa: ARG002 - never long
        if not partial or (partial.lstrip()[:1] == self._fence[0] and not partial.strip(f"{self._fence[0]} ")):
            return self._diff.pending() if self._diff else []
        shown = self._without_indent(partial)
        if self._diff:
            return [*self._diff.pending(), *map(line_of, wrapped(Text(shown), width))]
        return [line_of(row) for row in wrapped(self._highlighter.preview(shown), width)]

    def _without_indent(self, text: str) -> str:
        safe = safe_text(text)
        return safe[min(self._indent, len(safe) - len(safe.lstrip(" "))) :]


class _Table(_Block):
    """A table. Its columns are fixed when it gets taller than the screen."""

    def __init__(self, head: str, width: Callable[[], int], room: Callable[[], int]) -> None:
        self._head = head
        self._rows: list[str] = []
        self._columns: list[int] | None = None  # their widths
        self._fixed_for = 0
        self._width = width
        self._room = room

    def add(self, text: str) -> list[Line]:
        self._rows.append(text)
        width = self._width()
        if self._columns is None and len(self._shown(self._rows, width)) <= self._room():
            return []
        cells = _cells(self._head, self._rows)
        is_first, self._rows = self._columns is None, []
        if self._columns is None or self._fixed_for != width:
            self._columns, self._fixed_for = cells.fixed_widths(width), width
        head = cells.head(self._columns, width) if is_first else []
        return [*head, *cells.body(self._columns, width)]

    def end(self) -> list[Line]:
        return self._shown(self._rows, self._width()) if self._columns is None else []

    def rest(self, partial: str, width: int, count: int) -> list[Line]:  # noqa: ARG002 - not taller than the screen
        if self._columns is None:
            return self._shown([*self._rows, partial] if partial.strip(" |") else self._rows, width)
        return _cells(self._head, [partial]).body(self._columns, width) if partial.strip(" |") else []

    def _shown(self, rows: list[str], width: int) -> list[Line]:
        return _rendered("\n".join([self._head, *rows]), width, None)


class AnswerText:
    """The text of an answer.

    ``width`` returns the cells of a row, ``room`` the rows that may be unfinished.
    """

    def __init__(self, width: Callable[[], int], room: Callable[[], int]) -> None:
        self._width = width
        self._room = room
        self._partial: list[str] = []
        self._block: _Block | None = None
        self._begun: _Text | None = None  # the block whose last line is not complete
        self._in_list = False
        self._indent = 0  # of the text of the current item
        self._marker = ""  # the last character of the mark of an item
        self._is_joined = True  # no blank row before the block, as before the first one

    def feed(self, text: str) -> list[Line]:
        """Add ``text`` and return the lines that are finished."""
        *whole, rest = text.split("\n")
        lines: list[Line] = []
        for piece in whole:
            self._partial.append(piece)
            complete = self._partial_line.removesuffix("\r")
            self._partial = []
            lines += self._add(complete) if self._begun is None else self._continue(complete)
            self._begun = None
        if rest:
            self._partial.append(rest)
        if self._begun is not None:
            self._continue(self._partial_line)
        elif len(self._partial_line) >= _LONG_LINE and self._is_sure(self._partial_line):
            lines += self._add(self._partial_line)
            self._begun = self._block if isinstance(self._block, _Text) else None
        if self._block is not None and (self._begun is not None or not self._partial):
            lines += self._lead(self._block.overflow(self._width(), self._room()))
        return lines

    def _is_sure(self, text: str) -> bool:
        """Return True if the start of a line shows already what kind of block it is in."""
        if isinstance(self._block, _Code | _Table) or (isinstance(self._block, _Text) and self._block.fence):
            return False
        special = (_FENCE, _HEADING, _ONLY_MARKS)
        return not any(pattern.match(text) for pattern in special) and not text.lstrip().startswith("|")

    def _continue(self, text: str) -> list[Line]:
        """Replace the line that has begun with more of it."""
        assert self._begun is not None  # noqa: S101 - callers check it
        self._begun.lines[-1] = text
        return []

    def finish(self) -> list[Line]:
        """Return the rest, complete or not, and start over."""
        lines: list[Line] = []
        if self._partial and self._begun is None:
            lines = self._add(self._partial_line)
        self._partial, self._begun = [], None
        lines += self._end()
        self._is_joined = True
        return lines

    def rest(self, width: int, count: int) -> list[Line]:
        """Return the last ``count`` rows of what is not finished, for ``width`` cells."""
        partial = "" if self._begun is not None else self._partial_line
        if not partial and self._block is None:
            return []
        rows = (self._block or _Text(self._width)).rest(partial, width, count)
        gap: list[Line] = [()] if rows and not self._is_joined else []
        return [*gap, *rows][-count:] if count > 0 else []

    @property
    def _partial_line(self) -> str:
        if len(self._partial) > 1:
            self._partial = ["".join(self._partial)]
        return self._partial[0] if self._partial else ""

    def _lead(self, lines: list[Line]) -> list[Line]:
        """Return the lines of the open block, after a blank one if they are its first."""
        if not lines:
            return lines
        gap: list[Line] = [] if self._is_joined else [()]
        self._is_joined = True
        return [*gap, *lines]

    def _end(self) -> list[Line]:
        """End the open block, and any list."""
        lines = self._end_block()
        self._in_list = False
        return lines

    def _end_block(self) -> list[Line]:
        block, self._block = self._block, None
        lines = self._lead(block.end()) if block is not None else []
        if block is not None:
            self._is_joined = False
        return lines

    def _add(self, text: str) -> list[Line]:
        block = self._block
        if isinstance(block, _Code):
            return self._end() if block.is_end(text) else self._lead(block.add(text))
        if isinstance(block, _Text) and block.fence:
            block.add(text)
            found = _FENCE.match(text)
            if found and found[2].startswith(block.fence) and not found[3].strip():
                block.fence = ""
            return []
        if not text.strip():
            return block.add(text) if self._in_list and block else self._end()
        return self._add_text(text)

    def _add_text(self, text: str) -> list[Line]:
        block = self._block
        if isinstance(block, _Table):
            starts_block = text.lstrip().startswith(">") or any(
                pattern.match(text) for pattern in (_FENCE, _HEADING, _RULE, _ITEM)
            )
            if not starts_block:
                return self._lead(block.add(text))
        elif isinstance(block, _Text) and not self._in_list and block.lines:
            if "|" in text and _DELIMITER.match(text) and parse_table_block(f"{block.lines[-1]}\n{text}") is not None:
                return self._begin_table(block, text)
            if _UNDERLINE.match(text):
                block.add(text)
                return self._end()
        is_inside = self._in_list and text.startswith((" ", "\t"))
        if not is_inside:
            if (found := _FENCE.match(text)) and not (found[2].startswith("`") and "`" in found[3]):
                return self._begin_code(found)
            if _HEADING.match(text) or _RULE.match(text):
                lines = self._end()
                self._block = _Text(self._width)
                self._block.add(text)
                return [*lines, *self._end()]
        if found := _ITEM.match(text):
            return self._add_item(found, text)
        lines = []
        if self._in_list and not is_inside and isinstance(block, _Text) and block.ends_blank:
            lines = self._end()
        if self._block is None or isinstance(self._block, _Table):
            lines += self._end()
            self._block = _Text(self._width)
        self._block.add(text)
        if is_inside and isinstance(self._block, _Text) and (found := _FENCE.match(text)):
            self._block.fence = found[2]
        return lines

    def _add_item(self, found: re.Match[str], text: str) -> list[Line]:
        """Begin an item, unless it is inside the current one."""
        block, number = self._block, found[2][:-1]
        if self._in_list and isinstance(block, _Text):
            if len(found[1].expandtabs(4)) >= self._indent:
                return block.add(text)
            lines = self._end_block()
            self._is_joined = found[2][-1] == self._marker
            last = block.number if self._is_joined else None
            counted = last + 1 if last is not None else None
        else:
            if isinstance(block, _Text) and number not in {"", "1"}:
                return block.add(text)  # only a list that starts with 1 interrupts a paragraph
            lines, counted = self._end(), None
        self._in_list, self._marker = True, found[2][-1]
        self._indent = len(found[0].expandtabs(4)) if found[0].endswith((" ", "\t")) else len(found[0]) + 1
        self._block = _Text(self._width, (counted or int(number)) if number else None)
        self._block.add(text)
        return lines

    def _begin_code(self, found: re.Match[str]) -> list[Line]:
        lines = self._end()
        language = found[3].strip().split(" ")[0]
        self._block = _Code(len(found[1]), found[2], language, self._width)
        return lines

    def _begin_table(self, block: _Text, delimiter: str) -> list[Line]:
        head = block.lines.pop()
        lines = self._end() if block.lines else []
        self._block = _Table(f"{head}\n{delimiter}", self._width, self._room)
        return lines


@lru_cache(maxsize=8)
def _rendered_once(text: str, width: int, number: int | None) -> tuple[Line, ...]:
    return tuple(markdown_lines(text, width, number=number))


def _rendered(text: str, width: int, number: int | None) -> list[Line]:
    return list(_rendered_once(text, width, number))


def _cells(head: str, rows: list[str]) -> Cells:
    found = parse_table_block("\n".join([head, *rows]))
    if found is not None:
        return found
    # A row that the parser does not take as one is shown as it is.
    titles = parse_table_block(head) or Cells([], [], [])
    return Cells(titles.headings, titles.alignments, [[Text(safe_text(row))] for row in rows])


def _after_text(lines: list[Line], printed: str) -> list[Line]:
    """Return the part of ``lines`` after the text ``printed``.

    That may have been wrapped for another width. Only letters and digits are compared, because the marks of Markdown
    may have changed. From the first difference on, everything counts as not printed.
    """
    wanted = [character for character in printed if character.isalnum()]
    if not wanted:
        return lines
    at = 0
    for number, row in enumerate(lines):
        text = "".join(part for _, part in row)
        for place, character in enumerate(text):
            if not character.isalnum():
                continue
            if at == len(wanted) or character != wanted[at]:
                # A period or the like after the last word belongs to it.
                first = text.rfind(" ", 0, place) + 1 if place else 0
                return [_from(row, first), *lines[number + 1 :]]
            at += 1
        if at == len(wanted):
            return lines[number + 1 :]
    return []


def _from(row: Line, start: int) -> Line:
    """Return ``row`` without its first ``start`` characters."""
    kept: list[Span] = []
    for look, text in row:
        if part := text[start:]:
            kept.append((look, part))
        start = max(0, start - len(text))
    return tuple(kept)


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

"""Unified diffs with line numbers, colors of the code and marks on changed words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence

from rich.text import Text

from aloop.formatting import quantity
from aloop.sanitize import safe_text
from repl.output.highlight import Highlighter
from repl.output.rich_lines import line_of, rich_style, wrapped
from repl.output.styled import Line, line
from repl.output.theme import Style

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_WORD = re.compile(r"\w+|\s+|.")
_LANGUAGES = frozenset({"diff", "patch", "udiff"})
_NO_FILE = "/dev/null"
_LONGEST_COMPARED = 400  # characters of a line whose words are compared
_LEAST_ALIKE = 0.4
_FEWEST_DIGITS = 3

_GROUNDS = {"+": Style.ADDED, "-": Style.REMOVED}
_WORDS = {"+": Style.ADDED_WORD, "-": Style.REMOVED_WORD}


def is_diff_language(language: str) -> bool:
    """Return True if a code block in ``language`` is a diff."""
    return language.lower() in _LANGUAGES


def diff_lines(
    rows: Sequence[str], width: int | None, visible: Callable[[str], str] = safe_text, *, has_titles: bool = True
) -> list[Line]:
    """Return the lines of a unified diff, in ``width`` cells if that is not None."""
    diff = DiffLines(width, visible, has_titles=has_titles)
    return [*diff.add(rows), *diff.finish()]


class DiffLines:
    """Renders a unified diff that arrives row by row.

    Rows without the usual marks, such as those that replace a long middle, are shown as they are. ``visible`` returns
    the text of a row with its control characters visible. A file has its name as a title, if it ``has_titles``.
    """

    def __init__(
        self, width: int | None, visible: Callable[[str], str] = safe_text, *, has_titles: bool = True
    ) -> None:
        self._width = width
        self._has_titles = has_titles
        self._visible = visible
        self._numbers: tuple[int, int] | None = None  # of the next old and new line
        self._ends = (0, 0)  # the numbers after the last lines of the hunk
        self._digits = _FEWEST_DIGITS
        self._removed: list[str] = []
        self._added: list[str] = []
        self._name = ""
        self._before, self._after = Highlighter(""), Highlighter("")
        self._held = ""  # a row that is the name of the old file if that of the new file follows
        self._title = ""  # of the file, until its first hunk

    def add(self, rows: Sequence[str]) -> list[Line]:
        """Return the lines that ``rows`` complete."""
        return [found for row in rows for found in self._add(row[:1] + self._visible(row[1:]))]

    def skip(self, rows: Sequence[str]) -> list[Line]:
        """Return the lines before ``rows``, which are counted but not shown."""
        done = [*self._changes(), *self._titled()]
        for place in range(len(rows) - 1, -1, -1):
            if found := _HUNK.match(rows[place]):
                self._begin(found)
                rows = rows[place + 1 :]
                break
        self._take(old=sum(row[:1] in "- " for row in rows), new=sum(row[:1] in "+ " for row in rows))
        self._before, self._after = Highlighter.for_file(self._name), Highlighter.for_file(self._name)
        return done

    def finish(self) -> list[Line]:
        """Return the rest."""
        held, self._held = self._held, ""
        return [*(self._add_row(held) if held else []), *self._changes(), *self._titled()]

    def pending(self) -> list[Line]:
        """Return the lines that are not complete, as they were written."""
        title = [line((Style.QUIET, text)) for text in (self._title or self._held,) if text]
        removed = [line((Style.REMOVED, f"-{text}")) for text in self._removed]
        return [*title, *removed, *(line((Style.ADDED, f"+{text}")) for text in self._added)]

    def _add(self, row: str) -> list[Line]:
        held, self._held = self._held, ""
        if held and row.startswith("+++ "):
            return self._open(held, row)
        done = self._add_row(held) if held else []
        if self._is_between_hunks and row.startswith("--- "):
            self._held = row
            return [*done, *self._changes()]
        return [*done, *self._add_row(row)]

    @property
    def _is_between_hunks(self) -> bool:
        if self._numbers is None:
            return True
        (old, new), (old_end, new_end) = self._numbers, self._ends
        return old + len(self._removed) >= old_end and new + len(self._added) >= new_end

    def _add_row(self, row: str) -> list[Line]:
        mark = row[:1]
        if found := _HUNK.match(row):
            return [*self._changes(), *self._hunk(found)]
        title = self._titled()
        if mark == "+":
            self._added.append(row[1:])
            return title
        if mark == "-":
            # A removal after an addition begins the next change.
            done = self._changes() if self._added else []
            self._removed.append(row[1:])
            return [*title, *done]
        done = [*title, *self._changes()]
        if mark == "\\":
            return [*done, self._row("", " ", Text(row[2:] or row, rich_style(Style.QUIET)))]
        if mark not in {" ", ""} or self._numbers is None:
            return [*done, line((Style.QUIET, row))]
        text = row[1:]
        [shown] = self._before.add([text])
        self._after.add([text])
        number = self._take(old=1, new=1)[1]
        return [*done, *self._wrapped(number, " ", shown)]

    def _open(self, old_row: str, new_row: str) -> list[Line]:
        """Begin with a file."""
        old, new = (row[4:].split("\t")[0].strip() for row in (old_row, new_row))
        self._numbers = None
        is_prefixed = old.startswith("a/") and new.startswith("b/")
        self._name = old if new == _NO_FILE else new.removeprefix("b/") if is_prefixed else new
        self._before, self._after = Highlighter.for_file(self._name), Highlighter.for_file(self._name)
        state = "new file" if old == _NO_FILE else "deleted file" if new == _NO_FILE else ""
        self._title = f"{self._name} · {state}" if state else self._name
        return []

    def _titled(self, count: str = "") -> list[Line]:
        """Return the title of the file, if it is not shown yet."""
        title, self._title = self._title, ""
        return [line((Style.QUIET, title + count))] if title and self._has_titles else []

    def _hunk(self, found: re.Match[str]) -> list[Line]:
        is_first = self._numbers is None
        self._begin(found)
        is_new_or_deleted = self._title.startswith(f"{self._name} · ")
        count = quantity(max(int(found[2] or 1), int(found[4] or 1)), "line")
        title = self._titled(f" · {count}" if is_new_or_deleted else "")
        return (
            title if is_first else [*title, self._row("", " ", Text(f"⋯ {found[5]}".rstrip(), rich_style(Style.QUIET)))]
        )

    def _begin(self, found: re.Match[str]) -> None:
        self._numbers = old, new = int(found[1]), int(found[3])
        self._ends = old + int(found[2] or 1), new + int(found[4] or 1)
        self._digits = max(_FEWEST_DIGITS, *(len(str(end - 1)) for end in self._ends))

    def _changes(self) -> list[Line]:
        """Return the rows of the change so far, each removed line above all added ones."""
        removed, added = self._removed, self._added
        self._removed, self._added = [], []
        if not removed and not added:
            return []
        marks = _changed_words(removed, added)
        lines: list[Line] = []
        for mark, rows, highlighter in (("-", removed, self._before), ("+", added, self._after)):
            for place, shown in enumerate(highlighter.add(rows)):
                number = self._take(old=mark == "-", new=mark == "+")[mark == "+"]
                shown.stylize_before(rich_style(_GROUNDS[mark]))
                for start, end in marks.get((mark, place), ()):
                    shown.stylize(rich_style(_WORDS[mark]), start, end)
                lines += self._wrapped(number, mark, shown)
        return lines

    def _take(self, *, old: int, new: int) -> tuple[str, str]:
        """Return the numbers of the next lines, and count the lines."""
        if self._numbers is None:
            return "", ""
        numbers = self._numbers
        self._numbers = numbers[0] + old, numbers[1] + new
        return str(numbers[0]), str(numbers[1])

    def _wrapped(self, number: str, mark: str, text: Text) -> list[Line]:
        """Return one line of the file, in several rows if it is wider than the screen."""
        rows = [text] if self._width is None else wrapped(text, self._width - self._gutter - 2)
        return [self._row("" if place else number, mark, row) for place, row in enumerate(rows)]

    @property
    def _gutter(self) -> int:
        return self._digits + 1 if self._numbers else 0

    def _row(self, number: str, mark: str, text: Text) -> Line:
        ground = _GROUNDS.get(mark)
        gutter = f"{number:>{self._digits}} " if self._numbers else ""
        if ground is None:
            return line((Style.QUIET, gutter), f"{mark} ", *line_of(text))
        return line(((ground, Style.QUIET), gutter), (ground, f"{mark} "), *line_of(text), (ground, ""))


def _changed_words(removed: Sequence[str], added: Sequence[str]) -> dict[tuple[str, int], list[tuple[int, int]]]:
    """Return the changed parts of each pair of a removed and an added line."""
    marks: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for place, (old, new) in enumerate(zip(removed, added, strict=False)):
        if max(len(old), len(new)) > _LONGEST_COMPARED:
            continue
        one, other = _WORD.findall(old), _WORD.findall(new)
        matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
        if matcher.ratio() < _LEAST_ALIKE:
            continue
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag != "equal":
                marks.setdefault(("-", place), []).append((len("".join(one[:a])), len("".join(one[:b]))))
                marks.setdefault(("+", place), []).append((len("".join(other[:c])), len("".join(other[:d]))))
    return marks

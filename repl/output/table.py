"""Tables of Markdown, whose cells are wrapped in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aloop.width import text_width
from repl.output.styled import Line, Span, line
from repl.output.theme import Style
from repl.output.wrapping import joined_text, strong, wrap_spans

Alignment = Literal["left", "center", "right"]
Cell = Sequence[Span]

_SEPARATOR = " │ "
_CROSSING = "─┼─"
_MORE = 6  # cells of a column
_NARROWEST = 8
"""Cells of a column; on a screen that is too narrow for that, each row is a list of its cells."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table: their headings, alignments and widths in cells.

    Without widths, the screen is too narrow for columns.
    """

    headings: Sequence[Cell]
    alignments: Sequence[Alignment]
    widths: Sequence[int]

    @staticmethod
    def fitting(
        headings: Sequence[Cell], alignments: Sequence[Alignment], rows: Sequence[Sequence[Cell]], width: int
    ) -> Columns:
        """Return columns for ``rows`` on ``width`` cells; only the widest are wrapped."""
        natural = [
            max(1, *(_cell_width(row[place]) for row in (headings, *rows) if place < len(row)))
            for place in range(len(headings))
        ]
        room = width - len(_SEPARATOR) * (len(natural) - 1)
        if sum(natural) > room and room < _NARROWEST * len(natural):
            return Columns(headings, alignments, ())
        return Columns(headings, alignments, _shrunk(natural, room))

    def with_space(self, width: int) -> Columns:
        """Return the columns with some more space, for rows that are not known yet."""
        if not self.widths:
            return self
        spare = width - sum(self.widths) - len(_SEPARATOR) * (len(self.widths) - 1)
        more = min(_MORE, spare // len(self.widths))
        return Columns(self.headings, self.alignments, [column + max(more, 0) for column in self.widths])

    def head(self) -> list[Line]:
        """Return the rows of the headings."""
        if not self.widths:
            return []
        rule = _CROSSING.join("─" * width for width in self.widths)
        return [*self._row([strong(heading) for heading in self.headings]), line((Style.QUIET, rule))]

    def rows(self, rows: Sequence[Sequence[Cell]], width: int) -> list[Line]:
        """Return the rows of the screen for ``rows`` of the table."""
        if self.widths:
            return [shown for row in rows for shown in self._row(row)]
        return [shown for row in rows for shown in self._record(row, width)]

    def _row(self, cells: Sequence[Cell]) -> list[Line]:
        padded = [*cells, *[()] * (len(self.widths) - len(cells))]
        columns = [wrap_spans(cell, width) for cell, width in zip(padded, self.widths, strict=False)]
        lines = []
        for number in range(max(map(len, columns))):
            spans: list[Span] = []
            for place, (column, width) in enumerate(zip(columns, self.widths, strict=True)):
                text = column[number] if number < len(column) else ()
                if place:
                    spans.append((Style.QUIET, _SEPARATOR))
                spans += _aligned(text, width, self.alignments[place], is_last=place == len(columns) - 1)
            lines.append(tuple(spans))
        return lines

    def _record(self, cells: Sequence[Cell], width: int) -> list[Line]:
        lines: list[Line] = [line((Style.QUIET, "─" * min(width, _NARROWEST)))]
        for place, cell in enumerate(cells):
            heading = strong(self.headings[place]) if place < len(self.headings) else ()
            lead = [*heading, (Style.PLAIN, " ")] if heading else []
            lines += wrap_spans([*lead, *cell], width)
        return lines


def _cell_width(cell: Cell) -> int:
    return max(text_width(part) for part in joined_text(cell).split("\n"))


def _shrunk(natural: list[int], room: int) -> list[int]:
    """Return the widths, with the widest reduced to one common width that fits."""
    if sum(natural) <= room:
        return natural
    most = max(natural)
    while most > 1 and sum(min(width, most) for width in natural) > room:
        most -= 1
    widths = [min(width, most) for width in natural]
    spare = room - sum(widths)
    for place, width in enumerate(natural):
        if width > most and spare > 0:
            widths[place] += 1
            spare -= 1
    return widths


def _aligned(text: Line, width: int, alignment: Alignment, *, is_last: bool) -> list[Span]:
    spare = width - text_width(joined_text(text))
    before = {"left": 0, "center": spare // 2, "right": spare}[alignment]
    after = 0 if is_last else spare - before
    return [
        *([(Style.PLAIN, " " * before)] if before > 0 else []),
        *text,
        *([(Style.PLAIN, " " * after)] if after > 0 else []),
    ]

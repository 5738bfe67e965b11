"""Tables of Markdown, laid out by rich."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from rich.box import MINIMAL
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from repl.output.rich_lines import WrappedText, lines_of, natural_width, rich_style
from repl.output.styled import Line
from repl.output.theme import Style

Alignment = Literal["left", "center", "right"]

_QUIET = rich_style(Style.QUIET)
_STRONG = rich_style(Style.STRONG)
_BETWEEN = 3  # cells between two columns
_MORE = 6  # cells of a column, for rows that are not known yet
_NARROWEST = 8
"""Cells of a column; on a screen that is too narrow for that, each row is a list of its cells."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a table."""

    headings: Sequence[Text]
    alignments: Sequence[Alignment]
    rows: Sequence[Sequence[Text]]

    def lines(self, width: int) -> list[Line]:
        """Return the table in ``width`` cells."""
        return self._lines(width, None)

    def fixed_widths(self, width: int) -> list[int]:
        """Return widths of the columns for these rows and others; empty for a list."""
        lines = self.lines(width)
        columns = len(self.headings)
        if self._is_list(width):
            return []
        rule = "".join(text for _, text in next(line for line in lines if line and line[0][1][:1] == "─"))
        widths = [len(part) - 2 for part in f"─{rule}─".split("┼")]
        spare = width - sum(widths) - _BETWEEN * (columns - 1)
        return [column + max(0, min(_MORE, spare // columns)) for column in widths]

    def head(self, widths: Sequence[int], width: int) -> list[Line]:
        """Return the headings and the rule below them."""
        return lines_of(self._table((), widths), width) if widths else []

    def body(self, widths: Sequence[int], width: int) -> list[Line]:
        """Return the rows below the headings."""
        return self._lines(width, widths, with_head=False)

    def _lines(self, width: int, widths: Sequence[int] | None, *, with_head: bool = True) -> list[Line]:
        if not widths and (widths is not None or self._is_list(width)):
            return [line for row in self.rows for line in self._record(row, width)]
        return lines_of(self._table(self.rows, widths or (), with_head=with_head), width)

    def _is_list(self, width: int) -> bool:
        """Return True if the screen is too narrow for columns."""
        columns = len(self.headings)
        room = width - _BETWEEN * (columns - 1)
        return room < _NARROWEST * columns and natural_width(self._table(self.rows, ())) > width

    def _table(self, rows: Sequence[Sequence[Text]], widths: Sequence[int], *, with_head: bool = True) -> Table:
        table = Table(
            box=MINIMAL, show_edge=False, pad_edge=False, show_header=with_head, style=_QUIET, header_style=_STRONG
        )
        for heading, alignment, column in zip_longest(self.headings, self.alignments, widths):
            table.add_column(heading, justify=alignment, width=column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        return table

    def _record(self, cells: Sequence[Text], width: int) -> list[Line]:
        lines = lines_of(Rule(style=_QUIET), min(width, _NARROWEST))
        for heading, cell in zip(self.headings, cells, strict=False):
            lines += lines_of(WrappedText.assemble((heading.plain, _STRONG), " ", cell), width)
        return lines

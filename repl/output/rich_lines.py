"""Text and tables that rich lays out, as lines with the styles of the theme.

A role of the theme is a style of rich that carries only its name, so that colors are chosen when lines are printed.
rich breaks rows at spaces only; here, Chinese and Japanese are broken by their own rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from io import StringIO

from rich.console import Console, JustifyMethod, OverflowMethod, RenderableType
from rich.containers import Lines
from rich.measure import Measurement
from rich.style import Style as RichStyle
from rich.text import Text

from aloop.width import row_ends
from repl.output.styled import Line, line_width, spans_from
from repl.output.theme import GROUND_STYLES, Look, Style

_CONSOLE = Console(file=StringIO(), color_system=None, highlight=False, markup=False, emoji=False, legacy_windows=False)
_OPTIONS = _CONSOLE.options


@lru_cache
def rich_style(*roles: Style) -> RichStyle:
    """Return the style of rich for ``roles``; the last background replaces others."""
    styles = [RichStyle(meta={"ground" if role in GROUND_STYLES else role.name: role.name}) for role in roles]
    return RichStyle.combine([RichStyle.null(), *styles])


@lru_cache
def _look(style: RichStyle | None) -> Look:
    roles = tuple(Style[name] for name in style.meta.values()) if style else ()
    return roles[0] if len(roles) == 1 else roles or Style.PLAIN


class WrappedText(Text):
    """Text whose rows are broken by the rules of its script."""

    def wrap(
        self,
        console: Console,
        width: int,
        *,
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        tab_size: int = 8,  # noqa: ARG002 - the signature of rich
        no_wrap: bool | None = None,  # noqa: ARG002 - the same
    ) -> Lines:
        rows = Lines(wrapped(self, width))
        for row in rows:
            row.rstrip()
        if justify:
            rows.justify(console, width, justify=justify, overflow=overflow or "fold")
        return rows


def wrapped(text: Text, width: int) -> list[Text]:
    """Return safe ``text`` in rows of at most ``width`` cells, at least one.

    Rows are broken at line feeds, between words, and inside a word that is too long.
    """
    return [
        row
        for paragraph in text.split("\n", allow_blank=True)
        for row in paragraph.divide(row_ends(paragraph.plain, max(width, 1))[:-1])
    ]


def wrap_line(spans: Line, width: int) -> list[Line]:
    """Return safe ``spans`` in rows of at most ``width`` cells, at least one."""
    text = Text()
    for look, part in spans:
        text.append(part, rich_style(*(look if isinstance(look, tuple) else (look,))))
    return [line_of(row) for row in wrapped(text, width)]


def indented_rows(lines: Iterable[Line], width: int) -> list[Line]:
    """Return safe ``lines`` in rows of ``width`` cells with the indentation of each."""
    rows: list[Line] = []
    for spans in lines:
        if line_width(spans) <= width:
            rows.append(spans)
            continue
        text = "".join(part for _, part in spans)
        indent = min(len(text) - len(text.lstrip(" ")), width // 2)
        rows += [((Style.PLAIN, " " * indent), *row) for row in wrap_line(spans_from(spans, indent), width - indent)]
    return rows


def line_of(text: Text) -> Line:
    """Return ``text`` as one line."""
    return tuple((_look(segment.style), segment.text) for segment in text.render(_CONSOLE) if segment.text)


def lines_of(renderable: RenderableType, width: int) -> list[Line]:
    """Return ``renderable`` in ``width`` cells, without spaces at the ends of lines."""
    rows = _CONSOLE.render_lines(renderable, _OPTIONS.update(width=max(width, 1)), pad=False)
    lines = []
    for row in rows:
        spans = [(_look(segment.style), segment.text) for segment in row]
        while spans and not spans[-1][1].strip(" "):
            spans.pop()
        if spans:
            spans[-1] = (spans[-1][0], spans[-1][1].rstrip(" "))
        lines.append(tuple(spans))
    return lines


def natural_width(renderable: RenderableType) -> int:
    """Return the cells of the longest row of ``renderable`` if nothing is wrapped."""
    return Measurement.get(_CONSOLE, _OPTIONS.update(width=1 << 20), renderable).maximum

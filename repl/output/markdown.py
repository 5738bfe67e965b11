"""Markdown as text for the terminal, rendered by rich to a string.

Unlike rich by default: code has no border, padding or background and is not cut, so that it can be copied; headings
are aligned left; HTML is shown as source; and line breaks are kept. Colors are base colors, which are readable on
dark and light backgrounds.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, ClassVar

from pygments import token as code  # type: ignore[import-untyped] # pygments ships no types
from rich.box import SIMPLE_HEAD
from rich.color import ColorSystem
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement, TableElement
from rich.segment import Segment
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.table import Table
from rich.theme import Theme

from aloop.sanitize import safe_text

if TYPE_CHECKING:
    from markdown_it.token import Token

_CODE_THEME = ANSISyntaxTheme(
    {
        code.Token: Style(),
        code.Comment: Style(dim=True),
        code.Keyword: Style(color="magenta"),
        code.Operator.Word: Style(color="magenta"),
        code.Name.Function: Style(bold=True),
        code.Name.Class: Style(bold=True),
        code.Name.Builtin: Style(color="cyan"),
        code.Name.Decorator: Style(color="cyan"),
        code.Number: Style(color="cyan"),
        code.String: Style(color="green"),
    }
)

_THEME = Theme(
    {
        "markdown.code": Style(color="cyan"),
        "markdown.code_block": Style(),
        "markdown.block_quote": Style(dim=True),
        "markdown.item.bullet": Style(dim=True),
        "markdown.item.number": Style(dim=True),
        "markdown.h1": Style(bold=True, underline=True),
        "markdown.h2": Style(bold=True, underline=True),
        "markdown.h3": Style(bold=True),
        "markdown.h4": Style(bold=True),
        "markdown.link": Style(underline=True),
        "markdown.link_url": Style(dim=True),
        "markdown.table.border": Style(dim=True),
        "markdown.table.header": Style(bold=True),
    }
)


class _PlainHeading(Heading):
    LEVEL_ALIGN: ClassVar[dict[str, JustifyMethod]] = {f"h{level}": "left" for level in range(1, 7)}


class _CleanCode(CodeBlock):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = Syntax("", self.lexer_name, theme=_CODE_THEME).highlight(str(self.text).rstrip("\n"))
        text.rstrip()
        # At the margin the terminal wraps a long line, which is still copied as one. Inside a list, rich must fold it.
        text.no_wrap = options.max_width >= console.width
        text.overflow = "ignore" if text.no_wrap else "fold"
        yield text


class _FoldedTable(TableElement):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, style="markdown.table.border")
        for cell in self.header.row.cells if self.header and self.header.row else ():
            heading = cell.content.copy()
            heading.stylize("markdown.table.header")
            table.add_column(heading, overflow="fold")
        for row in self.body.rows if self.body else ():
            table.add_row(*(cell.content for cell in row.cells))
        yield table


class _Answer(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _PlainHeading,
        "fence": _CleanCode,
        "code_block": _CleanCode,
        "table_open": _FoldedTable,
    }

    def __init__(self, markup: str) -> None:
        super().__init__(markup, hyperlinks=False)
        for token in self.parsed:
            if token.type == "html_block":
                token.type, token.tag = "code_block", "code"
            for child in token.children or ():
                _simplify(child)


def _simplify(token: Token) -> None:
    """Change an inline token that rich would render badly, or not at all."""
    if token.type == "softbreak":
        token.type = "hardbreak"
    elif token.type == "html_inline":
        token.type = "text"
    elif token.type == "image":
        token.type, token.tag, token.children = "text", "", None
        token.content = f"{token.content} ({token.attrs.get('src', '')})".lstrip()
    elif token.type in {"link_open", "link_close"} and token.info == "auto":
        token.type, token.content = "text", ""


def render_markdown(text: str, width: int, *, color: bool) -> str:
    """Return ``text`` as safe text for ``width`` columns, ending with a line feed."""
    clean = safe_text(text)
    console = Console(file=StringIO(), width=width, color_system=None, theme=_THEME, highlight=False, markup=False)
    try:
        segments = list(console.render(_Answer(clean), console.options))
    except Exception:  # noqa: BLE001 - if the third-party renderer fails for any reason, show the source
        segments = [Segment(clean)]
    return "\n".join(_lines(segments, color=color)).strip("\n") + "\n"


def _lines(segments: list[Segment], *, color: bool) -> list[str]:
    """Return segments as lines of safe text.

    They are made safe again because rendering has decoded HTML entities.
    """
    lines = []
    for row in Segment.split_lines(segment for segment in segments if not segment.control):
        # rich pads each line to the full width, which should not end up in copied text.
        while row and not row[-1].text.strip():
            row.pop()
        if row:
            row[-1] = Segment(row[-1].text.rstrip(), row[-1].style)
        lines.append("".join(_written(segment, color=color) for segment in row))
    return lines


def _written(segment: Segment, *, color: bool) -> str:
    safe = safe_text(segment.text).replace("\n", " ")
    style = segment.style
    if style is None or not safe:
        return safe
    style = style.update_link(None)
    return (style if color else style.without_color).render(safe, color_system=ColorSystem.STANDARD)

"""Markdown as text for the terminal, rendered by rich to a string.

Unlike rich by default: code has no border, padding or background and is not cut, so that it can be copied; headings
are aligned left; HTML is shown as source; and line breaks are kept. No text is dropped: link reference definitions and
footnotes are shown as they were written, and so are link titles and surplus table cells. Colors are base colors,
which are readable on dark and light backgrounds.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, ClassVar

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.rules_block.table import table as parse_table
from markdown_it.rules_inline import StateInline
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

_URL_REST = re.compile(r"""://[^\s<>"`|\[\]()\\]*[^\s<>"`|\[\]()\\*_~]""")

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
        super().__init__("", hyperlinks=False)
        self.markup, self.parsed = markup, _parser().parse(markup)
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
        token.content = f"{token.content} ({_titled(token, 'src')})".lstrip()
    elif token.type in {"link_open", "link_close"} and token.info == "auto":
        token.type, token.content = "text", ""
    elif token.type == "link_open":
        token.attrs["href"] = _titled(token, "href")


def _titled(token: Token, address: str) -> str:
    """Return the address of a link or an image, with its title if there is one."""
    title = token.attrs.get("title")
    return f"{token.attrs.get(address, '')}" + (f' "{title}"' if title else "")


def _parser() -> MarkdownIt:
    """Return a parser that drops no text."""
    parser = MarkdownIt().enable(["strikethrough", "table"])
    # An answer is printed block by block, so a link is usually shown before its definition arrives. Definitions stay
    # on the screen as text instead, and a reference stays in brackets, so that the user can match the two.
    parser.disable("reference")
    parser.inline.ruler.after("text", "bare_url", _keep_url)
    parser.block.ruler.at("table", _keep_all_cells, {"alt": ["paragraph", "reference"]})
    return parser


def _keep_url(state: StateInline, silent: bool) -> bool:
    """Take the rest of a URL unchanged: ``_`` and ``*`` in it are not emphasis."""
    found = _URL_REST.match(state.src, state.pos)
    if found is None or not state.pending.endswith(("http", "https")):
        return False
    if not silent:
        state.pending += found[0]
    state.pos = found.end()
    return True


def _keep_all_cells(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a table; add the cells that the header has no column for to the last cell."""
    first = len(state.tokens)
    if not parse_table(state, start, end, silent):
        return False
    tokens = state.tokens[first:]
    columns = sum(token.type == "th_open" for token in tokens)
    last_cells = {token.map[0]: token for token in tokens if token.type == "inline" and token.map}
    for row, cell in last_cells.items():
        cells = escapedSplit(getLine(state, row).strip())
        cells = cells[1 if cells[:1] == [""] else 0 :]
        surplus = [text.strip() for text in cells[columns:] if text.strip()]
        cell.content = " | ".join([cell.content, *surplus])
    return True


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

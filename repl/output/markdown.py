"""Markdown as lines for the terminal.

Code has no border or background and is not cut, so that it can be copied; HTML is shown as source; and line breaks are
kept. No text is dropped: link reference definitions and footnotes are shown as they were written, and so are link
titles and surplus table cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.rules_block.table import table as parse_table
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from rich.rule import Rule
from rich.style import Style as RichStyle

from aloop.sanitize import safe_text
from repl.output.diff import diff_lines, is_diff_language
from repl.output.highlight import highlight
from repl.output.rich_lines import WrappedText, line_of, lines_of, rich_style, wrapped
from repl.output.styled import Line, Span, line, to_ansi
from repl.output.table import Alignment, Cells
from repl.output.theme import Style, Theme

_URL_REST = re.compile(r"""://[^\s<>"`|\[\]()\\]*[^\s<>"`|\[\]()\\*_~]""")
_TASK = re.compile(r"\[([ xX])\] ")
_NARROWEST = 8
_WIDEST_RULE = 72

_HEADINGS = {
    "h1": rich_style(Style.STRONG, Style.ACCENT, Style.UNDERLINED),
    "h2": rich_style(Style.STRONG, Style.ACCENT),
    "h3": rich_style(Style.STRONG),
}
_LOWER_HEADING = rich_style(Style.STRONG, Style.ITALIC)
_EMPHASIS = {
    "strong": rich_style(Style.STRONG),
    "em": rich_style(Style.ITALIC),
    "s": rich_style(Style.STRUCK),
    "link": rich_style(Style.UNDERLINED),
}
_CODE = rich_style(Style.CODE)
_QUIET = rich_style(Style.QUIET)
_PLAIN = RichStyle.null()
_BULLETS = "•◦"


def render_markdown(text: str, width: int, theme: Theme) -> str:
    """Return ``text`` as safe text for ``width`` columns, ending with a line feed."""
    return to_ansi(markdown_lines(text, width), theme)


def markdown_lines(text: str, width: int, *, number: int | None = None) -> list[Line]:
    """Return ``text`` as lines for ``width`` columns.

    ``number`` is that of the first item, if the text is part of a numbered list.
    """
    clean = safe_text(text).strip("\n")
    try:
        tree = SyntaxTreeNode(_parser().parse(clean))
        lines = _Blocks(max(width, _NARROWEST), number).lines(tree.children)
    except Exception:  # noqa: BLE001 - if the third-party parser fails for any reason, show the source
        return [line(row) for row in clean.split("\n")]
    return lines


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a text and its first line, counted from 0.

    ``items`` are the first lines of the items of a list, whose first number is ``number``.
    """

    kind: str
    start: int
    items: Sequence[int] = ()
    number: int | None = None
    cells: Cells | None = None
    fence: str = ""
    language: str = ""

    def is_done(self, rows: Sequence[str]) -> bool:
        """Return True if no line that follows ``rows`` can belong to the block."""
        ends_at_blank = self.kind in {"paragraph", "blockquote", "table"}
        return self.kind in {"heading", "hr"} or (ends_at_blank and not rows[-1].strip())


def blocks_of(text: str) -> list[Block]:
    """Return the blocks of ``text``."""
    try:
        nodes = SyntaxTreeNode(_parser().parse(safe_text(text))).children
        return [_block_of(node) for node in nodes]
    except Exception:  # noqa: BLE001 - as above
        return [Block("source", 0)]


def _block_of(node: SyntaxTreeNode) -> Block:
    start = _first_line(node)
    match node.type:
        case "bullet_list" | "ordered_list":
            number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
            return Block(node.type, start, [_first_line(item) for item in node.children], number)
        case "table":
            return Block(node.type, start, cells=table_cells(node))
        case "fence":
            return Block(node.type, start, fence=node.markup, language=node.info.strip().split(" ")[0])
        case _:
            return Block(node.type, start)


def _first_line(node: SyntaxTreeNode) -> int:
    return node.map[0] if node.map else 0


class _Blocks:
    """Renders blocks for a width."""

    def __init__(self, width: int, number: int | None = None, depth: int = 0, *, is_nested: bool = False) -> None:
        self._width = width
        self._number = number
        self._depth = depth
        self._is_nested = is_nested

    def lines(self, nodes: Sequence[SyntaxTreeNode]) -> list[Line]:
        """Return the lines of blocks, with a blank one between two blocks."""
        lines: list[Line] = []
        for place, node in enumerate(nodes):
            found = self._block(node)
            # A list belongs to the paragraph before it if the list is in an item of another.
            if lines and found and not (self._is_nested and node.type.endswith("_list") and place):
                lines.append(())
            lines += found
        return lines

    def _block(self, node: SyntaxTreeNode) -> list[Line]:
        match node.type:
            case "paragraph":
                return lines_of(inline_text(node), self._width)
            case "heading":
                return lines_of(inline_text(node, _HEADINGS.get(node.tag, _LOWER_HEADING)), self._width)
            case "fence" | "code_block":
                return self._code(node.content.removesuffix("\n"), node.info.split(" ")[0] if node.info else "")
            case "bullet_list":
                return self._items(node, None)
            case "ordered_list":
                start = int(node.attrs.get("start", 1))
                return self._items(node, start if self._number is None else self._number)
            case "blockquote":
                return [line((Style.QUIET, "▌ "), *row) for row in self._inside(2).lines(node.children)]
            case "hr":
                return lines_of(Rule(style=_QUIET), min(self._width, _WIDEST_RULE))
            case "table":
                return table_cells(node).lines(self._width)
            case _:
                return [line(row) for row in node.content.rstrip("\n").split("\n")]

    def _inside(self, indent: int) -> _Blocks:
        return _Blocks(max(self._width - indent, _NARROWEST), depth=self._depth, is_nested=True)

    def _code(self, text: str, language: str) -> list[Line]:
        if is_diff_language(language):
            return diff_lines(text.split("\n"), self._width)
        lines = highlight(text, language)
        # At the margin the terminal wraps a long line, which is still copied as one.
        rows = [row for text in lines for row in wrapped(text, self._width)] if self._is_nested else lines
        return [line_of(row) for row in rows]

    def _items(self, node: SyntaxTreeNode, number: int | None) -> list[Line]:
        lines: list[Line] = []
        for place, item in enumerate(node.children):
            mark: Span = (Style.QUIET, f"{_BULLETS[self._depth % 2]} " if number is None else f"{number + place}. ")
            children = item.children
            first = children[0] if children else None
            if first is not None and first.type == "paragraph" and first.children and (done := _take_task(first)):
                mark = (Style.GOOD, "☑ ") if done != " " else (Style.QUIET, "☐ ")
            indent = len(mark[1])
            inner = _Blocks(max(self._width - indent, _NARROWEST), depth=self._depth + 1, is_nested=True)
            rows = inner.lines(children) or [()]
            lines.append(line(mark, *rows[0]))
            lines += [line(" " * indent, *row) if row else () for row in rows[1:]]
        return lines


def _take_task(paragraph: SyntaxTreeNode) -> str:
    """Remove the box of a task from the start of its text, and return its mark."""
    inline = paragraph.children[0]
    if not inline.children or inline.children[0].type != "text" or inline.children[0].token is None:
        return ""
    token = inline.children[0].token
    found = _TASK.match(token.content)
    if not found:
        return ""
    token.content = token.content[found.end() :]
    return found[1]


def table_cells(node: SyntaxTreeNode) -> Cells:
    """Return the cells of a table."""
    head, *rows = (row.children for part in node.children for row in part.children)
    return Cells(
        [inline_text(cell) for cell in head],
        [_alignment(cell) for cell in head],
        [[inline_text(cell) for cell in row] for row in rows],
    )


def _alignment(cell: SyntaxTreeNode) -> Alignment:
    style = str(cell.attrs.get("style", ""))
    return "right" if style.endswith("right") else "center" if style.endswith("center") else "left"


def inline_text(node: SyntaxTreeNode, style: RichStyle = _PLAIN) -> WrappedText:
    """Return the text of a block; line breaks are line feeds."""
    text = WrappedText()
    for child in node.children:
        _add_inline(child, style, text)
    return text


def _add_inline(node: SyntaxTreeNode, style: RichStyle, text: WrappedText) -> None:
    match node.type:
        case "inline":
            for child in node.children:
                _add_inline(child, style, text)
        case "softbreak" | "hardbreak":
            text.append("\n")
        case "image":
            text.append(safe_text(f"{node.content} ({_titled(node, 'src')})".lstrip()), style)
        case "link" if node.info == "auto":
            text.append(safe_text("".join(child.content for child in node.children)), style)
        case "strong" | "em" | "s" | "link":
            for child in node.children:
                _add_inline(child, style + _EMPHASIS[node.type], text)
            if node.type == "link":
                text.append(" (", style).append(safe_text(_titled(node, "href")), style + _QUIET).append(")", style)
        case _:
            # The text is made safe again because parsing has decoded HTML entities.
            text.append(safe_text(node.content), style + _CODE if node.type == "code_inline" else style)


def _titled(node: SyntaxTreeNode, address: str) -> str:
    """Return the address of a link or an image, with its title if there is one."""
    title = node.attrs.get("title")
    return f"{node.attrs.get(address, '')}" + (f' "{title}"' if title else "")


@cache
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
    tokens: list[Token] = state.tokens[first:]
    columns = sum(token.type == "th_open" for token in tokens)
    last_cells = {token.map[0]: token for token in tokens if token.type == "inline" and token.map}
    for row, cell in last_cells.items():
        cells = escapedSplit(getLine(state, row).strip())
        cells = cells[1 if cells[:1] == [""] else 0 :]
        surplus = [text.strip() for text in cells[columns:] if text.strip()]
        cell.content = " | ".join([cell.content, *surplus])
    return True

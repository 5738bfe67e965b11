"""Markdown as lines for the terminal.

Code has no border or background and is not cut, so that it can be copied; HTML is shown as source; and line breaks are
kept. No text is dropped: link reference definitions and footnotes are shown as they were written, and so are link
titles and surplus table cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.rules_block.table import table as parse_table
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from aloop.sanitize import safe_text
from repl.output.diff import diff_lines, is_diff_language
from repl.output.highlight import highlight
from repl.output.styled import Line, Span, line, to_ansi
from repl.output.table import Alignment, Cell, Columns
from repl.output.theme import Look, Style, Theme
from repl.output.wrapping import wrap_spans

_URL_REST = re.compile(r"""://[^\s<>"`|\[\]()\\]*[^\s<>"`|\[\]()\\*_~]""")
_TASK = re.compile(r"\[([ xX])\] ")
_NARROWEST = 8
_WIDEST_RULE = 72

_HEADINGS: dict[str, tuple[Style, ...]] = {
    "h1": (Style.STRONG, Style.ACCENT, Style.UNDERLINED),
    "h2": (Style.STRONG, Style.ACCENT),
    "h3": (Style.STRONG,),
}
_EMPHASIS = {"strong": Style.STRONG, "em": Style.ITALIC, "s": Style.STRUCK, "link": Style.UNDERLINED}
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
    return [_without_spaces_at_end(row) for row in lines]


def _without_spaces_at_end(row: Line) -> Line:
    kept = list(row)
    while kept and kept[-1][0] is Style.PLAIN and not kept[-1][1].strip(" "):
        kept.pop()
    if kept and kept[-1][0] is Style.PLAIN:
        kept[-1] = (Style.PLAIN, kept[-1][1].rstrip(" "))
    return tuple(kept)


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
                return wrap_spans(inline_spans(node), self._width)
            case "heading":
                looks = _HEADINGS.get(node.tag, (Style.STRONG, Style.ITALIC))
                return wrap_spans([(_merged(look, looks), text) for look, text in inline_spans(node)], self._width)
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
                return [line((Style.QUIET, "─" * min(self._width, _WIDEST_RULE)))]
            case "table":
                headings, alignments, rows = table_cells(node)
                columns = Columns.fitting(headings, alignments, rows, self._width)
                return [*columns.head(), *columns.rows(rows, self._width)]
            case _:
                return [line(row) for row in node.content.rstrip("\n").split("\n")]

    def _inside(self, indent: int) -> _Blocks:
        return _Blocks(max(self._width - indent, _NARROWEST), depth=self._depth, is_nested=True)

    def _code(self, text: str, language: str) -> list[Line]:
        if is_diff_language(language):
            return diff_lines(text.split("\n"), self._width)
        lines = highlight(text, language)
        # At the margin the terminal wraps a long line, which is still copied as one.
        return [row for text in lines for row in wrap_spans(text, self._width)] if self._is_nested else lines

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
            lines += [line(mark if row == 0 else " " * indent, *spans) for row, spans in enumerate(rows)]
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


def table_cells(node: SyntaxTreeNode) -> tuple[list[Cell], list[Alignment], list[list[Cell]]]:
    """Return the headings, the alignments of columns, and the rows of a table."""
    head = node.children[0].children[0].children
    alignments: list[Alignment] = [_alignment(cell) for cell in head]
    rows: list[list[Cell]] = [
        [inline_spans(cell) for cell in row.children] for part in node.children[1:] for row in part.children
    ]
    return [inline_spans(cell) for cell in head], alignments, rows


def parse_table_block(text: str) -> tuple[list[Cell], list[Alignment], list[list[Cell]]] | None:
    """Return the same for a text that is only a table, or None if it is not."""
    nodes = SyntaxTreeNode(_parser().parse(safe_text(text))).children
    return table_cells(nodes[0]) if len(nodes) == 1 and nodes[0].type == "table" else None


def _alignment(cell: SyntaxTreeNode) -> Alignment:
    style = str(cell.attrs.get("style", ""))
    return "right" if style.endswith("right") else "center" if style.endswith("center") else "left"


def inline_spans(node: SyntaxTreeNode) -> list[Span]:
    """Return the text of a block in spans; line breaks are line feeds."""
    spans: list[Span] = []
    for child in node.children:
        _add_inline(child, (), spans)
    # The text is made safe again because parsing has decoded HTML entities.
    return [(look, safe_text(text)) for look, text in spans]


def _add_inline(node: SyntaxTreeNode, looks: tuple[Style, ...], spans: list[Span]) -> None:
    look: Look = looks[0] if len(looks) == 1 else looks or Style.PLAIN
    match node.type:
        case "inline":
            for child in node.children:
                _add_inline(child, looks, spans)
        case "softbreak" | "hardbreak":
            spans.append((look, "\n"))
        case "code_inline":
            spans.append((_merged(look, (Style.CODE,)), node.content))
        case "image":
            spans.append((look, f"{node.content} ({_titled(node, 'src')})".lstrip()))
        case "link" if node.info == "auto":
            spans.append((look, "".join(child.content for child in node.children)))
        case "strong" | "em" | "s" | "link":
            for child in node.children:
                _add_inline(child, (*looks, _EMPHASIS[node.type]), spans)
            if node.type == "link":
                spans += [(look, " ("), (_merged(look, (Style.QUIET,)), _titled(node, "href")), (look, ")")]
        case _:
            spans.append((look, node.content))


def _merged(look: Look, more: tuple[Style, ...]) -> Look:
    looks = look if isinstance(look, tuple) else () if look is Style.PLAIN else (look,)
    merged = tuple(dict.fromkeys((*more, *looks)))
    return merged[0] if len(merged) == 1 else merged


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

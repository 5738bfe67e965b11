"""The outline of a conversation, and the way from a tool result to its call."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol.types import DocumentSymbol, Location, Position, Range, SymbolKind, SymbolTag

from aloop.llm.content.parts import marked_text
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.lsp.analysis import Analysis, Place, call_nodes
from aloop.memory.conversation import is_question
from aloop.sanitize import visible

_LONGEST = 80
_KINDS = {
    "user": SymbolKind.String,
    "assistant": SymbolKind.Method,
    "tool": SymbolKind.Object,
    "system": SymbolKind.Namespace,
}


def document_symbols(analysis: Analysis) -> list[DocumentSymbol] | None:
    """Return the messages, those of a turn below its question.

    None if the text is not a session.
    """
    if analysis.session is None:
        return None
    symbols: list[DocumentSymbol] = []
    turn: list[DocumentSymbol] | None = None
    for place in analysis.places:
        symbol = _message_symbol(analysis, place)
        if is_question(place.message):
            turn = []
            symbol.children = turn
            symbols.append(symbol)
        elif turn is None:
            symbols.append(symbol)
        else:
            turn.append(symbol)
            symbols[-1].range = Range(symbols[-1].range.start, symbol.range.end)
    return symbols


def _message_symbol(analysis: Analysis, place: Place) -> DocumentSymbol:
    message = place.message
    children = None
    if len(message.tool_calls) > 1 or (message.tool_calls and message.content):
        nodes = zip(message.tool_calls, call_nodes(place), strict=False)
        children = [
            DocumentSymbol(call_title(call), SymbolKind.Function, area, area)
            for call, node in nodes
            for area in [_lines(analysis, analysis.index.line(node.start), analysis.last_line(node))]
        ]
    area = _lines(analysis, place.first_line, place.last_line)
    first = analysis.index.rest_of_line(analysis.index.line_start(place.first_line))
    return DocumentSymbol(
        message_title(message),
        _KINDS[message.role],
        area,
        first,
        detail=f"{message.role} {place.number}",
        tags=[SymbolTag.Deprecated] if message.skip else None,
        children=children,
    )


def _lines(analysis: Analysis, first: int, last: int) -> Range:
    end = analysis.index.rest_of_line(analysis.index.line_start(last)).end
    return Range(Position(first, 0), end)


def message_title(message: LLMMessage) -> str:
    """Return the first line of a message, its tool, or its calls; never empty."""
    if message.role == "tool":
        return f"{_one_line([message.name or 'tool'])}{' failed' if message.is_error else ''}"
    lines = marked_text(message.content, message.parts).splitlines()
    return _one_line(lines) or _one_line([", ".join(map(call_title, message.tool_calls))]) or "(empty)"


def call_title(call: ToolCall) -> str:
    """Return the name of a tool and its main argument on one line; never empty."""
    return _one_line([f"{call.name} {call.brief}"]) or "(no name)"


def _one_line(lines: Sequence[str]) -> str:
    line = next((" ".join(each.split()) for each in lines if each.strip()), "")
    return visible(line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…")


def definition(analysis: Analysis, position: Position, uri: str) -> Location | None:
    """Return the call of the tool result at a position, or the result of the call."""
    place = analysis.place_at(position.line)
    if place is None:
        return None
    if place.message.role == "tool":
        found = analysis.call_of(place)
    else:
        call = analysis.call_at(place, position.line)
        found = None if call is None else analysis.result_of(place, call)
    if found is None:
        return None
    start = analysis.index.position(found.node.start)
    return Location(uri, Range(start, start))

"""The facts about a message, a tool call or the session at a position."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lsprotocol.types import Hover, MarkupContent, MarkupKind, Position

from aloop.cli.sessions.output import usage_text
from aloop.errors import SHORT_ID
from aloop.export.facts import message_facts, time_text
from aloop.export.markdown import format_marks
from aloop.formatting import duration_text, quantity
from aloop.llm.cost.pricing import PriceList
from aloop.llm.message_types import LLMMessage
from aloop.lsp.analysis import Analysis, CallPlace, Place
from aloop.lsp.outline import call_title
from aloop.memory.annotations import note_of
from aloop.memory.codec.nodes import MappingNode
from aloop.memory.context import estimate
from aloop.memory.session import Session, count
from aloop.sanitize import visible

# An underscore within a word is read as it is.
_SPECIAL = re.compile(r"([\\`*{}\[\]<>#|~!&$]|\b_|_\b)")


def hover(analysis: Analysis, position: Position, prices: PriceList, kind: MarkupKind) -> Hover | None:
    """Return the facts about what is at a position, None if that is nothing."""
    if analysis.session is None:
        return None
    place = analysis.place_at(position.line)
    if place is None:
        lines = list(_session_lines(analysis.session, prices)) if _is_in_header(analysis, position.line) else []
    else:
        lines = list(_message_lines(analysis, place, position.line, prices))
    if not lines:
        return None
    return Hover(MarkupContent(kind, _markdown(lines) if kind == MarkupKind.Markdown else _plain(lines)))


def _markdown(lines: list[str]) -> str:
    """Return lines with the first in bold; nothing in them is read as Markdown."""
    first, *rest = (_SPECIAL.sub(r"\\\1", visible(" ".join(line.split()))) for line in lines)
    return "  \n".join([f"**{first}**", *rest])


def _plain(lines: list[str]) -> str:
    return "\n".join(visible(" ".join(line.split())) for line in lines)


def _is_in_header(analysis: Analysis, line: int) -> bool:
    """Return True for the lines of the header's texts, such as the title."""
    root: MappingNode | None = analysis.parsed.root if analysis.parsed else None
    if root is None:
        return False
    return any(
        analysis.index.line(root.keys[key].start) <= line <= analysis.last_line(value)
        for key, value in root.values.items()
        if key not in ("messages", "system_messages")
    )


def _session_lines(session: Session, prices: PriceList) -> Iterator[str]:
    stats = count(session, 0, prices)
    messages, calls = quantity(stats.message_count, "message"), quantity(sum(stats.tool_calls.values()), "tool call")
    yield f"Session {session.id[:SHORT_ID]}: {messages}, {calls}"
    if usage := usage_text(stats.usage):
        yield f"Tokens: {usage}"
        yield f"Cost: {stats.cost}"
    if stats.tool_ms:
        yield f"Tools ran for {duration_text(stats.tool_ms)}"
    yield f"Created {time_text(session.created_at)}, updated {time_text(session.updated_at)}"


def _message_lines(analysis: Analysis, place: Place, line: int, prices: PriceList) -> Iterator[str]:
    message = place.message
    call = analysis.call_at(place, line)
    if call is not None and call < len(message.tool_calls):
        yield f"Tool call: {call_title(message.tool_calls[call])}"
        yield from _result_lines(analysis, place, call)
    name = f"{message.role} {message.name}" if message.name else message.role
    model = f", {message.model}" if message.model else ""
    yield f"Message {place.number}: {name}{model}{format_marks(message)}"
    yield from filter(None, [", ".join(message_facts(replace(message, usage=None, cost=None)))])
    yield f"Tokens: {_tokens(message)}"
    if message.usage or message.cost is not None:
        yield f"Cost: {prices.cost_of([message])}"
    if message.role == "tool":
        yield from _call_lines(analysis, place)
    if note := note_of(message):
        yield f"Note: {note}"


def _tokens(message: LLMMessage) -> str:
    return (usage_text(message.usage) if message.usage else "") or f"about {estimate([message]):,}"


def _result_lines(analysis: Analysis, place: Place, call: int) -> Iterator[str]:
    found = analysis.result_of(place, call)
    if found is None:
        yield "It has no result."
        return
    message = found.place.message
    facts = [*(["failed"] if message.is_error else []), *message_facts(replace(message, at=None))]
    yield f"Result: {', '.join([_where(analysis, found), *facts])}"


def _call_lines(analysis: Analysis, place: Place) -> Iterator[str]:
    found = analysis.call_of(place)
    if found is None:
        yield "It does not belong to a tool call."
        return
    wanted = place.message.tool_call_id
    call = next((each for each in found.place.message.tool_calls if each.id == wanted), None)
    yield f"Call: {_where(analysis, found)}{f': {call_title(call)}' if call else ''}"


def _where(analysis: Analysis, found: CallPlace) -> str:
    return f"message {found.place.number}, line {analysis.index.line(found.node.start) + 1}"

"""Export a session as Markdown.

Questions are quoted, answers are copied, and tool calls are in code blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from aloop.export.facts import first_line, is_folded, message_facts, origin_facts, readable_arguments
from aloop.llm.content.parts import marked_text
from aloop.llm.layout import text_with_sources
from aloop.llm.message_types import LLMMessage
from aloop.memory.annotations import is_pinned, note_of, tags_of
from aloop.memory.origin import is_injected
from aloop.memory.session import Session
from aloop.sanitize import visible

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)")
_RUN_OF_TICKS = re.compile("`+")
_MARKS = {"interrupted": "interrupted", "skip": "skipped", "summary": "summary", "is_error": "failed"}
_BACKSLASHED = r"\\\1"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def to_markdown(session: Session) -> str:
    """Return ``session`` as Markdown; no message can imitate the text around it."""
    return visible("\n\n".join(_parts(session))).rstrip("\n") + "\n"


def _parts(session: Session) -> Iterator[str]:
    title = _escaped(" ".join(session.title.split()))
    yield f"# {title or 'Conversation'}"
    yield "\n".join(
        f"- {name}: {_code(value)}"
        for name, value in (
            ("session", session.id),
            ("created", f"{session.created_at:%Y-%m-%d %H:%M %z}"),
            ("updated", f"{session.updated_at:%Y-%m-%d %H:%M %z}"),
            *origin_facts(session),
            ("forked from", session.forked_from),
            ("tags", ", ".join(tags_of(session.extra))),
            ("pinned", "yes" if is_pinned(session.extra) else ""),
        )
        if value
    )
    previous = ""
    for message in (*session.system_messages, *session.messages):
        yield from _message(message, previous)
        previous = message.role


def _message(message: LLMMessage, previous: str) -> Iterator[str]:
    text = marked_text(message.content, message.parts) if message.parts else text_with_sources(message)
    text = text.replace("\r\n", "\n").strip("\n")
    if message.role == "tool":
        yield f"### Tool result: {_code(message.name or 'tool')}{_escaped(format_marks(message))}"
        yield from _facts(message)
        yield _fenced(text)
        yield from _note(message)
        return
    # In a series of calls and results, calls without text have only their own headings.
    marks = format_marks(message)
    if text or marks or not message.tool_calls or previous not in ("tool", "assistant"):
        author = "Inserted" if is_injected(message) else message.role.capitalize()
        yield f"## {author}{_escaped(marks)}"
    yield from _facts(message)
    if text and is_folded(message):
        yield f"<details><summary>{escape(first_line(text), quote=False)}</summary>"
        yield _fenced(text)  # which cannot end the fold
        yield "</details>"
    elif text:
        yield _closed(text) if message.role == "assistant" else _quoted(text)
    for call in message.tool_calls:
        yield f"### Tool call: {_code(call.name)}"
        yield _fenced(*readable_arguments(call))
    yield from _note(message)


def _facts(message: LLMMessage) -> Iterator[str]:
    facts = " · ".join(" ".join(fact.split()) for fact in message_facts(message))
    if facts:
        yield f"*{_escaped(facts)}*"


def _note(message: LLMMessage) -> Iterator[str]:
    note = " ".join(note_of(message).split())
    if note:
        yield f"**Note:** {_escaped(note)}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(_BACKSLASHED, text)


def format_marks(message: LLMMessage) -> str:
    """Return the marks of a message in parentheses after a space, or an empty text."""
    marks = [label for name, label in _MARKS.items() if getattr(message, name)]
    marks += ["pinned"] if is_pinned(message.extra) else []
    marks += [f"#{tag}" for tag in tags_of(message.extra)]
    return f" ({', '.join(marks)})" if marks else ""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _fenced(text: str, language: str = "text") -> str:
    """Return ``text`` as a code block whose fence is longer than any in it."""
    longest = max((len(run) for run in _RUN_OF_TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _code(text: str) -> str:
    """Return ``text`` as a code span on one line."""
    line = " ".join(text.split())
    ticks = "`" * (max((len(run) for run in _RUN_OF_TICKS.findall(line)), default=0) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def _closed(text: str) -> str:
    """Return ``text``, with a code block closed if it is left open."""
    opened = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if not found:
            continue
        if not opened:
            opened = found[1]
        elif found[1].startswith(opened) and not found[2].strip():
            opened = ""
    return f"{text}\n{opened}" if opened else text

"""A session as Markdown: questions as quotations, answers as they were written, tool calls in fences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session
from aloop.sanitize import visible

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)")
_RUN_OF_TICKS = re.compile("`+")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def to_markdown(session: Session) -> str:
    """Return the whole of ``session``; nothing said in it can pass for what stands around it, or swallow it."""
    return visible("\n\n".join(_parts(session))).rstrip("\n") + "\n"


def _parts(session: Session) -> Iterator[str]:
    title = _SPECIAL.sub(r"\\\1", " ".join(session.title.split()))
    yield f"# {title or 'A conversation'}"
    yield "\n".join(
        f"- {name}: {_code(value)}"
        for name, value in (
            ("session", session.id),
            ("begun", f"{session.created_at:%Y-%m-%d %H:%M}"),
            ("last change", f"{session.updated_at:%Y-%m-%d %H:%M}"),
            ("model", session.model),
            ("forked from", session.forked_from),
        )
        if value
    )
    for message in (*session.system_messages, *session.messages):
        yield from _message(message)


def _message(message: LLMMessage) -> Iterator[str]:
    text = (message.content or "").replace("\r\n", "\n").strip("\n")
    if message.role == "tool":
        yield f"### {'Failure' if message.is_error else 'Result'} of {_code(message.name or 'a tool')}{_marks(message)}"
        yield _fenced(text)
        return
    if text or not message.tool_calls:
        yield f"## {message.role.capitalize()}{_marks(message)}"
    if text:
        yield _closed(text) if message.role == "assistant" else _quoted(text)
    for call in message.tool_calls:
        yield f"### Call of {_code(call.name)}"
        yield _fenced(call.arguments, "json")


def _marks(message: LLMMessage) -> str:
    marks = [name for name in ("interrupted", "skip", "summary") if getattr(message, name)]
    return f" ({', '.join(marks)})" if marks else ""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _fenced(text: str, language: str = "text") -> str:
    """Return ``text`` in a fence that is longer than any in it."""
    longest = max((len(run) for run in _RUN_OF_TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _code(text: str) -> str:
    """Return ``text`` as a code span."""
    line = " ".join(text.split())
    ticks = "`" * (max((len(run) for run in _RUN_OF_TICKS.findall(line)), default=0) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def _closed(text: str) -> str:
    """Return ``text`` with a fence closed that it leaves open, as an answer that was cut short does."""
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

"""Messages as lines: the end of a conversation after /resume, each of them shortened."""

from __future__ import annotations

from collections.abc import Sequence

from aloop.llm.message_types import LLMMessage
from aloop.memory import Session
from commands.attachments import folded
from repl.sanitize import safe_line, safe_text
from repl.spans import Line, Tone, line

REMINDER_LINES = 6
"""Lines of each message that a reminder shows."""


def message_lines(message: LLMMessage, most: int | None = None) -> list[Line]:
    """Return a message as lines, at most ``most`` of its text (None: all of it)."""
    text = safe_text(message.content or "").strip("\n")
    if message.role == "user":
        text = safe_text(folded(message.content or "")).strip("\n")
        return _prefixed(shortened(text, most), "> ", Tone.STRONG)
    if message.role == "tool":
        first, _, more = text.partition("\n")
        tone = Tone.BAD if message.is_error else Tone.QUIET
        shown = text if most is None else first + (" …" if more else "")
        return _prefixed(shown.split("\n"), "  → ", tone)
    if message.role == "system":
        # What the model was told to be is no part of what was said: its beginning is enough.
        return _prefixed(shortened(text, 2), "system: ", Tone.QUIET)
    return [*(line(row) for row in shortened(text, most) if text), *after_answer(message)]


def after_answer(message: LLMMessage) -> list[Line]:
    """Return what follows an answer's text: whether it was cut short, and a line for each tool call."""
    lines = [line((Tone.QUIET, "(interrupted)"))] if message.interrupted else []
    calls = (
        ((Tone.ACCENT, "● "), safe_line(call.name), (Tone.QUIET, f" {safe_line(call.brief)}"))
        for call in message.tool_calls
    )
    return [*lines, *(line(*call) for call in calls)]


def conversation_head(session: Session) -> list[Line]:
    """Return what stands above a whole conversation: which one it is, and what is odd about its file."""
    head = f"{session.id} · {safe_line(session.title) or '(no title)'}"
    return [line((Tone.STRONG, head)), *(line((Tone.BAD, warning)) for warning in session.warnings)]


def reminder_lines(messages: Sequence[LLMMessage]) -> list[Line]:
    """Return the end of a conversation, each message shortened, a blank line between exchanges."""
    lines: list[Line] = []
    for message in messages:
        if message.role == "user" and lines:
            lines.append(line(""))
        lines += message_lines(message, REMINDER_LINES)
    return lines


def shortened(text: str, most: int | None) -> list[str]:
    """Return the lines of ``text``, the last of at most ``most`` telling how many more there are."""
    rows = text.split("\n")
    if most is None or len(rows) <= most:
        return rows
    return [*rows[: most - 1], f"… ({len(rows) - most + 1} more lines)"]


def _prefixed(rows: list[str], prefix: str, tone: Tone) -> list[Line]:
    indent = " " * len(prefix)
    return [line((tone, (indent if number else prefix) + row)) for number, row in enumerate(rows)]

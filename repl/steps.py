"""The steps of a turn, one line each; shared by the shell, the plain prompt and ``--task``."""

from __future__ import annotations

import math

from aloop.agent.events import Retrying, ToolFinished, ToolStarted
from aloop.tools.base import ToolResult
from repl.consent import diff_lines
from repl.sanitize import safe_line
from repl.spans import Line, Tone, line

_HEADLINE = 60
_RUNNING = 40  # beside it stands for how long, and how to stop it
_RESULT = 200
_REASON = 38  # what leaves room, on 80 columns, for how to stop it
_OUTPUT = 10
_DIFF = 40
_OVER = "\r"  # what stands before it on a line was written over


def started_text(event: ToolStarted) -> str:
    """Return what is running, as safe text."""
    return f"{safe_line(event.call.name)} {_cut(safe_line(event.headline), _RUNNING)}".rstrip()


def finished_line(event: ToolFinished) -> Line:
    """Return what ran, for how long, and the first line of what came of it; safe, and a single line."""
    headline = _cut(safe_line(event.headline), _HEADLINE)
    rows = event.result.text.strip().split("\n")
    # Of a command the end says how it went, and is in brackets.
    first = rows[-1].strip("[]") if event.result.form == "output" else rows[0]
    shown = _cut(safe_line(first), _RESULT) + (" …" if len(rows) > 1 and event.result.form == "text" else "")
    return line(
        (Tone.BAD if event.result.is_error else Tone.ACCENT, "● "),
        safe_line(event.call.name) + (f" {headline}" if headline else ""),
        (Tone.QUIET, f" … {event.seconds:.1f}s → "),
        (Tone.BAD if event.result.is_error else Tone.PLAIN, shown or "(nothing)"),
    )


def waiting_text(what: str) -> str:
    """Return as a sentence of its own what an answer waits for."""
    return f"{what[:1].upper()}{what[1:]} …"


def retrying_text(event: Retrying) -> str:
    """Return why there is a wait, for how much longer and for which try; empty once it is over."""
    if event.left <= 0:
        return ""
    reason = _cut(safe_line(str(event.error)).partition(". ")[0].rstrip("."), _REASON)
    return f"{reason}: again in {math.ceil(event.left)} s ({event.number}/{event.tries})"


def result_lines(result: ToolResult) -> list[Line]:
    """Return what of a result is worth more than one line: a change, or the end of what a command printed."""
    rows = result.text.strip("\n").split("\n")
    if result.form == "diff":
        return _beginning(diff_lines(rows[1:]))
    if result.form == "output" and len(rows) > 1:
        printed = rows[:-1]
        more = f"  … {len(printed) - _OUTPUT:,} lines before that"
        above = [line((Tone.QUIET, more))] if len(printed) > _OUTPUT else []
        return [
            *above,
            *(line((Tone.QUIET, f"  {_cut(row.rpartition(_OVER)[2], _RESULT)}")) for row in printed[-_OUTPUT:]),
        ]
    return []


def _beginning(lines: list[Line]) -> list[Line]:
    if len(lines) <= _DIFF:
        return lines
    return [*lines[: _DIFF - 1], line((Tone.QUIET, f"  … {len(lines) - _DIFF + 1:,} more lines"))]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

"""The steps of a turn, one line each; shared by the shell, the plain prompt and ``--task``."""

from __future__ import annotations

import math

from aloop.agent.events import Retrying, ToolFinished, ToolStarted
from repl.sanitize import safe_line
from repl.spans import Line, Tone, line

_HEADLINE = 60
_RESULT = 200


def started_text(event: ToolStarted) -> str:
    """Return what is running, as safe text."""
    return f"{safe_line(event.call.name)} {_cut(safe_line(event.headline), _HEADLINE)}".rstrip()


def finished_line(event: ToolFinished) -> Line:
    """Return what ran, for how long, and the first line of what came of it; safe, and a single line."""
    headline = _cut(safe_line(event.headline), _HEADLINE)
    result = event.result.text.strip()
    first, _, more = result.partition("\n")
    shown = _cut(safe_line(first), _RESULT) + (" …" if more.strip() else "")
    return line(
        (Tone.BAD if event.result.is_error else Tone.ACCENT, "● "),
        safe_line(event.call.name) + (f" {headline}" if headline else ""),
        (Tone.QUIET, f" … {event.seconds:.1f}s → "),
        (Tone.BAD if event.result.is_error else Tone.PLAIN, shown or "(nothing)"),
    )


def retrying_text(event: Retrying) -> str:
    """Return why there is a wait, for how much longer and for which try; empty once it is over."""
    if event.left <= 0:
        return ""
    reason = safe_line(str(event.error)).partition(". ")[0].rstrip(".")
    return f"{reason}: trying again in {math.ceil(event.left)} s (try {event.number} of {event.tries})"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

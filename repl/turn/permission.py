"""A question of consent on a terminal: what is shown, what may be answered, and what the answer means.

What counts as a yes.
"""

from __future__ import annotations

import re

from aloop.permissions import Kind, PermissionDecision, PermissionRequest
from aloop.sanitize import safe_line
from repl.output.styled import Line, Style, line

LEAD = "allow? "
WHOLE = "v"
"""The answer that shows all of a long detail."""

MOST_LINES = 100
"""Of a detail, shown with the question."""

_NAMES: dict[Kind, str] = {"write": "file changes", "shell": "commands", "outside": "paths outside"}
_NO = re.compile(r"(?:no|n)(?:[\s:,]+(.*))?", re.IGNORECASE | re.DOTALL)
_TONES = {"+": Style.GOOD, "-": Style.BAD, "@": Style.ACCENT, "\\": Style.QUIET}


def question_lines(request: PermissionRequest) -> list[Line]:
    """Return the question: what, and in full what it comes to; of very much only the beginning, which is said."""
    shown = detail_lines(request)
    head = line((Style.STRONG, f"● {safe_line(request.summary)}"))
    if len(shown) <= MOST_LINES:
        return [head, *shown]
    more = f"  … {len(shown) - MOST_LINES:,} more lines: v shows all of it"
    return [head, *shown[:MOST_LINES], line((Style.STRONG, more))]


def detail_lines(request: PermissionRequest) -> list[Line]:
    """Return all of a request's detail."""
    rows = request.detail.split("\n")
    if request.form == "diff":
        return diff_lines(rows)
    mark = "$ " if "shell" in request.kinds else ""
    return [
        line((Style.ACCENT, f"  {mark if number == 0 else ' ' * len(mark)}"), row) for number, row in enumerate(rows)
    ]


def diff_lines(rows: list[str]) -> list[Line]:
    """Return the lines of a unified diff, coloured by what they do; indented, so that they end where they end."""
    head, body = rows[:2], rows[2:]
    named = [line((Style.QUIET, f"  {row}")) for row in head]
    return [*named, *(line((_TONES.get(row[:1], Style.PLAIN), f"  {row}")) for row in body)]


def choices(request: PermissionRequest) -> str:
    """Return what may be answered, for the line below."""
    return f"y yes · a yes to all {_kinds(request)} of this session · n no, or n and the reason"


def decide(answer: str) -> PermissionDecision | None:
    """Return what ``answer`` says; None when that is not clear, for then it says nothing."""
    words = answer.strip()
    if words.lower() in {"y", "yes"}:
        return PermissionDecision("once")
    if words.lower() in {"a", "always"}:
        return PermissionDecision("session")
    if found := _NO.fullmatch(words):
        return PermissionDecision("no", (found[1] or "").strip())
    return None


def decision_line(request: PermissionRequest, decision: PermissionDecision) -> Line:
    """Return what was decided, as it stays in the scrollback."""
    match decision.answer:
        case "once":
            return line((Style.GOOD, "  allowed"))
        case "session":
            return line((Style.GOOD, f"  allowed, with all {_kinds(request)} of this session"))
        case "no":
            return line((Style.BAD, "  refused"), f": {safe_line(decision.reason)}" if decision.reason else "")


def _kinds(request: PermissionRequest) -> str:
    return " and ".join(_NAMES[kind] for kind in request.kinds)


def is_yes(answer: str) -> bool:
    """Whether ``answer`` is a clear yes; everything else is a no."""
    return answer.strip().lower() in {"y", "yes"}

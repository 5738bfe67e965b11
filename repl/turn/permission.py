"""The question whether a tool may run, and the possible answers."""

from __future__ import annotations

import re

from aloop.permissions import Kind, PermissionDecision, PermissionRequest
from aloop.sanitize import safe_line
from repl.output.styled import Line, Style, line

PERMISSION_PROMPT = "allow? "
SHOW_ALL = "v"
"""The answer that shows all of a long request."""

MOST_LINES = 100
"""Lines of a request that are shown with the question."""

_NAMES: dict[Kind, str] = {"write": "file changes", "shell": "commands", "outside": "outside paths"}
_NO = re.compile(r"(?:no|n)(?:[\s:,]+(.*))?", re.IGNORECASE | re.DOTALL)
_DIFF_STYLES = {"+": Style.GOOD, "-": Style.BAD, "@": Style.ACCENT, "\\": Style.QUIET}


def question_lines(request: PermissionRequest) -> list[Line]:
    """Return the question with the details of the request, at most MOST_LINES lines."""
    shown = detail_lines(request)
    head = line((Style.STRONG, f"● {safe_line(request.summary)}"))
    if len(shown) <= MOST_LINES:
        return [head, *shown]
    more = f"  … {len(shown) - MOST_LINES:,} more lines; {SHOW_ALL} shows all of them"
    return [head, *shown[:MOST_LINES], line((Style.STRONG, more))]


def detail_lines(request: PermissionRequest) -> list[Line]:
    """Return all details of a request."""
    rows = request.detail.split("\n")
    if request.form == "diff":
        return diff_lines(rows)
    mark = "$ " if "shell" in request.kinds else ""
    return [
        line((Style.ACCENT, f"  {mark if number == 0 else ' ' * len(mark)}"), row) for number, row in enumerate(rows)
    ]


def diff_lines(rows: list[str]) -> list[Line]:
    """Return the lines of a unified diff, indented so that its end is visible."""
    head, body = rows[:2], rows[2:]
    named = [line((Style.QUIET, f"  {row}")) for row in head]
    return [*named, *(line((_DIFF_STYLES.get(row[:1], Style.PLAIN), f"  {row}")) for row in body)]


def choices(request: PermissionRequest) -> str:
    """Return the possible answers, for the line below the prompt."""
    return f"y yes · a yes to all {_kinds(request)} in this session · n no, or n and a reason"


def decide(answer: str) -> PermissionDecision | None:
    """Return the decision in ``answer``, or None if it is unclear."""
    words = answer.strip()
    if words.lower() in {"y", "yes"}:
        return PermissionDecision("once")
    if words.lower() in {"a", "always"}:
        return PermissionDecision("session")
    if found := _NO.fullmatch(words):
        return PermissionDecision("no", (found[1] or "").strip())
    return None


def decision_line(request: PermissionRequest, decision: PermissionDecision) -> Line:
    """Return the decision as it stays in the scrollback."""
    match decision.answer:
        case "once":
            return line((Style.GOOD, "  allowed"))
        case "session":
            return line((Style.GOOD, f"  allowed for all {_kinds(request)} in this session"))
        case "no":
            return line((Style.BAD, "  denied"), f": {safe_line(decision.reason)}" if decision.reason else "")


def is_yes(answer: str) -> bool:
    """Return True if ``answer`` is a clear yes; anything else counts as no."""
    return answer.strip().lower() in {"y", "yes"}


def _kinds(request: PermissionRequest) -> str:
    return " and ".join(_NAMES[kind] for kind in request.kinds)

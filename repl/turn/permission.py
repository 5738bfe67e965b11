"""The question whether a tool may run, and the possible answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby

from aloop.permissions import Kind, PermissionDecision, PermissionRequest
from aloop.sanitize import exact_line, safe_line
from repl.output.styled import Line, line
from repl.output.theme import Style

PERMISSION_PROMPT = "allow? "
SHOW_ALL = "v"
"""The answer that shows all of a long request."""

MOST_LINES = 100
"""Lines of a request that are shown with the question."""

_LAST_LINES = 40  # of MOST_LINES
_LONGEST_ROW = 4_000  # characters of a line that are shown with the question
_MOST_BLANK_ROWS = 5
_BLANK_ROWS = frozenset({"", " ", "+", "-"})

_NAMES: dict[Kind, str] = {"write": "file changes", "shell": "commands", "outside": "outside paths"}
_NO = re.compile(r"(?:no|n)(?:[\s:,]+(.*))?", re.IGNORECASE | re.DOTALL)
_DIFF_STYLES = {"+": Style.GOOD, "-": Style.BAD, "@": Style.ACCENT, "\\": Style.QUIET}


def question_lines(request: PermissionRequest) -> list[Line]:
    """Return the question with the details of the request.

    Of more than MOST_LINES lines, and of very long lines, the middle is left out with a note, never the end.
    """
    head = line((Style.STRONG, f"● {exact_line(request.summary)}"))
    rows = _folded(request.detail)
    left_out = len(rows) - MOST_LINES
    if left_out <= 0:
        return [head, *_styled(request, rows, _without_middle)]
    # Only the rows that are shown are prepared: a diff can have a million.
    last = len(rows) - _LAST_LINES
    shown = _styled(request, [*rows[: MOST_LINES - _LAST_LINES], *rows[last:]], _without_middle)
    more = f"  … {left_out:,} more lines here; {SHOW_ALL} shows all of them"
    return [head, *shown[:-_LAST_LINES], line((Style.STRONG, more)), *shown[-_LAST_LINES:]]


def detail_lines(request: PermissionRequest) -> list[Line]:
    """Return all details of a request, with every character visible."""
    return _styled(request, _folded(request.detail))


def _styled(request: PermissionRequest, rows: list[str], shorten: Callable[[str], str] = str) -> list[Line]:
    if request.form == "diff":
        # The first character marks the kind of a line, so it does not count as a blank at its end.
        return diff_lines([row[:1] + shorten(exact_line(row[1:])) for row in rows])
    mark = "$ " if "shell" in request.kinds else ""
    return [
        line((Style.ACCENT, f"  {mark if number == 0 else ' ' * len(mark)}"), shorten(exact_line(row)))
        for number, row in enumerate(rows)
    ]


def diff_lines(rows: list[str]) -> list[Line]:
    """Return the lines of a unified diff, indented so that its end is visible."""
    head, body = rows[:2], rows[2:]
    named = [line((Style.QUIET, f"  {row}")) for row in head]
    return [*named, *(line((_DIFF_STYLES.get(row[:1], Style.PLAIN), f"  {row}")) for row in body)]


def _folded(detail: str) -> list[str]:
    """Return the rows, with the number of blank ones in place of a long run of them.

    A row is blank if it is empty or has only the mark of a diff.
    """
    rows: list[str] = []
    for row, run in groupby(detail.split("\n")):
        count = sum(1 for _ in run)
        is_long = count > _MOST_BLANK_ROWS and row in _BLANK_ROWS
        rows += [f"{row}<{count:,} blank lines>"] if is_long else [row] * count
    return rows


def _without_middle(text: str) -> str:
    if len(text) <= _LONGEST_ROW:
        return text
    half = _LONGEST_ROW // 2
    return f"{text[:half]}<{len(text) - 2 * half:,} more characters here; {SHOW_ALL} shows all of them>{text[-half:]}"


def permission_title(request: PermissionRequest) -> str:
    """Return the question above the choices."""
    if "shell" in request.kinds:
        what = "Run this command"
    elif "write" in request.kinds:
        what = "Make this change"
    else:
        what = "Allow this"
    return f"{what}{' outside the working directory' if 'outside' in request.kinds else ''}?"


def permission_choices(request: PermissionRequest) -> list[tuple[str, str]]:
    """Return the keys that answer, and what they mean; the last one has no label."""
    return [
        ("y", "Yes"),
        ("a", f"Yes, and to all {_kinds(request)} in this session"),
        ("n", "No, because …"),
        (SHOW_ALL, ""),
    ]


def decide_by_key(key: str, reason: str = "") -> PermissionDecision:
    """Return the decision of a key; a ``reason`` may begin with the rest of "no"."""
    if key == "n":
        found = _NO.fullmatch(f"n{reason}") if reason.lower().startswith("o") else None
        return PermissionDecision("no", ((found[1] or "") if found else reason).strip())
    return PermissionDecision("once" if key == "y" else "session")


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

"""The question whether a tool may run, and the possible answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby, pairwise

from aloop.permissions import Kind, PermissionDecision, PermissionRequest
from aloop.sanitize import exact_line
from aloop.width import row_ends
from repl.output.styled import Line, line
from repl.output.theme import Style
from repl.turn.lines import VERBS

PERMISSION_PROMPT = "allow? "
SHOW_ALL = "v"
"""The answer that shows all of a long request."""

_RULE = "d"
"""The answer that accepts the rules that are offered."""

MOST_LINES = 100
"""Lines of a request that are shown with the question."""

_LAST_LINES = 40  # of MOST_LINES
_LONGEST_ROW = 4_000  # characters of a line that are shown with the question
_MOST_BLANK_ROWS = 5
_BLANK_ROWS = frozenset({"", " ", "+", "-"})

_NAMES: dict[Kind, str] = {"write": "file changes", "shell": "commands", "outside": "outside paths"}
_NO = re.compile(r"(?:no|n)(?:[\s:,]+(.*))?", re.IGNORECASE | re.DOTALL)


def question_lines(request: PermissionRequest, width: int | None = None, mark: str = "● ") -> list[Line]:
    """Return the question, after ``mark``, with the details of the request.

    Of more than MOST_LINES lines, and of very long lines, the middle is left out with a note, never the end. The rows
    have ``width`` cells at most if that is not None.
    """
    head = _head(request, width, mark)
    rows = _folded(request.detail)
    left_out = len(rows) - MOST_LINES
    if left_out <= 0:
        return [*head, *_detail(request, [rows], width, _without_middle)]
    # Only the rows that are shown are prepared: a diff can have a million.
    first, last = MOST_LINES - _LAST_LINES, len(rows) - _LAST_LINES
    note = line((Style.STRONG, f"  … {left_out:,} more lines here; {SHOW_ALL} shows all of them"))
    return [*head, *_detail(request, [rows[:first], rows[first:last], rows[last:]], width, _without_middle, note)]


def is_cut(request: PermissionRequest) -> bool:
    """Return True if ``question_lines`` leaves a part of the request out."""
    rows = _folded(request.detail)
    return len(rows) > MOST_LINES or any(len(exact_line(row)) > _LONGEST_ROW for row, _ in rows)


def _head(request: PermissionRequest, width: int | None, mark: str) -> list[Line]:
    """Return the action and its object, which is exact."""
    name, space, rest = request.summary.partition(" ")
    name = exact_line(VERBS.get(name, name))
    text = exact_line(f"{name}{space}{rest}")
    first, *others = [text] if width is None else _exact_rows(text, width - len(mark))
    # The command below, or the diff, matters more than where it runs.
    tone = Style.QUIET if "shell" in request.kinds else Style.PLAIN
    head = line((Style.ACCENT, mark), (Style.STRONG, first[: len(name)]), (tone, first[len(name) :]))
    return [head, *(line((tone, f"{' ' * len(mark)}{row}")) for row in others)]


def detail_lines(request: PermissionRequest, width: int | None = None) -> list[Line]:
    """Return all details of a request, with every character visible."""
    return _detail(request, [_folded(request.detail)], width, is_whole=True)


def _names_the_file(request: PermissionRequest) -> bool:
    """Return True if the action names the file as the head of its diff does."""
    named = request.summary.partition(" ")[2].rpartition(" (")[0]
    return f"+++ {named}" in request.detail.split("\n", 2)[:2]


_Rows = list[tuple[str, int]]
"""Rows with how often each is repeated."""


def _detail(
    request: PermissionRequest,
    parts: list[_Rows],
    width: int | None,
    shorten: Callable[[str], str] = str,
    note: Line = (),
    *,
    is_whole: bool = False,
) -> list[Line]:
    """Return the lines of the first and last part, and ``note`` between them."""
    if request.form == "diff":
        # Above the question is the path as the model wrote it: a link can lead to another one.
        has_titles = is_whole or not _names_the_file(request)
        return _diff(parts, width, shorten, note, has_titles=has_titles)
    is_command = "shell" in request.kinds
    first, *others = [
        [shorten(_counted(exact_line(row), count)) for row, count in part] for part in (parts[0], *parts[2:])
    ]
    lines = _marked_rows(first, "$ " if is_command else "", width, is_first=True)
    for part in others:
        lines += [note, *_marked_rows(part, "$ " if is_command else "", width, is_first=False)]
    return lines


def _marked_rows(texts: list[str], mark: str, width: int | None, *, is_first: bool) -> list[Line]:
    """Return ``texts`` below each other, the first after ``mark``.

    If rows are wrapped, the others have the mark of a shell for the lines that continue a command, so that they differ
    from the rest of a long line.
    """
    blank = " " * len(mark)
    more = blank if width is None or not mark else "> "
    lines: list[Line] = []
    for place, text in enumerate(texts):
        lead = more if place or not is_first else mark
        rows = [text] if width is None else _exact_rows(text, width - 2 - len(mark))
        lines += [line((Style.ACCENT, f"  {blank if number else lead}"), row) for number, row in enumerate(rows)]
    return lines


def _exact_rows(text: str, width: int) -> list[str]:
    """Return ``text`` in rows of at most ``width`` cells, broken between words."""
    *ends, last = row_ends(text, max(width, 1))
    # A run of blanks that could hide something is shown as its number.
    return [*(text[start:end].rstrip(" ") for start, end in pairwise((0, *ends))), text[ends[-1] if ends else 0 : last]]


def _diff(
    parts: list[_Rows], width: int | None, shorten: Callable[[str], str], note: Line, *, has_titles: bool
) -> list[Line]:
    # Imported here: it takes as long as the rest of the shell, which --plain need not wait for.
    from repl.output.diff import DiffLines

    diff = DiffLines(width, lambda text: shorten(exact_line(text)), has_titles=has_titles)
    lines: list[Line] = []
    for number, part in enumerate(parts):
        if number == 1:
            lines += [*diff.skip([row for row, count in part for _ in range(count)]), note]
            continue
        for row, count in part:
            lines += diff.add([_counted(row, count)])
            if count > 1:
                lines += diff.skip([row] * (count - 1))
    return [*lines, *diff.finish()]


def _folded(detail: str) -> _Rows:
    """Return the rows, with a long run of blank ones as one row.

    A row is blank if it is empty or has only the mark of a diff.
    """
    rows: _Rows = []
    for row, run in groupby(detail.split("\n")):
        count = sum(1 for _ in run)
        is_long = count > _MOST_BLANK_ROWS and row in _BLANK_ROWS
        rows += [(row, count)] if is_long else [(row, 1)] * count
    return rows


def _counted(row: str, count: int) -> str:
    return f"{row}<{count:,} blank lines>" if count > 1 else row


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
        return "Allow this?"  # the row above names the place
    place = "sandbox" if request.is_unsandboxed else "working directory"
    return f"{what}{f' outside the {place}' if 'outside' in request.kinds else ''}?"


def permission_choices(request: PermissionRequest) -> list[tuple[str, str]]:
    """Return the keys that answer, and what they mean; the last one has no label."""
    offer = [(_RULE, f"Yes, and don't ask again for {_offered(request)} here")] if request.offer else []
    return [
        ("y", "Yes"),
        *offer,
        *([("a", f"Yes, and to all {_kinds(request)} in this session")] if _can_grant(request) else []),
        ("n", "No, because …"),
        (SHOW_ALL, ""),
    ]


def short_labels(request: PermissionRequest) -> dict[str, str]:
    """Return shorter meanings of keys in ``permission_choices``."""
    return {_RULE: f"Yes, always for {_offered(request)} here", "a": f"Yes, {_kinds(request)} this session"}


def decide_by_key(key: str, reason: str = "") -> PermissionDecision:
    """Return the decision of a key; a ``reason`` may begin with the rest of "no"."""
    if key == "n":
        found = _NO.fullmatch(f"n{reason}") if reason.lower().startswith("o") else None
        return PermissionDecision("no", ((found[1] or "") if found else reason).strip())
    return PermissionDecision("once" if key == "y" else "rule" if key == _RULE else "session")


def choices(request: PermissionRequest) -> str:
    """Return the possible answers, for the line below the prompt."""
    offer = f" · {_RULE} yes, and don't ask again for {_offered(request)} here" if request.offer else ""
    always = f" · a yes to all {_kinds(request)} in this session" if _can_grant(request) else ""
    return f"y yes{offer}{always} · n no, or n and a reason"


def decide(answer: str, request: PermissionRequest) -> PermissionDecision | None:
    """Return the decision in ``answer``, or None if it is unclear."""
    words = answer.strip()
    if words.lower() in {"y", "yes"}:
        return PermissionDecision("once")
    if _can_grant(request) and words.lower() in {"a", "always"}:
        return PermissionDecision("session")
    if request.offer and words.lower() == _RULE:
        return PermissionDecision("rule")
    if found := _NO.fullmatch(words):
        return PermissionDecision("no", (found[1] or "").strip())
    return None


def decision_lines(request: PermissionRequest, decision: PermissionDecision) -> list[Line]:
    """Return what a decision allows later, as it stays in the scrollback.

    The row of the call shows if it was allowed, or denied and why.
    """
    match decision.answer:
        case "session":
            return [line((Style.GOOD, f"  allowed for all {_kinds(request)} in this session"))]
        case "rule":
            return [line((Style.GOOD, f"  allowed, now and later: {_offered(request)}"))]
    return []


def is_yes(answer: str) -> bool:
    """Return True if ``answer`` is a clear yes; anything else counts as no."""
    return answer.strip().lower() in {"y", "yes"}


def _offered(request: PermissionRequest) -> str:
    place = " outside the sandbox" if request.is_unsandboxed else ""
    return " and ".join(exact_line(f"`{each}`") for each in request.offer) + place


def _can_grant(request: PermissionRequest) -> bool:
    """Return True if a yes can be for all requests of these kinds."""
    return bool(request.kinds) and not request.is_unsandboxed


def _kinds(request: PermissionRequest) -> str:
    return " and ".join(_NAMES[kind] for kind in request.kinds)

"""The result of a tool call in a few words, for the row of the call."""

from __future__ import annotations

import re

from aloop.llm.content.provenance import Permission
from aloop.memory.context import UNANSWERED
from aloop.sanitize import safe_line, safe_text
from aloop.tools.base import ToolResult

DIFF_LINES = 40
"""The lines of a diff that are shown below its call."""

STOPPED = "stopped"
"""The summary of a call that was stopped, which has no result."""

OUTPUT_LINES = 5
"""The last lines of an output that are shown below its call."""

_LONGEST = 200  # characters

_CHANGED = re.compile(r"Changed .*: ([\d,]+) lines? added, ([\d,]+) removed\.")
_CREATED = re.compile(r"Created .* \(([\d,]+ lines?)\)\.")
_STARTED = re.compile(r"\[(job \d+): running")
# Notes below the lines of a result.
_NOTE = re.compile(r"\[(?:Showing|Skipped|Left out|Stopped after|The search timed out|Lines|Bytes) .*\]")
_CUT = re.compile(r"\[(?:Showing|Stopped after|The search timed out|Lines [\d,]+ to)")
_COUNTED = {"read_file": ("line", "lines"), "list_files": ("name", "names"), "search_files": ("match", "matches")}


def summary(name: str, result: ToolResult, *, in_words: bool = False) -> str:
    """Return what a call did, or nothing if the start of its result shows that.

    ``name`` is that of the tool. ``in_words`` writes out the counts of a change.
    """
    first, _, rest = result.text.strip().partition("\n")
    if result.is_error:
        return STOPPED if first == UNANSWERED else ""
    if (name in _COUNTED and rest) or name == "read_file":
        return _count(name, result.text)
    if found := _CHANGED.fullmatch(first):
        added, removed = found.groups()
        return f"{added} added, {removed} removed" if in_words else f"+{added} −{removed}"
    if found := _CREATED.fullmatch(first):
        return f"new, {found[1]}"
    found = _STARTED.match(result.text.rpartition("\n")[2])
    return f"{found[1]}, in the background" if found and name == "run_shell" else ""


def _count(name: str, text: str) -> str:
    """Return the number of lines, names or matches, with ``+`` if there are more."""
    rows = text.strip("\n").split("\n")
    is_cut = False
    while rows and _NOTE.fullmatch(rows[-1]):
        is_cut = is_cut or _CUT.match(rows.pop()) is not None
    if name == "read_file" and not all("\t" in row for row in rows[:1]):
        return ""  # an image, a document or an empty file
    one, many = _COUNTED[name]
    return f"{len(rows):,}{'+' if is_cut else ''} {one if len(rows) == 1 and not is_cut else many}" if rows else ""


def first_row(result: ToolResult) -> str:
    """Return the fact of a result, or its first row, as safe text."""
    rows = result.text.strip().split("\n")
    row = result.fact or (rows[-1].strip("[]") if result.form == "output" else rows[0])
    refusal = _refusal(result)
    if refusal and refusal.by == "user":
        row = f"denied: {refusal.reason}" if refusal.reason else "denied"
    elif result.is_error:
        row = row.removesuffix(".")
    row = safe_line(row)
    return (row if len(row) <= _LONGEST else f"{row[: _LONGEST - 1]}…") or "(no output)"


def leaves_out(name: str, result: ToolResult) -> bool:
    """Return True if what is shown when a call ends is only a part of its result."""
    if count_hidden(name, result):
        return True
    if result.form != "text" or summary(name, result) or _refusal(result):
        return False
    is_advised = bool(result.fact) and result.fact != result.text
    return is_advised or len(safe_line(result.text.strip())) > _LONGEST


def _refusal(result: ToolResult) -> Permission | None:
    """Return the decision about the call if it was not allowed."""
    decision = result.permission
    return decision if decision and decision.answer == "refused" else None


def output_tail(result: ToolResult) -> list[str]:
    """Return the last rows of an output, which are shown below its call, as safe text."""
    if result.form != "output":
        return []
    rows = result.text.strip("\n").split("\n")[:-1]
    # Progress bars overwrite their line.
    shown = [safe_text(row.rpartition("\r")[2]) for row in rows[-OUTPUT_LINES:]]
    first = next((place for place, row in enumerate(shown) if row.strip()), len(shown))
    return shown[first:]


def count_hidden(name: str, result: ToolResult) -> int:
    """Return the number of lines of a result that are not shown when its call ends."""
    count = result.text.strip("\n").count("\n")  # without the first line, or that of the exit code
    if result.form == "output":
        return count - len(output_tail(result))
    if result.form == "diff":
        return max(0, count - DIFF_LINES)
    if result.fact or _refusal(result):
        return 0  # the rest advises the model
    return count + 1 if name in _COUNTED and summary(name, result) else count

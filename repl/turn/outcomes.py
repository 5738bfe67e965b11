"""The result of a tool call in a few words, for the row of the call."""

from __future__ import annotations

import re

from aloop.memory.context import UNANSWERED
from aloop.sanitize import safe_line, safe_text
from aloop.tools.approval import DENIED, FORBIDDEN, PLANNING
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
# A sentence, up to the end of its text or the mark before the next one, which starts with a capital letter or a
# quotation: a mark in a path or after "e.g" is not its end. Quotations are taken whole.
_SENTENCE = re.compile(
    r"""(?>(?:(?<!\w)'(?>(?:[^'\\]|\\.)*)'|(?<!\w)"(?>(?:[^"\\]|\\.)*)"|(?<!\w)`[^`]*+`|[^.!?]|[.!?](?!\s+[A-Z'"`(\[]))*)"""
)
_LONGEST_FACT = 2_000  # characters, before it is cut for the row
_REFUSALS = {DENIED: "denied", FORBIDDEN: "refused by a rule", PLANNING: "refused in plan mode"}
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
    """Return the first row of a result, or its exit code, as safe text.

    Of an error, it is only the first sentence: the fact. The other ones advise the model.
    """
    rows = result.text.strip().split("\n")
    # The result of a command ends with its exit code in brackets.
    row = rows[-1].strip("[]") if result.form == "output" else rows[0]
    if refusal := _refusal_in(result):
        row = f"{_REFUSALS[refusal]}{row.removeprefix(refusal).rstrip('.')}"
    elif _has_advice(result):
        row = _fact(row)
    row = safe_line(row)
    return (row if len(row) <= _LONGEST else f"{row[: _LONGEST - 1]}…") or "(no output)"


def _has_advice(result: ToolResult) -> bool:
    """Return True for an error in words, which may end with advice for the model."""
    return result.is_error and result.form == "text"


def _fact(row: str) -> str:
    found = _SENTENCE.match(row[:_LONGEST_FACT])
    return found[0].removesuffix(".") if found else row


def leaves_out(name: str, result: ToolResult) -> bool:
    """Return True if what is shown when a call ends is only a part of its result."""
    if count_hidden(name, result):
        return True
    if result.form != "text" or summary(name, result) or _refusal_in(result):
        return False
    whole = safe_line(result.text.strip())
    return len(whole) > _LONGEST or (_has_advice(result) and _fact(whole) != whole.removesuffix("."))


def _refusal_in(result: ToolResult) -> str:
    """Return the start of the result if the call was not allowed, else nothing."""
    return next((start for start in _REFUSALS if result.is_error and result.text.startswith(start)), "")


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
    if _refusal_in(result):
        return 0  # the rest is for the model
    return count + 1 if name in _COUNTED and summary(name, result) else count

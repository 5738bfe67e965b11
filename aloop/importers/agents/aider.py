"""aider: a Markdown file with all sessions of a project, without tool calls."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from aloop.importers.draft import Builder, Imported
from aloop.importers.source import Source

TOOL = "aider"
_START = re.compile(r"^# aider chat started at (.+)$", re.MULTILINE)
START = b"# aider chat started at "
_MODEL = re.compile(r"^(?:Main )?[Mm]odels?: (\S+)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_BREAK = "  "
"""The line break at the end of each line of the user and each output of the program, but not in answers."""


def read(source: Source) -> Iterator[Imported]:
    """Yield each session."""
    whole = source.text().replace("\r\n", "\n")
    starts = list(_START.finditer(whole))
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        body = whole[start.end() : following.start() if following else len(whole)]
        if (imported := _build(start[1].strip(), body.split("\n"), source.path)).messages:
            yield imported


def _build(started: str, lines: Sequence[str], path: Path | None) -> Imported:
    first = next((line for line in lines if line.startswith("#### ")), "")
    digest = hashlib.sha256(f"{started}\n{first}".encode("utf-8", "replace")).hexdigest()[:32]
    builder = Builder(TOOL, digest, path)
    imported = builder.imported
    try:
        imported.created_at = datetime.fromisoformat(started).astimezone()
    except ValueError:
        imported.created_at = None
    imported.cwd = str(path.absolute().parent) if path and path.name.startswith(".aider") else ""
    model: str | None = None
    kind, block, fence = "", list[str](), ""
    has_breaks = first.endswith(_BREAK)
    for line in [*lines, ""]:
        now = _kind(line, kind, in_fence=bool(fence), has_breaks=has_breaks)
        fence = _fence_after(line, fence) if now == "answer" else ""
        if now != kind and (line.strip() or kind == "user") and block:
            _add(builder, kind, block, model)
            block = []
        if now == "program" and (found := _MODEL.match(line[1:].strip())):
            model = found[1]
        kind = now if line.strip() or now != "answer" else kind
        block.append(line)
    _add(builder, kind, block, model)
    return builder.build()


def _kind(line: str, before: str, *, in_fence: bool, has_breaks: bool) -> str:
    """Return the source of a line: the user, the program, or an answer.

    Each is found as aider itself finds it. An answer may hold such lines, too. If the lines of the user end with a line
    break, ``####`` without one is a heading of an answer, and ``>`` without one in a block of code is code.
    """
    is_answer = before == "answer" and has_breaks and not line.endswith(_BREAK)
    if line.startswith("#### ") or (line == "####" and before == "user"):
        return "answer" if is_answer else "user"
    if line.startswith("> ") or (line == ">" and before == "program"):
        return "answer" if is_answer and in_fence else "program"
    return "answer"


def _fence_after(line: str, fence: str) -> str:
    """Return the fence of the code that is open after a line, or an empty string."""
    if not (found := _FENCE.fullmatch(line)):
        return fence
    if not fence:
        return found[1]
    return "" if found[1].startswith(fence) and not found[2].strip() else fence


def _add(builder: Builder, kind: str, block: Sequence[str], model: str | None) -> None:
    prefix = {"user": "####", "program": ">"}.get(kind, "")
    lines = [line.removeprefix(prefix).removeprefix(" ") if prefix else line for line in block]
    words = "\n".join(line.rstrip() if kind != "answer" else line for line in lines).strip("\n")
    if not words.strip():
        return
    if kind == "user":
        builder.user(words)
    elif kind == "program":
        builder.user(words, skip=True, foreign={"type": "output of the program"})
    else:
        builder.answer(model=model).add_text(words)

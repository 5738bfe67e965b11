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


def read(source: Source) -> Iterator[Imported]:
    """Yield each session."""
    whole = source.text()
    starts = list(_START.finditer(whole))
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        body = whole[start.end() : following.start() if following else len(whole)]
        if (imported := _build(start[1].strip(), body.splitlines(), source.path)).messages:
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
    kind, block = "", list[str]()
    for line in [*lines, ""]:
        now = "user" if line.startswith("####") else "program" if line.startswith(">") else "answer"
        if now != kind and (line.strip() or kind == "user") and block:
            _add(builder, kind, block, model)
            block = []
        if now == "program" and (found := _MODEL.match(line[1:].strip())):
            model = found[1]
        kind = now if line.strip() or now != "answer" else kind
        block.append(line)
    _add(builder, kind, block, model)
    return builder.build()


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

"""The tool that looks for text in files: ``search_files``."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from aloop.tools.base import ToolResult
from aloop.tools.globs import Glob
from aloop.tools.looking import LookingTool
from aloop.tools.matching import MOST_MATCHES, Matches, find_matches
from aloop.tools.threads import in_thread
from aloop.tools.walk import Walk
from aloop.tools.workspace import Workspace

SECONDS = 10.0
"""How long the matching may take; what was found until then is the answer."""


class SearchFiles(LookingTool):
    """Shows the lines that match, as ``path:line: text``."""

    name = "search_files"
    description = (
        "Search the text files in the working directory, line by line, for a regular expression of Python's `re` or "
        "for literal text. Binary files, very large ones, links, hidden names and folders such as node_modules are "
        "left out."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "minLength": 1, "maxLength": 1_000},
            "literal": {"type": "boolean", "description": "Take the pattern as plain text."},
            "ignore_case": {"type": "boolean"},
            "path": {"type": "string", "description": "A folder or one file; the working directory when left out."},
            "glob": {"type": "string", "description": "Only files such as `*.py` (at any depth) or `docs/**/*.md`."},
            "hidden": {"type": "boolean", "description": "Look into names that begin with a dot, too."},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    }
    headline = "pattern"

    def __init__(self, workspace: Workspace, *, seconds: float = SECONDS) -> None:
        super().__init__(workspace)
        self._seconds = seconds

    async def look(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        shown = arguments.get("path", ".")
        pattern = arguments.get("glob", "*")
        glob = Glob(pattern if "/" in pattern else f"**/{pattern}", hidden=arguments.get("hidden", False))
        files, notes = await in_thread(lambda stop: _candidates(workspace.resolve(shown), glob, stop))
        matches = await find_matches(
            re.escape(arguments["pattern"]) if arguments.get("literal") else arguments["pattern"],
            files,
            ignore_case=arguments.get("ignore_case", False),
            seconds=self._seconds,
        )
        return ToolResult("\n".join([*_lines(matches, files, workspace), *notes, *_notes(matches, len(files))]))


def _lines(matches: Matches, files: list[Path], workspace: Workspace) -> list[str]:
    return [f"{workspace.show(files[index])}:{line}: {text}" for index, line, text in matches.lines]


def _candidates(start: Path, glob: Glob, stop: threading.Event) -> tuple[list[Path], list[str]]:
    """Return the files to look into, and what there is to say about the way to them."""
    if not start.is_dir():
        return [start], []
    walk = Walk(start, glob, stop)
    files = [entry.path for entry in walk if entry.kind == "file"]
    return files, walk.notes()


def _notes(matches: Matches, count: int) -> list[str]:
    notes = []
    if not matches.lines and not matches.is_late:
        notes.append(f"No match in {count:,} {'file' if count == 1 else 'files'}.")
    if matches.is_late:
        notes.append("[Stopped for lack of time: there may be more. A simpler pattern or a narrower path is faster.]")
    if matches.more:
        notes.append(f"[The first {MOST_MATCHES:,} matches: there are more. A narrower pattern or path shows them.]")
    if matches.skipped:
        notes.append(f"[Left out, as binary, too large or not readable: {matches.skipped:,}.]")
    return notes

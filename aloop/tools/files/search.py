"""The tool that looks for text in files: ``search_files``.

The parent's side of a search: it starts the matcher, listens to it, and kills it when time or patience is over.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.tools.base import ToolResult, in_thread
from aloop.tools.files.glob import Glob, Walk
from aloop.tools.files.read import ReadOnlyFileTool
from aloop.tools.files.workspace import Workspace

MOST_MATCHES = 200
MOST_BYTES = 4_000_000
LONGEST_LINE = 300

_MATCHER = Path(__file__).with_name("search_worker.py")
_MARGIN = 5  # seconds after which a matcher whose parent is gone ends itself, on top of its time
_PIPE_LIMIT = 1 << 20  # far above the longest line that the matcher writes


@dataclass(slots=True)
class Matches:
    """What was found, as (index of the file, line number, text); ``is_late`` when the time was over before the end."""

    lines: list[tuple[int, int, str]] = field(default_factory=list)
    skipped: int = 0
    more: bool = False
    timed_out: bool = False


async def find_matches(pattern: str, files: Sequence[Path], *, ignore_case: bool, seconds: float) -> Matches:
    """Match the lines of ``files``; raises ToolError for a pattern that is none, or that found nothing in its time."""
    request = {
        "pattern": pattern,
        "ignore_case": ignore_case,
        "files": [str(file) for file in files],
        "most_matches": MOST_MATCHES,
        "most_bytes": MOST_BYTES,
        "longest_line": LONGEST_LINE,
        "seconds": int(seconds) + _MARGIN,
    }
    process = await _start()
    matches = Matches()
    try:
        async with asyncio.timeout(seconds):
            await _converse(process, json.dumps(request).encode(), matches)
    except TimeoutError:
        matches.timed_out = True
        if not matches.lines:
            raise ToolError(
                f"The search found nothing in {seconds:g} seconds and was stopped. Use a simpler pattern (nested "
                "repeats such as (a+)+ take for ever) or a narrower path."
            ) from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return matches


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", "-X", "utf8", "-W", "ignore", str(_MATCHER)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_PIPE_LIMIT,
        start_new_session=True,  # Ctrl-C in the terminal is for the shell, which then kills the matcher
    )


async def _converse(process: asyncio.subprocess.Process, request: bytes, matches: Matches) -> None:
    assert process.stdin  # noqa: S101  # for the type checker: both were asked for as pipes
    assert process.stdout  # noqa: S101  # the same
    with suppress(ConnectionError):  # a matcher that died early says so by the end of its output
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()
    async for line in process.stdout:
        said = json.loads(line)
        if isinstance(said, list):
            matches.lines.append((said[0], said[1], said[2]))
            continue
        if "error" in said:
            raise ToolError(f"The pattern is no regular expression: {said['error']}. For plain text set `literal`.")
        matches.skipped, matches.more = said["skipped"], said["more"]
        return
    raise ToolError("The search ended before its time: the process that did it was stopped.")


SECONDS = 10.0
"""How long the matching may take; what was found until then is the answer."""


class SearchFiles(ReadOnlyFileTool):
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
    if not matches.lines and not matches.timed_out:
        notes.append(f"No match in {count:,} {'file' if count == 1 else 'files'}.")
    if matches.timed_out:
        notes.append("[Stopped for lack of time: there may be more. A simpler pattern or a narrower path is faster.]")
    if matches.more:
        notes.append(f"[The first {MOST_MATCHES:,} matches: there are more. A narrower pattern or path shows them.]")
    if matches.skipped:
        notes.append(f"[Left out, as binary, too large or not readable: {matches.skipped:,}.]")
    return notes

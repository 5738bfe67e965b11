"""The tool ``search_files``; a child process does the matching."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.formatting import quantity
from aloop.sandbox.paths import find_program
from aloop.sanitize import one_line
from aloop.tools.base import ToolResult, in_thread
from aloop.tools.files.glob import Glob, Walk
from aloop.tools.files.read import ReadOnlyFileTool
from aloop.tools.files.ripgrep import NAME, selection_command
from aloop.tools.files.text_file import BINARY_PROBE, OPEN_FLAGS
from aloop.tools.files.workspace import Workspace
from aloop.tools.process import kill

MOST_MATCHES = 200
MOST_BYTES = 4_000_000
LONGEST_LINE = 300
SECONDS = 10.0
"""Time limit for matching; the matches found by then are returned."""

_WORKER = Path(__file__).with_name("search_worker.py")
_MARGIN = 5  # seconds beyond the time limit after which a worker whose parent died ends itself
_PIPE_LIMIT = 1 << 20  # far above the longest line that the worker writes


@dataclass(slots=True)
class Matches:
    """Matches as (index of the file, line number, text).

    ``skipped`` counts files that were not searched, ``more`` means that MOST_MATCHES was reached.
    """

    lines: list[tuple[int, int, str]] = field(default_factory=list)
    skipped: int = 0
    more: bool = False
    timed_out: bool = False


async def find_matches(
    pattern: str, files: Sequence[Path], *, ignore_case: bool, seconds: float, program: str | None = None
) -> Matches:
    """Match the lines of ``files``; ``program`` is ripgrep, which makes that faster.

    Raises ToolError if ``pattern`` is invalid, or if the time is up before the first match.
    """
    request = {
        "pattern": pattern,
        "ignore_case": ignore_case,
        "files": [str(file) for file in files],
        "select": selection_command(program, pattern, ignore_case=ignore_case) if program else None,
        "open_flags": OPEN_FLAGS,
        "binary_probe": BINARY_PROBE,
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
                f"The search was stopped after {seconds:g} seconds without a match.",
                "Use a narrower path or a simpler pattern: nested repeats such as (a+)+ can take forever.",
            ) from None
    finally:
        await kill(process)
    return matches


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", "-X", "utf8", "-W", "ignore", str(_WORKER)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_PIPE_LIMIT,
        start_new_session=True,  # Ctrl-C in the terminal reaches the shell only, which then kills the worker
    )


async def _converse(process: asyncio.subprocess.Process, request: bytes, matches: Matches) -> None:
    assert process.stdin  # noqa: S101  # for the type checker: both are pipes
    assert process.stdout  # noqa: S101  # the same
    with suppress(ConnectionError):  # the end of its output shows that the worker died early
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()
    async for line in process.stdout:
        reply = json.loads(line)
        if isinstance(reply, list):
            matches.lines.append((reply[0], reply[1], reply[2]))
            continue
        if "error" in reply:
            raise ToolError(
                f"The pattern is not a valid regular expression: {reply['error']}.",
                "Set `literal` to search for plain text.",
            )
        matches.skipped, matches.more = reply["skipped"], reply["more"]
        return
    raise ToolError("The search process was stopped before it finished.", "Try again, or search a narrower path.")


class SearchFiles(ReadOnlyFileTool):
    """Returns the matching lines as ``path:line: text``."""

    name = "search_files"
    description = (
        "Search text files for lines that match a regular expression (Python syntax) or plain text. Returns matching "
        "lines as `path:line: text`. Use it to find where something is defined or used; to find files by name, use "
        "list_files. Matching is line by line, so a pattern cannot span lines. Hidden files, binary files, files over "
        "4 MB, links, what .gitignore excludes, and folders such as .git and node_modules are skipped. Returns at most "
        f"{MOST_MATCHES} matches and stops after {SECONDS:g} seconds. A path outside the working directory needs the "
        "user's permission."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "pattern": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1_000,
                "description": "A regular expression, or plain text if `literal` is true. Example: `def \\w+_config`",
            },
            "literal": {
                "type": "boolean",
                "description": "Treat `pattern` as plain text, for example to find `main()`. Default false.",
            },
            "ignore_case": {"type": "boolean", "description": "Match upper and lower case alike. Default false."},
            "path": {
                "type": "string",
                "description": "A folder to search with its subfolders, or a single file. Default: the working "
                "directory.",
            },
            "glob": {
                "type": "string",
                "description": "Search only files that match: `*.py` (at any depth) or `docs/**/*.md`. Default: all.",
            },
            "hidden": {
                "type": "boolean",
                "description": "Include files and folders whose names begin with a dot. Default false.",
            },
            "ignored": {
                "type": "boolean",
                "description": "Include what `.gitignore` files exclude. Default false.",
            },
        },
        "required": ["pattern"],
        "additionalProperties": False,
    }
    headline = "pattern"

    def __init__(self, workspace: Workspace, *, seconds: float = SECONDS, writable: Iterable[Path] = ()) -> None:
        """``writable`` are folders outside that commands may change.

        A program that the project or a command put there must not run without a question.
        """
        super().__init__(workspace)
        self._writable = tuple(writable)
        self._seconds = seconds

    async def read(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        shown = arguments.get("path", ".")
        pattern = arguments.get("glob", "*")
        glob = Glob(pattern if "/" in pattern else f"**/{pattern}", hidden=arguments.get("hidden", False))
        ignored = arguments.get("ignored", False)

        def find(stop: threading.Event) -> tuple[list[Path], list[str]]:
            start = workspace.resolve(shown)
            if not start.is_dir():
                return [start], []
            walk = Walk(start, glob, stop, self.hides(start), ignored=ignored)
            return [entry.path for entry in walk if entry.kind == "file"], walk.notes()

        files, notes = await in_thread(find)
        program = await asyncio.to_thread(find_program, NAME, (workspace.root, *self._writable))
        matches = await find_matches(
            re.escape(arguments["pattern"]) if arguments.get("literal") else arguments["pattern"],
            files,
            ignore_case=arguments.get("ignore_case", False),
            seconds=self._seconds,
            program=program,
        )
        return ToolResult("\n".join([*_lines(matches, files, workspace), *notes, *_notes(matches, len(files))]))


def _lines(matches: Matches, files: list[Path], workspace: Workspace) -> list[str]:
    return [f"{one_line(workspace.show(files[index]))}:{line}: {text}" for index, line, text in matches.lines]


def _notes(matches: Matches, count: int) -> list[str]:
    notes = []
    if not matches.lines and not matches.timed_out:
        notes.append(f"No match in {quantity(count, 'file')}.")
    if matches.timed_out:
        notes.append("[The search timed out: there may be more matches. Use a simpler pattern or a narrower path.]")
    if matches.more:
        notes.append(f"[Showing the first {MOST_MATCHES:,} matches. Use a narrower pattern or path to see the rest.]")
    if matches.skipped:
        notes.append(f"[Skipped {quantity(matches.skipped, 'file')}: binary, too large or unreadable.]")
    return notes

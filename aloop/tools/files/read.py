"""The tools ``read_file`` and ``list_files``, and their base class."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.llm.content.images import HEAD, MAX_DOCUMENT_BYTES, media_type_of, prepare_media
from aloop.permissions import PermissionRequest
from aloop.sanitize import one_line
from aloop.tools.base import Action, Tool, ToolResult, in_thread
from aloop.tools.files.glob import Entry, Glob, Walk
from aloop.tools.files.text_file import MOST_LINES, excerpt, open_plain, skip_mark
from aloop.tools.files.workspace import Workspace, quoted

MOST_LISTED = 500

_MARKS = {"folder": "/", "link": " (link)", "other": " (not a regular file)", "file": ""}


class ReadOnlyFileTool(Tool):
    """Reads the path in the argument ``path``, by default the working directory.

    Paths inside the working directory need no permission, unless a rule denies or asks; others do.
    """

    only_reads = True

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        path = await asyncio.to_thread(self._workspace.locate, arguments.get("path", "."))
        paths = (path, self._workspace.named(arguments.get("path", ".")))
        if self._workspace.admits(path):
            request = PermissionRequest((), self.name, quoted(self._workspace.show(path)), paths=paths)
            return Action(lambda _on_output: self.run(arguments), request)
        summary = f"{self.name} outside the working directory"
        request = PermissionRequest(("outside",), summary, quoted(str(path)), paths=paths)
        # Only the real path that the user saw is admitted: if a link changes before the call, the call is refused.
        admitted = self._workspace.admitting(path)
        return Action(lambda _on_output: self.read(admitted, arguments), request)

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        return await self.read(self._workspace, arguments)

    @abstractmethod
    async def read(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        """Run the call with the paths that ``workspace`` admits."""


class ReadFile(ReadOnlyFileTool):
    """Returns lines of a text file."""

    name = "read_file"
    description = (
        "Read a file. Returns the lines of a text file, each after its number and a tab. Use it before you edit a "
        "file and when you know which file you need; to find text in several files, use search_files, and to see what "
        f"a folder contains, use list_files. Returns at most {MOST_LINES:,} lines or about 29 KB per call. A longer "
        "file ends with a note that gives the `offset` to continue at. You see an image (PNG, JPEG, GIF, WebP) or a "
        "PDF as it is; other binary files are refused. A path outside the working directory needs the user's "
        "permission."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "description": "The file, relative to the working directory or absolute. Example: `src/app.py`",
            },
            "offset": {
                "type": "integer",
                "minimum": 1,
                "description": "The first line to return, counted from 1. Default 1.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_LINES,
                "description": f"The maximum number of lines to return. Default {MOST_LINES}.",
            },
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    headline = "path"

    async def read(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        # JSON has one kind of number: 2.0 is a valid integer for the schema.
        offset, limit = int(arguments.get("offset", 1)), int(arguments.get("limit", MOST_LINES))

        def work(stop: threading.Event) -> ToolResult:
            path, named = workspace.resolve(arguments["path"]), arguments["path"]
            with open_plain(path, named, media_as_is=True) as file:
                if media_type_of(file.read(HEAD)):
                    file.seek(0)
                    media, note = prepare_media(file.read(MAX_DOCUMENT_BYTES + 1), named)
                    return ToolResult(f"{media.summary} {note}".rstrip(), media=(media,))
                file.seek(0)
                skip_mark(file)
                return ToolResult(excerpt(file, offset, limit, stop))

        return await in_thread(work)


class ListFiles(ReadOnlyFileTool):
    """Returns the names in a folder, or the paths below it that match a pattern."""

    name = "list_files"
    description = (
        "List the files and folders in a folder, sorted by name. Folders end with a slash; links are marked and not "
        "followed. Use it to explore a project or to find files by name; to find files by their contents, use "
        "search_files. Without `pattern` it lists only the folder itself, not its subfolders. Folders such as .git and "
        "node_modules are listed but not entered, and names that .gitignore excludes are left out. Returns at most "
        f"{MOST_LISTED} names. A path outside the working directory needs the user's permission."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "description": "The folder, relative to the working directory or absolute. Default: the working "
                "directory.",
            },
            "pattern": {
                "type": "string",
                "description": "A glob, relative to `path`. `*.py` matches Python files in the folder itself, "
                "`**/*.py` at any depth, `src/**/*.{c,h}` both kinds below src. Default `*`.",
            },
            "hidden": {
                "type": "boolean",
                "description": "Include names that begin with a dot. Default false.",
            },
            "ignored": {
                "type": "boolean",
                "description": "Include what `.gitignore` files exclude. Default false.",
            },
        },
        "additionalProperties": False,
    }
    headline = "path"

    async def read(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        shown = arguments.get("path", ".")
        glob = Glob(arguments.get("pattern", "*"), hidden=arguments.get("hidden", False))

        def work(stop: threading.Event) -> str:
            folder = workspace.resolve(shown)
            if not folder.is_dir():
                raise ToolError(f"{shown!r} is a file, not a folder.", "Use read_file to read it.")
            walk = Walk(folder, glob, stop, self.hides(folder), ignored=arguments.get("ignored", False))
            rows, count = listing(walk)
            notes = walk.notes()
            if count > len(rows):
                note = f"[Showing the first {len(rows):,} of {count:,} names. Use a narrower pattern to see the rest.]"
                notes.insert(0, note)
            return "\n".join([*(rows or [f"Nothing in {shown!r} matches."]), *notes])

        return ToolResult(await in_thread(work))


def listing(walk: Walk) -> tuple[list[str], int]:
    """Return the first entries of ``walk`` as lines, and the number of all."""
    lines: list[str] = []
    count = 0
    for count, entry in enumerate(walk, 1):
        if count <= MOST_LISTED:
            lines.append(_line(entry))
    return lines, count


def _line(entry: Entry) -> str:
    return one_line(entry.relative) + _MARKS[entry.kind]  # a line break in a name would look like two names

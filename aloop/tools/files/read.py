"""The tools that look at files: ``read_file`` and ``list_files``.

What the tools that look at files have in common: inside the working directory they may, outside they ask.
"""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.permissions import PermissionRequest
from aloop.tools.base import Action, Tool, ToolResult, in_thread
from aloop.tools.files.glob import Entry, Glob, Walk
from aloop.tools.files.text_file import MOST_LINES, excerpt, open_plain
from aloop.tools.files.workspace import Workspace


class ReadOnlyFileTool(Tool):
    """Looks at what the argument ``path`` names, at the working directory itself when it is left out."""

    only_reads = True

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        path = await asyncio.to_thread(self._workspace.locate, arguments.get("path", "."))
        if self._workspace.admits(path):
            return await super().prepare(arguments)
        request = PermissionRequest(("outside",), f"{self.name} outside the working directory", str(path))
        # Allowed is the path that was shown: a link that leads elsewhere by then is met by the fence.
        allowed = self._workspace.with_gate(path)
        return Action(lambda _tell: self.look(allowed, arguments), request)

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        return await self.look(self._workspace, arguments)

    @abstractmethod
    async def look(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        """Do it, within the fence of ``workspace``."""


MOST_LISTED = 500

_MARKS = {"folder": "/", "link": " (link)", "other": " (not a regular file)", "file": ""}


class ReadFile(ReadOnlyFileTool):
    """Shows the lines of a text file."""

    name = "read_file"
    description = (
        "Read a text file in the working directory. Long files come in parts: the end of the text then says at which "
        "`offset` to go on."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Relative to the working directory, or absolute inside it."},
            "offset": {"type": "integer", "minimum": 1, "description": "First line to show, counted from 1."},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST_LINES, "description": "Most lines to show."},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    headline = "path"

    async def look(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        # JSON knows one kind of number: 2.0 is a valid integer to the schema.
        offset, limit = int(arguments.get("offset", 1)), int(arguments.get("limit", MOST_LINES))

        def work(stop: threading.Event) -> str:
            with open_plain(workspace.resolve(arguments["path"]), arguments["path"]) as file:
                return excerpt(file, offset, limit, stop)

        return ToolResult(await in_thread(work))


class ListFiles(ReadOnlyFileTool):
    """Shows the names in a folder, or those below it that match a pattern."""

    name = "list_files"
    description = (
        "List the files and folders in a folder of the working directory, sorted by name; folders end with a slash. "
        "Links are shown and not followed."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The folder; the working directory when left out."},
            "pattern": {
                "type": "string",
                "description": "`*.py` lists the Python files in the folder itself, `**/*.py` those at any depth.",
            },
            "hidden": {"type": "boolean", "description": "Show names that begin with a dot, too."},
        },
        "additionalProperties": False,
    }
    headline = "path"

    async def look(self, workspace: Workspace, arguments: Mapping[str, Any]) -> ToolResult:
        shown = arguments.get("path", ".")
        glob = Glob(arguments.get("pattern", "*"), hidden=arguments.get("hidden", False))

        def work(stop: threading.Event) -> str:
            folder = workspace.resolve(shown)
            if not folder.is_dir():
                raise ToolError(f"{shown!r} is a file: read_file shows what is in it.")
            return _listing(Walk(folder, glob, stop), shown)

        return ToolResult(await in_thread(work))


def _listing(walk: Walk, shown: str) -> str:
    lines: list[str] = []
    count = 0
    for count, entry in enumerate(walk, 1):
        if count <= MOST_LISTED:
            lines.append(_line(entry))
    if not lines:
        lines = [f"Nothing in {shown!r} matches."]
    if count > MOST_LISTED:
        lines.append(f"[The first {MOST_LISTED:,} of {count:,}: a narrower pattern shows the rest.]")
    return "\n".join(lines + walk.notes())


def _line(entry: Entry) -> str:
    # A line end in a name would look like two names.
    name = entry.relative.replace("\n", "\\n").replace("\r", "\\r")
    return name + _MARKS[entry.kind]

"""The tools that change files: ``write_file`` and ``edit_file``. A person sees the diff before it is done.

One text put in place of another: exactly the one, and only where there is no doubt which is meant.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.permissions import Kind, PermissionRequest
from aloop.tools.base import Action, Tool, ToolResult, in_thread
from aloop.tools.files.diff import Diff, make_diff
from aloop.tools.files.text_file import TextFile
from aloop.tools.files.workspace import Workspace

_LINES_NAMED = 5


def replace_text(text: str, old: str, new: str, line_end: str, *, everywhere: bool = False) -> str:
    """Return ``text`` with ``new`` for ``old``; raises ToolError when ``old`` is not there, or not just once.

    A line end in ``old`` matches either kind, one in ``new`` becomes ``line_end``: a model is shown all files alike.
    All else stays, to the byte.
    """
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if not old:
        raise ToolError("old_text is empty: there is nothing to find. write_file writes a whole file.")
    if old == new:
        raise ToolError("old_text and new_text are the same: there is nothing to change.")
    pattern = "\r?\n".join(map(re.escape, old.split("\n")))
    # A lookahead also counts places that overlap: in "aaa", "aa" is in doubt.
    places = [found.start() for found in re.finditer(f"(?={pattern})", text)]
    if not places:
        raise ToolError(_not_there(text, old))
    if len(places) > 1 and not everywhere:
        raise ToolError(
            f"old_text is in the file {len(places):,} times ({_lines_of(text, places)}). Add lines from around the one "
            "that is meant until there is only one, or set replace_all."
        )
    return re.sub(pattern, lambda _: new.replace("\n", line_end), text)


def _not_there(text: str, old: str) -> str:
    """Say that there is no match, and where one was nearly."""
    first = next((line.strip() for line in old.split("\n") if line.strip()), "")
    near = [number for number, line in enumerate(text.split("\n"), 1) if first and line.strip() == first]
    if not near:
        return "old_text is not in the file. read_file shows what is."
    named = ", ".join(map(str, near[:_LINES_NAMED]))
    return (
        f"old_text is not in the file as it stands. Its first line is at line {named}, so what follows differs, or "
        "the white space does. read_file shows it."
    )


def _lines_of(text: str, places: list[int]) -> str:
    numbers = [text.count("\n", 0, place) + 1 for place in places[:_LINES_NAMED]]
    more = ", …" if len(places) > _LINES_NAMED else ""
    return f"lines {', '.join(map(str, numbers))}{more}"


# Who may write files may not yet run commands: git runs what it finds in its folder. And sessions are the person's.
_GUARDED = frozenset({".git", ".hg", ".svn", ".aloop"})

_PATH = {"type": "string", "description": "Relative to the working directory, or absolute."}


class WritingFileTool(Tool):
    """Changes the text file that the argument ``path`` names: all of it at once, its mode and line ends kept."""

    headline = "path"

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        return await in_thread(lambda _stop: self._plan(arguments))

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Do it without a question."""
        action = await self.prepare(arguments)
        return await action.run(lambda _text: None)

    @abstractmethod
    def change(self, file: TextFile, arguments: Mapping[str, Any]) -> str:
        """Return what the file is to hold; raises ToolError."""

    def _plan(self, arguments: Mapping[str, Any]) -> Action:
        named = arguments["path"]
        path = self._workspace.locate(named)
        if self._workspace.is_way_out(named) and not self._workspace.allow_outside:
            raise ToolError(
                f"{named!r} leads out of the working directory by a link. Name {str(path)!r} if you mean it."
            )
        file = TextFile.read(path, named)
        text = self.change(file, arguments)
        if "\0" in text:
            raise ToolError("The text holds a NUL character, which would make the file a binary one.")
        before = None if file.text is None else _plain(file.text)
        diff = make_diff(before, _plain(text), self._workspace.show(path))
        data = file.encode(text)
        if data == file.raw:
            result = ToolResult(f"{named} holds just that already; nothing was changed.")
            return Action(lambda _tell: _at_once(result))
        request = PermissionRequest(self._kinds(path), f"{self.name} {_summary(file, diff)}", diff.text, "diff")

        def work() -> ToolResult:
            if self._workspace.locate(named) != path:
                raise ToolError(f"{named!r} leads elsewhere by now. Nothing was written.")
            file.replace(data)
            return _report(file, diff)

        return Action(lambda _tell: in_thread(lambda _stop: work()), request)

    def _kinds(self, path: Path) -> tuple[Kind, ...]:
        below = path.parts[len(self._workspace.root.parts) :]
        is_guarded = any(part.casefold() in _GUARDED for part in below)
        return ("write",) if self._workspace.admits(path) and not is_guarded else ("write", "outside")


class WriteFile(WritingFileTool):
    """Writes a whole file."""

    name = "write_file"
    description = (
        "Write a text file: a new one, its folders made as needed, or in place of all that one holds. To change a part "
        "of a file use edit_file. The person is shown the difference and may refuse."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"path": _PATH, "content": {"type": "string", "description": "All that the file is to hold."}},
        "required": ["path", "content"],
        "additionalProperties": False,
    }

    def change(self, file: TextFile, arguments: Mapping[str, Any]) -> str:
        content: str = arguments["content"]
        return content if file.raw is None else _plain(content).replace("\n", file.line_end)


class EditFile(WritingFileTool):
    """Puts one text in place of another in a file."""

    name = "edit_file"
    description = (
        "Replace a text in a file by another. `old_text` must be in the file exactly as given, white space included, "
        "and only once, unless `replace_all` is set. The person is shown the difference and may refuse."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "path": _PATH,
            "old_text": {"type": "string", "description": "Some lines around the change make it the only one."},
            "new_text": {"type": "string"},
            "replace_all": {"type": "boolean", "description": "Replace it wherever it is."},
        },
        "required": ["path", "old_text", "new_text"],
        "additionalProperties": False,
    }

    def change(self, file: TextFile, arguments: Mapping[str, Any]) -> str:
        if file.text is None:
            self._workspace.resolve(arguments["path"])  # says that it is not there, and what is near
            raise ToolError(f"There is no {arguments['path']!r}.")
        everywhere = arguments.get("replace_all", False)
        old, new = arguments["old_text"], arguments["new_text"]
        return replace_text(file.text, old, new, file.line_end, everywhere=everywhere)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _summary(file: TextFile, diff: Diff) -> str:
    if file.raw is None:
        return f"{file.shown} (new, {_lines(diff.added)})"
    return f"{file.shown} (+{diff.added:,} −{diff.removed:,})"


def _report(file: TextFile, diff: Diff) -> ToolResult:
    if file.raw is None:
        # The model has just written all of it.
        return ToolResult(f"Wrote {file.shown}: new, {_lines(diff.added)}.")
    head = f"Changed {file.shown}: {_lines(diff.added)} added, {diff.removed:,} removed."
    return ToolResult(f"{head}\n{diff.text}", form="diff")


def _lines(count: int) -> str:
    return f"{count:,} {'line' if count == 1 else 'lines'}"


async def _at_once(result: ToolResult) -> ToolResult:
    return result

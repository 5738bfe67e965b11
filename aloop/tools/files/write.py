"""The tools ``write_file`` and ``edit_file``."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.formatting import quantity
from aloop.llm.content.provenance import FileChange, short_digest
from aloop.permissions import Kind, PermissionRequest
from aloop.tools.base import Action, Tool, ToolResult, finish_in_thread, in_thread
from aloop.tools.files.diff import Diff, make_diff, with_kept_line_ends
from aloop.tools.files.replace import replace_text
from aloop.tools.files.text_file import MOST_BYTES, TOO_LARGE, TextFile
from aloop.tools.files.workspace import Workspace, quoted
from aloop.tools.rules.rule import is_guarded

_PATH = {
    "type": "string",
    "description": "The file, relative to the working directory or absolute. Example: `src/app.py`",
}


_REPLACEMENT = {
    "old_text": {
        "type": "string",
        "description": "The exact text to replace. Include enough surrounding lines to make it unique.",
    },
    "new_text": {"type": "string", "description": "The replacement. Empty to delete `old_text`."},
    "replace_all": {
        "type": "boolean",
        "description": "Replace every occurrence, for example to rename a variable. Default false.",
    },
}
_MOST_EDITS = 100
_MOST_LINES = 1_000_000  # of the new contents: a diff takes a second
_MOST_FOLDERS = 32  # that a new file may need


class WritingFileTool(Tool):
    """Changes the text file in the argument ``path``, keeping mode and line endings."""

    headline = "path"

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        return await in_thread(lambda _stop: self._plan(arguments))

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Make the change without asking for permission."""
        action = await self.prepare(arguments)
        return await action.run(lambda _text: None)

    @abstractmethod
    def change(self, file: TextFile, arguments: Mapping[str, Any]) -> str:
        """Return the new contents; raise ToolError if the change is impossible."""

    def _plan(self, arguments: Mapping[str, Any]) -> Action:
        named = arguments["path"]
        path = self._workspace.locate(named)
        if self._workspace.escapes_by_link(named, path) and not self._workspace.allow_outside:
            raise ToolError(
                f"{named!r} leads out of the working directory by a link.",
                f"Use the path {str(path)!r} if you mean that file.",
            )
        self._workspace.require_root(path)
        file = TextFile.read(path, named)
        if file.raw is not None and self.hides(path)(path):
            raise ToolError(f"The user's rules forbid reading {named!r}, and the result of a change shows its text.")
        if file.raw is None and (missing := _count_missing(path)) > _MOST_FOLDERS:
            raise ToolError(
                f"This path would create {missing:,} nested folders, and at most {_MOST_FOLDERS} are allowed.",
                "Use a shorter path.",
            )
        text = self.change(file, arguments)
        if "\0" in text:
            raise ToolError("The text contains a NUL character, which would make the file binary.", "Remove it.")
        if len(text) > MOST_BYTES:
            raise ToolError(TOO_LARGE)
        if (lines := text.count("\n")) > _MOST_LINES:
            raise ToolError(f"The file would have {lines:,} lines, and at most {_MOST_LINES:,} are allowed.")
        diff = _diff(file.text, text, quoted(self._workspace.show(path)))
        data = file.encode(text)
        if data == file.raw:
            result = ToolResult(f"{named} already has exactly these contents; nothing was changed.")
            return Action(lambda _on_output: _at_once(result))
        summary, paths = f"{self.name} {_summary(file, diff)}", (path, self._workspace.named(named))
        request = PermissionRequest(self._kinds(path), summary, diff.text, "diff", paths)

        def work() -> ToolResult:
            self._workspace.require_root(path)
            if self._workspace.locate(named) != path:
                raise ToolError(f"{named!r} now leads to another file because a link changed.", "Nothing was written.")
            file.replace(data)
            change = FileChange(self._workspace.show(path), short_digest(file.raw), short_digest(data))
            return replace(_report(file, diff), changes=(change,))

        return Action(lambda _on_output: finish_in_thread(work), request)

    def _kinds(self, path: Path) -> tuple[Kind, ...]:
        is_free = self._workspace.admits(path) and not is_guarded(path, self._workspace.root)
        return ("write",) if is_free else ("write", "outside")


class WriteFile(WritingFileTool):
    """Writes a whole file."""

    name = "write_file"
    description = (
        "Create a text file, or replace the entire contents of one. Missing folders are created. To change part of an "
        "existing file, use edit_file instead: it is shorter and safer. Read an existing file before you replace it. "
        "The user sees the diff first and may deny it."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "path": _PATH,
            "content": {"type": "string", "description": "The complete new contents of the file."},
        },
        "required": ["path", "content"],
        "additionalProperties": False,
    }

    def change(self, file: TextFile, arguments: Mapping[str, Any]) -> str:
        content: str = arguments["content"]
        return content if file.text is None else with_kept_line_ends(file.text, _normalize(content), file.line_end)


class EditFile(WritingFileTool):
    """Replaces text in a file."""

    name = "edit_file"
    description = (
        "Replace text in an existing file. Read the file first. `old_text` must match exactly, "
        "including whitespace and indentation but without line numbers, and must occur only once unless `replace_all` "
        "is true; otherwise the call fails and nothing is changed. To make several replacements in one file, pass them "
        "in `edits` instead of `old_text` and `new_text`: they are made in order, all or none. To create a file or "
        "rewrite most of it, use write_file. The user sees the diff first and may deny it."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "path": _PATH,
            **_REPLACEMENT,
            "edits": {
                "type": "array",
                "minItems": 1,
                "maxItems": _MOST_EDITS,
                "description": "Several replacements. Each one applies to the result of those before it.",
                "items": {
                    "type": "object",
                    "properties": _REPLACEMENT,
                    "required": ["old_text", "new_text"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["path"],
        "additionalProperties": False,
    }

    def change(self, file: TextFile, arguments: Mapping[str, Any]) -> str:
        if file.text is None:
            self._workspace.resolve(arguments["path"])  # raises an error that suggests similar names
            raise ToolError(f"{arguments['path']!r} does not exist.")
        text, edits = file.text, _edits(arguments)
        for number, edit in enumerate(edits, 1):
            everywhere = edit.get("replace_all", False)
            try:
                text = replace_text(text, edit["old_text"], edit["new_text"], file.line_end, everywhere=everywhere)
            except ToolError as error:
                if len(edits) == 1:
                    raise
                advice = f"{error.advice} None of the edits was made.".lstrip()
                raise ToolError(f"Edit {number} of {len(edits)}: {error.fact}", advice) from error
        return text


def _count_missing(path: Path) -> int:
    """Return how many of the folders above ``path`` do not exist."""
    return next((count for count, folder in enumerate(path.parents) if os.path.lexists(folder)), 0)


def _edits(arguments: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the replacements; raise ToolError unless given in one of two ways."""
    # In code, because the API does not accept a schema with alternatives.
    single = [name for name in _REPLACEMENT if name in arguments]
    if "edits" in arguments:
        if single:
            raise ToolError(f"Both `edits` and `{single[0]}` were passed.", "Pass one of them.")
        edits: Sequence[Mapping[str, Any]] = arguments["edits"]
        return edits
    if missing := [name for name in ("old_text", "new_text") if name not in arguments]:
        raise ToolError(f"The argument `{missing[0]}` is missing.", "Pass `old_text` and `new_text`, or `edits`.")
    return [arguments]


def _diff(before: str | None, after: str, name: str) -> Diff:
    """Return the diff from ``before`` to ``after``.

    CRs are left out if all lines have one.
    """
    if before is None or not (_is_crlf(before) and _is_crlf(after)):
        return make_diff(before, after, name)
    return make_diff(_normalize(before), _normalize(after), name)


def _is_crlf(text: str) -> bool:
    """Return True if all lines end with CRLF."""
    return text.count("\r\n") == text.count("\n")


def _normalize(text: str) -> str:
    return text.replace("\r\n", "\n")


def _summary(file: TextFile, diff: Diff) -> str:
    if file.raw is None:
        return f"{quoted(file.shown)} (new, {quantity(diff.added, 'line')})"
    return f"{quoted(file.shown)} (+{diff.added:,} −{diff.removed:,})"


def _report(file: TextFile, diff: Diff) -> ToolResult:
    if file.raw is None:
        # No diff: the model has just sent all of the text.
        return ToolResult(f"Created {file.shown} ({quantity(diff.added, 'line')}).")
    head = f"Changed {file.shown}: {quantity(diff.added, 'line')} added, {diff.removed:,} removed."
    return ToolResult(f"{head}\n{diff.text}", form="diff")


async def _at_once(result: ToolResult) -> ToolResult:
    return result

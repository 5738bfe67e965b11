"""The tool ``run_shell``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.permissions import PermissionRequest
from aloop.sanitize import without_escape_codes
from aloop.text import quantity
from aloop.tools.base import Action, OutputCallback, Tool, ToolResult
from aloop.tools.files.workspace import Workspace
from aloop.tools.process import CommandResult, describe_exit, run_command

SECONDS = 120
MOST_SECONDS = 1_800

_PRIVATE = "ANTHROPIC_"
# No terminal is attached: nothing may wait in a pager or for a password.
_SETTINGS = {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}


class RunShell(Tool):
    """Runs a command in the working directory, with the user's permission."""

    name = "run_shell"
    description = (
        "Run a shell command in the working directory. Returns its output (stdout and stderr together) and its exit "
        "code. Use it to build, test, run programs and use version control. Do not use it to read, list, search or "
        "edit files: read_file, list_files, search_files, write_file and edit_file do that better. Each call starts a "
        "new shell, so `cd` and variables do not carry over; chain steps with `&&`. No terminal is attached, and "
        "standard input is empty, so pass flags that avoid prompts, such as `-y`. Background processes are killed when "
        f"the command ends. A command is stopped after {SECONDS} seconds unless `seconds` allows more. The user sees "
        "the command first and may decline it."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "command": {
                "type": "string",
                "minLength": 1,
                "description": "The command line, run with bash if it is installed. Example: `pytest -q tests/unit`",
            },
            "seconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_SECONDS,
                "description": f"Time limit in seconds. Default {SECONDS}, at most {MOST_SECONDS}.",
            },
        },
        "required": ["command"],
        "additionalProperties": False,
    }
    headline = "command"

    def __init__(self, workspace: Workspace) -> None:
        self._folder = workspace.root

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        command: str = arguments["command"]
        if not command.strip() or "\0" in command:
            raise ToolError("The command is empty or contains a NUL character.")
        seconds = int(arguments.get("seconds", SECONDS))
        request = PermissionRequest(("shell",), f"{self.name} in {self._folder}, for at most {seconds:,} s", command)
        return Action(lambda on_output: self._run(command, seconds, on_output), request)

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Run the command without asking for permission."""
        action = await self.prepare(arguments)
        return await action.run(lambda _text: None)

    async def _run(self, command: str, seconds: int, on_output: OutputCallback) -> ToolResult:
        shell = [shutil.which("bash") or "/bin/sh", "-c", command]
        try:
            result = await run_command(shell, self._folder, environment(os.environ), seconds, on_output)
        except OSError as error:
            raise ToolError(f"The command could not be started: {error.strerror or error}.") from error
        printed = without_escape_codes(result.output).rstrip("\n")
        is_error = result.timed_out or result.code != 0
        return ToolResult(f"{printed}\n[{_ending(result, seconds)}]".lstrip("\n"), is_error, "output")


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return ``env`` without credentials, with settings for use without a terminal."""
    return {name: value for name, value in env.items() if not name.startswith(_PRIVATE)} | _SETTINGS


def _ending(result: CommandResult, seconds: int) -> str:
    if result.timed_out:
        return f"Stopped: the command did not finish within {quantity(seconds, 'second')}."
    return describe_exit(result.code)

"""The tool that runs commands: ``run_shell``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, ClassVar

from aloop.errors import ToolError
from aloop.permissions import PermissionRequest
from aloop.tools.base import Action, OutputCallback, Tool, ToolResult
from aloop.tools.files.workspace import Workspace
from aloop.tools.process import CommandResult, ending, run_command

SECONDS = 120
MOST_SECONDS = 1_800

_PRIVATE = "ANTHROPIC_"
# Nobody sits at a terminal: nothing waits in a pager or asks for a password.
_SETTINGS = {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}


class RunShell(Tool):
    """Runs a command in the working directory, once a person has allowed it."""

    name = "run_shell"
    description = (
        "Run a command in a shell in the working directory and get what it prints, and its exit code. It has nothing "
        "to read on standard input and no terminal. What it leaves running in the background ends with it. The person "
        "is shown the command and may refuse. To read, find or change files, the other tools are better."
    )
    parameters: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {
            "command": {"type": "string", "minLength": 1},
            "seconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_SECONDS,
                "description": f"How long it may take; {SECONDS} when left out.",
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
            raise ToolError("The command is empty, or holds a NUL character.")
        seconds = int(arguments.get("seconds", SECONDS))
        request = PermissionRequest(("shell",), f"{self.name} in {self._folder}, for {seconds:,} s at most", command)
        return Action(lambda tell: self._run(command, seconds, tell), request)

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Do it without a question."""
        action = await self.prepare(arguments)
        return await action.run(lambda _text: None)

    async def _run(self, command: str, seconds: int, tell: OutputCallback) -> ToolResult:
        shell = shutil.which("bash") or "/bin/sh"
        try:
            ended = await run_command([shell, "-c", command], self._folder, environment(os.environ), seconds, tell)
        except OSError as error:
            raise ToolError(f"The command could not be started: {error.strerror or error}.") from error
        printed = ended.output.rstrip("\n")
        is_error = ended.timed_out or ended.code != 0
        return ToolResult(f"{printed}\n[{_ending(ended, seconds)}]".lstrip("\n"), is_error, "output")


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return what a command may know of ours: all but the credentials."""
    return {name: value for name, value in env.items() if not name.startswith(_PRIVATE)} | _SETTINGS


def _ending(ended: CommandResult, seconds: int) -> str:
    if ended.timed_out:
        return f"Stopped: it was not done after {seconds:,} seconds."
    return ending(ended.code)

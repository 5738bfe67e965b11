"""The tool ``run_shell``."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar

from aloop.config.values import SandboxSettings
from aloop.errors import Problem, ToolError
from aloop.formatting import display_path, quantity
from aloop.permissions import Kind, PermissionRequest
from aloop.sandbox.paths import find_program, writable_folders
from aloop.sandbox.wrapper import NO_WRAPPER, Wrapper
from aloop.sanitize import without_escape_codes
from aloop.tools.base import Action, OutputCallback, Tool, ToolResult
from aloop.tools.files.workspace import Workspace, gone, quoted
from aloop.tools.jobs.table import JobTable
from aloop.tools.jobs.tools import report
from aloop.tools.process import NO_TERMINAL, CommandResult, describe_exit, run_command

SECONDS = 120
MOST_SECONDS = 1_800

# Names of variables that are never passed, and patterns of those and of values that are passed only on request.
_PRIVATE = "ANTHROPIC_"
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:[A-Z0-9]*(?:PASSWORD|PASSWD|PASSPHRASE|PASS|TOKEN|SECRET|CREDENTIAL|(?:API|ACCESS|PRIVATE)KEY)S?"
    r"|KEYS?|PAT|DSN|COOKIES?)(?:_|$)|_AUTH$|^MYSQL_PWD$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(r"[a-z][a-z0-9+.-]*://[^/@:\s]*:[^/@\s]+@", re.IGNORECASE)
_PROXY = re.compile(r"_proxy$", re.IGNORECASE)
_PASSED = "ALOOP_PASS_ENV"
_NAMES_SHOWN = 3

_REQUIRED = 'Refused, because the settings say sandbox = "require": no command runs outside the sandbox.'
# Messages of programs that the sandbox has refused something.
_MAY_BE_SANDBOX = re.compile(
    r"read-only file system|EROFS|operation not permitted|EPERM|network is unreachable|ENETUNREACH"
    r"|name resolution|could not resolve|couldn't resolve|no such host|name or service not known|EAI_AGAIN|ENOTFOUND"
    r"|nodename nor servname|connection refused|ECONNREFUSED|couldn't connect|cannot connect to the docker daemon",
    re.IGNORECASE,
)
_HINT = (
    "[The sandbox may be the reason: it allows {}changes only in the working directory without .git. "
    "`unsandboxed` runs a command outside.]\n"
)


class RunShell(Tool):
    """Runs a command in the working directory, with the user's permission.

    ``report`` is called with a sentence, once, if there should be a sandbox but none works.
    """

    name = "run_shell"
    description = (
        "Run a shell command in the working directory. Returns its output (stdout and stderr together) and its exit "
        "code. Use it to build, test, run programs and use version control. Do not use it to read, list, search or "
        "edit files: read_file, list_files, search_files, write_file and edit_file do that better. Each call starts "
        "a new shell, so `cd` and variables do not carry over; chain steps with `&&`. No terminal is attached, and "
        "standard input is empty, so pass flags that avoid prompts, such as `-y`. Environment variables that look "
        "like secrets are not passed. Where the system has a sandbox, commands run in it: they can change only the "
        "working directory without `.git` and some settings, and their own /tmp, which lasts as long as aloop runs and "
        "which file tools do not see; and they reach neither the network nor other programs, and no other command "
        "reaches their servers. Set `unsandboxed` for a command that needs more, such as `git commit`, installing "
        "packages, or a server that the user or other commands should reach. "
        "Processes that a command leaves behind are killed when it ends. A command is "
        f"stopped after {SECONDS} seconds unless `seconds` allows more. For a server, a watcher or anything else that "
        "should continue while you work, set `background`: the call returns a job number at once, for job_output and "
        "stop_job. The user sees the command first and may deny it."
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
                "description": f"Time limit in seconds. Default {SECONDS}, at most {MOST_SECONDS}. Ignored with "
                "`background`.",
            },
            "background": {
                "type": "boolean",
                "description": "Return at once and let the command continue, without a time limit. Default false.",
            },
            "unsandboxed": {
                "type": "boolean",
                "description": "Run the command outside the sandbox, which the user must allow. Only for a command "
                "that cannot work in it. Default false.",
            },
        },
        "required": ["command"],
        "additionalProperties": False,
    }
    headline = "command"

    def __init__(
        self,
        workspace: Workspace,
        jobs: JobTable | None = None,
        sandbox: SandboxSettings | None = None,
        report: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._workspace = workspace
        self._jobs = jobs or JobTable()
        self._given_settings = sandbox or SandboxSettings("off")
        # Relative to the root, which may move.
        kept = (Path(os.path.realpath(path)) for path in self._given_settings.kept)
        self._kept = tuple(path.relative_to(workspace.root) for path in kept if path.is_relative_to(workspace.root))
        self._report = report
        self._has_reported = False

    async def prepare(self, arguments: Mapping[str, Any]) -> Action:
        command: str = arguments["command"]
        if not command.strip() or "\0" in command:
            raise ToolError("The command is empty or contains a NUL character.")
        seconds = int(arguments.get("seconds", SECONDS))
        in_background = arguments.get("background", False)
        limit = ", in the background" if in_background else "" if seconds == SECONDS else f", for at most {seconds:,} s"
        sandbox, place = await self._sandbox()
        if is_unsandboxed := bool(sandbox and arguments.get("unsandboxed")):
            if self._sandbox_settings.mode == "require":
                raise ToolError(_REQUIRED, "Continue without it, or ask the user to run the command.")
            sandbox, place = None, ", outside the sandbox"
        summary = f"{self.name} in {quoted(display_path(self._workspace.root))}{limit}{place}{_without(os.environ)}"
        kinds: tuple[Kind, ...] = ("shell", "outside") if is_unsandboxed else ("shell",)
        request = PermissionRequest(kinds, summary, command, is_unsandboxed=is_unsandboxed)
        if in_background:
            return Action(lambda _on_output: self._start(command, sandbox), request)
        return Action(lambda on_output: self._run(command, seconds, on_output, sandbox), request)

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Run the command without asking for permission."""
        action = await self.prepare(arguments)
        return await action.run(lambda _text: None)

    @property
    def _sandbox_settings(self) -> SandboxSettings:
        """The settings, with the present paths of what is kept in the root."""
        given = self._given_settings
        return given._replace(kept=(*given.kept, *(self._workspace.root / path for path in self._kept)))

    async def _sandbox(self) -> tuple[SandboxSettings | None, str]:
        """Return the sandbox, if there is one that works, and a note for the question.

        Raises ToolError if the settings require one.
        """
        if self._sandbox_settings.mode == "off":
            return None, ""
        # Imported late for startup time: many sessions run no command.
        from aloop.sandbox.sandbox import find_state

        state = await asyncio.to_thread(find_state, self._workspace.root, self._sandbox_settings)
        if state.works:
            return self._sandbox_settings, ", in the sandbox"
        if self._sandbox_settings.mode == "require":
            refusal = f'Refused, because the settings say sandbox = "require", and {state.text}.'
            raise ToolError(refusal, state.advice)
        if not self._has_reported:
            # Rules and earlier answers may allow the command without a question.
            self._has_reported = True
            self._report(Problem(f"Commands run without a sandbox: {state.sentence}"))
        return None, ", without a sandbox"

    async def _start(self, command: str, sandbox: SandboxSettings | None) -> ToolResult:
        wrapper = await self._wrapper(sandbox)
        job = await self._jobs.start(self._shell(), command, self._workspace.root, environment(os.environ), wrapper)
        return report(job)

    async def _run(
        self, command: str, seconds: int, on_output: OutputCallback, sandbox: SandboxSettings | None
    ) -> ToolResult:
        wrapper = await self._wrapper(sandbox)
        try:
            result = await run_command(
                [*self._shell(), command], self._workspace.root, environment(os.environ), seconds, on_output, wrapper
            )
        except OSError as error:
            if not self._workspace.root.is_dir():
                raise gone(self._workspace.root) from error
            raise ToolError(f"The command could not be started: {error.strerror or error}.") from error
        printed = without_escape_codes(result.output).rstrip("\n")
        is_error = result.timed_out or result.code != 0
        hint = ""
        if sandbox and result.code and _MAY_BE_SANDBOX.search(printed):
            hint = _HINT.format("" if sandbox.has_network else "no network, and ")
        ending = _ending(result, seconds)
        return ToolResult(f"{printed}\n{hint}[{ending}]".lstrip("\n"), is_error, "output", fact=ending)

    def _shell(self) -> list[str]:
        # A program named bash that an earlier command has left on PATH would run outside the sandbox later.
        writable = writable_folders(self._workspace.root, self._sandbox_settings.writable)
        return [find_program("bash", writable) or "/bin/sh", "-c"]

    async def _wrapper(self, sandbox: SandboxSettings | None) -> Wrapper:
        if sandbox is None:
            return NO_WRAPPER
        # Imported late, as above.
        from aloop.sandbox.sandbox import make_wrapper

        try:
            return await asyncio.to_thread(make_wrapper, self._workspace.root, sandbox)
        except OSError as error:
            raise ToolError(f"The sandbox could not be prepared: {error.strerror or error}.") from error


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return ``env`` without secrets, with settings for use without a terminal."""
    withheld = secret_names(env)
    passed = {name: value for name, value in env.items() if name not in withheld and not name.startswith(_PRIVATE)}
    return passed | dict(NO_TERMINAL)


def secret_names(env: Mapping[str, str]) -> list[str]:
    """Return the variables that look like secrets by their name or value, sorted.

    Those named in ALOOP_PASS_ENV, separated by commas and perhaps with ``*``, are not among them, nor are the
    credentials of aloop itself.
    """
    passed = [pattern.strip() for pattern in env.get(_PASSED, "").split(",")]
    return sorted(
        name
        for name, value in env.items()
        if (_SECRET_NAME.search(name) or (_SECRET_VALUE.search(value) and not _PROXY.search(name)))
        and not name.startswith((_PRIVATE, _PASSED))
        and name not in NO_TERMINAL
        and not any(fnmatchcase(name, pattern) for pattern in passed)
    )


def _without(env: Mapping[str, str]) -> str:
    names = secret_names(env)
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f", without {shown}{more}" if names else ""


def _ending(result: CommandResult, seconds: int) -> str:
    if result.timed_out:
        return f"Stopped: the command did not finish within {quantity(seconds, 'second')}."
    return describe_exit(result.code)

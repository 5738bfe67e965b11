"""The tools that a model may call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aloop.config.values import SandboxSettings
from aloop.errors import UsageError
from aloop.tools.base import Tool, ToolResult
from aloop.tools.calculator import Calculator
from aloop.tools.decorator import tool
from aloop.tools.files.read import ListFiles, ReadFile
from aloop.tools.files.search import SearchFiles
from aloop.tools.files.workspace import Workspace
from aloop.tools.files.write import EditFile, WriteFile
from aloop.tools.jobs.table import JobTable
from aloop.tools.jobs.tools import JobOutput, StopJob
from aloop.tools.run_shell import RunShell
from aloop.tools.runner import ToolRunner, warm
from aloop.tools.todo import Todo

__all__ = ["Tool", "ToolResult", "ToolRunner", "default_tools", "tool", "warm"]


def default_tools(
    working_dir: Path | Workspace,
    *,
    allow_outside: bool = False,
    jobs: JobTable | None = None,
    sandbox: SandboxSettings | None = None,
    report: Callable[[str], None] = lambda _sentence: None,
) -> list[Tool]:
    """Return the built-in tools, in the order in which the model sees them.

    The file tools ask for permission before they leave ``working_dir``, unless ``allow_outside`` is set. A workspace
    has its own ``allow_outside``, so both together raise UsageError; the tools follow its root if that moves. ``jobs``
    keeps the commands that run in the background. Without ``sandbox``, commands run outside a sandbox; ``report`` is
    called with a sentence if it does not work.
    """
    jobs = jobs or JobTable()
    if not isinstance(working_dir, Workspace):
        workspace = Workspace(working_dir, allow_outside=allow_outside)
    elif allow_outside:
        raise UsageError("allow_outside is only for a path. Set it in the Workspace instead.")
    else:
        workspace = working_dir
    return [
        Calculator(),
        ReadFile(workspace),
        ListFiles(workspace),
        SearchFiles(workspace, writable=sandbox.writable if sandbox else ()),
        WriteFile(workspace),
        EditFile(workspace),
        RunShell(workspace, jobs, sandbox, report),
        JobOutput(jobs),
        StopJob(jobs),
        Todo(),
    ]

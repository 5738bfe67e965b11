"""A sandbox that works, or a reason to skip the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from aloop.config.values import SandboxSettings
from aloop.sandbox.sandbox import find_state
from aloop.tools.base import ToolResult
from aloop.tools.files.workspace import Workspace
from aloop.tools.run_shell import RunShell

Run = Callable[..., Coroutine[Any, Any, ToolResult]]


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def require_sandbox(folder: Path) -> None:
    """Skip the test where no sandbox works; ALOOP_TEST_SANDBOX=require fails it."""
    state = find_state(Path(os.path.realpath(folder)), SandboxSettings())
    if not state.works:
        if os.environ.get("ALOOP_TEST_SANDBOX") == "require":
            pytest.fail(state.sentence)
        pytest.skip(state.sentence)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a repository as working directory, with a folder ``outside`` beside it."""
    work = tmp_path / "work"
    for name in (".git/hooks", ".aloop/sessions/one", "src"):
        (work / name).mkdir(parents=True)
    for name in (".git/config", ".git/HEAD", ".aloop/sessions/one/session.yaml", "src/app.py"):
        (work / name).write_text("original\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("original\n")
    require_sandbox(work)
    return work


@pytest.fixture
def run(work: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command in the sandbox, with $OUTSIDE."""
    monkeypatch.setenv("OUTSIDE", str(work.parent / "outside"))

    async def run(
        command: str, seconds: int = 60, settings: SandboxSettings | None = None, folder: Path = work
    ) -> ToolResult:
        shell = RunShell(Workspace(folder), sandbox=settings or SandboxSettings("require"))
        return await shell.run({"command": command, "seconds": seconds})

    return run

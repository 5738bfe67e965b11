"""Commands in the background, from run_shell to stop_job."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aloop.errors import ToolError
from aloop.tools.base import Tool, ToolResult
from aloop.tools.files.workspace import Workspace
from aloop.tools.jobs import table
from aloop.tools.jobs.table import JobTable
from aloop.tools.jobs.tools import JobOutput, StopJob
from aloop.tools.run_shell import RunShell
from tests.processes import wait_until_gone


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # other processes have no event to wait for


def without_time(result: ToolResult) -> ToolResult:
    """Return a result without the run time, which depends on the load of the machine."""
    text, fact = (re.sub(r", after \d+ s(?=\]|\Z)", "", text) for text in (result.text, result.fact))
    return replace(result, text=text, fact=fact)


class Jobs:
    """The three tools with one table."""

    def __init__(self, workspace: Workspace) -> None:
        self.table = JobTable()
        self._shell, self._output, self._stop = (
            RunShell(workspace, self.table),
            JobOutput(self.table),
            StopJob(self.table),
        )

    async def start(self, command: str) -> str:
        return without_time(await self._shell.run({"command": command, "background": True})).text

    async def output(self, job: int = 1, seconds: int = 0) -> ToolResult:
        return without_time(await self._output.run({"job": job, "seconds": seconds}))

    async def stop(self, job: int = 1) -> str:
        return without_time(await self._stop.run({"job": job})).text


@pytest.fixture
async def jobs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Jobs]:
    monkeypatch.setattr(table, "_START_WAIT", 0.02)
    jobs = Jobs(workspace)
    yield jobs
    for job in jobs.table.jobs:
        await jobs.table.stop(job)


async def test_start_returns_while_the_command_runs(jobs: Jobs) -> None:
    assert await jobs.start("sleep 100") == "[job 1: running]"
    assert await jobs.start("sleep 100") == "[job 2: running]"
    assert await jobs.stop(2) == "[job 2: stopped]"
    assert [job.state for job in jobs.table.jobs] == ["running", "stopped"]


async def test_end_of_a_job_is_reported(jobs: Jobs) -> None:
    running: list[bool] = []
    jobs.table.on_end = lambda: running.append(jobs.table.jobs[0].is_running)
    await jobs.start("sleep 100")
    assert not running
    await jobs.stop(1)
    assert running == [False]


async def test_output_is_returned_once(jobs: Jobs, workspace: Workspace) -> None:
    await jobs.start("mkfifo go; echo one; read line < go; printf '\\033[31mtwo\\033[0m\\n'; exit 3")
    while not (first := await jobs.output()).text.startswith("one"):
        assert first.text == "[job 1: running]"
        await asyncio.sleep(0.01)
    (workspace.root / "go").write_text("\n")
    ending = "job 1: exit code 3"
    assert await jobs.output(seconds=30) == ToolResult(f"two\n[{ending}]", True, "output", fact=ending)
    assert (await jobs.output()).text == "[job 1: exit code 3]"
    assert jobs.table.find(1).recent == "one\ntwo\n"


async def test_wait_ends_at_its_limit(jobs: Jobs) -> None:
    await jobs.start("sleep 100")
    assert (await jobs.output(seconds=1)).text == "[job 1: running]"


async def test_stop_ends_everything_that_the_command_started(jobs: Jobs, workspace: Workspace) -> None:
    await jobs.start("setsid sleep 100 & echo $! > pid; sleep 100")
    path = workspace.root / "pid"
    await until(lambda: path.exists() and path.read_text().endswith("\n"))
    assert (await jobs.stop()).startswith("[job 1: stopped")
    await asyncio.to_thread(wait_until_gone, int(path.read_text()))
    assert (await jobs.stop()).startswith("[job 1: stopped")


async def test_interrupted_turn_leaves_running_jobs_alone(jobs: Jobs) -> None:
    await jobs.start("sleep 100")
    waiting = asyncio.create_task(jobs.output(seconds=100))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert jobs.table.find(1).is_running


async def test_interrupted_start_stops_the_job(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_START_WAIT", 100)
    starting = asyncio.create_task(jobs.start("sleep 100"))
    await until(lambda: bool(jobs.table.jobs))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await jobs.table.find(1).wait(30)
    assert jobs.table.find(1).state == "stopped"


async def test_start_that_is_cancelled_as_its_command_ends_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_START_WAIT", 100)
    jobs = JobTable()
    starting = asyncio.create_task(jobs.start(("/bin/sh", "-c"), "true", tmp_path, os.environ))

    def cancel() -> None:
        starting.cancel()

    jobs.on_end = cancel
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_unknown_job_is_an_error_that_names_the_known_ones(jobs: Jobs) -> None:
    with pytest.raises(ToolError, match=r"Job 7 does not exist\. No job was started\."):
        await jobs.output(7)
    await jobs.start("true")
    with pytest.raises(ToolError, match=r"Known jobs: 1\."):
        await jobs.stop(7)


async def test_number_of_running_jobs_is_limited(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_RUNNING", 1)
    await jobs.start("sleep 100")
    with pytest.raises(ToolError, match="Already running: 1 job"):
        await jobs.start("sleep 100")


async def test_only_the_last_ended_jobs_are_kept(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_MOST_ENDED", 2)
    for _ in range(4):
        await jobs.start("true")
        await jobs.table.jobs[-1].wait(30)
    await jobs.start("true")
    assert [job.number for job in jobs.table.jobs] == [3, 4, 5]


@pytest.mark.parametrize("tool", [JobOutput(JobTable()), StopJob(JobTable())])
async def test_job_tools_need_no_permission(tool: Tool) -> None:
    arguments: Mapping[str, Any] = {"job": 1}
    assert (await tool.prepare(arguments)).request is None


async def test_background_command_needs_the_same_permission(workspace: Workspace) -> None:
    action = await RunShell(workspace).prepare({"command": "make", "background": True})
    assert action.request is not None
    assert (action.request.kinds, action.request.detail) == (("shell",), "make")
    assert "in the background" in action.request.summary


@pytest.mark.parametrize("ending", ["return", "os.kill(os.getpid(), 9)"])
def test_jobs_end_with_the_process(ending: str, tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import asyncio, os
        from pathlib import Path
        from aloop.tools.jobs.table import JobTable

        async def main():
            await JobTable().start(["/bin/sh", "-c"], "echo $$ > pid; sleep 100", Path({str(tmp_path)!r}), os.environ)
            while not (Path({str(tmp_path)!r}) / "pid").exists():
                await asyncio.sleep(0.01)
            {ending}

        asyncio.run(main())
    """)
    subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    wait_until_gone(int((tmp_path / "pid").read_text()))

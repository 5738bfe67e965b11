"""The background commands of one agent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from aloop.errors import ToolError
from aloop.formatting import quantity
from aloop.sandbox.wrapper import NO_WRAPPER, Wrapper
from aloop.sanitize import without_escape_codes
from aloop.text import HeadAndTail
from aloop.tools.process import CommandResult, describe_exit, run_command

MOST_RUNNING = 10
_MOST_ENDED = 20  # ended jobs whose output is still kept
_MOST_CHARACTERS = 1_000_000  # of output that was not read yet, from its start and from its end
_STOP_WAIT = 5.0  # seconds; a command that ignores SIGTERM is killed before
_START_WAIT = 0.3  # seconds in which a command that fails at once has failed


class Job:
    """A command in the background.

    Its output is read piece by piece: each piece is returned once. The last ``RECENT`` characters stay available.
    """

    RECENT = 20_000

    def __init__(self, number: int, command: str) -> None:
        self.number = number
        self.command = command
        self.result: CommandResult | None = None
        self.error = ""
        self.is_stopped = False
        self._began = time.monotonic()
        self._ended: float | None = None
        self._unread = HeadAndTail(_MOST_CHARACTERS)
        self._recent = ""
        self._changed = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """True until the command and everything it started have ended."""
        return self._ended is None

    @property
    def seconds(self) -> float:
        """The run time so far."""
        return (time.monotonic() if self._ended is None else self._ended) - self._began

    @property
    def state(self) -> str:
        """The state in words: ``running``, ``exit code 1``, ``stopped``."""
        if self.is_running:
            return "running"
        if self.error:
            return f"not started: {self.error}"
        if self.is_stopped or self.result is None:
            return "stopped"
        return describe_exit(self.result.code)

    @property
    def recent(self) -> str:
        """The last part of the output, even if it was read before."""
        return without_escape_codes(self._recent)

    def take_output(self) -> str:
        """Return the output since the last call."""
        unread, self._unread = self._unread, HeadAndTail(_MOST_CHARACTERS)
        return without_escape_codes(unread.text)

    async def wait(self, seconds: float) -> None:
        """Wait until the job has ended, at most ``seconds``."""
        if self.is_running:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    def add(self, text: str) -> None:
        """Take a piece of the output."""
        self._unread.add(text)
        self._recent = (self._recent + text)[-self.RECENT :]

    def end(self) -> None:
        """Note that the command has ended."""
        self._ended = time.monotonic()
        self._changed.set()


class JobTable:
    """Starts commands in the background, and numbers them from 1.

    They belong to the event loop: when it ends, each of them is ended with everything that it started.
    """

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._last = 0
        self.on_end: Callable[[], None] = lambda: None
        """Called when a job has ended."""

    @property
    def jobs(self) -> list[Job]:
        """All jobs that are still known, the oldest first."""
        return list(self._jobs.values())

    def find(self, number: int) -> Job:
        """Return a job; raise ToolError if it does not exist."""
        if job := self._jobs.get(number):
            return job
        known = ", ".join(map(str, self._jobs))
        others = f"Known jobs: {known}." if known else "No job was started."
        raise ToolError(f"Job {number} does not exist.", others)

    async def start(
        self, shell: Sequence[str], command: str, folder: Path, env: Mapping[str, str], wrapper: Wrapper = NO_WRAPPER
    ) -> Job:
        """Start ``shell`` with ``command``; raise ToolError if too many jobs are running.

        Returns a moment later, so that a command that fails at once has already ended.
        """
        running = [job for job in self._jobs.values() if job.is_running]
        if len(running) >= MOST_RUNNING:
            raise ToolError(f"Already running: {quantity(len(running), 'job')}.", "Stop one with stop_job first.")
        self._last += 1
        job = self._jobs[self._last] = Job(self._last, command)
        task = asyncio.create_task(self._run(job, [*shell, command], folder, env, wrapper))
        self._tasks[job.number] = task
        self._forget_old()
        try:
            await job.wait(_START_WAIT)
        except asyncio.CancelledError:
            task.cancel()  # no result will mention the job
            raise
        return job

    async def stop(self, job: Job) -> None:
        """End the job and everything it started, and wait for that."""
        if job.is_running:
            job.is_stopped = True
            self._tasks[job.number].cancel()
            await job.wait(_STOP_WAIT)

    async def _run(
        self, job: Job, command: Sequence[str], folder: Path, env: Mapping[str, str], wrapper: Wrapper
    ) -> None:
        try:
            job.result = await run_command(command, folder, env, None, job.add, wrapper)
        except OSError as error:
            job.error = error.strerror or str(error)
        finally:
            job.end()
            del self._tasks[job.number]
            self.on_end()

    def _forget_old(self) -> None:
        ended = [number for number, job in self._jobs.items() if not job.is_running]
        for number in ended[:-_MOST_ENDED]:
            del self._jobs[number]

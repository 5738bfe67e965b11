"""One task without a prompt: the answer on standard output, and how it went on standard error."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import AloopError, StorageError
from commands.attachments import with_attachments
from commands.context import Verbosity
from commands.mentions import attach_mentions
from commands.trust import find_concerns, remember_work
from commands.trust_store import TrustFile
from repl.crash_report import bug_text
from repl.engine import build_agent, names_model, resume_session
from repl.options import TaskOptions
from repl.task_report import Ending, TaskReport, make_report, tell

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.memory import Session

__all__ = ["TaskOptions", "run_task"]

_DONE, _FAILED = 0, 1


def run_task(options: TaskOptions) -> int:
    """Do the task and return the exit code: 0 done, 1 failed, 128 and the signal that interrupted it."""
    detail = Verbosity(options.settings.verbose, bool(options.settings.thinking))
    report, stop = make_report(options.output_format, detail), _Stop()
    try:
        ending = _attempt(options, report, stop)
        report.end(ending)
    except BrokenPipeError:
        _drop_stdout()
        return _FAILED
    return stop.exit_code if ending.status == "interrupted" else _FAILED if ending.status == "failed" else _DONE


class _Stop:
    """The signal that ends a task; SIGINT until another one has come."""

    def __init__(self) -> None:
        self._number = signal.SIGINT

    @property
    def exit_code(self) -> int:
        return 128 + self._number

    def listen(self, task: asyncio.Task[Ending]) -> None:
        """Cancel ``task`` when a signal comes. One that is ignored stays so: nohup means it."""
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            self._number = number
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, stop, number)


def _attempt(options: TaskOptions, report: TaskReport, stop: _Stop) -> Ending:
    try:
        return asyncio.run(_run(options, report, stop))
    except AloopError as error:
        return Ending("failed", error=str(error))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return Ending("interrupted", error="Interrupted.")
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - one clear line instead of a traceback
        return Ending("failed", error=bug_text(error))


async def _run(options: TaskOptions, report: TaskReport, stop: _Stop) -> Ending:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - we are in one
    stop.listen(task)
    agent = build_agent(options)
    agent.on_event = report.event
    trust = TrustFile.of_user()
    try:
        if options.resume is not None:
            session = await resume_session(
                agent,
                options.resume,
                admit=partial(_announce, agent.memory.sessions_dir, trust),
                keep_model=names_model(options),
                system=options.system,
            )
            for warning in session.warnings:
                tell(warning)
        remember_work(agent, trust, tell)
        report.begin(agent)
        before = agent.memory.message_count
        try:
            return Ending("completed", await agent.run(await _with_files(options, agent)))
        except StorageError as error:
            # What could not be saved is there to be read all the same.
            answer = agent.memory.messages[-1].content if agent.memory.message_count > before else None
            return Ending("failed", answer, str(error))
    finally:
        await agent.llm.aclose()


async def _with_files(options: TaskOptions, agent: ReActAgent) -> str:
    """Return the task with the files that it mentions; no other than a tool might read without a question."""
    found = await attach_mentions(options.typed, agent.working_dir, outside="outside" in options.allow)
    for refusal in found.refusals:
        tell(refusal)
    for attachment in found.attachments:
        tell(f"attached {attachment.summary}")
    return with_attachments(options.task, found.attachments)


async def _announce(sessions_dir: Path, trust: TrustFile, session: Session) -> None:
    """Say what is strange about a session, and go on: whoever named it for a task can not be asked."""
    for doubt in find_concerns(session, sessions_dir, trust):
        for row in doubt.notice.split("\n"):
            tell(row)


def _drop_stdout() -> None:
    """Let nobody flush into the closed pipe when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""Run one task without a prompt."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.agent.events import AgentEvent, Notice
from aloop.agent.loop import NO_ANSWER, STOPPED_TURNS, early_end_of
from aloop.config.values import MAX_STEPS
from aloop.errors import (
    FAILURE,
    SHORT_ID,
    SUCCESS,
    AloopError,
    ContextOverflow,
    CostLimitReached,
    LLMError,
    Problem,
    SessionBusy,
    StorageError,
)
from aloop.formatting import quantity
from aloop.interrupts import restore_interrupts
from aloop.memory.trust_file import TrustFile
from aloop.terminal import OutputFailed
from commands.attachments import with_attachments
from commands.context import Verbosity
from commands.mentions import attach_mentions
from commands.project.instructions import load_instructions, names_of, untrusted_notice
from commands.project.skills import load_skills
from commands.trust import find_concerns, remember_work
from repl.crash_report import bug_text
from repl.engine import build_agent, names_model, resume_session
from repl.options import TaskOptions
from repl.task_report import TaskReport, TaskResult, make_report, write_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aloop.agent import ReActAgent
    from aloop.llm.content.parts import MediaFile
    from aloop.memory import Session

__all__ = ["TaskOptions", "run_task"]

_FULL = "model_context_window_exceeded"
"""The ``stop_reason`` of an answer after which the session has no room for another one."""


def run_task(options: TaskOptions) -> int:
    """Run the task and return the exit code.

    0 means done, 1 failed, and 128 plus the number of a signal interrupted.
    """
    verbosity = Verbosity(options.settings.verbose, bool(options.settings.thinking))
    report, stop = make_report(options.output_format, verbosity), _Stop()
    try:
        result = _attempt(options, report, stop)
        report.end(result)
    except BrokenPipeError:
        _drop_stdout()
        return FAILURE
    return stop.exit_code if result.status == "interrupted" else FAILURE if result.status == "failed" else SUCCESS


class _Stop:
    """The signal that ended a task, SIGINT by default."""

    def __init__(self) -> None:
        self._number = signal.SIGINT

    @property
    def exit_code(self) -> int:
        return 128 + self._number

    def listen(self, task: asyncio.Task[TaskResult]) -> None:
        """Cancel ``task`` on a signal; ignored signals stay ignored, as nohup expects."""
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            self._number = number
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, stop, number)


def _attempt(options: TaskOptions, report: TaskReport, stop: _Stop) -> TaskResult:
    try:
        restore_interrupts()
        return asyncio.run(_run(options, report, stop))
    except AloopError as error:
        return TaskResult("failed", error=str(error))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return TaskResult("interrupted", error="Interrupted.")
    except (BrokenPipeError, OutputFailed):
        raise
    except Exception as error:  # noqa: BLE001 - one clear line instead of a traceback
        return TaskResult("failed", error=bug_text(error))


async def _run(options: TaskOptions, report: TaskReport, stop: _Stop) -> TaskResult:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this coroutine runs in a task
    stop.listen(task)
    agent = build_agent(options)
    cause = with_advice = ""

    def take(event: AgentEvent) -> None:
        nonlocal cause, with_advice
        if isinstance(event, Notice) and event.cause:
            cause, with_advice = event.cause, str(event.text)
        report.event(event)

    agent.on_event = take
    trust = TrustFile.of_user()
    try:
        if options.resume is not None:
            session = await resume_session(
                agent,
                options.resume,
                admit=partial(_print_concerns, agent.memory.sessions_dir, trust),
                keep_model=names_model(options),
                system=options.system,
            )
            for warning in session.warnings:
                write_note(Problem(warning))
            if holder := await agent.memory.find_shell():
                busy = SessionBusy(agent.memory.session_id, holder)
                write_note(f"{busy} This task is added to it. The other aloop reads it before its next turn.")
        _use_instructions(agent, trust)
        remember_work(agent, trust, write_note, write_note)
        report.begin(agent)
        before = agent.memory.message_count
        try:
            answer = await agent.run(*await _with_files(options, agent))
            stop_reason = early_end_of(agent.memory.messages)
            if stop_reason is None:
                return TaskResult("completed", answer)
            stopped = STOPPED_TURNS.get(stop_reason, "").format(limit=quantity(options.max_steps, "step"))
            begun = None if stopped else answer.removesuffix(NO_ANSWER) or None
            if stop_reason == _FULL:
                return TaskResult("failed", begun, f"{with_advice} {_where_saved(agent)}", stop_reason)
            return TaskResult("failed", begun, f"{stopped or cause} {_how_to_resume(options, agent)}", stop_reason)
        except StorageError as error:
            # The answer could not be saved, but it can be shown.
            unsaved = agent.memory.messages[-1].content if agent.memory.message_count > before else None
            return TaskResult("failed", unsaved, f"{cause} {error}".lstrip())
        except (LLMError, CostLimitReached) as error:
            reached = "max_cost" if isinstance(error, CostLimitReached) else error.stop_reason
            advice = ""
            if agent.memory.message_count != before:
                is_full = isinstance(error, ContextOverflow)
                advice = f" {_where_saved(agent) if is_full else _how_to_resume(options, agent)}"
            return TaskResult("failed", None, f"{error}{advice}", reached)
        except asyncio.CancelledError:
            if agent.memory.message_count == before:
                raise
            return TaskResult("interrupted", error=f"Interrupted. {_how_to_resume(options, agent)}")
    finally:
        await agent.llm.aclose()


def _where_saved(agent: ReActAgent) -> str:
    """Return where the steps are in a session that is too long to be resumed."""
    return f"The steps so far are saved in session {agent.memory.session_id[:SHORT_ID]}."


def _how_to_resume(options: TaskOptions, agent: ReActAgent) -> str:
    """Return how to resume the task with the same permissions and limits."""
    given = [] if options.sessions_dir is None else ["--sessions-dir", str(options.sessions_dir)]
    given += ["--resume", agent.memory.session_id[:SHORT_ID]]
    given += ["--allow", ",".join(options.allow)] if options.allow else []
    given += ["--max-steps", str(options.max_steps)] if options.max_steps != MAX_STEPS else []
    given += ["--max-cost", f"{options.settings.max_cost}"] if options.settings.max_cost is not None else []
    return f"The steps so far are saved. To resume: {shlex.join(['aloop', *given, '--task', 'Continue'])}"


async def _with_files(options: TaskOptions, agent: ReActAgent) -> tuple[str, Sequence[MediaFile]]:
    """Return the task with the files it mentions, if a tool may read them unasked."""
    found = await attach_mentions(options.typed, agent.working_dir, outside="outside" in options.allow)
    for refusal in found.refusals:
        write_note(refusal)
    for summary in (*(each.summary for each in found.attachments), *(each.summary for each in found.media)):
        write_note(f"attached {summary}")
    for note in found.notes:
        write_note(note)
    return with_attachments(options.task, found.attachments), found.media


def _use_instructions(agent: ReActAgent, trust: TrustFile) -> None:
    """Give the agent what trusted folders have for it, and report the other files."""
    loaded, skills = load_instructions(agent.working_dir, trust), load_skills(agent.working_dir, trust)
    agent.instructions, agent.skills = loaded.instructions, skills.offered
    for notice in (*loaded.notices, *skills.notices):
        write_note(Problem(notice))
    untrusted = (*loaded.untrusted, *skills.untrusted)
    if untrusted and (root := untrusted[0].project):
        write_note(untrusted_notice(root, names_of(untrusted)))


async def _print_concerns(sessions_dir: Path, trust: TrustFile, session: Session) -> None:
    """Print what is unusual about a session, without a question: no one can answer."""
    for concern in find_concerns(session, sessions_dir, trust):
        for row in concern.notice.split("\n"):
            write_note(row)


def _drop_stdout() -> None:
    """Keep the interpreter from flushing into the closed pipe when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

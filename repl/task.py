"""One task without a prompt: the answer on standard output, and how it went on standard error."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from aloop.agent.events import AgentEvent, AnswerFinished, Notice, Retrying, ToolFinished, ToolOutput
from aloop.errors import AloopError, StorageError
from repl.engine import build_agent, names_model, resume_session
from repl.options import TaskOptions
from repl.report import bug_text
from repl.sanitize import safe_text
from repl.spans import line, to_text
from repl.steps import finished_line, retrying_text

__all__ = ["TaskOptions", "run_task"]

_FAILED = 1
_INTERRUPTED = 130


def run_task(options: TaskOptions) -> int:
    """Do the task and return the exit code: 0 done, 1 failed, 130 interrupted by SIGINT or SIGTERM."""
    try:
        answer = asyncio.run(_run(options))
        _print_answer(answer)
    except AloopError as error:
        _tell(str(error))
    except (asyncio.CancelledError, KeyboardInterrupt):
        _tell("Interrupted.")
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
    except Exception as error:  # noqa: BLE001 - one clear line instead of a traceback
        _tell(bug_text(error))
    else:
        return 0
    return _FAILED


async def _run(options: TaskOptions) -> str:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - we are in one
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    agent = build_agent(options)
    agent.on_event = _report
    try:
        if options.resume is not None:
            await resume_session(agent, options.resume, keep_model=names_model(options))
        before = agent.memory.message_count
        try:
            return await agent.run(options.task)
        except StorageError:
            # What could not be saved is there to be read all the same.
            if agent.memory.message_count > before and (answer := agent.memory.messages[-1].content):
                _print_answer(answer)
            raise
    finally:
        await agent.llm.aclose()


def _report(event: AgentEvent) -> None:
    match event:
        case AnswerFinished(message) if message.tool_calls and message.content:
            # What is said on the way to the answer is not the answer.
            _tell(message.content)
        case ToolOutput(_, text):
            sys.stderr.write(safe_text(text))
            sys.stderr.flush()
        case ToolFinished():
            sys.stderr.write(to_text([finished_line(event)]))
        case Retrying() if event.is_first:
            _tell(retrying_text(event))
        case Notice(text):
            _tell(text)


def _tell(text: str) -> None:
    sys.stderr.write(to_text([line(text)]))
    sys.stderr.flush()


def _print_answer(answer: str) -> None:
    """Print the answer: made safe for a terminal, as it is for anything else."""
    text = safe_text(answer) if sys.stdout.isatty() else answer
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def _drop_stdout() -> None:
    """Let nobody flush into the closed pipe when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

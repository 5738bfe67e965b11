"""The output of a task: its result, and its progress on standard error."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from aloop.agent import ReActAgent
from aloop.agent.events import (
    AgentEvent,
    AnswerFinished,
    Compacting,
    Notice,
    Retrying,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnEnded,
    Waiting,
)
from aloop.agent.loop import STOPPED_TURNS
from aloop.cli.console import json_line
from aloop.config.values import OutputFormat
from aloop.llm.message_types import Usage
from aloop.sanitize import safe_text
from commands.context import Verbosity
from repl.output.notices import notice_text
from repl.output.styled import line, to_text
from repl.turn.lines import ThinkingBuffer, finished_lines, retrying_text, waiting_text
from repl.turn.output_text import OutputText


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The end of a task, with an ``answer`` or an ``error``.

    ``stop_reason`` is set if a limit or the model ended it early.
    """

    status: Literal["completed", "failed", "interrupted"]
    answer: str | None = None
    error: str | None = None
    stop_reason: str | None = None


class TaskReport(Protocol):
    """An output format."""

    def begin(self, agent: ReActAgent) -> None:
        """Report the start; not called if the agent or the session could not be loaded."""
        ...

    def event(self, event: AgentEvent) -> None:
        """Report an event of the turn."""
        ...

    def end(self, result: TaskResult) -> None:
        """Report the end; called exactly once."""
        ...


class Progress:
    """Prints the progress of a turn on standard error."""

    def __init__(self, verbosity: Verbosity) -> None:
        self._verbosity = verbosity
        self._thinking = ThinkingBuffer()
        self._output = OutputText()

    def show(self, event: AgentEvent) -> None:
        thinking = self._thinking.take(event)
        if self._verbosity.thinking:
            sys.stderr.write(to_text(thinking))
        match event:
            case AnswerFinished(message) if message.tool_calls and message.content:
                # Text before a tool call is not the answer.
                write_note(message.content)
            case ToolOutput():
                sys.stderr.write(self._output.add(event, is_whole=self._verbosity.verbose))
                sys.stderr.flush()
            case ToolFinished():
                rest = self._output.finish(event.call)
                sys.stderr.write(rest + to_text(finished_lines(event, verbose=self._verbosity.verbose)))
            case TurnEnded():
                sys.stderr.write(self._output.finish_all())
            case Retrying() if event.is_first:
                write_note(retrying_text(event))
            case Waiting(what) if what:
                write_note(waiting_text(what))
            case Compacting(messages):
                write_note(f"Summarizing {messages} older messages to make room.")
            case Notice(text) if not event.cause:  # the error of the task names the cause
                write_note(text)


class TextReport:
    """The answer on standard output, and nothing else."""

    def __init__(self, verbosity: Verbosity) -> None:
        self._progress = Progress(verbosity)

    def begin(self, agent: ReActAgent) -> None:
        """Print nothing."""

    def event(self, event: AgentEvent) -> None:
        self._progress.show(event)

    def end(self, result: TaskResult) -> None:
        if result.error is not None:
            write_note(f"aloop: {result.error}")
        if result.answer is not None:
            # Safe for a terminal; unchanged for a pipe or a file.
            text = safe_text(result.answer) if sys.stdout.isatty() else result.answer
            _write(text if text.endswith("\n") else text + "\n")


class JsonReport:
    """The result as a line of JSON; with ``steps``, also a line for each step."""

    def __init__(self, verbosity: Verbosity, *, steps: bool) -> None:
        self._progress = Progress(verbosity)
        self._steps = steps
        self._agent: ReActAgent | None = None
        self._usage = Usage()
        self._seconds = 0.0
        self._answers = 0
        self._stop_reason: str | None = None

    def begin(self, agent: ReActAgent) -> None:
        self._agent = agent
        self._step(
            "init",
            session_id=agent.memory.session_id,
            model=agent.llm.model,
            working_dir=Path.cwd(),
            tools=[spec.name for spec in agent.tool_specs],
            messages=agent.memory.message_count,
        )

    def event(self, event: AgentEvent) -> None:
        self._progress.show(event)
        match event:
            case AnswerFinished(message) if message.stop_reason not in STOPPED_TURNS:
                self._answers += 1
                self._stop_reason = message.stop_reason
                if message.content:
                    self._step("text", text=message.content)
            case ToolStarted(call):
                self._step("tool_call", id=call.id, name=call.name, arguments=_arguments(call.arguments))
            case ToolFinished(call, _, result, seconds):
                outcome = {"text": result.text, "is_error": result.is_error, "seconds": round(seconds, 3)}
                self._step("tool_result", id=call.id, name=call.name, **outcome)
            case TurnEnded(_, _, usage, seconds):
                self._usage, self._seconds = usage, seconds

    def end(self, result: TaskResult) -> None:
        if result.error is not None:
            write_note(f"aloop: {result.error}")
        agent = self._agent
        self._print(
            "result",
            **(asdict(result) | {"stop_reason": result.stop_reason or self._stop_reason}),
            session_id=agent.memory.session_id if agent and agent.memory.path else None,
            model=agent.llm.model if agent else None,
            steps=self._answers,
            seconds=round(self._seconds, 3),
            usage=asdict(self._usage),
            cost_usd=agent.budget.turn_cost().exact if agent else 0.0,
        )

    def _step(self, kind: str, **fields: Any) -> None:
        if self._steps:
            self._print(kind, **fields)

    def _print(self, kind: str, **fields: Any) -> None:
        _write(json_line({"type": kind} | fields) + "\n")


def make_report(output_format: OutputFormat, verbosity: Verbosity) -> TaskReport:
    """Return the report for ``output_format``; ``verbosity`` is that of the progress."""
    return (
        TextReport(verbosity)
        if output_format == "text"
        else JsonReport(verbosity, steps=output_format == "stream-json")
    )


def write_note(text: str) -> None:
    """Write a sentence to standard error."""
    sys.stderr.write(to_text([line(notice_text(text))]))
    sys.stderr.flush()


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _arguments(text: str) -> object:
    """Return the arguments as parsed JSON, or as text if they are invalid."""
    try:
        return json.loads(text)
    except ValueError:
        return text

"""What a task leaves on the standard streams: the answer, or JSON for programs; progress for people goes beside it."""

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
from aloop.config import OutputFormat
from aloop.formatting import json_line
from aloop.llm.message_types import Usage
from aloop.sanitize import safe_text
from commands.context import Verbosity
from repl.output.styled import line, to_text
from repl.turn.lines import ThinkingBuffer, finished_lines, retrying_text, waiting_text


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ended: with an ``answer``, or with an ``error`` in its place."""

    status: Literal["completed", "failed", "interrupted"]
    answer: str | None = None
    error: str | None = None


class TaskReport(Protocol):
    """One of the output formats."""

    def begin(self, agent: ReActAgent) -> None:
        """The turn is about to begin; not called when there is no agent, or no session, to take it."""
        ...

    def event(self, event: AgentEvent) -> None:
        """Report a step of the turn."""
        ...

    def end(self, ending: Ending) -> None:
        """Report the end, always and once."""
        ...


class Progress:
    """Tells a person, on standard error, what is being done."""

    def __init__(self, detail: Verbosity) -> None:
        self._detail = detail
        self._thoughts = ThinkingBuffer()

    def tell(self, event: AgentEvent) -> None:
        """Tell of a step of the turn."""
        thought = self._thoughts.take(event)
        if self._detail.thinking:
            sys.stderr.write(to_text(thought))
        match event:
            case AnswerFinished(message) if message.tool_calls and message.content:
                # What is said on the way to the answer is not the answer.
                tell(message.content)
            case ToolOutput(_, text):
                sys.stderr.write(safe_text(text))
                sys.stderr.flush()
            case ToolFinished():
                sys.stderr.write(to_text(finished_lines(event, verbose=self._detail.verbose)))
            case Retrying() if event.is_first:
                tell(retrying_text(event))
            case Waiting(what) if what:
                tell(waiting_text(what))
            case Compacting(messages):
                tell(f"Summarising {messages} older messages to make room.")
            case Notice(text):
                tell(text)


class TextReport:
    """The answer on standard output, and nothing else."""

    def __init__(self, detail: Verbosity) -> None:
        self._progress = Progress(detail)

    def begin(self, agent: ReActAgent) -> None:
        """Nobody needs to be told."""

    def event(self, event: AgentEvent) -> None:
        self._progress.tell(event)

    def end(self, ending: Ending) -> None:
        if ending.error is not None:
            tell(ending.error)
        if ending.answer is not None:
            # Made safe for a terminal, as it is for anything else.
            text = safe_text(ending.answer) if sys.stdout.isatty() else ending.answer
            _write(text if text.endswith("\n") else text + "\n")


class JsonReport:
    """One JSON object, the result; with ``steps``, one for each step before it, a line each."""

    def __init__(self, detail: Verbosity, *, steps: bool) -> None:
        self._progress = Progress(detail)
        self._steps = steps
        self._agent: ReActAgent | None = None
        self._usage = Usage()
        self._seconds = 0.0
        self._answers = 0

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
        self._progress.tell(event)
        match event:
            case AnswerFinished(message):
                self._answers += 1
                if message.content:
                    self._step("text", text=message.content)
            case ToolStarted(call):
                self._step("tool_call", id=call.id, name=call.name, arguments=_arguments(call.arguments))
            case ToolFinished(call, _, result, seconds):
                outcome = {"text": result.text, "is_error": result.is_error, "seconds": round(seconds, 3)}
                self._step("tool_result", id=call.id, name=call.name, **outcome)
            case TurnEnded(_, _, usage, seconds):
                self._usage, self._seconds = usage, seconds

    def end(self, ending: Ending) -> None:
        if ending.error is not None:
            tell(ending.error)
        agent = self._agent
        self._print(
            "result",
            **asdict(ending),
            session_id=agent.memory.session_id if agent and agent.memory.path else None,
            model=agent.llm.model if agent else None,
            steps=self._answers,
            seconds=round(self._seconds, 3),
            usage=asdict(self._usage),
        )

    def _step(self, kind: str, **fields: Any) -> None:
        if self._steps:
            self._print(kind, **fields)

    def _print(self, kind: str, **fields: Any) -> None:
        _write(json_line({"type": kind} | fields) + "\n")


def make_report(output_format: OutputFormat, detail: Verbosity) -> TaskReport:
    """Return the report for ``output_format``; ``detail`` is how much a person is told on the way."""
    return TextReport(detail) if output_format == "text" else JsonReport(detail, steps=output_format == "stream-json")


def tell(text: str) -> None:
    """Write a sentence to standard error."""
    sys.stderr.write(to_text([line(text)]))
    sys.stderr.flush()


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _arguments(text: str) -> object:
    """Return the arguments as the object that they spell, as text where they spell none."""
    try:
        return json.loads(text)
    except ValueError:
        return text

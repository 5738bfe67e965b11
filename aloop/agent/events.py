"""What a turn tells the screen, in the order in which it happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aloop.errors import LLMError
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.tools.base import ToolResult


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The turn began; ``model`` will answer it."""

    model: str


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """A piece of the model's thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """One assistant message is whole (there may be tool calls to come, and more of them after those)."""

    message: LLMMessage


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool begins to run; ``headline`` is the argument that matters, as text, perhaps empty."""

    call: ToolCall
    headline: str


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """A piece of what a running tool puts out; it may end in mid-line."""

    call: ToolCall
    text: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool ended after ``seconds``, those not counted in which a person was asked; in the order of the calls."""

    call: ToolCall
    headline: str
    result: ToolResult
    seconds: float


@dataclass(frozen=True, slots=True)
class Retrying:
    """A question failed with ``error`` and is asked again; sent about once a second while that is waited for.

    ``number`` is that of the try to come, of ``tries`` in all. Of the ``pause``, ``left`` is still to go; both are in
    seconds, and the last event has 0 left.
    """

    error: LLMError
    number: int
    tries: int
    pause: float
    left: float

    @property
    def is_first(self) -> bool:
        """Whether the wait begins here; for whoever tells of it only once."""
        return 0 < self.left == self.pause


@dataclass(frozen=True, slots=True)
class Waiting:
    """The answer can not begin yet, for ``what`` goes on, as "loading SmolLM2-135M"; empty once that is over."""

    what: str


@dataclass(frozen=True, slots=True)
class ReadingQuestion:
    """The model still reads what it is asked; ``share`` of it has been read, sent about once a second and at last 1."""

    share: float


@dataclass(frozen=True, slots=True)
class Compacting:
    """A summary of the first ``messages`` that are sent is being written, to take their place."""

    messages: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that the person should read: a repair, a recovery, a limit reached."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over and, where it kept anything, saved.

    ``status`` says how it ended; ``kept`` is False when nothing came back and the turn left no trace.
    """

    status: Literal["completed", "interrupted", "failed"]
    kept: bool
    usage: Usage
    seconds: float


AgentEvent = (
    TurnStarted
    | AnswerDelta
    | ThoughtDelta
    | AnswerFinished
    | ToolStarted
    | ToolOutput
    | ToolFinished
    | Retrying
    | Waiting
    | ReadingQuestion
    | Compacting
    | Notice
    | TurnEnded
)

"""The events of a turn, emitted as they happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aloop.errors import LLMError
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.tools.base import ToolResult
from aloop.tools.todo import OpenSteps


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The turn began; ``model`` will answer.

    ``steps`` is the list of an earlier turn, if steps are left.
    """

    model: str
    steps: OpenSteps | None = None


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """A piece of the answer's text, or markers such as [1] after cited text."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """A piece of the model's thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """One assistant message is complete. If the turn ``continues``, another follows."""

    message: LLMMessage
    continues: bool = False


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool call began; ``headline`` is its main argument as text, possibly empty."""

    call: ToolCall
    headline: str


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """A piece of a running tool's output; it may end within a line."""

    call: ToolCall
    text: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call ended; sent in the order of the calls.

    ``seconds`` is its run time, without the wait for permission.
    """

    call: ToolCall
    headline: str
    result: ToolResult
    seconds: float


@dataclass(frozen=True, slots=True)
class Retrying:
    """A request failed and will be retried; sent about once a second until then.

    ``error`` is the failure, ``number`` the number of the next try, ``tries`` the total. ``pause`` is the whole wait
    and ``left`` the rest of it, in seconds; the last event has 0 left.
    """

    error: LLMError
    number: int
    tries: int
    pause: float
    left: float

    @property
    def is_first(self) -> bool:
        """True for the first event of a wait, for displays that report a wait only once."""
        return 0 < self.left == self.pause


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wait for ``what``, such as "loading SmolLM2-135M"; empty when it is over."""

    what: str


@dataclass(frozen=True, slots=True)
class ReadingQuestion:
    """The model is reading the prompt; sent about once a second.

    ``share`` is the part read so far, 1 in the last event.
    """

    share: float


@dataclass(frozen=True, slots=True)
class Compacting:
    """The model is summarizing the oldest messages; ``messages`` is their number."""

    messages: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the user; a ``Problem`` is shown as a warning.

    ``cause`` is set if the turn ends before the model has finished: the reason without advice, as one sentence.
    """

    text: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over, and saved unless ``kept`` is False.

    ``kept`` is False if the model returned nothing; the turn then leaves no trace.
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

"""The interface of a language model: one method that streams one answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from aloop.llm.message_types import LLMMessage, Usage

StopReason = Literal[
    "end_turn",
    "tool_use",
    "max_tokens",
    "stop_sequence",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
]


DEFAULT_CONTEXT_WINDOW = 200_000
"""Tokens. Assumed while the context window of a model is not known."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as described to the model; ``parameters`` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer's text, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class SourceMarker:
    """The numbers of the sources that the text before it cites, such as "[1][3]".

    It is shown after that text, and not part of it.
    """

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """A piece of the model's thinking, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class Loading:
    """A wait until ``what`` is loaded, such as "SmolLM2-135M"; empty once it is."""

    what: str


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """A wait until the prompt is read; ``share`` is the part read, 1 at the end."""

    share: float


@dataclass(frozen=True, slots=True)
class ModelNote:
    """A sentence about the answer for the user; it is not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer, always the last event of a stream that did not fail.

    ``message`` is the assistant's message, with usage and model set. Its tool calls may run only if ``stop_reason`` is
    ``tool_use``. ``detail`` is the explanation that the API gives with a refusal.
    """

    message: LLMMessage
    stop_reason: StopReason
    usage: Usage = field(default_factory=Usage)
    detail: str = ""
    recommended_model: str = ""


StreamEvent = TextDelta | SourceMarker | ThinkingDelta | Loading | PromptProgress | ModelNote | Reply


@runtime_checkable
class LearnsLimits(Protocol):
    """A model that can ask its server for its limits."""

    async def learn_limits(self) -> object:
        """Ask for the limits unless they are known; ``context_window`` follows them."""
        ...


class LLM(Protocol):
    """A language model; ``provider`` is ``anthropic``, ``local`` or ``offline``."""

    @property
    def model(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def context_window(self) -> int:
        """Tokens of prompt and answer that fit in one request; 0 if unknown or unlimited."""
        ...

    def stream(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[StreamEvent]:
        """Stream one answer to ``messages`` (system first); the last event is a Reply.

        Raises an LLMError if the answer fails or breaks off. Cancelling the task closes the connection.
        """
        ...

    async def aclose(self) -> None:
        """Close connections; the object can be used again afterward."""
        ...


@runtime_checkable
class SupportsEffort(LearnsLimits, Protocol):
    """A model whose effort can be set; None is the model's default."""

    effort: str | None

    @property
    def efforts(self) -> tuple[str, ...] | None:
        """The levels that the model supports, None if that is unknown."""
        ...

"""What the rest of aloop needs of a language model: one method that streams one answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

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


USUAL_WINDOW = 200_000
"""Tokens that nearly every model takes in, for as long as a model's own figure is not known."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it; ``parameters`` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer's text, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """A piece of the model's thinking, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class Loading:
    """The answer begins later, for ``what`` has to be loaded first, as "SmolLM2-135M"; empty once it is."""

    what: str


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """The answer begins later, for the question is still being read; ``share`` of it has been, 1 when that is over."""

    share: float


@dataclass(frozen=True, slots=True)
class ModelNote:
    """A sentence about the answer, for the person alone: it is no part of it."""

    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer, always the last event of a stream that ended well.

    ``message`` is the assistant's message, with usage and model set; its tool calls may run only when
    ``stop_reason`` is ``tool_use``. ``detail`` is what the API added to a refusal.
    """

    message: LLMMessage
    stop_reason: StopReason
    usage: Usage = field(default_factory=Usage)
    detail: str = ""
    recommended_model: str = ""


StreamEvent = TextDelta | ThinkingDelta | Loading | PromptProgress | ModelNote | Reply


class LLM(Protocol):
    """A language model.

    ``model`` names it, ``provider`` says whose it is (``anthropic``, ``local`` or ``offline``).
    """

    @property
    def model(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def context_window(self) -> int:
        """How many tokens the model takes in, its answer included; 0 where that is not known or has no bounds."""
        ...

    def stream(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[StreamEvent]:
        """Stream one answer to ``messages`` (system first); the last event is a Reply.

        Raises an LLMError when there is no whole answer. Cancelling the task closes the connection.
        """
        ...

    async def aclose(self) -> None:
        """Close connections; the object may be used again afterwards."""
        ...

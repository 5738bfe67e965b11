"""What a model is sent of a conversation: a pure projection from history to request.

The file is never changed here. What a hand or another tool broke in it is mended in what is sent, and said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from aloop.llm.message_types import LLMMessage, ToolCall

UNANSWERED = "[No result: this call was interrupted before it finished.]"


@dataclass(frozen=True, slots=True)
class Projection:
    """The messages to send, system first, and a sentence for each kind of repair."""

    messages: tuple[LLMMessage, ...]
    repairs: tuple[str, ...] = ()


def answer_for(call: ToolCall) -> LLMMessage:
    """Return the result that stands in for one that never came: an API refuses a call without a result for ever."""
    return LLMMessage(role="tool", content=UNANSWERED, tool_call_id=call.id, name=call.name, is_error=True)


def unanswered(messages: Sequence[LLMMessage]) -> list[ToolCall]:
    """Return the calls of the last assistant message that no message after it answers."""
    answered: set[str | None] = set()
    for message in reversed(messages):
        if message.role == "tool":
            answered.add(message.tool_call_id)
        elif message.role == "assistant":
            return [call for call in message.tool_calls if call.id not in answered]
        else:
            break
    return []


def project(system: Iterable[LLMMessage], messages: Sequence[LLMMessage], model: str | None = None) -> Projection:
    """Return what to send: the system messages, then all from the last summary on that is not skipped, mended.

    What other models than ``model`` thought is left out: a signature is good for the model that gave it alone.
    """
    mender = _Mender()
    for message in live(messages):
        is_foreign = message.thinking and model and message.model and message.model != model
        mender.take(replace(message, thinking=()) if is_foreign else message)
    mender.close()
    return Projection((*system, *mender.sent), tuple(mender.repairs))


def live(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return the messages that count: all from the last summary on that is not skipped."""
    start = max((index for index, message in enumerate(messages) if message.summary and not message.skip), default=0)
    return [message for message in messages[start:] if not message.skip]


class _Mender:
    """Takes messages in order and passes on those that make a valid transcript."""

    def __init__(self) -> None:
        self.sent: list[LLMMessage] = []
        self.repairs: dict[str, None] = {}
        self._open: dict[str, ToolCall] = {}

    def take(self, message: LLMMessage) -> None:
        if message.role == "tool":
            if self._open.pop(message.tool_call_id or "", None) is None:
                self._say("left out a tool result that answers no call")
            else:
                self.sent.append(message)
            return
        self.close()
        if message.role != "system" and not message.tool_calls and not (message.content or "").strip():
            self._say("left out an empty message")
            return
        if message.role == "assistant" and not any(sent.role == "user" for sent in self.sent):
            self._say("left out an answer that stands before any question")
            return
        self.sent.append(message)
        self._open = {call.id: call for call in message.tool_calls}

    def close(self) -> None:
        """Answer what is still open: results must follow their calls at once."""
        for call in self._open.values():
            self._say("put in a result for a tool call that had none")
            self.sent.append(answer_for(call))
        self._open = {}

    def _say(self, what: str) -> None:
        self.repairs[f"The history could not be sent as it is in the file: {what}."] = None

"""What a model is sent of a conversation: a pure projection from history to request.

The file is never changed here. What a hand or another tool broke in it is mended in what is sent, and said.

How much of a model's window a conversation takes.
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
    mender = _Repairer()
    for message in live(messages):
        is_foreign = message.thinking and model and message.model and message.model != model
        mender.take(replace(message, thinking=()) if is_foreign else message)
    mender.close()
    return Projection((*system, *mender.sent), tuple(mender.repairs))


def live(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return the messages that count: all from the last summary on that is not skipped."""
    start = max((index for index, message in enumerate(messages) if message.summary and not message.skip), default=-1)
    live = [message for message in messages[max(start, 0) :] if not message.skip]
    if start >= 0 and live[0].role in {"assistant", "tool"}:
        # A transcript begins with the user; whoever wrote it, a summary is what they would have to say first.
        live[0] = LLMMessage("user", live[0].content, summary=True)
    return live


class _Repairer:
    """Takes messages in order and passes on those that make a valid transcript."""

    def __init__(self) -> None:
        self.sent: list[LLMMessage] = []
        self.repairs: dict[str, None] = {}
        # By the id in the history: the calls that wait for a result, under the ids that they are sent with.
        self._open: dict[str, list[ToolCall]] = {}
        self._used: set[str] = set()

    def take(self, message: LLMMessage) -> None:
        if message.role == "tool":
            self._take_result(message)
            return
        self.close()
        if message.tool_calls and message.role != "assistant":
            self._say("left out a tool call that is not the assistant's")
            message = replace(message, tool_calls=())
        if message.role != "system" and not message.tool_calls and not (message.content or "").strip():
            self._say("left out an empty message")
            return
        if message.role == "assistant" and not any(sent.role == "user" for sent in self.sent):
            self._say("left out an answer that stands before any question")
            return
        calls = tuple(map(self._open_call, message.tool_calls))
        self.sent.append(message if calls == message.tool_calls else replace(message, tool_calls=calls))

    def _take_result(self, message: LLMMessage) -> None:
        waiting = self._open.get(message.tool_call_id or "")
        if not waiting:
            self._say("left out a tool result that answers no call")
            return
        call = waiting.pop(0)
        self.sent.append(message if message.tool_call_id == call.id else replace(message, tool_call_id=call.id))

    def _open_call(self, call: ToolCall) -> ToolCall:
        """Note that a result must follow; return the call under an id that no other has, as an API demands."""
        identity, number = call.id, 1
        while identity in self._used:
            number += 1
            identity = f"{call.id}-{number}"
        if identity != call.id:
            self._say("told apart tool calls of one id")
        self._used.add(identity)
        sent = replace(call, id=identity)
        self._open.setdefault(call.id, []).append(sent)
        return sent

    def close(self) -> None:
        """Answer what is still open: results must follow their calls at once."""
        for call in (call for waiting in self._open.values() for call in waiting):
            self._say("put in a result for a tool call that had none")
            self.sent.append(answer_for(call))
        self._open = {}

    def _say(self, what: str) -> None:
        self.repairs[f"The history could not be sent as it is in the file: {what}."] = None


_BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4  # who speaks, where it begins and ends


@dataclass(frozen=True, slots=True)
class ContextUse:
    """``tokens`` of a model's ``window``, which is 0 where none is known; ``is_estimate`` until an answer has told."""

    tokens: int
    window: int = 0
    is_estimate: bool = True

    @property
    def share(self) -> float:
        """Return the part of the window that is taken, 0 where none is known."""
        return self.tokens / self.window if self.window else 0.0


def estimate(messages: Iterable[LLMMessage]) -> int:
    """Return about how many tokens the messages make, with all that is sent of them."""
    return sum(map(_estimate, messages))


def measure(
    system: Sequence[LLMMessage], messages: Sequence[LLMMessage], counted_from: int = 0, overhead: int = 0
) -> tuple[int, bool]:
    """Return the tokens of what would be sent now, and whether any of them are estimated.

    What the API counted with the last answer is what had been sent and said by then; what came after it is estimated.
    Counts on messages before ``counted_from`` were of another context. ``overhead`` is what is sent besides messages.
    """
    for place in range(len(messages) - 1, counted_from - 1, -1):
        usage = messages[place].usage
        if usage is not None and usage.sent_tokens and messages[place].role == "assistant":
            after = live(messages[place + 1 :])
            return usage.sent_tokens + usage.output_tokens + estimate(after), bool(after)
    return overhead + estimate((*system, *live(messages))), True


def _estimate(message: LLMMessage) -> int:
    texts = [message.content or ""]
    texts += [part for call in message.tool_calls for part in (call.name, call.arguments)]
    texts += [part for block in message.thinking for part in (block.thinking, block.signature, block.redacted)]
    return _TOKENS_PER_MESSAGE + sum(map(estimate_tokens, texts))


def estimate_tokens(text: str) -> int:
    """Return about how many tokens ``text`` makes, in whatever language it is."""
    return (len(text) if text.isascii() else len(text.encode())) // _BYTES_PER_TOKEN

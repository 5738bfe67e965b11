"""What the end of one answer means for the turn: go on, stop, or fail. Pure, and the only reader of stop reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aloop.errors import ContextOverflow, LLMError, RequestRejected, StreamBroken
from aloop.llm.base import Reply, StopReason
from aloop.llm.message_types import LLMMessage

_NOTICES: Mapping[StopReason, str] = {
    "max_tokens": "The answer reached the model's limit of length and is cut short. Ask it to go on.",
    "refusal": "The model declined to answer.",
    "model_context_window_exceeded": (
        "The conversation has filled the model's window, and the answer is cut short. Start a new session."
    ),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``message`` is what to keep, None for an answer with nothing in it that the API would take back.

    ``goes_on`` is True when the model has more to say, after the message's tool calls have run if it has any.
    """

    message: LLMMessage | None
    goes_on: bool
    notices: tuple[str, ...] = ()


def judge(reply: Reply) -> Verdict:
    """Return what to make of a whole answer."""
    message, notices = reply.message, []
    if reason := _NOTICES.get(reply.stop_reason):
        notices.append(f"{reason} ({reply.detail})" if reply.detail else reason)
    if message.tool_calls and reply.stop_reason != "tool_use":
        notices.append(
            f"{_counted(len(message.tool_calls))} not run: the answer did not end there ({reply.stop_reason})."
        )
        message = without_calls(message)
    if not message.tool_calls and not (message.content or "").strip():
        return Verdict(None, reply.stop_reason == "pause_turn", tuple(notices))
    return Verdict(message, bool(message.tool_calls) or reply.stop_reason == "pause_turn", tuple(notices))


def failure(reply: Reply) -> LLMError:
    """Return the error for an answer with nothing in it, when nothing came before it in the turn either."""
    detail = f" ({reply.detail})" if reply.detail else ""
    match reply.stop_reason:
        case "refusal":
            return RequestRejected(f"The model declined to answer{detail}. Put it another way.")
        case "model_context_window_exceeded":
            return ContextOverflow("The conversation no longer fits the model's window. Start a new session.")
        case "max_tokens":
            return StreamBroken("The model reached its limit of length before it said anything. Ask for less at once.")
        case _:
            return StreamBroken("The model answered nothing. Send the message again.")


def without_calls(message: LLMMessage) -> LLMMessage:
    """Return ``message`` without its tool calls, and without the thinking that would then stand at its end.

    The API takes thinking back only in its place, and refuses a message that ends with it.
    """
    length = len(message.content or "")
    kept = tuple(block for block in message.thinking if not block.after_calls and block.after_chars < length)
    return replace(message, tool_calls=(), thinking=kept)


def _counted(calls: int) -> str:
    return "A tool call was" if calls == 1 else f"{calls} tool calls were"

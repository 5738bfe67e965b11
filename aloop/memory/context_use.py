"""How much of a model's window a conversation takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aloop.llm.message_types import LLMMessage
from aloop.memory.context import live

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

"""A conversation as one text to be read by a model, long messages shortened until it fits."""

from __future__ import annotations

from collections.abc import Sequence

from aloop.llm.message_types import LLMMessage

_LEAST = 200
"""Characters that are left of each message, however many there are."""


def digest(messages: Sequence[LLMMessage], most: int) -> str:
    """Return who said what, one below the other, in about ``most`` characters."""
    texts = [_text(message) for message in messages]
    share = _LEAST
    # The longest give way first: the share grows as long as all together still fit.
    while share * 2 <= most and sum(min(len(text), share * 2) for text in texts) <= most:
        share *= 2
    return "\n\n".join(_shortened(text, share) for text in texts)


def _text(message: LLMMessage) -> str:
    who = f"tool {message.name}" if message.role == "tool" and message.name else message.role
    lines = [f"[{who}]", (message.content or "").strip()]
    lines += [f"(calls {call.name} {call.arguments})" for call in message.tool_calls]
    return "\n".join(line for line in lines if line)


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n[… {len(text) - most // 2 * 2} characters left out …]\n{text[-(most // 2) :]}"

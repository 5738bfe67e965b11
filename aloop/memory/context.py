"""Project a conversation to the messages that are sent, and count tokens.

A history that was edited by hand or by another tool may not be a valid transcript. It is repaired in the projection
only, never in the file, and every kind of repair is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from aloop.llm.content.parts import ContentPart, joined_text, split_content
from aloop.llm.layout import fits, without_thinking
from aloop.llm.message_types import LLMMessage, ToolCall, sendable
from aloop.memory.annotations import pinned_text
from aloop.memory.pairing import in_call_order, pair_calls

UNANSWERED = "[No result: this call was interrupted before it finished.]"


@dataclass(frozen=True, slots=True)
class Projection:
    """The messages to send, system first, and one sentence for each kind of repair."""

    messages: tuple[LLMMessage, ...]
    repairs: tuple[str, ...] = ()


def answer_for(call: ToolCall) -> LLMMessage:
    """Return a placeholder result: APIs reject tool calls without a result."""
    return LLMMessage(role="tool", content=UNANSWERED, tool_call_id=call.id, name=call.name, is_error=True)


def unanswered(messages: Sequence[LLMMessage]) -> list[ToolCall]:
    """Return the tool calls of the last assistant message that have no result yet."""
    for number in reversed(range(len(messages))):
        if messages[number].role == "assistant":
            return pair_calls(messages[number:]).open_calls.get(0, [])
        if messages[number].role != "tool":
            break
    return []


def project(
    system: Iterable[LLMMessage],
    messages: Sequence[LLMMessage],
    model: str | None = None,
    provider: str | None = None,
) -> Projection:
    """Return the system messages and the ``live`` messages, repaired.

    Thinking blocks of models other than ``model`` are left out, because their signatures are valid only for the model
    that produced them. Blocks of a provider other than ``provider`` are left out too.
    """
    repairer = _Repairer(provider)
    in_use = live(messages)
    ordered = in_call_order(in_use)
    if ordered != in_use:
        repairer.report("moved a tool result to its tool call")
    for message in ordered:
        is_foreign = message.thinking and model and message.model and not is_same_model(message.model, model)
        repairer.add(without_thinking(message) if is_foreign else message)
    repairer.close_calls()
    return Projection((*system, *repairer.sent), tuple(repairer.repairs))


MOST_MEDIA = 100
"""Images and documents in one request."""
MOST_MEDIA_BYTES = 20_000_000
"""Of all images and documents in one request, whose base64 may have 32 MB."""


def with_media(messages: Sequence[LLMMessage], read: Callable[[ContentPart], bytes | None] | None) -> list[LLMMessage]:
    """Return the messages with the bytes that ``read`` returns for their parts.

    A part without bytes becomes words, and so does each one without ``read``. If there are too many for one request,
    the oldest become words.
    """
    sent: list[LLMMessage] = []
    count, size = 0, 0
    for message in reversed(messages):
        if not message.parts:
            sent.append(message)
            continue
        parts: list[ContentPart] = []
        for part in reversed(message.parts):
            room = count < MOST_MEDIA and size + part.sent_size <= MOST_MEDIA_BYTES
            can_send = read is not None and room and message.role in ("user", "tool")
            data = read(part) if can_send and read is not None and part.is_own else None
            if data is not None:
                count, size = count + 1, size + len(data)
            elif can_send and not part.is_own and part.url:
                count, size = count + 1, size + part.sent_size
            parts.append(replace(part, data=data) if can_send else _in_words(part))
        sent.append(_with_words(message, parts[::-1]))
    return sent[::-1]


def _in_words(part: ContentPart) -> ContentPart:
    """Return a part of which only the mark can be sent."""
    return replace(part, kind="words", name=part.mark, data=None)


def _with_words(message: LLMMessage, parts: Sequence[ContentPart]) -> LLMMessage:
    """Return the message with the parts in words as a part of its text."""
    pieces: list[str] = []
    kept: list[ContentPart] = []
    for each in split_content(message.content or "", parts):
        if isinstance(each, str):
            pieces.append(each)
        elif each.kind == "words":
            pieces.append(each.name)
        else:
            kept.append(replace(each, after_chars=len(joined_text(pieces))))
    return replace(message, content=joined_text(pieces), parts=tuple(kept))


def live(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return the messages in use: from the last summary on, without skipped ones.

    Pinned messages before the summary are added to its text.
    """
    start = max((index for index, message in enumerate(messages) if message.summary and not message.skip), default=-1)
    used = list(messages[max(start, 0) :])
    if start >= 0 and (pinned := pinned_text(messages[:start])):
        used[0] = replace(used[0], content=f"{used[0].content or ''}\n\n{pinned}")
    live = [message for message in used if not message.skip and (message.stop_reason != "refusal" or message.summary)]
    if start >= 0 and live[0].role in {"assistant", "tool"}:
        # A transcript must start with a user message.
        live[0] = LLMMessage("user", live[0].content, summary=True)
    return live


def is_same_model(one: str, other: str) -> bool:
    """Return True for equal names, or a name and its dated version."""
    short, long = sorted((one, other), key=len)
    version = long.removeprefix(short)
    return short == long or (version != long and version[:1] in "-@" and version[1:].isdigit() and len(version) == 9)


class _Repairer:
    """Builds a valid transcript from messages, which are added in order."""

    def __init__(self, provider: str | None = None) -> None:
        self._provider = provider
        self.sent: list[LLMMessage] = []
        self.repairs: dict[str, None] = {}
        # Calls without a result, as they are sent, by their ID in the history.
        self._open: dict[str, list[ToolCall]] = {}
        self._used_ids: set[str] = set()

    def add(self, message: LLMMessage) -> None:
        if message.role == "tool":
            self._add_result(message)
            return
        self.close_calls()
        if message.tool_calls and message.role != "assistant":
            self.report("left out a tool call outside an assistant message")
            message = replace(message, tool_calls=())
        message = self._with_sendable_blocks(message)
        has_content = message.tool_calls or message.blocks or message.parts or (message.content or "").strip()
        if message.role != "system" and not has_content:
            self.report("left out an empty message")
            return
        if message.role == "assistant" and not any(sent.role == "user" for sent in self.sent):
            self.report("left out an answer before the first user message")
            return
        calls = tuple(map(self._open_call, message.tool_calls))
        self.sent.append(message if calls == message.tool_calls else replace(message, tool_calls=calls))

    def _with_sendable_blocks(self, message: LLMMessage) -> LLMMessage:
        """Return ``message`` without provider blocks that cannot be sent back."""
        if not message.layout and not message.blocks:
            return message
        if message.blocks and self._provider and message.provider not in (None, self._provider):
            self.report(f"left out content that only the provider {message.provider} understands")
        elif fits(message):
            return message
        elif message.blocks:
            self.report("left out provider content of a message that was edited")
        return replace(message, layout="", blocks=())

    def _add_result(self, message: LLMMessage) -> None:
        waiting = self._open.get(message.tool_call_id or "")
        if not waiting:
            self.report("left out a tool result without a tool call")
            return
        call = waiting.pop(0)
        self.sent.append(message if message.tool_call_id == call.id else replace(message, tool_call_id=call.id))

    def _open_call(self, call: ToolCall) -> ToolCall:
        """Register a call that needs a result, and give it a unique ID."""
        clean_id, number = sendable(call.id), 1
        unique_id = clean_id
        while unique_id in self._used_ids:
            number += 1
            unique_id = f"{clean_id}-{number}"
        if unique_id != clean_id:
            self.report("renamed tool calls with the same ID")
        self._used_ids.add(unique_id)
        sent = replace(call, id=unique_id)
        self._open.setdefault(call.id, []).append(sent)
        return sent

    def close_calls(self) -> None:
        """Add placeholder results for open calls; results must directly follow calls."""
        for call in (call for waiting in self._open.values() for call in waiting):
            self.report("added a result for a tool call that had none")
            self.sent.append(answer_for(call))
        self._open = {}

    def report(self, repair: str) -> None:
        self.repairs[f"The history was repaired before sending: {repair}."] = None


_BYTES_PER_TOKEN = 4
_TOKENS_PER_IMAGE = 1_600  # the most that the API counts for one
_BYTES_PER_DOCUMENT_TOKEN = 50
_TOKENS_PER_MESSAGE = 4  # the role and the separators


@dataclass(frozen=True, slots=True)
class ContextUse:
    """The tokens used of a context window, which is 0 if unknown."""

    tokens: int
    window: int = 0
    is_estimate: bool = True

    @property
    def share(self) -> float:
        """The used fraction of the window, or 0 if its size is unknown."""
        return self.tokens / self.window if self.window else 0.0


def estimate(messages: Iterable[LLMMessage]) -> int:
    """Estimate the number of tokens of messages, including tool calls and thinking."""
    return sum(map(_estimate, messages))


def measure(
    system: Sequence[LLMMessage], messages: Sequence[LLMMessage], counted_from: int = 0, overhead: int = 0
) -> tuple[int, bool]:
    """Return the tokens of the next request, and True if some are estimated.

    The usage of the last answer covers everything up to it; later messages are estimated. Usage of messages before
    ``counted_from`` refers to another context. ``overhead`` is the number of tokens sent in addition to the messages.
    """
    for index in range(len(messages) - 1, counted_from - 1, -1):
        usage = messages[index].usage
        if usage is not None and usage.sent_tokens and messages[index].role == "assistant":
            after = live(messages[index + 1 :])
            return usage.sent_tokens + usage.output_tokens + estimate(after), bool(after)
    return overhead + estimate((*system, *live(messages))), True


def _estimate(message: LLMMessage) -> int:
    texts = [message.content or ""]
    texts += [part for call in message.tool_calls for part in (call.name, call.arguments)]
    texts += [part for block in message.thinking for part in (block.thinking, block.signature, block.redacted)]
    return sum(map(_estimate_part, message.parts)) + _TOKENS_PER_MESSAGE + sum(map(estimate_tokens, texts))


def _estimate_part(part: ContentPart) -> int:
    return max(_TOKENS_PER_IMAGE, part.size // _BYTES_PER_DOCUMENT_TOKEN if part.kind == "document" else 0)


def estimate_tokens(text: str) -> int:
    """Estimate the number of tokens of ``text`` in any language."""
    return (len(text) if text.isascii() else len(text.encode())) // _BYTES_PER_TOKEN

"""A local model: the Anthropic provider, connected to a server in a child process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from aloop.errors import ConnectionFailed, ContextOverflow, LocalModelError, RequestRejected, StreamBroken
from aloop.llm.anthropic.server_profile import ServerProfile
from aloop.llm.base import Loading, ModelNote, PromptProgress, Reply, StreamEvent, ToolSpec
from aloop.llm.local_window import HistoryTrimmer, WindowedSummary, summarize_in_window, without_tools
from aloop.llm.message_types import LLMMessage
from aloop.llm.prompts import summary_parts
from aloop.local_model.models import InstallPaths, LocalModel
from aloop.local_model.server import LocalServer, ServerAddress, read_share

if TYPE_CHECKING:
    from aloop.llm.anthropic.client import AnthropicLLM

_TOY_MAX_TOKENS = 200
"""Long answers of a toy lose the thread."""
_TOY_KEPT_SHARE = 0.25
"""Of the context window, after a cut. A toy makes little use of more, and has to read it again."""
_STALL_TIMEOUT = 600.0  # seconds; one thread reads a long prompt for minutes without sending anything
_COUNT_TIMEOUT = 30.0  # seconds
_PROGRESS_INTERVAL = 1.0  # seconds
_TOY_SAMPLING = {"temperature": 0.2}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request that fits; ``notes`` are for the user."""

    messages: list[LLMMessage]
    tokens: int
    notes: list[str]
    summary: WindowedSummary | None = None


class LocalLLM:
    """A local model, run by a server in a child process.

    The server starts with ``preload`` or the first request and ends with ``aclose``. If a conversation exceeds the
    context window, its oldest messages are not sent, and a note reports that.
    """

    provider = "local"
    context_window = 0

    def __init__(self, model: LocalModel, paths: InstallPaths) -> None:
        self.model = model.name
        self._local = model
        self._server = LocalServer(model, paths)
        self._connection: tuple[ServerAddress, AnthropicLLM] | None = None
        self._trimmer = HistoryTrimmer(_TOY_KEPT_SHARE) if model.is_toy else HistoryTrimmer()
        self._crashes = 0  # in a row

    def preload(self) -> None:
        """Start loading the model, and load the SDK; blocks only for the SDK."""
        self._server.start()
        _load_sdk()

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``."""
        if not self._server.start().done():
            yield Loading(self._local.title)
            await self._server.endpoint()
            yield Loading("")
        endpoint = await self._server.endpoint()
        offered = tools if endpoint.takes_tools else ()
        try:
            llm = await self._connect(endpoint)
            prepared = await self._prepare(llm, endpoint, messages, offered)
            for note in prepared.notes:
                yield ModelNote(note)
            # Closed explicitly, so that a cancelled turn stops the server's work at once.
            answer = cast("AsyncGenerator[StreamEvent, None]", llm.stream(prepared.messages, offered))
            async with aclosing(answer), aclosing(_with_progress(answer, endpoint, prepared.tokens)) as events:
                async for event in events:
                    if isinstance(event, Reply):
                        self._crashes = 0
                        event = prepared.summary.finish(event) if prepared.summary else event
                    yield event
        except ContextOverflow:
            raise self._too_long(endpoint) from None
        except TimeoutError:
            await asyncio.to_thread(self._server.stop)
            raise self._crash(f"{self._local.title} stopped responding and was ended.") from None
        except (ConnectionFailed, StreamBroken):
            raise await self._explain() from None

    async def aclose(self) -> None:
        """Stop the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection[1].aclose()
        await asyncio.to_thread(self._server.stop)

    async def _connect(self, endpoint: ServerAddress) -> AnthropicLLM:
        """Return the provider for ``endpoint``, which changes when the server restarts."""
        if self._connection is None or self._connection[0] != endpoint:
            provider = await asyncio.to_thread(_load_sdk)
            old, profile = self._connection, self._profile(endpoint)
            llm = provider(self.model, base_url=endpoint.url, api_key=endpoint.key, profile=profile)
            self._connection = (endpoint, llm)
            if old is not None:
                await old[1].aclose()
        return self._connection[1]

    def _profile(self, endpoint: ServerAddress) -> ServerProfile:
        if self._local.is_toy:
            return ServerProfile("local", _TOY_MAX_TOKENS, _STALL_TIMEOUT, _TOY_SAMPLING, is_local=True)
        return ServerProfile("local", endpoint.window // 4, _STALL_TIMEOUT, is_local=True)

    async def _prepare(
        self, llm: AnthropicLLM, endpoint: ServerAddress, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]
    ) -> _Prepared:
        """Make ``messages`` fit; raises RequestRejected if the last turn is too long."""
        room = endpoint.window - self._profile(endpoint).max_tokens

        tokens = 0

        async def count(sent: Sequence[LLMMessage]) -> int:
            nonlocal tokens
            # Counting is quick even under load, so a server that does not answer hangs.
            async with asyncio.timeout(_COUNT_TIMEOUT):
                tokens = await llm.count(sent, tools)
            return tokens

        if request := summary_parts(messages[-1].content or ""):
            fitted = await summarize_in_window(*request, room, count, is_toy=self._local.is_toy)
            if fitted is None:
                raise self._too_long(endpoint)
            notes = self._describe_cut(fitted.left_out, "not in the summary", endpoint)
            if self._local.is_toy:
                notes.append(f"{self._local.title} is a small model, so its summary may be wrong.")
            return _Prepared(fitted.messages, tokens, notes, fitted)
        whole = list(messages) if endpoint.takes_tools else without_tools(messages)
        sent = await self._trimmer.fit(whole, room, count)
        if sent is None:
            raise self._too_long(endpoint)
        # Reported once per turn, not with each of its steps.
        left_out = len(whole) - len(sent) if messages[-1].role == "user" else 0
        notes = [*self._introduction(messages, endpoint), *self._describe_cut(left_out, "not sent", endpoint)]
        return _Prepared(sent, tokens, notes)

    def _describe_cut(self, left_out: int, state: str, endpoint: ServerAddress) -> list[str]:
        if not left_out:
            return []
        messages = "the oldest message is" if left_out == 1 else f"the oldest {left_out:,} messages are"
        window = f"{self._local.title} has a context window of {endpoint.window:,} tokens"
        return [f"{window}, so {messages} {state}. The session keeps every message."]

    def _introduction(self, messages: Sequence[LLMMessage], endpoint: ServerAddress) -> list[str]:
        """Return the limits of the model if this is its first answer in the conversation."""
        title = self._local.title
        if any(message.role == "assistant" and message.model == self.model for message in messages):
            return []
        if self._local.is_toy:
            return [
                f"{title} is a small model: often wrong, and without tools. Set ANTHROPIC_API_KEY to use a large one."
            ]
        return [] if endpoint.takes_tools else [f"{title} cannot use tools: its chat template does not support them."]

    def _too_long(self, endpoint: ServerAddress) -> RequestRejected:
        return RequestRejected(
            f"The message is too long for {self._local.title}, which has a context window of {endpoint.window:,} "
            "tokens. Send a shorter one."
        )

    async def _explain(self) -> LocalModelError:
        """Return the error for a broken connection, after checking the server."""
        reason = await asyncio.to_thread(self._server.wait_for_exit)
        if not reason:
            return LocalModelError(f"{self._local.title} broke off its answer. Send the message again.")
        return self._crash(reason)

    def _crash(self, reason: str) -> LocalModelError:
        """Return the error for a lost server; only the first in a row is retried."""
        self._crashes += 1
        error = LocalModelError(f"{reason} Send the message again to restart it.")
        error.is_transient = self._crashes == 1
        return error


async def _with_progress(
    events: AsyncGenerator[StreamEvent, None], endpoint: ServerAddress, tokens: int
) -> AsyncGenerator[StreamEvent, None]:
    """Yield ``events``, and PromptProgress for the ``tokens`` until the first."""
    first, share = asyncio.ensure_future(anext(events)), None
    try:
        while not (await asyncio.wait([first], timeout=_PROGRESS_INTERVAL))[0]:
            seen = await asyncio.to_thread(read_share, endpoint.url, endpoint.key, tokens)
            if seen is not None:
                share = seen
                yield PromptProgress(share)
        if share is not None:
            yield PromptProgress(1)
        yield await first
    finally:
        # An async generator that still runs cannot be closed.
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    async for event in events:
        yield event


def _load_sdk() -> type[AnthropicLLM]:
    # Imported here because it loads the SDK, which takes over a second and would delay the prompt.
    from aloop.llm.anthropic.client import AnthropicLLM

    return AnthropicLLM

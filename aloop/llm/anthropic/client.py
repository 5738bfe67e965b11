"""The Anthropic API through its official SDK: the only module that imports it.

Importing this takes more than a second; ``aloop.llm.create_llm`` delays it until the first question.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar, get_args

import anthropic
from anthropic.types import Model

from aloop.config.values import DEFAULT_MODEL
from aloop.errors import LLMError, MissingCredentials, RequestRejected
from aloop.llm.anthropic.accumulator import Accumulator
from aloop.llm.anthropic.adaptation import Adaptation, Offered
from aloop.llm.anthropic.caching import CacheTtl, with_breakpoints
from aloop.llm.anthropic.connection import credential_name, explain_failure, failures_of, open_client
from aloop.llm.anthropic.errors import no_credentials
from aloop.llm.anthropic.events import read_answer
from aloop.llm.anthropic.model_records import limits_of, windows_of
from aloop.llm.anthropic.server_profile import MAX_TOKENS, ServerProfile, may_think_adaptively
from aloop.llm.anthropic.wire import WireRequest, bind_thinking, to_request
from aloop.llm.base import DEFAULT_CONTEXT_WINDOW, ModelNote, Reply, StreamEvent, ToolSpec
from aloop.llm.message_types import LLMMessage
from aloop.llm.models.limits import LimitsCache, ModelLimits

MODELS: tuple[str, ...] = get_args(get_args(Model)[0])
"""The models that the SDK names, newest first."""

T = TypeVar("T")

_log = logging.getLogger(__name__)

# Without a handler Python prints the SDK's warnings to the terminal, in the middle of the screen.
logging.getLogger("anthropic").addHandler(logging.NullHandler())

_API = ServerProfile()
_LIMITS_SECONDS = 5.0
"""Time that a first question waits for the limits of its model; they are used from the next one on otherwise."""


class AnthropicLLM:
    """A model behind the Messages API.

    Without a ``client``, one is made from the environment when it is needed.

    ``base_url`` and ``api_key`` configure that client; None leaves them to the environment. ``profile`` describes a
    server that is not the API itself. The SDK's own retries are off: the caller decides when to ask again.

    A server that rejects an optional part of a request (old thinking, provider blocks, cache breakpoints, the thinking
    or effort setting) is asked again without it, and does not get that part again from this object.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        client: anthropic.AsyncAnthropic | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        profile: ServerProfile = _API,
        limits: LimitsCache | None = None,
        cache_ttl: CacheTtl = "5m",
        effort: str | None = None,
    ) -> None:
        self.model = model
        self.effort = effort
        self.provider = profile.name
        self._base_url = base_url
        self._api_key = api_key
        self._profile = profile
        self._failures = failures_of(profile)
        self._cache = limits or LimitsCache(None)
        self._cache_ttl: CacheTtl = cache_ttl
        self._limits: ModelLimits | None = None
        self._lookup: asyncio.Task[None] | None = None
        self._given = client.with_options(max_retries=0) if client else None
        self._made: anthropic.AsyncAnthropic | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._adaptation = Adaptation()
        self._reported: set[str] = set()

    @property
    def context_window(self) -> int:
        """The usual window at first; once the limits are known, that of this model."""
        return (self._limits.window if self._limits else 0) or DEFAULT_CONTEXT_WINDOW

    @property
    def efforts(self) -> tuple[str, ...] | None:
        """The effort levels that this model supports, None if that is unknown."""
        return self._limits.efforts if self._limits else None

    async def learn_limits(self) -> ModelLimits | None:
        """Return the limits of the model from the cache or the server.

        None if neither knows them in time.
        """
        if self._profile.is_local:
            return None
        if self._limits is None:
            self._limits = self._cache.find(self._server, self.model)
        if self._limits is not None and self._limits.is_fresh():
            return self._limits
        if self._lookup is None or (self._lookup.done() and self._lookup.get_loop() is not asyncio.get_running_loop()):
            self._lookup = asyncio.create_task(self._ask_limits(self._client()))
        if self._limits is None:
            await asyncio.wait([self._lookup], timeout=_LIMITS_SECONDS)
        return self._limits

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``."""
        client = self._client()
        await self.learn_limits()
        while True:
            request = await self._wire_request(messages, tools)
            if dropped := self._dropped_note(request):
                yield ModelNote(dropped)
            answer = Accumulator()
            has_shown = False
            try:
                stream = await client.messages.create(**self._parameters(request), stream=True)
                async with stream:
                    async for event in read_answer(stream, is_binary=self._profile.streams_binary):
                        shown = answer.feed(event)
                        if shown is not None:
                            has_shown = True
                            yield shown
            except LLMError:
                raise
            except self._failures as error:
                # No cause: some of the SDK's errors quote the header that carries the key.
                explained = explain_failure(error, client, self._profile, self.model)
                note = None if has_shown else self._adaptation.learn(explained, request, self._offered(), self.model)
                if note is None:
                    self._adaptation.settle(accepted=False)
                    raise explained from None
                if note:
                    yield ModelNote(note)
                continue
            self._adaptation.settle(accepted=True)
            reply = self._bound(answer.reply(self.model), request)
            if sources := answer.sources():
                yield ModelNote(sources)
            yield reply
            return

    async def count(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()) -> int:
        """Return the number of tokens in a request, as the server counts them.

        Raises an LLMError if it does not.
        """
        client = self._client()
        request = await self._wire_request(messages, tools)
        try:
            counted = await client.messages.count_tokens(**_question(self.model, request))
        except self._failures as error:
            raise explain_failure(error, client, self._profile, self.model) from None
        return counted.input_tokens

    async def list_models(self) -> dict[str, int]:
        """Return the window in tokens of each model that the server lists.

        The window is 0 if unknown. Raises an LLMError if the server has no list.
        """
        client = self._client()
        try:
            listed = await client.models.with_raw_response.list(limit=1000)
            windows = windows_of(listed.http_response.content)
        except self._failures as error:
            # No model, because none is missing if the server has no list.
            raise explain_failure(error, client, self._profile, "") from None
        if windows is None:
            raise RequestRejected(f"{client.base_url.host} has no list of models.")
        return windows

    async def aclose(self) -> None:
        """Close the connections that were made here; a client that was given is left open."""
        lookup, self._lookup = self._lookup, None
        if lookup is not None and lookup.get_loop() is asyncio.get_running_loop():
            lookup.cancel()
            await asyncio.wait([lookup])
        made, self._made = self._made, None
        if made is not None:
            await made.close()

    # --- the request ---

    async def _wire_request(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> WireRequest:
        rules = self._adaptation.rules(unsigned=self._profile.wants_unsigned_thinking(self.model))
        if any(message.parts for message in messages):
            # Encoding and hashing megabytes of images takes longer than the event loop may stand still.
            return await asyncio.to_thread(to_request, messages, tools, rules)
        return to_request(messages, tools, rules)

    def _parameters(self, request: WireRequest) -> dict[str, Any]:
        parameters = _question(self.model, request) | {"max_tokens": self._max_tokens()}
        if not self._profile.is_local:
            without, offered = self._adaptation.without, self._offered()
            if "cache" not in without:
                parameters = with_breakpoints(parameters, self._cache_ttl)
            if "thinking" not in without and offered.thinking:
                parameters["thinking"] = {"type": "adaptive", "display": "summarized"}
            if "effort" not in without and offered.effort:
                parameters["output_config"] = {"effort": offered.effort}
        if self._profile.extra_body:
            parameters["extra_body"] = self._profile.extra_body
        return parameters

    def _max_tokens(self) -> int:
        known = self._limits.max_tokens if self._limits else 0
        longest = self._profile.max_tokens or known or MAX_TOKENS
        named = self._adaptation.longest
        return min(longest, named) if named else longest

    def _offered(self) -> Offered:
        return Offered(self._thinks(), self.effort, self._max_tokens())

    def _thinks(self) -> bool:
        if self._limits is not None:
            return self._limits.adaptive_thinking
        return may_think_adaptively(self.model)

    def _dropped_note(self, request: WireRequest) -> str:
        """Return a sentence about newly left out thinking, or an empty text."""
        new = set(request.dropped) - self._reported
        self._reported |= new
        if not new:
            return ""
        blocks, them = ("1 thinking block is", "it") if len(new) == 1 else (f"{len(new)} thinking blocks are", "them")
        return f"{blocks} not sent to the model, because the history before {them} has changed."

    # --- the answer ---

    def _bound(self, reply: Reply, request: WireRequest) -> Reply:
        message = bind_thinking(reply.message, request)
        if self._profile.is_local or (message.model or "").startswith("/"):
            # llama.cpp names the path of the model's file, which is of no use in a session.
            message = replace(message, model=self.model)
        if message.blocks:
            message = replace(message, provider=self.provider)
        return replace(reply, message=message)

    # --- limits ---

    @property
    def _server(self) -> str:
        endpoint = self._profile.endpoint
        if endpoint is not None:
            return endpoint.base_url or endpoint.name
        return self._base_url or os.environ.get("ANTHROPIC_BASE_URL") or "anthropic"

    async def _ask_limits(self, client: anthropic.AsyncAnthropic) -> None:
        try:
            described = await client.models.with_raw_response.retrieve(self.model)
            limits = limits_of(described.http_response.content, self.model, time.time())
        except self._failures as error:
            _log.debug("no limits of %s: %s", self.model, type(error).__name__)
            return
        if limits is None:
            return
        self._limits = limits
        await asyncio.to_thread(self._cache.store, self._server, self.model, limits)

    # --- the client ---

    def _client(self) -> anthropic.AsyncAnthropic:
        """Return the client to use.

        Raises MissingCredentials here, because the SDK notices too late.
        """
        client = self._given or self._own_client()
        endpoint = self._profile.endpoint
        if endpoint is not None and (endpoint.kind != "anthropic" or not endpoint.needs_key):
            return client
        secrets = (client.api_key, client.auth_token)
        if not client.credentials and not any(secret and secret.strip() for secret in secrets):
            raise no_credentials(self.model)
        if any(secret and not (secret.isascii() and secret.isprintable()) for secret in secrets):
            raise MissingCredentials(
                f"{credential_name(client, self._profile)} contains characters that no API key has. Set it again."
            )
        return client

    def _own_client(self) -> anthropic.AsyncAnthropic:
        """Return our client.

        A connection belongs to the event loop it was made in, so each loop gets its own.
        """
        loop = asyncio.get_running_loop()
        if self._made is None or self._loop is not loop:
            self._made = open_client(self._profile, self._base_url, self._api_key)
            self._loop = loop
        return self._made


def _question(model: str, request: WireRequest) -> dict[str, Any]:
    question: dict[str, Any] = {"model": model, "messages": request.turns}
    if request.system:
        question["system"] = request.system
    if request.tools:
        question["tools"] = request.tools
    return question

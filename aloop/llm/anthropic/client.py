"""The Anthropic API through its official SDK, which only this module imports.

The import takes more than a second, so ``aloop.llm.create_llm`` delays it until the first request.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, TypeVar, cast, get_args

import anthropic
import httpx2  # the SDK's HTTP library, whose errors escape from a running stream unwrapped
from anthropic import BaseModel
from anthropic.types import MessageParam, Model, ToolParam

from aloop.config import DEFAULT_MODEL
from aloop.errors import ConnectionFailed, LLMError, MissingCredentials, RequestRejected, StreamBroken
from aloop.llm.anthropic.errors import ApiError, explain, no_credentials
from aloop.llm.anthropic.server_profile import ServerProfile
from aloop.llm.anthropic.wire import Accumulator, to_request, tool_params
from aloop.llm.base import DEFAULT_CONTEXT_WINDOW, StreamEvent, ToolSpec
from aloop.llm.message_types import LLMMessage

MODELS: tuple[str, ...] = get_args(get_args(Model)[0])
"""The models that the SDK lists, newest first."""

T = TypeVar("T")

_log = logging.getLogger(__name__)

# Without a handler, Python would print the SDK's warnings into the terminal's output.
logging.getLogger("anthropic").addHandler(logging.NullHandler())

# The SDK raises AssertionError and ValueError (bad JSON, bad UTF-8) for a server that violates the format.
_FAILURES = (
    anthropic.AnthropicError,
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    TimeoutError,
    AssertionError,
    ValueError,
)

_API = ServerProfile()


def load_transport() -> None:
    """Load HTTP and certificates, which would delay the first request by 0.5 s."""
    httpx2.AsyncHTTPTransport()  # opens no connection, so it need not be closed


class AnthropicLLM:
    """A model behind the Messages API.

    Without a ``client``, one is made when needed, from ``base_url`` and ``api_key`` or else from the environment.
    ``profile`` describes the server, by default the API itself. Failed requests are not retried here; that is up to
    the caller.
    """

    provider = "anthropic"

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        client: anthropic.AsyncAnthropic | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        profile: ServerProfile = _API,
    ) -> None:
        self.model = model
        self._base_url = base_url
        self._api_key = api_key
        self._profile = profile
        self._window = DEFAULT_CONTEXT_WINDOW
        self._lookup: asyncio.Task[None] | None = None
        self._given = client.with_options(max_retries=0) if client else None
        self._made: anthropic.AsyncAnthropic | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def context_window(self) -> int:
        """The API's figure for this model, or the usual one until the first answer."""
        return self._window

    async def stream(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()
    ) -> AsyncIterator[StreamEvent]:
        """Stream one answer; see ``LLM.stream``."""
        client = self._client()
        answer = Accumulator()
        try:
            async with asyncio.timeout(self._profile.stall_after):
                stream = await client.messages.create(**self._request(messages, tools), stream=True)
            async with stream:
                async for event in self._unless_stalled(stream):
                    # The SDK passes on any JSON that it receives, whatever its types promise.
                    delta = answer.feed(event.to_dict(warnings=False)) if isinstance(event, BaseModel) else None
                    if delta is not None:
                        yield delta
        except _FAILURES as error:
            # No cause, because some of the SDK's errors quote the header with the key.
            raise self._explain(error, client) from None
        reply = answer.reply(self.model)
        if self._lookup is None and not self._profile.is_local:
            # In the background; servers without this endpoint work too.
            self._lookup = asyncio.create_task(self._learn_window(client))
        yield reply

    async def _learn_window(self, client: anthropic.AsyncAnthropic) -> None:
        try:
            found = await client.models.retrieve(self.model)
        except _FAILURES as error:
            _log.debug("context window of %s is unknown: %s", self.model, type(error).__name__)
        else:
            self._window = found.max_input_tokens or DEFAULT_CONTEXT_WINDOW

    async def count(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = ()) -> int:
        """Return the tokens of a request, counted by the server; raises LLMError."""
        client, question = self._client(), self._question(messages, tools)
        try:
            counted = await client.messages.count_tokens(**question)
        except _FAILURES as error:
            raise self._explain(error, client) from None
        return counted.input_tokens

    async def aclose(self) -> None:
        """Close the own client; the caller closes a client that it passed in."""
        lookup, self._lookup = self._lookup, None
        if lookup is not None and lookup.get_loop() is asyncio.get_running_loop():
            lookup.cancel()
            await asyncio.wait([lookup])
        made, self._made = self._made, None
        if made is not None:
            await made.close()

    async def _unless_stalled(self, stream: anthropic.AsyncStream[T]) -> AsyncIterator[T]:
        """Yield the events of ``stream``; raises TimeoutError if it stalls.

        The SDK does not pass on pings, so they do not count.
        """
        events = aiter(stream)
        while True:
            # Only around the wait: the consumer may take any time for an event.
            async with asyncio.timeout(self._profile.stall_after):
                try:
                    event = await anext(events)
                except StopAsyncIteration:
                    return
            yield event

    def _request(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> dict[str, Any]:
        request = self._question(messages, tools) | {"max_tokens": self._profile.max_tokens}
        if not self._profile.is_local:
            request["cache_control"] = {"type": "ephemeral"}
        if self._profile.extra_body:
            request["extra_body"] = self._profile.extra_body
        return request

    def _question(self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec]) -> dict[str, Any]:
        system, turns = to_request(messages)
        question: dict[str, Any] = {"model": self.model, "messages": cast("Iterable[MessageParam]", turns)}
        if system:
            question["system"] = system
        if tools:
            question["tools"] = cast("Iterable[ToolParam]", tool_params(tools))
        return question

    def _client(self) -> anthropic.AsyncAnthropic:
        """Return the client to use; raises MissingCredentials.

        The SDK itself would notice missing or malformed credentials only during the request.
        """
        client = self._given or self._own_client()
        secrets = (client.api_key, client.auth_token)
        if not client.credentials and not any(secret and secret.strip() for secret in secrets):
            raise no_credentials(self.model)
        if any(secret and not (secret.isascii() and secret.isprintable()) for secret in secrets):
            raise MissingCredentials(f"{_credential(client)} contains characters that are not allowed. Set it again.")
        return client

    def _own_client(self) -> anthropic.AsyncAnthropic:
        """Return the client of the running event loop; connections are bound to it."""
        loop = asyncio.get_running_loop()
        if self._made is None or self._loop is not loop:
            try:
                self._made = anthropic.AsyncAnthropic(
                    max_retries=0, base_url=self._base_url, api_key=self._api_key, http_client=self._direct()
                )
            except anthropic.AnthropicError as error:
                raise MissingCredentials(f"The credentials cannot be used: {error}") from None
            except (httpx2.InvalidURL, ValueError):
                raise _wrong_address("ANTHROPIC_BASE_URL is not a valid URL. Correct or unset it.") from None
            self._loop = loop
        return self._made

    def _direct(self) -> httpx2.AsyncClient | None:
        """Return an HTTP client for a local server; None means the SDK's default."""
        if not self._profile.is_local:
            return None
        # Proxies are ignored, and each request gets a new connection: llama.cpp sometimes closes an idle one just when
        # the next request is sent on it, and that request would be lost.
        limits = httpx2.Limits(max_keepalive_connections=0)
        return httpx2.AsyncClient(trust_env=False, timeout=self._profile.stall_after, limits=limits)

    def _explain(self, error: Exception, client: anthropic.AsyncAnthropic) -> LLMError:
        match error:
            case anthropic.APIStatusError():
                return self._explain_status(error, client)
            case anthropic.APITimeoutError():
                return ConnectionFailed(f"{_host(client)} did not answer in time. Try again in a moment.")
            case anthropic.APIConnectionError():
                reason = _without_secrets(_reason(error), client)
                text = f"Could not reach {_host(client)}{reason}. Check the network, and ANTHROPIC_BASE_URL if set."
                unusable = isinstance(error.__cause__, httpx2.UnsupportedProtocol | httpx2.InvalidURL)
                return _wrong_address(text) if unusable else ConnectionFailed(text)
            case anthropic.CredentialsError():
                return MissingCredentials(_without_secrets(f"The credentials cannot be used: {error}", client))
            case httpx2.TimeoutException() | TimeoutError():
                return StreamBroken("The answer stalled and was cancelled. Send the message again.")
            case httpx2.HTTPError() | httpx2.StreamError():
                return StreamBroken("The connection broke in the middle of the answer. Send the message again.")
            case (
                json.JSONDecodeError()
                | UnicodeDecodeError()
                | AssertionError()
                | anthropic.APIResponseValidationError()
            ):
                return StreamBroken("The server sent an answer that cannot be read. Send the message again.")
        return RequestRejected(_without_secrets(f"The request could not be sent: {error}", client))

    def _explain_status(self, error: anthropic.APIStatusError, client: anthropic.AsyncAnthropic) -> LLMError:
        return explain(
            ApiError(
                status=error.status_code,
                kind=error.type or "",
                text=_without_secrets(error.api_message or "", client),
                headers=error.response.headers,
                model=self.model,
                credential=_credential(client),
            )
        )


def _wrong_address(text: str) -> ConnectionFailed:
    """Return the error for an unusable address, which no retry can fix."""
    error = ConnectionFailed(text)
    error.is_transient = False
    return error


def _credential(client: anthropic.AsyncAnthropic) -> str:
    """Return the name of the client's credential."""
    if client.api_key:
        return "ANTHROPIC_API_KEY"
    return "ANTHROPIC_AUTH_TOKEN" if client.auth_token else "the configured profile or federation"


def _host(client: anthropic.AsyncAnthropic) -> str:
    """Return the server's host and port, without the password that a URL may contain."""
    return client.base_url.netloc.decode("ascii", "replace")


def _reason(error: anthropic.APIConnectionError) -> str:
    """Return the network's error message; others could quote the request's headers."""
    cause = error.__cause__
    return f" ({cause})" if isinstance(cause, httpx2.NetworkError | httpx2.UnsupportedProtocol) and str(cause) else ""


def _without_secrets(text: str, client: anthropic.AsyncAnthropic) -> str:
    for secret in (client.api_key, client.auth_token):
        text = text.replace(secret, "[key]") if secret else text
    return text

"""Read the events of one answer from whatever the server sends.

The SDK's own reader skips events without an ``event:`` line, and takes anything after the last event of an answer,
such as the ``[DONE]`` of other APIs or a broken connection, for a broken answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
from anthropic import AsyncStream, BaseModel

from aloop.errors import RequestRejected, StreamBroken
from aloop.llm.anthropic.errors import page_title, words_of

Event = Mapping[str, Any]

_MOST_PAGE_BYTES = 65_536
_DRAIN_SECONDS = 0.5
"""Time for the end of the body after the last event, so that the connection can be used again."""
_CANNOT_BE_READ = "The server sent an answer that cannot be read"


class ErrorSent(Exception):
    """An error that came with status 200; ``body`` is its JSON, or its text."""

    def __init__(self, body: object) -> None:
        super().__init__("an error in a stream")
        self.body = body


async def read_events(stream: AsyncStream[Any], *, is_binary: bool = False) -> AsyncIterator[Event]:
    """Yield the events of a streamed answer up to its last one.

    ``is_binary`` is the format of AWS, which the SDK decodes. Raises ErrorSent for an error event, and the errors of
    the connection.
    """
    if is_binary:
        async for decoded in stream:
            if isinstance(decoded, BaseModel):
                yield decoded.to_dict(warnings=False)
        return
    events = AsyncStream.raw_events(stream.response)
    async for sent in events:
        if not sent.data or sent.event == "ping":
            continue
        if sent.data.strip() == "[DONE]":
            break
        event = _parsed(sent.event, sent.data, stream.response)
        yield event
        if event["type"] == "message_stop":
            break
    with contextlib.suppress(TimeoutError, httpx2.HTTPError, httpx2.StreamError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in events:
                pass


async def read_answer(stream: AsyncStream[Any], *, is_binary: bool = False) -> AsyncIterator[Event]:
    """Yield the events of an answer, even if the server does not stream.

    Raises as ``read_events`` does, and RequestRejected for a web page and ErrorSent for an error.
    """
    whole = await _read_whole(stream.response)
    if whole is None:
        async for event in read_events(stream, is_binary=is_binary):
            yield event
        return
    yield {"type": "message_start", "message": whole}
    for index, block in enumerate(whole["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": whole, "usage": whole.get("usage")}
    yield {"type": "message_stop"}


async def _read_whole(response: httpx2.Response) -> dict[str, Any] | None:
    """Return the answer of a server that does not stream; None for a stream of events."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        page = (await _read_some(response)).decode("utf-8", "replace")
        if "<" not in page:
            raise StreamBroken(f"{_CANNOT_BE_READ}. Send the message again.")
        title = page_title(page)
        raise _other_api(response, f"with a web page{f' ({title})' if title else ''}")
    if kind != "application/json":
        return None
    body = json.loads(await response.aread())
    if isinstance(body, dict) and isinstance(body.get("content"), list):
        return body
    if isinstance(body, dict) and "choices" in body:
        raise _other_api(response, "in the format of another API")
    if words_of(body):
        raise ErrorSent(body)
    raise StreamBroken(f"{_CANNOT_BE_READ}: it has no content. Send the message again.")


def _parsed(name: str | None, data: str, response: httpx2.Response) -> Event:
    try:
        event = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        if name == "error":
            raise ErrorSent(data) from None
        raise
    if not isinstance(event, dict):
        return {"type": name or ""}
    kind = event.get("type")
    if name == "error" or kind == "error" or ("error" in event and not isinstance(kind, str)):
        raise ErrorSent(event)
    if "choices" in event and not isinstance(kind, str):
        raise _other_api(response, "in the format of another API")
    return event if isinstance(kind, str) else {**event, "type": name or ""}


def _other_api(response: httpx2.Response, how: str) -> RequestRejected:
    return RequestRejected(
        f"{response.url.host} answered {how} instead of the Messages API. "
        "Check ANTHROPIC_BASE_URL or base_url in the settings."
    )


async def _read_some(response: httpx2.Response) -> bytes:
    data = bytearray()
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) >= _MOST_PAGE_BYTES:
            break
    return bytes(data)

"""Find model servers on this machine, at the ports that they use by default.

Only the loopback address is asked, and only when someone wants to choose a model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aloop.llm.endpoints import LOCAL_SERVERS, Endpoint

SECONDS = 0.5
"""A server on this machine that takes longer is not offered."""
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answered, with the models that it lists, as ``ENDPOINT/MODEL``."""

    endpoint: Endpoint
    models: tuple[str, ...]


async def find_servers(
    endpoints: Mapping[str, Endpoint] = LOCAL_SERVERS, seconds: float = SECONDS
) -> list[FoundServer]:
    """Return the servers that list at least one model, in the order of ``endpoints``."""
    answers = await asyncio.gather(*(_list_models(endpoint, seconds) for endpoint in endpoints.values()))
    return [
        FoundServer(endpoint, tuple(f"{endpoint.name}/{model}" for model in models))
        for endpoint, models in zip(endpoints.values(), answers, strict=True)
        if models
    ]


async def _list_models(endpoint: Endpoint, seconds: float) -> tuple[str, ...]:
    """Return the models that ``GET /v1/models`` lists.

    Empty for anything that is not such a server.
    """
    try:
        async with asyncio.timeout(seconds):
            body = json.loads(await _get(endpoint.base_url or "", "/v1/models"))
        records = body["data"]
        return tuple(str(record["id"]) for record in records if record["id"])
    except (OSError, TimeoutError, ValueError, KeyError, TypeError, asyncio.IncompleteReadError):
        return ()


async def _get(base_url: str, path: str) -> bytes:
    """Return the body of a plain HTTP/1.0 answer with status 200.

    Raises ValueError for any other.
    """
    parts = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n\r\n".encode("ascii"))
        await writer.drain()
        answer = await reader.read(_MOST_BYTES)
        while len(answer) < _MOST_BYTES and (piece := await reader.read(_MOST_BYTES - len(answer))):
            answer += piece
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise ValueError("not a list of models")
    return body

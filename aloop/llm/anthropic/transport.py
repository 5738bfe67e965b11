"""The HTTP client below the SDK: proxies, certificates and limits of silence."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2

CONNECT_SECONDS = 10.0
STALL_SECONDS = 300.0
"""Silence, not even a ping, after which an answer is given up."""
LOCAL_HEADERS_SECONDS = 600.0
"""Silence before the headers of a server on this machine: it may read the whole prompt before it answers."""


def load_transport() -> None:
    """Load HTTP and certificates, about half a second, before the first request."""
    with suppress(OSError, ValueError):  # opening a client reports the reason
        httpx2.AsyncHTTPTransport(verify=_certificates())  # opens nothing, so there is nothing to close
    with suppress(ImportError):  # the first request would import it on the event loop, which could read no keys
        import_module("anyio._backends._asyncio")


def _certificates() -> ssl.SSLContext:
    """Return the certificates to trust, which take some 25 ms to load.

    Raises the errors of httpx2 for files that cannot be used.
    """
    return _load_certificates(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _load_certificates(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    return httpx2.create_ssl_context()  # reads the two variables


class Patience(NamedTuple):
    """Seconds without a byte: before the headers, and between two pieces of the body."""

    headers: float
    body: float


def patience_for(base_url: str, stall_seconds: float | None = None) -> Patience:
    """Return the time limits for the server at ``base_url``.

    ``stall_seconds`` replaces both.
    """
    if stall_seconds:
        return Patience(stall_seconds, stall_seconds)
    return Patience(LOCAL_HEADERS_SECONDS if is_loopback(base_url) else STALL_SECONDS, STALL_SECONDS)


def is_loopback(base_url: str) -> bool:
    """Return True if ``base_url`` is on this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def open_http_client(patience: Patience, *, use_proxies: bool = True, keep_alive: bool = True) -> httpx2.AsyncClient:
    """Return a client that gives up after silence, not after a fixed time.

    Raises the errors of httpx2 for proxies and certificates that cannot be used.
    """

    async def check_response(response: httpx2.Response) -> None:
        _require_safe_redirect(response)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _SilenceLimit(response.stream, patience.body, response.request)

    return httpx2.AsyncClient(
        verify=_certificates(),
        trust_env=use_proxies,
        timeout=httpx2.Timeout(patience.headers, connect=CONNECT_SECONDS),
        limits=httpx2.Limits(max_connections=100, max_keepalive_connections=20 if keep_alive else 0),
        follow_redirects=True,
        event_hooks={"response": [check_response]},
    )


class RedirectRefused(httpx2.RequestError):
    """A redirect that would lose the request or send it to another server."""

    def __init__(self, target: str, request: httpx2.Request) -> None:
        super().__init__(f"redirected to {target}", request=request)
        self.target = target


def _require_safe_redirect(response: httpx2.Response) -> None:
    """Raise RedirectRefused unless the same request may go to the new address.

    The conversation and the key must not go to a host that the user did not name, and 301, 302 and 303 drop the body.
    """
    if not response.has_redirect_location:
        return
    before, after = response.request.url, response.request.url.join(response.headers["location"])
    is_upgrade = (before.scheme, after.scheme) == ("http", "https") and before.host == after.host
    is_near = before.host == after.host and before.port == after.port and before.scheme == after.scheme
    keeps_body = response.request.method == "GET" or response.status_code in (307, 308)
    if not (keeps_body and (is_near or is_upgrade)):
        raise RedirectRefused(str(after.copy_with(query=None, userinfo=b"")), response.request)


class _SilenceLimit(httpx2.AsyncByteStream):
    """A response body that raises ReadTimeout if no byte comes for ``seconds``.

    A ping is a byte.
    """

    def __init__(self, stream: httpx2.AsyncByteStream, seconds: float, request: httpx2.Request) -> None:
        self._stream = stream
        self._seconds = seconds
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout(self._seconds):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise httpx2.ReadTimeout("no data", request=self._request) from None
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()

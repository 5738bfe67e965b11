"""Replies that are not event streams."""

from __future__ import annotations

import json
from collections.abc import Mapping

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Plain:
    """Any HTTP response with a fixed body."""

    def __init__(self, status: int, body: str, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = {"content-type": "text/html"} | dict(headers or {})


class HTTPError(Plain):
    """An error as the API reports it.

    Its headers forbid retries, so that one error means one request; ``retry=True`` leaves that header out.
    """

    def __init__(
        self,
        status: int,
        message: str = "scripted error",
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = False,
    ) -> None:
        error = {"type": kind or _KINDS.get(status, "api_error"), "message": message}
        body = json.dumps({"type": "error", "error": error, "request_id": "req_stub"})
        always = {"content-type": "application/json"} | ({} if retry else {"x-should-retry": "false"})
        super().__init__(status, body, always | dict(headers or {}))


class NoResponse:
    """The connection is closed without a response."""

"""Turn errors of the API into errors of aloop, with the server's own words."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from aloop.errors import (
    AuthenticationFailed,
    ContextOverflow,
    LLMError,
    MissingCredentials,
    ModelNotFound,
    RateLimited,
    RequestRejected,
    ServerFailed,
    StreamBroken,
)

# The API names the kind of an error in words; within a stream there is nothing else.
_STATUS_OF_KIND = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TOO_LONG = (
    "prompt is too long",
    "context window",
    "context limit",
    "context length",
    "maximum context",
    "available context",
    "input is too long",
)
_QUOTA = re.compile(r"\bquota\b|\bper day\b|\bdaily\b|\bmonthly\b|\bspend(?:ing)? limit\b|\bcredit balance\b", re.I)
_SHORTEN = "Shorten it with /compact, start a new session with /clear, or send less."
_MOST_CHARACTERS = 500
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class ApiError:
    """One error as the server reported it.

    ``status`` is 200 when it came within a stream.

    ``body`` is the decoded JSON, or the text if it is not JSON. ``server`` is the host to name in a message.
    """

    status: int
    kind: str
    body: object
    headers: Mapping[str, str]
    model: str
    credential: str
    server: str = ""


def no_credentials(model: str) -> MissingCredentials:
    """Return the error for a model without an API key."""
    return MissingCredentials(
        f"The model {model} needs an API key. Set one with `export ANTHROPIC_API_KEY=…`, "
        "or use `--model offline`, which needs none."
    )


def words_of(body: object) -> str:
    """Return the server's own words in the body of an error, on one line.

    Empty if it has none.

    Bodies come as ``{"error": {"message": …}}``, ``{"error": "…"}``, ``{"detail": …}``, ``{"message": …}``, as plain
    text, or as a web page, of which the title is taken.
    """
    text = _find_text(body)
    if re.match(r"\s*<(?:!doctype|html|head|\?xml)", text, re.I):
        text = page_title(text) or "a web page"
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else line[:_MOST_CHARACTERS] + "…"


def kind_of(body: object) -> str:
    """Return the kind of the error in a body; an HTTP status there counts as one."""
    error = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return ""
    kind = error.get("type")
    if isinstance(kind, str) and kind in _STATUS_OF_KIND:
        return kind
    for status in (error.get("code"), error.get("status")):
        if str(status).isdecimal() and 400 <= int(str(status)) < 600:
            return str(status)
    return kind if isinstance(kind, str) else ""


def _parameter_of(body: object) -> str:
    """Return the ``param`` of an error, which some gateways name, or an empty text."""
    error = body.get("error", body) if isinstance(body, Mapping) else None
    parameter = error.get("param") if isinstance(error, Mapping) else None
    return parameter if isinstance(parameter, str) else ""


def page_title(page: str) -> str:
    """Return the title of a web page on one line, or an empty text."""
    title = re.search(r"<title[^>]*>(.*?)</title>", page, re.I | re.S)
    return " ".join(html.unescape(title[1]).split()) if title else ""


def explain(reported: ApiError, secrets: Iterable[str | None] = ()) -> LLMError:
    """Return the error of aloop for ``reported``.

    The server may say whether and when to ask again.
    """
    error = _explain(reported, mask(words_of(reported.body), secrets))
    error.retry_after = _retry_after(reported.headers)
    if isinstance(error, RequestRejected):
        error.parameter = _parameter_of(reported.body)
    match reported.headers.get("x-should-retry", ""):
        case "true":
            error.is_transient = True
        case "false":
            error.is_transient = False
    return error


def mask(text: str, secrets: Iterable[str | None]) -> str:
    """Return ``text`` with each secret of eight characters or more replaced."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[key]")
    return text


def is_about(text: str, *topics: str) -> bool:
    """Return True if the words of a rejection mention one of ``topics``."""
    lowered = text.lower()
    return any(topic in lowered for topic in topics)


def _find_text(body: object) -> str:
    if isinstance(body, str):
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            return body
        return _find_text(parsed) if isinstance(parsed, dict | list) else body
    if isinstance(body, Mapping):
        for key in ("error", "message", "detail", "error_description", "title", "msg"):
            if text := _find_text(body.get(key)):
                return text
    if isinstance(body, list):
        return "; ".join(text for item in body[:3] if (text := _find_text(item)))
    return ""


def _explain(reported: ApiError, words: str) -> LLMError:
    streamed = reported.status < 400
    status = _status_of_kind(reported.kind) if streamed else reported.status
    shown = reported.kind if streamed else str(status)
    said = _sentence(words)
    server = reported.server or "the API"
    match status:
        case 401:
            return AuthenticationFailed(f"The API key was refused ({shown}){said} Check {reported.credential}.")
        case 402:
            return AuthenticationFailed(f"The account cannot pay for this request ({shown}){said} Check its billing.")
        case 403:
            return AuthenticationFailed(
                f"The request is not allowed ({shown}){said} Check the permissions of {reported.credential}."
            )
        case 404:
            return _not_found(reported, shown, said)
        case 429:
            return _rate_limited(reported, shown, words)
        case 408 | 409 | 425:
            return ServerFailed(
                f"{_capital(server)} could not accept the request ({shown}){said} Try again in a moment."
            )
        case 529 | 503:
            return ServerFailed(f"{_capital(server)} is overloaded ({shown}){said} Try again in a minute.")
        case 501:
            return _final(ServerFailed(f"{_capital(server)} does not support this request ({shown}){said}"))
        case 413:
            return ContextOverflow(f"The conversation is too large to send ({shown}){said} {_SHORTEN}")
        case _ if status >= 500:
            return ServerFailed(f"{_capital(server)} failed ({shown}){said} Try again in a minute.")
        case _ if status >= 400:
            if is_about(words, *_TOO_LONG):
                return ContextOverflow(f"The conversation no longer fits the model's window ({shown}){said} {_SHORTEN}")
            if _QUOTA.search(words):
                return _final(RateLimited(f"The limit of this account has been reached ({shown}){said}", None))
            return RequestRejected(f"The request was rejected ({shown}){said}")
    return StreamBroken(f"The server broke off its answer{said} Send the message again.")


def _status_of_kind(kind: str) -> int:
    return int(kind) if kind.isdecimal() else _STATUS_OF_KIND.get(kind, 0)


def _not_found(reported: ApiError, shown: str, said: str) -> LLMError:
    server = reported.server or "the server"
    if not reported.model:
        return RequestRejected(f"{_capital(server)} has no list of models ({shown}){said}")
    names_model = reported.model in words_of(reported.body)
    if reported.kind == "not_found_error" or names_model:
        return ModelNotFound(
            f"Unknown model {reported.model!r} ({shown}){said} Choose another with /model, --model or ALOOP_MODEL."
        )
    return RequestRejected(
        f"The Messages API was not found at {server} ({shown}){said} "
        "Check ANTHROPIC_BASE_URL or base_url in the settings."
    )


def _rate_limited(reported: ApiError, shown: str, words: str) -> LLMError:
    seconds = _retry_after(reported.headers)
    said = _sentence(words)
    if seconds is None and _QUOTA.search(words):
        return _final(RateLimited(f"The limit of this account has been reached ({shown}){said}", None))
    when = "in a minute" if seconds is None else f"in {_spelled(seconds)}"
    return RateLimited(f"Too many requests ({shown}){said} Try again {when}.", seconds)


def _final(error: LLMError) -> LLMError:
    error.is_transient = False
    return error


def _sentence(words: str) -> str:
    """Return ``words`` as the end of a clause, or a full stop if there are none."""
    if not words:
        return "."
    return f": {words}" if words[-1] in ".!?…" else f": {words}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text


def _spelled(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the server asks to wait.

    ``Retry-After`` is a number or a date (RFC 9110).
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None

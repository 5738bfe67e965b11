"""Errors of the API, translated into LLMErrors that tell the user what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

# An error in the middle of a stream has a type, but no status code.
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
_TOO_LONG = ("prompt is too long", "context window", "context limit", "maximum context length", "available context")
_SHORTEN = "Shorten it with /compact, start a new one with /clear, or send a shorter message."
_MAX_DETAIL_LENGTH = 300


@dataclass(frozen=True, slots=True)
class ApiError:
    """One error of the API; ``status`` is 200 if it came in the middle of a stream."""

    status: int
    kind: str
    text: str
    headers: Mapping[str, str]
    model: str
    credential: str


def no_credentials(model: str) -> MissingCredentials:
    """Return the error for a model that needs a key when there is none."""
    return MissingCredentials(
        f"The model {model} needs an API key. Set one with `export ANTHROPIC_API_KEY=…`, "
        "or continue without: `--model offline` needs no key."
    )


def explain(refusal: ApiError) -> LLMError:
    """Return the LLMError for ``refusal``; its headers decide about retries."""
    error = _explain(refusal)
    error.retry_after = _retry_after(refusal.headers)
    match refusal.headers.get("x-should-retry", ""):
        case "true":
            error.is_transient = True
        case "false":
            error.is_transient = False
    return error


def _explain(refusal: ApiError) -> LLMError:
    streamed = refusal.status < 400
    status = _STATUS_OF_KIND.get(refusal.kind, 0) if streamed else refusal.status
    detail = _detail(refusal.text)
    shown = refusal.kind if streamed else str(status)
    match status:
        case 401:
            return AuthenticationFailed(f"The API refused the key ({shown}). Check {refusal.credential}.")
        case 403:
            return AuthenticationFailed(
                f"The API denied access ({shown}){detail} Check the permissions of {refusal.credential}."
            )
        case 404:
            return _not_found(refusal, shown)
        case 429:
            return _rate_limited(refusal, shown)
        case 408 | 409:
            return ServerFailed(f"The API could not accept the request ({shown}). Try again in a moment.")
        case 529 | 503:
            return ServerFailed(f"The API is overloaded ({shown}). Try again in a minute.")
        case 413:
            return ContextOverflow(f"The conversation is too large to send ({shown}). {_SHORTEN}")
        case _ if status >= 500:
            return ServerFailed(f"The API failed ({shown}). Try again in a minute.")
        case _ if status >= 400:
            return _rejected(refusal, shown, detail)
    return StreamBroken(f"The API broke off its answer{detail} Send the message again.")


def _not_found(refusal: ApiError, shown: str) -> LLMError:
    if refusal.kind == "not_found_error":
        return ModelNotFound(
            f"The API has no model {refusal.model!r} ({shown}). Choose another with /model, --model or ALOOP_MODEL."
        )
    return RequestRejected(f"The server is not a Messages API ({shown}). Check ANTHROPIC_BASE_URL.")


def _rate_limited(refusal: ApiError, shown: str) -> RateLimited:
    seconds = _retry_after(refusal.headers)
    when = "in a minute" if seconds is None else f"in {seconds:.0f} s"
    return RateLimited(f"Too many requests for this key ({shown}). Try again {when}.", seconds)


def _rejected(refusal: ApiError, shown: str, detail: str) -> RequestRejected:
    if any(phrase in refusal.text.lower() for phrase in _TOO_LONG):
        return ContextOverflow(f"The conversation exceeds the model's context window ({shown}). {_SHORTEN}")
    return RequestRejected(f"The API refused the request ({shown}){detail or '.'}")


def _detail(text: str) -> str:
    """Return the API's message as ``: message.``, or a full stop without one."""
    words = " ".join(text.split())
    if not words:
        return "."
    short = words if len(words) <= _MAX_DETAIL_LENGTH else words[:_MAX_DETAIL_LENGTH] + "…"
    return f": {short}" if short[-1] in ".!?…" else f": {short}."


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the API asks to wait, from one of its two headers."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    return _number(headers.get("retry-after", "")) if milliseconds is None else milliseconds / 1000


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:  # HTTP allows a date too, but the API never sends one
        return None
    return number if 0 <= number < float("inf") else None

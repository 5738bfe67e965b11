"""Open the SDK's client for a server, and explain why it failed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, cast

import anthropic
import httpx2  # the HTTP library of the SDK; its errors escape from a running stream as they are

from aloop.config.credentials import KEY_VARIABLE
from aloop.errors import ConnectionFailed, LLMError, MissingCredentials, RequestRejected, StreamBroken, install_command
from aloop.llm.anthropic.environment import environment_problem, proxy_variable
from aloop.llm.anthropic.errors import ApiError, explain, kind_of, mask
from aloop.llm.anthropic.events import ErrorSent
from aloop.llm.anthropic.server_profile import ServerProfile
from aloop.llm.anthropic.transport import (
    RedirectRefused,
    is_loopback,
    open_http_client,
    patience_for,
)
from aloop.llm.models.endpoints import Endpoint, server_root

# AssertionError and ValueError (bad JSON, bad UTF-8) are how the SDK fails on a server that breaks the format.
FAILURES = (
    anthropic.AnthropicError,
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    TimeoutError,
    AssertionError,
    ValueError,
    ErrorSent,
)


def failures_of(profile: ServerProfile) -> tuple[type[Exception], ...]:
    """Return the errors of a request; ``explain_failure`` takes them all.

    Those of a cloud platform's own credentials have no common base.
    """
    is_platform = profile.endpoint is not None and profile.endpoint.kind != "anthropic"
    return (Exception,) if is_platform else FAILURES


def open_client(
    profile: ServerProfile, base_url: str | None = None, api_key: str | None = None
) -> anthropic.AsyncAnthropic:
    """Return a client for the server of ``profile``; it opens no connection yet.

    Raises MissingCredentials for credentials that cannot be read, and ConnectionFailed for an address, a proxy or a
    certificate that cannot work.
    """
    try:
        return _open(profile, base_url, api_key)
    except anthropic.AnthropicError as error:
        raise MissingCredentials(f"The credentials cannot be used: {error}") from None
    except (httpx2.InvalidURL, ValueError, ImportError, OSError) as error:
        raise _wrong_address(environment_problem() or f"The connection cannot be set up: {error}.") from None


def _open(profile: ServerProfile, base_url: str | None, api_key: str | None) -> anthropic.AsyncAnthropic:
    endpoint = profile.endpoint
    if endpoint is not None:
        base_url = base_url or endpoint.base_url
    else:
        base_url = base_url or os.environ.get("ANTHROPIC_BASE_URL") or None
    if base_url is not None:
        base_url = server_root(base_url)
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"{base_url!r} is not a URL; correct ANTHROPIC_BASE_URL or base_url in the settings")
    is_near = base_url is not None and is_loopback(base_url)
    http_client = open_http_client(
        patience_for(base_url or "", profile.stall_after),
        use_proxies=not (profile.is_local or is_near),
        # A connection for each request to our own server: it costs nothing there, and llama.cpp's server sometimes
        # closes a used connection just as the next request goes out on it.
        keep_alive=not profile.is_local,
    )
    if endpoint is None:
        return anthropic.AsyncAnthropic(max_retries=0, base_url=base_url, api_key=api_key, http_client=http_client)
    return _endpoint_client(endpoint, base_url, http_client)


def credential_name(client: anthropic.AsyncAnthropic, profile: ServerProfile) -> str:
    """Return the name of what the client authenticates with."""
    if profile.endpoint is not None:
        return profile.endpoint.api_key_env or f"the credentials of the endpoint {profile.endpoint.name}"
    if client.api_key:
        return KEY_VARIABLE if os.environ.get(KEY_VARIABLE) == client.api_key else profile.key_name
    return "ANTHROPIC_AUTH_TOKEN" if client.auth_token else "the configured profile or federation"


def explain_failure(error: Exception, client: anthropic.AsyncAnthropic, profile: ServerProfile, model: str) -> LLMError:
    """Return the error of aloop for one of ``failures_of``."""
    # The clients of the platforms have other attributes.
    secrets = (getattr(client, "api_key", None), getattr(client, "auth_token", None))
    place = client.base_url.netloc.decode("ascii", "replace")
    credential = credential_name(client, profile)
    match error:
        case anthropic.APIStatusError():
            reported = ApiError(
                status=error.status_code,
                kind=error.type or "",
                body=error.body,
                headers=error.response.headers,
                model=model,
                credential=credential,
                server=place,
            )
            return explain(reported, secrets)
        case ErrorSent(body=body):
            reported = ApiError(200, kind_of(body), body, {}, model=model, credential=credential, server=place)
            return explain(reported, secrets)
        case anthropic.APITimeoutError():
            return ConnectionFailed(f"{place} did not answer in time. Try again in a moment.")
        case anthropic.APIConnectionError():
            return _connection_error(error, client.base_url, secrets, profile)
        case ImportError() | anthropic.AnthropicError() if profile.endpoint is not None and _is_missing(error):
            words = _MISSING.search(str(error))  # the SDK's own sentence has several lines
            return RequestRejected(
                f"The endpoint {profile.endpoint.name} needs a package that is not installed "
                f"({words[1] if words else error}). "
                f"Install it with `{install_command(f'anthropic[{profile.endpoint.kind}]')}`."
            )
        case anthropic.CredentialsError():
            return MissingCredentials(mask(f"The credentials cannot be used: {error}", secrets))
        case httpx2.TimeoutException() | TimeoutError():
            return StreamBroken("The answer stalled: no data arrived for too long. Send the message again.")
        case httpx2.HTTPError() | httpx2.StreamError():
            return StreamBroken("The connection broke in the middle of the answer. Send the message again.")
        case json.JSONDecodeError() | UnicodeDecodeError() | AssertionError() | anthropic.APIResponseValidationError():
            return StreamBroken("The server sent an answer that cannot be read. Send the message again.")
    return RequestRejected(mask(f"The request could not be sent: {error}", secrets))


def _endpoint_client(
    endpoint: Endpoint, base_url: str | None, http_client: httpx2.AsyncClient
) -> anthropic.AsyncAnthropic:
    """Return the SDK's own client for the kind of ``endpoint``."""
    key = os.environ.get(endpoint.api_key_env or "") or None
    options: dict[str, Any] = {"max_retries": 0, "http_client": http_client}
    if base_url:
        options["base_url"] = base_url
    match endpoint.kind:
        case "bedrock":
            optional = {"aws_region": endpoint.region, "api_key": key}
            made: object = anthropic.AsyncAnthropicBedrock(**options, **_given(optional))
        case "vertex":
            optional = {"region": endpoint.region, "project_id": endpoint.project, "access_token": key}
            made = anthropic.AsyncAnthropicVertex(**options, **_given(optional))
        case "foundry":
            optional = {"resource": endpoint.resource, "api_key": key}
            made = anthropic.AsyncAnthropicFoundry(**options, **_given(optional))
        case "anthropic":
            # A key must be given, or the SDK would send the one for the Anthropic API to this server.
            secret = key or "unused"
            headers = {"x-api-key": secret} if endpoint.auth == "x-api-key" else {}
            made = anthropic.AsyncAnthropic(api_key=secret, default_headers=headers, **options)
    return cast("anthropic.AsyncAnthropic", made)


_MISSING = re.compile(r"missing required dependency `([\w-]+)`")


def _is_missing(error: Exception) -> bool:
    """Return True if the SDK needs another package."""
    return isinstance(error, ImportError) or _MISSING.search(str(error)) is not None


def _given(values: Mapping[str, str | None]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _connection_error(
    error: anthropic.APIConnectionError, server: httpx2.URL, secrets: tuple[str | None, ...], profile: ServerProfile
) -> ConnectionFailed:
    """Return the error for a server that was not reached, with its cause."""
    cause, place = error.__cause__, server.netloc.decode("ascii", "replace")
    proxy = None if is_loopback(str(server)) else proxy_variable(server.scheme)
    if isinstance(cause, RedirectRefused):
        return _wrong_address(
            f"{place} redirects requests to {cause.target}, so nothing was sent there. "
            "If that server is yours, set ANTHROPIC_BASE_URL or base_url in the settings to it."
        )
    told = httpx2.NetworkError | httpx2.UnsupportedProtocol | httpx2.ProxyError | httpx2.TooManyRedirects
    shows = isinstance(cause, told) and str(cause)
    reason = mask(f" ({cause})", secrets) if shows else ""
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return _wrong_address(
            f"The certificate of {place} cannot be verified{reason}. "
            "If the server is yours, set SSL_CERT_FILE to the certificate of its authority."
        )
    if isinstance(cause, httpx2.ProxyError):
        return ConnectionFailed(f"The proxy refused the connection to {place}{reason}. Check {proxy or 'HTTPS_PROXY'}.")
    if problem := environment_problem():
        return _wrong_address(problem)
    endpoint = profile.endpoint
    address = f"the base_url of the endpoint {endpoint.name}" if endpoint else "ANTHROPIC_BASE_URL if set"
    checks = f"the network, {proxy}," if proxy else "the network,"
    text = f"Could not reach {place}{reason}. Check {checks} and {address}."
    unusable = isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL | httpx2.TooManyRedirects)
    return _wrong_address(text) if unusable else ConnectionFailed(text)


def _wrong_address(text: str) -> ConnectionFailed:
    """Return the error for an address that cannot work, however often it is tried."""
    error = ConnectionFailed(text)
    error.is_transient = False
    return error

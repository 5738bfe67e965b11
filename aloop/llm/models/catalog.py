"""Lists of models: of the API, of each endpoint, and of servers on this machine.

Servers on this machine are found at the ports that they use by default. Only the loopback address is asked, and only
when someone wants to choose a model.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aloop.config.settings import Settings
from aloop.config.values import LOCAL_MODEL, OFFLINE_MODEL, Endpoint
from aloop.errors import AuthenticationFailed, ConnectionFailed, LLMError, MissingCredentials, UsageError
from aloop.llm.models.endpoints import LOCAL_SERVERS, find_endpoint
from aloop.llm.models.limits import LimitsCache
from aloop.llm.models.names import LINES, closest_model, resolve_alias, sdk_models, store_listed
from aloop.llm.providers import load_anthropic, missing_key
from aloop.local_model.models import InstallPaths, is_local
from aloop.text import closest_match

FIND_SECONDS = 0.5
"""A server on this machine that takes longer is not offered."""
_MOST_BYTES = 1 << 20
_LIST_SECONDS = 5.0
_API = "Anthropic API"
_THIS_MACHINE = "this machine"
_WITHOUT_LIST = ("bedrock", "vertex")  # the SDK's clients for these cannot list models


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model by the name to use for it; ``window`` is in tokens, 0 if unknown."""

    name: str
    server: str
    window: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """The models of one server, and a sentence if it cannot list them."""

    choices: tuple[ModelChoice, ...] = ()
    problem: str = ""


def known_choices(settings: Settings) -> list[ModelChoice]:
    """Return the models that are known without asking a server, aliases first."""
    choices = []
    if settings.has_credentials:
        server, windows = _server_name(None, settings), _Windows(settings)
        aliases = ((alias, resolve_alias(alias)) for alias in LINES)
        choices += [
            ModelChoice(alias, f"{model}, {server}", windows.find(model)) for alias, model in aliases if model != alias
        ]
        choices += [ModelChoice(model, server, windows.find(model)) for model in sdk_models()]
    if InstallPaths(settings.data_dir).is_installed:
        choices.append(ModelChoice(LOCAL_MODEL, _THIS_MACHINE))
    return [*choices, ModelChoice(OFFLINE_MODEL, "no model, fixed answers")]


async def ask_servers(settings: Settings) -> AsyncGenerator[Offer, None]:
    """Yield what each server offers, in the order in which they answer."""
    near = local_endpoints(settings)
    asked: list[Endpoint | None] = [endpoint for endpoint in settings.endpoints.values() if endpoint.name not in near]
    if settings.has_credentials:
        asked.append(None)
    tasks = [asyncio.create_task(_offer(endpoint, settings)) for endpoint in asked]
    tasks.append(asyncio.create_task(_offer_of_this_machine(near, settings)))
    try:
        for answer in asyncio.as_completed(tasks):
            yield await answer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def ask_endpoints(settings: Settings) -> tuple[str, ...]:
    """Return the names of the models of all endpoints in the settings that list them."""
    offers = await asyncio.gather(*(_offer(endpoint, settings) for endpoint in settings.endpoints.values()))
    return tuple(choice.name for offer in offers for choice in offer.choices)


async def require_known(name: str, settings: Settings) -> None:
    """Raise UsageError, with a suggestion, if no server lists the model ``name``.

    A server that cannot list its models is not asked.
    """
    known = (*sdk_models(), OFFLINE_MODEL)
    if name in known or is_local(name):
        return
    found = find_endpoint(name, settings.endpoints)
    endpoint = found[0] if found else None
    try:
        listed = await _list_models(endpoint, settings)
    except (AuthenticationFailed, ConnectionFailed, MissingCredentials) as error:
        if endpoint is not None:
            raise UsageError(f"{error} /model {name}! uses the model anyway.") from error
        listed = {}
    except LLMError:  # the server has no list
        listed = {}
    if name in listed or f"{name}:latest" in listed or (endpoint is not None and not listed):
        return
    guess = _correct_endpoint(name, settings) or closest_model(name, (*listed, *known, LOCAL_MODEL))
    hint = f" Did you mean /model {guess}?" if guess else ""
    raise UsageError(f"Unknown model {name!r}.{hint} /model {name}! uses it anyway.")


def _correct_endpoint(name: str, settings: Settings) -> str | None:
    """Return ``name`` with the endpoint that was probably meant, or None."""
    mistyped, slash, model = name.partition("/")
    endpoints = {*settings.endpoints, *LOCAL_SERVERS}
    if not slash or mistyped in endpoints:
        return None
    endpoint = closest_match(mistyped, endpoints)
    return f"{endpoint}/{model}" if endpoint else None


async def _offer(endpoint: Endpoint | None, settings: Settings) -> Offer:
    try:
        models = await _list_models(endpoint, settings)
    except LLMError as error:
        server = f"the endpoint {endpoint.name}" if endpoint else _shown_api(settings)
        return Offer(problem=f"The models of {server} cannot be listed: {error}")
    server, windows = _server_name(endpoint, settings), _Windows(settings, endpoint)
    return Offer(tuple(ModelChoice(model, server, window or windows.find(model)) for model, window in models.items()))


async def _offer_of_this_machine(endpoints: dict[str, Endpoint], settings: Settings) -> Offer:
    servers = await find_servers(endpoints)
    for server in servers:
        _store(server.endpoint.name, server.models, settings)
    return Offer(tuple(ModelChoice(model, _THIS_MACHINE) for server in servers for model in server.models))


async def _list_models(endpoint: Endpoint | None, settings: Settings) -> dict[str, int]:
    """Return the names of a server's models with their windows; None is the API.

    They are stored for the completion of the shell. Raises LLMError if they cannot be listed.
    """
    models = await _ask_models(endpoint, settings)
    if models:
        _store(endpoint.name if endpoint else "", models, settings)
    return models


def _store(name: str, models: Iterable[str], settings: Settings) -> None:
    store_listed(settings.state_folder, name, models, {*settings.endpoints, *LOCAL_SERVERS})


async def _ask_models(endpoint: Endpoint | None, settings: Settings) -> dict[str, int]:
    if endpoint is not None and endpoint.name in local_endpoints(settings):
        servers = await find_servers({endpoint.name: endpoint})
        if not servers:
            raise ConnectionFailed(f"No model server answers at {endpoint.base_url}. Start it, and load a model.")
        return dict.fromkeys(servers[0].models, 0)
    if endpoint is None and not settings.has_credentials:
        return {}
    if endpoint is not None and endpoint.kind in _WITHOUT_LIST:
        return {}
    if endpoint is not None and not endpoint.has_key(os.environ):
        raise MissingCredentials(missing_key(endpoint))
    # In a thread, because the SDK takes a second to load.
    llm = await asyncio.to_thread(load_anthropic, "", settings, endpoint)
    try:
        async with asyncio.timeout(_LIST_SECONDS):
            models = await llm.list_models()
    except TimeoutError:
        raise ConnectionFailed(f"{_server_name(endpoint, settings)} did not list its models in time.") from None
    finally:
        await llm.aclose()
    return {f"{endpoint.name}/{model}": window for model, window in models.items()} if endpoint else models


def local_endpoints(settings: Settings) -> dict[str, Endpoint]:
    """Return the usual servers of this machine.

    An endpoint of the same name in the settings replaces one.
    """
    endpoints = {name: settings.endpoints.get(name, endpoint) for name, endpoint in LOCAL_SERVERS.items()}
    return {
        name: endpoint
        for name, endpoint in endpoints.items()
        if endpoint.api_key_env is None and (endpoint.base_url or "").startswith("http://")
    }


def _server_of(endpoint: Endpoint | None, settings: Settings) -> str:
    if endpoint is not None:
        return endpoint.base_url or endpoint.kind
    return os.environ.get("ANTHROPIC_BASE_URL") or settings.base_url or _API


def _shown_api(settings: Settings) -> str:
    server = _server_name(None, settings)
    return f"the {_API}" if server == _API else server


def _server_name(endpoint: Endpoint | None, settings: Settings) -> str:
    server = _server_of(endpoint, settings)
    return urlsplit(server).netloc or server


class _Windows:
    """The context windows that a server reported earlier."""

    def __init__(self, settings: Settings, endpoint: Endpoint | None = None) -> None:
        self._cache = LimitsCache(settings.state_folder)
        self._prefix = f"{endpoint.name}/" if endpoint else ""
        # The keys of the cache are those of AnthropicLLM.
        server = _server_of(endpoint, settings)
        self._server = "anthropic" if server == _API else server

    def find(self, model: str) -> int:
        """Return the window in tokens, 0 if unknown."""
        limits = self._cache.find(self._server, model.removeprefix(self._prefix))
        return limits.window if limits else 0


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answered, with the models that it lists, as ``ENDPOINT/MODEL``."""

    endpoint: Endpoint
    models: tuple[str, ...]


async def find_servers(
    endpoints: Mapping[str, Endpoint] = LOCAL_SERVERS, seconds: float = FIND_SECONDS
) -> list[FoundServer]:
    """Return the servers that list at least one model, in the order of ``endpoints``."""
    answers = await asyncio.gather(*(_models_at(endpoint, seconds) for endpoint in endpoints.values()))
    return [
        FoundServer(endpoint, tuple(f"{endpoint.name}/{model}" for model in models))
        for endpoint, models in zip(endpoints.values(), answers, strict=True)
        if models
    ]


async def _models_at(endpoint: Endpoint, seconds: float) -> tuple[str, ...]:
    """Return the models that ``GET /v1/models`` lists, none for any other server."""
    try:
        async with asyncio.timeout(seconds):
            body = json.loads(await _get(endpoint.base_url or "", "/v1/models"))
        records = body["data"]
        return tuple(str(record["id"]) for record in records if record["id"])
    except (OSError, TimeoutError, ValueError, KeyError, TypeError, asyncio.IncompleteReadError):
        return ()


async def _get(base_url: str, path: str) -> bytes:
    """Return the body of a plain HTTP/1.0 answer.

    Raises ValueError if its status is not 200.
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

"""Providers of models: choose one by the name of a model, and make its client.

Importing this does not load the SDK.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aloop.config.credentials import has_credentials
from aloop.config.settings import Settings
from aloop.config.values import OFFLINE_MODEL, Endpoint
from aloop.errors import MissingCredentials, ModelNotFound, UsageError
from aloop.llm.anthropic.errors import no_credentials
from aloop.llm.base import LLM
from aloop.llm.models.endpoints import find_endpoint
from aloop.llm.models.names import resolve_alias
from aloop.local_model.models import InstallPaths, default_model, find_model, is_local
from aloop.stored_key import stored_key

if TYPE_CHECKING:
    from aloop.llm.anthropic.client import AnthropicLLM


def create_llm(model: str | None = None, settings: Settings | None = None) -> LLM:
    """Return the model named ``model``, by default the one in the settings.

    The name may be an alias such as ``opus``, or ``ENDPOINT/MODEL``. ``settings`` default to those of the environment.
    If they choose no model either, the result is the default model if there are credentials for it, else the local
    model if it is installed, else the offline demo. Raises MissingCredentials if a named model needs a key,
    ModelNotFound for an unknown endpoint, and LocalModelError if a local model cannot be run.
    """
    settings = Settings.from_env() if settings is None else settings
    chosen = settings.model if model is None else model
    if chosen is None:
        chosen = default_model(settings)
    if not chosen.strip():
        raise UsageError("The model name is empty. Name a model, or use `offline`.")
    chosen = resolve_alias(chosen)
    # Imported here for startup time: they load asyncio, and sessions are listed without it.
    from aloop.llm.lazy import LazyLLM
    from aloop.llm.offline import OfflineLLM

    if chosen == OFFLINE_MODEL:
        return OfflineLLM()
    if is_local(chosen):
        # Imported here for startup time: few users run a local model.
        from aloop.llm.local import LocalLLM

        return LocalLLM(find_model(chosen, settings), InstallPaths(settings.data_dir))
    if found := find_endpoint(chosen, settings.endpoints):
        endpoint, name = found
        if not endpoint.has_key(os.environ):
            raise MissingCredentials(missing_key(endpoint))
        prefix = chosen.removesuffix(name)
        return LazyLLM(
            chosen,
            endpoint.name,
            lambda: load_anthropic(name, settings, endpoint),
            prefix=prefix,
            effort=settings.effort,
        )
    name, slash, _ = chosen.partition("/")
    if slash and not (settings.base_url or os.environ.get("ANTHROPIC_BASE_URL")):
        # Only gateways have models with a slash in their name.
        raise ModelNotFound(f"No endpoint is named {name!r}. Add [endpoints.{name}] to the settings to use {chosen}.")
    if not settings.has_credentials:
        raise no_credentials(chosen)
    return LazyLLM(chosen, "anthropic", lambda: load_anthropic(chosen, settings), effort=settings.effort)


def missing_key(endpoint: Endpoint) -> str:
    """Return the sentence about an endpoint whose key is not set."""
    name = endpoint.api_key_env
    return f"The endpoint {endpoint.name} needs a key. Set it with `export {name}=…`."


@contextmanager
def _without_collections() -> Iterator[None]:
    """Collect no garbage during the first import of the SDK, and never scan it later.

    Imported modules are never garbage, and collections would take a quarter of the time to import them.
    """
    if "anthropic" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_anthropic(model: str, settings: Settings, endpoint: Endpoint | None = None) -> AnthropicLLM:
    """Return ``model`` of ``endpoint``, by default of the API.

    Blocks for the import of the SDK.
    """
    with _without_collections():
        # Imported here because it loads the SDK, which takes over a second and would delay the prompt.
        from aloop.llm.anthropic.client import AnthropicLLM
        from aloop.llm.anthropic.server_profile import ServerProfile
        from aloop.llm.anthropic.transport import load_transport
        from aloop.llm.models.limits import LimitsCache

        load_transport()
    needs_key = endpoint is None and not has_credentials(os.environ)
    profile = ServerProfile(
        name=endpoint.name if endpoint else "anthropic",
        stall_after=settings.stall_timeout,
        endpoint=endpoint,
        key_name="the API key in the system keyring",
    )
    return AnthropicLLM(
        model,
        base_url=None if endpoint else settings.base_url,
        api_key=stored_key() if needs_key else None,
        profile=profile,
        limits=LimitsCache(settings.state_folder),
        cache_ttl=settings.cache_ttl,
        effort=settings.effort,
    )

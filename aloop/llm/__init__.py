"""Language models: what is asked of one, and the three kinds that there are.

``create_llm`` is the way to get one. Importing this package loads no SDK.
"""

from __future__ import annotations

from aloop.config import LOCAL_MODEL, OFFLINE_MODEL, Settings
from aloop.errors import UsageError
from aloop.llm.anthropic.errors import no_credentials
from aloop.llm.base import LLM, Reply, StopReason, StreamEvent, TextDelta, ThinkingDelta, ToolSpec
from aloop.llm.lazy import LazyLLM
from aloop.llm.message_types import LLMMessage, ThinkingBlock, ToolCall, Usage
from aloop.llm.offline import OfflineLLM
from aloop.local_model.models import InstallPaths, default_model, find_model, is_local

__all__ = [
    "LLM",
    "LLMMessage",
    "OfflineLLM",
    "Reply",
    "StopReason",
    "StreamEvent",
    "TextDelta",
    "ThinkingBlock",
    "ThinkingDelta",
    "ToolCall",
    "ToolSpec",
    "Usage",
    "create_llm",
    "known_models",
]


def create_llm(model: str | None = None, settings: Settings | None = None) -> LLM:
    """Return the model that is asked for by name, else the one the settings choose (read from the environment if None).

    Where nobody names one, it is the default model when there are credentials for it, else the one on this machine
    where that is installed, else the offline demo. Raises MissingCredentials for a named model that nothing can be
    sent to, and LocalModelError for one that is not here.
    """
    settings = Settings.from_env() if settings is None else settings
    chosen = settings.model if model is None else model
    if chosen is None:
        chosen = default_model(settings)
    if not chosen.strip():
        raise UsageError("The name of the model is empty. Name one, or `offline`.")
    if chosen == OFFLINE_MODEL:
        return OfflineLLM()
    if is_local(chosen):
        # Imported here for start-up time: few people talk with it.
        from aloop.llm.local import LocalLLM

        return LocalLLM(find_model(chosen, settings), InstallPaths(settings.data_dir))
    if not settings.has_credentials:
        raise no_credentials(chosen)
    return LazyLLM(chosen, "anthropic", lambda: _load_anthropic(chosen, settings.base_url))


def known_models() -> tuple[str, ...]:
    """Return the models that the installed SDK names, its newest first, and those that need no key.

    Blocks for a second, the first time: the list comes with the SDK.
    """
    # Imported here for that reason.
    from aloop.llm.anthropic.client import MODELS

    return (*MODELS, LOCAL_MODEL, OFFLINE_MODEL)


def _load_anthropic(model: str, base_url: str | None) -> LLM:
    # Imported here because it loads the SDK, which takes over a second: nobody waits for that to see a prompt.
    from aloop.llm.anthropic.client import AnthropicLLM, load_transport

    load_transport()
    return AnthropicLLM(model, base_url=base_url)

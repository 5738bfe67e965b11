"""Servers of the Messages API, named in ``ENDPOINT/MODEL``.

Endpoints come from the user's settings (``[endpoints.NAME]``). The usual local servers are known by name and need no
settings. A name without an endpoint is a model of the Anthropic API.
"""

from __future__ import annotations

from collections.abc import Mapping

from aloop.config.values import Endpoint

__all__ = ["LOCAL_SERVERS", "Endpoint", "find_endpoint", "server_root"]

LOCAL_SERVERS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("ollama", base_url="http://127.0.0.1:11434"),
        Endpoint("lmstudio", base_url="http://127.0.0.1:1234"),
        Endpoint("llamacpp", base_url="http://127.0.0.1:8080"),
        Endpoint("vllm", base_url="http://127.0.0.1:8000"),
    )
}
"""Servers that people run on their own machine, at the ports they listen on by default."""


def find_endpoint(model: str, endpoints: Mapping[str, Endpoint]) -> tuple[Endpoint, str] | None:
    """Return the endpoint named before the first slash, and its name of the model."""
    name, slash, rest = model.partition("/")
    if not slash or not rest:
        return None
    endpoint = endpoints.get(name) or LOCAL_SERVERS.get(name)
    return (endpoint, rest) if endpoint else None


def server_root(base_url: str) -> str:
    """Return ``base_url`` without ``/v1`` or ``/v1/messages``, which the SDK adds."""
    root = base_url.rstrip("/")
    return root.removesuffix("/messages").rstrip("/").removesuffix("/v1").rstrip("/")

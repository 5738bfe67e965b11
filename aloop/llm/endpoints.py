"""Servers of the Messages API, named by ``ENDPOINT/MODEL``.

Endpoints come from the user's settings (``[endpoints.NAME]``). The usual local servers are known by name and need no
settings. A name without an endpoint is a model of the Anthropic API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

EndpointKind = Literal["anthropic", "bedrock", "vertex", "foundry"]
AuthScheme = Literal["bearer", "x-api-key"]
KINDS: tuple[EndpointKind, ...] = get_args(EndpointKind)
AUTH_SCHEMES: tuple[AuthScheme, ...] = get_args(AuthScheme)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server. ``base_url`` None is the default of its kind.

    ``api_key_env`` names the variable with the key.

    ``resource`` is the Azure resource of a ``foundry`` endpoint, ``region`` the region of ``bedrock`` and ``vertex``,
    ``project`` the Google Cloud project of ``vertex``. Each has its usual environment variable too.
    """

    name: str
    kind: EndpointKind = "anthropic"
    base_url: str | None = None
    api_key_env: str | None = None
    auth: AuthScheme = "bearer"
    region: str | None = None
    project: str | None = None
    resource: str | None = None

    @property
    def needs_key(self) -> bool:
        """True if requests need a key from an environment variable.

        A server on this machine needs none.
        """
        return self.kind == "anthropic" and self.api_key_env is not None


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
    """Return the endpoint named before the first slash, and the model's name there.

    Returns None for a name without a known endpoint."""
    name, slash, rest = model.partition("/")
    if not slash or not rest:
        return None
    endpoint = endpoints.get(name) or LOCAL_SERVERS.get(name)
    return (endpoint, rest) if endpoint else None


def server_root(base_url: str) -> str:
    """Return ``base_url`` without the ``/v1/messages`` that the SDK adds itself."""
    root = base_url.rstrip("/")
    return root.removesuffix("/messages").rstrip("/").removesuffix("/v1").rstrip("/")

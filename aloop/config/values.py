"""The values that settings may have, and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from decimal import Decimal

DEFAULT_MODEL = "claude-sonnet-5-5"
OFFLINE_MODEL = "offline"
LOCAL_MODEL = "local"
"""The installed local model; ``local:`` followed by a path or title names another."""
MAX_STEPS = 50
"""Model calls in one turn; each except the last calls tools."""

OutputFormat = Literal["text", "json", "stream-json"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)
EditingMode = Literal["emacs", "vi"]
CacheTtl = Literal["5m", "1h"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
"""The effort levels of the Messages API, from least to most; a model supports some of them, or none."""
EndpointKind = Literal["anthropic", "bedrock", "vertex", "foundry"]
Titles = Literal["words", "model"]
"""The source of a session's title: the first words of the user, or a request to the model."""
AuthScheme = Literal["bearer", "x-api-key"]

Notify = Literal["off", "bell", "desktop"]
ColorTheme = Literal["auto", "dark", "light"]
"""The background for which colors are chosen; auto asks the terminal."""
SandboxMode = Literal["auto", "require", "off"]
"""Run the model's commands in a sandbox: if there is one, always, or never."""
TOOLBAR_PARTS = ("model", "title", "messages", "context", "cost", "branch", "mode")
"""The parts of the toolbar in their usual order."""


class Endpoint(NamedTuple):
    """A server of the Messages API, which models are named after: ``NAME/MODEL``.

    ``base_url`` None is the default of its kind; ``api_key_env`` names the variable with the key. ``resource`` is the
    Azure resource of a ``foundry`` endpoint, ``region`` the region of ``bedrock`` and ``vertex``, ``project`` the
    Google Cloud project of ``vertex``. Each has its usual environment variable too.
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
        """True if requests need a key from an environment variable."""
        return self.kind == "anthropic" and self.api_key_env is not None

    def has_key(self, env: Mapping[str, str]) -> bool:
        """Return False if ``api_key_env`` names a variable that ``env`` does not set."""
        return self.api_key_env is None or bool(env.get(self.api_key_env, "").strip())


class Prices(NamedTuple):
    """Dollars per million tokens, set by the user; None is the price of other input."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None


class SandboxSettings(NamedTuple):
    """The sandbox for commands of the model.

    ``writable`` are folders that commands may change besides the working directory, ``kept`` are paths that they may
    not change even there.
    """

    mode: SandboxMode = "auto"
    has_network: bool = False
    writable: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()

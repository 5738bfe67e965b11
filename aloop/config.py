"""Settings, read once from the environment; nothing here touches the disk when it is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_MODEL = "claude-sonnet-5-5"
OFFLINE_MODEL = "offline"

# The variables with which the SDK can authenticate, in its own order; the last four are workload federation.
_CREDENTIAL_VARIABLES = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_PROFILE",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; None where it says nothing."""

    model: str | None
    sessions_dir: Path | None
    history_file: Path
    has_credentials: bool

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from ``env`` (``os.environ`` when None)."""
        env = os.environ if env is None else env
        home = Path(env.get("HOME") or Path.home())
        state = Path(env.get("XDG_STATE_HOME") or home / ".local" / "state")
        sessions = env.get("ALOOP_SESSIONS_DIR")
        return cls(
            model=env.get("ALOOP_MODEL") or None,
            sessions_dir=Path(sessions).expanduser() if sessions else None,
            history_file=state / "aloop" / "history",
            has_credentials=has_credentials(env),
        )


def has_credentials(env: Mapping[str, str]) -> bool:
    """Whether the SDK is likely to find credentials, judged without importing it (that takes over a second)."""
    if any(env.get(name) for name in _CREDENTIAL_VARIABLES):
        return True
    home = Path(env.get("HOME") or Path.home())
    configured = env.get("ANTHROPIC_CONFIG_DIR")
    folder = Path(configured) if configured else home / ".config" / "anthropic"
    return folder.is_dir()

"""Settings, read once from the environment; nothing here touches the disk when it is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_MODEL = "claude-sonnet-5-5"
OFFLINE_MODEL = "offline"

# The variables that each make a whole credential, in the SDK's own order.
_CREDENTIAL_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE")
# Workload identity federation needs both of the first, and one of the second.
_FEDERATION_VARIABLES = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID")
_IDENTITY_VARIABLES = ("ANTHROPIC_IDENTITY_TOKEN_FILE", "ANTHROPIC_IDENTITY_TOKEN")
# What a stored profile leaves in the SDK's folder: a pointer to the active one, or the default one itself.
_PROFILE_FILES = ("active_config", "configs/default.json")


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

    def is_set(name: str) -> bool:
        return bool(env.get(name, "").strip())

    if any(map(is_set, _CREDENTIAL_VARIABLES)):
        return True
    if all(map(is_set, _FEDERATION_VARIABLES)) and any(map(is_set, _IDENTITY_VARIABLES)):
        return True
    home = Path(env.get("HOME") or Path.home())
    configured = env.get("ANTHROPIC_CONFIG_DIR")
    folder = Path(configured) if configured else home / ".config" / "anthropic"
    return any((folder / name).is_file() for name in _PROFILE_FILES)

"""Credentials of the API: the variables and files in which they may be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from aloop.config.user_folders import state_dir, user_home

KEY_VARIABLE = "ANTHROPIC_API_KEY"
# Each of these variables is a complete credential. They are in the SDK's order.
_CREDENTIAL_VARIABLES = (KEY_VARIABLE, "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE")
# Workload identity federation needs both of the first and one of the second.
_FEDERATION_VARIABLES = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID")
_IDENTITY_VARIABLES = ("ANTHROPIC_IDENTITY_TOKEN_FILE", "ANTHROPIC_IDENTITY_TOKEN")
# A stored profile leaves one of these in the SDK's folder: the pointer to the active one, or the default one.
_PROFILE_FILES = ("active_config", "configs/default.json")


def has_credentials(env: Mapping[str, str]) -> bool:
    """Return True if the SDK will probably find credentials.

    The SDK is not asked, because importing it takes over a second.
    """

    def is_set(name: str) -> bool:
        return bool(env.get(name, "").strip())

    if any(map(is_set, _CREDENTIAL_VARIABLES)):
        return True
    if all(map(is_set, _FEDERATION_VARIABLES)) and any(map(is_set, _IDENTITY_VARIABLES)):
        return True
    configured = env.get("ANTHROPIC_CONFIG_DIR")
    folder = Path(configured) if configured else user_home(env) / ".config" / "anthropic"
    return any((folder / name).is_file() for name in _PROFILE_FILES)


def stored_key_file(env: Mapping[str, str]) -> Path:
    """Return the file that exists if there is an API key in the system keyring."""
    return state_dir(env) / "aloop" / "key-in-keyring"


def has_stored_key(env: Mapping[str, str]) -> bool:
    """Return True if an API key was stored in the keyring, which is not opened."""
    return os.path.exists(stored_key_file(env))  # noqa: PTH110 - Path.exists raises without permission before 3.14

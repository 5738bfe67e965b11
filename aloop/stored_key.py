"""The API key in the system keyring, if the user has stored one there.

The optional package ``keyring`` opens the keyring, which takes long and may ask for a password. Therefore, a file
records that there is a key, and the keyring is opened only by the first request that needs it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aloop.config.credentials import KEY_VARIABLE, has_credentials, has_stored_key, stored_key_file
from aloop.errors import KeyringFailed, install_command
from aloop.formatting import display_path

if TYPE_CHECKING:
    from types import ModuleType

_SERVICE = "aloop"
_EXPORT = f"Or set the key with `export {KEY_VARIABLE}=…`."


def key_source(env: Mapping[str, str] | None = None) -> str:
    """Return a sentence about where the API key comes from; it never contains the key."""
    env = os.environ if env is None else env
    stored = has_stored_key(env)
    if env.get(KEY_VARIABLE, "").strip():
        unused = " The one in the system keyring is not used." if stored else ""
        return f"The API key comes from {KEY_VARIABLE}.{unused}"
    if has_credentials(env):
        return "The credentials come from the environment or a stored profile of the Anthropic SDK."
    if stored:
        return "The API key comes from the system keyring. `aloop key delete` deletes it."
    return f"No API key is set. `aloop key set` stores one in the system keyring. {_EXPORT}"


def stored_key() -> str | None:
    """Return the key in the keyring, None if none was stored.

    Blocks while the keyring is opened. Raises KeyringFailed.
    """
    if not has_stored_key(os.environ):
        return None
    key = _call("get_password")
    if not isinstance(key, str) or not key.strip():
        raise KeyringFailed("The API key is no longer in the system keyring. Store it again with `aloop key set`.")
    return key


def store_key(key: str) -> str:
    """Store ``key``, and return the name of the keyring; raises KeyringFailed."""
    keyring = _require_keyring()
    _call("set_password", key)
    if _call("get_password") != key:
        raise KeyringFailed(f"The system keyring did not keep the key. {_EXPORT}")
    path = stored_key_file(os.environ)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(0o600)
    except OSError as error:
        raise KeyringFailed(f"{display_path(path)} cannot be written: {error.strerror or error}. {_EXPORT}") from error
    return str(getattr(keyring.get_keyring(), "name", "the system keyring"))


def delete_key() -> bool:
    """Delete the key from the keyring; False if none was stored. Raises KeyringFailed."""
    path = stored_key_file(os.environ)
    if not has_stored_key(os.environ):
        return False
    if _call("get_password") is not None:
        _call("delete_password")
    path.unlink(missing_ok=True)
    return True


def require_keyring() -> None:
    """Raise KeyringFailed if this system has no keyring that can store a key."""
    _require_keyring()


def _require_keyring() -> ModuleType:
    try:
        # Imported here: it is optional, and loads slowly.
        keyring = import_module("keyring")
    except ImportError:
        command = install_command("aloop[keyring]", "keyring>=25")
        raise KeyringFailed(
            f"The system keyring needs the package keyring. Install it with `{command}`. {_EXPORT}"
        ) from None
    try:
        usable = keyring.get_keyring().priority > 0
    except Exception as error:  # noqa: BLE001 - each backend has its own errors
        raise _failed(error) from None
    if not usable:
        raise KeyringFailed(f"This system has no keyring in which a key could be stored. {_EXPORT}")
    return keyring


def _call(name: str, *arguments: str) -> Any:
    keyring = _require_keyring()
    try:
        return getattr(keyring, name)(_SERVICE, KEY_VARIABLE, *arguments)
    except Exception as error:  # noqa: BLE001 - each backend has its own errors
        # No cause: an error may quote the key.
        raise _failed(error) from None


def _failed(error: Exception) -> KeyringFailed:
    return KeyringFailed(
        f"The system keyring cannot be used ({type(error).__name__}). Unlock it, or set {KEY_VARIABLE}."
    )

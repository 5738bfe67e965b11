"""Folders of the user's files: settings, state, data and sessions."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from aloop.formatting import expand_home, home_folder

RULES_NAME = "permissions"
"""The file of permission rules in the folder of the settings."""


def config_path(env: Mapping[str, str], home: Path) -> Path:
    """Return the path of the config file."""
    return _xdg_dir(env, "XDG_CONFIG_HOME", home / ".config") / "aloop" / "config.toml"


def settings_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the user's settings."""
    env = os.environ if env is None else env
    return config_path(env, user_home(env)).parent


def sessions_dir(env: Mapping[str, str] | None = None) -> Path | None:
    """Return the sessions folder named by the environment, None if there is none."""
    path = (os.environ if env is None else env).get("ALOOP_SESSIONS_DIR")
    return expand_home(path) if path else None


def data_dir(env: Mapping[str, str], home: Path) -> Path:
    """Return the folder of large files that can be downloaded again."""
    if path := env.get("ALOOP_DATA_DIR"):
        return expand_home(path).absolute()
    return _xdg_dir(env, "XDG_DATA_HOME", home / ".local" / "share") / "aloop"


def state_dir(env: Mapping[str, str] | None = None) -> Path:
    """Return the folder in which programs keep state, such as histories."""
    env = os.environ if env is None else env
    home = user_home(env)
    default = home / ".local" / "state"
    # Services have homes such as /dev/null, in which nothing could be remembered.
    has_home = home.is_dir() or (not home.exists() and os.access(home.parent, os.W_OK))
    return _xdg_dir(env, "XDG_STATE_HOME", default if has_home else _temporary_state(env) or default)


def _temporary_state(env: Mapping[str, str]) -> Path | None:
    """Return a private folder for temporary files, None if others may control it."""
    path = _xdg_dir(env, "TMPDIR", Path("/tmp")) / f"aloop-{os.getuid()}"  # noqa: S108 - its owner and mode are checked
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
    return path if is_private else None


def _xdg_dir(env: Mapping[str, str], variable: str, default: Path) -> Path:
    """Return the folder named by an XDG variable, or the default.

    A relative path is ignored, because it would be in the project. (platformdirs accepts it, and on macOS would move
    the files of users to another folder.)
    """
    path = Path(env.get(variable, ""))
    return path if path.is_absolute() else default


def user_home(env: Mapping[str, str]) -> Path:
    """Return the user's home directory."""
    return Path(env.get("HOME") or home_folder())

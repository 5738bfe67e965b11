"""Settings, from the environment and from ``~/.config/aloop/config.toml``.

Settings are never read from the working directory, because a project must not change them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from aloop.errors import UsageError
from aloop.suggestions import closest_match

DEFAULT_MODEL = "claude-sonnet-5-5"
OFFLINE_MODEL = "offline"
LOCAL_MODEL = "local"
"""The installed local model; ``local:`` followed by a path or title names another."""
MAX_STEPS = 50
"""Model calls in one turn; each except the last calls tools."""

OutputFormat = Literal["text", "json", "stream-json"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)
EditingMode = Literal["emacs", "vi"]
ExportFormat = Literal["md", "html", "json"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

_BOOLEANS = ("plain", "verbose", "thinking")  # keys of the config file

# Each of these variables is a complete credential. They are in the SDK's order.
_CREDENTIAL_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE")
# Workload identity federation needs both of the first and one of the second.
_FEDERATION_VARIABLES = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID")
_IDENTITY_VARIABLES = ("ANTHROPIC_IDENTITY_TOKEN_FILE", "ANTHROPIC_IDENTITY_TOKEN")
# A stored profile leaves one of these in the SDK's folder: the pointer to the active one, or the default one.
_PROFILE_FILES = ("active_config", "configs/default.json")


@dataclass(frozen=True, slots=True)
class FileSettings:
    """The contents of the config file, None for each key that it does not have."""

    model: str | None = None
    base_url: str | None = None
    editing_mode: EditingMode | None = None
    verbose: bool | None = None
    thinking: bool | None = None
    plain: bool | None = None


def config_path(env: Mapping[str, str], home: Path) -> Path:
    """Return the path of the config file."""
    return _xdg_dir(env, "XDG_CONFIG_HOME", home / ".config") / "aloop" / "config.toml"


def read_config_file(path: Path) -> FileSettings:
    """Read the config file, which need not exist; raises UsageError if it is invalid."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return FileSettings()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} cannot be read: {reason}.") from error
    # Imported here for start-up time: most users have no config file.
    import tomllib

    try:
        return _checked(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _checked(values: Mapping[str, Any]) -> FileSettings:
    names = [field.name for field in fields(FileSettings)]
    for name, value in values.items():
        if name not in names:
            guess = closest_match(name, names)
            hint = f"Did you mean {guess!r}?" if guess else f"The settings are {', '.join(names[:-1])} and {names[-1]}."
            raise UsageError(f"Unknown setting {name!r}. {hint}")
        if name in _BOOLEANS:
            if not isinstance(value, bool):
                raise UsageError(f"{name} must be true or false.")
        elif not isinstance(value, str) or not value.strip():
            raise UsageError(f"{name} must be a non-empty string.")
    if not values.get("base_url", "https://").startswith(("https://", "http://")):
        raise UsageError("base_url must start with https:// or http://.")
    if values.get("editing_mode", "emacs") not in get_args(EditingMode):
        raise UsageError(f"editing_mode must be {' or '.join(get_args(EditingMode))}.")
    return FileSettings(**values)


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment and the config file combined; the environment takes precedence."""

    model: str | None
    sessions_dir: Path | None
    history_file: Path
    has_credentials: bool
    data_dir: Path
    local_model: str | None = None
    base_url: str | None = None
    editing_mode: EditingMode = "emacs"
    verbose: bool = False
    thinking: bool | None = None
    plain: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; raises UsageError if the config file is invalid."""
        env = os.environ if env is None else env
        home = _home(env)
        file = read_config_file(config_path(env, home))
        return cls(
            model=env.get("ALOOP_MODEL") or file.model,
            sessions_dir=sessions_dir(env),
            history_file=state_dir(env) / "aloop" / "history",
            has_credentials=has_credentials(env),
            data_dir=_data_dir(env, home),
            local_model=env.get("ALOOP_LOCAL_MODEL") or None,
            # The SDK reads the variable itself.
            base_url=None if env.get("ANTHROPIC_BASE_URL") else file.base_url,
            editing_mode=file.editing_mode or "emacs",
            verbose=bool(file.verbose),
            thinking=file.thinking,
            plain=bool(file.plain),
        )


def sessions_dir(env: Mapping[str, str] | None = None) -> Path | None:
    """Return the sessions folder named by the environment, None if there is none."""
    path = (os.environ if env is None else env).get("ALOOP_SESSIONS_DIR")
    return Path(path).expanduser() if path else None


MAX_SESSION_MB = 256


def max_session_size(env: Mapping[str, str] | None = None) -> int:
    """Return the size in bytes of the largest session file that is read.

    Raises UsageError. Reading takes up to nine times as much memory.
    """
    text = (os.environ if env is None else env).get("ALOOP_MAX_SESSION_MB") or str(MAX_SESSION_MB)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise UsageError(f"ALOOP_MAX_SESSION_MB must be a number of megabytes, not {text!r}.")
    return int(text) * 1_000_000


def _data_dir(env: Mapping[str, str], home: Path) -> Path:
    """Return the folder of large files that can be downloaded again."""
    if path := env.get("ALOOP_DATA_DIR"):
        return Path(path).expanduser().absolute()
    return _xdg_dir(env, "XDG_DATA_HOME", home / ".local" / "share") / "aloop"


def state_dir(env: Mapping[str, str] | None = None) -> Path:
    """Return the folder in which programs keep state, such as histories."""
    env = os.environ if env is None else env
    return _xdg_dir(env, "XDG_STATE_HOME", _home(env) / ".local" / "state")


def _xdg_dir(env: Mapping[str, str], variable: str, default: Path) -> Path:
    """Return the folder named by an XDG variable, or the default.

    A relative path is ignored, because it would be in the project. (platformdirs accepts it, and on macOS would move
    the files of users to another folder.)
    """
    path = Path(env.get(variable, ""))
    return path if path.is_absolute() else default


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME") or Path.home())


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
    folder = Path(configured) if configured else _home(env) / ".config" / "anthropic"
    return any((folder / name).is_file() for name in _PROFILE_FILES)

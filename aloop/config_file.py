"""The user's own settings: ``~/.config/aloop/config.toml``. Nothing of a project is ever read for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from aloop.errors import UsageError

EditingMode = Literal["emacs", "vi"]

_SWITCHES = ("plain", "verbose", "thinking")


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What the file says; None where it says nothing. The names are its keys."""

    model: str | None = None
    base_url: str | None = None
    editing_mode: EditingMode | None = None
    verbose: bool | None = None
    thinking: bool | None = None
    plain: bool | None = None


def config_path(env: Mapping[str, str], home: Path) -> Path:
    """Return where the file is. A relative XDG_CONFIG_HOME does not count: it would be a folder of the project."""
    config = Path(env.get("XDG_CONFIG_HOME", ""))
    return (config if config.is_absolute() else home / ".config") / "aloop" / "config.toml"


def read_config_file(path: Path) -> FileSettings:
    """Return what ``path`` says, nothing when it is not there; raises UsageError for what makes no sense."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return FileSettings()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} can not be read: {reason}.") from error
    # Imported here for start-up time: most people have no such file.
    import tomllib

    try:
        return _checked(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}.") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _checked(values: Mapping[str, Any]) -> FileSettings:
    names = [field.name for field in fields(FileSettings)]
    for name, value in values.items():
        if name not in names:
            # Imported here for start-up time, as tomllib is.
            import difflib

            near = difflib.get_close_matches(name, names, n=1)
            raise UsageError(f"There is no setting {name!r}. {f'Did you mean {near[0]}?' if near else _all(names)}")
        if name in _SWITCHES:
            if not isinstance(value, bool):
                raise UsageError(f"{name} must be true or false.")
        elif not isinstance(value, str) or not value.strip():
            raise UsageError(f"{name} must be a text that is not empty.")
    if not values.get("base_url", "https://").startswith(("https://", "http://")):
        raise UsageError("base_url must begin with https:// or http://.")
    if values.get("editing_mode", "emacs") not in get_args(EditingMode):
        raise UsageError(f"editing_mode must be {' or '.join(get_args(EditingMode))}.")
    return FileSettings(**values)


def _all(names: list[str]) -> str:
    return f"There are {', '.join(names[:-1])} and {names[-1]}."

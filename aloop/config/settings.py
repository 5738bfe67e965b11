"""The settings of a run: the environment and the config file combined.

Settings are never read from the working directory, because a project must not change them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from aloop.config.credentials import has_credentials, has_stored_key
from aloop.config.user_folders import config_path, data_dir, sessions_dir, state_dir, user_home
from aloop.config.values import (
    TOOLBAR_PARTS,
    CacheTtl,
    ColorTheme,
    EditingMode,
    Effort,
    Endpoint,
    Notify,
    Prices,
    SandboxSettings,
    Titles,
)
from aloop.errors import UsageError

if TYPE_CHECKING:
    from decimal import Decimal

    from aloop.config.config_file import FileSettings


class Settings(NamedTuple):
    """The environment and the config file combined; the environment takes precedence.

    ``stall_timeout`` is in seconds without data, ``max_cost`` in dollars for one run of the program. ``prices`` are by
    model.
    """

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
    all_projects: bool = True
    stall_timeout: float | None = None
    cache_ttl: CacheTtl = "5m"
    effort: Effort | None = None
    max_cost: Decimal | None = None
    titles: Titles = "words"
    title_model: str | None = None
    terminal_title: bool = True
    notify: Notify = "bell"
    theme: ColorTheme = "auto"
    sandbox: SandboxSettings = SandboxSettings()
    toolbar: Sequence[str] = TOOLBAR_PARTS
    keys: Mapping[str, str] = {}
    endpoints: Mapping[str, Endpoint] = {}
    prices: Mapping[str, Prices] = {}

    @property
    def background(self) -> Literal["", "dark", "light"]:
        """The terminal's background according to ``theme``, empty if the terminal decides."""
        return "" if self.theme == "auto" else self.theme

    @property
    def state_folder(self) -> Path:
        """The folder of the input history and of other files about past runs."""
        return self.history_file.parent

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; raises UsageError if the config file is invalid."""
        env = os.environ if env is None else env
        home = user_home(env)
        file = _file_settings(config_path(env, home))
        return cls(
            model=env.get("ALOOP_MODEL") or file.get("model"),
            sessions_dir=sessions_dir(env),
            history_file=state_dir(env) / "aloop" / "history",
            has_credentials=has_credentials(env) or has_stored_key(env),
            data_dir=data_dir(env, home),
            local_model=env.get("ALOOP_LOCAL_MODEL") or None,
            # The SDK reads the variable itself.
            base_url=None if env.get("ANTHROPIC_BASE_URL") else file.get("base_url"),
            editing_mode=file.get("editing_mode", "emacs"),
            verbose=file.get("verbose", False),
            thinking=file.get("thinking"),
            plain=file.get("plain", False),
            all_projects=file.get("all_projects", True),
            stall_timeout=file.get("stall_timeout"),
            cache_ttl=file.get("cache_ttl", "5m"),
            effort=file.get("effort"),
            max_cost=file.get("max_cost"),
            titles=file.get("titles", "words"),
            title_model=file.get("title_model"),
            terminal_title=file.get("terminal_title", True),
            notify=file.get("notify", "bell"),
            theme=file.get("theme", "auto"),
            sandbox=SandboxSettings(
                file.get("sandbox", "auto"), file.get("sandbox_network", False), tuple(file.get("sandbox_write", ()))
            ),
            toolbar=file.get("toolbar", TOOLBAR_PARTS),
            keys=file.get("keys", {}),
            endpoints=file.get("endpoints", {}),
            prices=file.get("prices", {}),
        )


def _file_settings(path: Path) -> FileSettings:
    """Return the settings of the config file; raises UsageError if it is invalid."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):  # the latter if HOME is not a folder
        return {}
    except OSError:
        pass  # reading it reports the reason
    # Imported here for startup time: most users have no config file.
    from aloop.config.config_file import read_config_file

    return read_config_file(path)


MAX_SESSION_MB = 256


def max_session_size(env: Mapping[str, str] | None = None) -> int:
    """Return the size in bytes of the largest session file that is read.

    Raises UsageError. Reading takes up to nine times as much memory.
    """
    text = (os.environ if env is None else env).get("ALOOP_MAX_SESSION_MB") or str(MAX_SESSION_MB)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise UsageError(f"ALOOP_MAX_SESSION_MB must be a number of megabytes, not {text!r}.")
    return int(text) * 1_000_000

"""Settings, from the environment and from ``~/.config/aloop/config.toml``.

Settings are never read from the working directory, because a project must not change them.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, cast, get_args

from aloop.errors import UsageError
from aloop.formatting import display_path, expand_home, home_folder
from aloop.text import closest_match, lines_of

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

# Keys of the config file.
_BOOLEANS = ("plain", "verbose", "thinking", "all_projects", "terminal_title", "sandbox_network")
_AMOUNTS = {"stall_timeout": "a positive number of seconds", "max_cost": "a positive number of dollars"}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "editing_mode": get_args(EditingMode),
    "cache_ttl": get_args(CacheTtl),
    "effort": EFFORTS,
    "titles": get_args(Titles),
    "notify": get_args(Notify),
    "theme": get_args(ColorTheme),
    "sandbox": get_args(SandboxMode),
}
_TABLES = ("endpoints", "prices")
_ENDPOINT_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
# Providers of aloop itself; sessions record which provider an answer came from.
_RESERVED_NAMES = ("anthropic", LOCAL_MODEL, OFFLINE_MODEL)

KEY_VARIABLE = "ANTHROPIC_API_KEY"
# Each of these variables is a complete credential. They are in the SDK's order.
_CREDENTIAL_VARIABLES = (KEY_VARIABLE, "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE")
# Workload identity federation needs both of the first and one of the second.
_FEDERATION_VARIABLES = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID")
_IDENTITY_VARIABLES = ("ANTHROPIC_IDENTITY_TOKEN_FILE", "ANTHROPIC_IDENTITY_TOKEN")
# A stored profile leaves one of these in the SDK's folder: the pointer to the active one, or the default one.
_PROFILE_FILES = ("active_config", "configs/default.json")


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


class FileSettings(TypedDict, total=False):
    """The contents of the config file."""

    model: str
    base_url: str
    editing_mode: EditingMode
    verbose: bool
    thinking: bool
    plain: bool
    all_projects: bool
    stall_timeout: float
    cache_ttl: CacheTtl
    effort: Effort
    max_cost: Decimal
    titles: Titles
    title_model: str
    terminal_title: bool
    notify: Notify
    theme: ColorTheme
    sandbox: SandboxMode
    sandbox_network: bool
    sandbox_write: Sequence[Path]
    toolbar: Sequence[str]
    keys: Mapping[str, str]
    endpoints: Mapping[str, Endpoint]
    prices: Mapping[str, Prices]


def read_regular(path: Path, most: int = -1) -> bytes:
    """Return the contents of a regular file, or its first ``most`` bytes.

    Raises OSError for others.

    Opening a named pipe would wait for a writer.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        require_regular(descriptor)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)


def require_regular(descriptor: int) -> None:
    """Raise OSError unless an open file is a regular one."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file")


def config_path(env: Mapping[str, str], home: Path) -> Path:
    """Return the path of the config file."""
    return _xdg_dir(env, "XDG_CONFIG_HOME", home / ".config") / "aloop" / "config.toml"


RULES_NAME = "permissions"
"""The file of permission rules in the folder of the settings."""


def settings_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the user's settings."""
    env = os.environ if env is None else env
    return config_path(env, _home(env)).parent


def read_config_file(path: Path) -> FileSettings:
    """Read the config file, which need not exist; raises UsageError if it is invalid."""
    try:
        text = read_regular(path).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):  # the latter if HOME is not a folder
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{display_path(path)} cannot be read: {reason}.") from error
    # Imported here for start-up time: most users have no config file.
    import tomllib
    from decimal import Decimal, InvalidOperation

    try:
        values = tomllib.loads(text, parse_float=Decimal)
        try:
            return _checked(values)
        except _WrongSetting as error:
            raise UsageError(f"{display_path(path)}, line {_line_of(error.keys, text)}: {error}") from error
    except (tomllib.TOMLDecodeError, InvalidOperation) as error:
        raise UsageError(f"{display_path(path)} is not valid TOML: {error}.") from error
    except RecursionError as error:
        raise UsageError(f"{display_path(path)} is not valid: its lists or tables are nested too deeply.") from error


class _WrongSetting(UsageError):
    """A setting is wrong: the one that ``keys`` lead to, from the top of the file."""

    def __init__(self, message: str, keys: tuple[str, ...]) -> None:
        super().__init__(message)
        self.keys = keys


@contextmanager
def _at(*keys: str) -> Iterator[None]:
    """Add ``keys`` to those of a UsageError in the block."""
    try:
        yield
    except UsageError as error:
        raise _WrongSetting(str(error), keys + (error.keys if isinstance(error, _WrongSetting) else ())) from error


def _line_of(keys: tuple[str, ...], text: str) -> int:
    """Return the number of the line of valid TOML that sets what ``keys`` lead to.

    A key that is not there leaves the line of those before it. tomllib keeps no positions. Therefore it reads the first
    lines, one more each time, until the keys are there.
    """
    # Imported here, as below.
    import tomllib

    found, line = 0, 1
    lines = lines_of(text)[:_MOST_LINES]
    for count in range(1, len(lines) + 1):
        try:
            value: Any = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:  # in the middle of a value
            continue
        depth = 0
        while depth < len(keys) and isinstance(value, dict) and keys[depth] in value:
            value, depth = value[keys[depth]], depth + 1
        if depth > found:
            found, line = depth, count
    return line


_MOST_LINES = 1_000


def _checked(values: Mapping[str, Any]) -> FileSettings:
    _require_known(values, list(FileSettings.__annotations__), "setting")
    checked: dict[str, Any] = dict(values)
    for name, value in values.items():
        with _at(name):
            checked[name] = _checked_value(name, value)
    return cast("FileSettings", checked)


def _checked_value(name: str, value: Any) -> Any:
    """Return the value of a setting in the form in which it is kept."""
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise UsageError(f"{name} must be {_listed(_CHOICES[name], 'or')}.")
    elif name in _BOOLEANS:
        if not isinstance(value, bool):
            raise UsageError(f"{name} must be true or false.")
    elif name in _AMOUNTS:
        amount = _require_positive(value, name, _AMOUNTS[name])
        return float(amount) if name == "stall_timeout" else amount
    elif name in _TABLES:
        return _tables(value, name)
    elif name == "toolbar":
        return _toolbar(value)
    elif name == "keys":
        return _keys(value)
    elif name == "sandbox_write":
        return _folders(value, name)
    else:
        _require_text(value, name)
    if name == "base_url":
        _require_url(value, name)
    return value


def _tables(value: object, name: str) -> Mapping[str, Endpoint | Prices]:
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise UsageError(f"{name} must be tables such as [{name}.NAME].")
    checked: dict[str, Endpoint | Prices] = {}
    for key, table in value.items():
        with _at(key):
            checked[key] = _endpoint(key, table) if name == "endpoints" else _prices(key, table)
    return checked


def _toolbar(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise UsageError('toolbar must be a list of strings such as ["model", "cost"].')
    _require_known(value, list(TOOLBAR_PARTS), "part", "toolbar")
    return tuple(dict.fromkeys(value))


def _folders(value: object, name: str) -> tuple[Path, ...]:
    if not isinstance(value, list) or not all(isinstance(path, str) and path.startswith(("/", "~/")) for path in value):
        raise UsageError(
            f'{name} must be a list of folders such as ["~/.cache/go-build"], each beginning with / or ~/.'
        )
    return tuple(expand_home(path) for path in value)


def _keys(value: object) -> Mapping[str, str]:
    # Imported here for start-up time: most users keep the keys.
    from aloop.keys import DEFAULT_KEYS, WrongKey, require_key, require_keys

    if not isinstance(value, dict) or not all(isinstance(keys, str) for keys in value.values()):
        raise UsageError('keys must be a table of strings such as expand = "ctrl-o" below [keys].')
    _require_known(value, list(DEFAULT_KEYS), "action", "[keys]")
    for action, keys in value.items():
        with _at(action):
            require_key(action, keys)
    try:
        return require_keys(value)
    except WrongKey as error:
        raise _WrongSetting(str(error), (error.action,)) from error


def _endpoint(name: str, table: Mapping[str, Any]) -> Endpoint:
    where = f"[endpoints.{name}]"
    if name in _RESERVED_NAMES:
        raise UsageError(f"An endpoint cannot be named {name!r}, which is a name of aloop itself. Choose another name.")
    if not re.fullmatch(_ENDPOINT_NAME, name):
        raise UsageError(f"The endpoint name {name!r} may contain only letters, digits, '-', '_' and '.'.")
    _require_known(table, [field for field in Endpoint._fields if field != "name"], "key", where)
    choices = {"kind": get_args(EndpointKind), "auth": get_args(AuthScheme)}
    for key, value in table.items():
        with _at(key):
            _require_text(value, f"{key} in {where}")
            if value not in choices.get(key, (value,)):
                raise UsageError(f"{key} in {where} must be {_listed(choices[key], 'or')}.")
            if key == "base_url":
                _require_url(value, f"{key} in {where}")
    if table.get("kind", "anthropic") == "anthropic" and "base_url" not in table:
        raise UsageError(f"{where} needs a base_url, or a kind other than anthropic.")
    return Endpoint(name, **table)


def _prices(model: str, table: Mapping[str, Any]) -> Prices:
    where = f'[prices."{model}"]'
    _require_known(table, list(Prices._fields), "key", where)
    for key in ("input", "output"):
        if key not in table:
            raise UsageError(f"{where} needs {key}, in dollars per million tokens.")
    prices = {}
    for key, value in table.items():
        with _at(key):
            prices[key] = _require_price(value, f"{key} in {where}")
    return Prices(**prices)


def _require_known(values: Iterable[str], names: list[str], noun: str, where: str = "") -> None:
    for name in values:
        if name not in names:
            guess = closest_match(name, names)
            hint = f"Did you mean {guess!r}?" if guess else f"The {noun}s are {_listed(names, 'and')}."
            raise _WrongSetting(f"Unknown {noun} {name!r}{where and f' in {where}'}. {hint}", (name,))


def _require_text(value: object, name: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} must be a non-empty string.")


def _require_url(value: str, name: str) -> None:
    if not value.startswith(("https://", "http://")):
        raise UsageError(f"{name} must start with https:// or http://.")


def _require_positive(value: object, name: str, kind: str) -> Decimal:
    number = _number(value)
    if number is None or number <= 0:
        raise UsageError(f"{name} must be {kind}.")
    return number


def _require_price(value: object, name: str) -> Decimal:
    number = _number(value)
    if number is None or number < 0:
        raise UsageError(f"{name} must be a number of dollars per million tokens.")
    return number


def _number(value: object) -> Decimal | None:
    """Return a number of the config file that is finite as a float, None for others."""
    # Imported here, as above.
    from decimal import Decimal

    number = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return number if isinstance(number, Decimal) and isfinite(number) else None


def _listed(names: Iterable[str], word: str) -> str:
    """Return names as words: ``a, b or c``."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


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
        home = _home(env)
        file = read_config_file(config_path(env, home))
        return cls(
            model=env.get("ALOOP_MODEL") or file.get("model"),
            sessions_dir=sessions_dir(env),
            history_file=state_dir(env) / "aloop" / "history",
            has_credentials=has_credentials(env) or has_stored_key(env),
            data_dir=_data_dir(env, home),
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


def stored_key_file(env: Mapping[str, str]) -> Path:
    """Return the file that exists if there is an API key in the system keyring."""
    return state_dir(env) / "aloop" / "key-in-keyring"


def has_stored_key(env: Mapping[str, str]) -> bool:
    """Return True if an API key was stored in the keyring, which is not opened."""
    return os.path.exists(stored_key_file(env))  # noqa: PTH110 - Path.exists raises without permission before 3.14


def sessions_dir(env: Mapping[str, str] | None = None) -> Path | None:
    """Return the sessions folder named by the environment, None if there is none."""
    path = (os.environ if env is None else env).get("ALOOP_SESSIONS_DIR")
    return expand_home(path) if path else None


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
        return expand_home(path).absolute()
    return _xdg_dir(env, "XDG_DATA_HOME", home / ".local" / "share") / "aloop"


def state_dir(env: Mapping[str, str] | None = None) -> Path:
    """Return the folder in which programs keep state, such as histories."""
    env = os.environ if env is None else env
    home = _home(env)
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


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME") or home_folder())


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

"""The config file: read it, check it, and name the line of an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast, get_args

from aloop.config.values import (
    EFFORTS,
    LOCAL_MODEL,
    OFFLINE_MODEL,
    TOOLBAR_PARTS,
    AuthScheme,
    CacheTtl,
    ColorTheme,
    EditingMode,
    Effort,
    Endpoint,
    EndpointKind,
    Notify,
    Prices,
    SandboxMode,
    Titles,
)
from aloop.errors import UsageError
from aloop.formatting import display_path, expand_home
from aloop.regular_file import read_regular
from aloop.text import closest_match, lines_of

if TYPE_CHECKING:
    from decimal import Decimal

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


def read_config_file(path: Path) -> FileSettings:
    """Read the config file, which need not exist; raises UsageError if it is invalid."""
    try:
        text = read_regular(path).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):  # the latter if HOME is not a folder
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{display_path(path)} cannot be read: {reason}.") from error
    # Imported here for startup time: most users have no config file.
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
    lines, one more each time, until it contains the keys.
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
    # Imported here for startup time: most users keep the keys.
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

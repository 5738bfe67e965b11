"""Names of keys in the settings, such as ``alt-enter`` or ``ctrl-x ctrl-e``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aloop.errors import UsageError

DEFAULT_KEYS: Mapping[str, str] = {
    "complete": "tab",
    "editor": "ctrl-x ctrl-e",
    "expand": "ctrl-o",
    "mode": "shift-tab",
    "new_line": "alt-enter",
    "rewind": "",
    "steer": "ctrl-enter",
    "suspend": "ctrl-z",
}
"""The key of each action that the settings can change; empty for none."""

_EFFECTS = (
    ("Enter", "send; during a turn, queue the line"),
    ("Enter Enter, steer", "during a turn, send at the model's next step"),
    ("Up", "take a queued line back; otherwise earlier lines"),
    ("Esc, Ctrl-C", "stop the turn"),
    ("Esc Esc", "go back to an earlier message"),
    ("new_line", "new line; so does Ctrl-J"),
    ("complete", "complete"),
    ("mode", "ask first, accept edits, or plan"),
    ("Ctrl-R", "search earlier lines"),
    ("expand", "show all of the last tool's output"),
    ("editor", "open your editor"),
    ("rewind", "go back to an earlier message"),
    ("suspend", "suspend"),
    ("Ctrl-D, Ctrl-C twice", "leave"),
    ("/", "command"),
    ("@", "file"),
    ("!", "run a command"),
)
"""The keys and marks, or actions of the settings, with their effect, the most useful first."""

_KEY = re.compile(r"(ctrl|alt|shift)-([a-z]|enter|tab|up|down|left|right|home|end|pageup|pagedown|delete)|tab|f(\d\d?)")
_FIXED = (
    "ctrl-c",
    "ctrl-d",
    "ctrl-j",
    "ctrl-m",
    "ctrl-i",
    "shift-enter",
    "ctrl-tab",
    "alt-tab",
)
_LAST_FUNCTION_KEY = 20
_PREFIXES = {"ctrl": "c-", "shift": "s-"}
_CTRL_ENTER = "c-f24"
"""Ctrl-Enter, which prompt_toolkit does not name: ``repl.input.key_parser`` uses this key for it."""


def key_sequence(keys: str) -> tuple[str, ...]:
    """Return ``keys`` as prompt_toolkit names them; raises UsageError."""
    sequence: list[str] = []
    for key in keys.split():
        found = _KEY.fullmatch(key)
        number = int(found[3]) if found and found[3] else 1
        is_letter = found is not None and len(found[2] or "") == 1
        if found is None or not 0 < number <= _LAST_FUNCTION_KEY or (is_letter and found[1] == "shift"):
            raise UsageError(f"{key!r} is not a key. Write it as in ctrl-o, alt-enter, f2 or ctrl-x ctrl-e.")
        if key in _FIXED:
            raise UsageError(f"{key!r} cannot be used: it has a fixed meaning, or terminals do not send it.")
        if key == "ctrl-enter":
            sequence.append(_CTRL_ENTER)
        elif found[1] == "alt":
            sequence += ["escape", found[2]]
        else:
            sequence.append(f"{_PREFIXES[found[1]]}{found[2]}" if found[1] else key)
    return tuple(sequence)


def key_label(keys: str) -> str:
    """Return ``keys`` as the documentation writes them, as in ``Ctrl-X Ctrl-E``."""
    return " ".join("-".join(part.capitalize() for part in key.split("-")) for key in keys.split())


def key_rows(changed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the keys and marks with their effect, given those of the settings."""
    keys = {**DEFAULT_KEYS, **changed}
    rows = []
    for names, effect in _EFFECTS:
        labels = [key_label(keys[name]) if name in keys else name for name in names.split(", ")]
        if label := ", ".join(filter(None, labels)):
            rows.append((label, effect))
    return rows


class WrongKey(UsageError):
    """The key of an ``action`` is also that of another one."""

    def __init__(self, message: str, action: str) -> None:
        super().__init__(message)
        self.action = action


def require_key(action: str, keys: str) -> str:
    """Return ``keys`` of ``action`` in lower case; raises UsageError."""
    keys = keys.strip().lower()
    try:
        key_sequence(keys)
    except UsageError as error:
        raise UsageError(f"{action} in [keys]: {error}") from error
    return keys


def require_keys(table: Mapping[str, str]) -> Mapping[str, str]:
    """Return the keys of actions that ``table`` sets; raises UsageError.

    It is WrongKey if two have the same key.
    """
    actions = {action: require_key(action, keys) for action, keys in table.items()}
    order = [action for action in DEFAULT_KEYS if action not in actions] + list(actions)
    used: dict[tuple[str, ...], str] = {}
    for action, keys in {**DEFAULT_KEYS, **actions}.items():
        sequence = key_sequence(keys)
        for other, name in used.items():
            if sequence and other[: len(sequence)] == sequence[: len(other)]:
                how = "have the same key," if other == sequence else "would both begin with"
                shared = min({**DEFAULT_KEYS, **actions}[name], keys, key=len)
                message = f"{name} and {action} in [keys] {how} {key_label(shared)}. Change one of them."
                raise WrongKey(message, max((name, action), key=order.index))
        used |= {sequence: action} if sequence else {}
    return actions

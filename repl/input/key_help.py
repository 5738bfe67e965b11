"""Help about keys, below the line."""

from __future__ import annotations

from collections.abc import Mapping

from prompt_toolkit.application import Application
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding.vi_state import InputMode

from aloop.keys import DEFAULT_KEYS, key_label, key_rows
from aloop.width import text_width, wrap
from repl.input.owner import Owner
from repl.input.queue import is_message

_VI_MARKS = {
    InputMode.NAVIGATION: "NORMAL · ",
    InputMode.REPLACE: "REPLACE · ",
    InputMode.REPLACE_SINGLE: "REPLACE · ",
}

_SEPARATOR = " · "


def key_help(changed: Mapping[str, str], width: int, most: int) -> StyleAndTextTuples:
    """Return the keys and marks in two columns, or else as many as fit.

    They have at most ``most`` rows, but at least one. ``changed`` has the keys of some actions.
    """
    keys = key_rows(changed)
    column = max(text_width(key) for key, _ in keys) + 2
    if len(keys) < most and column + max(text_width(effect) for _, effect in keys) <= width:
        listed = [(("class:key", f"{key:<{column}}"), ("class:toolbar", f"{effect}\n")) for key, effect in keys]
        return [*(part for row in listed for part in row), ("class:toolbar", "Esc closes this list")]
    rows: list[StyleAndTextTuples] = []
    room = 0
    for key, effect in keys:
        first, *more = wrap(f"{key} {effect}", width)
        fits = not more and len(_SEPARATOR) + text_width(first) <= room
        if not fits and len(rows) + 1 + len(more) > max(1, most):
            break
        shown: StyleAndTextTuples = [("class:key", key), ("class:toolbar", first[len(key) :])]
        if fits:
            rows[-1] += [("class:toolbar", _SEPARATOR), *shown]
            room -= len(_SEPARATOR) + text_width(first)
        else:
            rows.append(shown)
            rows += [[("class:toolbar", text)] for text in more]
            room = width - text_width(first) if not more else 0
    return [part for number, row in enumerate(rows) for part in (("", "\n" if number else ""), *row)]


def enter_help(owner: Owner, line: str, changed: Mapping[str, str], *, has_kitty_keys: bool) -> str:
    """Return what Enter does while a turn runs or lines wait, if it matters now.

    ``line`` is the text before it, ``changed`` has the keys of some actions.
    """
    if not owner.is_busy:
        return "Enter sends the lines one by one · Up edits or removes" if owner.queued and not line else ""
    if line.strip():
        steer = {**DEFAULT_KEYS, **changed}["steer"]
        # Few terminals send the default key, unless they have the protocol of kitty.
        is_sent = steer and (steer != DEFAULT_KEYS["steer"] or has_kitty_keys)
        return f"Enter queues · {key_label(steer) if is_sent else 'Enter twice'} sends at the next step"
    if not owner.queued:
        return ""
    may_steer = any(is_message(line.entry) and not line.steers for line in owner.queued)
    steer = "Enter sends at the next step · " if may_steer else ""
    return f"{steer}Up edits or removes"


def vi_mark(app: Application[None]) -> str:
    """Return the mode of vi, empty if it inserts text."""
    return _VI_MARKS.get(app.vi_state.input_mode, "") if app.editing_mode is EditingMode.VI else ""

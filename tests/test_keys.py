"""Tests of key names in the settings."""

from __future__ import annotations

import pytest

from aloop.errors import UsageError
from aloop.keys import DEFAULT_KEYS, key_label, key_rows, key_sequence, require_keys
from repl.input.key_parser import CTRL_ENTER


@pytest.mark.parametrize(
    ("keys", "sequence"),
    [
        ("ctrl-o", ("c-o",)),
        ("alt-enter", ("escape", "enter")),
        ("ctrl-x ctrl-e", ("c-x", "c-e")),
        ("shift-up", ("s-up",)),
        ("f12", ("f12",)),
        ("shift-tab", ("s-tab",)),
        ("ctrl-enter", (CTRL_ENTER.value,)),
        ("", ()),
    ],
)
def test_key_sequence_has_the_names_of_prompt_toolkit(keys: str, sequence: tuple[str, ...]) -> None:
    assert key_sequence(keys) == sequence


def test_default_keys_are_valid_and_distinct() -> None:
    assert require_keys(DEFAULT_KEYS) == DEFAULT_KEYS


@pytest.mark.parametrize("key", ["o", "ctrl-", "ctrl-ctrl-o", "shift-o", "f21", "f0", "hyper-o", "ctrl-ö", "enter"])
def test_other_names_are_refused(key: str) -> None:
    with pytest.raises(UsageError, match="is not a key"):
        key_sequence(key)


@pytest.mark.parametrize("key", ["ctrl-c", "ctrl-d", "ctrl-m"])
def test_fixed_keys_are_refused(key: str) -> None:
    with pytest.raises(UsageError, match="has a fixed meaning"):
        key_sequence(key)


def test_key_of_two_actions_is_refused() -> None:
    with pytest.raises(UsageError, match=r"editor and expand in \[keys\] have the same key, Ctrl-O"):
        require_keys({"editor": "Ctrl-O"})
    with pytest.raises(UsageError, match=r"editor and rewind in \[keys\] would both begin with Ctrl-X\. Change one"):
        require_keys({"rewind": "ctrl-x"})
    assert require_keys({"editor": "ctrl-o", "expand": "F2"}) == {"editor": "ctrl-o", "expand": "f2"}


def test_rows_have_the_changed_keys_and_leave_out_actions_without_one() -> None:
    steering = "during a turn, send at the model's next step"
    rows = {effect: key for key, effect in key_rows({"steer": "alt-s", "mode": "", "expand": "f4"})}
    assert (rows[steering], rows["show all of the last tool's output"]) == ("Enter Enter, Alt-S", "F4")
    assert "ask first, accept edits, or plan" not in rows
    assert ("Enter Enter", steering) in key_rows({"steer": ""})


def test_label_is_written_as_in_the_documentation() -> None:
    assert key_label("ctrl-x ctrl-e") == "Ctrl-X Ctrl-E"

"""Tests of key names in the settings."""

from __future__ import annotations

import pytest

from aloop.errors import UsageError
from aloop.keys import DEFAULT_KEYS, key_label, key_sequence, require_keys


@pytest.mark.parametrize(
    ("keys", "sequence"),
    [
        ("ctrl-o", ("c-o",)),
        ("alt-enter", ("escape", "enter")),
        ("ctrl-x ctrl-e", ("c-x", "c-e")),
        ("shift-up", ("s-up",)),
        ("f12", ("f12",)),
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
    with pytest.raises(UsageError, match="have the same key"):
        require_keys({"rewind": "ctrl-x"})  # begins the key of the editor
    assert require_keys({"editor": "ctrl-o", "expand": "F2"}) == {"editor": "ctrl-o", "expand": "f2"}


def test_label_is_written_as_in_the_documentation() -> None:
    assert key_label("ctrl-x ctrl-e") == "Ctrl-X Ctrl-E"

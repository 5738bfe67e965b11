"""/key: show, store and delete the API key."""

from __future__ import annotations

from pathlib import Path

import pytest

from aloop.errors import UsageError
from aloop.stored_key import store_key
from commands.builtin.key import key
from commands.dispatch import dispatch
from tests.commands.conftest import SetUp
from tests.fake_keyring import KEY, install


async def test_unknown_argument_is_wrong_usage(bench: SetUp) -> None:
    with pytest.raises(UsageError, match="Use /key, /key set or /key delete"):
        await key(bench().context, "sk-ant-x")


async def test_slash_key_shows_sets_and_deletes(
    private_home: Path, monkeypatch: pytest.MonkeyPatch, bench: SetUp
) -> None:
    keyring, stage = install(monkeypatch), bench()
    await dispatch("/key", stage.context)
    await dispatch("/key set", stage.context)
    assert stage.view.of("hand_over") == ["set"]
    store_key(KEY)
    await dispatch("/key", stage.context)
    await dispatch("/key delete", stage.context)
    assert keyring.kept == {}
    shown = stage.view.of("info")
    assert str(shown[0]).startswith("No API key is set. `/key set` stores one")
    assert shown[2:] == [
        "The API key comes from the system keyring. `/key delete` deletes it.",
        "Deleted the API key from the system keyring.",
    ]

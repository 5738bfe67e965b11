"""A fake of the package ``keyring``."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

KEY = "sk-ant-a-secret"


class Keyring(ModuleType):
    """A module with the functions of ``keyring`` that are used."""

    priority = 5.0
    name = "a fake keyring"

    def __init__(self) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self.fails = False

    def get_keyring(self) -> Keyring:
        return self

    def get_password(self, service: str, user: str) -> str | None:
        self._require_open()
        return self.kept.get((service, user))

    def set_password(self, service: str, user: str, password: str) -> None:
        self._require_open()
        self.kept[service, user] = password

    def delete_password(self, service: str, user: str) -> None:
        del self.kept[service, user]

    def _require_open(self) -> None:
        if self.fails:
            raise RuntimeError(f"locked; {KEY}")


def install(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    """Let aloop find a fake keyring that is empty."""
    fake = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", fake)
    return fake

"""``aloop lsp`` without its optional package."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

import pytest

from aloop.__main__ import main


class _Hidden:
    """An import hook that hides a package, as if it were not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name == self.name:
            raise ModuleNotFoundError(name=name)
        return None


@pytest.mark.parametrize("hidden", ["pygls", "pygls.lsp.server"])
def test_missing_package_is_reported_with_the_command_that_installs_it(
    hidden: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "pygls"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hidden(hidden), *sys.meta_path])
    assert main(["lsp"]) == 2
    assert capsys.readouterr().err == (
        "aloop: The language server needs the package pygls. Install it with `pip install 'aloop[lsp]'`.\n"
    )

"""The command that installs what is missing."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from aloop.errors import install_command

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("mark", "command"),
    [
        ("", "pip install 'aloop[lsp]'"),
        ("uv-receipt.toml", "uv pip install --python '{prefix}' 'pygls>=2.1,<3'"),
        ("pipx_metadata.json", "pipx inject aloop 'pygls>=2.1,<3'"),
    ],
)
def test_install_command_reaches_the_environment_of_this_aloop(
    mark: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = tmp_path / "my tools"
    prefix.mkdir()
    if mark:
        (prefix / mark).touch()
    monkeypatch.setattr(sys, "prefix", str(prefix))
    assert install_command("aloop[lsp]", "pygls>=2.1,<3") == command.format(prefix=prefix)


def test_packages_of_install_commands_are_those_of_the_extras() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    source = "".join(path.read_text() for path in (ROOT / "aloop").rglob("*.py"))
    for name in ("lsp", "keyring", "images"):
        (package,) = extras[name]
        assert any(
            f"install_command({quote}aloop[{name}]{quote}, {quote}{package}{quote})" in source for quote in "'\""
        )

"""Paths: the home directory is ``~`` in every message, and never in JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from aloop.__main__ import main
from tests.saved_sessions import FIRST, break_session, save

SESSIONS = Path(".aloop/sessions")


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["sessions", "list"],
        ["sessions", "delete", "a1b2", "--yes"],
        ["sessions", "restore", "a1b2"],
        ["sessions", "git-setup"],
        ["local", "status"],
        ["--resume", "--task", "6*7"],
        ["--model", "local:~/missing.gguf", "--task", "6*7"],
        ["--sessions-dir", "~/file", "sessions", "list"],
        ["--sessions-dir", "~/link", "sessions", "list"],
        ["permissions", "list"],
    ],
)
@pytest.mark.parametrize("fault", ["", "no sessions", "config", "rules"])
def test_messages_show_the_home_directory_as_a_tilde(
    private_home: Path, fault: str, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = private_home / ".config/aloop"
    settings.mkdir(parents=True, exist_ok=True)
    (private_home / "file").touch()
    (private_home / "link").symlink_to("nowhere")
    if fault != "no sessions":
        save(SESSIONS.absolute(), FIRST)
        SESSIONS.chmod(0o700)  # otherwise there is advice with a command, which has the whole path
    if fault == "config":
        (settings / "config.toml").write_text("modle = 1\n")
    if fault == "rules":
        (settings / "permissions").write_text("allow everything\n")
    main(arguments)
    assert str(private_home) not in "".join(capsys.readouterr())


@pytest.mark.parametrize("command", ["list", "show", "stats", "trash", "delete"])
def test_json_has_whole_paths(private_home: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    save(SESSIONS.absolute(), FIRST)
    if command == "trash":
        main(["sessions", "delete", "a1b2", "--yes"])
        capsys.readouterr()
    selected = [] if command in ("list", "trash") else ["a1b2"]
    main(["sessions", command, *selected, *(["--yes"] if command == "delete" else []), "--json"])
    records = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert records
    assert "~/" not in str(records)
    assert any(str(private_home) in str(value) for value in records[0].values())


def test_position_in_a_broken_session_has_the_whole_path(
    private_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Editors jump to it."""
    save(SESSIONS.absolute(), FIRST)
    break_session(SESSIONS.absolute())
    assert main(["sessions", "check"]) == 1
    assert capsys.readouterr().out.startswith(f"{private_home}/work/.aloop/sessions/")

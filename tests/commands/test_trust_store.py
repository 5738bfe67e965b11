"""What the user trusts: a private file of the user's own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from aloop.errors import StorageError
from commands.trust_store import TrustFile


def test_what_was_remembered_is_known_in_the_next_run(tmp_path: Path) -> None:
    TrustFile(tmp_path / "state" / "trust").remember([Path("a")], ["Be brief."])
    again = TrustFile(tmp_path / "state" / "trust")
    assert again.knows_folder(Path.cwd() / "a")
    assert again.knows_text("Be brief.")
    assert not again.knows_folder(Path.cwd() / "b")
    assert not again.knows_text("Be brief")


def test_the_file_is_private_holds_no_text_and_grows_only_by_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "trust"
    for _ in range(3):
        TrustFile(path).remember([tmp_path], ["a secret"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == 2
    assert "secret" not in path.read_text()


def test_it_lies_in_the_users_own_state(monkeypatch: pytest.MonkeyPatch, private_home: Path, tmp_path: Path) -> None:
    TrustFile.of_user().remember([tmp_path])
    assert (private_home / ".local/state/aloop/trust").is_file()
    # A relative one would be a folder of the project.
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    assert TrustFile.of_user().knows_folder(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert not TrustFile.of_user().knows_folder(tmp_path)


def test_lines_that_are_no_entry_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "trust"
    path.write_bytes(b'\xff\n["folder"]\n{"folder": 1}\n["folder", 7]\n')
    trust = TrustFile(path)
    trust.remember([tmp_path])
    assert TrustFile(path).knows_folder(tmp_path)


def test_what_can_not_be_remembered_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trust = TrustFile(tmp_path / "file" / "trust")
    with pytest.raises(StorageError, match="It will be asked again"):
        trust.remember([tmp_path])
    trust.remember([tmp_path])
    assert trust.knows_folder(tmp_path)

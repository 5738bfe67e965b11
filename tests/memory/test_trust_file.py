"""The private file of trusted sessions and system messages."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.memory.trust_file import TrustFile


def test_remembered_entries_are_known_in_the_next_run(tmp_path: Path) -> None:
    ids = ["a1b2c3d4", "a1b2ffff"]
    TrustFile(tmp_path / "state" / "trust").remember(
        written=ids[:1], accepted=ids[1:], folders=[Path("a")], texts=["Be brief."]
    )
    again = TrustFile(tmp_path / "state" / "trust")
    assert [again.wrote(each) for each in (*ids, "0badcafe")] == [True, False, False]
    assert [again.knows_session(each) for each in (*ids, "0badcafe")] == [True, True, False]
    assert again.knows_folder(Path.cwd() / "a")
    assert again.knows_text("Be brief.")
    assert not again.knows_folder(Path.cwd() / "b")
    assert not again.knows_text("Be brief")


def test_entry_that_another_shell_adds_is_known_without_a_restart(tmp_path: Path) -> None:
    trust = TrustFile(tmp_path / "trust")
    assert not trust.wrote("a1b2c3d4")
    TrustFile(tmp_path / "trust").remember(written=["a1b2c3d4"])
    assert trust.wrote("a1b2c3d4")


def test_trust_file_is_private_contains_no_text_and_has_no_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "trust"
    for _ in range(3):
        TrustFile(path).remember(folders=[tmp_path], texts=["a secret"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == 2
    assert "secret" not in path.read_text()


def test_trust_file_is_in_the_users_state_directory(
    monkeypatch: pytest.MonkeyPatch, private_home: Path, tmp_path: Path
) -> None:
    TrustFile.of_user().remember(folders=[tmp_path])
    assert (private_home / ".local/state/aloop/trust").is_file()
    # A relative path would be inside the project.
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    assert TrustFile.of_user().knows_folder(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert not TrustFile.of_user().knows_folder(tmp_path)


def test_invalid_lines_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "trust"
    path.write_bytes(b'\xff\n["folder"]\n{"folder": 1}\n["folder", 7]\n')
    trust = TrustFile(path)
    trust.remember(folders=[tmp_path])
    assert TrustFile(path).knows_folder(tmp_path)


def test_entry_after_a_torn_line_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "trust"
    path.write_bytes(b'["session", "a1b2')
    TrustFile(path).remember(written=["0badcafe"])
    assert TrustFile(path).wrote("0badcafe")


def test_entry_after_a_write_that_the_disk_cut_short_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    trust = TrustFile(tmp_path / "trust")
    trust.remember(written=["0badcafe"])
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:9]))
    with pytest.raises(StorageError, match="No space left on device"):
        trust.remember(written=["a1b2c3d4"])
    monkeypatch.undo()
    trust.remember(written=["5eed5eed"])
    assert [TrustFile(tmp_path / "trust").wrote(each) for each in ("0badcafe", "a1b2c3d4", "5eed5eed")] == [
        True,
        False,
        True,
    ]


def test_failure_to_save_is_raised_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    trust = TrustFile(tmp_path / "file" / "trust")
    with pytest.raises(StorageError, match="You will be asked again"):
        trust.remember(folders=[tmp_path])
    trust.remember(folders=[tmp_path])
    assert trust.knows_folder(tmp_path)


def test_named_pipe_in_place_of_the_file_trusts_nothing_and_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trust")
    store = TrustFile(tmp_path / "trust")
    assert not store.knows_folder(tmp_path)
    with pytest.raises(StorageError, match="Could not save your answer about trust"):
        store.remember(folders=[tmp_path])


def test_short_ids_are_those_of_the_sessions_that_aloop_wrote(tmp_path: Path) -> None:
    trust = TrustFile(tmp_path / "trust")
    assert trust.short_ids() == set()
    trust.remember(written=["a1b2c3d4-5678-40ab-8def-1234567890ab"], accepted=["ffffffff-5678-40ab-8def-1234567890ab"])
    assert trust.short_ids() == TrustFile(tmp_path / "trust").short_ids() == {"a1b2c3d4"}

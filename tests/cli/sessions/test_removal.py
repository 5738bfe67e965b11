"""``aloop sessions delete``, ``trash``, ``restore`` and ``purge``."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest

from aloop.cli.sessions import actions
from aloop.errors import AmbiguousPrefix, InvalidPrefix, SessionBusy, SessionExists, SessionNotFound
from tests.saved_sessions import FIRST, SECOND, THIRD, Terminal, ask, break_session, open_elsewhere, save
from tests.test_main import run


def test_delete_without_a_clear_yes_deletes_nothing(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(sessions_dir, FIRST)
    for answer in ("n\n", "\n", "", "yes please\n"):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert ask(sessions_dir, "delete", FIRST) == 1
    assert path.exists()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Delete session a1b2c3d4, “What is 2+2?”, 4 messages? [y/N] ")


@pytest.mark.parametrize("answer", ["y\n", " YES \n"])
def test_delete_removes_the_session_after_a_yes(
    sessions_dir: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(sessions_dir, FIRST)
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert ask(sessions_dir, "delete", "a1b2c3d4") == 0
    assert not path.exists()


def test_delete_without_a_terminal_requires_the_yes_option(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(sessions_dir, FIRST)
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    assert ask(sessions_dir, "delete", FIRST) == 1
    assert path.exists()
    assert "--yes" in capsys.readouterr().err


def test_delete_with_the_yes_option_does_not_ask(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(sessions_dir, FIRST)
    other = save(sessions_dir, THIRD)
    assert ask(sessions_dir, "delete", "a1b2", yes=True) == 0
    assert not path.exists()
    assert other.exists()
    out, err = capsys.readouterr()
    assert out.startswith("Deleted session a1b2c3d4 (moved to ")
    assert err == ""


def test_delete_as_json_prints_the_id_and_the_trash_folder(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(sessions_dir, FIRST)
    assert ask(sessions_dir, "delete", FIRST, yes=True, as_json=True) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["deleted"] == FIRST
    assert Path(record["trash"], "session.yaml").is_file()


@pytest.mark.parametrize("yes", [True, False])
def test_delete_rejects_a_short_prefix_before_asking(
    sessions_dir: Path, yes: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(sessions_dir, FIRST)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    with pytest.raises(InvalidPrefix):
        ask(sessions_dir, "delete", "a1b", yes=yes)
    assert path.exists()
    assert capsys.readouterr().err == ""


def test_delete_of_a_broken_session_works(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = break_session(sessions_dir)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert ask(sessions_dir, "delete", "0badcafe") == 0
    assert not path.exists()
    assert f"cannot be opened ({path}:3:11:" in capsys.readouterr().err


def test_session_open_in_another_aloop_is_not_deleted(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    with open_elsewhere(sessions_dir, FIRST) as process, pytest.raises(SessionBusy, match=f"process {process}"):
        ask(sessions_dir, "delete", FIRST, yes=True)
    assert path.exists()


def test_delete_of_a_duplicate_id_prints_a_name_that_restores_it(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = save(sessions_dir, FIRST).parent
    copy = shutil.copytree(original, sessions_dir / f"{original.name} (copy)")
    assert ask(sessions_dir, "delete", f"{original.name} (COPY)", yes=True) == 0
    assert (original.exists(), copy.exists()) == (True, False)
    assert f"Run `aloop sessions restore '{copy.name}'` to restore it." in capsys.readouterr().out
    assert ask(sessions_dir, "restore", copy.name) == 0
    assert copy.exists()


def test_delete_keeps_a_session_that_the_prefix_matches_later(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = save(sessions_dir, FIRST)

    def agree_late(*_: str) -> bool:
        asked.unlink()
        save(sessions_dir, SECOND)
        return True

    monkeypatch.setattr(actions, "confirm", agree_late)
    with pytest.raises(SessionNotFound):
        ask(sessions_dir, "delete", "a1b2")
    assert (sessions_dir / f"2025-01-01_{SECOND[:8]}").exists()


@pytest.fixture
def deleted(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The former file of FIRST, which was deleted, and THIRD after it."""
    path = save(sessions_dir, FIRST)
    save(sessions_dir, THIRD, says="Plan a trip")
    for session_id in (FIRST, THIRD):
        assert ask(sessions_dir, "delete", session_id, yes=True) == 0
    capsys.readouterr()
    return path


def trashed(sessions_dir: Path) -> list[Path]:
    return list((sessions_dir / ".trash").iterdir())


def test_trash_lists_the_last_deleted_session_first(
    sessions_dir: Path, deleted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(sessions_dir, "trash") == 0
    out, err = capsys.readouterr()
    heading, newer, older = out.splitlines()
    assert heading.split() == ["ID", "DELETED", "MESSAGES", "TITLE"]
    assert newer.startswith("0badcafe  ")
    assert newer.endswith("  4  Plan a trip")
    assert older.startswith("a1b2c3d4  ")
    assert "restore" in err


def test_trash_as_json_prints_a_record_per_line(
    sessions_dir: Path, deleted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(sessions_dir, "trash", as_json=True) == 0
    out, err = capsys.readouterr()
    newer, older = map(json.loads, out.splitlines())
    assert (newer["id"], older["id"]) == (THIRD, FIRST)
    assert older["deleted_at"] <= newer["deleted_at"]
    assert older["size"] >= Path(older["path"]).stat().st_size
    assert err == ""


def test_empty_trash_prints_a_note_and_succeeds(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(sessions_dir, "trash") == 0
    assert ask(sessions_dir, "trash", as_json=True) == 0
    assert capsys.readouterr() == ("", "The trash is empty.\n")


def test_restore_moves_the_session_back(sessions_dir: Path, deleted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(sessions_dir, "restore", "A1B2") == 0
    assert capsys.readouterr().out == f"Restored session a1b2c3d4 to {deleted.parent}\n"
    assert deleted.is_file()


def test_restore_as_json_prints_the_path(sessions_dir: Path, deleted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(sessions_dir, "restore", FIRST, as_json=True) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["id"], record["path"]) == (FIRST, str(deleted))


def test_restore_does_not_replace_a_session(sessions_dir: Path, deleted: Path) -> None:
    save(sessions_dir, FIRST, says="mine")
    with pytest.raises(SessionExists, match=str(deleted.parent)):
        ask(sessions_dir, "restore", FIRST)
    assert "mine" in deleted.read_text()


@pytest.mark.parametrize(("session_id", "error"), [("c0ffee", SessionNotFound), ("", InvalidPrefix)])
def test_restore_of_an_unknown_id_is_an_error(
    sessions_dir: Path, deleted: Path, session_id: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(sessions_dir, "restore", session_id)


def test_purge_without_a_yes_shows_the_amount_and_removes_nothing(
    sessions_dir: Path, deleted: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(file.stat().st_size for folder in trashed(sessions_dir) for file in folder.iterdir())
    for answer in ("n\n", "\n", ""):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert ask(sessions_dir, "purge") == 1
    assert len(trashed(sessions_dir)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Permanently delete 2 sessions, {size:,} bytes? [y/N] ")


def test_purge_empties_the_trash_after_a_yes(
    sessions_dir: Path, deleted: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = save(sessions_dir, SECOND)
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    assert ask(sessions_dir, "purge") == 0
    assert trashed(sessions_dir) == []
    assert kept.is_file()
    assert capsys.readouterr().out.startswith("Permanently deleted 2 sessions, ")


def test_purge_with_an_id_removes_that_session_only(sessions_dir: Path, deleted: Path) -> None:
    assert ask(sessions_dir, "purge", "a1b2", yes=True) == 0
    assert [folder.name[:19] for folder in trashed(sessions_dir)] == ["2025-01-01_0badcafe"]


def test_purge_without_a_terminal_requires_the_yes_option(
    sessions_dir: Path, deleted: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    assert ask(sessions_dir, "purge") == 1
    assert len(trashed(sessions_dir)) == 2
    assert "--yes" in capsys.readouterr().err


def test_purge_of_an_empty_trash_does_not_ask(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(sessions_dir, "purge") == 0
    assert capsys.readouterr() == ("The trash is empty.\n", "")


def test_purge_as_json_prints_the_removed_sessions(
    sessions_dir: Path, deleted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(sessions_dir, "purge", yes=True, as_json=True) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [THIRD, FIRST]


def test_purge_rejects_a_short_prefix(sessions_dir: Path, deleted: Path) -> None:
    with pytest.raises(InvalidPrefix):
        ask(sessions_dir, "purge", "a1b", yes=True)
    assert len(trashed(sessions_dir)) == 2


def test_purge_of_an_ambiguous_prefix_removes_nothing(sessions_dir: Path, deleted: Path) -> None:
    save(sessions_dir, SECOND)
    assert ask(sessions_dir, "delete", SECOND, yes=True) == 0
    with pytest.raises(AmbiguousPrefix):
        ask(sessions_dir, "purge", "a1b2", yes=True)
    assert len(trashed(sessions_dir)) == 3


def test_trash_shows_the_problem_of_a_broken_session(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    break_session(sessions_dir)
    assert ask(sessions_dir, "delete", "0badcafe", yes=True) == 0
    assert ask(sessions_dir, "trash") == 0
    assert ":3:11:" in capsys.readouterr().out


def test_delete_restore_and_purge_work_in_separate_processes(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    for arguments, there in (
        ("delete a1b2 --yes", 0),
        ("restore a1b2", 1),
        ("delete a1b2 --yes", 0),
        ("purge --yes", 0),
    ):
        done = run(["sessions", *arguments.split(), "--sessions-dir", str(sessions_dir)])
        assert (done.returncode, done.stderr) == (0, "")
        assert path.exists() == bool(there)
    done = run(["sessions", "restore", "a1b2", "--sessions-dir", str(sessions_dir)])
    assert done.returncode == 1
    assert (
        done.stderr
        == "aloop: No session in the trash matches 'a1b2'. Run `aloop sessions trash` to list the sessions.\n"
    )

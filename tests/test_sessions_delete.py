"""``aloop sessions delete`` asks where somebody can answer, and never takes silence for a yes."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest

from aloop.cli import sessions as sessions_removal
from aloop.errors import InvalidPrefix, SessionBusy, SessionNotFound
from tests.saved_sessions import FIRST, SECOND, THIRD, Terminal, ask, break_session, open_elsewhere, save


def test_delete_asks_and_takes_no_answer_for_a_no(
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
def test_delete_deletes_after_a_yes(sessions_dir: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(sessions_dir, FIRST)
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert ask(sessions_dir, "delete", "a1b2c3d4") == 0
    assert not path.exists()


def test_delete_without_a_terminal_is_refused(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(sessions_dir, FIRST)
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    assert ask(sessions_dir, "delete", FIRST) == 1
    assert path.exists()
    assert "--yes" in capsys.readouterr().err


def test_delete_yes_does_not_ask(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(sessions_dir, FIRST)
    other = save(sessions_dir, THIRD)
    assert ask(sessions_dir, "delete", "a1b2", yes=True) == 0
    assert not path.exists()
    assert other.exists()
    out, err = capsys.readouterr()
    assert out.startswith("Deleted session a1b2c3d4. ")
    assert err == ""


def test_delete_in_json_tells_what_went(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert ask(sessions_dir, "delete", FIRST, yes=True, as_json=True) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["deleted"] == FIRST
    assert Path(record["trash"], "session.yaml").is_file()


@pytest.mark.parametrize("yes", [True, False])
def test_delete_wants_four_characters_before_it_asks(
    sessions_dir: Path, yes: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(sessions_dir, FIRST)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    with pytest.raises(InvalidPrefix):
        ask(sessions_dir, "delete", "a1b", yes=yes)
    assert path.exists()
    assert capsys.readouterr().err == ""


def test_a_broken_session_can_be_deleted(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = break_session(sessions_dir)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert ask(sessions_dir, "delete", "0badcafe") == 0
    assert not path.exists()
    assert f"can not be opened ({path}:4:1:" in capsys.readouterr().err


def test_a_session_that_another_aloop_has_open_is_not_deleted(sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    with open_elsewhere(sessions_dir, FIRST) as process, pytest.raises(SessionBusy, match=f"process {process}"):
        ask(sessions_dir, "delete", FIRST, yes=True)
    assert path.exists()


def test_a_copy_with_the_id_of_another_session_is_told_by_a_name_that_brings_it_back(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = save(sessions_dir, FIRST).parent
    copy = shutil.copytree(original, sessions_dir / f"{original.name} (copy)")
    assert ask(sessions_dir, "delete", f"{original.name} (COPY)", yes=True) == 0
    assert (original.exists(), copy.exists()) == (True, False)
    assert f"aloop sessions restore '{copy.name}' brings it back" in capsys.readouterr().out
    assert ask(sessions_dir, "restore", copy.name) == 0
    assert copy.exists()


def test_the_session_that_was_asked_about_is_deleted_whatever_its_prefix_means_by_then(
    sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = save(sessions_dir, FIRST)

    def agree_late(*_: str) -> bool:
        asked.unlink()
        save(sessions_dir, SECOND)
        return True

    monkeypatch.setattr(sessions_removal, "has_yes", agree_late)
    with pytest.raises(SessionNotFound):
        ask(sessions_dir, "delete", "a1b2")
    assert (sessions_dir / f"2025-01-01_{SECOND[:8]}").exists()

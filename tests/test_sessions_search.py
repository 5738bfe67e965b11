"""``aloop sessions search`` as a person and a script see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aloop.cli.parser import SessionsOptions, parse_arguments
from aloop.cli.sessions import run_sessions
from aloop.errors import UsageError
from tests.saved_sessions import FIRST, SECOND, break_session, save


def find(sessions_dir: Path, *words: str, limit: int = 50, as_json: bool = False) -> int:
    return run_sessions(SessionsOptions("search", sessions_dir, words=words, limit=limit, as_json=as_json))


def test_matches_stand_under_their_session(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2, says="Plan\na trip")
    assert find(sessions_dir, "it", "4") == 0
    assert capsys.readouterr().out.splitlines() == [
        "a1b2ffff  2025-01-02 09:30  Plan",
        "      #4  assistant  It is 4.",
        "a1b2c3d4  2025-01-01 09:30  What is 2+2?",
        "      #4  assistant  It is 4.",
    ]


def test_an_argument_of_several_words_is_a_phrase(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert find(sessions_dir, "is it") == 0
    assert capsys.readouterr() == ("", "Nothing was found.\n")
    assert find(sessions_dir, "IS 4", "it") == 0
    assert "#4" in capsys.readouterr().out
    assert find(sessions_dir, '"it is" 4') == 0
    assert "#4" in capsys.readouterr().out


def test_the_limit_counts_matches(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert find(sessions_dir, "2+2", limit=1) == 0
    out, err = capsys.readouterr()
    assert out.count("#") == 1
    assert "--limit" in err


def test_json_has_a_match_a_line(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    assert find(sessions_dir, "it", as_json=True) == 0
    [record] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (record["id"], record["message"], record["role"], record["context"]) == (FIRST, 4, "assistant", "It is 4.")
    assert record["marks"] == [[0, 2]]
    assert (record["title"], record["problem"]) == ("What is 2+2?", None)


def test_a_session_that_can_not_be_read_is_named(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = break_session(sessions_dir)
    assert find(sessions_dir, "quote") == 0
    out = capsys.readouterr().out
    assert f"{path}:" in out
    assert "a quote that never ends" in out


def test_what_was_found_can_not_steer_the_terminal(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST, says="a needle \x1b[2J")
    find(sessions_dir, "needle")
    assert "needle ^[[2J" in capsys.readouterr().out


def test_words_are_needed() -> None:
    assert parse_arguments(["sessions", "search", "a", "b c"]) == SessionsOptions(
        "search", words=("a", "b c"), limit=50
    )
    with pytest.raises(UsageError, match="WORDS"):
        parse_arguments(["sessions", "search"])

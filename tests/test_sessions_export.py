"""``aloop sessions export`` as a person and a script see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aloop.cli.parser import SessionsOptions, parse_arguments
from aloop.cli.sessions import run_sessions
from aloop.errors import StorageError, UsageError
from tests.saved_sessions import FIRST, save


@pytest.mark.parametrize("path", ["", "-"])
def test_without_a_path_the_document_is_printed(
    sessions_dir: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    save(sessions_dir, FIRST)
    assert run_sessions(SessionsOptions("export", sessions_dir, "a1b2", form="json", path=path)) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["id"] == FIRST
    assert err == ""


def test_with_a_path_it_is_written_once(sessions_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(sessions_dir, FIRST)
    options = SessionsOptions("export", sessions_dir, FIRST, form="md", path="talk.md")
    assert run_sessions(options) == 0
    assert Path("talk.md").read_text().startswith("# What is 2+2?\n")
    assert capsys.readouterr() == ("", f"Written: {Path.cwd() / 'talk.md'}\n")
    with pytest.raises(StorageError, match="there already"):
        run_sessions(options)


def test_the_command_line_takes_a_session_a_format_and_a_path() -> None:
    assert parse_arguments(["sessions", "export", "a1b2", "html"]) == SessionsOptions("export", id="a1b2", form="html")
    assert parse_arguments(["sessions", "export", "a1b2", "md", "-"]) == SessionsOptions(
        "export", id="a1b2", form="md", path="-"
    )
    with pytest.raises(UsageError, match="pdf"):
        parse_arguments(["sessions", "export", "a1b2", "pdf"])

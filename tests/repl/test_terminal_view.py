"""The View on a terminal in memory."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage
from aloop.memory import Session
from repl.output.live import Live
from repl.output.screen import Screen
from repl.terminal_view import TerminalView
from tests.repl.pages.test_listing import summary
from tests.repl.terminal import Terminal

NOW = datetime(2025, 6, 15, tzinfo=UTC)


class Stage:
    def __init__(self) -> None:
        self.terminal = Terminal()
        self.paging: list[bool] = []
        self.answer = ""
        self.view = TerminalView(Screen(self.terminal.output), Live(), self.paging.append, self._ask)

    async def _ask(self, lead: str, choices: str) -> str:
        return self.answer


@pytest.fixture
async def stage() -> Stage:
    return Stage()


def session(*messages: LLMMessage) -> Session:
    return Session("id-1", NOW, NOW, (), messages, Path("x"), "A title")


@pytest.mark.parametrize(
    ("answer", "is_yes"), [("y", True), (" YES ", True), ("", False), ("n", False), ("yeah", False)]
)
async def test_only_a_clear_yes_is_one(stage: Stage, answer: str, *, is_yes: bool) -> None:
    stage.answer = answer
    assert await stage.view.confirm("Delete it?") is is_yes
    assert stage.terminal.screen[0] == "Delete it? [y/N]"


async def test_what_fits_is_printed_and_needs_no_pager(stage: Stage) -> None:
    await stage.view.conversation(session(LLMMessage("user", "Hi"), LLMMessage("assistant", "**Hello**")))
    assert stage.terminal.screen[0] == "id-1 · A title"
    assert stage.terminal.screen[2:] == ["", "1  > Hi", "2  Hello"]
    assert stage.paging == []


async def test_what_does_not_fit_is_paged(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "paged"
    code = f"import sys, pathlib; pathlib.Path({str(target)!r}).write_bytes(sys.stdin.buffer.read())"
    monkeypatch.setenv("PAGER", f'{sys.executable} -c "{code}"')
    await stage.view.sessions([summary()] * 30)
    assert stage.paging == [True, False]
    assert target.read_text().count("a1b2c3d4") == 30
    assert stage.terminal.screen == []


async def test_without_a_pager_all_is_printed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    await stage.view.sessions([summary()] * 30)
    assert stage.terminal.scrollback.count("a1b2c3d4") == 30


async def test_a_reminder_is_rendered_and_shortened(stage: Stage) -> None:
    long = LLMMessage("assistant", "**one**\n\n" + "more\n" * 20)
    stage.view.exchanges([LLMMessage("user", "Hi"), long])
    assert "one" in stage.terminal.screen
    assert "… (17 more lines)" in stage.terminal.screen


async def test_a_file_is_edited_while_the_keys_are_the_editors(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('edited')"
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "{code}"')
    assert await stage.view.edit(tmp_path / "file", 1)
    assert (tmp_path / "file").read_text() == "edited"
    assert stage.paging == [True, False]


async def test_an_editor_that_fails_is_told_of(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "raise SystemExit(1)"')
    assert not await stage.view.edit(tmp_path / "file", 1)
    assert "exited with code 1." in stage.terminal.scrollback
    assert stage.paging == [True, False]

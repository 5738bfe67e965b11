"""The View on a terminal in memory."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage
from aloop.memory import Session
from commands.pages import Reminder, SessionList, Transcript
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
        self.asked: list[str] = []
        self.view = TerminalView(Screen(self.terminal.output), Live(), self.paging.append, self)

    async def choose(self, title: str, choices: object, more: str) -> str:
        self.asked.append(title)
        return self.answer

    async def read(self, prompt: str, help_text: str) -> str:
        return self.answer

    async def pick_session(self, browser: object) -> None: ...
    async def pick_model(self, browser: object) -> None: ...
    async def pick_message(self, page: object) -> None: ...


@pytest.fixture
async def stage() -> Stage:
    return Stage()


def session(*messages: LLMMessage) -> Session:
    return Session("id-1", NOW, NOW, (), messages, Path("x"), "A title")


@pytest.mark.parametrize(("answer", "is_yes", "shown"), [("y", True, "  yes"), ("n", False, "  no")])
async def test_confirm_leaves_question_and_answer_in_the_scrollback(
    stage: Stage, answer: str, *, is_yes: bool, shown: str
) -> None:
    stage.answer = answer
    assert await stage.view.confirm("Delete it?") is is_yes
    assert stage.terminal.screen == ["Delete it?", shown]


async def test_control_characters_in_a_question_are_shown(stage: Stage) -> None:
    stage.answer = "n"
    await stage.view.confirm("Delete \x1b[2J?")
    assert stage.asked == ["Delete ^[[2J?"]


async def test_page_that_fits_is_printed(stage: Stage) -> None:
    await stage.view.show(Transcript(session(LLMMessage("user", "Hi"), LLMMessage("assistant", "**Hello**"))))
    assert stage.terminal.screen[0] == "id-1 · A title"
    assert stage.terminal.screen[2:] == ["", "1  > Hi", "", "2  Hello"]
    assert stage.paging == []


async def test_page_that_does_not_fit_goes_to_the_pager(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = tmp_path / "paged"
    code = f"import sys, pathlib; pathlib.Path({str(target)!r}).write_bytes(sys.stdin.buffer.read())"
    monkeypatch.setenv("PAGER", f'{sys.executable} -c "{code}"')
    await stage.view.show(SessionList([summary()] * 30))
    assert stage.paging == [True, False]
    assert target.read_text().count("a1b2c3d4") == 30
    assert stage.terminal.screen == []


async def test_long_page_is_printed_without_a_pager(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    await stage.view.show(SessionList([summary()] * 30))
    assert stage.terminal.scrollback.count("a1b2c3d4") == 30


async def test_reminder_is_rendered_and_shortened(stage: Stage) -> None:
    long = LLMMessage("assistant", "**one**\n\n" + "more\n" * 20)
    await stage.view.show(Reminder([LLMMessage("user", "Hi"), long, LLMMessage("user", "So?")]))
    assert "one" in stage.terminal.screen
    assert "… (17 more lines)" in stage.terminal.screen


async def test_edit_pauses_the_prompt_while_the_editor_runs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('edited')"
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "{code}"')
    assert await stage.view.edit(tmp_path / "file", 1)
    assert (tmp_path / "file").read_text() == "edited"
    assert stage.paging == [True, False]


async def test_edit_reports_a_failed_editor(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c "raise SystemExit(1)"')
    assert not await stage.view.edit(tmp_path / "file", 1)
    assert "exited with code 1." in stage.terminal.scrollback
    assert stage.paging == [True, False]


async def test_copied_text_is_sent_as_osc_52_unless_it_is_too_long(stage: Stage) -> None:
    assert stage.view.send_to_clipboard("héllo\n") == ""
    assert "".join(stage.terminal.writes) == "\x1b]52;c;aMOpbGxvCg==\x07"
    stage.terminal.writes.clear()
    longest = 74_994 // 4 * 3
    assert stage.view.send_to_clipboard("x" * longest) == ""
    assert "too long" in stage.view.send_to_clipboard("x" * (longest + 1))
    assert len("".join(stage.terminal.writes)) == len("\x1b]52;c;\x07") + longest // 3 * 4

"""Tests of every way to the screen with hostile text, in each method of each view."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prompt_toolkit.data_structures import Size

from aloop.agent.events import (
    AgentEvent,
    AnswerDelta,
    AnswerFinished,
    Compacting,
    Notice,
    Retrying,
    ThoughtDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from aloop.cli.console import print_line, print_note
from aloop.cli.sessions.output import list_lines, message_lines, show_lines
from aloop.errors import LLMError
from aloop.llm.cost.pricing import Cost
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.memory import Session, SessionStats, SessionSummary
from aloop.memory.sessions_dir.trash import TrashedSession
from aloop.permissions import Form, PermissionRequest
from aloop.tools.base import ToolResult
from commands.context import Verbosity, View
from commands.pages import Reminder, SessionList, Stats, Transcript, TrashList
from repl.crash_report import bug_text
from repl.input.choice import Choice
from repl.output.live import Live, tail_of
from repl.output.renderer import TerminalOutput
from repl.output.screen import Screen
from repl.output.styled import echo_lines, to_ansi, to_text
from repl.output.theme import Theme
from repl.plain.views import InteractiveView, PlainView
from repl.task_report import Progress, write_note
from repl.terminal_view import TerminalView
from tests.hostile import ALL, PAYLOADS, fuzzed, obeyed, obeyed_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORMS: tuple[Form, ...] = ("text", "diff", "output")


class Recorder(io.StringIO):
    """A terminal that only records what is sent to it."""

    def __init__(self) -> None:
        super().__init__(newline="")
        self.output = TerminalOutput(self, lambda: Size(rows=24, columns=60), enable_cpr=False)


class Answers:
    """Answers every question with ``text``, then with no."""

    def __init__(self, text: str) -> None:
        self._lines = [text, "v", f"n {text}"] * 9

    async def read_answer(self, prompt: str) -> str:
        return self._lines.pop(0)

    def hold_typed_ahead(self) -> None:
        """Do nothing: no keys were typed."""

    def lend_terminal(self) -> AbstractContextManager[None]:
        return nullcontext()


def events(text: str) -> Sequence[AgentEvent]:
    call = ToolCall(text, text, text)
    message = LLMMessage("assistant", text, tool_calls=(call,), thinking=())
    return [
        TurnStarted(text),
        ThoughtDelta(text),
        AnswerDelta(text),
        AnswerDelta(f"\n\n{text}\n\n```{text}\n{text}\n```\n\n- {text}\n\n|a|\n|-|\n|{text}|"),
        AnswerFinished(message),
        ToolStarted(call, text),
        ToolOutput(call, text),
        *(ToolFinished(call, text, ToolResult(text, is_error=form == "text", form=form), 0.1) for form in FORMS),
        *(ToolFinished(call, text, ToolResult(f"{text}\n{text}\n{text}\n+{text}", form=form), 0.1) for form in FORMS),
        Retrying(LLMError(text), 2, 3, 1.0, 1.0),
        Compacting(3),
        Notice(text),
        ToolStarted(call, text),
        TurnEnded("failed", kept=True, usage=Usage(), seconds=1.0),
    ]


def messages(text: str) -> tuple[LLMMessage, ...]:
    call = ToolCall("1", text, text)
    return (
        LLMMessage("user", text),
        LLMMessage("assistant", text, tool_calls=(call,), interrupted=True),
        LLMMessage("tool", text, tool_call_id="1", name=text),
        LLMMessage("tool", text, tool_call_id="2", name=text, is_error=True),
    )


async def show_everything(view: View, text: str) -> None:
    """Pass ``text`` to every method of a view that shows it."""
    view.info(text)
    view.error(text)
    for event in events(text):
        view.event(event)
    summary = SessionSummary(text, NOW, NOW, 3, text, Path(text.replace("\0", "")))
    broken = SessionSummary(text, NOW, NOW, 3, text, Path("x"), text)
    await view.show(SessionList([summary, broken]))
    await view.show(TrashList([TrashedSession(summary, NOW, 1)]))
    await view.show(Reminder(messages(text)))
    system = (LLMMessage("system", text),)
    session = Session(text, NOW, NOW, system, messages(text), Path("x"), text, warnings=(text,))
    await view.show(Transcript(session))
    usage = {text: Usage(1, 2)}
    cost = Cost(unknown_models=(text,))
    counts = SessionStats(text, NOW, NOW, 1, {text: 1}, {text: 1}, Usage(1, 2), 1, Path("x"), usage, cost, cost)
    await view.show(Stats(counts, cost))
    await view.confirm(text)


async def ask_everything(view: View, text: str) -> None:
    """Ask permission questions that contain ``text``."""
    for form in FORMS:
        await view.ask_permission(PermissionRequest(("write", "shell"), text, f"{text}\n{text}\n{text}\n+{text}", form))


class Dialogs:
    """Writes each question to ``terminal``."""

    def __init__(self, terminal: Recorder, answers: Answers) -> None:
        self._terminal = terminal
        self._answers = answers

    async def read(self, prompt: str, help_text: str) -> str:
        self._write(prompt + help_text)
        return await self._answers.read_answer(prompt)

    async def choose(self, title: str, choices: Sequence[Choice], more: str) -> str:
        self._write(title + "".join(choice.label for choice in choices) + more)
        return "n"

    async def pick_session(self, browser: object) -> None: ...
    async def pick_model(self, browser: object) -> None: ...
    async def pick_message(self, page: object) -> None: ...

    def _write(self, text: str) -> None:
        self._terminal.output.write_raw(to_ansi(echo_lines(text, 79), Theme()))


async def on_terminal(text: str) -> str:
    terminal = Recorder()
    answers = Answers(text)

    screen = Screen(terminal.output)
    view = TerminalView(screen, Live(), lambda _: None, Dialogs(terminal, answers))
    await show_everything(view, text)
    await ask_everything(view, text)
    screen.show(echo_lines(text, 79))
    terminal.output.flush()
    return terminal.getvalue()


async def above_the_prompt(text: str) -> str:
    live = Live()
    live.begin(text)
    live.set_tail(tail_of(text.split("\n")))
    return to_ansi(live.rows(60, 24, 24).all, Theme())


async def in_plain_lines(text: str) -> str:
    out, err = io.StringIO(newline=""), io.StringIO(newline="")
    await show_everything(PlainView(out, err), text)
    return out.getvalue() + err.getvalue()


async def to_standard_streams(text: str) -> str:
    """Write with all code that uses the standard streams."""
    out = io.StringIO(newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", out)
        view = InteractiveView(Answers(text))
        await show_everything(view, text)
        await ask_everything(view, text)
        progress = Progress(Verbosity(verbose=True, thinking=True))
        for event in events(text):
            progress.show(event)
        write_note(text)
        write_note(bug_text(ValueError(text)))
        summary = SessionSummary(text, NOW, NOW, 3, text, Path("x"))
        session = Session(text, NOW, NOW, (), messages(text), Path(text.replace("\0", "")), text)
        rows = [*list_lines([summary], None), *list_lines([summary], 60), *show_lines(session)]
        for row in [*rows, *(row for message in session.messages for row in message_lines(message))]:
            print_line(row)
            print_note(row)
    return out.getvalue().replace("\t", " ")  # the command line prints tabs, which are harmless


WAYS = [on_terminal, above_the_prompt, in_plain_lines, to_standard_streams]


@pytest.fixture(autouse=True)
def no_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
async def test_no_view_sends_an_obeyed_payload(payload: str) -> None:
    for way in WAYS:
        sent = await way(payload)
        assert sent
        assert obeyed_of(sent) == [], way.__name__


async def obeyed_bytes(count: int) -> int:
    return sum([len(obeyed_of(await way(text))) for text in fuzzed(count) for way in WAYS])


async def test_no_view_sends_an_obeyed_byte_of_fuzzed_text() -> None:
    assert await obeyed_bytes(40) == 0


@pytest.mark.stress
async def test_no_view_sends_an_obeyed_byte_of_much_fuzzed_text() -> None:
    assert await obeyed_bytes(20_000) == 0


def test_terminal_parser_of_the_tests_finds_every_payload() -> None:
    assert [name for name, payload in PAYLOADS.items() if not obeyed_of(payload)] == []
    assert len(PAYLOADS) == 26


def test_unstyled_text_contains_no_codes() -> None:
    assert obeyed(to_text(echo_lines(ALL, 79))) == []

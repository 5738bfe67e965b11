"""Tests of permission questions in the shell, with a scripted model."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from aloop.llm.message_types import ToolCall
from aloop.tools import process
from repl.input import choice
from tests.agent.scripted import Line, answer, calls
from tests.repl.conftest import MARKS_PASTES, SetStage, Stage
from tests.repl.terminal import PATIENCE

HELP = "╰ y/a/n or ↑↓ Enter · Esc stops"
EXPLAINED = "╰ Press y/a/n, or ↑↓ and then Enter · Esc stops"
HELP_OF_LONG = "╰ y/a/n or ↑↓ Enter · v shows all · Esc stops"


def writing(text: str, identity: str = "call_1") -> list[Line]:
    return calls(ToolCall(identity, "write_file", json.dumps({"path": "a.txt", "content": text})))


def running(command: str, identity: str = "call_1") -> list[Line]:
    return calls(ToolCall(identity, "run_shell", json.dumps({"command": command})))


@pytest.fixture
def play(stage: SetStage) -> SetStage:
    """A stage whose agent has the standard tools."""
    return partial(stage, tools=None)


@pytest.fixture
def gate() -> None:
    """A pipe in the working directory."""
    os.mkfifo("gate")


def content(name: str) -> str | None:
    """Return the text of a file in the working directory, None if it does not exist."""
    path = Path(name)
    return path.read_text() if path.exists() else None


def let_go(name: str) -> None:
    """Write to a pipe that a command waits for."""
    Path(name).write_text("go\n")


@pytest.fixture(autouse=True)
def readable_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keys answer a question as soon as it is on the screen."""
    monkeypatch.setattr(choice, "READABLE_SECONDS", 0)


async def asked(shell: Stage) -> None:
    await shell.terminal.wait_until(lambda: shell.terminal.screen[-1:] == [HELP], "the question")


async def test_allowed_call_runs_after_it_was_shown(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        assert "● write a.txt (new, 1 line)\n" in shell.terminal.scrollback
        assert "  1 + hello" in shell.terminal.scrollback
        assert content("a.txt") is None
        shell.type("y")
        await shell.see("Done.")
        # With the duration if it took long.
        assert re.search(r"  1 \+ hello\n✓ write a\.txt .* new, 1 line\n", shell.terminal.scrollback)
        assert content("a.txt") == "hello\n"


async def test_refusal_and_its_reason_reach_the_model(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("As you like.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("n")
        await shell.see("No, because:")
        shell.type("use b.txt\r")
        await shell.see("As you like.")
        await shell.rest()
        assert "✗ write a.txt → denied: use b.txt\n" in shell.terminal.scrollback
        assert "The user denied this call: use b.txt" in ((await shell.saved())[2] or "")
        assert content("a.txt") is None


async def allow_for_the_session(shell: Stage) -> None:
    """Send a message, and allow the call it leads to for the session."""
    shell.type("go\r")
    await asked(shell)
    shell.type("a")
    await shell.see("Done.")
    await shell.rest()


async def test_permission_for_the_session_shows_later_calls_without_asking(play: SetStage) -> None:
    scripts = (writing("one\n"), answer("Done."), writing("two\n", "call_2"), answer("Again."))
    async with play(*scripts) as shell:
        await allow_for_the_session(shell)
        shell.type("go\r")
        await shell.see("Again.")
        assert content("a.txt") == "two\n"
        # Not asked for, it is shown when it is done.
        assert "  1 - one\n  1 + two\n" in shell.terminal.scrollback


async def test_new_session_asks_again(play: SetStage) -> None:
    scripts = (writing("one\n"), answer("Done."), writing("two\n", "call_2"), answer("Again."))
    async with play(*scripts) as shell:
        await allow_for_the_session(shell)
        shell.type("/clear\r")
        await shell.see("Started a new session.")
        await shell.rest()
        shell.type("go\r")
        await asked(shell)


async def test_draft_is_not_an_answer_and_returns(play: SetStage, gate: None) -> None:
    async with play(running("read go < gate"), writing("hello\n", "call_2"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y")
        await shell.see("● run read go")
        shell.type("y")
        await shell.terminal.wait_until(lambda: "> y" in shell.terminal.screen, "the draft")
        let_go("gate")
        await asked(shell)
        assert content("a.txt") is None
        shell.type("n")
        await shell.see("No, because:")
        shell.type("\r")
        await shell.see("Done.")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2] == "> y", "the draft again")
        assert "✗ write a.txt → denied\n" in shell.terminal.scrollback


TypeEarly = Callable[[str], AbstractAsyncContextManager[Stage]]


@pytest.fixture
def early(play: SetStage, monkeypatch: pytest.MonkeyPatch) -> TypeEarly:
    """A stage where keys, then Esc, were typed before a question was readable."""
    monkeypatch.setattr(choice, "READABLE_SECONDS", 1_000)

    @asynccontextmanager
    async def stopped(keys: str) -> AsyncIterator[Stage]:
        async with play(writing("hello\n")) as shell:
            shell.type("go\r")
            await shell.see("╰ …")
            shell.type(keys)
            shell.type("\x1b[27u")
            await shell.see("Stopped.")
            yield shell

    return stopped


async def test_keys_typed_before_the_question_was_readable_belong_to_the_draft(early: TypeEarly) -> None:
    async with early("yes\ra\x1b[200~y\r\x1b[201~n") as shell:
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-4:-1] == ["> yes", "  ay", "  n"], "the draft")
        assert content("a.txt") is None


async def test_lone_key_typed_before_the_question_was_readable_belongs_to_the_draft(early: TypeEarly) -> None:
    async with early("n") as shell:
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2:-1] == ["> n"], "the draft")


async def enter_is_explained(shell: Stage) -> None:
    await shell.terminal.wait_until(lambda: shell.terminal.screen[-1:] == [EXPLAINED], "which keys answer")
    assert content("a.txt") is None


@pytest.mark.parametrize("typed", ["n", "x", "use tabs"])
async def test_enter_after_text_typed_before_the_question_was_readable_approves_nothing(
    play: SetStage, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(choice, "READABLE_SECONDS", 0.5)
    async with play(writing("hello\n")) as shell:
        shell.type("go\r")
        await shell.see("╰ …")
        shell.type(typed)
        await shell.see(f"  draft: {typed}")
        await asked(shell)
        shell.type("\r")
        await enter_is_explained(shell)
        shell.type("\x1b[27u")
        await shell.see("Stopped.")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2:-1] == [f"> {typed}"], "the draft")
        assert content("a.txt") is None


async def test_key_pressed_again_because_it_was_too_early_answers_and_leaves_no_draft(
    play: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "READABLE_SECONDS", 0.5)
    async with play(writing("hello\n"), answer("Done.")) as shell:
        shell.type("go\r")
        await shell.see("╰ …")
        shell.type("y")
        await shell.see("  draft: y")
        await asked(shell)
        shell.type("y")
        await shell.see("Done.")
        await shell.rest()
        shell.type("/cost")
        await shell.terminal.wait_until(lambda: "> /cost" in shell.terminal.screen, "the command")


@pytest.mark.parametrize("typed", ["use tabs", "use tabs\r"])
async def test_enter_for_a_line_typed_during_the_turn_approves_nothing(play: SetStage, gate: None, typed: str) -> None:
    async with play(running("read go < gate"), writing("hello\n", "call_2"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y")
        await shell.see("● run read go")
        shell.type(typed)
        shown = "  queued: use tabs" if typed.endswith("\r") else "> use tabs"
        await shell.terminal.wait_until(lambda: shown in shell.terminal.screen, "the line")
        let_go("gate")
        await asked(shell)
        shell.type("\r")  # meant to send the line, or to send it at the next step
        await enter_is_explained(shell)
        shell.type("y")
        await shell.see("Done.")


@pytest.mark.parametrize("other", ["x", "\t", "\x1b[200~x\x1b[201~"])
async def test_enter_approves_nothing_if_another_key_came_after_the_arrow(play: SetStage, other: str) -> None:
    async with play(writing("hello\n")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("\x1b[B")
        await shell.see("│ › y  Yes")
        shell.type(other)
        await shell.terminal.wait_until(lambda: "│   y  Yes" in shell.terminal.screen, "no choice")
        await asked(shell)
        shell.type("\r")
        await enter_is_explained(shell)


@pytest.mark.usefixtures("plain_terminal")
async def test_lines_typed_before_the_question_was_readable_stay_separate_and_unsent(early: TypeEarly) -> None:
    async with early(f"{MARKS_PASTES}/pdf merge a.pdf\r/context\rand") as shell:
        rows = ["  not sent: /pdf merge a.pdf", "  not sent: /context", "> and"]
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-4:-1] == rows, "the lines")
        assert len(shell.llm.requests) == 1


@pytest.mark.usefixtures("plain_terminal")
@pytest.mark.parametrize(
    ("end", "rows"),
    [
        ("\x1b\r", ["> one", "  two"]),  # Alt-Enter, and Shift-Enter of many terminals
        ("\x1b[13;2u", ["> one", "  two"]),
        ("\x1b[13;5u", ["  not sent: one", "> two"]),
        ("\x1bb", ["> onebtwo"]),
    ],
)
async def test_key_with_alt_or_ctrl_typed_before_the_question_was_readable_neither_stops_nor_joins_lines(
    early: TypeEarly, end: str, rows: list[str]
) -> None:
    async with early(f"{MARKS_PASTES}one{end}two") as shell:
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-len(rows) - 1 : -1] == rows, "the draft")
        assert content("a.txt") is None


async def test_paste_without_marks_before_the_question_was_readable_stays_one_text(early: TypeEarly) -> None:
    async with early("one\r!touch pwned\rtwo") as shell:
        rows = ["> one", "  !touch pwned", "  two"]
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-4:-1] == rows, "the draft")


@pytest.mark.parametrize("pasted", ["yes\rno", "\ryes"])
async def test_paste_without_marks_answers_nothing(
    play: SetStage, monkeypatch: pytest.MonkeyPatch, pasted: str
) -> None:
    async with play(writing("hello\n")) as shell:
        shell.type("go\r")
        await asked(shell)
        monkeypatch.setattr(choice, "READABLE_SECONDS", 1_000)
        shell.type(pasted)
        await shell.see("╰ …")
        shell.type("\x1b[27u")
        await shell.see("Stopped.")
        rows = [f"{mark} {text}".rstrip() for mark, text in zip("> ", pasted.split("\r"), strict=True)]
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-3:-1] == rows, "the draft")
        assert content("a.txt") is None


@pytest.mark.usefixtures("plain_terminal")
async def test_line_typed_before_the_question_was_readable_runs_after_the_turn(
    play: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play(writing("hello\n"), answer("Done.")) as shell:
        monkeypatch.setattr(choice, "READABLE_SECONDS", 0.5)
        shell.type("go\r")
        await shell.see("╰ …")
        shell.type(f"{MARKS_PASTES}y\r/stats\r")
        await asked(shell)
        assert content("a.txt") is None
        shell.type("y")
        await shell.see("Done.")
        await shell.see("tool calls  write_file 1")
        assert len(shell.llm.requests) == 2


async def test_text_that_begins_with_another_key_answers_nothing_and_returns(
    play: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play(writing("hello\n")) as shell:
        shell.type("go\r")
        await asked(shell)
        monkeypatch.setattr(choice, "READABLE_SECONDS", 1_000)
        shell.type("wait, any")
        await shell.see("╰ …")
        shell.type("\x1b[27u")
        await shell.see("Stopped.")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2:-1] == ["> wait, any"], "the draft")
        assert content("a.txt") is None


@pytest.mark.parametrize(
    ("keys", "is_for_all"), [("\x1b[B\r", False), ("1", False), ("\x1b[B\x1b[B\r", True), ("\x1b[A2", True)]
)
async def test_arrows_digits_and_enter_choose(play: SetStage, keys: str, is_for_all: bool) -> None:
    async with play(writing("hello\n"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type(keys)
        await shell.see("Done.")
        assert ("  allowed for all" in shell.terminal.scrollback) == is_for_all
        assert content("a.txt") == "hello\n"


@pytest.mark.parametrize("notify", ["bell", "desktop", "off"])
async def test_question_is_reported_while_another_window_has_the_focus(
    play: SetStage, monkeypatch: pytest.MonkeyPatch, private_home: Path, notify: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("VTE_VERSION", raising=False)
    config = private_home / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'notify = "{notify}"\n')
    reports = {"bell": "\a", "desktop": "\x1b]9;aloop: go asks: Make this change?\x07", "off": ""}
    async with play(writing("1"), writing("2"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        sent = "".join(shell.terminal.writes)
        assert "\x1b]2;? go · aloop\x07" in sent
        assert "\x1b]9;" not in sent
        shell.type("\x1b[O")
        shell.type("y")
        await shell.terminal.wait_until(lambda: "  1 + 2" in shell.terminal.screen, "the next question")
        await asked(shell)
        later = "".join(shell.terminal.writes).removeprefix(sent)
        assert reports[notify] in later
        assert ("]9;" in later) == (notify == "desktop")
        shell.type("y")
        await shell.see("Done.")
    assert "\x1b]2;● go · aloop\x07" in later


async def test_paste_that_ends_its_own_bracket_answers_nothing(play: SetStage) -> None:
    async with play(writing("hello\n")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("\x1b[200~hello\x1b[201~y\r\x1b[201~")
        shell.type("\x1b[27u")
        await shell.see("Stopped.")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-3:-1] == ["> helloy", ""], "the draft")
        assert content("a.txt") is None


@pytest.mark.parametrize("keys", ["x", "4", " "])
async def test_other_keys_answer_nothing(play: SetStage, keys: str) -> None:
    async with play(writing("hello\n"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type(f"{keys}\x1b[27u")
        await shell.see("Stopped.")
        assert content("a.txt") is None


async def test_whole_request_can_be_shown_before_the_answer(play: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    async with play(writing("".join(f"line {number}\n" for number in range(200))), answer("Done.")) as shell:
        shell.type("go\r")
        await shell.see(HELP_OF_LONG)
        assert "+ line 100\n" not in shell.terminal.scrollback
        shell.type("v")
        await shell.see("+ line 100\n")
        await shell.see(HELP_OF_LONG)
        shell.type("y")
        await shell.see("Done.")


async def test_key_that_shows_all_does_nothing_if_all_is_shown(play: SetStage) -> None:
    async with play(running("echo one"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        before = len(shell.terminal.writes)
        shell.type("v")
        # It is asked again, and at first waits for the keys to rest.
        await shell.terminal.wait_until(lambda: "…" in "".join(shell.terminal.writes[before:]), "the question again")
        await asked(shell)
        shell.type("y")
        await shell.see("Done.")
        assert shell.terminal.scrollback.count("$ echo one") == 1


async def test_question_fits_a_small_screen_below_the_end_of_the_command(play: SetStage) -> None:
    async with play(running(f"echo {'x' * 900}; rm -rf end"), size=(40, 10)) as shell:
        shell.type("go\r")
        await shell.terminal.wait_until(lambda: any(row.startswith("╰ y/a/n") for row in shell.terminal.screen), "it")
        rows = shell.terminal.screen
        assert len(rows) <= 10
        assert "; rm -rf end" in " ".join(row.strip() for row in rows)
        assert [row for row in rows if row[:2] in ("╭ ", "│ ")] == [
            "╭ Run this command?",
            "│   y  Yes",
            "│   a  Yes, commands this session",
            "│   n  No, because …",
        ]
        assert rows[-1] == "╰ y/a/n or ↑↓ Enter · Esc stops"


async def test_ctrl_c_at_the_question_stops_the_turn_without_the_call(play: SetStage) -> None:
    async with play(writing("hello\n"), answer("Fine.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("\x03")
        await shell.see("Stopped. The work so far is kept.")
        await shell.rest()
        assert content("a.txt") is None
        assert "interrupted" in ((await shell.saved())[-1] or "")
        shell.type("continue\r")
        await shell.see("Fine.")
        assert content("a.txt") is None


async def test_ctrl_c_does_not_wait_for_a_command_that_ignores_sigterm(
    play: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_GRACE", 10 * PATIENCE)  # before SIGKILL
    command = "trap '' TERM; echo $$ > leader; echo begun; while :; do sleep 0.1; done"
    async with play(running(command), answer("Never said.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y")
        await shell.terminal.wait_until(lambda: "  begun" in shell.terminal.screen, "output of the command")
        shell.type("\x03\x03")
        await shell.see("Stopped. The work so far is kept.")
        os.kill(int(Path("leader").read_text()), signal.SIGKILL)
        await shell.rest()


async def test_command_output_is_shown_while_it_runs(play: SetStage, gate: None) -> None:
    async with play(running("echo begun; read go < gate; seq 12; exit 3"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y")
        await shell.terminal.wait_until(lambda: "  begun" in shell.terminal.screen, "output of the command")
        assert "Done." not in shell.terminal.scrollback
        let_go("gate")
        await shell.see("Done.")
        end = shell.terminal.scrollback.partition("exit code 3  +8 lines · Ctrl-O\n")[2]
        assert end.startswith("  8\n")
        assert "\n  12\n" in end


@pytest.mark.parametrize(("key", "named"), [("f4", " · F4"), ("", "")])
async def test_row_names_the_key_of_the_settings_that_shows_all_of_an_output(
    play: SetStage, private_home: Path, key: str, named: str
) -> None:
    config = private_home / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f'[keys]\nexpand = "{key}"\n')
    async with play(running("seq 12"), writing("hello\n"), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y")
        await shell.see("Make this change?")
        await asked(shell)
        assert re.search(rf"✓ run seq 12.*  \+7 lines{named}\n", shell.terminal.scrollback)
        shell.type("y")
        await shell.see("Done.")


async def test_toolbar_shows_the_end_of_a_job_without_a_key(play: SetStage, gate: None) -> None:
    arguments = json.dumps({"command": "read go < gate", "background": True})
    async with play(calls(ToolCall("call_1", "run_shell", arguments)), answer("Done.")) as shell:
        shell.type("go\r")
        await asked(shell)
        shell.type("y")
        await shell.see("Done.")
        await shell.rest()
        assert shell.terminal.screen[-1].startswith("1 job running · ")
        let_go("gate")
        await shell.terminal.wait_until(lambda: "job" not in shell.terminal.screen[-1], "the toolbar without the job")


async def test_shift_tab_switches_the_mode_also_for_the_running_turn(play: SetStage) -> None:
    async with play(running("echo one"), answer("Planned."), writing("new\n"), answer("Written.")) as shell:
        shell.type("\x1b[Z\x1b[Z")
        await shell.see("The model only looks")
        shell.type("Look\r")
        await shell.see("Planned.")
        await shell.rest()
        assert shell.terminal.screen[-1].endswith(" · plan")
        shell.type("\x1b[Z\x1b[Z")
        await shell.see("File changes in the working directory need no question.")
        shell.type("Write\r")
        await shell.see("Written.")
        assert content("a.txt") == "new\n"


@pytest.mark.usefixtures("plain_terminal")
async def test_lines_and_text_typed_before_the_question_was_readable_are_shown_above_it(
    play: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "READABLE_SECONDS", 1_000)
    async with play(writing("hello\n")) as shell:
        shell.type("go\r")
        await shell.see("╰ …")
        shell.type(f"{MARKS_PASTES}y\r/stats\rand then")
        await shell.see("  draft: and then")
        screen = shell.terminal.screen
        place = screen.index("  queued: /stats")
        assert screen[place + 1] == "  draft: and then"
        assert screen[place + 2].startswith("╭ ")
        assert "  queued: y" not in screen

"""Tests of input lines with pastes, files, commands and several lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.completion import Completer

from aloop.errors import ConnectionFailed
from repl.completion import completers
from repl.input.pastes import PasteGuard
from tests.agent.scripted import Hang, answer
from tests.repl.conftest import SetStage, Stage

LONG = "\n".join(f"line {number}" for number in range(120))
OTHER = LONG.replace("line", "row")


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every key as typed by itself."""
    monkeypatch.setattr(PasteGuard, "paste", lambda _: None)


def pasted(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


async def first_saved(shell: Stage) -> str | None:
    await shell.see("2 messages")
    await shell.rest()
    return (await shell.saved())[0]


async def test_large_paste_is_folded_and_sent_whole(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type(f"see {pasted(LONG)} and {pasted(OTHER)}.")
        await shell.see("> see [pasted 120 lines] and [pasted 120 lines #2].")
        shell.type("\r")
        assert await first_saved(shell) == f"see {LONG} and {OTHER}."
        assert "line 7" not in shell.terminal.scrollback


async def test_backspace_removes_a_folded_paste(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type(f"see {pasted(LONG)}")
        await shell.see("> see [pasted 120 lines]")
        shell.type("\x7fnothing\r")
        assert await first_saved(shell) == "see nothing"


async def test_text_typed_into_a_marker_goes_behind_it(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type(f"{pasted(LONG)}\x1b[D\x1b[D\x1b[D!")
        await shell.see("> [pasted 120 lines]!")
        shell.type("\r")
        assert await first_saved(shell) == f"{LONG}!"


async def test_recalled_paste_stays_folded_and_is_sent_whole(stage: SetStage) -> None:
    async with stage(answer("One."), answer("Two.")) as shell:
        shell.type(f"see {pasted(LONG)} twice")
        await shell.see("> see [pasted 120 lines] twice")
        shell.type("\r")
        await shell.see("One.")
        await shell.rest()
        shell.type("\x1b[A")
        await shell.terminal.wait_until(
            lambda: shell.terminal.screen[-2] == "> see [pasted 120 lines] twice", "the folded paste"
        )
        shell.type("\r")
        await shell.see("Two.")
        assert shell.llm.requests[1][-1].content == f"see {LONG} twice"


async def test_folded_paste_comes_back_after_ctrl_c(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type(f"see {pasted(LONG)}")
        await shell.see("[pasted 120 lines]")
        shell.type("\x03")
        await shell.terminal.wait_until(lambda: "pasted" not in shell.terminal.screen[-2], "an empty prompt")
        shell.type("\x1b[A")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2] == "> see [pasted 120 lines]", "the paste")
        shell.type("\r")
        assert await first_saved(shell) == f"see {LONG}"


async def test_paste_that_was_cut_can_be_yanked_into_a_later_line(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type(f"{pasted(LONG)}\x15/clear\r")
        await shell.see("This is already a new session.")
        await shell.rest()
        shell.type("see \x19\r")
        assert await first_saved(shell) == f"see {LONG}"


async def test_folded_draft_survives_a_walk_through_the_history(stage: SetStage) -> None:
    async with stage(answer("One."), answer("Two.")) as shell:
        shell.type("[an older line\r")
        await shell.see("2 messages")
        await shell.rest()
        shell.type(f"{pasted(LONG)}\x1b[A")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2] == "> [an older line", "the older line")
        shell.type("\x1b[B")
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-2] == "> [pasted 120 lines]", "the draft")
        shell.type("\r")
        await shell.see("4 messages")
        await shell.rest()
        assert (await shell.saved())[2] == LONG


async def test_returned_line_keeps_its_folded_paste(stage: SetStage) -> None:
    async with stage([ConnectionFailed("No network.")], answer("Got it.")) as shell:
        shell.type(f"see {pasted(LONG)}\r")
        await shell.terminal.wait_until(
            lambda: shell.terminal.screen[-3:-1] == ["", "> see [pasted 120 lines]"], "the line again"
        )
        shell.type("\r")
        assert await first_saved(shell) == f"see {LONG}"


@pytest.mark.parametrize("start", ["!touch ran\n", "/clear\n"])
async def test_large_paste_is_never_a_command(stage: SetStage, start: str) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type(f"{pasted(start + LONG)}\r")
        assert await first_saved(shell) == f" {start}{LONG}"
        assert not Path("ran").exists()


async def test_file_named_in_a_large_paste_is_not_attached(stage: SetStage) -> None:
    Path("secret.txt").write_text("secret")
    async with stage(answer("Got it.")) as shell:
        shell.type(f"{pasted('@secret.txt ' + LONG)}\r")
        assert await first_saved(shell) == f"@secret.txt {LONG}"


async def test_letters_are_inserted_after_ctrl_space(stage: SetStage) -> None:
    async with stage(answer("Yes.")) as shell:
        shell.type("\0one\x1b[D\0 \x07two\r")
        assert await first_saved(shell) == "on twoe"


async def test_backslash_before_enter_inserts_a_line_feed(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type("one\\\r")
        await shell.see("> one\n\n")  # two lines at once would be a paste
        shell.type("two\\\\\r")
        assert await first_saved(shell) == "one\ntwo\\\\"


async def test_mentioned_file_completes_and_is_attached(stage: SetStage) -> None:
    Path("my notes.txt").write_text("one\ntwo\n")
    async with stage(answer("Got it.")) as shell:
        shell.type("see @my\t")
        await shell.see('> see @"my notes.txt"')
        shell.type("\r")
        await shell.see("attached my notes.txt (2 lines)")
        assert await first_saved(shell) == 'see @"my notes.txt"\n\n<file path="my notes.txt">\none\ntwo\n</file>'
        shell.type("/history\r")
        await shell.see('see @"my notes.txt"\n')


async def test_enter_on_the_empty_line_attaches_command_output(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type("!echo from the shell\r")
        await shell.see("Enter adds the output to your next message")
        await shell.rest()
        assert "\nfrom the shell\nexit code 0" in shell.terminal.scrollback
        shell.type("\r")
        await shell.see("Output attached. Press Ctrl-C on the empty line to remove it.")
        shell.type("Why?")
        await shell.see("+ 1 output · ")
        shell.type("\r")
        await shell.see("attached the output of echo from the shell (1 line; exit code 0)")
        assert str(await first_saved(shell)).endswith("\nfrom the shell\n</output>")


async def test_ctrl_c_on_the_empty_line_detaches_command_output(stage: SetStage) -> None:
    async with stage(answer("Got it.")) as shell:
        shell.type("!echo one\r")
        await shell.see("Enter adds")
        await shell.rest()
        shell.type("\r")
        await shell.see("to remove it.")
        shell.type("\x03")
        await shell.see("No output or image will be sent with your next message.")
        await shell.terminal.wait_until(
            lambda: not any("to remove it." in row for row in shell.terminal.screen), "the toolbar without the hint"
        )
        shell.type("Hi\r")
        assert await first_saved(shell) == "Hi"


async def test_editor_gets_the_whole_text_and_sends_nothing(
    stage: SetStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "text = path.read_text()\n"
        "path.write_text(f'{len(text.splitlines())} lines: {text}')\n"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    async with stage(answer("Got it.")) as shell:
        shell.type(f"see {pasted(LONG)}\x18\x05")
        await shell.see("> 120 lines: see [pasted 120 lines]")
        assert shell.llm.requests == []
        shell.type("\r")
        assert await first_saved(shell) == f"120 lines: see {LONG}"


async def test_failing_editor_leaves_the_text(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "false")
    async with stage() as shell:
        shell.type("a draft\x18\x05")
        await shell.see("false exited with code 1")
        assert "> a draft" in shell.terminal.screen


async def test_editor_does_not_open_during_a_turn(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "touch ran; false")
    hang = Hang()
    async with stage([hang]) as shell:
        shell.type("one\r")
        await hang.reached.wait()
        shell.type("two\x18\x05")
        await shell.see("Cannot open the editor while a turn is running.")
        assert "> two" in shell.terminal.screen


async def test_commands_are_imported_with_the_first_line_that_may_need_them(
    stage: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Completer] = []
    make = completers.make_completer

    def make_and_record(*arguments: Any) -> Completer:
        made.append(make(*arguments))
        return made[-1]

    monkeypatch.setattr(completers, "make_completer", make_and_record)
    async with stage() as shell:
        shell.type("no command\t")
        await shell.see("> no command")
        assert not made
        shell.type("\x15/hist")
        await shell.see("/history")
        assert len(made) == 1


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a👨‍👩‍👧", "a"),
        ("a🇩🇪🇫🇷", "a🇩🇪"),
        ("ae\u0301", "a"),
        ("a👍🏽", "a"),
        ("xก้", "x"),
        ("ab", "a"),
        ("ab\x1b\r", "ab"),
    ],
)
async def test_backspace_deletes_what_looks_like_one_character(stage: SetStage, text: str, rest: str) -> None:
    async with stage(answer("Yes.")) as shell:
        shell.type(f"{text}\x7f!\r")
        assert await first_saved(shell) == f"{rest}!"


async def test_arrow_keys_move_over_joined_emoji(stage: SetStage) -> None:
    async with stage(answer("Yes.")) as shell:
        shell.type("a👨‍👩‍👧b\x1b[D\x1b[Dx\x1b[Cy\r")
        assert await first_saved(shell) == "ax👨‍👩‍👧yb"


async def test_joined_emoji_are_shown_in_parts(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("a👨‍👩‍👧b")
        await shell.see("a👨")
        assert "\u200d" not in "".join(shell.terminal.writes)


async def test_up_goes_to_the_previous_row_before_the_previous_entry(stage: SetStage) -> None:
    async with stage(answer("Yes."), answer("No.")) as shell:
        shell.type("first\r")
        await shell.see("Yes.")
        await shell.rest()
        shell.type("b" * 100 + "\x1b[A!")
        await shell.see("!")
        shell.type("\r")
        await shell.see("No.")
        await shell.rest()
        assert (await shell.saved())[2] == "b" * 22 + "!" + "b" * 78


async def test_escape_closes_the_completion_menu(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("/re")
        await shell.see("/resume")
        shell.type("\x1b")
        await shell.terminal.wait_until(
            lambda: shell.terminal.screen[-2:-1] == ["> /re"], "the prompt without the menu"
        )


async def test_vi_mode_is_shown(stage: SetStage, private_home: Path) -> None:
    config = private_home / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('editing_mode = "vi"\n')
    async with stage() as shell:
        shell.type("one\x1b")
        await shell.see("NORMAL · ")
        assert "\x1b[2 q" in "".join(shell.terminal.writes)
        shell.type("\x0f")  # Ctrl-O, without a tool
        await shell.see("NORMAL · No more tool output to show.")
        shell.type("i")
        await shell.terminal.wait_until(lambda: "NORMAL" not in shell.terminal.screen[-1], "insert mode")
        assert "".join(shell.terminal.writes).rstrip().rfind("\x1b[6 q") > 0


async def test_long_line_is_broken_between_words_and_up_moves_by_rows(stage: SetStage) -> None:
    rows = ["> a second thing that is queued, with a", "  long text which does not fit on one", "  row"]
    async with stage(size=(40, 12)) as shell:
        shell.type(" ".join(row[2:] for row in rows))
        await shell.terminal.wait_until(lambda: shell.terminal.screen[-4:-1] == rows, "the rows")
        shell.type("\x1b[A\x1b[Aold ")
        await shell.see("> a sold econd thing that is queued,")

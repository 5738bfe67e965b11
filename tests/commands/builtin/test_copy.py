from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from commands.builtin import copy as copy_module
from commands.builtin import paste as paste_module
from commands.builtin.copy import clipboard_program, code_blocks
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp
from tests.processes import wait_until_gone

ANSWER = "See:\n\n```sh\nls -l\ncd\n```\n\n- a\n\n  ~~~\n  x\n    y\n  ~~~\n"


@pytest.fixture(autouse=True)
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use no clipboard of this machine."""
    for variable in ("WAYLAND_DISPLAY", "DISPLAY", "TMUX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(copy_module, "_PROGRAMS", [("CLIPBOARD_FILE", ("copy-program",))])


async def answered(bench: SetUp, text: str = ANSWER) -> Bench:
    stage = bench(answer(text))
    await dispatch("Hi", stage.context)
    return stage


async def test_last_answer_or_a_code_block_is_copied(bench: SetUp) -> None:
    stage = await answered(bench)
    await dispatch("/copy", stage.context)
    await dispatch("/copy 1", stage.context)
    await dispatch("/copy 2", stage.context)
    assert stage.view.of("clipboard") == [ANSWER.strip("\n"), "ls -l\ncd", "x\n  y"]
    assert stage.view.of("info")[-2] == (
        "Sent code block 1 (2 lines) to the clipboard of your terminal, if it supports OSC 52."
    )


async def test_slow_program_gets_a_long_text(bench: SetUp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "copy-program"
    program.write_text('#!/bin/sh\nsleep 0.3\ncat > "$CLIPBOARD_FILE"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CLIPBOARD_FILE", str(tmp_path / "copied"))
    long = "long " * 100_000 + "."
    stage = await answered(bench, long)
    await dispatch("/copy", stage.context)
    assert (tmp_path / "copied").read_text() == long


async def test_program_gets_the_text(bench: SetUp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "copy-program"
    program.write_text('#!/bin/sh\ncat > "$CLIPBOARD_FILE"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CLIPBOARD_FILE", str(tmp_path / "copied"))
    stage = await answered(bench)
    await dispatch("/copy 1", stage.context)
    assert (tmp_path / "copied").read_text() == "ls -l\ncd"
    assert stage.view.of("info")[-1] == "Copied code block 1 (2 lines) with copy-program."


async def test_missing_answer_block_or_clipboard_is_an_error(bench: SetUp) -> None:
    empty = bench()
    await dispatch("/copy", empty.context)
    assert empty.view.of("error") == ["There is no answer to copy yet."]
    stage = await answered(bench)
    stage.view.has_clipboard = False
    await dispatch("/copy 3", stage.context)
    await dispatch("/copy all", stage.context)
    await dispatch("/copy", stage.context)
    assert stage.view.of("error")[0] == "The last answer has 2 code blocks."
    assert stage.view.of("error")[1] == "'all' is not a code block number. Type a number such as 3."
    assert str(stage.view.of("error")[2]).startswith("Cannot copy: this is a test. Install wl-clipboard, xclip")


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("no code", []),
        ("```\nopen", ["open"]),
        ("````\n```\ninner\n```\n````", ["```\ninner\n```"]),
        ("```not a fence```", []),
        ("```\n```", [""]),
    ],
)
def test_code_blocks_end_at_their_own_fence(text: str, blocks: list[str]) -> None:
    assert code_blocks(text) == blocks


def test_clipboard_program_needs_its_display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    (tmp_path / "xclip").touch(0o755)
    assert clipboard_program({"PATH": str(tmp_path)}) == ()
    assert clipboard_program({"PATH": str(tmp_path), "DISPLAY": ":0"})[0] == str(tmp_path / "xclip")


@pytest.mark.parametrize("command", ["/copy", "/paste"])
async def test_cancelled_program_ends_with_what_it_started(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setattr(paste_module, "_PROGRAMS", [("CLIPBOARD_FILE", ("copy-program",))])
    monkeypatch.setattr(copy_module, "_SECONDS", 600.0)
    program, started = tmp_path / "copy-program", tmp_path / "started"
    lines = (
        "#!/bin/sh",
        "sleep 60 &",
        'echo $$ $! > "$CLIPBOARD_FILE.new"',
        'mv "$CLIPBOARD_FILE.new" "$CLIPBOARD_FILE"',
    )
    program.write_text("\n".join([*lines, "wait", ""]))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CLIPBOARD_FILE", str(started))
    stage = await answered(bench)
    running = asyncio.create_task(dispatch(command, stage.context))
    async with asyncio.timeout(20):
        while not started.exists():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for number in started.read_text().split():
        wait_until_gone(int(number))

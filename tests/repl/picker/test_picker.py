"""The picker in a running shell, on a terminal in memory."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.memory import MemoryManager, SessionTitle
from aloop.memory import manager as housekeeping
from tests.agent.scripted import answer
from tests.commands.conftest import store
from tests.repl.conftest import SetStage, Stage
from tests.saved_sessions import FIRST, SECOND, THIRD, save

LEGEND = "Enter resume · d trash · r rename · f fork · / filter · Esc"


@pytest.fixture(autouse=True)
def three(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1, says="About the weather")
    save(sessions_dir, SECOND, day=2, says="donkeys and 日本語")
    save(sessions_dir, THIRD, day=3, says="\x1b]0;owned\x07 title")


async def opened(shell: Stage) -> None:
    shell.type("/resume\r")
    await shell.see(LEGEND)


async def line(shell: Stage, starts: str) -> None:
    """Wait until a row on the screen starts so."""
    await shell.terminal.wait_until(lambda: any(row.startswith(starts) for row in shell.terminal.screen), starts)


async def gone(shell: Stage, text: str) -> None:
    await shell.terminal.wait_until(lambda: text not in "\n".join(shell.terminal.screen), f"no {text!r}")


@pytest.mark.slow
async def test_enter_goes_on_in_what_is_highlighted_and_shows_its_end_before(stage: SetStage) -> None:
    async with stage() as shell:
        await opened(shell)
        await line(shell, " 1  0badcafe  2025-01-03    ^[]0;owned^G title")
        await line(shell, "> ^[]0;owned^G title")
        shell.type("\x1b[B\x1b[B")
        await line(shell, "── a1b2c3d4 About the weather ─")
        await line(shell, "> About the weather")
        shell.type("\r")
        await shell.see("Resumed a1b2c3d4 · 4 messages")
        await shell.rest()
        assert LEGEND not in "\n".join(shell.terminal.screen)


@pytest.mark.parametrize("key", ["\x1b", "\x03"])
async def test_leaving_leaves_everything_and_the_rows_on_the_screen(stage: SetStage, key: str) -> None:
    async with stage() as shell:
        await opened(shell)
        shell.type("/don")
        await line(shell, "find: don")
        shell.type(key)
        await shell.rest()
        rows = [row.split()[:2] for row in shell.terminal.screen if "2025-01" in row]
        assert rows == [["1", "0badcafe"], ["2", "a1b2ffff"], ["3", "a1b2c3d4"]]
        assert "find:" not in "\n".join(shell.terminal.screen)
        assert "0 messages" in shell.terminal.screen[-1]
        shell.type("/resume 3\r")
        await shell.see("Resumed a1b2c3d4")


async def test_what_was_typed_before_it_opened_is_its_filter_and_comes_back_with_esc(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("/resume\rdonk")
        await line(shell, "find: donk")
        await shell.see("1 of 3")
        shell.type("dy")
        await line(shell, "find: donkdy")
        shell.type("\x1b")
        await line(shell, "> donk")


async def test_a_filter_typed_before_it_opened_is_not_left_on_the_prompt(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("/resume\r/weather")
        await line(shell, "find: weather")
        shell.type("\r")
        await shell.see("Resumed a1b2c3d4 · 4 messages")
        await shell.rest()


async def test_a_filter_may_begin_with_a_letter_that_is_a_command(stage: SetStage) -> None:
    async with stage() as shell:
        await opened(shell)
        shell.type("/dn")
        await line(shell, " 2  a1b2ffff  2025-01-02    donkeys and 日本語")
        await gone(shell, "About the weather")
        await shell.see("1 of 3")
        shell.type("\x7f\x7f\x7f")
        await shell.see(LEGEND)
        await line(shell, " 3  a1b2c3d4")
        shell.type("\x1b[200~the\r\nweather\x1b[201~")
        await line(shell, "find: the weather")
        await gone(shell, "donkeys")


async def test_a_word_may_begin_with_a_letter_that_is_a_command(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await opened(shell)
        for word in ("dynamic", "fork"):
            shell.type(word)
            await line(shell, f"find: {word}")
            await line(shell, "No session fits.")
            shell.type("\x15d\x7f")
            await line(shell, LEGEND)
        shell.type("\x04on")
        await line(shell, "find: on")
        shell.type("\x04k")
        await line(shell, "find: onk")
        await shell.see("1 of 3")
        assert len(await MemoryManager.list_titles(sessions_dir=sessions_dir)) == 3


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let the sessions be read once this is set, and again right after it was cleared."""
    event, read = asyncio.Event(), MemoryManager.list_titles

    async def wait_and_read(_: MemoryManager, *, sessions_dir: Path) -> list[SessionTitle]:
        await event.wait()
        return await read(sessions_dir=sessions_dir)

    monkeypatch.setattr(MemoryManager, "list_titles", wait_and_read)
    return event


async def opened_while_it_reads(shell: Stage, go_on: asyncio.Event) -> None:
    """Open the picker with what is known, which is what completion offers."""
    go_on.set()
    shell.type("/resume ")
    await shell.see("donkeys")
    go_on.clear()
    shell.type("\r")
    await shell.see(LEGEND)


async def test_it_opens_before_anything_is_read(stage: SetStage, go_on: asyncio.Event) -> None:
    async with stage() as shell:
        await opened(shell)
        await line(shell, "Reading what there is…")
        shell.type("/onk\r")
        await line(shell, "find: onk")
        go_on.set()
        await line(shell, " 2  a1b2ffff  2025-01-02    donkeys")
        await shell.see("1 of 3")
        shell.type("\r")
        await shell.see("Resumed a1b2ffff")


@pytest.mark.slow
async def test_what_was_known_stays_highlighted_when_there_turns_out_to_be_more(
    stage: SetStage, sessions_dir: Path, go_on: asyncio.Event
) -> None:
    async with stage() as shell:
        await opened_while_it_reads(shell, go_on)
        await line(shell, " 1  0badcafe")
        shell.type("d\r")
        await line(shell, "Deleted 0badcafe")
        shell.type("r\x15Mules\r")
        await line(shell, " 2  a1b2ffff  2025-01-02    Mules")
        save(sessions_dir, "ffffffff-5678-40ab-8def-1234567890ab", day=9, says="Newer")
        go_on.set()
        await line(shell, " 1  ffffffff  2025-01-09    Newer")
        await line(shell, " 2  a1b2ffff  2025-01-02    Mules")
        await line(shell, "── a1b2ffff Mules")


async def test_a_question_is_never_answered_for_another_session(
    stage: SetStage, sessions_dir: Path, go_on: asyncio.Event
) -> None:
    async with stage() as shell:
        await opened_while_it_reads(shell, go_on)
        shell.type("d")
        await line(shell, "Enter moves 0badcafe to the trash")
        await MemoryManager.delete_session(THIRD, sessions_dir=sessions_dir)
        go_on.set()
        await line(shell, LEGEND)
        await line(shell, " 1  a1b2ffff")


async def test_sessions_that_can_not_be_read_are_told(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise StorageError("The disk is gone.", Path())

    async with stage() as shell:
        monkeypatch.setattr(MemoryManager, "list_titles", refuse)
        shell.type("/resume\r")
        await shell.see("The disk is gone.")
        await shell.rest()


async def test_d_moves_to_the_trash_after_a_yes(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await opened(shell)
        shell.type("\x1b[Bd")
        await line(shell, "Enter moves a1b2ffff to the trash · Esc keeps it")
        shell.type("\x1b")
        await line(shell, LEGEND)
        shell.type("d\r")
        await line(shell, "Deleted a1b2ffff: /restore a1b2ffff")
        await gone(shell, "donkeys")
        shell.type("\x1b")
        await shell.rest()
        assert [row.id for row in await MemoryManager.list_titles(sessions_dir=sessions_dir)] == [THIRD, FIRST]
        shell.type("/resume 2\r")
        await shell.see("Resumed a1b2c3d4")


async def test_a_second_d_while_the_first_is_done_trashes_no_other_one(
    stage: SetStage, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, delete = asyncio.Event(), MemoryManager.delete_session

    async def wait_and_delete(_: MemoryManager, session_id: str, *, sessions_dir: Path) -> Path:
        await event.wait()
        return await delete(session_id, sessions_dir=sessions_dir)

    monkeypatch.setattr(MemoryManager, "delete_session", wait_and_delete)
    async with stage() as shell:
        await opened(shell)
        await line(shell, " 1  0badcafe")
        shell.type("d\rd")
        await line(shell, "Enter moves 0badcafe to the trash")
        event.set()
        await line(shell, "Deleted 0badcafe")
        shell.type("\r\x1b[B")
        await line(shell, "── a1b2c3d4")
        assert [row.id for row in await MemoryManager.list_titles(sessions_dir=sessions_dir)] == [SECOND, FIRST]


async def test_what_was_pasted_is_never_a_command(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await opened(shell)
        shell.type("\x1b[200~\x1b[201~dy\r")
        await line(shell, "find: dy")
        assert len(await MemoryManager.list_titles(sessions_dir=sessions_dir)) == 3


async def test_r_renames_in_place(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await opened(shell)
        shell.type("\x1b[B\x1b[Br")
        await line(shell, "title: About the weather")
        shell.type(" in May")
        shell.type("\x1b")
        await line(shell, "find:")
        shell.type("r\x15Sunny\r")
        await line(shell, " 3  a1b2c3d4  2025-01-01    Sunny")
        shell.type("\x1b")
        await shell.rest()
        titles = [row.title for row in await MemoryManager.list_titles(sessions_dir=sessions_dir)]
        assert titles[2] == "Sunny"


async def test_f_goes_on_in_a_copy(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await opened(shell)
        shell.type("\x1b[Ff")
        await line(shell, "Enter goes on in a copy of a1b2c3d4 · Esc does not")
        shell.type("\r")
        await shell.see("a copy of a1b2c3d4. It is saved with its first turn.")
        assert len(await MemoryManager.list_titles(sessions_dir=sessions_dir)) == 3


async def test_the_first_message_is_looked_in_when_the_title_is_another(stage: SetStage, sessions_dir: Path) -> None:
    await MemoryManager.rename_session(FIRST, "Other", sessions_dir=sessions_dir)
    async with stage() as shell:
        await opened(shell)
        shell.type("weather")
        await line(shell, " 3  a1b2c3d4  2025-01-01    Other")
        await shell.see("1 of 3")


async def test_a_session_that_can_not_be_read_says_why_in_the_pane(stage: SetStage, sessions_dir: Path) -> None:
    save_broken = "ffffffff-5678-40ab-8def-1234567890ab"
    path = save(sessions_dir, save_broken, day=9)
    path.write_text("id: 'no end")
    async with stage() as shell:
        await opened(shell)
        await shell.see("session.yaml:1:")
        shell.type("\r")
        await shell.see("0 messages")


async def test_a_title_that_can_not_be_stored_is_told(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StorageError("The disk is full.", Path())

    monkeypatch.setattr(housekeeping, "rename_session", refuse)
    async with stage() as shell:
        await opened(shell)
        shell.type("r\x15New\r")
        await line(shell, "The disk is full.")
        shell.type("\x1b[B")
        await line(shell, LEGEND)


async def test_a_filter_that_fits_nothing_offers_nothing(stage: SetStage) -> None:
    async with stage() as shell:
        await opened(shell)
        shell.type("zzzz")
        await line(shell, "No session fits.")
        shell.type("\r\x04\x12\x06")
        shell.type("\x7f\x7f\x7f\x7f")
        await line(shell, LEGEND)


async def test_without_sessions_there_is_nothing_to_pick(stage: SetStage, sessions_dir: Path) -> None:
    for session_id in (FIRST, SECOND, THIRD):
        await MemoryManager.delete_session(session_id, sessions_dir=sessions_dir)
    async with stage() as shell:
        shell.type("/resume\r")
        await shell.see("no saved sessions")
        await shell.rest()


async def test_trashing_the_open_session_begins_a_new_one(stage: SetStage, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "What was it?")
    async with stage(resume="") as shell:
        await shell.see("2 messages")
        await opened(shell)
        await line(shell, f" 1  {session_id[:8]}")
        shell.type("d\r")
        await line(shell, f"Deleted {session_id[:8]}")
        shell.type("\x1b")
        await shell.see("0 messages")


async def test_what_was_trashed_is_told_once_more_in_the_scrollback(stage: SetStage) -> None:
    async with stage() as shell:
        await opened(shell)
        shell.type("d\r")
        await line(shell, "Deleted 0badcafe")
        shell.type("donk\x7f\x7f\x7f\x7f\r")
        await shell.see("Resumed a1b2ffff")
        assert "Deleted 0badcafe: /restore 0badcafe brings it back.\n" in shell.terminal.scrollback


async def test_renaming_the_open_session_is_nobody_elses_change(stage: SetStage, sessions_dir: Path) -> None:
    await store(sessions_dir, "What was it?")
    async with stage(answer("Six."), resume="") as shell:
        await shell.see("2 messages")
        await opened(shell)
        shell.type("r\x15Sums\r")
        await line(shell, " 1 ")
        await shell.see("Sums")
        shell.type("\x1b")
        await shell.rest()
        shell.type("And 3+3?\r")
        await shell.see("Six.")
        await shell.rest()
        assert "changed on disk" not in shell.terminal.scrollback
        titles = await MemoryManager.list_titles(sessions_dir=sessions_dir)
        assert titles[0].title == "Sums"


async def test_what_fails_behind_ones_back_is_told_in_the_scrollback(
    stage: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def refuse(*_: object) -> None:
        go_on.wait()
        raise StorageError("The disk is full.", Path())

    monkeypatch.setattr(housekeeping, "rename_session", refuse)
    async with stage() as shell:
        await opened(shell)
        shell.type("r\x15New\r")
        await line(shell, LEGEND)
        shell.type("\x03")
        go_on.set()
        await shell.see("The disk is full.")
        await shell.rest()

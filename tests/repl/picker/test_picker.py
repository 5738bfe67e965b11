"""Tests of the picker in a running shell, on a terminal in memory."""

from __future__ import annotations

import asyncio
import itertools
import threading
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.data_structures import Size

from aloop.errors import StorageError
from aloop.importers import peek
from aloop.importers.peek import Glimpse
from aloop.memory import SessionLibrary, SessionTitle, library
from aloop.memory.sessions_dir.registry import Registry
from repl.picker import picker
from repl.picker.state import Mode
from repl.picker.view import legend_rows
from tests.agent.scripted import answer
from tests.cli.exchange.test_import import claude_session
from tests.commands.conftest import store
from tests.repl.conftest import SetStage, Stage
from tests.saved_sessions import FIRST, SECOND, THIRD, save

LEGEND = "Enter resume · d trash · r rename · f fork"


@pytest.fixture(autouse=True)
def three(sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1, says="About the weather")
    save(sessions_dir, SECOND, day=2, says="donkeys and 日本語")
    save(sessions_dir, THIRD, day=3, says="\x1b]0;owned\x07 title")


async def open_picker(shell: Stage) -> None:
    """Open the picker, and wait until it has rows for keys to act on."""
    shell.type("/resume\r")
    await shell.see(LEGEND)
    await shell.terminal.wait_until(
        lambda: any(row.startswith((" 1  ", " 1● ")) for row in shell.terminal.screen), "rows"
    )


async def wait_for_row(shell: Stage, starts: str) -> None:
    """Wait until a row on the screen starts with ``starts``."""
    await shell.terminal.wait_until(lambda: any(row.startswith(starts) for row in shell.terminal.screen), starts)


async def wait_until_gone(shell: Stage, text: str) -> None:
    await shell.terminal.wait_until(lambda: text not in "\n".join(shell.terminal.screen), f"no {text!r}")


@pytest.mark.slow
async def test_enter_resumes_the_highlighted_session_that_is_previewed(stage: SetStage) -> None:
    async with stage() as shell:
        await open_picker(shell)
        await wait_for_row(shell, " 1  0badcafe  2025-01-03    ^[]0;owned^G title")
        await wait_for_row(shell, "> ^[]0;owned^G title")
        shell.type("\x1b[B\x1b[B")
        await wait_for_row(shell, "── a1b2c3d4 About the weather ─")
        await wait_for_row(shell, "> About the weather")
        shell.type("\r")
        await shell.see("Resumed a1b2c3d4 · 4 messages")
        await shell.rest()
        assert LEGEND not in "\n".join(shell.terminal.screen)


@pytest.mark.parametrize("key", ["\x1b", "\x03"])
async def test_closing_the_picker_changes_nothing_and_leaves_no_rows(stage: SetStage, key: str) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("/don")
        await wait_for_row(shell, "find: don")
        shell.type(key)
        await shell.rest()
        assert [row for row in shell.terminal.screen if "2025-01" in row and not row.startswith("last ")] == []
        assert "find:" not in "\n".join(shell.terminal.screen)
        assert "0 messages" in shell.terminal.screen[-1]
        shell.type("/resume 3\r")
        await shell.see("Resumed a1b2c3d4")


async def test_rows_above_the_picker_return_when_it_is_closed(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("/help\r")
        await shell.see("Leave the shell")
        await shell.rest()
        before = shell.terminal.screen
        gone = len(shell.terminal.scrollback)
        await open_picker(shell)
        assert shell.terminal.screen[0].startswith("find:")
        shell.type("\x1b")
        await shell.rest()
        # Only the echo of the command, and the blank row that ends it, are new.
        assert shell.terminal.screen[: len(before) - 4] == before[2:-2]
        assert shell.terminal.screen[-4:-2] == ["> /resume", ""]
        assert len(shell.terminal.scrollback) == gone + len("> /resume\n\n")


async def test_picker_on_the_linux_console_is_drawn_below_the_text(
    stage: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "linux")
    async with stage() as shell:
        await open_picker(shell)
        assert "> /resume" in shell.terminal.scrollback
        assert "\x1b[?1049h" not in "".join(shell.terminal.writes)
        shell.type("\x1b")
        await shell.rest()


async def test_text_typed_before_opening_is_the_filter_and_returns_with_esc(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("/resume\r")
        await shell.see("> /resume")
        shell.type("donk")
        await wait_for_row(shell, "find: donk")
        await shell.see("1 of 3")
        shell.type("dy")
        await wait_for_row(shell, "find: donkdy")
        shell.type("\x1b")
        await wait_for_row(shell, "> donk")


async def test_filter_typed_before_opening_is_not_left_on_the_prompt(stage: SetStage) -> None:
    async with stage() as shell:
        shell.type("/resume\r")
        await shell.see("> /resume")
        shell.type("/weather")
        await wait_for_row(shell, "find: weather")
        await wait_for_row(shell, " 3  a1b2c3d4")
        shell.type("\r")
        await shell.see("Resumed a1b2c3d4 · 4 messages")
        await shell.rest()


async def test_filter_after_a_slash_may_start_with_a_command_letter(stage: SetStage) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("/dn")
        await wait_for_row(shell, " 2  a1b2ffff  2025-01-02    donkeys and 日本語")
        await wait_until_gone(shell, "About the weather")
        await shell.see("1 of 3")
        shell.type("\x7f\x7f\x7f")
        await shell.see(LEGEND)
        await wait_for_row(shell, " 3  a1b2c3d4")
        shell.type("\x1b[200~the\r\nweather\x1b[201~")
        await wait_for_row(shell, "find: the weather")
        await wait_until_gone(shell, "donkeys")


async def test_word_that_starts_with_a_command_letter_becomes_the_filter(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await open_picker(shell)
        for word in ("dynamic", "fork"):
            shell.type(word)
            await wait_for_row(shell, f"text: {word}")  # no title has it, so messages are searched
            await wait_for_row(shell, "No messages match.")
            shell.type("\x15d\x7f")
            await wait_for_row(shell, LEGEND)
        shell.type("\x04on")
        await wait_for_row(shell, "find: on")
        shell.type("\x04k")
        await wait_for_row(shell, "find: onk")
        await shell.see("1 of 3")
        assert len(await SessionLibrary(sessions_dir).list_titles()) == 3


@pytest.fixture
def may_read(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """An event that sessions are read only after."""
    event, read = asyncio.Event(), SessionLibrary.list_titles

    async def wait_and_read(library: SessionLibrary, limit: int | None = None) -> list[SessionTitle]:
        await event.wait()
        return await read(library, limit)

    monkeypatch.setattr(SessionLibrary, "list_titles", wait_and_read)
    return event


async def open_before_reading(shell: Stage, may_read: asyncio.Event) -> None:
    """Open the picker with the sessions known to completion."""
    may_read.set()
    shell.type("/resume ")
    await shell.see("donkeys")
    may_read.clear()
    shell.type("\r")
    await shell.see(LEGEND)


async def test_picker_opens_before_sessions_are_read(stage: SetStage, may_read: asyncio.Event) -> None:
    async with stage() as shell:
        shell.type("/resume\r")
        await shell.see(LEGEND)
        await wait_for_row(shell, "Reading sessions…")
        shell.type("/onk\r")
        await wait_for_row(shell, "find: onk")
        may_read.set()
        await wait_for_row(shell, " 2  a1b2ffff  2025-01-02    donkeys")
        await shell.see("1 of 3")
        shell.type("\r")
        await shell.see("Resumed a1b2ffff")


async def test_text_typed_before_all_sessions_are_read_is_looked_for_in_messages_then(
    stage: SetStage, may_read: asyncio.Event
) -> None:
    async with stage() as shell:
        await open_before_reading(shell, may_read)
        await wait_for_row(shell, " 1  0badcafe")
        shell.type("it is 4")
        await wait_for_row(shell, "find: it is 4")
        await wait_for_row(shell, "Reading sessions…")
        may_read.set()
        await wait_for_row(shell, "text: it is 4")
        await wait_for_row(shell, "#4 assistant  It is 4.")


async def test_newest_sessions_are_shown_before_all_have_been_read(
    stage: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_read_all, read = asyncio.Event(), SessionLibrary.list_titles

    async def wait_for_all(library: SessionLibrary, last_made: int | None = None) -> list[SessionTitle]:
        if last_made is None:
            await may_read_all.wait()
            return await read(library)
        return await read(library, 2)

    monkeypatch.setattr(SessionLibrary, "list_titles", wait_for_all)
    async with stage() as shell:
        shell.type("/resume\r")
        await wait_for_row(shell, " 1  0badcafe")
        await wait_for_row(shell, " 2  a1b2ffff")
        assert shell.terminal.screen[0].endswith(" 2+")
        may_read_all.set()
        await wait_for_row(shell, " 3  a1b2c3d4")
        assert shell.terminal.screen[0].endswith(" 3")


@pytest.mark.slow
async def test_highlight_and_changes_survive_a_late_list(
    stage: SetStage, sessions_dir: Path, may_read: asyncio.Event
) -> None:
    async with stage() as shell:
        await open_before_reading(shell, may_read)
        await wait_for_row(shell, " 1  0badcafe")
        shell.type("d\r")
        await wait_for_row(shell, "Deleted 0badcafe")
        shell.type("r\r\x15Mules\r")
        await wait_for_row(shell, " 2  a1b2ffff  2025-01-02    Mules")
        save(sessions_dir, "ffffffff-5678-40ab-8def-1234567890ab", day=9, says="Newer")
        may_read.set()
        await wait_for_row(shell, " 1  ffffffff  2025-01-09    Newer")
        await wait_for_row(shell, " 2  a1b2ffff  2025-01-02    Mules")
        await wait_for_row(shell, "── a1b2ffff Mules")


async def test_question_is_cancelled_when_its_session_disappears(
    stage: SetStage, sessions_dir: Path, may_read: asyncio.Event
) -> None:
    async with stage() as shell:
        await open_before_reading(shell, may_read)
        shell.type("d")
        await wait_for_row(shell, "Enter move 0badcafe to the trash")
        await SessionLibrary(sessions_dir).delete(THIRD)
        may_read.set()
        await wait_for_row(shell, LEGEND)
        await wait_for_row(shell, " 1  a1b2ffff")


async def test_error_of_reading_sessions_is_reported(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise StorageError("The disk is gone.", Path())

    async with stage() as shell:
        monkeypatch.setattr(SessionLibrary, "list_titles", refuse)
        shell.type("/resume\r")
        await shell.see("The disk is gone.")
        await shell.rest()


async def test_d_moves_the_session_to_the_trash_after_enter(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("\x1b[Bd")
        await wait_for_row(shell, "Enter move a1b2ffff to the trash · Esc cancel")
        shell.type("\x1b")
        await wait_for_row(shell, LEGEND)
        shell.type("d\r")
        await wait_for_row(shell, "Deleted a1b2ffff; /restore a1b2ffff")
        await wait_until_gone(shell, "donkeys")
        shell.type("\x1b")
        await shell.rest()
        assert [row.id for row in await SessionLibrary(sessions_dir).list_titles()] == [THIRD, FIRST]
        shell.type("/resume 2\r")
        await shell.see("Resumed a1b2c3d4")


async def test_second_d_during_a_deletion_deletes_no_other_session(
    stage: SetStage, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, delete = asyncio.Event(), SessionLibrary.delete

    async def wait_and_delete(library: SessionLibrary, session_id: str) -> Path:
        await event.wait()
        return await delete(library, session_id)

    monkeypatch.setattr(SessionLibrary, "delete", wait_and_delete)
    async with stage() as shell:
        await open_picker(shell)
        await wait_for_row(shell, " 1  0badcafe")
        shell.type("d\rd")
        await wait_for_row(shell, "Enter move 0badcafe to the trash")
        event.set()
        await wait_for_row(shell, "Deleted 0badcafe")
        shell.type("\r\x1b[B")
        await wait_for_row(shell, "── a1b2c3d4")
        assert [row.id for row in await SessionLibrary(sessions_dir).list_titles()] == [SECOND, FIRST]


async def test_pasted_letters_are_never_commands(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("\x1b[200~\x1b[201~dy\r")
        await wait_for_row(shell, "find: dy")
        assert len(await SessionLibrary(sessions_dir).list_titles()) == 3


async def test_r_renames_the_session(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("\x1b[B\x1b[Br")
        await wait_for_row(shell, "Enter edit the title of a1b2c3d4 · Esc cancel")
        shell.type("\r")
        await wait_for_row(shell, "title: About the weather")
        shell.type(" in May")
        shell.type("\x1b")
        await wait_for_row(shell, "find:")
        shell.type("r\r\x15Sunny\r")
        await wait_for_row(shell, " 3  a1b2c3d4  2025-01-01    Sunny")
        shell.type("\x1b")
        await shell.rest()
        titles = [row.title for row in await SessionLibrary(sessions_dir).list_titles()]
        assert titles[2] == "Sunny"


@pytest.mark.parametrize("text", ["read", "dead", "fed"])
async def test_filter_may_start_with_the_letter_of_a_command(stage: SetStage, text: str) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type(text)
        await wait_for_row(shell, f"find: {text}")


async def test_f_continues_in_a_copy(stage: SetStage, sessions_dir: Path) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("\x1b[Ff")
        await wait_for_row(shell, "Enter continue in a copy of a1b2c3d4 · Esc cancel")
        shell.type("\r")
        await shell.see("a copy of a1b2c3d4. It is saved with its first turn")
        assert len(await SessionLibrary(sessions_dir).list_titles()) == 3


async def test_filter_searches_the_first_message(stage: SetStage, sessions_dir: Path) -> None:
    await SessionLibrary(sessions_dir).rename(FIRST, "Other")
    async with stage() as shell:
        await open_picker(shell)
        shell.type("weather")
        await wait_for_row(shell, " 3  a1b2c3d4  2025-01-01    Other")
        await shell.see("1 of 3")


async def test_text_that_no_title_has_is_found_in_messages(stage: SetStage) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("it is 4")
        await wait_for_row(shell, "text: it is 4")
        await shell.see("3 of 3")
        await wait_for_row(shell, " 2  a1b2ffff  2025-01-02    It is 4.")
        await wait_for_row(shell, "#4 assistant  It is 4.")
        shell.type("\x1b[B\r")
        await shell.see("Resumed a1b2ffff")
        assert "4  It is\n" in shell.terminal.scrollback  # the message of the match, not the end of the session


async def test_tab_searches_messages_for_text_that_titles_have_too(stage: SetStage, sessions_dir: Path) -> None:
    await SessionLibrary(sessions_dir).rename(SECOND, "weather")
    async with stage() as shell:
        await open_picker(shell)
        shell.type("\t")
        await wait_for_row(shell, "Type what to search for in the messages, then press Tab.")
        shell.type("weather")
        await shell.see("2 of 3")
        shell.type("\t")
        await wait_for_row(shell, "text: weather")
        await wait_for_row(shell, "title  weather")
        shell.type("\x1b[B")
        await wait_for_row(shell, "#1 user  About the weather")
        shell.type("\t")
        await wait_for_row(shell, "find: weather")
        shell.type("\tx")
        await wait_for_row(shell, "text: weatherx")
        await wait_for_row(shell, "No messages match.")


async def test_sessions_of_all_folders_are_shown_with_their_project_and_not_changed(
    stage: SetStage, tmp_path: Path
) -> None:
    other = tmp_path / "other" / ".aloop" / "sessions"
    save(other, "ffffffff-5678-40ab-8def-1234567890ab", day=9, says="Elsewhere")
    Registry.of_user().add(other)
    async with stage() as shell:
        await open_picker(shell)
        shell.type("\x01")
        await wait_for_row(shell, "    2025-01-09    Elsewhere")
        await wait_for_row(shell, " 1  2025-01-03")
        await shell.see("/other   4 messages")
        await shell.see("^A this folder")
        shell.type("\x1b[Hd")
        await shell.see("Press Enter to change to it.")
        shell.type("\x01")
        await wait_until_gone(shell, "Elsewhere")
        shell.type("\x01")
        await wait_for_row(shell, "    2025-01-09    Elsewhere")
        shell.type("\x1b[H")
        await wait_for_row(shell, "── ffffffff")
        shell.type("\r")
        await shell.see("╭ Session ffffffff is in")
        await shell.see("y/n or")
        shell.type("n")
        await shell.see("Nothing was changed.")


async def test_rows_have_the_number_of_messages(stage: SetStage) -> None:
    async with stage() as shell:
        await open_picker(shell)
        await shell.terminal.wait_until(
            lambda: sum(row.endswith("  4 messages") for row in shell.terminal.screen) == 3, "the numbers"
        )


async def test_preview_shows_why_a_session_cannot_be_read(stage: SetStage, sessions_dir: Path) -> None:
    save_broken = "ffffffff-5678-40ab-8def-1234567890ab"
    path = save(sessions_dir, save_broken, day=9)
    path.write_text("id: 'no end")
    async with stage() as shell:
        await open_picker(shell)
        await shell.see("session.yaml:1:")
        shell.type("\r")
        await shell.see("0 messages")


async def test_error_of_a_rename_is_shown_in_the_legend(stage: SetStage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StorageError("The disk is full.", Path())

    monkeypatch.setattr(library, "rename_session", refuse)
    async with stage() as shell:
        await open_picker(shell)
        shell.type("r\r\x15New\r")
        await wait_for_row(shell, "✗ The disk is full.")
        shell.type("\x1b[B")
        await wait_for_row(shell, LEGEND)


async def test_filter_without_matches_has_no_actions(stage: SetStage) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("zz")
        await wait_for_row(shell, "No sessions match.")
        shell.type("zz")
        await wait_for_row(shell, "No messages match.")
        shell.type("\r\x04\x12\x06")
        shell.type("\x7f\x7f\x7f\x7f")
        await wait_for_row(shell, LEGEND)


async def test_resume_without_sessions_opens_no_picker(stage: SetStage, sessions_dir: Path) -> None:
    for session_id in (FIRST, SECOND, THIRD):
        await SessionLibrary(sessions_dir).delete(session_id)
    async with stage() as shell:
        shell.type("/resume\r")
        await shell.see("No sessions are saved")
        await shell.rest()


async def test_picker_that_opened_before_sessions_were_read_reports_that_there_are_none(
    stage: SetStage, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picker, "_OPEN_SECONDS", 0)
    for session_id in (FIRST, SECOND, THIRD):
        await SessionLibrary(sessions_dir).delete(session_id)
    async with stage() as shell:
        shell.type("/resume\r")
        await shell.see("No sessions are saved")
        await shell.rest()


async def test_deleting_the_open_session_starts_a_new_one(stage: SetStage, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "What was it?")
    async with stage(resume="") as shell:
        await shell.see("2 messages")
        await open_picker(shell)
        await wait_for_row(shell, f" 1● {session_id[:8]}")
        shell.type("\x1b[Ad\r")  # the one before it is highlighted first
        await wait_for_row(shell, f"Deleted {session_id[:8]}")
        shell.type("\x1b")
        await shell.see("0 messages")


async def test_deletion_is_reported_in_the_scrollback(stage: SetStage) -> None:
    async with stage() as shell:
        await open_picker(shell)
        shell.type("d\r")
        await wait_for_row(shell, "Deleted 0badcafe")
        shell.type("donk\x7f\x7f\x7f\x7f\r")
        await shell.see("Resumed a1b2ffff")
        assert "Deleted 0badcafe; /restore 0badcafe restores it.\n" in shell.terminal.scrollback


async def test_renaming_the_open_session_is_not_an_external_change(stage: SetStage, sessions_dir: Path) -> None:
    await store(sessions_dir, "What was it?")
    async with stage(answer("Six."), resume="") as shell:
        await shell.see("2 messages")
        await open_picker(shell)
        await wait_for_row(shell, " 1● ")
        shell.type("\x1b[Ar\r\x15Sums\r")
        await wait_for_row(shell, " 1● ")
        await shell.see("Sums")
        shell.type("\x1b")
        await shell.rest()
        shell.type("And 3+3?\r")
        await shell.see("Six.")
        await shell.rest()
        assert "changed on disk" not in shell.terminal.scrollback
        titles = await SessionLibrary(sessions_dir).list_titles()
        assert titles[0].title == "Sums"


async def test_error_after_closing_the_picker_is_reported_in_the_scrollback(
    stage: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_fail = threading.Event()

    def refuse(*_: object) -> None:
        may_fail.wait()
        raise StorageError("The disk is full.", Path())

    monkeypatch.setattr(library, "rename_session", refuse)
    async with stage() as shell:
        await open_picker(shell)
        shell.type("r\r\x15New\r")
        await wait_for_row(shell, LEGEND)
        shell.type("\x03")
        may_fail.set()
        await shell.see("The disk is full.")
        await shell.rest()


@pytest.mark.parametrize("columns", [24, 36, 80])
def test_legend_of_one_row_keeps_esc_at_any_width(columns: int) -> None:
    (row,) = legend_rows(Size(rows=12, columns=columns))
    assert row.startswith("Enter resume · ")
    assert row.endswith(" · Esc")
    assert len(row) < columns


def test_legend_in_two_rows_has_the_keys_of_the_session_first() -> None:
    assert legend_rows(Size(rows=24, columns=80)) == [
        "Enter resume · d trash · r rename · f fork",
        "/ filter · Tab search text · ^A all folders · Esc",
    ]
    assert len(legend_rows(Size(rows=24, columns=120))) == 1


@pytest.mark.parametrize(
    ("is_own", "most", "others"),
    [
        (True, ("resume", True), [("resume", False), ("list them", False), ("", True)]),
        (False, ("import and resume", False), [("", False)]),
    ],
)
def test_legend_of_every_mode_fits_into_the_rows_that_are_kept_free(
    most: tuple[str, bool], others: list[tuple[str, bool]], *, is_own: bool
) -> None:
    for columns in range(20, 121):
        size = Size(rows=24, columns=columns)
        kept = len(legend_rows(size, enter=most[0], can_change=most[1], is_own=is_own))
        flags = itertools.product((Mode.BROWSE, Mode.FILTER), (True, False), (True, False), [most, *others])
        for mode, is_search, is_all, (enter, can_change) in flags:
            keys = legend_rows(
                size, mode, is_search=is_search, is_all=is_all, enter=enter, can_change=can_change, is_own=is_own
            )
            assert len(keys) <= kept
            assert all(len(row) < columns for row in keys)
            assert keys[-1].endswith("Esc")


@pytest.mark.parametrize("rows", [12, 24])
@pytest.mark.parametrize("mode", [Mode.BROWSE, Mode.FILTER])
def test_legend_of_an_empty_list_has_no_keys_for_a_session(rows: int, mode: Mode) -> None:
    legend = " ".join(legend_rows(Size(rows=rows, columns=80), mode, enter=""))
    assert legend.endswith("Esc")
    assert "Tab search text" in legend
    assert not [word for word in ("Enter", "trash", "rename", "fork") if word in legend]


def test_legend_of_a_row_that_cannot_be_changed_keeps_the_other_keys_in_place() -> None:
    size = Size(rows=24, columns=80)
    rows = legend_rows(size, enter="list them", can_change=False)
    assert rows == ["Enter list them", legend_rows(size)[1]]


def test_legend_of_other_tools_has_only_keys_that_work() -> None:
    for rows in (12, 24):
        (legend,) = legend_rows(Size(rows=rows, columns=80), enter="import and resume", can_change=False, is_own=False)
        assert legend in {"Enter import and resume · / filter · Esc", "Enter import and resume · Esc"}


LONG = "Why does the parser of the configuration lose the last line of a file?"


@pytest.fixture
def foreign(private_home: Path) -> Path:
    """A session of Claude Code for the working directory, with a long title."""
    path = claude_session(Path.cwd(), private_home)
    path.write_text(path.read_text().replace("Asked in work", LONG))
    return path


@pytest.mark.usefixtures("foreign")
async def test_list_of_other_tools_has_long_titles_and_only_keys_that_work(stage: SetStage) -> None:
    async with stage() as shell:
        await open_picker(shell)
        await shell.see("1 from Claude Code here …")
        shell.type("\x1b[F")
        await wait_for_row(shell, "Enter list them")
        await wait_for_row(shell, f"Claude Code · {LONG[:36]}")
        assert LEGEND not in "\n".join(shell.terminal.screen)
        shell.type("d")
        await shell.see("This row lists the sessions of other tools.")
        shell.type("\r")
        await wait_for_row(shell, "Enter import and resume · / filter · Esc")
        await shell.see(f"Claude Code · {LONG[:36]}")
        shell.type("\x04")
        await shell.see("This session belongs to another tool.")
        shell.type("file")
        await wait_for_row(shell, "find: file")
        await shell.see("1 of 1")
        shell.type("xyz")
        await wait_for_row(shell, "No sessions match.")


@pytest.mark.usefixtures("foreign")
async def test_row_of_other_tools_appears_late_below_rows_that_stay(
    stage: SetStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, look = threading.Event(), peek.offers

    def look_late(*arguments: Any) -> list[Glimpse]:
        assert may_end.wait(30)
        return look(*arguments)

    monkeypatch.setattr(peek, "offers", look_late)
    async with stage() as shell:
        await open_picker(shell)
        shell.type("\x1b[B")
        await wait_for_row(shell, "── a1b2ffff")
        await wait_for_row(shell, " 3  a1b2c3d4")
        before = [row[:40] for row in shell.terminal.screen[1:4]]  # without counts, which may still be read
        may_end.set()
        await shell.see("1 from Claude Code here …")
        assert [row[:40] for row in shell.terminal.screen[1:4]] == before
        assert shell.terminal.screen[4].endswith("1 from Claude Code here …")
        await wait_for_row(shell, "── a1b2ffff")


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("is_read", [True, False])
async def test_session_of_another_tool_whose_end_cannot_be_read_alone_is_not_shown_as_empty(
    stage: SetStage, monkeypatch: pytest.MonkeyPatch, *, is_read: bool
) -> None:
    if not is_read:
        monkeypatch.setattr(peek, "ending", lambda _: ())
    async with stage() as shell:
        await open_picker(shell)
        await shell.see("1 from Claude Code here …")
        shell.type("\x1b[F\r")
        expected = f"> {LONG}" if is_read else "This session has not been read yet. Press Enter to import a copy of it."
        await wait_for_row(shell, expected)


@pytest.mark.usefixtures("foreign")
async def test_picker_without_own_sessions_shows_those_of_other_tools(
    stage: SetStage, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, look = threading.Event(), peek.offers

    def look_late(*arguments: Any) -> list[Glimpse]:
        assert may_end.wait(30)
        return look(*arguments)

    monkeypatch.setattr(peek, "offers", look_late)
    for session in (FIRST, SECOND, THIRD):
        await SessionLibrary(sessions_dir).delete(session)
    async with stage() as shell:
        shell.type("/resume\r")
        await wait_for_row(shell, "Reading sessions…")
        may_end.set()
        await shell.see("1 from Claude Code here …")

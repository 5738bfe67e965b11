"""/resume without an argument, with a view that lets a session be picked; and what can be done to one meanwhile."""

from __future__ import annotations

from pathlib import Path

from commands.dispatch import dispatch
from commands.session_browser import Choice, SessionBrowser
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, SECOND, THIRD, save


async def test_what_is_picked_is_gone_on_in_and_its_row_is_a_number(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)

    async def oldest(shelf: SessionBrowser) -> Choice:
        titles = await shelf.titles()
        shelf.number(titles)
        return Choice(titles[-1].id)

    stage = bench()
    stage.view.picks = oldest
    await dispatch("/resume", stage.context)
    assert stage.memory.session_id == FIRST
    assert stage.view.of("sessions") == []
    assert stage.context.rows == [SECOND, FIRST]


async def test_a_fork_is_a_copy_and_leaves_the_other_alone(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    text = path.read_bytes()

    async def fork(_shelf: SessionBrowser) -> Choice:
        return Choice(FIRST, fork=True)

    stage = bench(answer("Six."))
    stage.view.picks = fork
    await dispatch("/resume", stage.context)
    assert "a copy of a1b2c3d4" in str(stage.view.of("info")[-1])
    await dispatch("And 3+3?", stage.context)
    saved = await stage.memory.library.load(stage.memory.session_id)
    assert (saved.forked_from, len(saved.messages)) == (FIRST, 6)
    assert path.read_bytes() == text


async def test_what_was_done_meanwhile_shows_in_the_rows(bench: SetUp, sessions_dir: Path) -> None:
    for day, session_id in enumerate((FIRST, SECOND, THIRD), 1):
        save(sessions_dir, session_id, day=day)

    async def tidy_up(shelf: SessionBrowser) -> None:
        await shelf.rename(FIRST, "Sums")
        assert "brings it back" in await shelf.trash(SECOND)

    stage = bench()
    stage.view.picks = tidy_up
    await dispatch("/resume", stage.context)
    assert stage.view.of("sessions") == [[THIRD, FIRST]]
    assert stage.context.rows == [THIRD, FIRST]
    rows = await stage.memory.library.list_sessions()
    assert [row.title for row in rows] == ["What is 2+2?", "Sums"]


async def test_a_shelf_tells_how_sessions_begin_and_end(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    shelf = SessionBrowser(bench().memory)
    assert await shelf.first_questions() == {FIRST: "What is 2+2?"}
    assert (await shelf.ending(FIRST))[-1].content == "It is\n4.\n"

"""/resume with a picker, and the actions of the picker."""

from __future__ import annotations

from pathlib import Path

from aloop.formatting import ignore_progress
from aloop.memory.sessions_dir.registry import Registry, project_of
from commands.dispatch import dispatch
from commands.session_browser import Choice, SessionBrowser
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, SECOND, THIRD, save


async def test_picked_session_is_resumed_and_rows_are_numbered(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)

    async def oldest(browser: SessionBrowser) -> Choice:
        titles = await browser.titles()
        browser.number(titles)
        return Choice(titles[-1].id)

    stage = bench()
    stage.view.picks = oldest
    await dispatch("/resume", stage.context)
    assert stage.memory.session_id == FIRST
    assert stage.view.of("sessions") == []
    assert stage.context.rows == [SECOND, FIRST]


async def test_picked_fork_is_a_copy_and_leaves_the_original_alone(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    text = path.read_bytes()

    async def fork(_browser: SessionBrowser) -> Choice:
        return Choice(FIRST, fork=True)

    stage = bench(answer("Six."))
    stage.view.picks = fork
    await dispatch("/resume", stage.context)
    assert "a copy of a1b2c3d4" in str(stage.view.of("info")[-1])
    await dispatch("And 3+3?", stage.context)
    saved = await stage.memory.library.load(stage.memory.session_id)
    assert (saved.forked_from, len(saved.messages)) == (FIRST, 6)
    assert path.read_bytes() == text


async def test_rows_reflect_renames_and_deletions_in_the_picker(bench: SetUp, sessions_dir: Path) -> None:
    for day, session_id in enumerate((FIRST, SECOND, THIRD), 1):
        save(sessions_dir, session_id, day=day)

    async def tidy_up(browser: SessionBrowser) -> None:
        await browser.rename(FIRST, "Sums")
        assert "restores it" in await browser.trash(SECOND)

    stage = bench()
    stage.view.picks = tidy_up
    await dispatch("/resume", stage.context)
    assert stage.view.of("sessions") == [[THIRD, FIRST]]
    assert stage.context.rows == [THIRD, FIRST]
    rows = await stage.memory.library.list_sessions()
    assert [row.title for row in rows] == ["What is 2+2?", "Sums"]


async def test_browser_returns_first_questions_and_endings(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    browser = SessionBrowser(bench().memory)
    assert await browser.first_questions() == {FIRST: "What is 2+2?"}
    [title] = await browser.titles()
    assert (await browser.ending(title))[-1].content == "It is\n4.\n"


async def test_sessions_of_other_projects_are_listed_searched_and_read(
    bench: SetUp, sessions_dir: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / ".aloop" / "sessions"
    save(sessions_dir, FIRST, day=2)
    save(other, FIRST, day=1, says="A copy")  # with the same ID
    save(other, SECOND, day=3)
    for folder in (sessions_dir, other, tmp_path / "gone"):
        Registry.of_user().add(folder)
    browser = SessionBrowser(bench().memory)
    second, copy = await browser.titles_elsewhere()
    [own] = await browser.titles()
    assert [(title.id, title.sessions_dir) for title in (second, copy)] == [(SECOND, other), (FIRST, other)]
    assert copy.key != own.key
    assert [browser.project(title) for title in (copy, own)] == [
        str(tmp_path / "other"),
        str(project_of(sessions_dir)),
    ]
    assert (await browser.ending(copy))[0].content == "A copy"
    found = await browser.details([own, copy, second])
    assert {key: row.message_count for key, row in found.items()} == {own.key: 4, copy.key: 4, second.key: 4}
    assert [key async for key, _ in browser.search("copy", ignore_progress, everywhere=True)] == [copy.key]
    assert [key async for key, _ in browser.search("copy", ignore_progress)] == []
    assert {key async for key, _ in browser.search("it is", ignore_progress, everywhere=True)} == set(found)

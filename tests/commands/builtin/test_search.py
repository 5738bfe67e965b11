from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aloop.memory import library
from commands import progress
from commands.context import Context
from commands.dispatch import dispatch
from commands.pages import Page
from tests.commands.conftest import RecordingView, SetUp
from tests.saved_sessions import FIRST, SECOND, break_session, save


async def test_matches_are_rows_with_the_newest_session_first(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1, says="About the sea")
    save(sessions_dir, SECOND, day=2, says="About the SEA, again")
    stage = bench()
    await dispatch("/search sea about", stage.context)
    assert stage.view.of("hit") == [(1, SECOND, 1, True), (2, FIRST, 1, True)]
    assert stage.context.rows == [SECOND, FIRST]
    assert "/resume 1 to 2" in str(stage.view.of("info")[-1])


async def test_resuming_a_match_shows_its_message(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch('/search "it is 4."', stage.context)
    await dispatch("/resume 1", stage.context)
    assert stage.view.of("place") == [(FIRST, 4)]
    assert stage.view.of("exchanges") == []
    assert stage.memory.session_id == FIRST


async def test_row_of_a_later_list_has_no_match(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch("/search 2+2", stage.context)
    await dispatch("/history", stage.context)
    await dispatch("/resume 1", stage.context)
    assert stage.view.of("place") == []
    assert len(stage.view.of("exchanges")) == 1


async def test_session_takes_three_rows_with_a_note_for_the_rest(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, says="4")
    stage = bench()
    session = await stage.memory.library.load(FIRST)
    await stage.memory.resume(FIRST)
    for _ in range(3):
        await stage.memory.add_message(session.messages[0])
    await stage.memory.save_memory()
    await dispatch("/search 4", stage.context)
    # Text of user and model comes first: message 3 is the result of a tool.
    assert stage.view.of("hit") == [(1, FIRST, 1, True), (2, FIRST, 4, False), (3, FIRST, 5, False)]
    assert "3 more in this session; /history a1b2c3d4" in str(stage.view.of("info")[0])


@pytest.mark.parametrize("line", ["/search", '/search ""'])
async def test_search_without_words_does_nothing(bench: SetUp, sessions_dir: Path, line: str) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(line, stage.context)
    assert stage.view.of("hit") == []
    assert stage.view.shown


async def test_search_without_matches_shows_a_message(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/search needle", stage.context)
    assert stage.view.of("info") == ["No matches."]


async def test_search_continues_past_a_broken_session(bench: SetUp, sessions_dir: Path) -> None:
    break_session(sessions_dir)
    save(sessions_dir, FIRST, says="a quote")
    stage = bench()
    await dispatch("/search quote", stage.context)
    assert [row[2] for row in stage.view.of("hit")] == [0, 1]  # type: ignore[index] # a tuple each


class InterruptingView(RecordingView):
    """Presses Ctrl-C when the first match is shown."""

    async def show(self, page: Page) -> None:
        await super().show(page)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()


async def test_ctrl_c_stops_the_search_and_keeps_the_results(
    bench: SetUp, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "SLICE", 0)
    for number in range(9):
        save(sessions_dir, f"{number:08}-5678-40ab-8def-1234567890ab", day=number + 1)
    stage = bench()
    stage.context.view = view = InterruptingView()
    outcome = await asyncio.create_task(_search(stage.context))
    assert outcome == ""
    assert 0 < len(stage.context.rows) < 9
    assert str(view.of("info")[-1]).startswith("Stopped. /resume 1")


async def _search(context: Context) -> str:
    return (await dispatch("/search calculator", context)).prefill


async def test_long_search_shows_how_far_it_is(
    bench: SetUp, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch("/search nowhere", stage.context)
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0)
    await dispatch("/search nowhere", stage.context)
    assert stage.view.of("working") == ["", f"searching {'█' * 28} 100%  1 of 1 sessions"]

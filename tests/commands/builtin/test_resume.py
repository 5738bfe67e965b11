from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.errors import StorageError, UsageError
from aloop.export.targets import deliver, to_tool
from aloop.importers import peek
from aloop.importers.peek import Glimpse
from aloop.importers.storing import sizes
from aloop.llm.message_types import LLMMessage
from aloop.memory import SessionLibrary, SessionTitle
from aloop.memory.projects import Place
from commands.builtin.resume import last_exchanges
from commands.dispatch import dispatch
from commands.registry import Next
from commands.session_browser import ROW, BrowserWithImports, Choice, ForeignBrowser, SessionBrowser
from tests.agent.scripted import answer
from tests.cli.exchange.test_import import claude_session
from tests.commands.conftest import SetUp, store
from tests.saved_sessions import FIRST, SECOND, THIRD, break_session, open_elsewhere, save


async def test_resume_without_an_argument_lists_recent_sessions_newest_first(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)
    stage = bench()
    await dispatch("/resume", stage.context)
    assert stage.view.of("sessions") == [[SECOND, FIRST]]
    assert stage.context.rows == [SECOND, FIRST]


async def test_resume_without_sessions_shows_a_message(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/resume", stage.context)
    assert "No sessions are saved" in str(stage.view.of("info")[0])


async def test_resume_lists_at_most_twenty_sessions(bench: SetUp, sessions_dir: Path) -> None:
    for number in range(22):
        save(sessions_dir, f"{number:08}-5678-40ab-8def-1234567890ab", day=number + 1)
    stage = bench()
    await dispatch("/resume", stage.context)
    assert len(stage.context.rows) == 20


@pytest.mark.parametrize("typed", [FIRST, FIRST[:8], "a1b2c", "A1B2C3"])
async def test_unique_prefix_in_any_case_opens_the_session(bench: SetUp, sessions_dir: Path, typed: str) -> None:
    save(sessions_dir, FIRST)
    save(sessions_dir, SECOND)
    stage = bench()
    await dispatch(f"/resume {typed}", stage.context)
    assert stage.memory.session_id == FIRST
    assert stage.view.of("info")[-1] == "Resumed a1b2c3d4 · 4 messages"


async def test_resume_shows_the_last_two_exchanges(bench: SetUp, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "one", "two", "three")
    stage = bench()
    await dispatch(f"/resume {session_id}", stage.context)
    assert stage.view.of("exchanges") == [["two", "answer to two", "three", "answer to three"]]


async def test_conversation_continues_in_the_resumed_session(bench: SetUp, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "one")
    stage = bench(answer("Sure."))
    await dispatch(f"/resume {session_id[:8]}", stage.context)
    await dispatch("continue", stage.context)
    saved = await stage.memory.library.load(session_id)
    assert [message.content for message in saved.messages] == ["one", "answer to one", "continue", "Sure."]


@pytest.mark.parametrize("words", ["Question 301", "parser", "café (2)"])
async def test_words_that_are_not_an_id_filter_the_picker(bench: SetUp, sessions_dir: Path, words: str) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    filters: list[str] = []

    async def pick_first(browser: SessionBrowser) -> Choice | None:
        filters.append(browser.words)
        return Choice((await browser.titles())[0].id)

    stage.view.picks = pick_first
    await dispatch(f"/resume {words}", stage.context)
    assert filters == [words]
    assert stage.memory.session_id == FIRST


@pytest.mark.parametrize("wanted", ["c0ffee", "0-0", "bad"])
async def test_unknown_id_is_an_error_and_not_a_filter(bench: SetUp, sessions_dir: Path, wanted: str) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/resume {wanted}", stage.context)
    assert f"No session matches '{wanted}'" in str(stage.view.of("error")[-1])


async def test_words_without_a_picker_are_an_error_with_the_command_that_finds_them(
    bench: SetUp, sessions_dir: Path
) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch("/resume Question 301", stage.context)
    advice = "/search Question 301 finds sessions with these words."
    assert stage.view.of("error") == [f"'Question 301' is not a session ID. {advice}"]
    assert stage.view.of("sessions") == []
    await dispatch("/history Question 301", stage.context)
    assert "To find words, use /search" in str(stage.view.of("error")[-1])


async def test_number_is_a_row_of_the_last_list(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)
    stage = bench()
    await dispatch("/resume", stage.context)
    await dispatch("/resume 2", stage.context)
    assert stage.memory.session_id == FIRST


async def test_row_stays_bound_to_the_session_it_showed(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    stage = bench()
    await dispatch("/resume", stage.context)
    save(sessions_dir, SECOND, day=2)
    await dispatch("/resume 1", stage.context)
    assert stage.memory.session_id == FIRST


async def test_rows_of_history_can_be_resumed(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch("/history", stage.context)
    await dispatch("/resume 1", stage.context)
    assert stage.memory.session_id == FIRST


async def test_row_that_was_not_shown_changes_nothing(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    before = stage.memory.session_id
    await dispatch("/resume 1", stage.context)
    await dispatch("/resume", stage.context)
    await dispatch("/resume 7", stage.context)
    assert stage.memory.session_id == before
    no_list, no_row = map(str, stage.view.of("error"))
    assert no_list.startswith("Row 1 does not exist, because no list")
    assert no_row.startswith("Row 7 does not exist: the last list has 1 ")


async def test_four_digits_are_an_id_prefix(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, "12345678-5678-40ab-8def-1234567890ab")
    stage = bench()
    await dispatch("/resume 1234", stage.context)
    assert stage.memory.session_id.startswith("12345678")


async def test_ambiguous_prefix_lists_the_candidates_as_rows(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)
    save(sessions_dir, THIRD, day=3)
    stage = bench()
    before = stage.memory.session_id
    await dispatch("/resume a1b2", stage.context)
    assert stage.memory.session_id == before
    assert "2 sessions match 'a1b2'" in str(stage.view.of("error")[0])
    assert stage.view.of("sessions") == [[SECOND, FIRST]]
    await dispatch("/resume 2", stage.context)
    assert stage.memory.session_id == FIRST


async def test_broken_session_reports_its_position_and_keeps_the_open_one(bench: SetUp, sessions_dir: Path) -> None:
    path = break_session(sessions_dir)
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    before = stage.memory.session_id
    await dispatch("/resume 0badcafe", stage.context)
    assert str(stage.view.of("error")[0]).startswith(f"{path}:")
    assert (stage.memory.session_id, stage.memory.message_count) == (before, 2)


def test_last_exchanges_begin_with_a_question() -> None:
    talk = [LLMMessage("user", "a"), LLMMessage("assistant", "b"), LLMMessage("user", "c")]
    assert last_exchanges(talk, 1) == talk[2:]
    assert last_exchanges(talk, 5) == talk
    assert last_exchanges([], 2) == []


async def test_session_open_in_another_shell_is_offered_as_a_copy(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    text = path.read_bytes()
    stage = bench(answer("Six."), hold=True)
    with open_elsewhere(sessions_dir, FIRST) as process:
        await dispatch("/resume a1b2", stage.context)
        (question,) = stage.view.of("confirm")
        assert str(question).startswith(f"Session a1b2c3d4 is open in another aloop (process {process}, since ")
        assert str(question).endswith(" Open a copy?")
        await dispatch("And 3+3?", stage.context)
    assert stage.memory.session_id != FIRST
    copy = await stage.memory.library.load(stage.memory.session_id)
    assert (copy.forked_from, len(copy.messages)) == (FIRST, 6)
    assert path.read_bytes() == text


async def test_declined_copy_keeps_the_open_session(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench(hold=True)
    stage.view.agrees = False
    before = stage.memory.session_id
    with open_elsewhere(sessions_dir, FIRST):
        await dispatch("/resume a1b2", stage.context)
    assert stage.memory.session_id == before
    assert stage.view.of("info") == ["Nothing was changed."]


async def test_row_selects_among_sessions_with_the_same_id(bench: SetUp, sessions_dir: Path) -> None:
    original = save(sessions_dir, FIRST, day=2, says="the original").parent
    copy = sessions_dir / "2025-01-02_a1b2c3d4-old"
    shutil.copytree(original, copy)
    (copy / "session.yaml").write_text((original / "session.yaml").read_text().replace("the original", "the copy"))
    stage = bench()
    await dispatch("/resume", stage.context)
    row = 1 + stage.context.rows.index(copy.name)
    await dispatch(f"/resume {row}", stage.context)
    assert "Open a copy?" in str(stage.view.of("confirm"))
    assert stage.memory.messages[0].content == "the copy"
    await dispatch(f"/delete {row}", stage.context)
    assert (original.exists(), copy.exists()) == (True, False)
    assert f"/restore {copy.name} restores it" in str(stage.view.of("info")[-1])


@pytest.fixture
def foreign(private_home: Path) -> Path:
    """A session of Claude Code for the working directory."""
    return claude_session(Path.cwd(), private_home)


async def all_rows(browser: SessionBrowser) -> list[SessionTitle]:
    """Return the rows as the picker gets them."""
    own = await browser.titles()
    return [*own, *filter(None, [await browser.last_row()])]


async def last_row(browser: SessionBrowser) -> Choice:
    return Choice((await all_rows(browser))[-1].id)


async def test_last_row_imports_a_session_of_another_tool_without_announcing_it(
    bench: SetUp, sessions_dir: Path, foreign: Path
) -> None:
    save(sessions_dir, FIRST)
    rows: list[list[str]] = []
    before = foreign.read_bytes()

    async def last(browser: SessionBrowser) -> Choice:
        titles = await all_rows(browser)
        rows.append([title.title for title in titles])
        return Choice(titles[-1].id)

    stage = bench()
    stage.view.picks = last
    await dispatch("/resume", stage.context)
    assert rows == [["What is 2+2?", "1 from Claude Code here …"], ["Claude Code · Asked in work"]]
    assert stage.view.of("announce") == []  # the user has just chosen it
    assert [message.content for message in stage.memory.messages][1:] == ["Asked in work"]
    assert "Imported 1 message from Claude Code." in str(stage.view.of("info"))
    assert foreign.read_bytes() == before
    rows.clear()
    stage.view.picks = last
    await dispatch("/resume", stage.context)
    assert "1 from Claude Code here …" not in rows[0]


async def test_session_of_a_tool_that_is_in_the_project_is_announced(bench: SetUp) -> None:
    Path(".aider.chat.history.md").write_text("\n# aider chat started at 2026-01-22 17:51:04\n\n#### Hi\n\nHello.\n")
    stage = bench()
    stage.view.picks = last_row
    await dispatch("/resume", stage.context)
    [notice] = stage.view.of("announce")
    assert "was not written by your aloop" in str(notice)


@pytest.mark.usefixtures("foreign")
async def test_choosing_an_import_does_not_report_that_no_session_is_saved(bench: SetUp, sessions_dir: Path) -> None:
    async def last(browser: SessionBrowser) -> Choice:
        browser.was_shown = True
        return Choice((await all_rows(browser))[-1].id)

    stage = bench()
    stage.view.picks = last
    await dispatch("/resume", stage.context)
    assert stage.memory.message_count == 2
    assert "No sessions are saved" not in str(stage.view.of("info"))


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("has_own", [False, True])
async def test_list_without_a_picker_names_the_sessions_of_other_tools(
    bench: SetUp, sessions_dir: Path, *, has_own: bool
) -> None:
    if has_own:
        save(sessions_dir, FIRST)
    stage = bench()
    await dispatch("/resume", stage.context)
    hint = "Other tools have sessions here: 1 from Claude Code. `aloop import` in a shell imports them."
    assert stage.view.of("info")[-1] == hint
    assert stage.context.rows == ([FIRST] if has_own else [])


@pytest.mark.usefixtures("foreign")
async def test_imported_session_that_is_not_resumed_is_reported_as_saved(
    bench: SetUp, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def last(browser: SessionBrowser) -> Choice:
        return Choice((await all_rows(browser))[-1].id)

    async def decline(_notice: str, _question: str) -> bool:
        return False

    stage = bench()
    stage.view.picks = last
    monkeypatch.setattr(stage.context.trust, "remember", fail)
    monkeypatch.setattr(stage.view, "announce", decline)
    await dispatch("/resume", stage.context)
    [title] = await SessionLibrary(sessions_dir).list_titles()
    short = title.id[:8]
    assert stage.memory.message_count == 0
    assert stage.view.of("error") == ["Disk full"]
    assert stage.view.of("info") == [
        "Imported 1 message from Claude Code. The other tool's files were not changed.",
        f"Session {short} is saved, but was not resumed. /resume {short} opens it.",
    ]


def fail(**_entries: object) -> None:
    raise StorageError("Disk full", Path())


@pytest.mark.usefixtures("foreign")
async def test_row_of_other_tools_can_be_neither_deleted_nor_renamed(bench: SetUp) -> None:
    browser = BrowserWithImports(bench().memory, 20)
    browser.number(await all_rows(browser))
    assert browser.rows == []
    for action in (browser.trash(ROW), browser.rename(ROW, "x")):
        with pytest.raises(UsageError, match="Press Enter to open the list"):
            await action
    others = ForeignBrowser(bench().memory, browser.found)
    with pytest.raises(UsageError, match="does not change its files"):
        await others.trash(browser.found[0].session_id)
    assert [message.content for message in await others.ending((await others.titles())[0])] == ["Asked in work"]


async def test_session_of_another_tool_that_is_too_large_is_not_taken_in(
    bench: SetUp, monkeypatch: pytest.MonkeyPatch, sessions_dir: Path, private_home: Path
) -> None:
    claude_session(Path.cwd(), private_home)
    browser = BrowserWithImports(bench().memory, 20)
    await all_rows(browser)
    monkeypatch.setattr(sizes, "max_session_size", lambda: 100)
    with pytest.raises(UsageError, match="Not imported: the session would be 1 MB, more than the limit of 0 MB"):
        await ForeignBrowser(bench().memory, browser.found).take_in(browser.found[0].session_id)
    assert not list(sessions_dir.glob("2*"))


async def test_export_that_was_continued_is_in_the_last_row_until_it_is_taken_back(
    bench: SetUp, sessions_dir: Path
) -> None:
    session_id = await store(sessions_dir, "one")
    session = await SessionLibrary(sessions_dir).load(session_id)
    path = deliver(to_tool(session, "codex", Path.cwd()), Path(".aloop/sessions"))
    browser = BrowserWithImports(bench().memory, 20)
    assert [title.id for title in await all_rows(browser)] == [session_id]
    more = (LLMMessage("user", "And there?"), LLMMessage("assistant", "Yes."))
    path.write_text(to_tool(replace(session, messages=(*session.messages, *more)), "codex", Path.cwd()).text)
    assert [title.id for title in await all_rows(browser)] == [session_id, ROW]
    foreign = ForeignBrowser(bench().memory, browser.found)
    taken, sentence = await foreign.take_in(browser.found[0].session_id)
    assert (taken, sentence) == (session_id, "Added 2 messages from Codex to the session that was exported there.")
    assert [title.id for title in await all_rows(browser)] == [session_id]


async def test_search_for_sessions_of_other_tools_ends_with_its_picker(
    bench: SetUp, sessions_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def search(_sessions_dir: Path, is_wanted: Callable[[], bool]) -> list[Glimpse]:
        begun.set()
        while is_wanted():
            ended.wait(0.001)
        ended.set()
        return []

    monkeypatch.setattr(peek, "offers", search)
    session_id = await store(sessions_dir, "one")
    browser = BrowserWithImports(bench().memory, 20)
    titles = await browser.titles()
    assert [title.id for title in titles] == [session_id]
    looking = asyncio.create_task(browser.last_row())
    assert await asyncio.to_thread(begun.wait, 10)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert await asyncio.to_thread(ended.wait, 10)


async def test_picker_closed_before_the_sessions_were_read_leaves_no_list(bench: SetUp, sessions_dir: Path) -> None:
    session_id = await store(sessions_dir, "one")
    stage = bench()

    async def close_at_once(browser: SessionBrowser) -> None:
        browser.was_shown = True

    stage.view.picks = close_at_once
    await dispatch("/resume", stage.context)
    assert stage.view.shown == []
    assert stage.context.rows == [session_id]


@pytest.mark.parametrize("agrees", [True, False])
async def test_session_of_another_project_is_resumed_there_after_a_question(
    bench: SetUp, tmp_path: Path, *, agrees: bool
) -> None:
    folder = tmp_path / "other" / ".aloop" / "sessions"
    save(folder, FIRST)

    async def pick(_browser: SessionBrowser) -> Choice:
        return Choice(FIRST, sessions_dir=folder)

    stage = bench()
    stage.view.picks, stage.view.agrees = pick, agrees
    outcome = await dispatch("/resume", stage.context)
    question = f"Session a1b2c3d4 is in {tmp_path / 'other'}. Change to that folder and resume it?"
    assert stage.view.of("confirm") == [question]
    assert outcome.place == (Place(FIRST, folder) if agrees else None)
    assert outcome.next is (Next.LEAVE if agrees else Next.READ)
    shutil.rmtree(tmp_path / "other")
    assert not (await dispatch("/resume", stage.context)).is_done
    assert "no longer exists" in str(stage.view.of("error")[-1])

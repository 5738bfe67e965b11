from __future__ import annotations

from pathlib import Path

from aloop.agent.instructions import plan_note, with_notes
from aloop.llm.message_types import LLMMessage
from commands.attachments import Attachment, with_attachments
from commands.dispatch import dispatch
from commands.pages import Questions
from repl.output.styled import to_text
from repl.pages.listing import question_lines
from repl.picker.message_picker import row_text
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, SECOND, THIRD, break_session, save


async def test_history_lists_all_sessions_including_broken_ones(bench: SetUp, sessions_dir: Path) -> None:
    for number in range(21):
        save(sessions_dir, f"{number:08}-5678-40ab-8def-1234567890ab", day=number + 1)
    break_session(sessions_dir)
    stage = bench()
    await dispatch("/history", stage.context)
    assert len(stage.context.rows) == 22
    assert any(row.startswith(THIRD[:8]) for row in stage.context.rows)


async def test_history_without_sessions_shows_a_message(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/history", stage.context)
    assert "No sessions are saved" in str(stage.view.of("info")[0])


async def test_history_shows_a_conversation_without_opening_it(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    before = stage.memory.session_id
    await dispatch("/history A1B2", stage.context)
    assert stage.view.of("conversation") == [FIRST]
    assert stage.memory.session_id == before


async def test_history_accepts_a_row_of_the_last_list(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)
    stage = bench()
    await dispatch("/history", stage.context)
    await dispatch("/history 2", stage.context)
    assert stage.view.of("conversation") == [FIRST]


async def test_history_with_an_ambiguous_prefix_lists_the_candidates(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)
    stage = bench()
    await dispatch("/history a1b2", stage.context)
    assert stage.view.of("sessions") == [[SECOND, FIRST]]
    assert stage.view.of("conversation") == []


async def test_history_shows_the_numbers_of_the_open_session(bench: SetUp) -> None:
    stage = bench()
    first = with_notes(with_attachments("one", [Attachment("file", "a.txt", "text")]), [plan_note(is_on=True)])
    for message in (LLMMessage("user", first), LLMMessage("assistant", "1"), LLMMessage("user", "two")):
        await stage.memory.add_message(message)
    await dispatch("/history", stage.context)
    assert [str(text).strip()[:13] for text in stage.view.of("info")] == ["Your messages", "Sessions:", "No sessions a"]
    assert stage.view.of("questions") == [[(1, "one"), (3, "two")]]


async def test_history_and_rewind_mark_skipped_messages(bench: SetUp) -> None:
    stage = bench()
    for message in (LLMMessage("user", "one", skip=True), LLMMessage("user", "two")):
        await stage.memory.add_message(message)
    for command in ("/history", "/rewind"):
        await dispatch(command, stage.context)
        page = next(page for page in reversed(stage.view.pages) if isinstance(page, Questions))
        stage.view.pages.clear()
        assert [row.is_skipped for row in page.rows] == [True, False]
        assert to_text(question_lines(page.rows, 80)) == "   1  (skipped) one\n   2  two\n"
        assert row_text(0, page.rows[0], 80) == "   1  (skipped) one"

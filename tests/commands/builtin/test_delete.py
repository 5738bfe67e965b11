from __future__ import annotations

from pathlib import Path

import pytest

from aloop.llm.message_types import LLMMessage
from commands.dispatch import dispatch
from tests.agent.scripted import answer
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, SECOND, THIRD, break_session, open_elsewhere, save


async def test_delete_moves_a_session_to_the_trash_after_a_question(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    stage = bench()
    await dispatch("/delete A1B2", stage.context)
    assert stage.view.of("confirm") == ["Delete session a1b2c3d4, “What is 2+2?”, 4 messages?"]
    assert "/restore a1b2c3d4" in str(stage.view.of("info")[0])
    assert not path.exists()


async def test_delete_does_nothing_unless_confirmed(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    stage = bench()
    stage.view.agrees = False
    await dispatch("/delete a1b2", stage.context)
    assert stage.view.of("info") == ["Nothing was deleted."]
    assert path.exists()


async def test_delete_accepts_a_row_of_the_last_list(bench: SetUp, sessions_dir: Path) -> None:
    kept = save(sessions_dir, FIRST, day=1)
    path = save(sessions_dir, SECOND, day=2)
    stage = bench()
    await dispatch("/history", stage.context)
    await dispatch("/delete 1", stage.context)
    assert not path.exists()
    assert kept.exists()


async def test_delete_of_a_row_of_the_trash_names_its_session(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch("/delete a1b2", stage.context)
    await dispatch("/trash", stage.context)
    await dispatch("/delete 1", stage.context)
    assert str(stage.view.of("error")[-1]).startswith(f"Row 1 of the last list is session {FIRST[:8]}, which is not")


async def test_delete_without_an_argument_replaces_the_open_session(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Hello."), answer("Hello again."), hold=True)
    await dispatch("Hi", stage.context)
    before = stage.memory.session_id
    await dispatch("/delete", stage.context)
    assert stage.memory.session_id != before
    assert stage.memory.message_count == 0
    assert "This is a new session." in str(stage.view.of("info")[-1])
    await dispatch("Hi again", stage.context)
    (left,) = await stage.memory.library.list_sessions()
    assert left.id == stage.memory.session_id


async def test_restored_session_includes_messages_of_a_failed_save(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench(answer("Hello."))
    await dispatch("Hi", stage.context)
    before = stage.memory.session_id
    await stage.memory.add_message(LLMMessage("user", "not saved yet"))
    await dispatch("/delete", stage.context)
    await dispatch(f"/restore {before}", stage.context)
    await dispatch(f"/resume {before}", stage.context)
    assert stage.memory.messages[-1].content == "not saved yet"


async def test_delete_of_a_new_session_does_nothing(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/delete", stage.context)
    assert stage.view.of("confirm") == []
    assert "nothing to delete" in str(stage.view.of("info")[0])


async def test_delete_refuses_a_prefix_of_three_characters(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    stage = bench()
    await dispatch("/delete a1b", stage.context)
    assert "at least 4 characters" in str(stage.view.of("error")[0])
    assert stage.view.of("confirm") == []
    assert path.exists()


async def test_delete_with_an_ambiguous_prefix_lists_the_candidates(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST, day=1)
    save(sessions_dir, SECOND, day=2)
    stage = bench()
    await dispatch("/delete a1b2", stage.context)
    assert stage.view.of("sessions") == [[SECOND, FIRST]]
    assert stage.view.of("confirm") == []


@pytest.mark.parametrize("line", ["/delete c0ffee", "/delete ../x"])
async def test_delete_of_a_missing_session_is_an_error(bench: SetUp, line: str) -> None:
    stage = bench()
    await dispatch(line, stage.context)
    assert len(stage.view.of("error")) == 1
    assert stage.view.of("confirm") == []


async def test_broken_session_can_be_deleted(bench: SetUp, sessions_dir: Path) -> None:
    path = break_session(sessions_dir)
    stage = bench()
    await dispatch(f"/delete {THIRD[:8]}", stage.context)
    assert "cannot be opened" in str(stage.view.of("confirm")[0])
    assert not path.exists()


async def test_session_open_in_another_shell_is_not_deleted(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    stage = bench()
    with open_elsewhere(sessions_dir, FIRST) as process:
        await dispatch(f"/delete {FIRST}", stage.context)
    assert f"process {process}" in str(stage.view.of("error")[0])
    assert path.exists()


async def test_delete_moves_the_renamed_open_session_not_its_replacement(
    bench: SetUp, sessions_dir: Path, tmp_path: Path
) -> None:
    place = save(sessions_dir, FIRST, says="the open one").parent
    renamed = place.rename(sessions_dir / "my-talk")
    stage = bench(hold=True)
    await dispatch("/resume a1b2", stage.context)
    save(sessions_dir, FIRST, says="the other one")  # as a checkout does
    await dispatch(f"/export md {tmp_path / 'talk.md'}", stage.context)
    assert "the open one" in (tmp_path / "talk.md").read_text()
    await dispatch("/delete", stage.context)
    assert (renamed.exists(), place.exists()) == (False, True)
    assert stage.memory.message_count == 0

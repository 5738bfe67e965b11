from __future__ import annotations

from pathlib import Path

import pytest

from commands.dispatch import dispatch
from tests.commands.conftest import SetUp
from tests.saved_sessions import FIRST, THIRD, save


async def test_trash_rows_can_be_restored(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    save(sessions_dir, THIRD)
    stage = bench()
    await dispatch(f"/delete {FIRST}", stage.context)
    await dispatch(f"/delete {THIRD}", stage.context)
    await dispatch("/trash", stage.context)
    assert stage.view.of("trash") == [[THIRD, FIRST]]
    await dispatch("/restore 2", stage.context)
    assert path.exists()
    assert stage.view.of("info")[-1] == "Restored a1b2c3d4; /resume a1b2c3d4 opens it."


@pytest.mark.parametrize("line", ["/trash", "/restore"])
async def test_empty_trash_shows_a_message(bench: SetUp, line: str) -> None:
    stage = bench()
    await dispatch(line, stage.context)
    assert stage.view.shown == [("info", "The trash is empty.")]


async def test_restore_without_an_argument_lists_the_trash(bench: SetUp, sessions_dir: Path) -> None:
    save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/delete {FIRST}", stage.context)
    await dispatch("/restore", stage.context)
    assert stage.view.of("trash") == [[FIRST]]


async def test_row_that_was_not_shown_names_the_trash_command(bench: SetUp) -> None:
    stage = bench()
    await dispatch("/restore 1", stage.context)
    assert str(stage.view.of("error")[0]).endswith("Run /trash to show one.")


async def test_restore_does_not_overwrite_a_session(bench: SetUp, sessions_dir: Path) -> None:
    path = save(sessions_dir, FIRST)
    stage = bench()
    await dispatch(f"/delete {FIRST}", stage.context)
    save(sessions_dir, FIRST, says="mine")
    await dispatch(f"/restore {FIRST}", stage.context)
    assert "Cannot restore session a1b2c3d4" in str(stage.view.of("error")[0])
    assert "mine" in path.read_text()


async def test_restore_by_row_selects_among_copies_of_a_session(bench: SetUp, sessions_dir: Path) -> None:
    stage = bench()
    for says in ("earlier", "later"):
        path = save(sessions_dir, FIRST, says=says)
        await dispatch(f"/delete {FIRST}", stage.context)
    await dispatch("/trash", stage.context)
    await dispatch("/restore 2", stage.context)
    assert "earlier" in path.read_text()

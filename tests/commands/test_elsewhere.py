"""``--resume ID`` of a session in another project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aloop.errors import SessionError
from aloop.memory.sessions_dir.registry import Registry
from commands.elsewhere import describe_place, find_elsewhere
from tests.saved_sessions import FIRST, SECOND, THIRD, save
from tests.test_main import run


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The sessions folder of another project, which the user has worked in."""
    folder = tmp_path / "other" / ".aloop" / "sessions"
    save(folder, FIRST)
    Registry.of_user().add(folder)
    return folder


def test_session_of_another_project_is_found(other: Path) -> None:
    place = find_elsewhere("a1b2")
    assert place is not None
    assert describe_place(place) == f"Session a1b2c3d4 is in {other.parents[1]}."


def test_session_here_takes_precedence(other: Path) -> None:
    save(Path.cwd() / ".aloop" / "sessions", SECOND)
    assert find_elsewhere("a1b2") is None


def test_session_that_the_user_has_not_written_is_not_offered(other: Path) -> None:
    shutil.copytree(other / "2025-01-01_a1b2c3d4", other / f"2025-01-01_{THIRD[:8]}")
    path = other / f"2025-01-01_{THIRD[:8]}" / "session.yaml"
    path.write_text(path.read_text().replace(FIRST, THIRD))
    assert find_elsewhere(THIRD) is None


def test_several_sessions_are_listed(other: Path) -> None:
    save(other, SECOND)
    with pytest.raises(SessionError, match=r"a1b2c3d4 in .*other, a1b2ffff in .*other"):
        find_elsewhere("a1b2")


def test_longer_prefix_is_advised_only_if_the_ids_differ(other: Path) -> None:
    clone = other.with_name("clone-of-it")
    shutil.copytree(other, clone)
    Registry.of_user().add(clone)
    for prefix in ("a1b2", FIRST):
        with pytest.raises(SessionError, match=r"Change to one of these folders\.$"):
            find_elsewhere(prefix)


def test_ids_are_listed_in_full_if_their_beginnings_are_the_same(other: Path) -> None:
    similar = FIRST[:-1] + ("0" if FIRST[-1] != "0" else "1")
    save(other.parents[2] / "second" / ".aloop" / "sessions", similar)
    Registry.of_user().add(other.parents[2] / "second" / ".aloop" / "sessions")
    with pytest.raises(SessionError, match=rf"{FIRST} in .*, or type more of the ID\.$") as error:
        find_elsewhere("a1b2")
    assert f"{similar} in " in str(error.value)


def test_task_names_the_project_of_the_session(other: Path) -> None:
    done = run(["--resume", "a1b2", "--task", "And now?", "--model", "offline"])
    assert done.returncode == 1
    assert f"Session a1b2c3d4 is in {other.parents[1]}. Run aloop there, or add --sessions-dir {other}." in done.stderr

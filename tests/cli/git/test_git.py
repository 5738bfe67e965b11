"""Sessions in real git repositories: setup, merge, rebase and cherry-pick."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.cli.git.merge_driver import MergeDriverOptions
from aloop.cli.git.setup import set_up
from aloop.errors import UsageError
from aloop.llm.message_types import LLMMessage
from aloop.memory import SessionLibrary
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.sessions_dir.folders import COMMITTED
from tests.memory.examples import ID, answer, call, result, session, user
from tests.saved_sessions import ask

BASE = session(user("Hi"), answer("Hello"))
OURS = (user("A?"), answer(None, call("a")), result("4", "a"), answer("Four."))
THEIRS = (user("B?"), answer(None, call("b")), result("5", "b"), answer("Five."))

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Run git in a new repository, without the settings of this computer."""
    root = tmp_path / "project"
    (root / ".aloop" / "sessions" / f"2025-01-31_{ID[:8]}").mkdir(parents=True)
    (root / ".aloop" / ".gitignore").write_text("*\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.com")
    # The driver must be this aloop, wherever the tests run.
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **way: None if name == "aloop" else which(name, **way))

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("init", "-q", "-b", "main")
    return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project" / ".aloop" / "sessions" / f"2025-01-31_{ID[:8]}" / "session.yaml"


def write(path: Path, *messages: LLMMessage) -> None:
    path.write_bytes(dump_session(replace(BASE, messages=messages)))


def commit(git: Git, path: Path, *messages: LLMMessage) -> None:
    write(path, *messages)
    git("add", "-A")
    git("commit", "-q", "-m", "a turn")


@pytest.fixture
def two_branches(git: Git, path: Path) -> Git:
    """A repository whose branches main and topic have each added a turn."""
    set_up(path.parents[1])
    commit(git, path, *BASE.messages)
    git("checkout", "-q", "-b", "topic")
    commit(git, path, *BASE.messages, *THEIRS)
    git("checkout", "-q", "main")
    commit(git, path, *BASE.messages, *OURS)
    return git


def test_setup_lets_git_see_session_files_only(git: Git, path: Path) -> None:
    assert len(set_up(path.parents[1])) == 4
    write(path, *BASE.messages)
    (path.parent / ".lock").touch()
    (path.parents[1] / ".index.yaml").touch()
    git("add", "-A")
    assert git("diff", "--cached", "--name-only").split() == [
        ".aloop/.gitignore",
        ".aloop/sessions/.gitattributes",
        ".aloop/sessions/.gitignore",
        f".aloop/sessions/2025-01-31_{ID[:8]}/session.yaml",
    ]


def test_setup_changes_nothing_the_second_time(git: Git, path: Path) -> None:
    set_up(path.parents[1])
    assert set_up(path.parents[1]) == []


def test_setup_keeps_rules_of_the_user_and_names_a_rule_that_still_hides_sessions(git: Git, path: Path) -> None:
    sessions = path.parents[1]
    (sessions.parent / ".gitignore").write_text("*.bak\n")
    (sessions / ".gitattributes").write_text("*.txt -diff")
    (sessions / ".gitignore").write_text(COMMITTED.replace("!/.gitattributes\n", "") + "/private/\n")
    (path.parents[3] / ".gitignore").write_text(".aloop/\n")
    assert set_up(sessions)[-1] == (
        "git still ignores the sessions because of the rule .gitignore:1:.aloop/. Remove it to commit them."
    )
    assert (sessions.parent / ".gitignore").read_text() == "*.bak\n"
    assert (sessions / ".gitattributes").read_text() == "*.txt -diff\nsession.yaml merge=aloop -text diff\n"
    assert (sessions / ".gitignore").read_text().endswith("/private/\n!/.gitattributes\n")


def test_setup_outside_of_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a git repository"):
        set_up(tmp_path)


def test_setup_prints_each_change(git: Git, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(path.parents[1], "git-setup") == 0
    assert "merge.aloop.driver set for this clone" in capsys.readouterr().out
    ask(path.parents[1], "git-setup")
    assert capsys.readouterr().out == "git was already set up for these sessions.\n"


def test_merge_joins_the_turns_of_both_branches(two_branches: Git, path: Path) -> None:
    two_branches("merge", "-q", "topic", "-m", "both")
    assert load_session(path.read_bytes(), path).messages == (*BASE.messages, *OURS, *THEIRS)


def test_rebase_puts_the_turn_of_the_branch_last(two_branches: Git, path: Path) -> None:
    two_branches("checkout", "-q", "topic")
    two_branches("rebase", "-q", "main")
    assert load_session(path.read_bytes(), path).messages == (*BASE.messages, *OURS, *THEIRS)


def test_merge_after_a_cherry_pick_keeps_each_turn_once(two_branches: Git, path: Path) -> None:
    two_branches("cherry-pick", "topic")
    two_branches("checkout", "-q", "topic")
    commit(two_branches, path, *BASE.messages, *THEIRS, user("C?"), answer("C."))
    two_branches("checkout", "-q", "main")
    two_branches("merge", "-q", "topic", "-m", "both")
    assert load_session(path.read_bytes(), path).messages == (*BASE.messages, *OURS, *THEIRS, user("C?"), answer("C."))


def test_same_message_changed_on_both_branches_stops_the_merge(two_branches: Git, path: Path) -> None:
    commit(two_branches, path, user("Hi!"), *BASE.messages[1:], *OURS)
    two_branches("checkout", "-q", "topic")
    commit(two_branches, path, user("Hey"), *BASE.messages[1:], *THEIRS)
    said = two_branches("merge", "-q", "main", code=1)
    assert f"2025-01-31_{ID[:8]}/session.yaml: 1 conflict. Edit the file, then run `git add`." in said
    assert path.read_text().count("<<<<<<< ") == 1


async def test_check_joins_what_a_merge_without_the_driver_left(
    two_branches: Git, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_branches("config", "--remove-section", "merge.aloop")
    two_branches("merge", "-q", "topic", code=1)
    assert "<<<<<<<" in path.read_text()
    library = SessionLibrary(path.parents[1])
    found = [finding for finding in await library.check(fix=True) if finding.line]
    assert all(finding.fixed for finding in found)
    assert "conflict markers of a merge" in found[0].message
    assert load_session(path.read_bytes(), path).messages == (*BASE.messages, *OURS, *THEIRS)
    assert "<<<<<<<" in next(path.parent.glob("session.before-*")).read_text()


def test_file_that_is_not_a_session_is_merged_as_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    texts = {"base": "id: [\na\nb\nc\n", "ours": "id: [\nA\nb\nc\n", "theirs": "id: [\na\nb\nC\n"}
    paths = {name: tmp_path / name for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text)
    base, ours, theirs = map(str, paths.values())
    options = MergeDriverOptions(base, ours, theirs, path="session.yaml")
    assert options.run() == 0
    assert paths["ours"].read_text() == "id: [\nA\nb\nC\n"
    assert "session.yaml: the version of this branch cannot be read: line 1" in capfd.readouterr().err


def test_driver_writes_markers_of_the_size_that_git_asks_for(tmp_path: Path) -> None:
    for name, text in (("base", "Hello"), ("ours", "one"), ("theirs", "two")):
        (tmp_path / name).write_bytes(dump_session(replace(BASE, messages=(user("Hi"), answer(text)))))
    command = [sys.executable, "-m", "aloop", "merge-driver", "--marker-size", "12", "base", "ours", "theirs"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 1
    assert f"\n{'<' * 12} ours\n" in (tmp_path / "ours").read_text()

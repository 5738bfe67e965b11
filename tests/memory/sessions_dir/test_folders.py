"""The sessions folder is private, and git ignores it until the user commits it."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session_folder.outputs import keep_output
from aloop.memory.sessions_dir.folders import make_private
from aloop.memory.sessions_dir.yaml_backend import YamlBackend
from tests.memory.examples import OTHER_ID
from tests.memory.folders import put


def test_new_aloop_folder_gets_a_gitignore(backend: YamlBackend, sessions_dir: Path) -> None:
    put(backend)
    assert (sessions_dir.parent / ".gitignore").read_text() == "*\n"


def test_existing_aloop_folder_gets_no_gitignore(backend: YamlBackend, sessions_dir: Path) -> None:
    sessions_dir.parent.mkdir()
    (sessions_dir.parent / "settings.toml").touch()
    put(backend)
    assert not (sessions_dir.parent / ".gitignore").exists()


def test_foreign_aloop_folder_is_made_private(sessions_dir: Path) -> None:
    sessions_dir.mkdir(parents=True)
    for folder in (sessions_dir.parent, sessions_dir):
        folder.chmod(0o755)
    assert len(make_private(SYSTEM, sessions_dir)) == 3
    assert [stat.S_IMODE(each.stat().st_mode) for each in (sessions_dir.parent, sessions_dir)] == [0o700, 0o700]
    assert (sessions_dir.parent / ".gitignore").read_text() == "*\n"
    assert make_private(SYSTEM, sessions_dir) == []


def test_sessions_folder_chosen_by_the_user_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    assert make_private(SYSTEM, folder) == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert not (tmp_path / ".gitignore").exists()


def test_committed_sessions_have_no_caches_and_locks(backend: YamlBackend, sessions_dir: Path) -> None:
    """As documented: delete .aloop/.gitignore to commit sessions."""
    path = put(backend)
    (sessions_dir.parent / ".gitignore").unlink()
    kept = keep_output(backend.fs, path.parent, "run_shell", "long")
    deleted = put(backend, OTHER_ID, 2)
    backend.delete(OTHER_ID)
    for name in (".lock", ".open", ".journal-1-abcdef01.yaml", "session.before-x.yaml", ".session.yaml.1-abcdef01.tmp"):
        (path.parent / name).touch()
    root = sessions_dir.parent.parent
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run(["git", "-C", root, "add", "."], check=True)
    listed = subprocess.run(["git", "-C", root, "ls-files"], check=True, capture_output=True, text=True).stdout
    folder = f".aloop/sessions/{path.parent.name}"
    assert listed.splitlines() == [
        ".aloop/sessions/.gitignore",
        f"{folder}/{kept.relative}",
        f"{folder}/session.yaml",
    ]
    assert not deleted.exists()

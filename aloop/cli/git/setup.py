"""``aloop sessions git-setup``: let git track sessions, and merge them with aloop."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aloop.errors import StorageError, UsageError
from aloop.formatting import display_path
from aloop.memory.disk.filesystem import SYSTEM, explained, write_atomic
from aloop.memory.session import FILE_NAME
from aloop.memory.sessions_dir.folders import ALOOP_FOLDER, COMMITTED, GITIGNORE
from aloop.sandbox.paths import find_user_program

_ATTRIBUTES = ".gitattributes"
_ATTRIBUTE = "session.yaml merge=aloop -text diff"
_NAME = "aloop: join the messages of both branches"
# A sample session, whose path git is asked about.
_SAMPLE = Path("2025-01-31_a1b2c3d4") / FILE_NAME


def set_up(sessions_dir: Path) -> list[str]:
    """Write the attributes, the ignore rules and the settings of the repository.

    Returns a sentence for each change. Raises UsageError without git or outside a repository, StorageError.
    """
    if not sessions_dir.is_dir():
        raise UsageError(f"{display_path(sessions_dir)} does not exist yet. Start a session first.")
    if _git(sessions_dir, "rev-parse", "--is-inside-work-tree") != "true":
        raise UsageError(
            f"{display_path(sessions_dir)} is not in a git repository. Run `git init` in the project first."
        )
    with explained("set up git", sessions_dir):
        done = [*_unhide(sessions_dir), *_put_rules(sessions_dir), *_put_attributes(sessions_dir)]
    return [*done, *_configure(sessions_dir), *_find_other_rules(sessions_dir)]


def _unhide(sessions_dir: Path) -> list[str]:
    """Let git see the sessions folder, but nothing else in ``.aloop``."""
    parent = sessions_dir.parent
    path = parent / GITIGNORE
    if parent.name != ALOOP_FOLDER or not SYSTEM.exists(path):
        return []
    wanted = f"/*\n!/{GITIGNORE}\n!/{sessions_dir.name}/\n"
    text = SYSTEM.read(path).decode(errors="replace")
    if text == wanted or not _hides_all(text):
        return []
    write_atomic(SYSTEM, path, [wanted.encode()])
    return [f"{display_path(path)}: git now sees the sessions, which it ignored before."]


def _hides_all(rules: str) -> bool:
    lines = [line.strip() for line in rules.splitlines() if line.strip() and not line.startswith("#")]
    return lines == ["*"]


def _put_rules(sessions_dir: Path) -> list[str]:
    path = sessions_dir / GITIGNORE
    rules = COMMITTED
    text = SYSTEM.read(path).decode(errors="replace") if SYSTEM.exists(path) else ""
    missing = [line for line in rules.splitlines() if line not in text.splitlines()]
    if not missing:
        return []
    new = rules if not text or "*" not in text.splitlines() else _extended(text, missing)
    write_atomic(SYSTEM, path, [new.encode()])
    return [f"{display_path(path)}: git commits only session files, images and the outputs of tools."]


def _extended(text: str, missing: Sequence[str]) -> str:
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}" + "".join(f"{line}\n" for line in missing)


def _put_attributes(sessions_dir: Path) -> list[str]:
    path = sessions_dir / _ATTRIBUTES
    text = SYSTEM.read(path).decode(errors="replace") if SYSTEM.exists(path) else ""
    if _ATTRIBUTE in text.splitlines():
        return []
    write_atomic(SYSTEM, path, [_extended(text, [_ATTRIBUTE]).encode() if text else f"{_ATTRIBUTE}\n".encode()])
    return [f"{display_path(path)}: git merges session files with aloop, and leaves their line endings as they are."]


def _configure(sessions_dir: Path) -> list[str]:
    command = f"{_program()} merge-driver --marker-size %L --path %P %O %A %B"
    wanted = {"merge.aloop.name": _NAME, "merge.aloop.driver": command}
    changed = []
    for key, value in wanted.items():
        if _git(sessions_dir, "config", "--local", "--get", key) != value:
            _require_git(sessions_dir, "config", "--local", key, value)
            changed.append(key)
    if not changed:
        return []
    return [f"git config: {' and '.join(changed)} set for this clone. Run this command in each other clone, too."]


def _program() -> str:
    """Return the command that starts this aloop, for a shell."""
    if shutil.which("aloop"):
        return "aloop"
    return f"{shlex.quote(sys.executable)} -m aloop"


def _find_other_rules(sessions_dir: Path) -> list[str]:
    """Return a sentence if another rule still hides the sessions from git."""
    rule = _git(sessions_dir, "check-ignore", "--verbose", "--no-index", str(sessions_dir / _SAMPLE))
    source = (rule or "").partition("\t")[0]
    pattern = source.rpartition(":")[2]
    if not rule or pattern.startswith("!"):
        return []
    return [f"git still ignores the sessions because of the rule {source}. Remove it to commit them."]


def count_untracked(sessions_dir: Path) -> int | None:
    """Return the number of sessions that git does not track, None if that is unknown."""
    try:
        tracked = _git(sessions_dir, "ls-files", "-z")
    except (UsageError, OSError):
        return None
    if tracked is None:
        return None
    names = set(tracked.split("\0"))
    return sum(f"{path.parent.name}/{path.name}" not in names for path in sessions_dir.glob(f"*/{FILE_NAME}"))


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of git without the line end, None if it fails."""
    program = find_user_program("git")
    if program is None:
        raise UsageError("git is not installed, or not on PATH.")
    done = subprocess.run(  # noqa: S603 # the git of the user, without a shell
        [program, "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def _require_git(folder: Path, *arguments: str) -> None:
    if _git(folder, *arguments) is None:
        command = shlex.join(["git", *arguments])
        raise StorageError(f"`{command}` failed in {display_path(folder)}. Run it yourself to see the reason.", folder)

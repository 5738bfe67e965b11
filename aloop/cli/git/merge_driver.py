"""``aloop merge-driver``: merge two versions of a session for git.

git replaces the file of the current branch with the result. The exit code is 1 if conflicts are marked in it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from aloop.cli.arguments import CommandOptions, Parser, non_empty, positive_integer
from aloop.cli.console import print_note
from aloop.errors import UsageError
from aloop.formatting import quantity
from aloop.memory.disk.filesystem import SYSTEM, write_all
from aloop.memory.merging.merge import MARKER_SIZE, CannotMerge, Labels, Merged, merge_sessions

_EPILOG = """\
git runs this command for session files once `aloop sessions git-setup` has set
it up. Messages that the two branches have added are joined, each turn as a
whole. Conflict markers are left only where both have changed the same message
or one has removed what the other has changed. Other files are merged as text.

Exit codes: 0 merged, 1 conflicts are left."""

_LABELS = Labels()


@dataclass(frozen=True, slots=True)
class MergeDriverOptions(CommandOptions):
    """The options of ``aloop merge-driver``; ``path`` is only for messages."""

    base: str
    ours: str
    theirs: str
    marker_size: int = MARKER_SIZE
    path: str = ""

    def run(self) -> int:
        """Write the merged text to ``ours`` and return the exit code; raises OSError."""
        base, ours, theirs = Path(self.base), Path(self.ours), Path(self.theirs)
        labels = Labels(_LABELS.ours, _LABELS.base, _LABELS.theirs, self.marker_size)
        name = self.path or self.ours
        try:
            merged = merge_sessions(base.read_bytes(), ours.read_bytes(), theirs.read_bytes(), Path(name), labels)
        except CannotMerge as error:
            print_note(f"{name}: {error}. The file is merged as text.")
            return self._merge_as_text()
        _overwrite(ours, merged)
        if merged.conflicts:
            print_note(f"{name}: {quantity(merged.conflicts, 'conflict')}. Edit the file, then run `git add`.")
        return 1 if merged.conflicts else 0

    def _merge_as_text(self) -> int:
        command = ["git", "merge-file", f"--marker-size={self.marker_size}"]
        for label in (_LABELS.ours, _LABELS.base, _LABELS.theirs):
            command += ["-L", label]
        try:
            done = subprocess.run([*command, "--", self.ours, self.base, self.theirs], check=False)  # noqa: S603 # files of git
        except FileNotFoundError as error:
            raise UsageError("git is not installed, or not on PATH.") from error
        return 1 if done.returncode else 0


def _overwrite(path: Path, merged: Merged) -> None:
    """Write the result into the temporary file of git, which keeps its mode."""
    with path.open("r+b", buffering=0) as file:
        SYSTEM.truncate(file.fileno())
        write_all(SYSTEM, file.fileno(), [merged.data])


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop merge-driver``."""
    parser.set_defaults(options=MergeDriverOptions)
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("base", type=non_empty, metavar="BASE", help="the common ancestor (%%O)")
    add("ours", type=non_empty, metavar="OURS", help="the version of this branch, which is replaced (%%A)")
    add("theirs", type=non_empty, metavar="THEIRS", help="the version of the other branch (%%B)")
    add("--marker-size", type=positive_integer, metavar="N", help="length of conflict markers (%%L; default: 7)")
    add("--path", type=non_empty, metavar="PATH", help="the name of the file in messages (%%P)")
    parser.add_help_option()

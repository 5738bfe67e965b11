"""Check stored sessions: text, file modes, duplicate IDs, index."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from aloop.errors import SessionBusy, SessionFileError
from aloop.formatting import OnRead, ignore_progress
from aloop.llm.content.parts import FILES, ContentPart, file_digest
from aloop.memory.codec.serialization import dump_session, load_session
from aloop.memory.conversation import common_ends
from aloop.memory.disk.filesystem import FILE_MODE, FOLDER_MODE, FileSystem, leftovers, write_atomic
from aloop.memory.disk.locks import write_lock
from aloop.memory.merging.merge import CannotMerge, merge_sessions
from aloop.memory.session import FILE_NAME, Session
from aloop.memory.session_folder.dated_names import dated_name
from aloop.memory.session_folder.draft import IS_DRAFT
from aloop.memory.session_folder.media import read_media
from aloop.memory.session_folder.outputs import FOLDER as OUTPUTS
from aloop.memory.session_folder.outputs import is_output_path, is_unchanged, read_output
from aloop.memory.session_folder.recovery import IS_JOURNAL_KEPT, IS_RECOVERED, journals
from aloop.memory.session_folder.session_file import unreadable
from aloop.memory.session_folder.undo import is_undone, read_undone
from aloop.memory.sessions_dir.catalog import find_duplicate_ids
from aloop.memory.sessions_dir.ids import short_name
from aloop.memory.sessions_dir.index import read_index, write_index
from aloop.memory.sessions_dir.preview import read_header
from aloop.memory.sessions_dir.text_check import Finding, check_text, repair_text

_KNOWN = re.compile(r"session(\.(before|edited|recovered|undone)-.*)?\.yaml")
_IS_COPY = re.compile(r"session(?!\.undone-).*\.yaml").fullmatch
"""Matches the names of files that may have the whole conversation."""
_OTHERS = 0o077

_SET_ASIDE = {
    IS_JOURNAL_KEPT: "is the journal of a turn that was not recovered",
    IS_DRAFT: f"contains an unfinished edit of {FILE_NAME}",
}


class Checker:
    """Checks a sessions folder and, with ``fix``, repairs it; raises OSError."""

    def __init__(self, fs: FileSystem, sessions_dir: Path, *, fix: bool) -> None:
        self._fs = fs
        self._dir = sessions_dir
        self._fix = fix

    def check_all(self, on_read: OnRead = ignore_progress) -> Iterator[list[Finding]]:
        """Yield the findings about each session, then those about the folder as a whole."""
        try:
            names = sorted(self._fs.folders(self._dir))
        except FileNotFoundError:
            return
        for done, name in enumerate(names, 1):
            yield self.check_folder(name)
            on_read(done, len(names))
        self._sweep(self._dir)
        yield [*self._links(), *self._ids(names)]

    def check_folder(self, name: str, *, with_text: bool = True) -> list[Finding]:
        """Return the findings about one session's folder, even if it cannot be read.

        ``with_text`` includes those about the text of the session.
        """
        folder = self._dir / name
        findings: list[Finding] = []
        try:
            is_exposed = self._is_exposed(folder)
            # Its mode first: with --fix, the rest may then be readable.
            findings += self._modes(folder, FOLDER_MODE, is_exposed=is_exposed)
            findings += self._check_contents(folder, with_text=with_text, is_exposed=is_exposed)
        except FileNotFoundError:
            pass  # deleted since
        except OSError as error:
            path = Path(error.filename) if error.filename else folder
            findings.append(Finding(path, 0, 0, f"cannot be checked: {error.strerror or error}"))
        return findings

    def _check_contents(self, folder: Path, *, with_text: bool, is_exposed: bool) -> list[Finding]:
        path = folder / FILE_NAME
        findings: list[Finding] = []
        self._sweep(folder)
        for name in {OUTPUTS, FILES}.intersection(self._fs.folders(folder)):
            self._sweep(folder / name)
        try:
            status = self._fs.lstat(path)
        except FileNotFoundError:
            return [*findings, *self._without_file(folder), *self._undone(folder, is_exposed=is_exposed)]
        if not stat.S_ISREG(status.st_mode):
            what = "a link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
            return [*findings, Finding(path, 0, 0, f"is {what}, so it is not opened")]
        findings += self._modes(path, FILE_MODE, is_exposed=is_exposed)
        findings += self._text(path) if with_text else []
        findings += [*self._media(path), *self._set_aside(folder), *self._recovered(path)]
        return [*findings, *self._undone(folder, is_exposed=is_exposed)]

    def _without_file(self, folder: Path) -> list[Finding]:
        """Return the findings about a folder without session.yaml, with its newest copy."""
        findings = []
        if waiting := journals(self._fs, folder):
            what = "contains a turn that a crash interrupted; aloop recovers it at its next start"
            findings.append(Finding(waiting[0], 0, 0, what))
        copies, unusable = [], []
        for name in sorted(filter(_IS_COPY, self._fs.names(folder))):
            try:
                session = load_session(self._fs.read(folder / name), folder / name)
            except (OSError, SessionFileError):
                unusable.append(name)
            else:
                copies.append((session.updated_at, name))
        if copies:
            newest = f"the newest copy of the session is {max(copies)[1]}. Rename it to {FILE_NAME}"
            findings.append(Finding(folder, 0, 0, f"has no {FILE_NAME}; {newest}"))
        elif unusable:
            what = f"has no {FILE_NAME}, and no copy beside it is a valid session: {', '.join(unusable)}"
            findings.append(Finding(folder, 0, 0, f"{what}. Correct one, and rename it to {FILE_NAME}"))
        elif kept := [name for name in self._fs.names(folder) if is_undone(name) or IS_JOURNAL_KEPT(name)]:
            what = f"has no {FILE_NAME}; only some turns are left, in {', '.join(sorted(kept))}"
            findings.append(Finding(folder, 0, 0, f"{what}. Copy what you need from there"))
        elif not waiting:
            what = f"has no {FILE_NAME}: the session was never saved. If an import was interrupted, run it again"
            findings.append(Finding(folder, 0, 0, f"{what}; otherwise delete the folder if nothing in it is yours"))
        return findings

    def _media(self, path: Path) -> Iterator[Finding]:
        """Report files of a valid session that are missing or altered.

        They are images, documents and the complete text of long results.
        """
        try:
            messages = load_session(self._fs.read(path), path).messages
        except (OSError, SessionFileError):
            return  # reported for the text
        parts = {part.file: part for message in messages for part in message.parts if part.is_own}
        for part in parts.values():
            if read_media(self._fs, path.parent, part) is None:
                yield Finding(path.parent / part.file, 0, 0, self._lack(path.parent, part))
        for relative in dict.fromkeys(message.output_file for message in messages if message.output_file):
            if what := self._output_problem(path.parent, relative):
                yield Finding(path.parent / relative, 0, 0, what)

    def _lack(self, folder: Path, part: ContentPart) -> str:
        if not file_digest(part.file):
            return "is not a path that aloop makes, so this image or document is not read"
        if self._fs.exists(folder / part.file):
            return "is altered: it is not the file that the message was sent with, so the model gets its name only"
        return "is missing: the model gets the name of this image or document only"

    def _output_problem(self, folder: Path, relative: str) -> str:
        """Return the problem of the file with a complete result; empty if it has none."""
        if not is_output_path(relative):
            return "is not a path that aloop makes, so this result is not read"
        try:
            data = read_output(self._fs, folder, relative)
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        if data is None:
            return "is missing: only the beginning and the end of this result are left, in the session"
        return "" if is_unchanged(relative, data) else "is altered: it is not the complete result of the tool"

    def _text(self, path: Path) -> list[Finding]:
        try:
            data = self._fs.read(path)
        except OSError as error:
            return [Finding(path, 0, 0, unreadable(path, error).reason)]
        report = check_text(data, path)
        if not (self._fix and report.is_fixable):
            return report.findings
        try:
            with write_lock(self._fs, path.parent, short_name(path.parent.name)):
                return self._repair(path)
        except (OSError, SessionBusy) as error:
            return [*report.findings, Finding(path, 0, 0, f"cannot be repaired: {_reason(error)}")]

    def _repair(self, path: Path) -> list[Finding]:
        """Fix the file as it is now; called under the write lock."""
        data = self._fs.read(path)
        report = check_text(data, path)
        repaired = repair_text(data, path, report)
        if repaired is None:
            return report.findings
        write_atomic(self._fs, path.with_name(dated_name("before")), [data])
        write_atomic(self._fs, path, [repaired])
        if report.joined is not None:
            fixed = (finding.as_fixed() for finding in report.findings if finding.fixable)
            return [*fixed, *check_text(repaired, path).findings]
        return [finding.as_fixed() if finding.fixable else finding for finding in report.findings]

    def _modes(self, path: Path, wanted: int, *, is_exposed: bool) -> Iterator[Finding]:
        status = self._fs.lstat(path)
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid != os.geteuid():
            what = "belongs to another user, so aloop may not be able to change it"
            yield Finding(path, 0, 0, what)
        # git and many copies do not keep modes. That matters only where others can enter the folders above.
        if mode == wanted or (mode & wanted == wanted and not is_exposed):
            return
        problem = "is accessible to other users" if mode & _OTHERS else "is not accessible to its owner"
        finding = Finding(path, 0, 0, f"{problem}: its mode is {mode:04o}, not {wanted:04o}", fixable=True)
        if self._fix and self._set_mode(path, wanted):
            finding = finding.as_fixed()
        yield finding

    def _is_exposed(self, folder: Path) -> bool:
        """Return True if other users can enter a session's folder and those above it."""
        return all(self._fs.lstat(each).st_mode & _OTHERS for each in (folder, self._dir, self._dir.parent))

    def _set_mode(self, path: Path, wanted: int) -> bool:
        """Return True if the mode could be set: some file systems have none."""
        try:
            self._fs.chmod(path, wanted)
        except OSError:
            return False
        return stat.S_IMODE(self._fs.lstat(path).st_mode) == wanted

    def _sweep(self, folder: Path) -> None:
        """Remove the temporary files of processes that died, with ``fix``.

        They are not a finding: the files that they should have replaced are intact, and the next start removes them.
        """
        for path in leftovers(self._fs, folder):
            with contextlib.suppress(OSError):  # left for the next start
                if self._fix:
                    self._fs.unlink(path)

    def _set_aside(self, folder: Path) -> Iterator[Finding]:
        for name in self._fs.names(folder):
            for fits, what in _SET_ASIDE.items():
                if fits(name):
                    yield Finding(folder / name, 0, 0, f"{what}; copy what you need from it, then delete it")
            if name.startswith("session") and name.endswith(".yaml") and not _KNOWN.fullmatch(name):
                what = f"may be a conflicting version of {FILE_NAME} from another program; aloop does not read it"
                yield Finding(folder / name, 0, 0, what)

    def _recovered(self, path: Path) -> Iterator[Finding]:
        """Report turns that were saved beside an unreadable session file."""
        for beside in (path.with_name(name) for name in sorted(filter(IS_RECOVERED, self._fs.names(path.parent)))):
            if not self._fix:
                yield self._compare(path, beside)[0]
                continue
            try:
                with write_lock(self._fs, path.parent, short_name(path.parent.name)):
                    yield self._rejoin(path, beside)
            except (OSError, SessionBusy) as error:
                yield Finding(beside, 0, 0, f"cannot be added to {FILE_NAME}: {_reason(error)}")

    def _rejoin(self, path: Path, beside: Path) -> Finding:
        """Add the turns of the file beside a session; called under the write lock."""
        finding, data, joined = self._compare(path, beside)
        if not finding.fixable:
            return finding
        if joined != data:
            write_atomic(self._fs, path.with_name(dated_name("before")), [data])
            write_atomic(self._fs, path, [joined])
        self._fs.unlink(beside)
        return finding.as_fixed()

    def _compare(self, path: Path, beside: Path) -> tuple[Finding, bytes, bytes]:
        """Return a finding, a session's text, and that text with the turns beside it."""
        data = self._fs.read(path)
        what = f"contains turns that are not in {FILE_NAME}"
        try:
            stored = load_session(data, path)
        except SessionFileError:
            return Finding(beside, 0, 0, f"{what}; when that file can be read again, --fix adds them"), data, data
        try:
            joined = _with_turns(stored, data, self._fs.read(beside), path)
        except _OtherHeader:
            what = f"has another title or system message than {FILE_NAME}"
            return Finding(beside, 0, 0, f"{what}; copy what you need from it, then delete it"), data, data
        except (SessionFileError, CannotMerge):
            return Finding(beside, 0, 0, f"{what}; copy what you need from it, then delete it"), data, data
        what = f"has no turns that {FILE_NAME} lacks" if joined == data else what
        return Finding(beside, 0, 0, what, fixable=True), data, joined

    def _undone(self, folder: Path, *, is_exposed: bool) -> Iterator[Finding]:
        """Check that /redo can restore each undone turn."""
        for path in (folder / name for name in self._fs.names(folder) if is_undone(name)):
            try:
                read_undone(self._fs, path)
            except SessionFileError as error:
                yield Finding(path, error.line, error.column, f"{error.reason}; /redo cannot restore this turn")
            except OSError as error:
                yield Finding(path, 0, 0, unreadable(path, error).reason)
            else:
                yield from self._modes(path, FILE_MODE, is_exposed=is_exposed)

    def _links(self) -> Iterator[Finding]:
        for path in (self._dir / name for name in self._fs.names(self._dir) if not name.startswith(".")):
            if stat.S_ISLNK(self._fs.lstat(path).st_mode):
                what = "is a link; aloop does not follow links, so its target is not listed as a session"
                yield Finding(path, 0, 0, what)

    def _ids(self, names: list[str]) -> list[Finding]:
        headers = [header for name in names if (header := read_header(self._fs, str(self._dir), name))]
        ids = {header.folder: header.id for header in headers if not header.problem}
        duplicates = find_duplicate_ids(self._dir, ids).values()
        findings = [Finding(duplicate.path, 0, 0, duplicate.reason) for duplicate in duplicates]
        # An index that does not match the folders is not a finding: it is only a cache, and every use corrects it.
        if ids and self._fix and read_index(self._fs, self._dir) != ids:
            write_index(self._fs, self._dir, ids)
        return findings


def _reason(error: OSError | SessionBusy) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error).rstrip(".")


class _OtherHeader(CannotMerge):
    """Two versions of a session differ in more than their turns."""


def _with_turns(stored: Session, data: bytes, beside: bytes, path: Path) -> bytes:
    """Return the text of a session with the turns in ``beside`` that it lacks.

    Raises CannotMerge if only the user can decide, and SessionFileError.
    """
    recovered = load_session(beside, path)
    present, other = stored.messages, recovered.messages
    common = common_ends(present, other)[0]
    unmatched = Counter(present[common:])
    missing = []
    for message in other[common:]:
        # Each message matches one: the same words twice are two messages.
        if unmatched[message]:
            unmatched[message] -= 1
        else:
            missing.append(message)
    # Only the times distinguish new messages from earlier versions of messages that were edited.
    times = {None, *(message.at for message in present)}
    if common < len(present) and any(message.at in times for message in missing):
        raise CannotMerge("messages may have been edited")
    if (recovered.title, recovered.system_messages) != (stored.title, stored.system_messages):
        raise _OtherHeader("without an earlier version, it is unknown which one is newer")
    if not missing:
        return data
    base = dump_session(replace(stored, messages=present[:common]))
    merged = merge_sessions(base, data, beside, path)
    if merged.conflicts:
        raise CannotMerge("there are conflicts")
    return merged.data

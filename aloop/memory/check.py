"""A look at stored sessions: files, folders, modes, left-overs and the index; mends what loses nothing."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.memory.atomic import left_overs, write_atomic
from aloop.memory.beside import IS_BESIDE
from aloop.memory.check_text import check_text
from aloop.memory.draft import IS_DRAFT
from aloop.memory.findings import Finding
from aloop.memory.heads import read_head, short_name
from aloop.memory.index import FILE_NAME as INDEX_NAME
from aloop.memory.index import read_index, write_index
from aloop.memory.locks import write_lock
from aloop.memory.os_port import FILE_MODE, FOLDER_MODE, OsPort
from aloop.memory.recovery import journals
from aloop.memory.session import FILE_NAME
from aloop.memory.source import Source
from aloop.memory.splice import splice
from aloop.memory.stored import time_mark
from aloop.memory.twins import find_twins
from aloop.memory.undone import is_undone, read_undone

_SET_ASIDE = {
    IS_BESIDE: f"holds turns that were saved beside {FILE_NAME}",
    IS_DRAFT: f"holds an edit of {FILE_NAME} that was not taken over",
}


class Checker:
    """Checks one sessions folder; with ``fix`` it mends what it can. Methods raise OSError where a mend fails."""

    def __init__(self, port: OsPort, sessions_dir: Path, *, fix: bool) -> None:
        self._port = port
        self._dir = sessions_dir
        self._fix = fix

    def check_all(self) -> list[Finding]:
        """Return the findings about every session, then those about the folder as a whole."""
        try:
            names = sorted(self._port.folders(self._dir))
        except FileNotFoundError:
            return []
        findings = [finding for name in names for finding in self.check_folder(name)]
        return [*findings, *self._left_overs(self._dir), *self._links(), *self._identities(names)]

    def check_folder(self, name: str) -> list[Finding]:
        """Return the findings about one session's folder."""
        folder = self._dir / name
        path = folder / FILE_NAME
        findings = [*self._modes(folder, FOLDER_MODE), *self._left_overs(folder)]
        try:
            status = self._port.lstat(path)
        except FileNotFoundError:
            if waiting := journals(self._port, folder):
                what = "holds a turn that a crash cut short; the next start of aloop brings it back"
                return [*findings, Finding(waiting[0], 0, 0, what)]
            return [*findings, Finding(folder, 0, 0, f"holds no {FILE_NAME}: a session that was never saved")]
        if not stat.S_ISREG(status.st_mode):
            what = "a link; links are not followed" if stat.S_ISLNK(status.st_mode) else "no regular file"
            return [*findings, Finding(path, 0, 0, f"is {what}, so it is not opened")]
        findings += self._modes(path, FILE_MODE)
        return [*findings, *self._text(path), *self._set_aside(folder), *self._undone(folder)]

    def _text(self, path: Path) -> list[Finding]:
        try:
            data = self._port.read(path)
        except OSError as error:
            return [Finding(path, 0, 0, f"can not be opened: {error.strerror or error}")]
        report = check_text(data, path)
        if not (self._fix and report.edits):
            return report.findings
        with write_lock(self._port, path.parent, short_name(path.parent.name)):
            return self._mend(path)

    def _mend(self, path: Path) -> list[Finding]:
        """Fix what can be fixed in the file as it is now, while nobody saves into it."""
        data = self._port.read(path)
        report = check_text(data, path)
        if not report.edits:
            return report.findings
        source = Source.decode(data)
        mended = source.encode(b"".join(splice(source.text.encode(), report.edits)).decode())
        left = sorted(finding.message for finding in report.findings if not finding.fixable)
        if sorted(finding.message for finding in check_text(mended, path).findings) != left:
            # The mend did not take: better odd than worse.
            return report.findings
        copy = path.with_name(f"session.before-{time_mark(datetime.now().astimezone())}.yaml")
        write_atomic(self._port, copy, [data])
        write_atomic(self._port, path, [mended])
        return [finding.mended() if finding.fixable else finding for finding in report.findings]

    def _modes(self, path: Path, wanted: int) -> Iterator[Finding]:
        mode = stat.S_IMODE(self._port.lstat(path).st_mode)
        if mode == wanted:
            return
        problem = "is open to others" if mode & 0o077 else "can not be used by its owner"
        finding = Finding(path, 0, 0, f"{problem}: its mode is {mode:04o}, not {wanted:04o}", fixable=True)
        if self._fix:
            self._port.chmod(path, wanted)
            finding = finding.mended()
        yield finding

    def _left_overs(self, folder: Path) -> Iterator[Finding]:
        for path in left_overs(self._port, folder):
            finding = Finding(path, 0, 0, "was left by a writer that died; the file it was to replace is whole", True)
            if self._fix:
                self._port.unlink(path)
                finding = finding.mended()
            yield finding

    def _set_aside(self, folder: Path) -> Iterator[Finding]:
        for name in self._port.names(folder):
            for fits, what in _SET_ASIDE.items():
                if fits(name):
                    yield Finding(folder / name, 0, 0, f"{what}: take over what you need, then remove it")

    def _undone(self, folder: Path) -> Iterator[Finding]:
        """Look at the turns that were taken out: each must be fit to be put back."""
        for path in (folder / name for name in self._port.names(folder) if is_undone(name)):
            try:
                read_undone(self._port, path)
            except SessionFileError as error:
                yield Finding(path, error.line, error.column, f"{error.reason}; /redo can not put this turn back")
            except OSError as error:
                yield Finding(path, 0, 0, f"can not be opened: {error.strerror or error}")
            else:
                yield from self._modes(path, FILE_MODE)

    def _links(self) -> Iterator[Finding]:
        for path in (self._dir / name for name in self._port.names(self._dir) if not name.startswith(".")):
            if stat.S_ISLNK(self._port.lstat(path).st_mode):
                yield Finding(path, 0, 0, "is a link; links are not followed, so what it points to is no session here")

    def _identities(self, names: list[str]) -> list[Finding]:
        heads = [head for name in names if (head := read_head(self._port, str(self._dir), name))]
        ids = {head.folder: head.id for head in heads if not head.problem}
        twins = find_twins(self._dir, ids).values()
        findings = [Finding(twin.path, 0, 0, twin.reason) for twin in twins]
        index = self._dir / INDEX_NAME
        if ids and read_index(self._port, self._dir) != ids:
            finding = Finding(index, 0, 0, "does not agree with the folders; it is made again when it is needed", True)
            if self._fix:
                write_index(self._port, self._dir, ids)
                finding = finding.mended()
            findings.append(finding)
        return findings

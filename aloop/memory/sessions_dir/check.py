"""Check stored sessions: text, file modes, leftovers, duplicate IDs, index.

A finding is fixable if a repair is known that loses nothing.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.codec.edits import MessageEdits
from aloop.memory.codec.emitter import END_MARKER
from aloop.memory.codec.nodes import Node, SequenceNode, Source
from aloop.memory.codec.schema import KNOWN_VERSION
from aloop.memory.codec.serialization import ParsedDocument, interpret, parse
from aloop.memory.codec.splice import Edit, splice
from aloop.memory.codec.text_layout import TextLayout
from aloop.memory.context import answer_for
from aloop.memory.disk.filesystem import FILE_MODE, FOLDER_MODE, FileSystem, leftovers, write_atomic
from aloop.memory.disk.locks import write_lock
from aloop.memory.session import FILE_NAME, Session, is_in_future
from aloop.memory.session_folder.draft import IS_DRAFT
from aloop.memory.session_folder.outputs import FOLDER as OUTPUTS
from aloop.memory.session_folder.recovery import IS_RECOVERED, journals
from aloop.memory.session_folder.session_file import dated_name, unreadable
from aloop.memory.session_folder.undo import is_undone, read_undone
from aloop.memory.sessions_dir.catalog import find_duplicate_ids
from aloop.memory.sessions_dir.ids import short_name
from aloop.memory.sessions_dir.index import FILE_NAME as INDEX_NAME
from aloop.memory.sessions_dir.index import read_index, write_index
from aloop.memory.sessions_dir.preview import read_header


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem at ``line`` and ``column`` (from 1; 0 for the whole file or folder)."""

    path: Path
    line: int
    column: int
    message: str
    fixable: bool = False
    fixed: bool = False

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.path}{place}: {self.message}{' (fixed)' if self.fixed else ''}"

    def as_fixed(self) -> Finding:
        return replace(self, fixed=True)


@dataclass(slots=True)
class Report:
    """Findings about one text, and the edits that fix the fixable ones."""

    findings: list[Finding] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)


def check_text(data: bytes, path: Path) -> Report:
    """Check the bytes of one session file."""
    try:
        parsed = parse(data, path)
        session = interpret(parsed, path)
    except SessionFileError as error:
        return Report([Finding(path, error.line, error.column, error.reason)])
    return _TextCheck(parsed, session, path).run()


class _TextCheck:
    def __init__(self, parsed: ParsedDocument, session: Session, path: Path) -> None:
        self._parsed = parsed
        self._session = session
        self._path = path
        self._report = Report()
        messages = parsed.root.values.get("messages")
        self._items: list[Node] = messages.items if isinstance(messages, SequenceNode) else []
        # A list in brackets is checked, but not edited.
        can_edit = isinstance(messages, SequenceNode) and bool(messages.items) and not messages.flow
        self._edits = MessageEdits(parsed) if can_edit else None

    def run(self) -> Report:
        self._check_header()
        self._check_transcript()
        # Last, so that the marker follows everything else that is added at the end.
        self._check_end()
        return self._report

    def _found(self, offset: int, message: str, *, fixable: bool = False) -> None:
        line, column = self._parsed.source.place(offset)
        self._report.findings.append(Finding(self._path, line, column, message, fixable))

    def _check_header(self) -> None:
        values = self._parsed.root.values
        if self._session.version > KNOWN_VERSION:
            what = "written by a newer version of aloop; this version can read but not change it"
            self._found(values["version"].start, what)
        if is_in_future(self._session.updated_at):
            self._found(values["updated_at"].start, "updated_at is in the future")

    def _check_end(self) -> None:
        parsed = self._parsed
        text = parsed.source.text
        if parsed.source.has_schema_line and not parsed.ended:
            self._found(len(text), "the end marker (...) is missing: the file may have been cut short", fixable=True)
            layout = TextLayout(parsed)
            end = layout.at(len(text))
            gap = "" if any(edit.start == end for edit in self._report.edits) else layout.gap_before(len(text))
            self._report.edits.append(layout.edit(len(text), len(text), gap + END_MARKER))
        if parsed.below and parsed.below.items:
            what = "there are messages below the end marker (...); the next save moves the marker after them"
            self._found(parsed.below.start, what)

    def _check_transcript(self) -> None:
        open_calls: dict[str, ToolCall] = {}
        last, caller, asked = -1, -1, False
        for number, (item, message) in enumerate(zip(self._items, self._session.messages, strict=False)):
            if message.skip:
                continue
            if message.role == "tool":
                if open_calls.pop(message.tool_call_id or "", None) is None:
                    self._orphan(number, item, message)
                else:
                    last = number
                continue
            self._unanswered(open_calls, caller, last)
            asked = asked or message.role == "user"
            if message.role == "assistant" and not asked:
                self._found(item.start, "an answer comes before any question")
            elif message.role != "system" and not message.tool_calls and not (message.content or "").strip():
                self._found(item.start, "the message is empty and is not sent to the model")
            open_calls = {call.id: call for call in message.tool_calls}
            last = caller = number
        self._unanswered(open_calls, caller, last)

    def _orphan(self, number: int, item: Node, message: LLMMessage) -> None:
        what = f"the tool result ({message.tool_call_id or 'no tool_call_id'}) does not belong to an earlier tool call"
        self._found(item.start, what, fixable=self._edits is not None)
        if self._edits:
            self._report.edits.append(self._edits.set_flag(number, "skip"))

    def _unanswered(self, calls: dict[str, ToolCall], caller: int, last: int) -> None:
        """Report the calls of message ``caller`` that have no results up to ``last``."""
        for call in calls.values():
            what = f"the tool call {call.id} ({call.name}) has no result"
            self._found(self._items[caller].start, what, fixable=self._edits is not None)
        if calls and self._edits:
            self._report.edits.append(self._edits.insert_after(last, map(answer_for, calls.values())))


_SET_ASIDE = {
    IS_RECOVERED: f"holds turns that are not in {FILE_NAME}",
    IS_DRAFT: f"holds an unfinished edit of {FILE_NAME}",
}


class Checker:
    """Checks a sessions folder and, with ``fix``, repairs it; raises OSError."""

    def __init__(self, fs: FileSystem, sessions_dir: Path, *, fix: bool) -> None:
        self._fs = fs
        self._dir = sessions_dir
        self._fix = fix

    def check_all(self) -> list[Finding]:
        """Return the findings about each session, then those about the folder as a whole."""
        try:
            names = sorted(self._fs.folders(self._dir))
        except FileNotFoundError:
            return []
        findings = [finding for name in names for finding in self.check_folder(name)]
        return [*findings, *self._leftovers(self._dir), *self._links(), *self._ids(names)]

    def check_folder(self, name: str) -> list[Finding]:
        """Return the findings about one session's folder."""
        folder = self._dir / name
        path = folder / FILE_NAME
        findings = [*self._modes(folder, FOLDER_MODE), *self._leftovers(folder)]
        if OUTPUTS in self._fs.folders(folder):
            findings += self._leftovers(folder / OUTPUTS)
        try:
            status = self._fs.lstat(path)
        except FileNotFoundError:
            if waiting := journals(self._fs, folder):
                what = "holds a turn that a crash interrupted; aloop recovers it at its next start"
                return [*findings, Finding(waiting[0], 0, 0, what)]
            return [*findings, Finding(folder, 0, 0, f"has no {FILE_NAME}: the session was never saved")]
        if not stat.S_ISREG(status.st_mode):
            what = "a link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
            return [*findings, Finding(path, 0, 0, f"is {what}, so it is not opened")]
        findings += self._modes(path, FILE_MODE)
        return [*findings, *self._text(path), *self._set_aside(folder), *self._undone(folder)]

    def _text(self, path: Path) -> list[Finding]:
        try:
            data = self._fs.read(path)
        except OSError as error:
            return [Finding(path, 0, 0, unreadable(path, error).reason)]
        report = check_text(data, path)
        if not (self._fix and report.edits):
            return report.findings
        with write_lock(self._fs, path.parent, short_name(path.parent.name)):
            return self._repair(path)

    def _repair(self, path: Path) -> list[Finding]:
        """Fix the file as it is now; called under the write lock."""
        data = self._fs.read(path)
        report = check_text(data, path)
        if not report.edits:
            return report.findings
        source = Source.decode(data)
        repaired = source.encode(b"".join(splice(source.text.encode(), report.edits)).decode())
        left = sorted(finding.message for finding in report.findings if not finding.fixable)
        if sorted(finding.message for finding in check_text(repaired, path).findings) != left:
            # The repair did not work; keep the file as it is.
            return report.findings
        write_atomic(self._fs, path.with_name(dated_name("before")), [data])
        write_atomic(self._fs, path, [repaired])
        return [finding.as_fixed() if finding.fixable else finding for finding in report.findings]

    def _modes(self, path: Path, wanted: int) -> Iterator[Finding]:
        mode = stat.S_IMODE(self._fs.lstat(path).st_mode)
        if mode == wanted:
            return
        problem = "is accessible to other users" if mode & 0o077 else "is not accessible to its owner"
        finding = Finding(path, 0, 0, f"{problem}: its mode is {mode:04o}, not {wanted:04o}", fixable=True)
        if self._fix:
            self._fs.chmod(path, wanted)
            finding = finding.as_fixed()
        yield finding

    def _leftovers(self, folder: Path) -> Iterator[Finding]:
        for path in leftovers(self._fs, folder):
            what = "is a temporary file of a process that died; the file it should have replaced is intact"
            finding = Finding(path, 0, 0, what, fixable=True)
            if self._fix:
                self._fs.unlink(path)
                finding = finding.as_fixed()
            yield finding

    def _set_aside(self, folder: Path) -> Iterator[Finding]:
        for name in self._fs.names(folder):
            for fits, what in _SET_ASIDE.items():
                if fits(name):
                    yield Finding(folder / name, 0, 0, f"{what}; copy what you need from it, then delete it")

    def _undone(self, folder: Path) -> Iterator[Finding]:
        """Check that /redo can restore each undone turn."""
        for path in (folder / name for name in self._fs.names(folder) if is_undone(name)):
            try:
                read_undone(self._fs, path)
            except SessionFileError as error:
                yield Finding(path, error.line, error.column, f"{error.reason}; /redo cannot restore this turn")
            except OSError as error:
                yield Finding(path, 0, 0, unreadable(path, error).reason)
            else:
                yield from self._modes(path, FILE_MODE)

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
        index = self._dir / INDEX_NAME
        if ids and read_index(self._fs, self._dir) != ids:
            finding = Finding(index, 0, 0, "does not match the folders; it is rebuilt when needed", fixable=True)
            if self._fix:
                write_index(self._fs, self._dir, ids)
                finding = finding.as_fixed()
            findings.append(finding)
        return findings

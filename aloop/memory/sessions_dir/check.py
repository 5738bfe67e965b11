"""Check stored sessions: text, file modes, leftovers, duplicate IDs, index.

A finding is fixable if a repair is known that loses nothing.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from aloop.errors import SessionBusy, SessionFileError
from aloop.formatting import OnRead, ignore_progress
from aloop.llm.content.parts import ContentPart, file_digest
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.edits import MessageEdits
from aloop.memory.codec.emitter import END_MARKER
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode, Source
from aloop.memory.codec.schema import KNOWN_VERSION, is_null
from aloop.memory.codec.serialization import ParsedDocument, interpret, load_session, parse
from aloop.memory.codec.splice import Edit, splice
from aloop.memory.codec.text_layout import TextLayout
from aloop.memory.context import answer_for, project
from aloop.memory.disk.filesystem import FILE_MODE, FOLDER_MODE, FileSystem, leftovers, write_atomic
from aloop.memory.disk.locks import write_lock
from aloop.memory.merging.markers import join_marked
from aloop.memory.pairing import Pairing, pair_calls
from aloop.memory.session import FILE_NAME, Session, is_in_future
from aloop.memory.session_folder.draft import IS_DRAFT
from aloop.memory.session_folder.outputs import FOLDER as OUTPUTS
from aloop.memory.session_folder.outputs import read_media
from aloop.memory.session_folder.recovery import IS_JOURNAL_KEPT, IS_RECOVERED, journals
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
    """Findings about one text, and the edits that fix the fixable ones.

    The edits are of the text without NULs at its end. ``parsed`` and ``session`` are None if it is not a session.
    ``joined`` is the text without conflict markers, if both versions can be joined.
    """

    findings: list[Finding] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    parsed: ParsedDocument | None = None
    session: Session | None = None
    joined: bytes | None = None

    @property
    def is_valid(self) -> bool:
        return self.session is not None

    @property
    def is_fixable(self) -> bool:
        return any(finding.fixable for finding in self.findings)


_COMMENT = re.compile(r"[ \t]+#")
_KNOWN = re.compile(r"session(\.(before|edited|recovered|undone)-.*)?\.yaml")


def without_final_nuls(data: bytes) -> bytes:
    """Return the bytes of a file without NULs at its end.

    Some file systems leave them after a power failure. UTF-16 text is unchanged.
    """
    return data if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else data.rstrip(b"\0")


def check_text(data: bytes, path: Path) -> Report:
    """Check the bytes of one session file."""
    text = without_final_nuls(data)
    report = _check_text(text, path)
    if text != data:
        line, column = Source(text.decode(errors="replace")).place(len(text))
        what = f"the file ends with {len(data) - len(text):,} NUL bytes, as after a power failure"
        report.findings.append(Finding(path, line, column, what, fixable=report.is_valid))
    return report


def _check_text(data: bytes, path: Path) -> Report:
    try:
        parsed = parse(data, path)
        session = interpret(parsed, path)
    except SessionFileError as error:
        joined = join_marked(data, path)
        fixable = joined is not None
        return Report([Finding(path, error.line, error.column, error.reason, fixable)], joined=joined)
    return _TextCheck(parsed, session, path).run()


class _TextCheck:
    def __init__(self, parsed: ParsedDocument, session: Session, path: Path) -> None:
        self._parsed = parsed
        self._session = session
        self._path = path
        self._report = Report(parsed=parsed, session=session)
        self._counted = 1, 0
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
        # Findings are nearly in the order of the text: only the lines since the last one are counted.
        text, (line, counted) = self._parsed.source.text, self._counted
        if offset < counted:
            line, counted = 1, 0
        line += text.count("\n", counted, offset)
        self._counted = line, offset
        column = offset - text.rfind("\n", 0, offset)
        self._report.findings.append(Finding(self._path, line, column, message, fixable))

    def _check_header(self) -> None:
        values = self._parsed.root.values
        if self._session.version > KNOWN_VERSION:
            what = "written by a newer version of aloop; this version can read but not change it"
            self._found(values["version"].start, what)
        if is_in_future(self._session.updated_at):
            self._found(values["updated_at"].start, "updated_at is in the future")
        if "messages" not in values:
            for key, value in values.items():
                if isinstance(value, SequenceNode) and get_close_matches(key, ["messages"]):
                    what = f"the key {key!r} is unknown, so its messages are not read; rename it to 'messages'"
                    self._found(value.start, what)

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
        messages = self._session.messages
        pairing = pair_calls(messages)
        asked, can_edit = False, self._edits is not None
        for number, (item, message) in enumerate(zip(self._items, messages, strict=False)):
            asked = asked or message.role == "user"  # also if it is skipped
            if message.skip:
                continue
            if message.role == "tool":
                self._check_result(number, item, message, pairing)
                continue
            self._check_comment(item)
            if message.role == "assistant" and not asked:
                self._found(item.start, "an answer comes before any question")
            elif (
                message.role != "system"
                and not message.tool_calls
                and not message.parts
                and not (message.content or "").strip()
            ):
                self._found(item.start, "the message is empty and is not sent to the model")
            for call in pairing.open_calls.get(number, ()):
                self._found(item.start, f"the tool call {call.id} ({call.name}) has no result", fixable=can_edit)
        # After the results that are moved to the same place, so that each stays with its call.
        for caller, calls in pairing.open_calls.items():
            if calls and caller < len(self._items) and self._edits:
                after = pairing.last_result(caller)
                # In the order in which the request has them: by the first call with the same ID.
                ids = [call.id for call in messages[caller].tool_calls]
                in_order = sorted(calls, key=lambda call: ids.index(call.id))
                self._report.edits.append(self._edits.insert_after(after, map(answer_for, in_order)))

    def _check_comment(self, item: Node) -> None:
        """Report text that YAML drops as a comment, because the content is not quoted."""
        content = item.values.get("content") if isinstance(item, MappingNode) else None
        if isinstance(content, ScalarNode) and content.plain and not is_null(content):
            match = _COMMENT.match(self._parsed.source.text, content.end)
            if match:
                what = 'the text after " #" is a comment and not part of the content; to keep it, quote the content'
                self._found(match.end() - 1, what)

    def _check_result(self, number: int, item: Node, message: LLMMessage, pairing: Pairing) -> None:
        caller = pairing.callers.get(number)
        if caller is None and not message.summary:
            call_id = message.tool_call_id or "no tool_call_id"
            what = f"the tool result ({call_id}) does not belong to an earlier tool call"
            self._found(item.start, what, fixable=self._edits is not None)
            if self._edits:
                self._report.edits.append(self._edits.set_flag(number, "skip"))
        elif caller is not None and number in pairing.late:
            what = f"the tool result ({message.tool_call_id}) does not directly follow its tool call"
            self._found(item.start, what, fixable=self._edits is not None)
            if self._edits:
                self._report.edits += self._edits.move(number, pairing.last_result(caller))


def repair_text(data: bytes, path: Path, report: Report) -> bytes | None:
    """Return the text with all fixable findings of its ``report`` fixed.

    None if there are none, or if the repair would not work or would change what is sent to the model.
    """
    if report.joined is not None or not report.is_fixable:
        return report.joined
    text = without_final_nuls(data)
    source = Source.decode(text)
    repaired = source.encode(b"".join(splice(source.text.encode(), report.edits)).decode())
    left = sorted(finding.message for finding in report.findings if not finding.fixable)
    remaining = sorted(finding.message for finding in check_text(repaired, path).findings)
    return repaired if remaining == left and _sent(repaired, path) == _sent(text, path) else None


def _sent(data: bytes, path: Path) -> tuple[LLMMessage, ...]:
    """Return the messages of a text as they are sent: no repair may change them."""
    return project((), load_session(data, path).messages).messages


_SET_ASIDE = {
    IS_JOURNAL_KEPT: "is the journal of a turn that was not recovered",
    IS_RECOVERED: f"holds turns that are not in {FILE_NAME}",
    IS_DRAFT: f"holds an unfinished edit of {FILE_NAME}",
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
        yield [*self._leftovers(self._dir), *self._links(), *self._ids(names)]

    def check_folder(self, name: str, *, with_text: bool = True) -> list[Finding]:
        """Return the findings about one session's folder, also if it cannot be read.

        ``with_text`` includes those about the text of the session.
        """
        folder = self._dir / name
        findings: list[Finding] = []
        try:
            # Its mode first: with --fix, the rest may then be readable.
            findings += self._modes(folder, FOLDER_MODE)
            findings += self._check_contents(folder, with_text=with_text)
        except FileNotFoundError:
            pass  # deleted since
        except OSError as error:
            path = Path(error.filename) if error.filename else folder
            findings.append(Finding(path, 0, 0, f"cannot be checked: {error.strerror or error}"))
        return findings

    def _check_contents(self, folder: Path, *, with_text: bool) -> list[Finding]:
        path = folder / FILE_NAME
        findings = [*self._leftovers(folder)]
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
        text = self._text(path) if with_text else []
        return [*findings, *text, *self._media(path), *self._set_aside(folder), *self._undone(folder)]

    def _media(self, path: Path) -> Iterator[Finding]:
        """Report images and documents of a valid session that are missing or altered."""
        try:
            messages = load_session(self._fs.read(path), path).messages
        except (OSError, SessionFileError):
            return  # reported for the text
        parts = {part.file: part for message in messages for part in message.parts if part.is_own}
        for part in parts.values():
            if read_media(self._fs, path.parent, part) is None:
                yield Finding(path.parent / part.file, 0, 0, self._lack(path.parent, part))

    def _lack(self, folder: Path, part: ContentPart) -> str:
        if not file_digest(part.file):
            return "is not a path that aloop makes, so this image or document is not read"
        if self._fs.exists(folder / part.file):
            return "is altered: it is not the file that the message was sent with, so the model gets its name only"
        return "is missing: the model gets the name of this image or document only"

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
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).rstrip(".")
            return [*report.findings, Finding(path, 0, 0, f"cannot be repaired: {reason}")]

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
            return [report.findings[0].as_fixed(), *check_text(repaired, path).findings]
        return [finding.as_fixed() if finding.fixable else finding for finding in report.findings]

    def _modes(self, path: Path, wanted: int) -> Iterator[Finding]:
        status = self._fs.lstat(path)
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid != os.geteuid():
            what = "belongs to another user, so aloop may not be able to change it"
            yield Finding(path, 0, 0, what)
        if mode == wanted:
            return
        problem = "is accessible to other users" if mode & 0o077 else "is not accessible to its owner"
        finding = Finding(path, 0, 0, f"{problem}: its mode is {mode:04o}, not {wanted:04o}", fixable=True)
        if self._fix and self._set_mode(path, wanted):
            finding = finding.as_fixed()
        yield finding

    def _set_mode(self, path: Path, wanted: int) -> bool:
        """Return True if the mode could be set: some file systems have none."""
        try:
            self._fs.chmod(path, wanted)
        except OSError:
            return False
        return stat.S_IMODE(self._fs.lstat(path).st_mode) == wanted

    def _leftovers(self, folder: Path) -> Iterator[Finding]:
        for path in leftovers(self._fs, folder):
            what = "is a temporary file of a process that died; the file it should have replaced is intact"
            finding = Finding(path, 0, 0, what, fixable=True)
            if self._fix:
                with contextlib.suppress(OSError):  # then it is still there, and the finding is not fixed
                    self._fs.unlink(path)
                    finding = finding.as_fixed()
            yield finding

    def _set_aside(self, folder: Path) -> Iterator[Finding]:
        for name in self._fs.names(folder):
            for fits, what in _SET_ASIDE.items():
                if fits(name):
                    yield Finding(folder / name, 0, 0, f"{what}; copy what you need from it, then delete it")
            if name.startswith("session") and name.endswith(".yaml") and not _KNOWN.fullmatch(name):
                what = f"is perhaps a conflicting version of {FILE_NAME} by another program; aloop does not read it"
                yield Finding(folder / name, 0, 0, what)

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

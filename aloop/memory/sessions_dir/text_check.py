"""Check the text of a session, and repair it.

A finding is fixable if a repair is known that loses nothing.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from aloop.errors import SessionFileError
from aloop.formatting import quantity
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.comments import cut_values
from aloop.memory.codec.edits import MessageEdits
from aloop.memory.codec.emitter import END_MARKER
from aloop.memory.codec.nodes import Node, SequenceNode, Source
from aloop.memory.codec.schema import KNOWN_VERSION
from aloop.memory.codec.serialization import ParsedDocument, interpret, load_session, parse
from aloop.memory.codec.splice import Edit, splice
from aloop.memory.codec.text_layout import TextLayout
from aloop.memory.context import answer_for, project
from aloop.memory.merging.markers import MarkedText, read_marked
from aloop.memory.pairing import Pairing, pair_calls
from aloop.memory.session import Session, is_in_future


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
    ``joined`` is the text without conflict markers, or with fewer, if versions can be joined.
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
        marked = read_marked(data, path)
        if marked is not None:
            return _check_conflicts(marked, path)
        return Report([Finding(path, error.line, error.column, error.reason)])
    return _TextCheck(parsed, session, path).run()


def explain_markers(error: SessionFileError, data: bytes) -> SessionFileError:
    """Return the error about a file, or about its conflict markers, if it has any."""
    marked = read_marked(data, error.path)
    if marked is None:
        return error
    first, last = marked.lines[0]
    advice = (
        f"`aloop sessions check {error.path.parent.name.rpartition('_')[2]} --fix` joins "
        f"{'what can be joined' if marked.left else 'the versions'}"
        if marked.joined is not None
        else "keep one version, and delete the lines of the markers"
    )
    return SessionFileError(error.path, first, 1, f"conflict markers of a merge, up to line {last}; {advice}")


def _check_conflicts(marked: MarkedText, path: Path) -> Report:
    can_join = marked.joined is not None and not marked.left
    advice = "the versions can be joined" if can_join else "keep one version, and delete the lines of the markers"
    findings = [
        Finding(path, first, 1, f"conflict markers of a merge, up to line {last}; {advice}", fixable=can_join)
        for first, last in marked.lines
    ]
    if marked.joined is not None and not can_join:
        what = (
            f"some differences can be joined, which leaves {quantity(marked.left, 'conflict')} between whole messages"
        )
        findings.insert(0, Finding(path, findings[0].line, 1, what, fixable=True))
    return Report(findings, joined=marked.joined)


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
        self._check_comments(self._parsed.root)
        system = values.get("system_messages")
        for item in system.items if isinstance(system, SequenceNode) else ():
            self._check_comments(item)
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
            asked = asked or message.role == "user"  # even if it is skipped
            self._check_comments(item)
            if message.skip:
                continue
            if message.role == "tool":
                self._check_result(number, item, message, pairing)
                continue
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

    def _check_comments(self, node: Node) -> None:
        """Report text that YAML drops as a comment, because the value is not quoted."""
        for cut in cut_values(self._parsed.source.text, node):
            what = f'the text after " #" is a comment and not part of the {cut.key}; to keep it, quote the {cut.key}'
            self._found(cut.offset, what)

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

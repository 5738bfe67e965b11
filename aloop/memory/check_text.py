"""What is odd about one session's text, and the edits that mend what can be mended without losing a word."""

from __future__ import annotations

from pathlib import Path

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.memory.context import answer_for
from aloop.memory.edits import MessageEdits
from aloop.memory.emitter import END_MARKER
from aloop.memory.findings import Finding, Report
from aloop.memory.nodes import Node, Sequence
from aloop.memory.places import Places
from aloop.memory.schema import KNOWN_VERSION
from aloop.memory.serialization import Parsed, interpret, parse
from aloop.memory.session import Session, lies_ahead


def check_text(data: bytes, path: Path) -> Report:
    """Return all findings about the bytes of one session file."""
    try:
        parsed = parse(data, path)
        session = interpret(parsed, path)
    except SessionFileError as error:
        return Report([Finding(path, error.line, error.column, error.reason)])
    return _TextCheck(parsed, session, path).run()


class _TextCheck:
    def __init__(self, parsed: Parsed, session: Session, path: Path) -> None:
        self._parsed = parsed
        self._session = session
        self._path = path
        self._report = Report()
        messages = parsed.root.values.get("messages")
        self._items: list[Node] = messages.items if isinstance(messages, Sequence) else []
        # A list in brackets is reported on, and left to its owner.
        can_edit = isinstance(messages, Sequence) and bool(messages.items) and not messages.flow
        self._edits = MessageEdits(parsed) if can_edit else None

    def run(self) -> Report:
        self._check_header()
        self._check_transcript()
        # Last, so that the marker comes behind whatever else is put at the end.
        self._check_end()
        return self._report

    def _found(self, offset: int, message: str, *, fixable: bool = False) -> None:
        line, column = self._parsed.source.place(offset)
        self._report.findings.append(Finding(self._path, line, column, message, fixable))

    def _check_header(self) -> None:
        values = self._parsed.root.values
        if self._session.version > KNOWN_VERSION:
            self._found(values["version"].start, "written by a later aloop; this one reads it and does not write it")
        if lies_ahead(self._session.updated_at):
            self._found(values["updated_at"].start, "updated_at lies in the future")

    def _check_end(self) -> None:
        parsed = self._parsed
        text = parsed.source.text
        if parsed.source.has_schema_line and not parsed.ended:
            self._found(len(text), "the end marker (...) is missing: the file may have been cut short", fixable=True)
            places = Places(parsed)
            end = places.at(len(text))
            gap = "" if any(edit.start == end for edit in self._report.edits) else places.gap_before(len(text))
            self._report.edits.append(places.edit(len(text), len(text), gap + END_MARKER))
        if parsed.below and parsed.below.items:
            start = parsed.below.start
            self._found(start, "messages stand below the end marker (...); the next save moves the marker behind them")

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
                self._found(item.start, "an answer stands before any question")
            elif message.role != "system" and not message.tool_calls and not (message.content or "").strip():
                self._found(item.start, "the message is empty; it is left out of what is sent")
            open_calls = {call.id: call for call in message.tool_calls}
            last = caller = number
        self._unanswered(open_calls, caller, last)

    def _orphan(self, number: int, item: Node, message: LLMMessage) -> None:
        what = f"a tool result ({message.tool_call_id or 'no tool_call_id'}) that answers no call before it"
        self._found(item.start, what, fixable=self._edits is not None)
        if self._edits:
            self._report.edits.append(self._edits.set_flag(number, "skip"))

    def _unanswered(self, calls: dict[str, ToolCall], caller: int, last: int) -> None:
        """Report calls of message ``caller`` without a result; ``last`` is the last message that answers one."""
        for call in calls.values():
            what = f"the tool call {call.id} ({call.name}) has no result"
            self._found(self._items[caller].start, what, fixable=self._edits is not None)
        if calls and self._edits:
            self._report.edits.append(self._edits.insert_after(last, map(answer_for, calls.values())))

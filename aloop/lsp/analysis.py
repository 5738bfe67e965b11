"""The findings and messages of one version of a session text, and their places."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from aloop.llm.message_types import LLMMessage
from aloop.lsp.positions import TextIndex, Units
from aloop.memory.codec.emitter import SCHEMA_LINE
from aloop.memory.codec.nodes import MappingNode, Node, SequenceNode
from aloop.memory.codec.serialization import ParsedDocument
from aloop.memory.codec.text_layout import TextLayout
from aloop.memory.pairing import pair_calls
from aloop.memory.session import FILE_NAME, Session
from aloop.memory.sessions_dir.folders import ALOOP_FOLDER
from aloop.memory.sessions_dir.text_check import Finding, Report, check_text

_KEY = re.compile(r"^[ \t{]*[\"']?(?:id|messages|system_messages)[\"']?[ \t]*:", re.MULTILINE)
_SEARCHED = 100_000


def is_session(path: Path, text: str) -> bool:
    """Return True for a file that aloop may read as a session.

    Editors may offer any YAML file to the server.
    """
    if text.startswith(SCHEMA_LINE.rstrip()):
        return True
    is_stored = path.parents[2:3] and path.parents[2].name == ALOOP_FOLDER
    return path.name == FILE_NAME and (is_stored or bool(_KEY.search(text[:_SEARCHED])))


@dataclass(frozen=True, slots=True)
class Place:
    """A message in the text; ``number`` counts from 1, lines from 0, both inclusive."""

    number: int
    message: LLMMessage
    node: MappingNode
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class CallPlace:
    """A tool call or its result, in the message at ``place``."""

    place: Place
    node: Node


class Analysis:
    """One version of a text and its content; made on a thread, because it is parsed."""

    def __init__(self, text: str, path: Path, version: int, units: Units) -> None:
        self.text = text
        self.path = path
        self.version = version
        self.units = units
        # A lone surrogate is reported as invalid UTF-8.
        self.data = text.encode("utf-8", "surrogatepass")
        self.report: Report = check_text(self.data, path)
        self.edited = TextIndex(text, units)
        """Positions in the text of the editor."""
        parsed = self.report.parsed
        # The text of JSON is changed to parse it, so that columns after some escapes differ.
        is_same = parsed is None or parsed.source.text == text
        self.index = self.edited if is_same or parsed is None else TextIndex(parsed.source.text, units)
        """Positions in the text as it was parsed."""

    @property
    def parsed(self) -> ParsedDocument | None:
        return self.report.parsed

    @property
    def session(self) -> Session | None:
        """The session, or None if the text is not one."""
        return self.report.session

    @cached_property
    def layout(self) -> TextLayout | None:
        return TextLayout(self.parsed) if self.parsed else None

    def last_line(self, node: Node) -> int:
        """Return the last line of a node, comments after it excluded."""
        if self.layout is None:
            return 0
        return max(self.index.line(self.layout.end_of(node) - 1), self.index.line(node.start))

    @cached_property
    def places(self) -> list[Place]:
        """All messages except the system messages of the header."""
        parsed, session = self.parsed, self.session
        if parsed is None or session is None:
            return []
        lists = [parsed.root.values.get("messages"), parsed.below]
        items = [item for each in lists if isinstance(each, SequenceNode) for item in each.items]
        return [
            Place(number, message, item, self.index.line(item.start), self.last_line(item))
            for number, (item, message) in enumerate(zip(items, session.messages, strict=False), 1)
            if isinstance(item, MappingNode)
        ]

    def place_at(self, line: int) -> Place | None:
        """Return the message at a line; blank lines belong to the one before them."""
        after = bisect_right(self.places, line, key=lambda place: place.first_line)
        if not after or (after == len(self.places) and line > self.places[-1].last_line):
            return None
        return self.places[after - 1]

    def offset_of(self, finding: Finding) -> int:
        """Return the offset of a finding, whose lines end with LF only."""
        return self._lines[finding.line - 1] + finding.column - 1

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @cached_property
    def _pairs(self) -> tuple[dict[int, int], dict[int, list[int]]]:
        """Callers by results and results by callers, as indexes; skipped ones too."""
        messages = [replace(each.message, skip=False) if each.message.skip else each.message for each in self.places]
        callers = pair_calls(messages).callers
        results: dict[int, list[int]] = {}
        for result, caller in callers.items():
            results.setdefault(caller, []).append(result)
        return callers, results

    def call_of(self, result: Place) -> CallPlace | None:
        """Return the tool call that a message is the result of."""
        caller = self._pairs[0].get(result.number - 1)
        if caller is None:
            return None
        place = self.places[caller]
        calls = call_nodes(place)
        nodes = [
            node
            for call, node in zip(place.message.tool_calls, calls, strict=False)
            if call.id == result.message.tool_call_id
        ]
        return CallPlace(place, nodes[0] if nodes else place.node)

    def result_of(self, caller: Place, call: int) -> CallPlace | None:
        """Return the result of a tool call, given by its index in the message."""
        wanted = caller.message.tool_calls[call].id
        for number in self._pairs[1].get(caller.number - 1, []):
            place = self.places[number]
            if place.message.tool_call_id == wanted:
                return CallPlace(place, place.node.values.get("content", place.node))
        return None

    def call_at(self, place: Place, line: int) -> int | None:
        """Return the index of the tool call at a line of a message."""
        for number, node in enumerate(call_nodes(place)):
            if self.index.line(node.start) <= line <= self.last_line(node):
                return number
        return None


def call_nodes(place: Place) -> list[Node]:
    """Return the nodes of the tool calls of a message."""
    calls = place.node.values.get("tool_calls")
    return calls.items if isinstance(calls, SequenceNode) else []

"""Session <-> YAML text. The only importer of ``yaml``.

Reading walks libyaml's events with a loop and a stack of its own: no recursion, no tags, no anchors, no guessing of
types. What it refuses, it refuses with line and column.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from aloop.errors import SessionFileError
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import END_MARKER, emit_session
from aloop.memory.codec.fast_parser import read_canonical
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode, Source
from aloop.memory.codec.schema import InvalidValue, read_messages, read_session, title_so_far
from aloop.memory.session import Session

MAX_DEPTH = 32

# A line of three dots at the very left can be nothing but the end marker.
_MARKER = re.compile(r"^\.\.\.(?=[ \t\r\n]|\Z)", re.MULTILINE)
_MORE = re.compile(r"^(?![ \t]*(?:#|\r?$)|\.\.\.(?:[ \t\r]|$)).", re.MULTILINE)

# libyaml where PyYAML has it (every wheel does); the pure loader gives the same events, slowly.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_HINTS = {
    "found character that cannot start any token": "a tab in the indentation, or a text that needs quotes?",
    "mapping values are not allowed in this context": "a text that needs quotes, or a line indented wrongly?",
    "could not find expected ':'": "a text that needs quotes, or a line indented wrongly?",
    "did not find expected key": "a line indented wrongly?",
}


@dataclass(slots=True)
class ParsedDocument:
    """A text and its nodes. ``ended`` tells whether an end marker was seen; ``below`` are messages typed below it."""

    source: Source
    root: MappingNode
    ended: bool = False
    below: SequenceNode | None = None


def dump_session(session: Session) -> bytes:
    """Return the whole text of ``session`` as a new file."""
    return emit_session(session).encode()


def load_session(data: bytes, path: Path) -> Session:
    """Return the session that ``data``, the bytes of ``path``, holds; raises SessionFileError with the place."""
    return read_quickly(data, path) or interpret(parse(data, path), path)


def load_messages(lines: str, path: Path) -> tuple[LLMMessage, ...]:
    """Return the messages that ``lines``, a fragment to go into ``path``, hold; raises SessionFileError.

    The line and column of the error count from the line before the first.
    """
    data = f"messages:\n{lines}{END_MARKER}".encode()
    root = read_canonical(data)
    if root is not None:
        # These nodes know no places; the parser's do.
        with contextlib.suppress(InvalidValue):
            return read_messages(root)
    parsed = parse(data, path)
    try:
        return read_messages(parsed.root)
    except InvalidValue as refusal:
        raise _located(path, parsed.source, refusal) from None


def read_quickly(data: bytes, path: Path) -> Session | None:
    """Return the session of a text that is exactly as aloop writes it; None when it takes YAML to read it, or fails."""
    root = read_canonical(data)
    if root is None:
        return None
    try:
        return read_session(root, path)
    except InvalidValue:
        # These nodes know no places; the parser's do.
        return None


def peek_title(data: bytes) -> str | None:
    """Return the title that the beginning of a session file tells, None when it does not reach that far.

    It is read no further than to the end of the first question.
    """
    builder = _Builder(None)
    # The text ends in the middle, or is no session: whoever reads all of it tells why.
    with contextlib.suppress(yaml.YAMLError, InvalidValue, UnicodeDecodeError):
        text = Source.decode(data[: data.rfind(b"\n") + 1]).text
        for event in yaml.parse(text, Loader=_LOADER):
            builder.feed(event)
            if isinstance(event, yaml.MappingEndEvent) and (title := title_so_far(builder.documents[0])):
                return title
    return None


def interpret(parsed: ParsedDocument, path: Path) -> Session:
    """Give the nodes their meaning as a session; raises SessionFileError with the place."""
    cut = parsed.source.has_schema_line and not parsed.ended
    try:
        return read_session(parsed.root, path, below=parsed.below, cut=cut)
    except InvalidValue as refusal:
        raise _located(path, parsed.source, refusal) from None


def parse(data: bytes, path: Path) -> ParsedDocument:
    """Return the nodes of a session file; raises SessionFileError for what is no YAML, or no YAML of ours."""
    try:
        source = Source.decode(data)
    except UnicodeDecodeError as error:
        # Offsets count from behind a byte order mark, in what was decoded.
        good = bytes(error.object[: error.start]).decode(error.encoding)
        line, column = Source(good).place(len(good))
        raise SessionFileError(
            path, line, column, "these bytes are no text in UTF-8, or in what the file announces"
        ) from None
    try:
        return _assemble(source)
    except InvalidValue as refusal:
        raise _located(path, source, refusal) from None
    except yaml.MarkedYAMLError as error:
        # libyaml counts more characters as line ends than editors do.
        line, column = source.place(_offset(error.problem_mark or error.context_mark))
        reason = error.problem or error.context or "this is no YAML"
        hint = _HINTS.get(reason)
        raise SessionFileError(path, line, column, f"{reason} ({hint})" if hint else reason) from None
    except ReaderError:
        line, column = source.place(source.first_unreadable())
        raise SessionFileError(path, line, column, "a control character, which YAML does not allow") from None


def _located(path: Path, source: Source, refusal: InvalidValue) -> SessionFileError:
    line, column = source.place(refusal.offset)
    return refusal.kind(path, line, column, refusal.reason)


def _assemble(source: Source) -> ParsedDocument:
    text, marker = source.text, _marker_with_more_below(source.text)
    if marker is not None:
        # YAML wants "---" before a second document: as long as "...", it leaves all places as they are.
        text = f"{text[:marker]}---{text[marker + 3 :]}"
    builder = _Builder(marker)
    for event in yaml.parse(text, Loader=_LOADER):
        builder.feed(event)
    if not builder.documents:
        raise InvalidValue("the file is empty", 0)
    root, *more = builder.documents
    if isinstance(root, ScalarNode) and not root.text:
        raise InvalidValue("the file is empty", 0)
    if not isinstance(root, MappingNode):
        raise InvalidValue("a session is a mapping with id, system_messages and messages", root.start)
    below: SequenceNode | None = None
    for extra in more:
        if below is not None or not isinstance(extra, SequenceNode) or extra.flow:
            raise InvalidValue("a second document; a session file holds one", extra.start)
        below = extra
    return ParsedDocument(source, root, builder.ended, below)


def _marker_with_more_below(text: str) -> int | None:
    """Return the place of an end marker that is followed by more than comments and blank lines, else None."""
    marker = _MARKER.search(text)
    if marker and _MORE.search(text, text.find("\n", marker.end()) + 1 or len(text)):
        return marker.start()
    return None


class _Builder:
    """Builds nodes from events, one document after another; ``marker`` is where an end marker opens the second."""

    def __init__(self, marker: int | None) -> None:
        self.documents: list[Node] = []
        self.ended = marker is not None
        self._marker = marker
        self._stack: list[SequenceNode | MappingNode] = []
        self._key: list[ScalarNode | None] = []

    def feed(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            start = _offset(event.start_mark)
            _require_plain_node(event)
            self._place(ScalarNode(event.value, not event.style, start, _offset(event.end_mark)), start)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop().end = _offset(event.end_mark)
            self._key.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise InvalidValue(
                "an alias (*name) is not allowed here; write the text out, or quote it", _offset(event.start_mark)
            )
        elif isinstance(event, yaml.DocumentStartEvent):
            if self.documents and event.explicit and _offset(event.start_mark) != self._marker:
                raise InvalidValue("a second document; a session file holds one", _offset(event.start_mark))
        elif isinstance(event, yaml.DocumentEndEvent):
            self.ended = self.ended or bool(event.explicit)

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        _require_plain_node(event)
        start = _offset(event.start_mark)
        if len(self._stack) >= MAX_DEPTH:
            raise InvalidValue(f"nested more than {MAX_DEPTH} levels deep", start)
        node: SequenceNode | MappingNode
        if isinstance(event, yaml.MappingStartEvent):
            node = MappingNode(flow=bool(event.flow_style), start=start)
        else:
            node = SequenceNode(flow=bool(event.flow_style), start=start)
        self._place(node, start)
        self._stack.append(node)
        self._key.append(None)

    def _place(self, node: Node, start: int) -> None:
        """Put a finished or just opened node where it belongs: a document, an item, a key or a value."""
        if not self._stack:
            self.documents.append(node)
            return
        parent = self._stack[-1]
        if isinstance(parent, SequenceNode):
            parent.items.append(node)
            return
        key = self._key[-1]
        if key is not None:
            parent.values[key.text] = node
            self._key[-1] = None
        elif not isinstance(node, ScalarNode):
            raise InvalidValue("a key must be a word", start)
        elif node.text in parent.values:
            raise InvalidValue(f"the key {node.text!r} stands here a second time", start)
        else:
            parent.keys[node.text] = node
            self._key[-1] = node


def _offset(mark: Any) -> int:
    """Return a mark's place in characters; the two parsers have each a class of their own for it."""
    index: int = mark.index if mark else 0
    return index


def _require_plain_node(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
    """Refuse what gives YAML powers that a transcript has no use for."""
    if event.anchor is not None:
        raise InvalidValue(
            "an anchor (&name) is not allowed here; quote the text if it is one", _offset(event.start_mark)
        )
    if event.tag is not None:
        raise InvalidValue("a tag (!name) is not allowed here; quote the text if it is one", _offset(event.start_mark))

"""Read and write sessions as YAML text. The only importer of ``yaml``.

The nodes are built from libyaml's events with an explicit stack: no recursion, tags, anchors or implicit types. Errors
have a line and a column.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from aloop.errors import SessionFileError
from aloop.llm.json_values import is_json_text
from aloop.llm.message_types import LLMMessage
from aloop.memory.codec.emitter import END_MARKER, emit_session
from aloop.memory.codec.fast_parser import read_canonical
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode, Source, with_line_feeds
from aloop.memory.codec.schema import InvalidValue, read_messages, read_session, title_so_far
from aloop.memory.session import Session

MAX_DEPTH = 32

# A line that starts with three dots is always the end marker. Not with "^", which takes ten times as long.
_MARKER = re.compile(r"\n\.\.\.(?=[ \t\r\n]|\Z)")
_MARKER_FIRST = re.compile(r"\.\.\.(?=[ \t\r\n]|\Z)")
_MORE = re.compile(r"^(?![ \t]*(?:#|\r?$)|\.\.\.(?:[ \t\r]|$)).", re.MULTILINE)

# libyaml if PyYAML has it, as every wheel does. The Python loader gives the same events, but slowly.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONFLICT_START = re.compile(r"^<{7}(?= |$)", re.MULTILINE)
_CONFLICT_END = re.compile(r"^>{7}(?= |$)", re.MULTILINE)

# A character in JSON as two escapes, which YAML does not have, or half of one.
_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u(?:(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|d[89a-f][0-9a-f]{2})", re.IGNORECASE
)

_HINTS = {
    "found character that cannot start any token": "a tab in the indentation, or missing quotes?",
    "mapping values are not allowed in this context": (
        "missing quotes, wrong indentation, or a missing colon in the line above?"
    ),
    "could not find expected ':'": "missing quotes, or wrong indentation?",
    "did not find expected key": "wrong indentation, or missing quotes?",
    "did not find expected '-' indicator": "wrong indentation?",
    "did not find expected <document start>": "a line above that starts with %?",
    "did not find expected comment or line break": "missing quotes?",
    "did not find expected node content": "missing quotes?",
    "block sequence entries are not allowed in this context": "missing quotes?",
    "mapping keys are not allowed in this context": "missing quotes?",
}
_ALIAS = "aliases (*name) are not allowed; repeat the text, or quote it"
_ANCHOR = "anchors (&name) are not allowed; if this is text, quote it"
_TAG = "tags (!name) are not allowed; if this is text, quote it"
_WORDS = {"while scanning an alias": _ALIAS, "while scanning an anchor": _ANCHOR, "while scanning a tag": _TAG}


_SECOND_DOCUMENT = "a second document is not allowed in a session file"


@dataclass(slots=True)
class ParsedDocument:
    """A text and its nodes; ``below`` are messages below the end marker, if any."""

    source: Source
    root: MappingNode
    ended: bool = False
    below: SequenceNode | None = None


def dump_session(session: Session) -> bytes:
    """Return the text of a new file for ``session``."""
    return bytes(session_text(session))


def session_text(session: Session) -> bytearray:
    """Return the same without a second copy of the text, which may be large."""
    data = bytearray()
    for piece in emit_session(session):
        data += piece.encode()
    return data


def load_session(data: bytes | bytearray, path: Path) -> Session:
    """Return the session in ``data``, the bytes of ``path``; raises SessionFileError."""
    return read_quickly(data, path) or interpret(parse(bytes(data), path), path)


def load_messages(lines: str, path: Path) -> tuple[LLMMessage, ...]:
    """Return the messages in a fragment of a file; raises SessionFileError.

    The error's line counts from the line before the fragment.
    """
    data = f"messages:\n{lines}{END_MARKER}".encode()
    root = read_canonical(data)
    if root is not None:
        # These nodes have no offsets: parse again to report an error.
        with contextlib.suppress(InvalidValue):
            return read_messages(root)
    parsed = parse(data, path)
    try:
        return read_messages(parsed.root)
    except InvalidValue as invalid:
        raise _located(path, parsed.source, invalid) from None


def read_quickly(data: bytes | bytearray, path: Path) -> Session | None:
    """Return the session if the text is valid and canonical, else None."""
    root = read_canonical(data)
    if root is None:
        return None
    try:
        return read_session(root, path)
    except InvalidValue:
        # These nodes have no offsets: the caller parses again to report the error.
        return None


def peek_title(data: bytes) -> str | None:
    """Return the title from the first part of a session file, or None.

    Parsing stops after the first user message.
    """
    builder = _Builder(None)
    # The text is incomplete or not a session. A reader of the whole file reports errors.
    with contextlib.suppress(yaml.YAMLError, InvalidValue, UnicodeDecodeError):
        text = Source.decode(data[: data.rfind(b"\n") + 1]).text
        for event in yaml.parse(text, Loader=_LOADER):
            builder.feed(event)
            if isinstance(event, yaml.MappingEndEvent) and (title := title_so_far(builder.documents[0])):
                return title
    return None


def peek_header(data: bytes) -> dict[str, str]:
    """Return the texts of the header in the first part of a session file.

    Keys that come after the end of ``data`` or after an error are missing.
    """
    builder = _Builder(None)
    # The text is incomplete or not a session. A reader of the whole file reports errors.
    with contextlib.suppress(yaml.YAMLError, InvalidValue, UnicodeDecodeError):
        source = Source.decode_start(data)
        if source.text.lstrip().startswith("{"):
            return _peek_json(source.text)
        # libyaml rejects a buffer with such a character before it returns what precedes it.
        for event in yaml.parse(source.text[: source.first_unreadable() or None], Loader=_LOADER):
            builder.feed(event)
    root = builder.documents[0] if builder.documents else None
    values = root.values.items() if isinstance(root, MappingNode) else ()
    return {key: node.text for key, node in values if isinstance(node, ScalarNode)}


_JSON_PAIR = re.compile(r'[\s{,]*("(?:[^"\\]|\\.)*")\s*:\s*(?=("(?:[^"\\]|\\.)*")?)')


def _peek_json(text: str) -> dict[str, str]:
    """Return the leading pairs of a JSON object that are texts.

    libyaml returns nothing of one that is cut in a long text.
    """
    found: dict[str, str] = {}
    match = _JSON_PAIR.match(text)
    with contextlib.suppress(ValueError):
        while match and match[2]:
            found.setdefault(json.loads(match[1]), json.loads(match[2]))
            match = _JSON_PAIR.match(text, match.end(2))
    return found


def interpret(parsed: ParsedDocument, path: Path) -> Session:
    """Return the session of a parsed text; raises SessionFileError."""
    cut = parsed.source.has_schema_line and not parsed.ended
    try:
        return read_session(parsed.root, path, below=parsed.below, cut=cut)
    except InvalidValue as invalid:
        raise _located(path, parsed.source, invalid) from None


def parse(data: bytes, path: Path) -> ParsedDocument:
    """Return the nodes of a session file; raises SessionFileError."""
    try:
        source = Source.decode(data)
    except UnicodeDecodeError as error:
        # The offsets of the error do not include the byte order mark.
        good = bytes(error.object[: error.start]).decode(error.encoding)
        line, column = Source(good).place(len(good))
        raise SessionFileError(path, line, column, f"the text is not valid {error.encoding.upper()}") from None
    # Only in JSON: elsewhere, a backslash outside of quotes is text.
    if source.text.lstrip().startswith("{") and _SURROGATES.search(source.text) and is_json_text(source.text):
        source = replace(source, text=_SURROGATES.sub(_join_surrogates, source.text))
    try:
        return _assemble(source)
    except InvalidValue as invalid:
        raise _located(path, source, invalid) from None
    except ReaderError:
        offset = source.first_unreadable()
        reason = "YAML does not allow this control character"
        if not source.text[offset:].strip("\0"):
            reason = "the file ends with NUL bytes, as after a power failure; aloop sessions check --fix removes them"
        raise SessionFileError(path, *source.place(offset), reason) from None


def _join_surrogates(match: re.Match[str]) -> str:
    if not match[2]:
        return f"{match[1]}\\ufffd"
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF):08x}"


def _located(path: Path, source: Source, invalid: InvalidValue) -> SessionFileError:
    """Return the error with its line, or that of conflict markers.

    The markers are the cause of any other error.
    """
    lines = with_line_feeds(source.text)
    if (first := _CONFLICT_START.search(lines)) and (last := _CONFLICT_END.search(lines, first.end())):
        line, end = source.place(first.start())[0], source.place(last.start())[0]
        reason = (
            f"conflict markers of a merge, up to line {end}; keep one version, and delete the lines of the markers, "
            "unless `aloop sessions check` finds that the versions can be joined"
        )
        return SessionFileError(path, line, 1, reason)
    # Not the line of libyaml, which treats more characters as line endings than editors do.
    line, column = source.place(invalid.offset)
    return invalid.kind(path, line, column, invalid.reason)


def _assemble(source: Source) -> ParsedDocument:
    text, marker = source.text, _marker_with_more_below(source.text)
    if marker is not None:
        # YAML requires "---" before a second document; it is as long as "...", so all offsets stay the same.
        text = f"{text[:marker]}---{text[marker + 3 :]}"
    builder = _Builder(marker)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.feed(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, source, builder) from None
    if not builder.documents:
        raise InvalidValue("the file is empty", 0)
    root, *more = builder.documents
    if isinstance(root, ScalarNode) and not root.text:
        raise InvalidValue("the file is empty", 0)
    if not isinstance(root, MappingNode):
        raise InvalidValue("a session must be a mapping with id, system_messages and messages", root.start)
    below: SequenceNode | None = None
    for extra in more:
        if below is not None or not isinstance(extra, SequenceNode) or extra.flow:
            raise InvalidValue(_SECOND_DOCUMENT, extra.start)
        below = extra
    return ParsedDocument(source, root, builder.ended, below)


def _syntax_error(error: yaml.MarkedYAMLError, source: Source, builder: _Builder) -> InvalidValue:
    """Return a syntax error at its cause, with what ``builder`` has read before it.

    A missing quote or bracket is noticed only where the following text makes no sense.
    """
    before = builder.last_scalar
    # In brackets, "key: value" is a mapping without braces.
    bracket = next((start for start in builder.open_collections if source.text[start] in "[{"), None)
    context = error.context or ""
    problem = _offset(error.problem_mark or error.context_mark)
    cause = _offset(error.context_mark or error.problem_mark)
    if context == "while scanning a quoted scalar":
        return InvalidValue("the text in quotes that starts here has no closing quote", cause)
    if context in _WORDS:
        return InvalidValue(_WORDS[context], cause)
    if bracket is not None and "\n" in source.text[bracket:problem]:
        reason = "the bracket that opens here is not closed"
        if (error.problem or "").startswith("did not find expected ','"):
            reason += f", or a comma is missing before line {source.place(problem)[0]}"
        return InvalidValue(reason, bracket)
    if before is not None and not before.plain and source.text[before.start : before.start + 1] in {'"', "'"}:
        first, last = source.place(before.start)[0], source.place(before.end)[0]
        if first < last == source.place(problem)[0]:
            reason = f"the text in quotes that starts here ends in line {last}: is its closing quote missing?"
            return InvalidValue(reason, before.start)
    reason = error.problem or context or "not valid YAML"
    hint = _HINTS.get(reason)
    return InvalidValue(
        f"{reason} ({hint})" if hint else reason, cause if context == "while scanning a simple key" else problem
    )


def _marker_with_more_below(text: str) -> int | None:
    """Return the offset of an end marker with messages below it, else None."""
    lines = with_line_feeds(text)
    marker = _MARKER_FIRST.match(lines) or _MARKER.search(lines)
    if marker and _MORE.search(lines, lines.find("\n", marker.end()) + 1 or len(lines)):
        return marker.end() - 3
    return None


class _Builder:
    """Builds nodes from events; ``marker`` is the end marker before more messages."""

    def __init__(self, marker: int | None) -> None:
        self.documents: list[Node] = []
        self.last_scalar: ScalarNode | None = None
        self.ended = marker is not None
        self._marker = marker
        self._stack: list[SequenceNode | MappingNode] = []
        self._key: list[ScalarNode | None] = []

    @property
    def open_collections(self) -> list[int]:
        """The offsets of the open lists and mappings in brackets, innermost first."""
        return [node.start for node in reversed(self._stack) if node.flow]

    def feed(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            start = _offset(event.start_mark)
            _require_plain_node(event)
            self.last_scalar = ScalarNode(event.value, not event.style, start, _offset(event.end_mark))
            self._place(self.last_scalar, start)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop().end = _offset(event.end_mark)
            self._key.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise InvalidValue(_ALIAS, _offset(event.start_mark))
        elif isinstance(event, yaml.DocumentStartEvent):
            if self.documents and event.explicit and _offset(event.start_mark) != self._marker:
                raise InvalidValue(_SECOND_DOCUMENT, _offset(event.start_mark))
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
        """Add a node as a document, an item, a key or a value."""
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
            raise InvalidValue(f"duplicate key {node.text!r}", start)
        else:
            parent.keys[node.text] = node
            self._key[-1] = node


def _offset(mark: Any) -> int:
    """Return the character offset of a mark, whose class depends on the loader."""
    index: int = mark.index if mark else 0
    return index


def _require_plain_node(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
    """Raise InvalidValue for anchors and tags, which a session does not need."""
    if event.anchor is not None:
        raise InvalidValue(_ANCHOR, _offset(event.start_mark))
    if event.tag is not None:
        raise InvalidValue(_TAG, _offset(event.start_mark))

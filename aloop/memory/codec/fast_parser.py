"""A fast parser for session files that have exactly the form that aloop writes.

Most files are never edited by hand, so most of YAML can be ignored: lines are matched one by one, and literal blocks
are taken as a whole. On anything else, such as a comment or a different indentation, the parser gives up and the file
is read as YAML. It accepts only a subset of YAML and returns exactly the text that a YAML parser would return.
"""

from __future__ import annotations

import re
from functools import lru_cache

from aloop.memory.codec.emitter import END_MARKER, ITEM_COLUMN, MAX_KEY
from aloop.memory.codec.nodes import MappingNode, Node, ScalarNode, SequenceNode

# All bytes that a canonical file may contain: not the control characters except tab and LF.
_PLAIN_BYTES = bytes(byte for byte in range(256) if byte in (9, 10) or (byte >= 32 and byte != 127))
# Characters that YAML rejects or treats as line breaks, in UTF-8: C1 controls, LS, PS, the byte order mark, U+FFFE and
# U+FFFF. Each pattern starts with a fixed byte, which makes the search fast.
_REJECTED = tuple(
    re.compile(pattern)
    for pattern in (rb"\xc2[\x80-\x9f]", rb"\xe2\x80[\xa8\xa9]", rb"\xef\xbb\xbf", rb"\xef\xbf[\xbe\xbf]")
)

_MAX_COLUMN = 64
_HEAD_COMMENT = re.compile(r"#[^\n]*\n")
# Each repetition of a group takes memory, and before Python 3.11.5 a possessive group keeps a wrong start after a
# failed match. Therefore quoted text with escapes is matched in pieces.
_VALUE = (
    r"(?P<plain>-?[A-Za-z0-9_]+(?:[./:+-][A-Za-z0-9_]+){0,99})"
    r'|"(?P<double>[^"\\\n]*)"'
    r"|'(?P<single>[^'\n]*)'"
    r"|\|(?P<block>2?[-+]?)"
    r"|\{(?P<flow>[a-z_]+: [a-z0-9_]+(?:, [a-z_]+: [a-z0-9_]+)*)\}"
    r"|(?P<empty>\[\]|\{\})"
    r"|(?P<quoted>[\"'][^\n]*)"
)
_LINE = re.compile(rf"([a-z_]+):(?: (?:{_VALUE}))?\n")
# Keys that are not aloop's own, such as those of tool arguments.
_OTHER_KEY = re.compile(
    r"([A-Za-z0-9_]+(?:[./:-][A-Za-z0-9_]+){0,99}"
    rf"|\"[^\"\\\n]{{0,999}}\"|'[^'\n]{{0,999}}'):(?: (?:{_VALUE}))?\n"
)
_ITEM = re.compile(rf"(?:{_VALUE})\n")
_IN_QUOTES = {
    '"': re.compile(r'(?:[^"\\\n]+|\\(?:[^\n]|\n +(?![ \t]))){0,999}'),
    "'": re.compile(r"(?:[^'\n]+|''){0,999}"),
}
_ESCAPE = re.compile(r"\\(?:\n +|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b", "0": "\0", '"': '"', "\\": "\\", " ": " "}


class _NotCanonical(Exception):
    """The text is not exactly as the emitter writes it."""


def read_canonical(data: bytes | bytearray) -> MappingNode | None:
    """Return the nodes of a session text, or None if it is not canonical."""
    if not data.endswith(b"\n" + END_MARKER.encode()) or data.translate(None, _PLAIN_BYTES):
        return None
    if not data.isascii() and any(pattern.search(data) for pattern in _REJECTED):
        return None
    try:
        return _Reader(data.decode()).read()
    except (_NotCanonical, UnicodeDecodeError):
        return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def read(self) -> MappingNode:
        comment = _HEAD_COMMENT.match(self._text)
        if comment:
            self._position = comment.end()
        root = MappingNode()
        last = len(self._text) - len(END_MARKER)
        while self._position < last:
            if self._text[self._position] == "\n":
                self._position += 1
            else:
                self._pair(root.values, 0)
        if self._position != last:
            raise _NotCanonical
        return root

    def _mapping(self, column: int, first: re.Match[str] | None = None) -> MappingNode:
        """Read a mapping with its first key here and the others at ``column``."""
        text, margin = self._text, " " * column
        mapping = MappingNode()
        self._pair(mapping.values, column, first)
        while text.startswith(margin, self._position):
            self._position += column
            self._pair(mapping.values, column)
        return mapping

    def _sequence(self, column: int, *, is_inline: bool = False) -> SequenceNode:
        """Read a list with its dashes at ``column``; the first may be here."""
        text, dash = self._text, " " * column + "- "
        items: list[Node] = []
        if is_inline:
            self._position += 2
            items.append(self._item(column))
        while text.startswith(dash, self._position):
            self._position += column + 2
            items.append(self._item(column))
        return SequenceNode(items)

    def _item(self, column: int) -> Node:
        """Read the item here, after a dash at ``column``."""
        text, position = self._text, self._position
        pair = _LINE.match(text, position) or _OTHER_KEY.match(text, position)
        if pair:
            return self._mapping(column + 2, pair)
        if text.startswith("- ", position) and column < _MAX_COLUMN:
            return self._sequence(column + 2, is_inline=True)
        match = _ITEM.match(text, position)
        if match is None:
            raise _NotCanonical
        self._position = match.end()
        return self._value(match, column)

    def _pair(self, values: dict[str, Node], column: int, match: re.Match[str] | None = None) -> None:
        if match is None:
            match = _LINE.match(self._text, self._position) or _OTHER_KEY.match(self._text, self._position)
        if match is None:
            raise _NotCanonical
        key = match[1]
        if key[0] in "\"'":
            key = key[1:-1]
        if key in values or len(key) > MAX_KEY:
            raise _NotCanonical
        self._position = match.end()
        values[key] = self._value(match, column)

    def _value(self, match: re.Match[str], column: int) -> Node:
        kind = match.lastgroup
        if kind is None:
            return self._nested(column)
        text = match[kind]
        if kind == "plain":
            return ScalarNode(text, True)
        if kind == "double":
            return ScalarNode(text)
        if kind == "block":
            return ScalarNode(self._block(text, column + 2))
        if kind == "single":
            return ScalarNode(text.replace("''", "'"))
        if kind == "quoted":
            return ScalarNode(self._quoted(match.start(kind)))
        if kind == "flow":
            return _flow(text)
        return SequenceNode(flow=True) if text == "[]" else MappingNode(flow=True)

    def _nested(self, column: int) -> Node:
        """Read the list or mapping below a key at ``column``."""
        inner = column + ITEM_COLUMN
        if inner > _MAX_COLUMN:
            raise _NotCanonical
        if self._text.startswith(" " * inner + "- ", self._position):
            return self._sequence(inner)
        if self._text.startswith(" " * inner, self._position):
            self._position += inner
            return self._mapping(inner)
        raise _NotCanonical

    def _quoted(self, start: int) -> str:
        """Return the text of the quoted scalar at ``start``."""
        quote, end = self._text[start], start + 1
        while (piece := _IN_QUOTES[quote].match(self._text, end)) and piece.group():
            end = piece.end()
        if not self._text.startswith(f"{quote}\n", end):
            raise _NotCanonical
        self._position = end + 2
        text = self._text[start + 1 : end]
        return _ESCAPE.sub(_unescape, text) if quote == '"' else text.replace("''", "'")

    def _block(self, header: str, indent: int) -> str:
        # Start at the preceding line feed, in case the block has no lines.
        end = _block_end(indent).search(self._text, self._position - 1)
        body = self._text[self._position : end.end()] if end else ""
        if body[indent : indent + 1] in ("", " ", "\t", "\n") and not header.startswith("2"):
            raise _NotCanonical
        if not body.strip("\n"):
            raise _NotCanonical
        self._position += len(body)
        if body[0] == "\n":
            text = body.replace("\n" + " " * indent, "\n")
        else:
            text = body[indent:].replace("\n" + " " * indent, "\n")
        if header.endswith("+"):
            return text
        text = text.rstrip("\n")
        return text if header.endswith("-") else text + "\n"


def _flow(text: str) -> MappingNode:
    pairs = [pair.split(": ") for pair in text.split(", ")]
    mapping = MappingNode({key: ScalarNode(number, True) for key, number in pairs}, flow=True)
    if len(mapping.values) != len(pairs):
        raise _NotCanonical
    return mapping


@lru_cache(maxsize=32)
def _block_end(indent: int) -> re.Pattern[str]:
    """Match the end of a block, whose lines are blank or indented text."""
    return re.compile(rf"\n(?! {{{indent}}}[^\n]|\n)")


def _unescape(match: re.Match[str]) -> str:
    short = match.group(4)
    if short is not None:
        if short not in _ESCAPED:
            raise _NotCanonical
        return _ESCAPED[short]
    digits = match.group(match.lastindex) if match.lastindex else None
    if digits is None:
        return ""
    code = int(digits, 16)
    if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        raise _NotCanonical
    return chr(code)

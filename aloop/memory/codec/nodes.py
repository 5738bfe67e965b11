"""The syntax tree of a session file, and its source text.

``start`` and ``end`` are character offsets in the text; nodes of the fast parser have 0 for both. The value of a scalar
is always a string; the schema decides whether a plain ``null`` is a word or no value.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from aloop.memory.codec.emitter import SCHEMA_LINE


@dataclass(slots=True)
class ScalarNode:
    """A value; ``plain`` is True if it is neither quoted nor a block."""

    text: str
    plain: bool = False
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class SequenceNode:
    """A list; ``flow`` is True if it is in brackets."""

    items: list[Node] = field(default_factory=list)
    flow: bool = False
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class MappingNode:
    """Keys and values in the order of the file; keys are unique."""

    values: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, ScalarNode] = field(default_factory=dict)
    flow: bool = False
    start: int = 0
    end: int = 0


Node = ScalarNode | SequenceNode | MappingNode


_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# The characters that YAML does not allow, except lone surrogates, which decoding rejects.
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


_OTHER_LINE_ENDS = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


def with_line_feeds(text: str) -> str:
    """Return ``text`` with a line feed for each character that ends a line in YAML.

    YAML also ends lines at a lone CR, NEL, LS and PS. The length is unchanged, so offsets are valid in both texts.
    """
    # Nearly every text has none of them, and looking for single characters is many times faster.
    has_others = any(character in text for character in "\r\x85\u2028\u2029")
    return _OTHER_LINE_ENDS.sub("\n", text) if has_others else text


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file, without its byte order mark, and its encoding."""

    text: str
    encoding: str = "utf-8"
    bom: bytes = b""

    @classmethod
    def decode(cls, data: bytes) -> Source:
        """Decode UTF-8, or the encoding of the byte order mark; raises UnicodeDecodeError."""
        for bom, encoding in _BOMS:
            if data.startswith(bom):
                return cls(data[len(bom) :].decode(encoding), encoding, bom)
        return cls(data.decode())

    @classmethod
    def decode_start(cls, data: bytes) -> Source:
        """Decode the first bytes of a file, without a character cut at their end.

        Raises UnicodeDecodeError.
        """
        bom, encoding = next((pair for pair in _BOMS if data.startswith(pair[0])), (b"", "utf-8"))
        return cls(codecs.getincrementaldecoder(encoding)().decode(data[len(bom) :]), encoding, bom)

    def encode(self, text: str) -> bytes:
        """Encode ``text`` as this file is encoded."""
        return self.bom + text.encode(self.encoding)

    @property
    def newline(self) -> str:
        """The line end of the first line, which is assumed for the whole file."""
        first = self.text.find("\n")
        if first < 0:
            return "\r" if "\r" in self.text else "\n"
        return "\r\n" if first > 0 and self.text[first - 1] == "\r" else "\n"

    @property
    def has_schema_line(self) -> bool:
        """True if aloop created the file, which then must have an end marker too."""
        return self.text.startswith(SCHEMA_LINE.rstrip())

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and column of a character, counted from 1."""
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)

    def first_unreadable(self) -> int:
        """Return the offset of the first character that YAML does not allow, or 0."""
        match = _UNREADABLE.search(self.text)
        return match.start() if match else 0

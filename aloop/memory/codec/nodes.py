"""What a session's text consists of, before it has a meaning: scalars, mappings and sequences with their places.

``start`` and ``end`` are offsets in characters of the text. Scalars are always text; whether one stood plain decides
later if ``null`` is nothing or a word. A node made by the fast reader has its offsets at 0: it never needs them.

A session file's bytes as text, with the way back: encoding, line ends, and places that a person can find.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from aloop.memory.codec.emitter import SCHEMA_LINE


@dataclass(slots=True)
class ScalarNode:
    """A value; ``plain`` is True when it stood without quotes and not as a block."""

    text: str
    plain: bool = False
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class SequenceNode:
    """A list; ``flow`` is True for the bracketed form."""

    items: list[Node] = field(default_factory=list)
    flow: bool = False
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class MappingNode:
    """Keys and values in the order of the file; a key is unique."""

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
# What no YAML text may hold, beside lone surrogates, which decoding has refused already.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Source:
    """The text without its byte order mark; ``bom`` and ``encoding`` bring the bytes back."""

    text: str
    encoding: str = "utf-8"
    bom: bytes = b""

    @classmethod
    def decode(cls, data: bytes) -> Source:
        """Read UTF-8, or what a byte order mark announces; raises UnicodeDecodeError."""
        for bom, encoding in _BOMS:
            if data.startswith(bom):
                return cls(data[len(bom) :].decode(encoding), encoding, bom)
        return cls(data.decode())

    def encode(self, text: str) -> bytes:
        """Return ``text`` as bytes of this file."""
        return self.bom + text.encode(self.encoding)

    @property
    def newline(self) -> str:
        """The line end that the file uses, judged by its first."""
        first = self.text.find("\n")
        return "\r\n" if first > 0 and self.text[first - 1] == "\r" else "\n"

    @property
    def has_schema_line(self) -> bool:
        """Whether aloop began the file: then it must have an end marker, too."""
        return self.text.startswith(SCHEMA_LINE.rstrip())

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of a character, both from 1."""
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)

    def first_unreadable(self) -> int:
        """Return the offset of the first character that YAML does not allow, 0 when there is none."""
        match = _UNREADABLE.search(self.text)
        return match.start() if match else 0

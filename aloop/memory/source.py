"""A session file's bytes as text, with the way back: encoding, line ends, and places that a person can find."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from aloop.memory.emitter import SCHEMA_LINE

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

"""Source: encodings, line endings, and positions in the text."""

from __future__ import annotations

import codecs

import pytest

from aloop.memory.codec.emitter import SCHEMA_LINE
from aloop.memory.codec.nodes import Source

TEXT = "id: é\r\ntitle: 🎈\r\n"


@pytest.mark.parametrize(
    ("data", "encoding", "bom"),
    [
        (TEXT.encode(), "utf-8", b""),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8", codecs.BOM_UTF8),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-16-le", codecs.BOM_UTF16_LE),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16-be", codecs.BOM_UTF16_BE),
    ],
)
def test_source_decodes_and_encodes_bytes(data: bytes, encoding: str, bom: bytes) -> None:
    source = Source.decode(data)
    assert (source.text, source.encoding, source.bom) == (TEXT, encoding, bom)
    assert source.encode(source.text) == data


@pytest.mark.parametrize(
    "data", [b"\xff", b"\xed\xa0\x80", codecs.BOM_UTF16_LE + b"\x00", codecs.BOM_UTF16_BE + b"\xdc\x00"]
)
def test_invalid_bytes_are_rejected(data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        Source.decode(data)


@pytest.mark.parametrize(
    ("text", "newline"), [("a\r\nb\n", "\r\n"), ("a\nb\r\n", "\n"), ("", "\n"), ("a", "\n"), ("\r\n", "\r\n")]
)
def test_newline_is_the_first_line_end(text: str, newline: str) -> None:
    assert Source(text).newline == newline


def test_place_counts_lines_and_characters_from_one() -> None:
    source = Source("é🎈b\ncd\n")
    assert [source.place(offset) for offset in range(7)] == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_schema_line_is_recognized_in_the_first_line(newline: str) -> None:
    assert Source(SCHEMA_LINE.replace("\n", newline)).has_schema_line
    assert not Source("id: x\n" + SCHEMA_LINE).has_schema_line


@pytest.mark.parametrize(("text", "offset"), [("ab\x07c", 2), ("é\x7f", 1), ("\ufffe", 0), ("fine\t\r\n\x85\ufeff", 0)])
def test_first_unreadable_returns_the_offset(text: str, offset: int) -> None:
    assert Source(text).first_unreadable() == offset

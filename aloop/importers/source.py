"""Foreign files, read in pieces, because they can have gigabytes."""

from __future__ import annotations

import codecs
import errno
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from aloop.errors import UsageError
from aloop.importers.json_decoder import decode
from aloop.regular_file import read_regular

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD = 262_144
"""Bytes at the start of a file by which its format is recognized."""
BROKEN_LINES = "lines that are not JSON objects"
CUT_OFF = "incomplete last lines, such as those that a program is still writing"
_CHUNK = 1 << 20
_AHEAD = 4 * _CHUNK
"""Bytes within which the start of the next element is looked for."""
_FIRST_TRY = 4_096
"""Bytes of a value that are decoded first, if its size is not known."""
_GUESSES = 3
_SPACE = b" \t\r\n"
_decode_text = json.JSONDecoder(strict=False).raw_decode
_KEY = r'"[^"\\]{1,100}"'
_GAP = r"[ \t\r\n]*"
_SHORT_VALUE = rf'{_GAP}:{_GAP}(?:"[^"\\]{{0,500}}(?:\\.[^"\\]{{0,500}}){{0,50}}"|[a-z0-9.+-]{{1,30}}){_GAP},{_GAP}'
_NEXT = re.compile(rf"(\}}{_GAP},{_GAP}\{{{_GAP}{_KEY})(?:{_SHORT_VALUE}({_KEY}))?".encode())
"""The end of an object and the start of the next one: its first key, and perhaps the second."""


def read_below(folder: Path, path: Path) -> bytes:
    """Return a regular file below ``folder``; raises OSError for others.

    A path that was made from values in a file of another program may lead anywhere, and so may a link.
    """
    if "\0" in str(path) or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return read_regular(path)


def json_below(folder: Path, path: Path) -> Any:
    """Return the JSON value in a file below ``folder``; None if there is none."""
    try:
        return decode(read_below(folder, path))
    except (OSError, ValueError, RecursionError):
        return None


class Source:
    """One file, or standard input in memory.

    ``on_read`` is called with the number of bytes as they are read. ``problems`` counts lines and values that could
    not be read. ``session`` is the start of the IDs of the sessions that are wanted, for readers that can select.
    ``encoding`` is that of the file, if it is not UTF-8, which readers always get.
    """

    def __init__(
        self, path: Path | None, data: bytes | None = None, on_read: Callable[[int], None] = lambda _size: None
    ) -> None:
        self.path = path
        self.on_read = on_read
        self.problems: Counter[str] = Counter()
        self.session = ""
        self.encoding = ""
        self._data = data

    @property
    def name(self) -> str:
        return self.path.name if self.path else "standard input"

    @property
    def file(self) -> Path:
        """The path, for formats that are more than a stream; raises UsageError if none."""
        if self.path is None:
            raise UsageError("This format cannot be read from standard input. Give the path of the file.")
        return self.path

    @cached_property
    def head(self) -> bytes:
        """The first bytes."""
        with self.open() as stream:
            return stream.read(HEAD)

    @cached_property
    def is_lines(self) -> bool:
        """True if the first line is one JSON object, and more follow or none."""
        first, newline, _ = self.head.lstrip().partition(b"\n")
        try:
            return isinstance(decode(first), dict) and bool(newline or len(self.head) < HEAD)
        except (ValueError, RecursionError):
            return False

    @cached_property
    def loose(self) -> list[dict[str, Any]]:
        """The messages of a file that is only a list of messages, or one per line."""
        first = next(iter(self.lines() if self.is_lines else self.elements()), None)
        if not isinstance(first, dict) or "role" not in first:
            return []
        values = self.lines() if self.is_lines else self.elements()
        return [value for value in values if isinstance(value, dict)]

    def open(self) -> BinaryIO:
        """Open the file; raises OSError."""
        file = BytesIO(self._data) if self._data is not None else self.file.open("rb", buffering=_CHUNK)
        return BufferedReader(_AsUtf8(file, self.encoding), _CHUNK) if self.encoding else file

    def in_encoding(self, encoding: str) -> Source:
        """Return the source as UTF-8 if its file is in another encoding."""
        with self.open() as stream:
            start = stream.read(HEAD)
        # Readers count bytes of UTF-8, but the size of the file is known.
        ratio = len(start) / max(len(start.decode(encoding, "replace").encode()), 1)
        source = Source(self.path, self._data, lambda size: self.on_read(round(size * ratio)))
        source.encoding = encoding
        return source

    def lines(self, decode_line: Callable[[bytes], Any] = decode) -> Iterator[dict[str, Any]]:
        """Yield the object of each line.

        ``decode_line`` raises ValueError for a line that is broken.
        """
        with self.open() as stream:
            for raw in stream:
                self.on_read(len(raw))
                try:
                    value = decode_line(raw)
                except (ValueError, RecursionError):
                    value = None
                if isinstance(value, dict):
                    yield value
                elif not raw.isspace():
                    self.problems[BROKEN_LINES if raw.endswith(b"\n") else CUT_OFF] += 1

    def document(self) -> Any:
        """Return the whole file as one JSON value; None if it is not one."""
        with self.open() as stream:
            raw = stream.read()
        self.on_read(len(raw))
        try:
            return decode(raw.decode("utf-8-sig", "replace"), strict=False)
        except (ValueError, RecursionError):
            self.problems["files that are not JSON"] += 1
            return None

    def elements(self) -> Iterator[Any]:
        """Yield the elements of a JSON array one at a time, or any other value."""
        with self.open() as stream:
            yield from _Elements(stream, self).read()

    def text(self) -> str:
        """Return the whole file as text."""
        with self.open() as stream:
            raw = stream.read()
        self.on_read(len(raw))
        return raw.decode("utf-8-sig", "replace")


class _AsUtf8(RawIOBase):
    """A file in another encoding, which is read as UTF-8, in pieces."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill ``buffer``, as far as one piece of the file does; 0 is the end."""
        data = b"."
        while not self._rest and data:
            data = self._file.read(_CHUNK)
            self._rest = self._decoder.decode(data, final=not data).encode()
        with memoryview(buffer) as view:
            size = min(len(view), len(self._rest))
            view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


class _Elements:
    """Decodes one element at a time from a buffer that grows only as needed."""

    def __init__(self, stream: BinaryIO, source: Source) -> None:
        self._stream, self._source = stream, source
        self._buffer, self._start, self._is_over = b"", 0, False
        self._separator, self._following = b"", re.compile(b"")
        self._unlike = 0
        """Bytes in which no next element starts like the last one, so that they are not searched again."""

    def read(self) -> Iterator[Any]:
        self._fill(_CHUNK)
        self._buffer = self._buffer.removeprefix(codecs.BOM_UTF8)
        if self._next_character() != b"[":
            yield from self._value()
            return
        self._start += 1
        while (character := self._next_character()) != b"]":
            if not character:
                self._source.problems["lists that are cut off"] += 1
                return
            if character == b",":
                self._start += 1
                continue
            values = self._value()
            if not values:
                return
            yield from values

    def _next_character(self) -> bytes:
        while True:
            while (character := self._buffer[self._start : self._start + 1]) and character in _SPACE:
                self._start += 1
            if character or not self._fill(_CHUNK):
                return character

    def _value(self) -> tuple[Any, ...]:
        """Return the next value in a tuple, which is empty if no value can be read."""
        values: tuple[Any, ...]
        size = _FIRST_TRY
        while True:
            try:
                following = self._next_object()
                if following is not None:
                    return (following,)
                value, length = _decode_start(self._buffer[self._start : self._start + size])
                values = (value,)
            except RecursionError:
                self._source.problems["values that are nested too deeply"] += 1
                return ()
            except ValueError:
                values, length = (), size
            rest = len(self._buffer) - self._start
            # It may be cut off, even a number that can be read. Twice as much each time, so that a large value is not
            # decoded over and over.
            if length + len("e+") >= min(size, rest) and (size < rest or self._fill(max(_CHUNK, rest))):
                size *= 2
                continue
            if values:
                self._learn(self._start + length)
                self._unlike -= length
                self._start += length
            else:
                self._source.problems["values that are cut off or not JSON"] += 1
            return values

    def _learn(self, end: int) -> None:
        """Note how the element at ``end`` is separated from the next one."""
        found = _NEXT.match(self._buffer, end - 1)
        self._separator = found[1] if found else b""
        self._following = re.compile(_SHORT_VALUE.encode() + re.escape(found[2]) if found and found[2] else b"")

    def _next_object(self) -> dict[str, Any] | None:
        """Return the next element if it is followed by one that starts with the same keys.

        Its text is then known without reading it, which orjson needs. Objects inside it may start with these keys
        too; but the start of an object is not a whole one, and is rejected.
        """
        if self._unlike > 0:
            return None
        end, guesses = self._start, 0
        while self._separator and guesses < _GUESSES:
            found = self._buffer.find(self._separator, end)
            if found < 0:
                size = len(self._buffer) - self._start
                if size > _AHEAD or not self._fill(max(_CHUNK, size)):
                    self._unlike = size
                    return None
                end = self._start
                continue
            end = found + 1
            if not self._following.match(self._buffer, found + len(self._separator)):
                continue
            guesses += 1
            try:
                value: dict[str, Any] = decode(self._buffer[self._start : end], strict=False)
            except ValueError:
                continue
            self._start = end
            return value
        return None

    def _fill(self, size: int) -> bool:
        if self._is_over:
            return False
        raw = self._stream.read(size)
        self._source.on_read(len(raw))
        self._is_over = not raw
        self._buffer, self._start = self._buffer[self._start :] + raw, 0
        return bool(raw)


def _decode_start(raw: bytes) -> tuple[Any, int]:
    """Return the first JSON value and its size in bytes.

    Raises ValueError and RecursionError. Bytes that are not UTF-8 become U+FFFD, but for encoded surrogates, as in
    ``json.loads``.
    """
    text = raw.decode("utf-8", "surrogateescape")
    value, end = _decode_text(text)
    try:
        return value, len(text[:end].encode())
    except UnicodeEncodeError:
        whole = text[:end].encode("utf-8", "surrogateescape")
    try:
        text = whole.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = whole.decode("utf-8", "replace")
    return json.loads(text, strict=False), len(whole)

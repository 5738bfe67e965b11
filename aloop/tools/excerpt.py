"""Some lines of a text file: never more than a model should be shown, and never from anything but a plain file."""

from __future__ import annotations

import codecs
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from aloop.errors import ToolError
from aloop.tools.workspace import sentence

MOST_LINES = 2_000
MOST_BYTES = 29_000
"""Of the lines together, in UTF-8: a result of more than 30,000, its notes included, would be cut in the middle."""

LONGEST_LINE = 5_000
"""Bytes of one line; what is longer is cut."""

_SNIFFED = 8_192  # bytes in which a NUL makes a file binary, the rule that git goes by

# Nothing waits on a FIFO, follows a link put there since the path was checked, or takes a terminal over.
_FLAGS = os.O_RDONLY
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)  # each where the system has it: Windows has the last alone


def open_plain(path: Path, shown: str) -> BinaryIO:
    """Open a regular file that holds text; raises ToolError for anything else, without ever waiting for it."""
    try:
        _require_plain(path.lstat().st_mode, shown)  # before it is opened: opening some devices does something
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise ToolError(sentence(error, shown)) from error
    file = os.fdopen(descriptor, "rb")
    try:
        _require_plain(os.fstat(descriptor).st_mode, shown)
        head = file.read(_SNIFFED)
        if b"\0" in head:
            raise ToolError(f"{shown!r} is a binary file of {os.fstat(descriptor).st_size:,} bytes, not text.")
        file.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)
    except BaseException:
        file.close()
        raise
    return file


def excerpt(file: BinaryIO, offset: int, limit: int, stop: threading.Event) -> str:
    """Return up to ``limit`` lines from line ``offset`` (counted from 1) on, and in brackets what is not shown."""
    lines: list[str] = []
    size = last = 0
    notes: dict[str, None] = {}  # in the order in which they came up, each once
    for last, (raw, is_cut) in enumerate(_lines(file, stop), 1):
        if last < offset:
            continue
        line, is_mended = _decode(raw, is_cut)
        size += len(line.encode()) + len(b"\n")
        if len(lines) == limit or (lines and size > MOST_BYTES):
            notes[f"Lines {offset:,} to {last - 1:,}. There is more: go on with offset={last}."] = None
            break
        if is_cut:
            notes[f"Lines of more than {LONGEST_LINE:,} bytes are cut."] = None
        if is_mended:
            notes["Bytes that are not UTF-8 are shown as \N{REPLACEMENT CHARACTER}."] = None
        lines.append(line)
    if not lines and last:
        raise ToolError(f"The file has only {last:,} lines.")
    return "\n".join(lines or ["(the file is empty)"]) + "".join(f"\n[{note}]" for note in notes)


def _lines(file: BinaryIO, stop: threading.Event) -> Iterator[tuple[bytes, bool]]:
    """Yield each line without its end, at most LONGEST_LINE bytes of it, and whether that cut it."""
    while piece := file.readline(LONGEST_LINE + len(b"\r\n")):
        line = piece.rstrip(b"\r\n")
        while not piece.endswith(b"\n") and (piece := file.readline(LONGEST_LINE)):
            if stop.is_set():
                return
        if stop.is_set():
            return
        yield line[:LONGEST_LINE], len(line) > LONGEST_LINE


def _decode(raw: bytes, is_cut: bool) -> tuple[str, bool]:
    """Return the text, and whether bytes had to be replaced; a character that the cut went through is left out."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(raw, final=not is_cut), False
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), True


def _require_plain(mode: int, shown: str) -> None:
    if stat.S_ISDIR(mode):
        raise ToolError(f"{shown!r} is a folder: list_files shows what is in it.")
    if not stat.S_ISREG(mode):
        raise ToolError(f"{shown!r} is no regular file (a pipe, a device or a socket), so it is not opened.")

"""Which files a search need not read as sessions: told from their bytes, at the price of little more than reading them.

A file that is let through may still hold nothing; one that is not, holds nothing for certain. Words are what is looked
for here, for a phrase may be broken over lines. Those of ASCII letters are found in the bytes; where YAML's escapes or
characters that fold to others could hide a word, the whole text is folded first.

The parent's side of the sifter: a second process that looks through many files while their reader does the same.

Nobody ever waits for it: a machine that has no time for it, or a process that is gone, leaves more to do to the reader,
and that is all.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from aloop.memory.codec.emitter import END_MARKER, SCHEMA_LINE
from aloop.memory.codec.nodes import Source
from aloop.memory.search.prefilter_worker import EMPTY, TAKEN, UNSEEN, Matcher, may_hide
from aloop.memory.search.query import Query, fold

# What stands in a word otherwise in a file: quotes and backslashes are doubled or escaped, depending on the style.
_MARKS = re.compile(r"['\"\\/]")
# What can stand for itself only, in any case and form: ASCII, and scripts without case.
_STEADY = re.compile("[\x21-\x7e]+|[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]+")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\r?\n[ \t]*)")
_OURS, _END = SCHEMA_LINE.encode(), b"\n" + END_MARKER.encode()
_SYSTEM, _MESSAGES = b"\nsystem_messages:", b"\nmessages:\n  - role: "
# The keys of a message, and values that are words of ours: no text stands as far to the left in a file that we began.
_KEYS = re.compile(rb"\n  (?:- role: [a-z]+|  (?:model|usage|tool_call_id): .*|  [a-z_]+:)")


class Prefilter:
    """Lets through the bytes of each session file that may hold all terms of ``query``.

    A Sifter for its ``pieces`` keeps back nothing that this lets through.
    """

    def __init__(self, query: Query) -> None:
        words = {piece for term in query.terms for word in term.split() for piece in _MARKS.split(word) if piece}
        self._words = sorted(words, key=len, reverse=True)
        steady = {piece for word in words for piece in _STEADY.findall(word)}
        self.pieces = sorted(steady, key=len, reverse=True)
        self.is_ascii = all(word.isascii() for word in words)
        self._is_steady = all(_STEADY.fullmatch(word) for word in words)
        self._sifter = Matcher(self.pieces, is_ascii=self.is_ascii)

    def passes(self, data: bytes) -> bool:
        """Whether ``data`` may hold what is searched for in its title or in what was said."""
        if self._sifter.finds(data):
            said = _what_was_said(data)
            return self._sifter.finds(said) if self._is_steady else self._in_text(said)
        return may_hide(data) and self._in_text(data)

    def _in_text(self, data: bytes) -> bool:
        text = decode(data)
        folded = fold(text)
        plain = fold(_ESCAPE.sub(_unescape, text)) if "\\" in text else ""
        return all(word in folded or word in plain for word in self._words)


def decode(data: bytes) -> str:
    """Return a file as text, also one that no session can be read from."""
    try:
        return Source.decode(data).text
    except UnicodeDecodeError:
        return data.decode(errors="replace")


def _what_was_said(data: bytes) -> bytes:
    """Leave out what stands in most files alike, the system messages and the keys, where a file is laid out as ours."""
    system, messages = data.find(_SYSTEM), data.find(_MESSAGES)
    # Below the end marker people type as they like.
    if not (data.startswith(_OURS) and data.endswith(_END) and 0 <= system < messages):
        return data
    return data[:system] + _KEYS.sub(b"", data[messages:])


def _unescape(match: re.Match[str]) -> str:
    digits = match.group(match.lastindex) if match.lastindex else ""
    code = int(digits, 16) if digits else 0
    return chr(code) if 0 < code <= 0x10FFFF else ""


MANY = 1_000
"""Files for which a second process is worth its start."""

_PROGRAM = Path(__file__).with_name("prefilter_worker.py")


class PrefilterProcess:
    """What the two who look through the files know of each: a byte, as the sifter describes it."""

    def __init__(self, states: mmap.mmap | bytearray) -> None:
        self._states = states

    def leaves(self, place: int) -> bool:
        """Take the file at ``place`` to read it; False where there is nothing in it, as has been found by now."""
        state = self._states[place]
        if state == UNSEEN:
            self._states[place] = TAKEN
        return state != EMPTY


@contextlib.contextmanager
def start_prefilter(sieve: Prefilter, paths: Sequence[str]) -> Iterator[PrefilterProcess]:
    """Start a second process for many files where there is a processor for it; it ends with the block."""
    with contextlib.ExitStack() as stack:
        states: mmap.mmap | bytearray = bytearray(len(paths))
        if len(paths) >= MANY and (os.cpu_count() or 1) > 1:
            with contextlib.suppress(OSError):  # then we read them all
                states = _start(sieve, paths, stack)
        yield PrefilterProcess(states)


def _start(sieve: Prefilter, paths: Sequence[str], stack: contextlib.ExitStack) -> mmap.mmap:
    """Start a process that is told what to look for, and return the states that it shares; raises OSError."""
    request = {"pieces": sieve.pieces, "ascii": sieve.is_ascii, "files": paths, "parent": os.getpid()}
    # A file, not a pipe: a pipe would be full before the process has begun to read.
    with _file(json.dumps(request).encode()) as told, _file(bytes(len(paths))) as shared:
        states = stack.enter_context(mmap.mmap(shared.fileno(), len(paths)))
        process = subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
            [sys.executable, "-I", "-S", "-X", "utf8", "-W", "ignore", str(_PROGRAM)],
            stdin=told,
            stdout=shared,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is for the shell, which then ends this
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return states


def _file(data: bytes) -> BinaryIO:
    """Return a file without a name; in memory where that can be, for no disk is full there."""
    if sys.platform == "linux":
        file: BinaryIO = os.fdopen(os.memfd_create("sifting"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whom it is returned to
    file.write(data)
    file.seek(0)
    return file

"""Skip files that cannot match a search, by a test on their bytes.

The test takes little longer than reading the file. A file that passes may still contain nothing; one that does not pass
contains nothing for certain. Only words are tested, because a phrase may continue on the next line. Words are searched
for in the bytes, unless YAML escapes or characters that fold to others could hide them; then the whole text is folded
first.

For many files, a second process (``prefilter_worker``) applies the test from the other end of the list. The search
never waits for it: if it is slow or dies, the search tests more files itself.
"""

from __future__ import annotations

import contextlib
import marshal
import mmap
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from aloop.config.settings import max_session_size
from aloop.llm.message_types import MESSAGE_KEYS, USAGE_KEYS
from aloop.memory.codec.emitter import END_MARKER, SCHEMA_LINE
from aloop.memory.codec.nodes import Source
from aloop.memory.origin import IMPORTED, NOTE
from aloop.memory.search.prefilter_worker import EMPTY, TAKEN, UNSEEN, Matcher, may_hide
from aloop.memory.search.query import Query, fold

# Characters that a file may write in another way: doubled or escaped, depending on the quotes around the text.
_MARKS = re.compile(r"['\"\\/]")
# Text with one form only, apart from case: ASCII, and scripts without case.
_STABLE = re.compile("[\x21-\x7e]+|[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]+")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\r?\n[ \t]*)")
_START, _END = SCHEMA_LINE.encode(), b"\n" + END_MARKER.encode()
_SYSTEM, _MESSAGES = b"\nsystem_messages:", b"\nmessages:\n  - role: "
_ORIGIN = re.compile(rb"\n%s:\n(?:  [^\n#]*\n)+" % IMPORTED.encode())
# Not lines that may have comments, and not a text with line breaks: the search finds out.
_NOTE = re.compile(rb"\n  - role: system\n    content: ([\"'])%s\1(?=\n)" % (NOTE % r"[^\n]*").encode())
# The keys of a message, and values that are aloop's own words. In a file made by aloop, texts are indented further.
_COUNTS = rb"(?:\n      (?:%s): [0-9]+)*" % "|".join(sorted(USAGE_KEYS)).encode()
_KEYS = re.compile(
    rb"\n  (?:- role: [a-z]+|  (?:model|usage|tool_call_id|at|cost|duration_ms|permission): .*|"
    rb"  permission:(?:\n      (?:answer|by): .*)*|  usage:%s|  (?:%s):)"
    % (_COUNTS, "|".join(sorted(MESSAGE_KEYS)).encode())
)


class Prefilter:
    """Passes the bytes of each session file that may contain all terms of ``query``.

    A Matcher for its ``pieces`` passes every file that this passes.
    """

    def __init__(self, query: Query) -> None:
        words = {piece for term in query.terms for word in term.split() for piece in _MARKS.split(word) if piece}
        self._words = sorted(words, key=len, reverse=True)
        stable = {piece for word in words for piece in _STABLE.findall(word)}
        self.pieces = sorted(stable, key=len, reverse=True)
        self.is_ascii = all(word.isascii() for word in words)
        self._is_stable = all(_STABLE.fullmatch(word) for word in words)
        self._matcher = Matcher(self.pieces, is_ascii=self.is_ascii)

    def passes(self, data: bytes) -> bool:
        """Return True if the title or the messages in ``data`` may contain all terms."""
        if self._matcher.finds(data):
            messages = _without_boilerplate(data)
            return self._matcher.finds(messages) if self._is_stable else self._is_in_text(messages)
        return may_hide(data) and self._is_in_text(data)

    def _is_in_text(self, data: bytes) -> bool:
        text = decode(data)
        folded = fold(text)
        unescaped = fold(_ESCAPE.sub(_unescape, text)) if "\\" in text else ""
        return all(word in folded or word in unescaped for word in self._words)


def decode(data: bytes) -> str:
    """Return the bytes of a file as text, even if they are not a session."""
    try:
        return Source.decode(data).text
    except UnicodeDecodeError:
        return data.decode(errors="replace")


def _without_boilerplate(data: bytes) -> bytes:
    """Remove system messages, keys and notes about an import, which many files share.

    Only from a file laid out as aloop writes it; others are returned unchanged.
    """
    system, messages = data.find(_SYSTEM), data.find(_MESSAGES)
    # Below the end marker, users may write in any layout.
    if not (data.startswith(_START) and data.endswith(_END) and 0 <= system < messages):
        return data
    header, texts = data[:system], data[messages:]
    if b"\nimported:" in header:
        header, texts = _ORIGIN.sub(b"\n", header), _NOTE.sub(b"", texts)
    return header + _KEYS.sub(b"", texts)


def _unescape(match: re.Match[str]) -> str:
    digits = match.group(match.lastindex) if match.lastindex else ""
    code = int(digits, 16) if digits else 0
    return chr(code) if 0 < code <= 0x10FFFF else ""


MANY = 1_000
"""The number of files from which on a second process is worth its start."""

_WORKER = Path(__file__).with_name("prefilter_worker.py")


class SharedStates:
    """The state of each file, shared by the two processes: a byte each."""

    def __init__(self, states: mmap.mmap | bytearray) -> None:
        self._states = states

    def claim(self, index: int) -> bool:
        """Take a file to read it; return False if the worker found it cannot match."""
        state = self._states[index]
        if state == UNSEEN:
            self._states[index] = TAKEN
        return state != EMPTY


@contextlib.contextmanager
def start_worker(prefilter: Prefilter, paths: Sequence[str]) -> Iterator[SharedStates]:
    """Start a worker for many files, if there is a processor for it.

    It ends with the block.
    """
    with contextlib.ExitStack() as stack:
        states: mmap.mmap | bytearray = bytearray(len(paths))
        if len(paths) >= MANY and (os.cpu_count() or 1) > 1:
            with contextlib.suppress(OSError):  # without a worker, the search tests all files itself
                states = _start(prefilter, paths, stack)
        yield SharedStates(states)


def _start(prefilter: Prefilter, paths: Sequence[str], stack: contextlib.ExitStack) -> mmap.mmap:
    """Start the worker and return the shared states; raises OSError."""
    request = {
        "pieces": prefilter.pieces,
        "ascii": prefilter.is_ascii,
        "files": list(paths),
        "parent": os.getpid(),
        "largest": max_session_size(),
    }
    # Files, because a pipe would be full before the worker reads from it.
    with _anonymous_file(marshal.dumps(request)) as stdin, _anonymous_file(bytes(len(paths))) as stdout:
        states = stack.enter_context(mmap.mmap(stdout.fileno(), len(paths)))
        process = subprocess.Popen(  # noqa: S603 - our own file, run by our own interpreter
            [sys.executable, "-I", "-S", "-X", "utf8", "-W", "ignore", str(_WORKER)],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is for the shell, which then ends the worker
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return states


def _anonymous_file(data: bytes) -> BinaryIO:
    """Return a nameless file with ``data``.

    On Linux it is in memory, which keeps the search terms off the disk.
    """
    if sys.platform == "linux":
        file: BinaryIO = os.fdopen(os.memfd_create("aloop-search"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    file.write(data)
    file.seek(0)
    return file

"""Files beside session.yaml with long tool results.

The session has the beginning and the end of a long result, which are usually its most informative parts.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from aloop.llm.message_types import LLMMessage
from aloop.memory.disk.filesystem import FileSystem, write_atomic

MAX_RESULT_BYTES = 30_000
"""Of a tool's result as sent to the model, in UTF-8."""
FOLDER = "outputs"
_NUMBERED = re.compile(r"(\d{4,9})-.*")
_PATH = re.compile(rf"{FOLDER}/[0-9]{{4,9}}-[A-Za-z0-9_-]{{1,60}}\.txt")
_DIGEST = re.compile(r"-([0-9a-f]{8})\.txt")
_MAX_NAME = 40
_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class KeptOutput:
    """A file with a whole result.

    ``relative`` is its path from the session's folder, for ``output_file``.
    """

    relative: str
    path: Path


def make_own_folder(fs: FileSystem, folder: Path, name: str) -> Path:
    """Make a folder in a session's folder if it is missing, and return its path.

    Raises OSError if a link or a file is in its place: a link could lead anywhere.
    """
    path = folder / name
    with contextlib.suppress(FileExistsError):
        fs.mkdir(path)
        # A power cut must not lose the new folder with the files in it.
        fs.sync_folder(folder)
    if not stat.S_ISDIR(fs.lstat(path).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    return path


def shorten(text: str, note: str) -> str:
    """Return the beginning and the end of ``text``, about MAX_RESULT_BYTES in all.

    Between them are the sizes and ``note``. The cuts are at line endings if there are any nearby.
    """
    data = text.encode()
    half = MAX_RESULT_BYTES // 2
    head, tail = data[:half], data[-half:]
    head = head[: head.rfind(b"\n", half // 2) + 1] or head
    tail = tail[tail.find(b"\n", 0, half // 2) + 1 :]
    # A cut may split a character, whose bytes are then ignored.
    first, last = head.decode(errors="ignore"), tail.decode(errors="ignore")
    cut = len(data) - len(head) - len(tail)
    return f"{first.rstrip()}\n[… {cut:,} of {len(data):,} bytes left out; {note} …]\n{last}"


_NOTE = "the complete output is in "
_EARLIER_NOTE = "the whole is in "
"""The words of version 0.1.0."""
_LONGEST_PATH = f"{FOLDER}/{'0' * 9}-{'x' * _MAX_NAME}-{'0' * _DIGEST_LENGTH}.txt"


def brief(text: str, relative: str = _LONGEST_PATH) -> str:
    """Return the beginning and the end of a result that is in the file ``relative``.

    The path is that from the session's folder, because the project may be moved; ``located`` completes it.
    """
    return shorten(text, f"{_NOTE}{relative}")


def located(message: LLMMessage, folder: Path) -> LLMMessage:
    """Return a shortened result that names its file in ``folder`` with the whole path.

    Earlier versions stored the whole path that the file had then.
    """
    relative, text = message.output_file, message.content
    if not relative or not text or not is_output_path(relative):
        return message
    named = re.compile(rf"(; (?:{_NOTE}|{_EARLIER_NOTE}))(?:[^\n]*/)?{re.escape(relative)}(?= …\]$)", re.MULTILINE)
    return replace(message, content=named.sub(lambda found: f"{found[1]}{folder / relative}", text))


def keep_output(fs: FileSystem, folder: Path, tool: str, text: str) -> KeptOutput:
    """Write ``text`` to the next free file of ``outputs/``; raises OSError.

    Its name is ``NNNN-<tool>-<digest>.txt``. Because of the digest, a merge of two branches in git never finds two
    results under one name.
    """
    outputs = make_own_folder(fs, folder, FOLDER)
    numbers = (int(found[1]) for found in map(_NUMBERED.fullmatch, fs.names(outputs)) if found)
    # The name comes from a model, which may invent tools: it can be any text.
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", tool)[:_MAX_NAME] or "tool"
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest()[:_DIGEST_LENGTH]
    name = f"{max(numbers, default=0) + 1:04}-{safe}-{digest}.txt"
    write_atomic(fs, outputs / name, [data])
    return KeptOutput(f"{FOLDER}/{name}", outputs / name)


def copy_output(fs: FileSystem, source: Path, target: Path, relative: str) -> None:
    """Copy the file named by ``output_file`` from one session's folder to another's.

    What ``read_output`` does not return is ignored. Raises OSError.
    """
    data = read_output(fs, source, relative)
    if data is not None:
        make_own_folder(fs, target, FOLDER)
        write_atomic(fs, target / relative, [data])


def read_output(fs: FileSystem, folder: Path, relative: str) -> bytes | None:
    """Return the bytes of the file in a session's folder that ``output_file`` names.

    None for a path that ``keep_output`` cannot have made, a missing file, a link or a pipe. Raises OSError for others.
    """
    if not is_output_path(relative):
        return None
    with contextlib.suppress(FileNotFoundError):
        # A link is not a folder.
        if FOLDER in fs.folders(folder) and stat.S_ISREG(fs.lstat(folder / relative).st_mode):
            return fs.read(folder / relative)
    return None


def is_output_path(relative: str) -> bool:
    """Return True for a path that ``keep_output`` can have made."""
    return _PATH.fullmatch(relative) is not None


def is_unchanged(relative: str, data: bytes) -> bool:
    """Return True unless the digest in the path of a file is not that of ``data``."""
    found = _DIGEST.search(relative)
    return not found or found[1] == hashlib.sha256(data).hexdigest()[:_DIGEST_LENGTH]

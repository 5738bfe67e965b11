"""``@path`` in a typed text: which files it may name, found without a look at the disk.

The files that a typed text mentions, read to be attached to it.
"""

from __future__ import annotations

import codecs
import os
import re
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aloop.errors import ToolError
from commands.attachments import Attachment, split_attachments

# Nothing is named by the @ of an address, nor by one that a backslash takes the meaning from.
_MENTION = re.compile(r"""(?:^|(?<=[\s([{"',;:]))@(?:"([^"\n]+)"|([^\s"]\S*))""")
_CLOSING = ".,;:!?)]}>\"'`"


def find_mentions(text: str) -> list[tuple[str, ...]]:
    """Return for each mention the paths that it may mean, the likeliest first.

    A path with spaces stands in quotes, ``@"my notes.txt"``; of one without, what ends a sentence or a bracket may be
    no part.
    """
    return [(found[1],) if found[1] else tuple(_readings(found[2])) for found in _MENTION.finditer(text)]


def mention(path: str) -> str:
    """Return ``path`` as a mention of it."""
    return f'@"{path}"' if re.search(r"\s", path) or path[-1:] in _CLOSING else f"@{path}"


def _readings(word: str) -> Iterator[str]:
    yield word
    while word[-1:] and word[-1] in _CLOSING:
        word = word[:-1]
        if word:
            yield word


MOST_BYTES = 100_000
"""Of one file; what is longer is cut, at the end of a line where there is one."""

MOST_TOGETHER = 300_000
"""Bytes of all the files of one message."""


@dataclass(slots=True)
class MentionedFiles:
    """``attachments`` are what was read, ``refusals`` a sentence for each file that is there and could not be."""

    attachments: list[Attachment] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


async def read_along(typed: str, folder: Path, *, outside: bool = True) -> MentionedFiles:
    """Read what ``typed`` mentions and does not hold already; ``outside`` says whether from anywhere or ``folder``."""
    own, present = split_attachments(typed)
    if "@" not in own:
        return MentionedFiles()
    # Imported here for start-up time.
    from aloop.tools.base import in_thread

    known = [attachment.name for attachment in present]
    return await in_thread(lambda stop: read_mentioned(own, folder, stop, known, outside=outside))


def read_mentioned(
    text: str, folder: Path, stop: threading.Event, known: Collection[str] = (), *, outside: bool = True
) -> MentionedFiles:
    """Read the files that ``text`` mentions, each once; relative paths are meant from ``folder``.

    Mentions of what is no file are no mentions. ``known`` are names that are attached already. Unless ``outside`` is
    set, files that are not in ``folder`` are refused. Blocks; gives up between two files when ``stop`` is set.
    """
    found, seen, room = MentionedFiles(), set[Path](), MOST_TOGETHER
    for readings in find_mentions(text):
        named = next(((name, path) for name in readings if (path := _existing(name, folder))), None)
        if stop.is_set() or named is None or named[1] in seen or named[0] in known:
            continue
        name, path = named
        seen.add(path)
        if path.is_dir():
            if "/" in name:
                found.refusals.append(
                    f"{name} is a folder and not attached: the model can look into it with its tools."
                )
        elif not outside and not path.is_relative_to(folder.resolve()):
            found.refusals.append(f"{name} is not attached: it is outside the working directory. --allow outside does.")
        elif not room:
            found.refusals.append(f"{name} is not attached: {MOST_TOGETHER:,} bytes are the most for one message.")
        else:
            try:
                attachment, size = _read(path, name, min(room, MOST_BYTES))
            except (ToolError, OSError) as error:
                found.refusals.append(f"Not attached: {error}")
                continue
            found.attachments.append(attachment)
            room -= size
    return found


def _existing(name: str, folder: Path) -> Path | None:
    """Return the real path of what is at ``name``, None when nothing is."""
    try:
        path = (folder / Path(name).expanduser()).resolve()
        path.stat()
    except (OSError, RuntimeError, ValueError):  # the second says that ~name is nobody, the third that of a NUL
        return None
    return path


def _read(path: Path, name: str, most: int) -> tuple[Attachment, int]:
    """Return the beginning of a text file, and the bytes of it; raises ToolError and OSError."""
    # Imported here for start-up time: the engine is there by the time that a message is sent.
    from aloop.tools.files.text_file import open_plain

    with open_plain(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(most + 1)
    notes = []
    if len(data) > most:
        data = data[: data.rfind(b"\n", 0, most) + 1 or most]
        notes.append(f"cut: only the first {len(data):,} of {max(size, len(data) + 1):,} bytes")
    # What a cut in mid-line leaves of a character is no fault of the file.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(data, final=not notes)
    if "\N{REPLACEMENT CHARACTER}" in text and not _is_utf8(data, is_cut=bool(notes)):
        notes.append("not all UTF-8: what is not is shown as \N{REPLACEMENT CHARACTER}")
    text = text.replace("\r\n", "\n").rstrip("\n")
    return Attachment("file", name, text, ", ".join(notes)), len(data)


def _is_utf8(data: bytes, *, is_cut: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=not is_cut)
    except UnicodeDecodeError:
        return False
    return True

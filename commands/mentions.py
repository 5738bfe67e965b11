"""Mentions of files and folders in typed text (``@path``), read as attachments."""

from __future__ import annotations

import codecs
import os
import re
import threading
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import ToolError
from aloop.formatting import expand_home, quantity
from aloop.regular_file import read_regular
from aloop.text import closest_match
from commands.attachments import MOST_FILE_BYTES, MOST_MESSAGE_BYTES, Attachment, split_attachments

if TYPE_CHECKING:
    from aloop.llm.content.parts import MediaFile

# Excludes the @ of an email address, and one after a backslash. Chinese and Japanese have no spaces before it.
_MENTION = re.compile(
    r"""(?:^|(?<=[\s([{"',;:\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]))@"""
    r"""(?:"((?:\\.|[^"\\\n])+)"|"([^"\n]+)|((?:\\.|[^\s"\\])(?:\\.|[^\s\\])*\\?))"""
)
_CLOSING = ".,;:!?)]}>\"'`。、，．！？）」』】"
_MEDIA_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf"})
_MOST_WORDS = 50
"""Words that a path without a closing quotation mark may have."""
_LONGEST_NAME = 255
_SHORTEST_NAME = 4
"""Letters of a name that may be misspelled."""
_SIMILAR = 0.75
_MOST_NAMES = 10_000
_LIKE_A_FILE = re.compile(r"\w[^()]*\.[A-Za-z0-9]{1,5}\Z")


def find_mentions(text: str) -> list[tuple[str, ...]]:
    """Return the possible paths of each mention, the likeliest first.

    Quotes allow spaces: ``@"my notes.txt"``. In quotes, ``\\`` escapes a quotation mark or a backslash of
    the path; without quotes, any character. Trailing punctuation may or may not belong to a path without
    quotes, and words to one without a closing quotation mark. Does not look at the disk.
    """
    return [
        tuple(_quoted_readings(found) if found[3] is None else _readings(found[3])) for found in _MENTION.finditer(text)
    ]


def mention(path: str) -> str:
    """Return ``path`` as a mention."""
    if re.search(r'[\s"\\]', path) or path[-1:] in _CLOSING:
        escaped = re.sub(r'["\\]', r"\\\g<0>", path)
        return f'@"{escaped}"'
    return f"@{path}"


def _unescaped(quoted: str) -> str:
    """Return text that was typed in quotes, without the backslashes of ``mention``."""
    return re.sub(r'\\(["\\])', r"\1", quoted)


def _quoted_readings(found: re.Match[str]) -> Iterator[str]:
    if found[1] is not None:
        yield from dict.fromkeys((_unescaped(found[1]), found[1]))
        if not found[1][-1].isspace():
            return
    # Completion leaves a folder without its closing quotation mark, because the path may continue. The next one in the
    # line then opens something else.
    words = re.findall(r"\s*\S+", found[1] or found[2])[:_MOST_WORDS] or [""]
    openings = [_unescaped("".join(words[:count])) for count in range(len(words), 0, -1)]
    yield from openings
    yield next((opening for opening in reversed(openings) if _LIKE_A_FILE.match(opening)), openings[-1])


def _readings(word: str) -> Iterator[str]:
    for path in dict.fromkeys((re.sub(r"\\(.)", r"\1", word), word)):
        yield path
        closing = len(path) - len(path.rstrip(_CLOSING))
        yield from (path[:-count] for count in range(1, closing + 1) if count < len(path))


@dataclass(slots=True)
class MentionedFiles:
    """The files that were read, and a message for each that exists but was not.

    ``notes`` are sentences about images that were made smaller, and folders that are not attached.
    """

    attachments: list[Attachment] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    media: list[MediaFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_USE_OPTION = "Use --allow outside to attach it."


async def attach_mentions(
    typed: str, folder: Path, *, outside: bool = True, advice: str = _USE_OPTION
) -> MentionedFiles:
    """Read the files that ``typed`` mentions and that are not attached to it yet.

    Unless ``outside`` is set, files outside ``folder`` are refused, with ``advice``.
    """
    own, present = split_attachments(typed)
    if "@" not in own:
        return MentionedFiles()
    # Imported late for startup time.
    from aloop.tools.base import in_thread

    known = {attachment.name for attachment in present}
    return await in_thread(lambda stop: read_mentioned(own, folder, stop, known, outside=outside, advice=advice))


def read_mentioned(
    text: str,
    folder: Path,
    stop: threading.Event,
    known: Set[str] = frozenset(),
    *,
    outside: bool = True,
    advice: str = _USE_OPTION,
) -> MentionedFiles:
    """Read each file that ``text`` mentions once; relative paths start at ``folder``.

    Of a folder, the names in it are attached, unless its mention has no slash and is one word. A mention of a path that
    does not exist is refused if it looks like a file; otherwise, there is a note if a similar name exists. Names in
    ``known``, which are already attached, are ignored. Unless ``outside`` is set, files outside ``folder`` are refused,
    with ``advice``. Blocks; stops between two files when ``stop`` is set.
    """
    found, seen, room = MentionedFiles(), set[Path](), MOST_MESSAGE_BYTES
    for readings in find_mentions(text):
        named = next(((name, path) for name in readings if (path := _existing(name, folder))), None)
        if named is None and known.isdisjoint(readings):
            _report_missing(found, readings[-1], folder)
        if stop.is_set() or named is None or named[1] in seen or named[0] in known:
            continue
        name, path = named
        seen.add(path)
        is_folder = path.is_dir()
        if is_folder and "/" not in name and " " not in name and name not in {".", ".."}:
            # It may be the name of a user.
            found.notes.append(
                f"{name} was not attached. To attach the names in this folder, mention {mention(f'{name}/')}."
            )
            continue
        if not outside and not path.is_relative_to(folder.resolve()):
            found.refusals.append(f"{name} is outside the working directory and was not attached. {advice}")
        elif not is_folder and (_is_media(path) or path.suffix.lower() in _MEDIA_ENDINGS):
            _add_media(found, path, name)  # which refuses other content
        elif not room:
            found.refusals.append(
                f"{name} was not attached: the limit of {MOST_MESSAGE_BYTES:,} bytes for one message has been reached."
            )
        else:
            try:
                most = min(room, MOST_FILE_BYTES)
                attachment, size = _list(path, name, most, stop) if is_folder else _read(path, name, most)
            except (ToolError, OSError) as error:
                found.refusals.append(_refusal(error, name))
                continue
            found.attachments.append(attachment)
            room -= size
    return found


def _is_media(path: Path) -> bool:
    """Return True for an image or a PDF document."""
    # Imported late for startup time.
    from aloop.llm.content.images import HEAD, media_type_of

    try:
        return bool(media_type_of(read_regular(path, HEAD)))
    except OSError:
        return False  # reading it reports the error


def _add_media(found: MentionedFiles, path: Path, name: str) -> None:
    # Imported late for startup time.
    from aloop.llm.content.images import MAX_DOCUMENT_BYTES, prepare_media

    try:
        media, note = prepare_media(read_regular(path, MAX_DOCUMENT_BYTES + 1), name)
    except (ToolError, OSError) as error:
        found.refusals.append(_refusal(error, name))
        return
    found.media.append(media)
    found.notes += [note] if note else []


def _refusal(error: ToolError | OSError, name: str) -> str:
    # Imported late for startup time.
    from aloop.tools.files.workspace import describe_os_error

    return f"Not attached: {describe_os_error(error, name) if isinstance(error, OSError) else error}"


def _report_missing(found: MentionedFiles, name: str, folder: Path) -> None:
    """Report a mention of a path that does not exist, if it is meant as one."""
    meant = _similar(name, folder)
    advice = f" To attach {meant}, mention {mention(meant)}." if meant else ""
    if _is_meant_as_path(name, folder):
        found.refusals.append(f"{name} does not exist and was not attached.{advice}")
    elif meant:
        found.notes.append(f"{name} is not a file here.{advice}")


def _similar(name: str, folder: Path) -> str:
    """Return the existing path that ``name`` may stand for; empty if there is none.

    It is in the same folder, with another ending, in another case or misspelled.
    """
    parent, slash, last = name.rstrip("/").rpartition("/")
    above = _existing(parent + slash, folder)
    if above is None or not last or len(last) > _LONGEST_NAME:
        return ""
    try:
        with os.scandir(above) as entries:
            names = [entry.name + "/" * entry.is_dir() for entry in islice(entries, _MOST_NAMES)]
    except OSError:
        return ""
    # A name without an ending may be that of any file.
    keys = {each.rstrip("/").casefold(): each for each in sorted(names, reverse=True)}
    if "." not in last:
        keys = {key.partition(".")[0]: each for key, each in keys.items() if not key.startswith(".")} | keys
    key = last.casefold()
    found = key if key in keys else closest_match(key, keys, cutoff=_SIMILAR) if len(key) >= _SHORTEST_NAME else None
    return f"{parent}{slash}{keys[found]}" if found else ""


def _is_meant_as_path(name: str, folder: Path) -> bool:
    """Return True if a mention looks like a file and not like a user or a package."""
    above = name.partition("/")[0] if "/" in name else ""
    is_below = above != "" and _existing(above, folder) is not None
    return " " in name or name.endswith("/") or _LIKE_A_FILE.match(name) is not None or is_below


def _existing(name: str, folder: Path) -> Path | None:
    """Return the real path of ``name``, or None if it does not exist."""
    try:
        path = (folder / expand_home(name)).resolve()
        path.stat()
    except (OSError, RuntimeError, ValueError):  # unknown ~user, NUL character
        return None
    return path


def _read(path: Path, name: str, most: int) -> tuple[Attachment, int]:
    """Return the start of a text file and its size in bytes.

    Raises ToolError or OSError.
    """
    # Imported late for startup time.
    from aloop.tools.files.text_file import open_plain

    with open_plain(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(most + 1)
    notes = []
    if len(data) > most:
        data = data[: data.rfind(b"\n", 0, most) + 1 or most]
        notes.append(f"cut: only the first {len(data):,} of {max(size, len(data) + 1):,} bytes")
    # Half a character at the cut does not make the file invalid.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(data, final=not notes)
    if "\N{REPLACEMENT CHARACTER}" in text and not _is_utf8(data, is_cut=bool(notes)):
        notes.append("not all UTF-8: invalid bytes are shown as \N{REPLACEMENT CHARACTER}")
    text = text.replace("\r\n", "\n").rstrip("\n")
    return Attachment("file", name, text, ", ".join(notes)), len(data)


def _list(path: Path, name: str, most: int, stop: threading.Event) -> tuple[Attachment, int]:
    """Return the names in a folder and the size of that list in bytes; raises OSError."""
    # Imported late for startup time.
    from aloop.tools.files.glob import Glob, Walk
    from aloop.tools.files.read import listing

    os.scandir(path).close()  # a walk would only count a folder that may not be read
    name = name.removesuffix(".") if name.endswith("/.") else name  # a full stop after it
    walk = Walk(path, Glob("*"), stop)
    rows, count = listing(walk)
    data = "\n".join(rows).encode(errors="replace")
    notes = []
    if len(data) > most or count > len(rows) or not walk.exhausted:
        data = data[: data.rfind(b"\n", 0, most) + 1] if len(data) > most else data
        notes.append("cut: only the first names")
    if walk.left_out:
        notes.append(f"without {quantity(walk.left_out, 'name')} that .gitignore excludes")
    elif not rows:
        notes.append("empty, or only hidden names")
    return Attachment("folder", name, data.decode().rstrip("\n"), ", ".join(notes)), len(data)


def _is_utf8(data: bytes, *, is_cut: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=not is_cut)
    except UnicodeDecodeError:
        return False
    return True

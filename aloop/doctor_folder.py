"""The part of ``aloop doctor`` that looks at the sessions folder: is it there and private, does it take and lock files.

A folder that is not there yet is made with the first conversation, so what is looked at is where that would be.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aloop.config import sessions_dir
from aloop.doctor import Check, Surroundings, Verdict
from aloop.memory.atomic import explain, temporary_name, write_all
from aloop.memory.heads import Head, read_head
from aloop.memory.location import resolve_sessions_dir
from aloop.memory.os_port import FOLDER_MODE
from aloop.memory.session import lies_ahead

_ELSEWHERE = "choose another folder with --sessions-dir"
_LITTLE, _TOO_LITTLE = 100_000_000, 1_000_000


def check_sessions(around: Surroundings) -> Verdict:
    """Say where they are and how many; what is odd about them is for ``aloop sessions check``."""
    folder, port = _folder(around), around.port
    try:
        status = folder.stat()
    except FileNotFoundError:
        return Verdict("ok", f"{folder}, made with the first conversation")
    if not stat.S_ISDIR(status.st_mode):
        return Verdict("fail", f"{folder} is no folder", f"Move it away, or {_ELSEWHERE}.")
    names = list(port.folders(folder))
    heads = [head for name in names if (head := read_head(port, str(folder), name))]
    text = f"{len(heads):,} in {folder}"
    if odd := ", ".join(_oddities(heads, len(names))):
        return Verdict("warn", f"{text}: {odd}", "aloop sessions check tells more.")
    return Verdict("ok", text)


def _oddities(heads: list[Head], folders: int) -> Iterator[str]:
    unreadable = sum(head.problem is not None for head in heads)
    ahead = sum(head.problem is None and lies_ahead(head.updated_at) for head in heads)
    for count, what in (
        (unreadable, "can not be read"),
        (ahead, "dated in the future, by this clock"),
        (folders - len(heads), "without a session.yaml"),
    ):
        if count:
            yield f"{count:,} {what}"


def check_privacy(around: Surroundings) -> Verdict:
    folder = _folder(around)
    try:
        status = folder.stat()
    except FileNotFoundError:
        return Verdict("ok", "the folder will be its owner's alone")
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.getuid():
        return Verdict("warn", "the folder belongs to somebody else", f"To keep what you say private, {_ELSEWHERE}.")
    if mode & 0o077:
        return Verdict("warn", f"others can look into the folder (mode {mode:04o})", f"chmod 700 {folder}")
    if mode & FOLDER_MODE != FOLDER_MODE:
        return Verdict("fail", f"its owner can not use the folder (mode {mode:04o})", f"chmod 700 {folder}")
    return Verdict("ok", "the folder is its owner's alone")


def check_writing(around: Surroundings) -> Verdict:
    place, port = _place(around), around.port
    try:
        with _probe(around) as path:
            descriptor = port.create(path)
            try:
                write_all(port, descriptor, [b"aloop"])
                port.fsync(descriptor)
            finally:
                port.close(descriptor)
    except OSError as error:
        return Verdict("fail", str(explain(error, "write", place)))
    return Verdict("ok", f"{place} takes files")


def check_locks(around: Surroundings) -> Verdict:
    """Take a lock, and see that it can not be taken a second time."""
    place, port = _place(around), around.port
    advice = f"Two shells could overwrite each other there: {_ELSEWHERE}, on a disk of this machine."
    descriptors = []
    try:
        with _probe(around) as path:
            try:
                descriptors = [port.open_lock(path), port.open_lock(path)]
                first, second = [port.try_lock(descriptor) for descriptor in descriptors]
            finally:
                for descriptor in descriptors:
                    port.close(descriptor)
    except OSError as error:
        if error.errno in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}:
            return Verdict("fail", f"files can not be locked in {place}", advice)
        return Verdict("fail", f"could not be tried in {place}: {error.strerror or error}")
    if not first or second:
        return Verdict("fail", f"locks do not hold in {place}", advice)
    return Verdict("ok", "files can be locked")


def check_disk(around: Surroundings) -> Verdict:
    free = around.free(_place(around))
    text = f"{free / 1e9:,.1f} GB free" if free >= 1e9 else f"{free / 1e6:,.1f} MB free"
    if free < _TOO_LITTLE:
        return Verdict("fail", text, "The next conversation may not fit: free some space.")
    return Verdict("warn", text, "Free some space before it is used up.") if free < _LITTLE else Verdict("ok", text)


def _folder(around: Surroundings) -> Path:
    return resolve_sessions_dir(around.given or sessions_dir(around.env))


def _place(around: Surroundings) -> Path:
    """Return the sessions folder, or the nearest above it that is there."""
    folder = _folder(around)
    return next((place for place in (folder, *folder.parents) if place.is_dir()), folder)


@contextmanager
def _probe(around: Surroundings) -> Iterator[Path]:
    """Yield the path of a file that is removed again; its name is one that the next start sweeps away."""
    path = _place(around) / temporary_name("doctor")
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):  # it could not even be made
            around.port.unlink(path)


FOLDER_CHECKS: tuple[tuple[str, Check], ...] = (
    ("sessions", check_sessions),
    ("private", check_privacy),
    ("writing", check_writing),
    ("locks", check_locks),
    ("disk", check_disk),
)

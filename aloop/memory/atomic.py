"""Files that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from aloop.errors import StorageError
from aloop.memory.os_port import OsPort

TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY = re.compile(rf"\..+\.(\d+)-([0-9a-f]{{8}})(?:-\d+)?{re.escape(TEMPORARY_SUFFIX)}")
# Process numbers come again, in a container always the same ones: this tells our own files from a dead namesake's.
_OURS = secrets.token_hex(4)
_numbers = itertools.count()


def temporary_name(name: str) -> str:
    """Return a name for a file in the making; the process number tells a later start whether its writer still lives."""
    return f".{name}.{os.getpid()}-{_OURS}-{next(_numbers)}{TEMPORARY_SUFFIX}"


def write_atomic(
    port: OsPort,
    path: Path,
    pieces: Iterable[bytes | memoryview],
    *,
    durable: bool = True,
    sync_folder: bool = True,
    guard: Callable[[], None] | None = None,
) -> os.stat_result:
    """Put ``pieces`` in place of ``path``: a reader sees the old file or the new one, also after a power cut.

    Raises OSError; then the old file stands and no temporary one is left. ``durable=False`` leaves out the two syncs,
    for caches alone; ``sync_folder=False`` leaves the second to the caller. ``guard`` is called at the last moment
    before the old file goes; what it raises keeps that. Returns the status of the new file as it was written, before it
    got its name.
    """
    temporary = path.with_name(temporary_name(path.name))
    descriptor = port.create(temporary)
    try:
        try:
            write_all(port, descriptor, pieces)
            written = port.fstat(descriptor)
            if durable:
                # After a failed fsync the kernel may call the pages clean: never again on this descriptor.
                port.fsync(descriptor)
        finally:
            port.close(descriptor)
        if guard is not None:
            guard()
        port.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            port.unlink(temporary)
        raise
    if durable and sync_folder:
        port.sync_folder(path.parent)
    return written


def left_overs(port: OsPort, folder: Path) -> list[Path]:
    """Return the temporary files in a folder whose writers are dead; those of living ones are in use."""
    matches = map(_TEMPORARY.fullmatch, port.names(folder))
    return [folder / match.group() for match in matches if match and not _is_alive(int(match.group(1)), match.group(2))]


def _is_alive(process: int, token: str) -> bool:
    if process == os.getpid():
        return token == _OURS
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_all(port: OsPort, descriptor: int, pieces: Iterable[bytes | memoryview]) -> None:
    """Write every byte: the operating system may take fewer than it is offered."""
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = port.write(descriptor, view)
            if written <= 0:
                raise OSError(errno.EIO, "the disk took no more bytes")
            view = view[written:]


def explain(cause: OSError, doing: str, path: Path) -> StorageError:
    """Return what a person needs to know of a refusal; ``doing`` is what was attempted, as in "save the session"."""
    if cause.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        advice = "the disk is full. Free some space"
    elif cause.errno in {errno.EACCES, errno.EPERM}:
        advice = "it is not permitted. Check who owns the folder, or choose another with --sessions-dir"
    elif cause.errno == errno.EROFS:
        advice = "the disk is read-only. Choose another folder with --sessions-dir"
    elif cause.errno == errno.ENOTDIR:
        advice = "a file stands where a folder is needed. Move it, or choose another folder with --sessions-dir"
    else:
        advice = cause.strerror or str(cause)
    return StorageError(f"Could not {doing} in {path}: {advice}.", path, cause)

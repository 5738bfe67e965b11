"""The few system calls that storage makes, in one replaceable place.

Nothing else in the package touches the disk, but for the second process of a long search, which only reads. A test
puts another fs in place of SYSTEM and so can refuse, delay, shorten or record each call. All methods raise OSError.

Files that are replaced whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from aloop.errors import StorageError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def _make_private(descriptor: int) -> None:
    """Put a file's mode right where a umask made it another; a change for nothing would make the next sync slower."""
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != FILE_MODE:
        os.fchmod(descriptor, FILE_MODE)


def _close_quietly(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.close(descriptor)


class FileSystem:
    """The system calls, as the operating system makes them."""

    def create(self, path: Path) -> int:
        """Open a new file for writing, for its owner alone whatever the umask; FileExistsError when it exists."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        _make_private(descriptor)
        return descriptor

    def open_append(self, path: Path) -> int:
        """Open an existing file of ours for appending."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)

    def open_lock(self, path: Path) -> int:
        """Open a file to be locked, made when it is not there; children do not inherit it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        _make_private(descriptor)
        return descriptor

    def try_lock(self, descriptor: int) -> bool:
        """Lock an open file for this process; False when another one holds it. Closing it, or dying, sets it free."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some of ``data``; return how many bytes, perhaps fewer than asked."""
        return os.write(descriptor, data)

    def truncate(self, descriptor: int) -> None:
        """Empty an open file."""
        os.ftruncate(descriptor, 0)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def close_behind(self, descriptor: int) -> None:
        """Close a file that has lost its name, on a thread: it takes the disk a while to give its blocks back.

        Nothing was written to it, so that it does not matter whether closing it fails.
        """
        try:
            threading.Thread(target=_close_quietly, args=(descriptor,), daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter is on its way out
            _close_quietly(descriptor)

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def rmdir(self, path: Path) -> None:
        path.rmdir()

    def remove_tree(self, folder: Path, name: str) -> None:
        """Remove a folder in ``folder`` with all that it holds; links are removed, never followed, ``folder`` too."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            shutil.rmtree(name, dir_fd=descriptor)
        finally:
            os.close(descriptor)

    def mkdir(self, path: Path) -> None:
        """Make one folder, for its owner alone whatever the umask; FileExistsError when it exists."""
        path.mkdir(FOLDER_MODE)
        path.chmod(FOLDER_MODE)

    def chmod(self, path: Path, mode: int) -> None:
        path.chmod(mode)

    def is_folder(self, path: Path) -> bool:
        """Whether there is a folder, perhaps through a link."""
        return path.is_dir()

    def exists(self, path: Path) -> bool:
        return os.path.lexists(path)

    def lstat(self, path: str | Path) -> os.stat_result:
        return os.lstat(path)

    def fstat(self, descriptor: int) -> os.stat_result:
        return os.fstat(descriptor)

    def open_read(self, path: Path) -> int:
        """Open a file for reading and keep it, whatever its name comes to mean."""
        return os.open(path, _READING)

    def read_open(self, descriptor: int) -> bytes:
        """Return all bytes of an open file, from its beginning."""
        os.lseek(descriptor, 0, os.SEEK_SET)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()

    def names(self, path: Path) -> list[str]:
        """Return the names of everything in a folder, sorted."""
        return sorted(entry.name for entry in path.iterdir())

    def folders(self, path: Path) -> Iterator[str]:
        """Yield the names of the folders in ``path``: no links, and none that begins with a dot."""
        with os.scandir(path) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def read(self, path: str | Path, limit: int | None = None) -> bytes:
        """Return a regular file's bytes, at most ``limit`` of them; a link or a device is refused, never waited for."""
        descriptor = os.open(path, _READING)
        try:
            if limit is not None:
                return os.read(descriptor, limit)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"{path} is no regular file")
            with open(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)


SYSTEM = FileSystem()


TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY = re.compile(rf"\..+\.(\d+)-([0-9a-f]{{8}})(?:-\d+)?{re.escape(TEMPORARY_SUFFIX)}")
# Process numbers come again, in a container always the same ones: this tells our own files from a dead namesake's.
_OURS = secrets.token_hex(4)
_numbers = itertools.count()


def temporary_name(name: str) -> str:
    """Return a name for a file in the making; the process number tells a later start whether its writer still lives."""
    return f".{name}.{os.getpid()}-{_OURS}-{next(_numbers)}{TEMPORARY_SUFFIX}"


def write_atomic(
    fs: FileSystem,
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
    descriptor = fs.create(temporary)
    try:
        try:
            write_all(fs, descriptor, pieces)
            written = fs.fstat(descriptor)
            if durable:
                # After a failed fsync the kernel may call the pages clean: never again on this descriptor.
                fs.fsync(descriptor)
        finally:
            fs.close(descriptor)
        if guard is not None:
            guard()
        fs.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            fs.unlink(temporary)
        raise
    if durable and sync_folder:
        fs.sync_folder(path.parent)
    return written


def leftovers(fs: FileSystem, folder: Path) -> list[Path]:
    """Return the temporary files in a folder whose writers are dead; those of living ones are in use."""
    matches = map(_TEMPORARY.fullmatch, fs.names(folder))
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


def write_all(fs: FileSystem, descriptor: int, pieces: Iterable[bytes | memoryview]) -> None:
    """Write every byte: the operating system may take fewer than it is offered."""
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = fs.write(descriptor, view)
            if written <= 0:
                raise OSError(errno.EIO, "the disk took no more bytes")
            view = view[written:]


def explain_error(cause: OSError, doing: str, path: Path) -> StorageError:
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


@contextlib.contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Raise an OSError of the body as the StorageError that ``explain_error`` returns."""
    try:
        yield
    except OSError as error:
        raise explain_error(error, doing, path) from error

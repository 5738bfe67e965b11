"""FileSystem, the system calls that storage makes, and atomic file replacement.

Nothing else in this package accesses the disk, except the search worker, which only reads. Tests replace SYSTEM with a
file system that rejects, delays, shortens or records calls. All methods raise OSError.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aloop.config.settings import max_session_size
from aloop.errors import Problem, StorageError
from aloop.formatting import display_path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


# The errors of a file system that lacks a function. Some network file systems lock only files open for writing (EBADF).
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
NO_LOCKS = _UNSUPPORTED | {errno.ENOLCK, errno.EBADF}
_NO_MODES = _UNSUPPORTED | {errno.EPERM}

Limit = Literal["locks", "modes", "syncs"]
_LIMITS: dict[Limit, str] = {
    "locks": "cannot lock files, so two shells could overwrite each other's sessions",
    "modes": "cannot make files private, so other users may be able to read the sessions",
    "syncs": "cannot flush files to the disk, so a power failure could lose the last turn",
}
_found_limits: dict[Limit, bool] = {}


def note_limit(limit: Limit) -> None:
    """Record that the file system of the sessions lacks a function."""
    _found_limits.setdefault(limit, False)


def new_limits() -> list[Problem]:
    """Return a sentence about each limit noted; each is returned once per process."""
    new = [limit for limit, is_reported in _found_limits.items() if not is_reported]
    _found_limits.update(dict.fromkeys(new, True))
    return [
        Problem(
            f"The file system of the sessions folder {_LIMITS[limit]}. "
            "To avoid that, choose a folder on a local disk with --sessions-dir."
        )
        for limit in new
    ]


@contextlib.contextmanager
def _optional(limit: Limit, errors: frozenset[int]) -> Iterator[None]:
    """Note a limit instead of raising one of its ``errors``."""
    try:
        yield
    except OSError as error:
        if error.errno not in errors:
            raise
        note_limit(limit)


def _make_private(descriptor: int) -> None:
    """Set a file's mode if necessary; each change slows down the next sync."""
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != FILE_MODE:
        with _optional("modes", _NO_MODES):
            os.fchmod(descriptor, FILE_MODE)


def _close_quietly(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.close(descriptor)


class FileTooLarge(OSError):
    """The file is larger than ``max_session_size``."""


def _require_size(size: int, allowed: int) -> None:
    limit = max_session_size()
    if size > max(limit, allowed):
        size_mb = -(-size // 1_000_000)
        raise FileTooLarge(
            f"it is {size_mb:,} MB, more than the limit of {limit // 1_000_000:,} MB. "
            f"Set ALOOP_MAX_SESSION_MB={size_mb} to read it"
        )


# Reads up to this size need no check.
_SMALL = 1_000_000


class FileSystem:
    """The real system calls."""

    def create(self, path: Path) -> int:
        """Open a new private file for writing, whatever the umask; raises FileExistsError."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            _make_private(descriptor)
        except BaseException:
            _close_quietly(descriptor)
            with contextlib.suppress(OSError):  # the first error is the one to report
                path.unlink()
            raise
        return descriptor

    def open_append(self, path: Path) -> int:
        """Open an existing file for appending."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)

    def open_lock(self, path: Path) -> int:
        """Open a lock file, creating it if necessary; child processes do not inherit it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            _make_private(descriptor)
        except BaseException:
            _close_quietly(descriptor)
            raise
        return descriptor

    def open_folder(self, path: Path) -> int:
        """Open a folder, not a link to one."""
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def try_lock(self, descriptor: int) -> bool:
        """Lock a file until it is closed; return False if another process has locked it.

        If the file system has no locks, the error is one of NO_LOCKS.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write ``data`` or part of it; return the number of bytes written."""
        return os.write(descriptor, data)

    def set_modified(self, descriptor: int, moment: int) -> None:
        """Set the modification time of an open file, in nanoseconds."""
        os.utime(descriptor, ns=(os.fstat(descriptor).st_atime_ns, moment))

    def truncate(self, descriptor: int, size: int = 0) -> None:
        """Shorten an open file to ``size`` bytes; the next write is at its end."""
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)

    def fsync(self, descriptor: int) -> None:
        """Flush a file to disk, if the file system can do so."""
        with _optional("syncs", _UNSUPPORTED):
            os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def close_behind(self, descriptor: int) -> None:
        """Close a deleted file on a thread, because freeing its blocks can be slow.

        Errors are ignored: nothing was written to it.
        """
        try:
            threading.Thread(target=_close_quietly, args=(descriptor,), daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter is shutting down
            _close_quietly(descriptor)

    def sync_folder(self, path: Path) -> None:
        """Flush the entries of a folder to disk, if the file system can do so."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with _optional("syncs", _UNSUPPORTED | {errno.EBADF}):
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
        """Remove a tree without following links, not even if ``folder`` is one."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            shutil.rmtree(name, dir_fd=descriptor)
        finally:
            os.close(descriptor)

    def mkdir(self, path: Path) -> None:
        """Create a private folder, whatever the umask; raises FileExistsError."""
        path.mkdir(FOLDER_MODE)
        if stat.S_IMODE(path.lstat().st_mode) != FOLDER_MODE:
            with _optional("modes", _NO_MODES):
                path.chmod(FOLDER_MODE)

    def chmod(self, path: Path, mode: int) -> None:
        path.chmod(mode)

    def is_folder(self, path: Path) -> bool:
        """Return True for a folder or a link to one."""
        return path.is_dir()

    def exists(self, path: Path) -> bool:
        return os.path.lexists(path)

    def lstat(self, path: str | Path) -> os.stat_result:
        return os.lstat(path)

    def fstat(self, descriptor: int) -> os.stat_result:
        return os.fstat(descriptor)

    def open_read(self, path: Path) -> int:
        """Open a file for reading."""
        return os.open(path, _READING)

    def read_open(self, descriptor: int, limit: int | None = None, *, allowed: int = 0) -> bytes:
        """Return all bytes of an open file from its start, or at most ``limit``.

        Raises FileTooLarge, unless the file has at most ``allowed`` bytes.
        """
        os.lseek(descriptor, 0, os.SEEK_SET)
        if limit is not None:
            return os.read(descriptor, limit)
        _require_size(os.fstat(descriptor).st_size, allowed)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()

    def names(self, path: Path) -> list[str]:
        """Return the names of all entries of a folder, sorted."""
        return sorted(entry.name for entry in path.iterdir())

    def folders(self, path: Path) -> Iterator[str]:
        """Yield the names of the folders in ``path``, without links and hidden folders."""
        with os.scandir(path) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def read(self, path: str | Path, limit: int | None = None, *, allowed: int = 0) -> bytes:
        """Return at most ``limit`` bytes of a regular file; raises OSError for others.

        Raises FileTooLarge, unless ``limit`` is small or the file has at most ``allowed`` bytes.
        """
        descriptor = os.open(path, _READING)
        try:
            if limit is not None and limit <= _SMALL:
                return os.read(descriptor, limit)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"{path} is not a regular file")
            _require_size(status.st_size, allowed)
            if limit is not None:
                return os.read(descriptor, limit)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def read_end(self, path: Path, limit: int) -> bytes:
        """Return the last bytes of a file, at most ``limit``."""
        descriptor = os.open(path, _READING)
        try:
            os.lseek(descriptor, max(0, os.fstat(descriptor).st_size - limit), os.SEEK_SET)
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)


SYSTEM = FileSystem()


TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY = re.compile(rf"\..+\.(\d+)-([0-9a-f]{{8}})(?:-\d+)?{re.escape(TEMPORARY_SUFFIX)}")
# Process IDs are reused, in containers always the same ones: this identifies the files of this very process.
_TOKEN = secrets.token_hex(4)
_numbers = itertools.count()


def temporary_name(name: str) -> str:
    """Return a unique name with the process ID, so that leftovers can be found."""
    return f".{name}.{os.getpid()}-{_TOKEN}-{next(_numbers)}{TEMPORARY_SUFFIX}"


@dataclass(frozen=True, slots=True)
class Written:
    """The status of a file that ``write_atomic`` has written, before it was renamed.

    With ``is_marked``, no later change leaves the same modification time.
    """

    status: os.stat_result
    is_marked: bool


def write_atomic(
    fs: FileSystem,
    path: Path,
    pieces: Iterable[bytes | memoryview],
    *,
    durable: bool = True,
    sync_folder: bool = True,
    marked: bool = False,
    guard: Callable[[], None] | None = None,
) -> Written:
    """Replace ``path`` atomically.

    Readers see the old or the new file, even after a power failure. After an OSError the old file is intact and no
    temporary file is left. ``durable=False``, for caches, skips both syncs; ``sync_folder=False`` leaves the second one
    to the caller. ``marked`` gives the file a modification time that no later change leaves, if possible. ``guard`` is
    called just before the replacement and can prevent it by raising an exception.
    """
    temporary = path.with_name(temporary_name(path.name))
    descriptor = fs.create(temporary)
    try:
        try:
            write_all(fs, descriptor, pieces)
            written = _mark(fs, descriptor) if marked else Written(fs.fstat(descriptor), is_marked=False)
            if durable:
                # Never retry: after a failed fsync the kernel may mark the pages as clean.
                fs.fsync(descriptor)
        finally:
            fs.close(descriptor)
        if guard is not None:
            guard()
        fs.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to report
            fs.unlink(temporary)
        raise
    if durable and sync_folder:
        fs.sync_folder(path.parent)
    return written


_MARK_NS = 1_000


def _mark(fs: FileSystem, descriptor: int) -> Written:
    """Move the modification time of a file back by a microsecond.

    The kernel's clock advances in ticks of some milliseconds. Without the mark, another change in the same tick would
    leave the same time.
    """
    status = fs.fstat(descriptor)
    moment = status.st_mtime_ns - _MARK_NS
    try:
        fs.set_modified(descriptor, moment)
        status = fs.fstat(descriptor)
    except OSError:
        return Written(status, is_marked=False)
    return Written(status, is_marked=status.st_mtime_ns == moment)


def leftovers(fs: FileSystem, folder: Path) -> list[Path]:
    """Return the temporary files in a folder whose writers have exited."""
    matches = map(_TEMPORARY.fullmatch, fs.names(folder))
    return [folder / match.group() for match in matches if match and not _is_alive(int(match.group(1)), match.group(2))]


def _is_alive(process: int, token: str) -> bool:
    return token == _TOKEN if process == os.getpid() else is_running(process)


def is_running(process: int) -> bool:
    """Return True if a process with this ID is running on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_all(fs: FileSystem, descriptor: int, pieces: Iterable[bytes | memoryview]) -> None:
    """Write all bytes, repeating partial writes."""
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = fs.write(descriptor, view)
            if written <= 0:
                raise OSError(errno.EIO, "the disk accepts no more bytes")
            view = view[written:]


def explain_error(cause: OSError, doing: str, path: Path, flag: str = "--sessions-dir") -> StorageError:
    """Return an error with advice for the user.

    ``doing`` is the failed action, such as "save the session". ``flag`` chooses another folder; empty if none does.
    """
    using = f" with {flag}" if flag else ""
    if cause.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        advice = "the disk is full. Free some space"
    elif cause.errno in {errno.EACCES, errno.EPERM}:
        advice = f"permission denied. Check who owns the folder, or choose another{using}"
    elif cause.errno == errno.EROFS:
        advice = f"the disk is read-only. Choose another folder{using}"
    elif cause.errno in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}:
        advice = f"the file system does not support this operation. Choose a folder on a local disk{using}"
    elif cause.errno == errno.ELOOP:
        advice = f"{_named(cause, 'the file')} is a link, and links are not followed. Replace it with the file itself"
    elif cause.errno == errno.ENOTDIR:
        advice = f"there is a file where a folder should be. Move it, or choose another folder{using}"
    elif cause.errno == errno.EISDIR:
        advice = f"there is a folder where {_named(cause, 'a file')} should be. Move it elsewhere"
    else:
        advice = cause.strerror or str(cause)
    return StorageError(f"Could not {doing} in {display_path(path)}: {advice}.", path, cause)


def _named(cause: OSError, otherwise: str) -> str:
    """Return the name of the file that caused an error, if it is known."""
    found = Path(os.fsdecode(cause.filename)).name if isinstance(cause.filename, str | bytes | Path) else ""
    return f"the file {found}" if found else otherwise


@contextlib.contextmanager
def explained(doing: str, path: Path, flag: str = "--sessions-dir") -> Iterator[None]:
    """Raise an OSError of the body as the StorageError that ``explain_error`` returns."""
    try:
        yield
    except OSError as error:
        raise explain_error(error, doing, path, flag) from error

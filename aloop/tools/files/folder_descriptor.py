"""Descriptors of folders, opened without following a link anywhere on their path.

Another process can swap a folder for a link between the check of a path and its use. A path that is already resolved
contains no link, so opening it fails if one has appeared since; what is then opened relative to the descriptor is in
the folder that was checked. The search worker runs this file by its path, so it imports only the standard library.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Passing through a folder needs no permission to list it, where the system can express that.
_PASS = getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))

_OPENAT2 = 437  # the same number on all architectures that Python supports
_AT_FDCWD = -100
_RESOLVE_NO_LINKS = 0x02 | 0x04  # RESOLVE_NO_MAGICLINKS and RESOLVE_NO_SYMLINKS
# Errors for which opening step by step may still succeed: an old kernel, a sandbox, or a path over 4,096 bytes.
_UNAVAILABLE = frozenset({errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG, errno.ENAMETOOLONG})


@contextmanager
def opened_folder(path: str | os.PathLike[str], *, to_list: bool = False, create: bool = False) -> Iterator[int]:
    """Yield a descriptor of the folder at the resolved ``path``; raise OSError.

    It can be listed only with ``to_list``. ``create`` creates missing folders.
    """
    descriptor = open_folder(os.fspath(path), to_list=to_list, create=create)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_folder(path: str, *, to_list: bool = False, create: bool = False) -> int:
    """Return a descriptor as ``opened_folder`` does; the caller closes it."""
    last = (os.O_RDONLY if to_list else _PASS) | _FOLDER
    absolute = os.path.abspath(path)  # noqa: PTH100  # the standard library's path strings, for speed
    descriptor = None if create else _open_at_once(absolute, last)
    return _open_in_steps(absolute, last, create=create) if descriptor is None else descriptor


def _open_in_steps(path: str, last: int, *, create: bool) -> int:
    parts = [part for part in path.split("/") if part]
    descriptor = os.open("/", last if not parts else _PASS | _FOLDER)
    for number, part in enumerate(parts, 1):
        flags = last if number == len(parts) else _PASS | _FOLDER
        try:
            try:
                child = os.open(part, flags, dir_fd=descriptor)
            except FileNotFoundError:
                if not create:
                    raise
                os.mkdir(part, dir_fd=descriptor)
                child = os.open(part, flags, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = child
    return descriptor


def _open_at_once(path: str, flags: int) -> int | None:
    """Open ``path`` with one system call; return None if the kernel has no such call."""
    system_call = _openat2()
    if system_call is None:
        return None
    descriptor, code = system_call(os.fsencode(path), flags)
    if code in _UNAVAILABLE:
        return None
    if code:
        raise OSError(code, os.strerror(code), path)
    return int(descriptor)


@cache
def _openat2() -> Any:
    """Return a function from a path and flags to a descriptor and an error code."""
    if not hasattr(os, "O_PATH"):
        return None
    # Imported late for startup time.
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)

    def call(path: bytes, flags: int) -> tuple[int, int]:
        how = (ctypes.c_uint64 * 3)(flags, 0, _RESOLVE_NO_LINKS)  # struct open_how: flags, mode, resolve
        while True:
            descriptor = library.syscall(
                ctypes.c_long(_OPENAT2),
                ctypes.c_long(_AT_FDCWD),
                ctypes.c_char_p(path),
                ctypes.byref(how),
                ctypes.c_size_t(ctypes.sizeof(how)),
            )
            code = ctypes.get_errno() if descriptor < 0 else 0
            if code != errno.EINTR:
                return descriptor, code

    return call

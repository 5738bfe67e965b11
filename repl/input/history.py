"""The input history: a private file that several shells may write to at once.

Each line of the file is one entry, a JSON string, which can hold line feeds and lone surrogates.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prompt_toolkit.history import History

from aloop.formatting import display_path
from aloop.regular_file import read_regular, require_regular

KEPT = 2000
"""Entries that are loaded; a file with more than twice as many is truncated to them."""

LONGEST = 100_000
"""The most characters of an entry; a longer one is probably a pasted file, and is not stored."""

_UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.EPERM})


class HistoryFile:
    """The file at ``path``; all methods raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[str]:
        """Return the last entries, oldest first; invalid lines are skipped."""
        try:
            data = read_regular(self._path)
        except FileNotFoundError:
            return []
        lines = data.splitlines()
        if len(lines) > 2 * KEPT:
            self._truncate()
        return [entry for entry in map(_decode, lines[-KEPT:]) if entry]

    def append(self, entry: str) -> None:
        """Add an entry at the end."""
        # Imported here: the prompt is drawn without it.
        import json

        if len(entry) <= LONGEST:
            with self._locked() as file:
                line = json.dumps(entry).encode() + b"\n"
                # After a crash or on a full disk, the last line may be incomplete: it must not swallow this one.
                end = os.lseek(file, 0, os.SEEK_END)
                os.write(file, line if not end or os.pread(file, 1, end - 1) == b"\n" else b"\n" + line)

    def _truncate(self) -> None:
        with self._locked():
            kept = self._path.read_bytes().splitlines(keepends=True)[-KEPT:]
            fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
            fresh.touch(0o600)
            fresh.write_bytes(b"".join(kept))
            fresh.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file for appending, and lock it during the body."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            file = os.open(self._path, flags, 0o600)
            try:
                require_regular(file)
                with _optional():
                    fcntl.flock(file, fcntl.LOCK_EX)
                if not self._is_current(file):
                    # Another shell replaced the file while this one waited for the lock.
                    continue
                with _optional():
                    os.fchmod(file, 0o600)
                yield file
                return
            finally:
                os.close(file)

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False


@contextmanager
def _optional() -> Iterator[None]:
    """Ignore that the file system has no locks or no modes."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _decode(line: bytes) -> str | None:
    # Imported here, in a thread: the prompt is drawn without it.
    import json

    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, str) else None


class InputHistory(History):
    """A prompt_toolkit History over a HistoryFile; reports only the first error."""

    def __init__(self, file: HistoryFile, on_error: Callable[[str], None]) -> None:
        super().__init__()
        self._file = file
        self._on_error = on_error
        self._is_reported = False
        self._reading: asyncio.Future[list[str]] | None = None

    async def load(self) -> AsyncGenerator[str, None]:
        """Yield all entries, newest first; the file is read once, in a thread."""
        if not self._loaded:
            if self._reading is None:
                self._reading = asyncio.ensure_future(asyncio.to_thread(self._read))
            # A line that is entered during it cancels this load, but not the reading: the next one takes its result.
            older = await asyncio.shield(self._reading)
            typed = self._loaded_strings
            # Lines entered while the file was read may be in it already.
            missing = typed if older[: len(typed)] != typed else []
            self._loaded_strings = [*missing, *older]
            self._loaded = True
        for entry in list(self._loaded_strings):
            yield entry

    def load_history_strings(self) -> Iterable[str]:
        """Return the entries in the file, newest first."""
        return self._read()

    def store_string(self, string: str) -> None:
        try:
            self._file.append(string)
        except OSError as error:
            self._report(error)

    def _read(self) -> list[str]:
        try:
            return self._file.read()[::-1]
        except OSError as error:
            self._report(error)
            return []

    def _report(self, error: OSError) -> None:
        if not self._is_reported:
            self._is_reported = True
            self._on_error(
                f"Cannot save the input history: {error.strerror or error}: {display_path(str(error.filename))}"
            )

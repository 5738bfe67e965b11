"""What was typed, kept across runs: a private file that two shells may add to at the same time.

One line an entry, a JSON string each, which brings back line feeds and lone surrogates alike.

The history behind the input line: loaded in the background, and never in the way.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prompt_toolkit.history import History

KEPT = 2000
"""Entries that are loaded; a file that has grown to twice as many is cut down to these."""

LONGEST = 100_000
"""Characters of an entry that is kept; a larger one is likely a pasted file, and is left out."""


class HistoryFile:
    """The file at ``path``; every method raises OSError when the file system refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[str]:
        """Return the last entries, the oldest first; lines that are no entry are passed over."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        lines = data.splitlines()
        if len(lines) > 2 * KEPT:
            self._cut_down()
        return [entry for entry in map(_decode, lines[-KEPT:]) if entry]

    def append(self, entry: str) -> None:
        """Add an entry at the end."""
        # Imported here, as below, for start-up time: the prompt is drawn without it.
        import json

        if len(entry) <= LONGEST:
            with self._locked() as file:
                os.write(file, json.dumps(entry).encode() + b"\n")

    def _cut_down(self) -> None:
        with self._locked():
            kept = self._path.read_bytes().splitlines(keepends=True)[-KEPT:]
            fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
            fresh.touch(0o600)
            fresh.write_bytes(b"".join(kept))
            fresh.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Open the file for appending, and keep other shells out until the body is done."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not self._still_there(file):
                    # Another shell cut the file down while this one waited: its successor is the file now.
                    continue
                os.fchmod(file, 0o600)
                yield file
                return
            finally:
                os.close(file)

    def _still_there(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False


def _decode(line: bytes) -> str | None:
    # As above; this runs in a thread.
    import json

    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, str) else None


class InputHistory(History):
    """prompt_toolkit's history over a HistoryFile; trouble with the file is told once, and typing goes on."""

    def __init__(self, file: HistoryFile, on_trouble: Callable[[str], None]) -> None:
        super().__init__()
        self._file = file
        self._on_trouble = on_trouble
        self._told = False

    async def load(self) -> AsyncGenerator[str, None]:
        """Yield all entries, the newest first; the file is read once, in a thread."""
        if not self._loaded:
            self._loaded = True
            older = await asyncio.to_thread(self._read)
            typed = self._loaded_strings
            # What was typed while the file was read may be in it already.
            missing = typed if older[: len(typed)] != typed else []
            self._loaded_strings = [*missing, *older]
        for entry in list(self._loaded_strings):
            yield entry

    def load_history_strings(self) -> Iterable[str]:
        """Return the entries in the file, the newest first."""
        return self._read()

    def store_string(self, string: str) -> None:
        try:
            self._file.append(string)
        except OSError as error:
            self._tell(error)

    def _read(self) -> list[str]:
        try:
            return self._file.read()[::-1]
        except OSError as error:
            self._tell(error)
            return []

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            self._on_trouble(f"What you type is not kept for the next run: {error.strerror or error}: {error.filename}")

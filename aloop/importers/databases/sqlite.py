"""SQLite files of other programs, which are only read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aloop.errors import StorageError
from aloop.importers.json_decoder import decode
from aloop.importers.source import Source

_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LONGEST = 500_000_000
"""Bytes of the longest value: a column can be computed, and then be longer than the file."""
WANTED = "id LIKE ? || '%'"
"""The condition for ``Source.session``."""
SQLITE = b"SQLite format 3\x00"


@contextmanager
def opened(path: Path, timeout: float = 10) -> Iterator[sqlite3.Connection]:
    """Open a database for reading, including its write-ahead log.

    ``timeout`` is in seconds. Raises StorageError.
    """
    try:
        # Reading in this mode sees the log (-wal) and changes nothing; a folder without write permission needs the
        # second one, which is safe because then no program can write there.
        for mode in ("mode=ro", "mode=ro&immutable=1"):
            connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, timeout=timeout)
            connection.row_factory = sqlite3.Row
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            try:
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("SELECT name FROM sqlite_master").fetchone()
                break
            except sqlite3.Error as error:
                connection.close()
                # A program that has locked the file is writing it.
                is_final = "immutable" in mode or _is_locked(error)
                if is_final or not isinstance(error, sqlite3.OperationalError):
                    raise
        with closing(connection):
            yield connection
    except sqlite3.Error as error:
        advice = "Close the program that uses it, and try again" if _is_locked(error) else "Try a backup of the file"
        raise StorageError(f"Could not read {path}: {error}. {advice}.", path) from error


def _is_locked(error: sqlite3.Error) -> bool:
    # An error of the Python module itself has no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED


def table_names(path: Path) -> frozenset[str]:
    """Return the names of the tables; raises StorageError."""
    with opened(path) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return frozenset(str(row[0]) for row in rows)


def rows(source: Source, connection: sqlite3.Connection, query: str, *values: object) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query as dicts."""
    for row in connection.execute(query, values):
        found = dict(row)
        source.on_read(sum(len(each) for each in found.values() if isinstance(each, str | bytes)))
        yield found


def loaded(value: object) -> Any:
    """Return the JSON value in a column, or None."""
    try:
        return decode(value) if isinstance(value, str | bytes) and value else None
    except (ValueError, RecursionError):
        return None

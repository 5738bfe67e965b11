"""The files as completion knows them: a folder is read in a thread when it is first asked for, and never waited for.

The models as completion knows them: loaded when they are first asked for, in a thread, for that takes a second.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

MOST_NAMES = 10_000
"""Names of one folder that are read; of more than that, some are not offered."""

_FRESH = 2.0  # seconds for which a folder is taken to be as it was
_MOST_FOLDERS = 50  # remembered
_SLOW = ("node_modules", "__pycache__", "venv")  # what machines fill, offered once its name is begun


@dataclass(frozen=True, slots=True)
class FileName:
    """A name in a folder; ``folded`` is what it is found by."""

    name: str
    is_folder: bool
    folded: str


class FileCatalog:
    """Names in folders; ``loaded`` is called, in the thread that read a folder, once its names are there."""

    def __init__(self, loaded: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._loaded = loaded
        self._clock = clock
        self._folders: dict[Path, tuple[float, list[FileName]]] = {}
        self._threads: dict[Path, threading.Thread] = {}

    def find(self, folder: Path, prefix: str, most: int = MOST_NAMES) -> list[FileName]:
        """Return names in ``folder`` that begin with ``prefix``, in any case; none, yet, while they are read.

        Hidden ones are offered for a prefix that is hidden itself.
        """
        read_at, names = self._folders.get(folder, (None, []))
        if (read_at is None or self._clock() - read_at > _FRESH) and folder not in self._threads:
            self._threads[folder] = thread = threading.Thread(target=self._read, args=(folder,), daemon=True)
            thread.start()
        wanted = prefix.casefold()
        found = (entry for entry in names if entry.folded.startswith(wanted) and _is_meant(entry.name, prefix))
        return list(islice(found, most))

    @property
    def is_reading(self) -> bool:
        """Whether there may be more to find in a moment."""
        return bool(self._threads)

    def wait(self) -> None:
        """Block until all that was asked for is there."""
        for thread in list(self._threads.values()):
            thread.join()

    def _read(self, folder: Path) -> None:
        names = sorted(_names(folder), key=lambda entry: (not entry.is_folder, entry.folded))
        if len(self._folders) >= _MOST_FOLDERS:
            self._folders.clear()
        known = self._folders.get(folder)
        self._folders[folder] = (self._clock(), names)
        del self._threads[folder]
        if known is None or known[1] != names:
            self._loaded()


def _names(folder: Path) -> list[FileName]:
    try:
        with os.scandir(folder) as scan:
            entries = filter(_is_typable, islice(scan, MOST_NAMES))
            return [FileName(entry.name, _is_folder(entry), entry.name.casefold()) for entry in entries]
    except OSError:
        return []  # completion merely offers nothing


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_typable(entry: os.DirEntry[str]) -> bool:
    return entry.name.isprintable() and '"' not in entry.name


def _is_meant(name: str, prefix: str) -> bool:
    return (prefix != "" or name not in _SLOW) and (prefix.startswith(".") or not name.startswith("."))


def load_models() -> Sequence[str]:
    """Return the models that there are; takes a second, the first time."""
    # Imported here: the list comes with the SDK.
    from aloop.llm import known_models

    return known_models()


class ModelCatalog:
    """Names of models; ``loaded`` is called, in that thread, once they are there."""

    def __init__(self, load: Callable[[], Sequence[str]], loaded: Callable[[], None]) -> None:
        self._load = load
        self._loaded = loaded
        self._names: Sequence[str] = ()
        self._thread: threading.Thread | None = None

    def find(self, prefix: str) -> list[str]:
        """Return the names that begin with ``prefix``; none, yet, while they are loaded."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="models", daemon=True)
            self._thread.start()
        return [name for name in self._names if name.startswith(prefix.lower())]

    def wait(self) -> None:
        """Block until the names are there."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with suppress(ImportError):  # /model says what is wrong with the SDK; completion merely offers nothing
            self._names = self._load()
            self._loaded()

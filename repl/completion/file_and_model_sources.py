"""Catalogs of file names and models, filled in threads when they are first used.

Reading a folder or asking a server may take long, so no key waits for either.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from aloop.errors import AloopError

MAX_NAMES = 200_000
"""The most names that are read of one folder."""

_MAX_AGE = 2.0  # seconds before a folder is read again
_MAX_FOLDERS = 50
_GENERATED = ("node_modules", "__pycache__", "venv")  # completed only once a letter of them is typed


@dataclass(frozen=True, slots=True)
class FileName:
    """A name in a folder, and its case-folded form."""

    name: str
    is_folder: bool
    folded: str


class FileCatalog:
    """Names in folders; calls ``loaded``, in a thread, when a folder has been read."""

    def __init__(self, loaded: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._loaded = loaded
        self._clock = clock
        self._folders: dict[Path, tuple[float, list[FileName]]] = {}
        self._threads: dict[Path, threading.Thread] = {}

    def find(self, folder: Path, prefix: str, most: int = MAX_NAMES) -> list[FileName]:
        """Return the names read so far that start with ``prefix``, in any case.

        If there are none, return those that contain its letters in this order. Hidden names are included only if
        ``prefix`` starts with a dot.
        """
        read_at, names = self._folders.get(folder, (None, []))
        if (read_at is None or self._clock() - read_at > _MAX_AGE) and folder not in self._threads:
            self._threads[folder] = thread = threading.Thread(target=self._read, args=(folder,), daemon=True)
            thread.start()
        wanted = prefix.casefold()
        usual = (entry for entry in names if entry.folded.startswith(wanted) and _is_wanted(entry.name, prefix))
        if found := list(islice(usual, most)):
            return found
        pattern = re.compile(".*?".join(map(re.escape, wanted)))
        similar = (entry for entry in names if pattern.search(entry.folded) and _is_wanted(entry.name, prefix))
        return sorted(islice(similar, most), key=lambda entry: wanted not in entry.folded)

    @property
    def is_reading(self) -> bool:
        """True while a folder is being read."""
        return bool(self._threads)

    def wait(self) -> None:
        """Block until all folders have been read."""
        for thread in list(self._threads.values()):
            thread.join()

    def _read(self, folder: Path) -> None:
        names = sorted(_names(folder), key=lambda entry: (not entry.is_folder, entry.folded))
        if len(self._folders) >= _MAX_FOLDERS:
            self._folders.clear()
        known = self._folders.get(folder)
        self._folders[folder] = (self._clock(), names)
        del self._threads[folder]
        if known is None or known[1] != names:
            self._loaded()


def _names(folder: Path) -> list[FileName]:
    try:
        with os.scandir(folder) as scan:
            entries = filter(_is_typable, islice(scan, MAX_NAMES))
            return [FileName(entry.name, _is_folder(entry), entry.name.casefold()) for entry in entries]
    except OSError:
        return []  # completion offers nothing then


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_typable(entry: os.DirEntry[str]) -> bool:
    return entry.name.isprintable()


def _is_wanted(name: str, prefix: str) -> bool:
    return (prefix != "" or name not in _GENERATED) and (prefix.startswith(".") or not name.startswith("."))


def load_models() -> Sequence[str]:
    """Return the names that are known without asking a server."""
    # Imported here for startup time.
    from aloop.llm.models.names import known_models

    return known_models()


def load_endpoint_models() -> Sequence[str]:
    """Return the models of the endpoints in the settings; waits for their servers."""
    # Imported here for startup time: few users have endpoints.
    from aloop.config.settings import Settings
    from aloop.llm.models.catalog import ask_endpoints

    settings = Settings.from_env()
    return asyncio.run(ask_endpoints(settings)) if settings.endpoints else ()


class ModelCatalog:
    """Names of models: first those of ``load``, then also those of ``ask``.

    Calls ``loaded``, in a thread, when either is known.
    """

    def __init__(
        self,
        load: Callable[[], Sequence[str]],
        loaded: Callable[[], None],
        ask: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._load = load
        self._ask = ask
        self._loaded = loaded
        self._names: Sequence[str] = ()
        self._thread: threading.Thread | None = None

    def find(self, prefix: str) -> list[str]:
        """Return the names that start with ``prefix``, none while they are loaded."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="models", daemon=True)
            self._thread.start()
        return [name for name in self._names if name.lower().startswith(prefix.lower())]

    def wait(self) -> None:
        """Block until the names have been loaded."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        # /model reports what is wrong with the SDK or with the settings.
        with suppress(ImportError, AloopError):
            self._names = self._load()
            self._loaded()
            if more := self._ask():
                self._names = (*self._names, *more)
                self._loaded()

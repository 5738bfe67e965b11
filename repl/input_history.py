"""The history behind the input line: loaded in the background, and never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable

from prompt_toolkit.history import History

from repl.history_file import HistoryFile


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

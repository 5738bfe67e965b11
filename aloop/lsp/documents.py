"""The documents that are open in the editor, and when they are analyzed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from pathlib import Path

from lsprotocol.types import TextDocumentContentChangeEvent, TextDocumentContentChangePartial
from pygls.uris import to_fs_path, urlparse

from aloop.lsp.analysis import Analysis, is_session
from aloop.lsp.positions import Units, replace_range, split_lines
from aloop.memory.session import FILE_NAME
from aloop.memory.sessions_dir.text_check import Finding


class OpenDocument:
    """One document as the editor has it. Use it on the event loop only."""

    def __init__(self, uri: str, text: str, version: int, units: Units) -> None:
        self.uri = uri
        self.version = version
        self.path = _path_of(uri)
        self.beside: list[Finding] = []
        """Findings about the folder of the session, as of the last save."""
        self.is_folder_due = True
        """True until the folder has been checked."""
        self.is_marked = False
        """True if diagnostics were published that a later version must replace."""
        self.check: asyncio.Task[None] | None = None
        """The task that publishes diagnostics soon."""
        self._units = units
        self._lines = split_lines(text)
        self._analyzed: tuple[int, Analysis | None] | None = None
        self._running: asyncio.Task[None] | None = None

    def change(self, version: int, changes: Sequence[TextDocumentContentChangeEvent]) -> None:
        """Make the changes that the editor has made."""
        for change in changes:
            if isinstance(change, TextDocumentContentChangePartial):
                replace_range(self._lines, self._units, change.range, change.text)
            else:
                self._lines = split_lines(change.text)
        self.version = version

    async def analyze(self) -> Analysis | None:
        """Return the analysis of this version or a later one; None if not a session.

        The text is parsed on a thread, each version at most once.
        """
        wanted = self.version
        while self._analyzed is None or self._analyzed[0] < wanted:
            if self._running is None:
                self._running = asyncio.create_task(self._parse())
            # A request that is canceled must not cancel what others wait for.
            await asyncio.shield(self._running)
        return self._analyzed[1]

    async def _parse(self) -> None:
        version, lines = self.version, list(self._lines)
        try:
            self._analyzed = version, await asyncio.to_thread(_analyze, lines, self.path, version, self._units)
        finally:
            self._running = None


def _path_of(uri: str) -> Path:
    """Return the path of a file, or only the name of another document.

    Editors show versions in git, for example, with the path of the file and another scheme.
    """
    path = to_fs_path(uri)
    return Path(path) if path else Path(Path(urlparse(uri)[2]).name or FILE_NAME)


def _analyze(lines: list[str], path: Path, version: int, units: Units) -> Analysis | None:
    text = "".join(lines)
    if not is_session(path, text):
        return None
    # The records of a large file have no cycles, and a collection that visits them stops all threads.
    gc.disable()
    try:
        return Analysis(text, path, version, units)
    finally:
        gc.freeze()
        gc.enable()

"""The end of the conversation that is highlighted in the picker: read on a thread, so that no key ever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from aloop.errors import AloopError
from aloop.llm.message_types import LLMMessage
from repl.cells import last_rows, wrap
from repl.spans import Line, Tone, line
from repl.transcript import message_lines

_PASSING_BY = 0.03
"""Seconds that a session must stay highlighted to be read: whoever holds an arrow key down only passes by."""

_KEPT = 64
_MESSAGES = 12
_CHARACTERS = 4_000  # of a message: more than a screen shows

Row = tuple[Tone, str]


class Pane:
    """Shows one session at a time; ``read`` gets its last messages, ``refresh`` is called when they are there."""

    def __init__(self, read: Callable[[str], Awaitable[Sequence[LLMMessage]]], refresh: Callable[[], None]) -> None:
        self._read = read
        self._refresh = refresh
        self._wanted: str | None = None
        self._known: dict[str, list[Line]] = {}
        self._reading: asyncio.Task[None] | None = None

    def show(self, session_id: str | None) -> None:
        """Show the end of that session as soon as it is read; what was being read for another one is left."""
        if session_id == self._wanted:
            return
        self._wanted = session_id
        self.close()
        if session_id is not None and session_id not in self._known:
            self._reading = asyncio.create_task(self._load(session_id))

    def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def rows(self, width: int, height: int) -> list[Row]:
        """Return what fits, from the end; nothing yet where it is still being read."""
        rows: list[Row] = []
        for spans in reversed(self._known.get(self._wanted or "", [])):
            tone, text = spans[0][0] if spans else Tone.PLAIN, "".join(text for _, text in spans)
            wrapped = [piece for row in wrap(text, width) for piece in last_rows([row], width, height)]
            rows[:0] = [(tone, row) for row in wrapped]
            if len(rows) >= height:
                break
        return rows[-height:] if height > 0 else []

    async def _load(self, session_id: str) -> None:
        await asyncio.sleep(_PASSING_BY)
        try:
            lines = await asyncio.to_thread(ending_lines, await self._read(session_id))
        except AloopError as error:
            lines = [line((Tone.BAD, str(error)))]
        while len(self._known) >= _KEPT:
            del self._known[next(iter(self._known))]
        self._known[session_id] = lines
        self._refresh()


def ending_lines(messages: Sequence[LLMMessage]) -> list[Line]:
    """Return the last messages as safe lines, of a tool's result the first one."""
    lines: list[Line] = []
    for message in messages[-_MESSAGES:]:
        text = (message.content or "").strip("\n")
        if len(text) > _CHARACTERS:
            message = replace(message, content=f"…{text[-_CHARACTERS:]}")
        if message.role == "user" and lines:
            lines.append(line(""))
        lines += message_lines(message, 1 if message.role == "tool" else None)
    return lines or [line((Tone.QUIET, "(no messages)"))]

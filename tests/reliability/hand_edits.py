"""Hand edits between the system calls of an open session."""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory import session_writer as reload
from tests.reliability.editors import Editor, breaker, remover, sed, vim, vim_with_backup, vs_code
from tests.reliability.filesystems import Call, installed
from tests.reliability.row import Row
from tests.reliability.scenario import Event, take_turn

_EDITORS: tuple[Editor, ...] = (vim, vim_with_backup, vs_code, sed, remover, breaker)
_MARKED = re.compile(r"(?<=content: \")marked[ @0-9]*")
_MESSAGE = re.compile(r"^(?=  - role: )", re.MULTILINE)
_CALLS = 30
"""Approximate number of system calls in a turn."""
_TURNS = 10
"""Turns in each session, with one edit each."""


@dataclass(slots=True)
class Tally:
    """Counts of lost edits and turns.

    ``window`` counts edits lost between the last check for changes and the replacement of the file.
    """

    edits: int = 0
    turns_lost: int = 0
    turns_doubled: int = 0
    edits_lost: int = 0
    window: int = 0
    in_copies: int = 0
    details: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Edit:
    """An inserted mark or removed message, and the moments at which its editor acted."""

    editor: str
    mark: str
    moments: list[str] = field(default_factory=list)
    removed: str | None = None
    is_made: bool = False

    @property
    def is_in_window(self) -> bool:
        return any(moment.startswith("replace ") and moment.endswith("session.yaml") for moment in self.moments)


class EditorDriver:
    """A user with an editor who acts before certain system calls of the program."""

    def __init__(self, chance: random.Random) -> None:
        self.path = Path()
        self.edits: list[Edit] = []
        self._chance = chance
        self._at_work: Iterator[None] | None = None
        self._moments: frozenset[int] = frozenset()
        self._count = 0

    def begin(self) -> None:
        """Choose an editor unless one is active, and the calls before which it acts."""
        if self._at_work is None:
            editor = self._chance.choice(_EDITORS)
            self.edits.append(Edit(editor.__name__, f"@{len(self.edits)}"))
            removes = editor in (vim, vs_code) and self._chance.random() < 0.3
            self._at_work = editor(self.path, self._remove if removes else self._mark)
        moments = [self._chance.randrange(1, _CALLS)]
        for _ in range(4):
            moments.append(moments[-1] + self._chance.choice((1, 1, 2, 5)))
        self._count, self._moments = 0, frozenset(moments)

    def __call__(self, call: Call) -> Any:
        self._count += 1
        if self._count in self._moments:
            self._act(f"{call.name} {call.arguments[-1]}")
        return call.make()

    def end(self, *, leave: bool = False) -> None:
        """Let the editor finish, or with ``leave`` keep it for the next turn."""
        self._moments = frozenset()
        while self._at_work is not None and not leave:
            self._act("between turns")

    def _act(self, moment: str) -> None:
        """Run the editor up to its next pause."""
        if self._at_work is None:
            return
        self.edits[-1].moments.append(moment)
        try:
            next(self._at_work)
        except FileNotFoundError:
            # The file was removed and has not been written again, so there is nothing to edit.
            self._at_work, self.edits[-1].is_made = None, False
        except StopIteration:
            self._at_work = None

    def _mark(self, text: str) -> str:
        edit = self.edits[-1]
        edit.is_made = True
        return _MARKED.sub(lambda match: f"{match.group()} {edit.mark}", text, count=1)

    def _remove(self, text: str) -> str:
        """Remove the last answer."""
        parts = _MESSAGE.split(text)
        for number, part in reversed(list(enumerate(parts))):
            if answer := re.search(r"turn \d+: answer", part):
                self.edits[-1].removed = answer.group()
                del parts[number]
                # The text after the last message is the end marker.
                return "".join(parts) + ("...\n" if number == len(parts) else "")
        return self._mark(text)


def edits_while_open(*, full: bool) -> Row:
    tally = Tally()
    look, reload._RETRY_DELAY = reload._RETRY_DELAY, 0.0
    try:
        for seed in range(50 if full else 4):
            asyncio.run(_edit_a_session(seed, tally))
    finally:
        reload._RETRY_DELAY = look
    result = (
        f"{tally.turns_lost} turns lost, {tally.turns_doubled} doubled, {tally.edits_lost} edits lost, "
        f"{tally.window} in the window; {tally.in_copies} messages overwritten by a stale editor are in copies"
    )
    is_kept = not (tally.turns_lost or tally.turns_doubled or tally.edits_lost)
    return Row(
        "hand edits of an open session", tally.edits, result, "0 turns lost, 0 edits lost outside the window", is_kept
    )


async def _edit_a_session(seed: int, tally: Tally) -> None:
    driver, events = EditorDriver(chance := random.Random(seed)), list[Event]()
    with tempfile.TemporaryDirectory() as folder, installed(driver):
        memory = MemoryManager(sessions_dir=Path(folder) / ".aloop" / "sessions", hold=True)
        await memory.add_message(LLMMessage("user", "marked"))
        await memory.add_message(LLMMessage("assistant", "seen"))
        await memory.save_memory()
        assert memory.path is not None
        driver.path = memory.path
        for number in range(_TURNS):
            driver.begin()
            await take_turn(memory, f"turn {number}", events.append)
            driver.end(leave=chance.random() < 0.33)
        driver.end()
        await take_turn(memory, "last", events.append)
        await _count(driver, memory, events, tally, seed)
        memory.close()


async def _count(driver: EditorDriver, memory: MemoryManager, events: list[Event], tally: Tally, seed: int) -> None:
    session = await SessionLibrary(memory.sessions_dir).load(memory.session_id)
    contents = [message.content or "" for message in session.messages]
    copies = "".join(path.read_text() for path in driver.path.parent.glob("session.*-*.yaml"))
    removed = {edit.removed for edit in driver.edits if edit.removed}
    tally.edits += len(driver.edits)
    tally.turns_doubled += len(contents) - len(set(contents))
    for text in (item.text for item in events if item.text not in contents):
        if text.splitlines()[0].strip() not in copies:
            tally.turns_lost += 1
            tally.details.append(f"seed {seed}: turn {text!r} lost")
        elif text.splitlines()[0].strip() not in removed:
            tally.in_copies += 1
    for edit in driver.edits:
        if edit.removed:
            is_lost = any(content.startswith(edit.removed) for content in contents)
        else:
            is_lost = edit.is_made and edit.mark not in contents[0].split()
        if is_lost and edit.is_in_window:
            tally.window += 1
        elif is_lost:
            tally.edits_lost += 1
            tally.details.append(f"seed {seed}: {edit}")

"""What a command may touch: the conversation, the agent, and a View; never a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from commands.trust_file import TrustFile

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.agent.events import AgentEvent
    from aloop.consent import Decision, Request
    from aloop.llm.message_types import LLMMessage
    from aloop.memory import MemoryManager, Session, SessionStats, SessionSummary
    from aloop.memory.trash import TrashedSession
    from commands.registry import Command, Registry
    from commands.shelf import Choice, Shelf


class View(Protocol):
    """Where a command shows things. Every text may hold anything: the view makes it safe to show."""

    def info(self, text: str) -> None:
        """Show a plain sentence."""
        ...

    def error(self, text: str) -> None:
        """Show what went wrong and what to do, in one line where it can be."""
        ...

    async def confirm(self, question: str) -> bool:
        """Ask, and wait for the answer: anything but a clear yes is a no, and so is that nobody can answer."""
        ...

    async def sessions(self, rows: Sequence[SessionSummary], *, paged: bool = True) -> None:
        """Show sessions as numbered rows (number, id prefix, when, messages, title).

        Where they do not fit they are ``paged``, or the first of them scroll away.
        """
        ...

    async def pick(self, shelf: Shelf) -> Choice | None:
        """Let one of all sessions be picked; None where that can not be done, or none was chosen."""
        ...

    async def trash(self, rows: Sequence[TrashedSession]) -> None:
        """Show deleted sessions as numbered rows (number, id prefix, when deleted, messages, title), as above."""
        ...

    def exchanges(self, messages: Sequence[LLMMessage]) -> None:
        """Show the end of a conversation, as a reminder of where it was."""
        ...

    async def conversation(self, session: Session) -> None:
        """Show a whole conversation, paged where it does not fit."""
        ...

    def stats(self, stats: SessionStats) -> None:
        """Show the counts of a session."""
        ...

    def help(self, commands: Sequence[Command]) -> None:
        """Show the commands, grouped."""
        ...

    async def announce(self, notice: str, question: str) -> bool:
        """Show what is to be known before going on; ask ``question``, if any, where somebody can answer it."""
        ...

    def event(self, event: AgentEvent) -> None:
        """Show a step of a turn, at once."""
        ...

    async def consent(self, request: Request) -> Decision:
        """Ask whether a tool may do what it wants to, showing just that; where nobody can be asked, it may not."""
        ...


@dataclass(slots=True)
class Context:
    """The shared state of the shell: one agent with its one memory, for the life of the process.

    ``rows`` are the ids of the list shown last, in its order: what a row number after /resume means. ``keeps_model``
    says that the model was named for this run: a session that is resumed is then not asked for the one it had.
    """

    agent: ReActAgent
    view: View
    registry: Registry
    rows: list[str] = field(default_factory=list)
    was_told_of_unsaved: bool = False
    keeps_model: bool = False
    trust: TrustFile = field(default_factory=TrustFile.of_user)

    @property
    def memory(self) -> MemoryManager:
        return self.agent.memory

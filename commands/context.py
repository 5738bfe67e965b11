"""What a command may touch: the conversation, the agent, and a View; never a terminal.

The output of commands on its way into the next message: offered first, and taken along only after a yes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from commands.attachments import Attachment
from commands.trust_store import TrustFile

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.agent.events import AgentEvent
    from aloop.memory import MemoryManager
    from aloop.memory.search.search import Hit
    from aloop.permissions import PermissionDecision, PermissionRequest
    from commands.pages import Page
    from commands.registry import Registry
    from commands.session_browser import Choice, SessionBrowser


@dataclass(slots=True)
class Verbosity:
    """What is shown of a turn: tool calls with all that goes in and comes out, and what the model thinks."""

    verbose: bool = False
    thinking: bool = False


@dataclass(slots=True)
class PendingOutput:
    """``offer`` waits for an answer, until the next line is entered; ``taken`` goes with the next message."""

    offer: Attachment | None = None
    taken: list[Attachment] = field(default_factory=list)


def accept(context: Context) -> bool:
    """Take along what is offered, and say so: an empty line is the yes. False when nothing is."""
    offer, context.pending_output.offer = context.pending_output.offer, None
    if offer is None:
        return False
    context.pending_output.taken.append(offer)
    context.view.info("The output goes with your next message.")
    return True


def drop(context: Context) -> bool:
    """Take nothing along, and say so; False when nothing was to be."""
    carried = context.pending_output
    carried.offer = None
    if not carried.taken:
        return False
    carried.taken.clear()
    context.view.info("No output goes with your next message.")
    return True


class View(Protocol):
    """Where a command shows things. Every text may hold anything: the view makes it safe to show."""

    @property
    def verbosity(self) -> Verbosity:
        """How much of a turn is shown; changing it changes that."""
        ...

    def info(self, text: str) -> None:
        """Show a plain sentence."""
        ...

    def error(self, text: str) -> None:
        """Show what went wrong and what to do, in one line where it can be."""
        ...

    async def confirm(self, question: str) -> bool:
        """Ask, and wait for the answer: anything but a clear yes is a no, and so is that nobody can answer."""
        ...

    async def edit(self, path: Path, line: int) -> bool:
        """Have a file edited, beginning at a line; False, once the reason was shown, when that could not be done."""
        ...

    async def show(self, page: Page) -> None:
        """Show a page; a long one is paged if the view has a pager."""
        ...

    async def pick(self, shelf: SessionBrowser) -> Choice | None:
        """Let one of all sessions be picked; None where that can not be done, or none was chosen."""
        ...

    async def announce(self, notice: str, question: str) -> bool:
        """Show what is to be known before going on; ask ``question``, if any, where somebody can answer it."""
        ...

    def event(self, event: AgentEvent) -> None:
        """Show a step of a turn, at once."""
        ...

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        """Ask whether a tool may do what it wants to, showing just that; where nobody can be asked, it may not."""
        ...

    def printing(self, command: str) -> AbstractContextManager[Callable[[str], None]]:
        """Show what ``command`` prints while the body runs, each piece of it given to the function."""
        ...

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:
        """Give a command the terminal until it ends, and return its exit code (negative for a signal).

        Raises an AloopError when it can not be started, or there is no terminal.
        """
        ...


@dataclass(slots=True)
class Context:
    """The shared state of the shell: one agent with its one memory, for the life of the process.

    ``rows`` are the ids of the list shown last, in its order: what a row number after /resume means. ``keeps_model``
    says that the model was named for this run: a session that is resumed is then not asked for the one it had.
    ``is_typed`` is False where lines come from a program: none of them may then run anything, or read a file.
    """

    agent: ReActAgent
    view: View
    registry: Registry[Context]
    _rows: list[str] = field(default_factory=list)
    _hits: dict[int, Hit] = field(default_factory=dict)
    warned_unsaved: bool = False
    keeps_model: bool = False
    trust: TrustFile = field(default_factory=TrustFile.of_user)
    is_typed: bool = True
    pending_output: PendingOutput = field(default_factory=PendingOutput)

    @property
    def rows(self) -> list[str]:
        return self._rows

    @rows.setter
    def rows(self, ids: list[str]) -> None:
        self._rows, self._hits = ids, {}

    def add_hit(self, hit: Hit) -> int:
        """Add a row that means a place in a session; return its number."""
        self._rows.append(hit.session.id)
        self._hits[len(self._rows)] = hit
        return len(self._rows)

    def hit_in_row(self, argument: str) -> Hit | None:
        """Return the place that ``argument`` means, when it is the number of a row that means one."""
        return self._hits.get(int(argument)) if argument.isascii() and argument.isdigit() else None

    @property
    def memory(self) -> MemoryManager:
        return self.agent.memory

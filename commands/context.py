"""The state that commands share, and the View that they report to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from aloop.memory.trust_file import TrustFile
from commands.attachments import Attachment

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.agent.events import AgentEvent
    from aloop.llm.content.parts import MediaFile
    from aloop.memory import MemoryManager
    from aloop.memory.search.search import Hit
    from aloop.permissions import PermissionDecision, PermissionRequest
    from commands.model_browser import ModelBrowser
    from commands.pages import Page, Question, Questions
    from commands.progress import Progress
    from commands.registry import Registry
    from commands.session_browser import Choice, SessionBrowser


@dataclass(slots=True)
class Verbosity:
    """The parts of a turn that are shown: full tool calls, and the model's thinking."""

    verbose: bool = False
    thinking: bool = False


@dataclass(slots=True)
class ProjectState:
    """Projects that the user declined to trust, and sentences that were shown already."""

    declined: set[Path] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)


@dataclass(slots=True)
class PendingOutput:
    """Command output and images for the next message.

    ``offer`` waits for an empty line, which accepts it; any other line drops it. ``taken`` has been accepted, and so
    have ``media``, the images of ``/paste``, and those of a question that has returned to the prompt.
    """

    offer: Attachment | None = None
    taken: list[Attachment] = field(default_factory=list)
    media: list[MediaFile] = field(default_factory=list)
    _returned: list[MediaFile] = field(default_factory=list)

    def put_back(self, images: Sequence[MediaFile]) -> None:
        """Add the images of a question that returns, in place of those of another one."""
        before = set(map(id, self._returned))  # an equal image of /paste stays
        self.media[:] = [*(each for each in self.media if id(each) not in before), *images]
        self._returned[:] = images

    def clear(self) -> None:
        """Forget what was accepted."""
        self.taken.clear()
        self.media.clear()
        self._returned.clear()


def accept(context: Context) -> bool:
    """Accept the offered output, as an empty line does; False if there is none."""
    offer, context.pending_output.offer = context.pending_output.offer, None
    if offer is None:
        return False
    context.pending_output.taken.append(offer)
    context.view.info("The output will be sent with your next message.")
    return True


def drop(context: Context) -> bool:
    """Drop all offered and accepted output; False if none was accepted."""
    pending = context.pending_output
    pending.offer = None
    if not pending.taken and not pending.media:
        return False
    pending.clear()
    context.view.info("No output or image will be sent with your next message.")
    return True


class View(Protocol):
    """The display that commands report to; it sanitizes every text."""

    @property
    def verbosity(self) -> Verbosity:
        """The mutable settings for what is shown of a turn."""
        ...

    def info(self, text: str) -> None:
        """Show a message, a ``Problem`` as a warning."""
        ...

    def error(self, text: str) -> None:
        """Show an error message."""
        ...

    async def confirm(self, question: str) -> bool:
        """Ask a yes-or-no question; False unless the answer is a clear yes."""
        ...

    async def edit(self, path: Path, line: int) -> bool:
        """Open a file in an editor at a line; if that fails, show why and return False."""
        ...

    async def show(self, page: Page) -> None:
        """Show a page; a long one is paged if the view has a pager."""
        ...

    async def pick(self, browser: SessionBrowser) -> Choice | None:
        """Let the user pick a session; None if none was picked or without a picker."""
        ...

    async def pick_model(self, browser: ModelBrowser) -> str | None:
        """Let the user pick a model; without a picker, load the list and return None."""
        ...

    async def pick_message(self, page: Questions) -> tuple[Question, bool] | None:
        """Let the user pick a message to go back to; without a picker, list them.

        True means to go back in a copy of the session.
        """
        ...

    def send_to_clipboard(self, text: str) -> str:
        """Send ``text`` to the clipboard of the terminal; return the reason if it cannot."""
        ...

    async def announce(self, notice: str, question: str) -> bool:
        """Show ``notice``, then ask ``question`` unless it is empty; True to continue."""
        ...

    def event(self, event: AgentEvent) -> None:
        """Show an event of a turn immediately."""
        ...

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        """Ask if a tool may do what ``request`` describes; refuse if no one can be asked."""
        ...

    def printing(self, command: str) -> AbstractContextManager[Callable[[str], None]]:
        """Return a context manager whose function shows pieces of ``command``'s output."""
        ...

    def working(self, progress: Progress) -> AbstractContextManager[None]:
        """Return a context manager that shows ``progress`` again and again."""
        ...

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:
        """Give a command the terminal until it ends.

        Returns its exit code, negative for a signal. Raises AloopError if it cannot be started or without a terminal.
        """
        ...


@dataclass(slots=True)
class Context:
    """The state of the shell: one agent and its memory, for the life of the process.

    ``rows`` are the IDs in the last list shown, which row numbers refer to; ``model_rows`` are the names in the last
    list of models. ``keeps_model`` means that the user chose a model for this run, so resumed sessions do not switch to
    their own. ``default_model`` is that of new sessions, by default the one at the start. ``is_typed`` is False if
    lines come from a program; they then cannot run shell commands or attach files.
    ``has_explained_plan_mode`` is True if the user was told how to leave plan mode since it was switched on.
    ``keys`` are those that the settings change. ``remembered_work`` is what the last turn added to what is trusted.
    """

    agent: ReActAgent
    view: View
    registry: Registry[Context]
    _rows: list[str] = field(default_factory=list)
    _hits: dict[int, Hit] = field(default_factory=dict)
    model_rows: list[str] = field(default_factory=list)
    warned_unsaved: bool = False
    keeps_model: bool = False
    default_model: str = ""
    trust: TrustFile = field(default_factory=TrustFile.of_user)
    is_typed: bool = True
    keys: Mapping[str, str] = field(default_factory=dict)
    pending_output: PendingOutput = field(default_factory=PendingOutput)
    project: ProjectState = field(default_factory=ProjectState)
    remembered_work: tuple[str, Path, str] | None = None
    has_explained_plan_mode: bool = False

    def __post_init__(self) -> None:
        self.default_model = self.default_model or self.agent.llm.model

    @property
    def rows(self) -> list[str]:
        return self._rows

    @rows.setter
    def rows(self, ids: list[str]) -> None:
        self._rows, self._hits = ids, {}

    def add_hit(self, hit: Hit) -> int:
        """Add a row for a search result and return its number."""
        self._rows.append(hit.session.id)
        self._hits[len(self._rows)] = hit
        return len(self._rows)

    def find_hit(self, argument: str) -> Hit | None:
        """Return the search result in the row that ``argument`` numbers, if any."""
        return self._hits.get(int(argument)) if argument.isascii() and argument.isdigit() else None

    @property
    def memory(self) -> MemoryManager:
        return self.agent.memory

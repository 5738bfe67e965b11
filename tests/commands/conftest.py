"""A context as in the shell: real storage, a scripted model, a recording view."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from aloop.agent import ReActAgent
from aloop.agent.events import AgentEvent
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager
from aloop.permissions import PermissionDecision, PermissionRequest
from commands.builtin import REGISTRY
from commands.context import Context, Verbosity
from commands.model_browser import ModelBrowser
from commands.pages import (
    Facts,
    Help,
    KeyHelp,
    ModelList,
    Page,
    Question,
    Questions,
    Reminder,
    SearchContext,
    SearchHit,
    SessionList,
    SessionStream,
    Stats,
    ToolCalls,
    Transcript,
    TrashList,
)
from commands.progress import Progress
from commands.session_browser import Choice, SessionBrowser
from tests.agent.scripted import ONE_TRY, Line, ScriptedLLM
from tests.saved_sessions import trust


async def pick_nothing(_browser: SessionBrowser) -> Choice | None:
    """Pick nothing, as Esc does."""
    return None


class RecordingView:
    """Records every call in order, as pairs of a kind and the content.

    Questions are answered with ``agrees``, ``picks`` picks a session, and each item of ``editor`` is one editor run.
    """

    def __init__(self) -> None:
        self.shown: list[tuple[str, object]] = []
        self.pages: list[Page] = []
        self.agrees = True
        self.has_clipboard = True
        self.editor: list[Callable[[Path, int], bool]] = []
        self.verbosity = Verbosity()
        self.picks_model: str | None = None
        self.picks_message: tuple[Question, bool] | None = None
        self.picks: Callable[[SessionBrowser], Awaitable[Choice | None]] = pick_nothing

    def info(self, text: str) -> None:
        self.shown.append(("info", text))

    def error(self, text: str) -> None:
        self.shown.append(("error", text))

    async def confirm(self, question: str) -> bool:
        self.shown.append(("confirm", question))
        return self.agrees

    async def edit(self, path: Path, line: int) -> bool:
        self.shown.append(("edit", line))
        return self.editor.pop(0)(path, line)

    async def show(self, page: Page) -> None:
        self.pages.append(page)
        self.shown.append(await described(page))

    async def pick(self, browser: SessionBrowser) -> Choice | None:
        return await self.picks(browser)

    async def pick_model(self, browser: ModelBrowser) -> str | None:
        await browser.load()
        return self.picks_model

    async def pick_message(self, page: Questions) -> tuple[Question, bool] | None:
        await self.show(page)
        return self.picks_message

    def send_to_clipboard(self, text: str) -> str:
        self.shown.append(("clipboard", text))
        return "" if self.has_clipboard else "this is a test"

    async def announce(self, notice: str, question: str) -> bool:
        self.shown.append(("announce", notice))
        return self.agrees or not question

    def event(self, event: AgentEvent) -> None:
        self.shown.append(("event", type(event).__name__))

    async def ask_permission(self, request: PermissionRequest) -> PermissionDecision:
        self.shown.append(("permission", request))
        return PermissionDecision("no", "this is a test")

    @contextmanager
    def printing(self, command: str) -> Iterator[Callable[[str], None]]:
        self.shown.append(("printing", command))
        yield lambda text: self.shown.append(("printed", text))

    @contextmanager
    def working(self, progress: Progress) -> Iterator[None]:
        yield
        self.shown.append(("working", progress.bar(60)))

    async def hand_over(self, command: Sequence[str], folder: Path) -> int:
        self.shown.append(("hand_over", command[-1]))
        return 0

    def of(self, kind: str) -> list[object]:
        """Return the contents of one kind."""
        return [content for shown, content in self.shown if shown == kind]


async def described(page: Page) -> tuple[str, object]:
    """Return the kind of a page, and enough of its content to tell it from others."""
    match page:
        case SessionList(rows):
            return "sessions", [row.id for row in rows]
        case SessionStream(stream):
            return "listing", [row.id async for row in stream]
        case TrashList(deleted):
            return "trash", [row.id for row in deleted]
        case Transcript(session):
            return "conversation", session.id
        case Reminder(messages):
            return "exchanges", [message.content for message in messages]
        case Questions(rows):
            return "questions", [(row.number, row.text) for row in rows]
        case SearchHit(number, hit, is_first):
            return "hit", (number, hit.session.id, hit.message, is_first)
        case SearchContext(session, hit):
            return "place", (session.id, hit.message)
        case ToolCalls(messages):
            return "calls", [call.name for message in messages for call in message.tool_calls]
        case Stats(stats, _):
            return "stats", stats
        case Facts(facts):
            return "facts", list(facts)
        case ModelList(choices):
            return "models", [choice.name for choice in choices]
        case KeyHelp(keys):
            return "keys", [key for key, _ in keys]
        case Help(commands):
            return "help", [command.name for command in commands]


class Bench:
    """A context, and its parts for assertions."""

    def __init__(self, sessions_dir: Path, scripts: Sequence[Sequence[Line]], hold: bool) -> None:
        self.view = RecordingView()
        self.llm = ScriptedLLM(*scripts)
        self.memory = MemoryManager(self.llm, sessions_dir=sessions_dir, hold=hold)
        agent = ReActAgent(self.llm, tools=[], memory=self.memory, on_event=self.view.event, retry=ONE_TRY)
        self.context = Context(agent, self.view, REGISTRY)


SetUp = Callable[..., Bench]


@pytest.fixture
def bench(sessions_dir: Path) -> Iterator[SetUp]:
    """Return a function that creates a bench with scripted answers.

    ``hold`` locks the session, as a shell does.
    """
    benches: list[Bench] = []

    def set_up(*scripts: Sequence[Line], hold: bool = False) -> Bench:
        benches.append(Bench(sessions_dir, scripts, hold))
        return benches[-1]

    yield set_up
    for one in benches:
        one.memory.close()


@pytest.fixture(autouse=True)
def no_server_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no model server that happens to run on this machine."""
    monkeypatch.setattr("aloop.llm.models.catalog.LOCAL_SERVERS", {})


async def store(sessions_dir: Path, *questions: str) -> str:
    """Save a session with an answer to each of ``questions`` and return its ID."""
    memory = MemoryManager(sessions_dir=sessions_dir)
    for question in questions:
        await memory.add_message(LLMMessage("user", question))
        await memory.add_message(LLMMessage("assistant", f"answer to {question}"))
    await memory.save_memory()
    trust(memory.session_id)
    return memory.session_id

"""The agent behind the prompt: imported and built in a thread, while the prompt is drawn and typed at already.

What the first answer would otherwise wait for, loaded while the first question is being typed.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from aloop.errors import SHORT_ID, SessionBusy, SessionError
from repl.options import ShellOptions, TaskOptions

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.memory import MemoryManager, Session
    from commands.context import Context, View


T = TypeVar("T")


def build_agent(options: ShellOptions | TaskOptions) -> ReActAgent:
    """Import the agent and build one; takes a while the first time, and raises an AloopError when it can not be."""
    # Imported here: the engine takes longer to load than a prompt takes to draw.
    from aloop.agent import ReActAgent
    from aloop.llm import create_llm
    from aloop.memory import MemoryManager

    llm = create_llm(options.model, options.settings)
    # A shell keeps its session to itself for as long as it has it open; a task holds it while it saves.
    memory = MemoryManager(
        llm, sessions_dir=options.sessions_dir or options.settings.sessions_dir, hold=isinstance(options, ShellOptions)
    )
    return ReActAgent(llm, memory=memory, allow=options.allow, system=options.system, max_steps=options.max_steps)


def load_ahead(agent: ReActAgent) -> None:
    """Load the SDK and the validator of tool arguments; blocks for a second or two, and raises what goes wrong."""
    # Imported here, as above.
    from aloop import tools

    preload = getattr(agent.llm, "preload", None)
    if preload is not None:
        preload()
    tools.warm()


def names_model(options: ShellOptions | TaskOptions) -> bool:
    """Whether somebody said which model is to answer, so that a session's own is not asked for."""
    return bool(options.model or options.settings.model)


async def resume_session(
    agent: ReActAgent,
    wanted: str,
    *,
    admit: Callable[[Session], Awaitable[None]] | None = None,
    keep_model: bool = False,
    system: str | None = None,
) -> Session:
    """Load the session that ``wanted`` begins, the latest one when it is empty; raises a SessionError, or as ``admit``.

    Its own model answers from then on, unless the present one is to be kept; its own system message stays, unless
    ``system`` takes its place.
    """
    memory = agent.memory
    # What a crash cut short may be the latest, or the one that is asked for.
    for sentence in await memory.library.recover():
        if memory.on_notice is not None:
            memory.on_notice(sentence)
    found = wanted or await memory.library.find_latest()
    if found is None:
        raise SessionError(f"There is no session to resume in {memory.sessions_dir}. Leave out --resume to begin one.")
    try:
        session = await memory.resume(found, admit=admit)
    except SessionBusy as error:
        # There is no prompt yet to ask at.
        short = error.session_id[:SHORT_ID]
        raise SessionError(f"{error} Close it there, or start aloop and type /resume {short} for a copy.") from error
    if not keep_model:
        # Imported here, as all commands are: the prompt is drawn without them.
        from commands.builtin.model import follow

        before = agent.llm
        notice = await follow(agent, session)
        # Another model than is to be expected is worth a line; the one that is, the toolbar names.
        if notice and agent.llm is before and memory.on_notice is not None:
            memory.on_notice(notice)
    if system is not None:
        memory.set_system_message(system)
    return session


async def recover(context: Context) -> bool:
    """Bring back the turns that crashes cut short, and say so; a folder that can not be looked at is told of.

    Returns whether there was something to say.
    """
    memory = context.memory
    try:
        notices = await memory.library.recover()
    except SessionError as error:
        context.view.error(str(error))
        return True
    for sentence in notices:
        context.view.info(sentence)
    return bool(notices)


class Engine:
    """Builds a Context in a thread of its own; a daemon, so that leaving early does not wait for an import."""

    def __init__(self, options: ShellOptions, make_view: Callable[[], View]) -> None:
        self._options = options
        self._make_view = make_view
        self._context: asyncio.Future[Context] | None = None

    def start(self) -> None:
        """Begin; must be called on the event loop that will wait."""
        if self._context is None:
            loop = asyncio.get_running_loop()
            self._context = loop.create_future()
            threading.Thread(target=self._build, args=(loop, self._context), name="engine", daemon=True).start()

    async def ready(self) -> Context:
        """Wait for the Context; raises what building it raised, each time it is asked for."""
        self.start()
        assert self._context is not None  # noqa: S101 - start has just made it
        return await asyncio.shield(self._context)

    @property
    def context(self) -> Context | None:
        """The Context, None until it is there."""
        future = self._context
        return future.result() if future and future.done() and future.exception() is None else None

    def memory(self) -> MemoryManager | None:
        """Return the one memory, None until it is there."""
        return self.context.memory if self.context else None

    def _build(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Context]) -> None:
        try:
            agent = build_agent(self._options)
            # Imported here, as all commands are.
            from commands.builtin import REGISTRY
            from commands.context import Context

            view = self._make_view()
            agent.on_event, agent.ask = view.event, view.ask_permission
            context = Context(agent, view, REGISTRY, keeps_model=names_model(self._options))
            # Whatever has been imported by now is here to stay: no collection needs to look at it again.
            gc.freeze()
            gc.enable()
            self._tell(loop, future.set_result, context)
        except Exception as error:  # noqa: BLE001 - whoever waits for the engine gets it, whatever it is
            self._tell(loop, future.set_exception, error)
            return
        warm_up(agent)

    @staticmethod
    def _tell(loop: asyncio.AbstractEventLoop, tell: Callable[[T], None], outcome: T) -> None:
        # The loop is closed when the shell was left before this was done.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, outcome)


# Most answers hold one of these, and a highlighter loads each language when it first meets it.
_LANGUAGES = ("python", "sh", "json")


def warm_up(agent: ReActAgent) -> None:
    """Load the SDK, the validator of tool arguments and the highlighter; blocks for seconds, and raises nothing."""
    # Errors here are raised again, and shown, when the module is needed.
    with suppress(Exception):
        load_ahead(agent)
        # Imported here: rich takes longer to load than the prompt.
        from repl.output.markdown import render_markdown

        for language in _LANGUAGES:
            render_markdown(f"```{language}\n```", width=80, colour=False)

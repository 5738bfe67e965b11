"""The agent behind the prompt, imported and built in a thread.

The prompt is drawn, and can be typed at, before the agent is ready.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aloop.call_stack import with_large_stack
from aloop.errors import SHORT_ID, SessionBusy, SessionError, SessionNotFound
from aloop.formatting import display_path
from repl.options import ShellOptions, TaskOptions

if TYPE_CHECKING:
    from aloop.agent import ReActAgent
    from aloop.memory import MemoryManager, Session
    from commands.context import Context, View


T = TypeVar("T")


def build_agent(options: ShellOptions | TaskOptions) -> ReActAgent:
    """Import and build the agent, which is slow the first time; raises AloopError."""
    # Imported here: the engine takes longer to load than the prompt takes to draw.
    from aloop.agent import ReActAgent
    from aloop.agent.budget import Budget
    from aloop.llm import create_llm
    from aloop.llm.cost.pricing import PriceList
    from aloop.llm.cost.spending import SpendingLog
    from aloop.memory import MemoryManager
    from aloop.project import project_root
    from aloop.tools.rules.rule_file import RuleFile
    from aloop.tools.rules.rule_set import RuleSet

    settings = options.settings

    llm = create_llm(options.model, settings)
    # A shell locks its session while it is open, a task only while it saves.
    memory = MemoryManager(
        llm, sessions_dir=options.sessions_dir or settings.sessions_dir, hold=isinstance(options, ShellOptions)
    )
    return ReActAgent(
        llm,
        memory=memory,
        allow=options.allow,
        rules=RuleSet(RuleFile.of_user(), project_root(Path.cwd())),
        system=options.system,
        max_steps=options.max_steps,
        sandbox=settings.sandbox._replace(kept=(settings.data_dir,)),
        budget=Budget(PriceList(settings.prices), settings.max_cost, SpendingLog(settings.history_file.parent)),
    )


def load_ahead(agent: ReActAgent) -> None:
    """Import the SDK and the validator of tool arguments: blocks for a second or two."""
    # Imported here, as in build_agent.
    from aloop import tools

    preload = getattr(agent.llm, "preload", None)
    if preload is not None:
        preload()
    tools.warm()


def names_model(options: ShellOptions | TaskOptions) -> bool:
    """Return True if the user chose a model; a resumed session keeps it then."""
    return bool(options.model or options.settings.model)


async def resume_session(
    agent: ReActAgent,
    wanted: str,
    *,
    admit: Callable[[Session], Awaitable[None]] | None = None,
    keep_model: bool = False,
    system: str | None = None,
    may_ask: bool = False,
) -> Session:
    """Load the session with the ID prefix ``wanted``, or the user's latest one.

    The agent then uses the session's own model unless ``keep_model`` is set, and its own system message unless
    ``system`` replaces it. Raises SessionError, and what ``admit`` raises. ``may_ask`` lets SessionBusy through, so
    that the caller can offer a copy.
    """
    # Imported here: the prompt is drawn without the commands.
    from aloop.memory.trust_file import TrustFile
    from commands.builtin.model import follow

    memory, trust = agent.memory, TrustFile.of_user()
    # First recover: the wanted session, or the latest one, may be one that a crash interrupted.
    for sentence in await memory.library.recover():
        if memory.on_notice is not None:
            memory.on_notice(sentence)
    # Only if the user has none here, one from elsewhere: ``admit`` asks about it.
    found = wanted or await memory.library.find_latest(trust.wrote) or await memory.library.find_latest()
    if found is None:
        raise SessionError(
            f"{display_path(memory.sessions_dir)} contains no session to resume. "
            "Run `aloop` without --resume to start one."
        )
    try:
        session = await memory.resume(found, admit=admit)
    except SessionNotFound as error:
        raise SessionNotFound(error.prefix, "Run `aloop sessions list` to list the sessions.") from error
    except SessionBusy as error:
        if may_ask:
            raise
        short = error.session_id[:SHORT_ID]
        raise SessionError(f"{error} Close it there, or start aloop and enter /resume {short} for a copy.") from error
    if not keep_model:
        before = agent.llm
        notice = await follow(agent, session, trust)
        # If the model was switched, the caller shows it; only a failure to switch needs a line.
        if notice and agent.llm is before and memory.on_notice is not None:
            memory.on_notice(notice)
    if system is not None:
        memory.set_system_message(system)
    return session


async def recover(context: Context) -> bool:
    """Recover turns that crashes interrupted, and report them, or why that failed.

    Returns True if there was anything to report.
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
    """Builds a Context in a daemon thread, so that quitting does not wait for it."""

    def __init__(self, options: ShellOptions, make_view: Callable[[], View]) -> None:
        self._options = options
        self._make_view = make_view
        self._context: asyncio.Future[Context] | None = None

    def start(self) -> None:
        """Start building; must be called on the event loop that calls ``ready``."""
        if self._context is None:
            loop = asyncio.get_running_loop()
            self._context = loop.create_future()
            threading.Thread(target=self._build, args=(loop, self._context), name="engine", daemon=True).start()

    async def ready(self) -> Context:
        """Wait for the Context; raises what building it has raised, on every call."""
        self.start()
        assert self._context is not None  # noqa: S101 - start has just made it
        return await asyncio.shield(self._context)

    @property
    def context(self) -> Context | None:
        """The Context, None until it is built."""
        future = self._context
        return future.result() if future and future.done() and future.exception() is None else None

    def memory(self) -> MemoryManager | None:
        """Return the MemoryManager, None until it is built."""
        return self.context.memory if self.context else None

    @with_large_stack  # each thread has its own stack
    def _build(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Context]) -> None:
        try:
            agent = build_agent(self._options)
            # Imported here: the prompt is drawn without the commands.
            from commands.builtin import REGISTRY
            from commands.context import Context
            from commands.project.templates import load_commands

            view = self._make_view()
            agent.on_event, agent.ask = view.event, view.ask_permission
            keys = self._options.settings.keys
            context = Context(agent, view, REGISTRY, keeps_model=names_model(self._options), keys=keys)
            load_commands(context)  # the shell reports what was left out
            # Imported modules are never garbage: no collection needs to scan them again.
            gc.freeze()
            gc.enable()
            self._resolve(loop, future.set_result, context)
        except Exception as error:  # noqa: BLE001 - ready() raises it
            self._resolve(loop, future.set_exception, error)
            return
        warm_up(agent)

    @staticmethod
    def _resolve(loop: asyncio.AbstractEventLoop, set_outcome: Callable[[T], None], outcome: T) -> None:
        with suppress(RuntimeError):  # the user has left the shell, and the loop is closed
            loop.call_soon_threadsafe(set_outcome, outcome)


# The highlighter imports each language at its first use; these are the most frequent in answers.
_LANGUAGES = ("python", "sh", "json")


def warm_up(agent: ReActAgent) -> None:
    """Import what the first answer needs: blocks for seconds, and raises nothing."""
    # An import that fails here fails again, and is reported, when the module is needed.
    with suppress(Exception):
        load_ahead(agent)
        # Imported here: the parser and the highlighter take longer to load than the prompt.
        from repl.output.markdown import markdown_lines

        for language in _LANGUAGES:
            markdown_lines(f"```{language}\n```", width=80)

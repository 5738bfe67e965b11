"""The shell on a terminal: lines from the prompt become turns, one at a time, each a task that Ctrl-C can end.

Work that goes on beside the prompt.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from prompt_toolkit.completion import Completer, DynamicCompleter
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.input import Input

from aloop.errors import AloopError, SessionDeclined
from commands.registry import Next, Outcome
from repl.crash_report import bug_text, loop_error_text
from repl.engine import Engine, recover, resume_session
from repl.input.history import HistoryFile, InputHistory
from repl.input.pastes import Entry
from repl.input.prompt import Prompt
from repl.options import ShellOptions
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import Style, echo_lines, line, to_text
from repl.startup.banner import farewell_lines, greeting, remember_start, toolbar_text
from repl.startup.first_paint import EarlyScreen

if TYPE_CHECKING:
    from commands.context import Context, View
    from commands.session_browser import Choice, SessionBrowser
    from repl.completion.session_source import SessionSources


class Background:
    """Tasks that nobody waits for, kept from being collected while they run."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel what still runs, one after the other."""
        for task in tuple(self._tasks):
            task.cancel()
            await asyncio.wait([task])


_BUSY = "Still busy: Enter sends this line once the turn is done, Ctrl-C ends the turn."


class Shell:
    """Owns the prompt and the turn in progress."""

    def __init__(
        self, options: ShellOptions, screen: Screen, source: Input | None = None, early: EarlyScreen | None = None
    ) -> None:
        self._options = options
        self._screen = screen
        self._early = early
        self._live = Live()
        self._background = Background()
        self._engine = Engine(options, self._make_view)
        self._turn: asyncio.Task[None] | None = None
        self._is_paging = False
        self._is_leaving = False
        self._exit_code = 0
        self._resume_first = ""
        self._prompt = Prompt(
            self,
            screen,
            self._live,
            toolbar=lambda: toolbar_text(options, self._engine.context),
            completer=DynamicCompleter(self._completer),
            history=InputHistory(HistoryFile(options.settings.history_file), self._complain),
            editing_mode=EditingMode(options.settings.editing_mode.upper()),
            source=source,
        )

    async def run(self) -> int:
        """Run until the user leaves; returns the exit code."""
        try:
            await self._greet()
        except AloopError as error:
            sys.stderr.write(to_text([line(f"aloop: {error}")]))
            return 1
        self._handle_signals()
        try:
            # The terminal going away ends the shell as Ctrl-D does.
            with suppress(EOFError):
                await self._prompt.run(self._painted, self._early.typed if self._early else "")
        finally:
            if self._early:
                self._early.restore()
            await self._wind_up()
        return self._exit_code

    # What the prompt asks of its owner.

    def why_busy(self) -> str:
        return _BUSY if self._turn or self._resume_first else ""

    def line_entered(self, entry: Entry) -> None:
        self._screen.show(echo_lines(entry.typed))
        self._begin_turn(entry)

    def blank_entered(self) -> None:
        from commands.context import accept  # as all commands are: only then

        if (context := self._engine.context) and not self._turn and accept(context):
            self._screen.write("\n")
            self._prompt.hint("Ctrl-C on the empty line leaves the output here.")

    def blank_interrupted(self) -> bool:
        from commands.context import drop  # the same

        if (context := self._engine.context) is None or not drop(context):
            return False
        self._screen.write("\n")
        return True

    def interrupted(self) -> bool:
        """Cancel the turn, once: pressing Ctrl-C again must not cut short how it is being saved."""
        if self._turn and not self._is_paging and not self._turn.cancelling():
            self._turn.cancel()
            self._live.set_status("stopping")
            self._screen.refresh()
        return self._turn is not None

    def input_ended(self) -> None:
        if self._turn is None and self._engine.context is None:
            self._prompt.leave()
        elif self._turn is None:
            self._begin_turn(Entry("/exit"))

    # A turn, from its line to its end.

    def _begin_turn(self, entry: Entry) -> None:
        self._live.begin("starting")
        self._turn = asyncio.create_task(self._take_turn(entry))
        self._turn.add_done_callback(lambda turn: self._never_began(entry) if turn is self._turn else None)

    def _never_began(self, entry: Entry) -> None:
        """Ctrl-C came together with Enter, and the turn was cancelled before its first step."""
        self._turn = None
        self._live.end()
        self._complain("Stopped.")
        self._settle(Outcome(prefill=entry.text), entry)

    async def _take_turn(self, entry: Entry) -> None:
        ticker = asyncio.create_task(self._screen.tick())
        outcome = Outcome()
        try:
            # Imported here, as all commands are: the prompt is drawn without them.
            from commands.dispatch import dispatch

            context = await self._engine.ready()
            self._live.set_status("")
            outcome = await dispatch(entry.text, context, entry.own)
            self._give_system(context)
        except asyncio.CancelledError:
            # A chat turn ends its own cancellation; this is a command's, or that of waiting for the engine.
            self._complain("Stopped.")
            outcome = Outcome(prefill=entry.text)
        except AloopError:
            self._is_leaving = True  # the engine could not be built, and whoever started it says so
        except Exception as error:  # noqa: BLE001 - the shell outlives a bug, and shows it
            self._complain(bug_text(error))
        finally:
            ticker.cancel()
            self._turn = None
            self._live.end()
        self._settle(outcome, entry)

    def _give_system(self, context: Context) -> None:
        """Do for a session that was asked about what --system asks for in one that was not."""
        if self._resume_first == context.memory.session_id and self._options.system is not None:
            context.memory.set_system_message(self._options.system)
        self._resume_first = ""

    def _settle(self, outcome: Outcome, entry: Entry) -> None:
        self._prompt.clear_hint()
        if self._is_leaving or outcome.next is Next.LEAVE:
            self._prompt.leave()
            return
        self._screen.write("\n")
        # What comes back as it was entered, comes back folded.
        again = entry if outcome.prefill == entry.text else Entry(outcome.prefill)
        if outcome.prefill and not self._prompt.offer(again):
            self._prompt.hint("The text that was not answered is in the history: Up brings it back.")
        self._background.start(self._catalogs.refresh())

    # Beginning and end.

    def _completer(self) -> Completer | None:
        """Return what completes the line; all commands come with it, so that most lines do without."""
        return self._make_completer() if self._prompt.may_complete else None

    @cache  # noqa: B019 - there is one shell in a process, and it lives as long as that
    def _make_completer(self) -> Completer:
        from repl.completion.completers import make_completer  # here, when there may be something to complete

        return make_completer(self._catalogs, self._more_to_offer)

    def _make_view(self) -> View:
        # Imported here, in the engine's thread: rich comes with it.
        from commands.context import Verbosity
        from repl.terminal_view import TerminalView

        settings = self._options.settings
        # Thinking is shown unless somebody has said no.
        detail = Verbosity(verbose=settings.verbose, thinking=settings.thinking is not False)
        return TerminalView(self._screen, self._live, self._set_paging, self._prompt.ask, self._pick, detail)

    async def _pick(self, shelf: SessionBrowser) -> Choice | None:
        # Imported here: only who opens the picker waits for it.
        from repl.picker.picker import pick

        return await pick(self._prompt, self._screen, shelf, self._catalogs.titles())

    def _set_paging(self, is_paging: bool) -> None:
        self._is_paging = is_paging

    async def _greet(self) -> None:
        """Print what stands above the first prompt; whoever asks for a session that is not there gets no prompt."""
        context = session = None
        if self._options.resume is not None:
            # Imported here, as all commands are.
            from commands.builtin.resume import report_resumed
            from commands.trust import require_trusted

            context = await self._engine.ready()
            try:
                session = await resume_session(
                    context.agent,
                    self._options.resume,
                    admit=partial(require_trusted, context),
                    keep_model=context.keeps_model,
                    system=self._options.system,
                )
            except SessionDeclined as error:
                self._resume_first = error.session_id
        if self._early and self._early.take_over():
            # Not flushed: the prompt is drawn over what was painted in the same piece.
            self._screen.output.write_raw("\r")
            return
        self._screen.show(greeting(self._options, self._screen.width))
        if context and session:
            await report_resumed(context, session)
        self._screen.write("\n")

    def _painted(self) -> None:
        self._background.start(self._start_engine())
        remember_start(self._options.settings)
        if self._resume_first and not self._turn:
            self._begin_turn(Entry(f"/resume {self._resume_first}"))

    async def _start_engine(self) -> None:
        try:
            if await recover(await self._engine.ready()):
                self._screen.write("\n")
            await self._catalogs.refresh()
        except Exception as error:  # noqa: BLE001 - without an engine there is no shell, whatever the reason
            self._complain(str(error) if isinstance(error, AloopError) else bug_text(error))
            self._exit_code = 1
            self._prompt.leave()

    @cached_property
    def _catalogs(self) -> SessionSources:
        from repl.completion.session_source import SessionSources  # here, once there is something to look up

        return SessionSources(self._engine.memory, self._background.start, self._more_to_offer, self._screen.redraw)

    def _more_to_offer(self) -> None:
        with suppress(RuntimeError):  # the loop is closed when the shell was left meanwhile
            self._prompt.complete_again()
            self._screen.redraw()

    async def _wind_up(self) -> None:
        await self._background.stop()
        if self._turn:
            self._turn.cancel()
            await asyncio.wait([self._turn])
        self._prompt.put_draft_away()
        context = self._engine.context
        if context:
            self._screen.show(farewell_lines(context))
            if context.memory.has_unsaved:
                self._exit_code = self._exit_code or 1
            context.memory.close()
            await context.agent.llm.aclose()

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._told_to_end, number)
        loop.set_exception_handler(self._unexpected)

    def _told_to_end(self, number: signal.Signals) -> None:
        self._exit_code = 128 + number
        self._is_leaving = True
        if not self.interrupted():
            self._prompt.leave()

    def _unexpected(self, _loop: asyncio.AbstractEventLoop, details: dict[str, object]) -> None:
        self._complain(loop_error_text(details))

    def _complain(self, text: str) -> None:
        self._screen.say(Style.BAD, text)

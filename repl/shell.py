"""The shell on a terminal: each line starts a turn, a task that Ctrl-C cancels."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING

from prompt_toolkit.enums import EditingMode
from prompt_toolkit.input import Input

from aloop.errors import AloopError, SessionBusy, SessionDeclined
from aloop.formatting import quantity
from aloop.keys import DEFAULT_KEYS, key_label
from repl.completion.lazy_completer import LazyCompleter
from repl.crash_report import bug_text, loop_error_text
from repl.engine import Engine, recover, resume_session
from repl.input.history import HistoryFile, InputHistory
from repl.input.pastes import Entry
from repl.input.prompt import Prompt
from repl.input.queue import MessageQueue, QueuedLine
from repl.input.toolbar import Toolbar
from repl.options import ShellOptions
from repl.output.live import Live
from repl.output.notices import error_lines
from repl.output.screen import Screen
from repl.output.styled import echo_lines, line, to_text
from repl.startup.banner import farewell_lines, greeting, remember_start
from repl.startup.first_paint import EarlyScreen
from repl.window import ShellWindow

if TYPE_CHECKING:
    from aloop.memory.projects import Place
    from commands.context import Context, View
    from commands.registry import Outcome
    from repl.terminal_view import TerminalView
    from repl.title_writer import TitleWriter


_LONG_TURN_SECONDS = 10
"""Time after which the end of a turn is reported, if another window has the focus."""


class Background:
    """Running tasks that are not awaited, kept from garbage collection."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel the running tasks one by one, and wait for them."""
        for task in tuple(self._tasks):
            task.cancel()
            await asyncio.wait([task])


class Shell:
    """The prompt and the turn in progress."""

    def __init__(
        self, options: ShellOptions, screen: Screen, source: Input | None = None, early: EarlyScreen | None = None
    ) -> None:
        self._options = options
        self._screen = screen
        self._early = early
        # With the keys of vi, Esc leaves the insert mode.
        self._live = Live(stop_key="Ctrl-C" if options.settings.editing_mode == "vi" else "Esc")
        self._background = Background()
        self._engine = Engine(options, self._make_view)
        self._turn: asyncio.Task[None] | None = None
        self._began = 0.0
        self._is_paging = False
        self._view: TerminalView | None = None
        self._is_leaving = False
        self._exit_code = 0
        self.moves_to: Place | None = None
        """The session of another project to resume after the shell has ended."""
        self._resume_first = ""
        """The ID of a session to resume in the first turn, which asks about it."""
        self._window = ShellWindow(options.settings, screen, self._engine, lambda: self._turn is not None)
        self._toolbar = Toolbar(options, self._engine, screen.redraw)
        self._completer = LazyCompleter(self._engine, self._background.start, self._more_to_offer, screen.redraw)
        self._question = options.question
        self._queue = MessageQueue()
        self._prompt = Prompt(
            self,
            screen,
            self._live,
            toolbar=self._toolbar.line,
            completer=self._completer,
            history=InputHistory(HistoryFile(options.settings.history_file), self._report),
            editing_mode=EditingMode(options.settings.editing_mode.upper()),
            source=source,
            keys=options.settings.keys,
        )

    async def run(self) -> int:
        """Run until the user leaves, and return the exit code."""
        try:
            await self._greet()
        except AloopError as error:
            sys.stderr.write(to_text([line(f"aloop: {error}")]))
            return 1
        self._handle_signals()
        try:
            # A closed terminal ends the shell as Ctrl-D does.
            with suppress(EOFError):
                typed, is_pasted = (self._early.typed, self._early.is_pasted) if self._early else ("", False)
                await self._prompt.run(self._painted, typed, is_pasted=is_pasted)
        finally:
            if self._early:
                self._early.restore()
            self._screen.set_title(None)
            await self._wind_up()
        return self._exit_code

    # Methods of repl.input.prompt.Owner.

    @property
    def is_busy(self) -> bool:
        return bool(self._turn or self._resume_first)

    @property
    def queued(self) -> Sequence[QueuedLine]:
        return self._queue.lines

    def line_entered(self, entry: Entry, *, steers: bool = False, place: int | None = None) -> None:
        if self.is_busy:
            self._queue.add(entry, steers=steers, place=place)
            self._screen.redraw()
        else:
            self._screen.show(echo_lines(entry.typed, self._screen.text_width))
            self._begin_turn(entry)

    def recall(self, place: int) -> QueuedLine:
        return self._queue.take(place)

    def requeue(self, line: QueuedLine, place: int) -> None:
        self._queue.insert(line if self.is_busy else QueuedLine(line.entry, is_held=True), place)

    def go_back(self) -> None:
        if self._engine.context and not self.is_busy:
            self._begin_turn(Entry("/rewind"))

    def blank_entered(self) -> None:
        if self._queue and self.is_busy:
            self._queue.steer()
            self._screen.redraw()
            return
        self._queue.release()
        if following := self._queue.take_next():
            self.line_entered(following)
            return
        if (context := self._engine.context) is None or self._turn:
            return
        from commands.context import accept  # here: the prompt is drawn without the commands

        if accept(context):
            self._screen.write("\n")
            self._prompt.hint("Output attached. Press Ctrl-C on the empty line to remove it.")

    def blank_interrupted(self) -> bool:
        if (context := self._engine.context) is None:
            return False
        from commands.context import drop  # as above

        if not drop(context):
            return False
        self._prompt.clear_hint()  # that the output is attached
        self._screen.write("\n")
        return True

    def interrupted(self) -> bool:
        """Cancel the turn, but only once: a second Ctrl-C must not interrupt its saving."""
        if self._turn and not self._is_paging and not self._turn.cancelling():
            self._turn.cancel()
            self._live.stop()
            self._screen.refresh()
        return self._turn is not None

    def expand(self) -> None:
        view = self._view
        if view is None or not (view.has_block or view.has_running_tools):
            self._prompt.hint("No more tool output to show.")
        elif view.has_running_tools:
            view.expand()
        elif self._turn:
            self._prompt.hint(f"Press {self._expand_key} after the turn to show the whole output.")
        else:
            self._background.start(view.show_block())

    @property
    def _expand_key(self) -> str:
        return key_label({**DEFAULT_KEYS, **self._options.settings.keys}["expand"])

    def change_mode(self) -> None:
        self._background.start(self._change_mode())

    async def _change_mode(self) -> None:
        from aloop.permissions import MODE_EFFECTS, next_mode  # here: the prompt is drawn without the commands

        with suppress(AloopError):  # the engine cannot be built: _start_engine reports it
            agent = (await self._engine.ready()).agent
            agent.mode = next_mode(agent.mode)
            self._prompt.hint(MODE_EFFECTS[agent.mode])

    def input_ended(self) -> None:
        if self._turn is None and self._engine.context is None:
            self._prompt.leave()
        elif self._turn is None:
            self._begin_turn(Entry("/exit"))
        else:
            self._prompt.hint("A turn is running. Press Ctrl-C to stop it.")

    # Turns.

    def _begin_turn(self, entry: Entry) -> None:
        # Cleared here, since a turn may end in any way: from now on, the turn keeps the shell busy.
        resumed_first, self._resume_first = self._resume_first, ""
        self._live.begin("starting")
        self._began = time.monotonic()
        self._window.show_title()
        self._turn = asyncio.create_task(self._take_turn(entry, resumed_first))
        self._turn.add_done_callback(lambda turn: self._end_unstarted(entry) if turn is self._turn else None)

    def _end_unstarted(self, entry: Entry) -> None:
        """End a turn that Ctrl-C, together with Enter, cancelled before its first step."""
        self._turn = None
        self._live.end()
        from commands.registry import Outcome  # here: the prompt is drawn without the commands

        self._report("Stopped.")
        self._settle(Outcome(prefill=entry.text, is_done=False), entry)

    async def _take_turn(self, entry: Entry, resumed_first: str) -> None:
        from commands.registry import Outcome  # as above

        ticker = asyncio.create_task(self._screen.tick())
        outcome = Outcome()
        try:
            context = await self._engine.ready()
            # Imported here: the engine has imported most of it in its thread, and nothing waits for that.
            from commands.dispatch import dispatch

            context.agent.steer = self._steer
            # A command may take long, for example to read a large session.
            self._live.set_status(entry.text if entry.text.startswith("/") else "working", is_late=True)
            outcome = await dispatch(entry.text, context, entry.own)
            self._apply_system_option(context, resumed_first)
        except asyncio.CancelledError:
            # A chat turn handles its cancellation itself; this is a command, or the wait for the engine.
            self._report("Stopped.")
            # A command that the user did not type is not returned.
            outcome = Outcome(prefill="" if resumed_first else entry.text, is_done=False)
        except AloopError:
            self._is_leaving = True  # the engine cannot be built: _start_engine reports it
        except Exception as error:  # noqa: BLE001 - a bug in one turn must not end the shell
            self._report(bug_text(error))
            outcome = Outcome(is_done=False)
        finally:
            ticker.cancel()
            self._turn = None
            self._live.end()
        self._settle(outcome, entry)

    def _apply_system_option(self, context: Context, resumed_first: str) -> None:
        """Apply --system to a session that was resumed only after a question."""
        if resumed_first == context.memory.session_id and self._options.system is not None:
            context.memory.set_system_message(self._options.system)

    def _settle(self, outcome: Outcome, entry: Entry) -> None:
        from commands.registry import Next  # as above

        self._prompt.clear_hint()
        self._toolbar.update_branch()
        self._window.show_title()
        if time.monotonic() - self._began > _LONG_TURN_SECONDS:
            self._window.report_end()
        self.moves_to = outcome.place
        if self._is_leaving or outcome.next is Next.LEAVE:
            self._prompt.leave()
            return
        self._screen.separate()
        # Unchanged text keeps its folded pastes.
        again = entry if outcome.prefill == entry.text else Entry(outcome.prefill)
        if not outcome.is_done:
            self._queue.hold()
        if outcome.prefill and not self._prompt.prefill(again):
            self._prompt.hint("The unanswered text is in the history. Press Up to bring it back.")
        self._completer.expire()
        self._background.start(self._toolbar.update_cost())
        if self._options.settings.titles == "model" and (context := self._engine.context):
            self._background.start(self._title_writer.update(context.agent))
        self._ask_first()
        if not self._turn and self._queue.lines and (following := self._queue.take_next()):
            self.line_entered(following)

    async def _steer(self) -> str:
        """Return the queued messages that steer the running turn, as one text."""
        context = self._engine.context
        if context is None or not self._queue.lines or not (entries := self._queue.take_steering()):
            return ""
        from commands.chat import steering_text  # here: the prompt is drawn without the commands

        try:
            text, own = (
                "\n\n".join(part) for part in zip(*((entry.text, entry.own) for entry in entries), strict=True)
            )
            text = await steering_text(context, text, own)
        except BaseException:
            self._queue.put_back(entries)
            raise
        self._screen.show(
            [line(""), *(row for entry in entries for row in echo_lines(entry.typed, self._screen.text_width))]
        )
        return text

    # Start and end.

    def _make_view(self) -> View:
        # Imported here, in the engine's thread, with the parser of Markdown.
        from commands.context import Verbosity
        from repl.dialogs import PromptDialogs
        from repl.terminal_view import TerminalView

        settings = self._options.settings
        # Thinking is shown unless the settings say otherwise.
        verbosity = Verbosity(verbose=settings.verbose, thinking=settings.thinking is not False)
        dialogs = PromptDialogs(self._prompt, self._screen, self._window, self._completer)
        self._view = TerminalView(self._screen, self._live, self._set_paging, dialogs, verbosity, self._expand_key)
        return self._view

    def _set_paging(self, is_paging: bool) -> None:
        self._is_paging = is_paging

    async def _greet(self) -> None:
        """Print the lines above the first prompt; raises AloopError if --resume fails."""
        context = session = None
        if self._options.resume is not None:
            # Imported here: the prompt is drawn without the commands.
            from commands.builtin.resume import report_model, report_resumed
            from commands.trust import require_trusted

            context = await self._engine.ready()
            try:
                session = await resume_session(
                    context.agent,
                    self._options.resume,
                    admit=partial(require_trusted, context),
                    keep_model=context.keeps_model,
                    system=self._options.system,
                    may_ask=True,
                )
            except (SessionDeclined, SessionBusy) as error:
                self._resume_first = error.session_id
        if self._early and self._early.take_over():
            # Not flushed: it is sent together with the prompt, which is drawn over the early one.
            self._screen.output.write_raw("\r")
            return
        model = context.agent.llm.model if context else self._options.model
        self._screen.show(greeting(self._options._replace(model=model), self._screen.width))
        if context and session:
            await report_resumed(context, session)
            report_model(context)
        self._screen.write("\n")

    def _painted(self) -> None:
        self._window.show_title()
        self._background.start(self._start_engine())
        remember_start(self._options.settings)
        if self._resume_first and not self._turn:
            self._begin_turn(Entry(f"/resume {self._resume_first}"))
        elif not self._turn:
            self._ask_first()

    def _ask_first(self) -> None:
        """Send the question of the command line, if it was not sent yet."""
        question, self._question = self._question, ""
        if question:
            from commands.parse import as_text  # here: the prompt is drawn without the commands

            # A space keeps it from being a command.
            self.line_entered(Entry(as_text(question)))

    async def _start_engine(self) -> None:
        try:
            context = await self._engine.ready()
            context.agent.jobs.on_end = self._screen.redraw
            self._more_to_offer()
            from commands.project.templates import refresh_commands  # here: the engine has imported it in its thread

            # First, because with thousands of sessions the rest takes longer than a user takes to type /resume.
            await self._completer.sessions.refresh()
            has_recovered = await recover(context)
            if has_recovered:
                self._completer.sessions.expire()
            if await refresh_commands(context) or has_recovered:
                self._screen.write("\n")
            await self._toolbar.update_cost()
        except Exception as error:  # noqa: BLE001 - any failure of the engine ends the shell
            self._report(str(error) if isinstance(error, AloopError) else bug_text(error))
            self._exit_code = 1
            self._prompt.leave()

    @cached_property
    def _title_writer(self) -> TitleWriter:
        from repl.title_writer import TitleWriter  # here: off by default

        return TitleWriter(self._options, self._screen)

    def _more_to_offer(self) -> None:
        with suppress(RuntimeError):  # the user has left the shell, and the loop is closed
            self._prompt.complete_again()
            self._screen.redraw()

    async def _wind_up(self) -> None:
        await self._background.stop()
        if self._turn:
            self._turn.cancel()
            await asyncio.wait([self._turn])
        self._prompt.move_draft_to_history()
        if self._queue:
            # They have been in the history since they were entered.
            count = quantity(len(self._queue.lines), "queued line")
            it = "it" if len(self._queue.lines) == 1 else "them"
            self._report(f"Not sent: {count}. Press Up at the next start to bring {it} back.")
        context = self._engine.context
        if context:
            self._screen.show(farewell_lines(context, self._screen.text_width))
            if context.memory.has_unsaved:
                self._exit_code = self._exit_code or 1
            context.memory.close()
            await context.agent.llm.aclose()

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._shut_down, number)
        self._prompt.handle_suspend()
        loop.set_exception_handler(self._handle_loop_error)

    def _shut_down(self, number: signal.Signals) -> None:
        self._exit_code = 128 + number
        self._is_leaving = True
        if not self.interrupted():
            self._prompt.leave()

    def _handle_loop_error(self, _loop: asyncio.AbstractEventLoop, details: dict[str, object]) -> None:
        self._report(loop_error_text(details))

    def _report(self, text: str) -> None:
        self._screen.show(error_lines(text, self._screen.text_width))

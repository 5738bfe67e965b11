"""The plain shell: reads lines and prints text, and never redraws."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from aloop.errors import AloopError, SessionBusy
from aloop.terminal import is_dumb, is_terminal
from commands.builtin import REGISTRY
from commands.builtin.resume import report_resumed
from commands.context import Context, Verbosity
from commands.dispatch import dispatch
from commands.registry import Next
from commands.trust import confirm_trust
from repl.crash_report import bug_text
from repl.engine import build_agent, load_ahead, names_model, recover, resume_session
from repl.options import ShellOptions
from repl.output.styled import to_text
from repl.plain.completion import PlainCompleter
from repl.plain.line_source import LineSource, PipedLines, TerminalLines
from repl.plain.tty import ShutdownRequested, ShutdownSignals
from repl.plain.views import InteractiveView, PlainView
from repl.startup.banner import banner_lines, farewell_lines

if TYPE_CHECKING:
    from aloop.agent import ReActAgent

_PROMPT = "> "
_INTERRUPTED = 130


def run_lines(options: ShellOptions) -> int:
    """Run until the input ends, and return the exit code.

    That is 0, 1 after a failed start or save, or 128 + the number of a signal.
    """
    try:
        return asyncio.run(_run(options))
    except KeyboardInterrupt:
        return _INTERRUPTED


async def _run(options: ShellOptions) -> int:
    verbosity = Verbosity(options.settings.verbose, bool(options.settings.thinking))
    lines, view = _on_terminal(options, verbosity) if is_terminal() else (PipedLines(), _piped(verbosity))
    try:
        agent = build_agent(options)
        agent.on_event, agent.ask = view.event, view.ask_permission
        context = Context(agent, view, REGISTRY, keeps_model=names_model(options), is_typed=sys.stdin.isatty())
        lines.complete_with(PlainCompleter(lambda: agent.memory).complete)
        await recover(context)
        first: list[str] = []
        if options.resume is not None:
            try:
                session = await resume_session(
                    agent,
                    options.resume,
                    admit=partial(confirm_trust, context),
                    keep_model=context.keeps_model,
                    system=options.system,
                    may_ask=is_terminal(),
                )
                await report_resumed(context, session)
            except SessionBusy as error:
                first.append(f"/resume {error.session_id}")  # offers a copy
    except AloopError as error:
        view.error(str(error))
        return 1
    if is_terminal():
        threading.Thread(target=_load_ahead, args=(agent,), name="loading ahead", daemon=True).start()
    shutdown = ShutdownSignals()
    if options.question:
        # A space keeps it from being a command.
        first.append(f" {options.question}" if options.question.startswith(("/", "!")) else options.question)
    for given in first:
        view.info(f"{_PROMPT}{given}")
        await _take_turn(given, context, lines, shutdown)
    while not shutdown.code and (line := await _next_line(lines, view, shutdown)) is not None:
        if not await _take_turn(line, context, lines, shutdown):
            break
    if agent.memory.has_unsaved:
        # A save has failed, and the input ended without /exit: try again.
        await _take_turn("/exit", context, lines, shutdown)
    is_saved = not agent.memory.has_unsaved
    if is_terminal():
        with suppress(OSError):  # the terminal is closed
            sys.stdout.write(to_text(farewell_lines(context)))
            sys.stdout.flush()
    agent.memory.close()
    await agent.llm.aclose()
    return shutdown.code or (0 if is_saved else 1)


def _load_ahead(agent: ReActAgent) -> None:
    """Import what the first answer needs; if that fails, the turn reports it."""
    with suppress(Exception):
        load_ahead(agent)


def _piped(verbosity: Verbosity) -> PlainView:
    return PlainView(sys.stdout, sys.stderr, verbosity)


def _on_terminal(options: ShellOptions, verbosity: Verbosity) -> tuple[LineSource, PlainView]:
    """Print the banner, and return the source of lines and the view for a terminal."""
    lines = _terminal_lines(options)
    width = shutil.get_terminal_size().columns
    sys.stdout.write(to_text(banner_lines(options.model, options.settings, width)))
    return lines, InteractiveView(lines, verbosity)


def _terminal_lines(options: ShellOptions) -> TerminalLines:
    settings = options.settings
    if not is_dumb():
        with suppress(ImportError):  # some Pythons are built without readline
            # Imported here: merely loading readline changes how input() behaves.
            from repl.plain.readline_source import ReadlineLines

            return ReadlineLines(settings.history_file, settings.editing_mode)
    return TerminalLines()


async def _next_line(lines: LineSource, view: PlainView, shutdown: ShutdownSignals) -> str | None:
    """Return the next line, None at the end; Ctrl-C only discards what was typed."""
    while True:
        shutdown.work = waiting = asyncio.current_task()
        try:
            line = await lines.read_line(_PROMPT)
        except asyncio.CancelledError:
            if not shutdown.code or waiting is None:
                raise
            waiting.uncancel()
            return None
        except ShutdownRequested as request:
            view.info("")
            shutdown.code = request.code
            return None
        except KeyboardInterrupt:
            view.info("\nUse Ctrl-D or /exit to quit.")
            continue
        finally:
            shutdown.work = None
        if line is not None:
            lines.remember(line)
        return line


async def _take_turn(line: str, context: Context, lines: LineSource, shutdown: ShutdownSignals) -> bool:
    """Run the command or the chat turn of ``line``; return False to leave the shell."""
    loop = asyncio.get_running_loop()
    shutdown.work = turn = asyncio.ensure_future(dispatch(line, context))
    loop.add_signal_handler(signal.SIGINT, lambda: None if lines.is_lent else turn.cancel())
    try:
        with lines.hold_input():
            outcome = await turn
    except asyncio.CancelledError:
        context.view.error("Stopped.")
        return True
    except BrokenPipeError:
        raise  # the reader of the output is gone: the program ends
    except Exception as error:  # noqa: BLE001 - a bug in one turn must not end the shell
        context.view.error(bug_text(error))
        return True
    finally:
        shutdown.work = None
        loop.remove_signal_handler(signal.SIGINT)
    if outcome.prefill and not lines.prefill(outcome.prefill):
        context.view.info(f"Text to enter again:\n{outcome.prefill}")
    return outcome.next is not Next.LEAVE

"""The plain shell: reads lines and prints text, and never redraws."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from aloop.call_stack import with_large_stack
from aloop.errors import FAILURE, SUCCESS, WRONG_USAGE, AloopError, SessionBusy
from aloop.interrupts import INTERRUPTED, restore_interrupts
from aloop.terminal import OutputFailed, is_dumb, is_terminal
from commands.builtin import REGISTRY
from commands.builtin.resume import report_model, report_resumed
from commands.context import Context, Verbosity, View
from commands.dispatch import dispatch
from commands.parse import as_text
from commands.project.instructions import report_once
from commands.project.templates import load_commands
from commands.registry import FAILED, Next, Outcome
from commands.trust import confirm_trust
from repl.crash_report import bug_text
from repl.engine import build_agent, load_ahead, names_model, recover, resume_session
from repl.options import ShellOptions
from repl.output.styled import to_text
from repl.plain.completion import PlainCompleter
from repl.plain.line_source import LineSource, PipedLines, TerminalLines
from repl.plain.signals import Interrupted, ShutdownRequested, Signals
from repl.plain.views import InteractiveView, PlainView
from repl.startup.banner import banner_lines, farewell_lines

if TYPE_CHECKING:
    from aloop.agent import ReActAgent

_PROMPT = "> "


def run_lines(options: ShellOptions) -> int:
    """Run until the input ends, and return the exit code.

    That is 0, 1 after a failed start or save or if a piped line failed, 2 if the pipe was empty, or 128 + the number of
    a signal.
    """
    try:
        restore_interrupts()
        return asyncio.run(_run(options))
    except KeyboardInterrupt:
        return INTERRUPTED


async def _run(options: ShellOptions) -> int:
    signals = Signals()
    verbosity = Verbosity(options.settings.verbose, bool(options.settings.thinking))
    lines, view = (
        _on_terminal(options, verbosity, signals) if is_terminal() else (PipedLines(signals), _piped(verbosity))
    )
    try:
        start = asyncio.ensure_future(_start(options, lines, view))
        with signals.cancelling(start):
            context, first = await start
        return await _take_turns(context, first, lines, signals)
    except asyncio.CancelledError:
        return signals.code or INTERRUPTED
    except AloopError as error:
        view.error(str(error))
        return FAILURE
    finally:
        signals.close()


async def _start(options: ShellOptions, lines: LineSource, view: PlainView) -> tuple[Context, list[str]]:
    """Return the context, and the first lines to take."""
    agent = build_agent(options)
    agent.on_event, agent.ask = view.event, view.ask_permission
    context = Context(agent, view, REGISTRY, keeps_model=names_model(options), is_typed=sys.stdin.isatty())
    report_once(context, load_commands(context))

    def read_commands() -> None:
        load_commands(context)  # the line itself reports what is left out

    lines.complete_with(PlainCompleter(lambda: agent.memory, lambda: context.registry, read_commands).complete)
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
            report_model(context)
        except SessionBusy as error:
            first.append(f"/resume {error.session_id}")  # offers a copy
    if is_terminal():
        threading.Thread(target=_load_ahead, args=(agent,), name="loading ahead", daemon=True).start()
    if options.question:
        # A space keeps it from being a command.
        first.append(as_text(options.question))
    return context, first


async def _take_turns(context: Context, first: list[str], lines: LineSource, signals: Signals) -> int:
    """Take the ``first`` lines and those of the user; return the exit code."""
    agent, view = context.agent, context.view
    has_failed = False
    for given in first:
        view.info(f"{_PROMPT}{given}")
        has_failed |= not (await _take_turn(given, context, lines, signals)).is_done
    has_input = bool(first)
    while not signals.code and (line := await _next_line(lines, view, signals)) is not None:
        has_input = has_input or bool(line.strip())
        outcome = await _take_turn(line, context, lines, signals)
        has_failed |= not outcome.is_done
        if outcome.next is Next.LEAVE:
            break
    if agent.memory.has_unsaved:
        # A save has failed, and the input ended without /exit: try again.
        await _take_turn("/exit", context, lines, signals)
    # At a terminal, the user has seen what failed.
    is_failure = agent.memory.has_unsaved or (has_failed and not is_terminal())
    if is_terminal():
        with suppress(OSError):  # the terminal is closed
            sys.stdout.write(to_text(farewell_lines(context, None)))
            sys.stdout.flush()
    agent.memory.close()
    await agent.llm.aclose()
    if not has_input and not signals.code and not is_terminal():
        view.error("Standard input was empty. Pipe a message into aloop, or give one with --task TEXT.")
        return WRONG_USAGE
    return signals.code or (FAILURE if is_failure else SUCCESS)


@with_large_stack
def _load_ahead(agent: ReActAgent) -> None:
    """Import what the first answer needs; if that fails, the turn reports it."""
    with suppress(Exception):
        load_ahead(agent)


def _piped(verbosity: Verbosity) -> PlainView:
    return PlainView(sys.stdout, sys.stderr, verbosity)


def _on_terminal(options: ShellOptions, verbosity: Verbosity, signals: Signals) -> tuple[LineSource, PlainView]:
    """Print the banner, and return the source of lines and the view for a terminal."""
    lines = _terminal_lines(options, signals)
    width = shutil.get_terminal_size().columns
    sys.stdout.write(to_text(banner_lines(options, width)))
    return lines, InteractiveView(lines, verbosity)


def _terminal_lines(options: ShellOptions, signals: Signals) -> TerminalLines:
    settings = options.settings
    if not is_dumb():
        with suppress(ImportError):  # some Pythons are built without readline
            # Imported here: merely loading readline changes how input() behaves.
            from repl.plain.readline_source import ReadlineLines

            return ReadlineLines(signals, settings.history_file, settings.editing_mode)
    return TerminalLines(signals)


async def _next_line(lines: LineSource, view: View, signals: Signals) -> str | None:
    """Return the next line, None at the end; Ctrl-C discards what was typed."""
    while True:
        try:
            line = await lines.read_line(_PROMPT)
        except ShutdownRequested as request:
            with suppress(OSError):  # the terminal is closed
                view.info("")
            signals.code = request.code
            return None
        except Interrupted:
            view.info("\nUse Ctrl-D or /exit to quit.")
            continue
        if line is not None:
            lines.remember(line)
        return line


async def _take_turn(line: str, context: Context, lines: LineSource, signals: Signals) -> Outcome:
    """Run the command or the chat turn of ``line``."""
    turn = asyncio.ensure_future(dispatch(line, context))
    try:
        with lines.hold_input(), signals.cancelling(turn):
            outcome = await turn
    except asyncio.CancelledError:
        context.view.info("Stopped.")
        lines.return_queue()
        return FAILED
    except (BrokenPipeError, OutputFailed):
        raise  # no one sees the output: the program ends
    except Exception as error:  # noqa: BLE001 - a bug in one turn must not end the shell
        context.view.error(bug_text(error))
        lines.return_queue()
        return FAILED
    if not outcome.is_done:
        lines.return_queue()
    if outcome.prefill and not lines.prefill(outcome.prefill):
        context.view.info(f"Text to enter again:\n{outcome.prefill}")
    return outcome

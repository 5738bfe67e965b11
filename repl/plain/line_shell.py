"""The shell without a screen to draw on: lines in, plain text out, one turn after the other."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from aloop.errors import AloopError
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
from repl.plain.line_source import LineSource, PipedLines
from repl.plain.readline_source import TerminalLines
from repl.plain.tty import ShutdownRequested, ShutdownSignals
from repl.plain.views import AskingView, PlainView
from repl.startup.banner import banner_lines, farewell_lines

if TYPE_CHECKING:
    from aloop.agent import ReActAgent

_PROMPT = "> "
_INTERRUPTED = 130


def run_lines(options: ShellOptions) -> int:
    """Read standard input to its end; returns 0, 1 when there was nothing to resume, 128 + the signal that ended it."""
    try:
        return asyncio.run(_run(options))
    except KeyboardInterrupt:
        return _INTERRUPTED


async def _run(options: ShellOptions) -> int:
    detail = Verbosity(options.settings.verbose, bool(options.settings.thinking))
    lines, view = _on_terminal(options, detail) if is_terminal() else (PipedLines(), _piped(detail))
    try:
        agent = build_agent(options)
        agent.on_event, agent.ask = view.event, view.ask_permission
        context = Context(agent, view, REGISTRY, keeps_model=names_model(options), is_typed=sys.stdin.isatty())
        lines.complete_with(PlainCompleter(lambda: agent.memory).complete)
        await recover(context)
        if options.resume is not None:
            session = await resume_session(
                agent,
                options.resume,
                admit=partial(confirm_trust, context),
                keep_model=context.keeps_model,
                system=options.system,
            )
            await report_resumed(context, session)
    except AloopError as error:
        view.error(str(error))
        return 1
    if is_terminal():
        threading.Thread(target=_load_ahead, args=(agent,), name="loading ahead", daemon=True).start()
    ending = ShutdownSignals()
    while not ending.code and (line := await _next_line(lines, view, ending)) is not None:
        if not await _take_turn(line, context, lines, ending):
            break
    if agent.memory.has_unsaved:
        # The lines have ended without a word, after a save that failed: another try.
        await _take_turn("/exit", context, lines, ending)
    is_saved = not agent.memory.has_unsaved
    if is_terminal():
        with suppress(OSError):  # the terminal has gone away
            sys.stdout.write(to_text(farewell_lines(context)))
            sys.stdout.flush()
    agent.memory.close()
    await agent.llm.aclose()
    return ending.code or (0 if is_saved else 1)


def _load_ahead(agent: ReActAgent) -> None:
    """Load what the first answer takes, while the first question is typed; what goes wrong is told later."""
    with suppress(Exception):
        load_ahead(agent)


def _piped(detail: Verbosity) -> PlainView:
    return PlainView(sys.stdout, sys.stderr, detail)


def _on_terminal(options: ShellOptions, detail: Verbosity) -> tuple[LineSource, PlainView]:
    """Greet the person at the terminal, and return how to ask and how to show."""
    settings = options.settings
    lines = TerminalLines(settings.history_file, dumb=is_dumb(), editing_mode=settings.editing_mode)
    width = shutil.get_terminal_size().columns
    sys.stdout.write(to_text(banner_lines(options.model, settings, width)))
    return lines, AskingView(lines, detail)


async def _next_line(lines: LineSource, view: PlainView, ending: ShutdownSignals) -> str | None:
    """Return the next line; Ctrl-C only drops what was typed of one."""
    while True:
        ending.work = waiting = asyncio.current_task()
        try:
            line = await lines.next(_PROMPT)
        except asyncio.CancelledError:
            if not ending.code or waiting is None:
                raise
            waiting.uncancel()
            return None
        except ShutdownRequested as told:
            view.info("")
            ending.code = told.code
            return None
        except KeyboardInterrupt:
            view.info("\nCtrl-D or /exit leaves.")
            continue
        finally:
            ending.work = None
        if line is not None:
            lines.remember(line)
        return line


async def _take_turn(line: str, context: Context, lines: LineSource, ending: ShutdownSignals) -> bool:
    """Do what ``line`` says; False when it says to leave."""
    loop = asyncio.get_running_loop()
    ending.work = turn = asyncio.ensure_future(dispatch(line, context))
    loop.add_signal_handler(signal.SIGINT, lambda: None if lines.is_lent else turn.cancel())
    try:
        with lines.kept():
            outcome = await turn
    except asyncio.CancelledError:
        context.view.error("Stopped.")
        return True
    except BrokenPipeError:
        raise  # nobody reads what is answered: the program ends
    except Exception as error:  # noqa: BLE001 - the next line may be fine
        context.view.error(bug_text(error))
        return True
    finally:
        ending.work = None
        loop.remove_signal_handler(signal.SIGINT)
    if outcome.prefill and not lines.offer(outcome.prefill):
        context.view.info(f"To be entered again:\n{outcome.prefill}")
    return outcome.next is not Next.LEAVE

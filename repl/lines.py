"""The shell without a terminal: lines in, plain text out, one turn after the other."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from contextlib import suppress
from functools import partial

from aloop.errors import AloopError
from commands.catalog import REGISTRY
from commands.context import Context
from commands.dispatch import dispatch
from commands.registry import Next
from commands.resume import report_resumed
from commands.trust import admit
from repl.engine import build_agent, names_model, recover, resume_session
from repl.options import ShellOptions
from repl.plain_view import PlainView
from repl.report import bug_text

_INTERRUPTED = 130


def run_lines(options: ShellOptions) -> int:
    """Read standard input to its end; returns 0, 1 when there was nothing to resume, 130 when interrupted at rest."""
    try:
        return asyncio.run(_run(options))
    except KeyboardInterrupt:
        return _INTERRUPTED


async def _run(options: ShellOptions) -> int:
    view = PlainView(sys.stdout, sys.stderr)
    try:
        agent = build_agent(options)
        agent.on_event, agent.ask = view.event, view.consent
        context = Context(agent, view, REGISTRY, keeps_model=names_model(options))
        await recover(context)
        if options.resume is not None:
            session = await resume_session(
                agent,
                options.resume,
                admit=partial(admit, context),
                keep_model=context.keeps_model,
                system=options.system,
            )
            report_resumed(context, session)
    except AloopError as error:
        view.error(str(error))
        return 1
    lines = _read_lines()
    while (line := await _next_line(lines)) is not None:
        if not await _take_turn(line, context):
            break
    if agent.memory.has_unsaved:
        # The lines have ended without a word, after a save that failed: another try.
        await _take_turn("/exit", context)
    is_saved = not agent.memory.has_unsaved
    agent.memory.close()
    await agent.llm.aclose()
    return 0 if is_saved else 1


async def _next_line(lines: asyncio.Queue[str | None]) -> str | None:
    if sys.stdin.isatty() and sys.stdout.isatty():
        # A terminal that can do no more than print still gets a prompt.
        sys.stdout.write("> ")
        sys.stdout.flush()
    return await lines.get()


async def _take_turn(line: str, context: Context) -> bool:
    """Do what ``line`` says; False when it says to leave."""
    loop = asyncio.get_running_loop()
    turn = asyncio.ensure_future(dispatch(line, context))
    loop.add_signal_handler(signal.SIGINT, turn.cancel)
    try:
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
        loop.remove_signal_handler(signal.SIGINT)
    return outcome.next is not Next.LEAVE


def _read_lines() -> asyncio.Queue[str | None]:
    """Read standard input in a thread (a daemon: a pipe may never end), and return the queue its lines go to."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits for lines any more
            for line in sys.stdin:
                loop.call_soon_threadsafe(queue.put_nowait, line.rstrip("\r\n"))
            loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    return queue

"""The composition root: from arguments to an exit code.

The only file in ``aloop`` that imports ``repl``. Each run imports only what it needs: ``aloop --version`` and
``aloop sessions list`` load neither prompt_toolkit nor the SDK.
"""

from __future__ import annotations

from aloop.interrupts import (
    INTERRUPTED,
    die_of_interrupt,
    end_interpreter_by_interrupt,
    exit_on_interrupt,
    raise_on_interrupt,
)

if __name__ == "__main__":
    exit_on_interrupt()

import gc
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from aloop import __version__
from aloop.call_stack import with_large_stack
from aloop.errors import (
    FAILURE,
    SUCCESS,
    WRONG_USAGE,
    AloopError,
    InvalidPrefix,
    SessionError,
    SessionNotFound,
    UsageError,
)
from aloop.terminal import OutputFailed, settle_output

TYPE_CHECKING = False  # as in typing, which takes longer to import than printing the version
if TYPE_CHECKING:
    from pathlib import Path
    from typing import NoReturn

    from _typeshed import ReadableBuffer

    from aloop.cli.options import RunOptions
    from aloop.config.settings import Settings


@with_large_stack
def run() -> NoReturn:
    """Run aloop with the arguments of the process, and end the process.

    After Ctrl-C, it ends by SIGINT.

    Daemon threads end with the process. Otherwise the interpreter would unwind the stack of each, before Python 3.14,
    and that aborts the process if the thread is in an extension written in Rust, as while it imports the SDK.
    """
    code = main()
    exit_on_interrupt()
    threading = sys.modules.get("threading")
    others = [] if threading is None else [t for t in threading.enumerate() if t is not threading.main_thread()]
    if others and all(thread.daemon for thread in others):
        # Imported here: it is part of the interpreter, but only a process with threads needs it.
        import atexit

        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        if code == INTERRUPTED:
            die_of_interrupt()
        os._exit(code)
    if code == INTERRUPTED:
        end_interpreter_by_interrupt()
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run aloop with ``argv``, by default those of the process; return the exit code.

    After Ctrl-C, that is INTERRUPTED.
    """
    _prepare_streams()
    _prepare_home()
    try:
        raise_on_interrupt()
        code = _run(sys.argv[1:] if argv is None else argv)
        _flush(code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, for example `head`, has seen enough; that is not a failure.
        settle_output()
        return SUCCESS
    except SessionNotFound as error:
        command = "aloop sessions trash" if error.in_trash else "aloop sessions list"
        _print_error(f"{error} Run `{command}` to list the sessions.")
        return FAILURE
    except AloopError as error:
        _print_error(str(error))
        return WRONG_USAGE if isinstance(error, (UsageError, InvalidPrefix)) else FAILURE
    except OutputFailed as error:
        _print_error(f"Standard output cannot be written: {error.strerror}.")
        settle_output()
        return FAILURE
    except OSError as error:
        # Memory raises StorageError instead, so this concerns standard input or the working directory.
        # Imported here for startup time: `aloop --version` does not need it.
        from aloop.formatting import display_path

        reason = error.strerror or str(error)
        _print_error(f"{reason}: {display_path(str(error.filename))}" if error.filename else reason)
        return FAILURE
    return code


def _run(argv: Sequence[str]) -> int:
    # The most common command lines do not need argparse, which takes longer to import than they take to run.
    if list(argv) == ["--version"]:
        print(f"aloop {__version__}")
        return SUCCESS
    if not argv:
        from aloop.cli.options import RunOptions

        return _run_shell(RunOptions())
    if list(argv[:2]) == ["completions", "--words"]:
        # A completion script runs this at each Tab.
        from aloop.cli.completion import print_words

        return print_words(argv[2:])
    from aloop.cli.options import RunOptions
    from aloop.cli.parser import parse_arguments

    options = parse_arguments(argv)
    if not isinstance(options, RunOptions):
        return options.run()
    task = options.task
    if task is None and options.question is not None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        task = options.question  # a prompt needs a terminal
    return _run_shell(options) if task is None else _run_task(options, task)


def _run_shell(options: RunOptions) -> int:
    # Imported modules are never garbage, and collections would take a tenth of the time until the prompt. The shell
    # enables them again.
    gc.disable()
    # Imported here for startup time: this imports prompt_toolkit.
    from aloop.cli.onboarding import choose, is_due
    from aloop.config.settings import Settings

    moved = _change_project(options)
    if moved is None:
        return SUCCESS
    options = moved
    settings = _with_options(Settings.from_env(), options)
    if options.model is None and is_due(settings):
        chosen = choose(settings)
        if chosen is None:
            return SUCCESS
        settings = chosen
    from repl.app import run_shell
    from repl.options import ShellOptions

    return run_shell(
        ShellOptions(
            settings,
            options.model,
            options.sessions_dir,
            options.resume,
            options.allow,
            options.system,
            options.max_steps,
            options.plain,
            options.question or "",
        )
    )


def _change_project(options: RunOptions) -> RunOptions | None:
    """Offer to change to the project of the session to resume, if it is not here.

    Returns the options to run with, or None if the user declined.
    """
    if not options.resume or options.sessions_dir is not None:
        return options
    # Imported here for startup time: only --resume ID needs it.
    from aloop.cli.console import agree
    from commands.elsewhere import describe_place, enter_project, find_elsewhere, require_project

    place = find_elsewhere(options.resume)
    if place is None:
        return options
    sentence = describe_place(place)
    require_project(place)
    if not sys.stdin.isatty():
        raise _is_elsewhere(sentence, place.sessions_dir)
    if not agree(f"{sentence} Change to that folder and resume it?", is_default=True):
        return None
    enter_project(place)
    return options._replace(resume=place.session_id, sessions_dir=place.sessions_dir)


def _run_task(options: RunOptions, task: str) -> int:
    _require_here(options)
    full_task, typed = _read_full_task(task)
    # Imported here for startup time, after an unusable standard input has been reported.
    from aloop.config.settings import Settings
    from repl.options import TaskOptions
    from repl.task import run_task

    settings = _with_options(Settings.from_env(), options)
    return run_task(
        TaskOptions(
            settings,
            options.model,
            options.sessions_dir,
            options.resume,
            full_task,
            options.allow,
            options.system,
            options.max_steps,
            options.output_format,
            typed,
        )
    )


def _require_here(options: RunOptions) -> None:
    """Raise SessionError if the session to resume is in another project."""
    if not options.resume or options.sessions_dir is not None:
        return
    # Imported here for startup time, as above.
    from commands.elsewhere import describe_place, find_elsewhere

    if place := find_elsewhere(options.resume):
        raise _is_elsewhere(describe_place(place), place.sessions_dir)


def _is_elsewhere(sentence: str, sessions_dir: Path) -> SessionError:
    # Imported here for startup time, as above.
    import shlex

    return SessionError(f"{sentence} Run aloop there, or add --sessions-dir {shlex.quote(str(sessions_dir))}.")


def _with_options(settings: Settings, options: RunOptions) -> Settings:
    """Return the settings with those that the command line overrides."""
    return settings._replace(effort=options.effort or settings.effort, max_cost=options.max_cost or settings.max_cost)


def _read_full_task(task: str) -> tuple[str, str]:
    """Return the task with the piped text, and the part given on the command line."""
    # Imported here for startup time: only a task reads piped text.
    from aloop.cli.options import STDIN
    from aloop.cli.stdin import read_piped, read_task, with_piped

    fd = sys.stdin.fileno()
    return (read_task(fd), "") if task == STDIN else (with_piped(task, read_piped(fd, _print_error)), task)


def _print_error(sentence: str) -> None:
    # Imported here for startup time: most runs have no error.
    from aloop.sanitize import visible

    print(f"aloop: {visible(sentence)}", file=sys.stderr)


def _prepare_streams() -> None:
    """Make the standard streams safe to use.

    A closed one (``<&-``) becomes the null device; otherwise the next file opened would get its number. Output to a
    closed one fails as to a full disk. Characters that the encoding lacks are printed as ``?`` instead of raising an
    error.
    """
    # Each stays open until the process exits.
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_OutputFile(os.open(os.devnull, os.O_RDONLY), "w")))
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        lenient = io.BufferedWriter(_LenientFile(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(lenient, encoding=sys.stderr.encoding, errors="replace", line_buffering=True)
    out = sys.stdout
    if out is sys.__stdout__ and isinstance(out, io.TextIOWrapper) and not out.isatty():
        buffer = io.BufferedWriter(_OutputFile(out.fileno(), "w", closefd=False))
        sys.stdout = io.TextIOWrapper(buffer, encoding=out.encoding, errors="replace", write_through=out.write_through)


def _prepare_home() -> None:
    """Set HOME if it is not set and the user has no entry in the password database.

    That is so in containers that run with an unknown user ID. As for services, the home is then no folder, so
    nothing is shared with other users.
    """
    if not os.environ.get("HOME") and os.path.expanduser("~") in ("~", "/"):  # noqa: PTH111 - Path.home raises an error
        os.environ["HOME"] = os.devnull


class _LenientFile(io.FileIO):
    """A file that drops what it cannot write.

    A note on standard error must never cost a result. ``flush`` stays free of Python code: ``input`` calls it and
    ignores its errors, so a KeyboardInterrupt that is raised there would be lost.
    """

    def write(self, data: ReadableBuffer, /) -> int:
        with suppress(OSError):
            return super().write(data) or len(memoryview(data))
        return len(memoryview(data))


class _OutputFile(io.FileIO):
    """A file whose failure is distinct from that of other files."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputFailed(error.errno, error.strerror) from error


def _ignore_modules_of_the_working_directory() -> None:
    """Undo what ``python -m aloop`` adds to the search path, unless aloop is there.

    Later imports would otherwise run files of a cloned project, such as its ``yaml.py``.
    """
    added = None if sys.flags.safe_path else sys.path[0]
    if added is not None and not __file__.startswith(os.path.join(added, "aloop", "")):  # noqa: PTH118  # for startup time
        del sys.path[0]


def _flush(code: int) -> None:
    """Flush output, and drop it if a signal ended the run.

    A closed terminal is such a signal, and takes no output.
    """
    try:
        sys.stdout.flush()
    except OSError:
        if code <= 128:
            raise
        settle_output()


if __name__ == "__main__":
    _ignore_modules_of_the_working_directory()
    run()

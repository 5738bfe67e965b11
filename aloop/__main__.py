"""The composition root: reads the arguments, starts what they ask for, and turns every end into an exit code.

The only file in ``aloop`` that looks up at ``repl``. What a run does not need, it does not import: ``aloop --version``
and ``aloop sessions list`` never pay for prompt_toolkit, rich or the SDK.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from aloop import __version__
from aloop.errors import AloopError, InvalidPrefix, UsageError

TYPE_CHECKING = False  # the one of typing, which takes longer to load than the version to print
if TYPE_CHECKING:
    from aloop.cli.options import RunOptions

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run aloop with ``argv`` (None: this process's own arguments) and return its exit code."""
    _prepare_streams()
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, `head` perhaps, has seen enough: its business, and no failure of ours.
        _settle_stdout()
        return DONE
    except AloopError as error:
        _complain(str(error))
        return WRONG_USAGE if isinstance(error, (UsageError, InvalidPrefix)) else FAILED
    except OSError as error:
        # The memory reports its own troubles as StorageError; what is left is a standard stream, or where we stand.
        _complain(f"{error.strerror or error}: {error.filename}" if error.filename else f"{error.strerror or error}")
        _settle_stdout()
        return FAILED
    return code


def _run(argv: Sequence[str]) -> int:
    # The two commonest lines need no parser, which would take longer to load than the version takes to print.
    if list(argv) == ["--version"]:
        print(f"aloop {__version__}")
        return DONE
    if not argv:
        from aloop.cli.options import RunOptions

        return _run_shell(RunOptions())
    if list(argv[:2]) == ["completions", "--words"]:
        # What a shell calls when Tab is pressed.
        from aloop.cli.completion import print_words

        return print_words(argv[2:])
    from aloop.cli.options import RunOptions
    from aloop.cli.parser import parse_arguments

    options = parse_arguments(argv)
    if not isinstance(options, RunOptions):
        return options.run()
    return _run_shell(options) if options.task is None else _run_task(options, options.task)


def _run_shell(options: RunOptions) -> int:
    # Imported here for start-up time: this draws the prompt, and brings in prompt_toolkit.
    from aloop.cli.onboarding import choose, is_due
    from aloop.config import Settings

    settings = Settings.from_env()
    if options.model is None and is_due(settings):
        chosen = choose(settings)
        if chosen is None:
            return DONE
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
        )
    )


def _run_task(options: RunOptions, task: str) -> int:
    whole, typed = _whole_task(task)
    # Imported here for start-up time, and after standard input was read, so that a wrong one is refused at once.
    from aloop.config import Settings
    from repl.options import TaskOptions
    from repl.task import run_task

    settings = Settings.from_env()
    return run_task(
        TaskOptions(
            settings,
            options.model,
            options.sessions_dir,
            options.resume,
            whole,
            options.allow,
            options.system,
            options.max_steps,
            options.output_format,
            typed,
        )
    )


def _whole_task(task: str) -> tuple[str, str]:
    """Return the task with what standard input adds to it, and what of it was written as an argument."""
    # Imported here for start-up time: only a task has text piped to it.
    from aloop.cli.options import STDIN
    from aloop.cli.stdin import read_piped, read_task, with_piped

    fd = sys.stdin.fileno()
    return (read_task(fd), "") if task == STDIN else (with_piped(task, read_piped(fd, _complain)), task)


def _complain(sentence: str) -> None:
    # Imported here for start-up time: most starts complain of nothing.
    from aloop.sanitize import visible

    print(f"aloop: {visible(sentence)}", file=sys.stderr)


def _prepare_streams() -> None:
    """Make the standard streams such that nobody has to look before using them.

    One that was closed (``<&-``) is the null device: else the next file that is opened would take its number. A
    terminal that is not UTF-8 shows ``?`` for what it lacks, rather than that the first accent is an error.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 # it stays open as long as we live
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _settle_stdout() -> None:
    """Write out what can still be written, so that the interpreter does not complain of the rest when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())

"""Ctrl-C at the start and end of the program, and where it has to wait.

Python raises KeyboardInterrupt between any two statements, even where nothing can catch it, and where other code turns
it into another error, such as an ImportError or a SyntaxError.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in typing, which takes longer to import
if TYPE_CHECKING:
    import signal
    from types import FrameType, TracebackType
    from typing import NoReturn
else:
    import _signal as signal  # signal imports enum, and until these functions run, Ctrl-C prints a traceback

INTERRUPTED = 130
"""The exit code of ``main`` after Ctrl-C: 128 + the number of SIGINT.

The process itself then dies of SIGINT, since a shell ends a loop only if Ctrl-C has killed the program in it.
"""


def die_of_interrupt() -> NoReturn:
    """End the process by SIGINT at once, without the cleanup of the interpreter.

    In a thread other than the main one, which cannot do that, it ends with the exit code INTERRUPTED.
    """
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    finally:
        os._exit(INTERRUPTED)  # the first process of a container does not die of SIGINT either


def end_interpreter_by_interrupt() -> NoReturn:
    """Let the interpreter clean up and then end the process by SIGINT; call it last.

    That is what it does after a KeyboardInterrupt, here without a traceback.
    """
    sys.excepthook = _print_nothing
    raise KeyboardInterrupt


def exit_on_interrupt() -> None:
    """Let Ctrl-C exit at once, unless it is ignored, as with ``nohup``."""
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _raise):
        signal.signal(signal.SIGINT, _exit)
        sys.unraisablehook = _handle_unraisable


def raise_on_interrupt() -> None:
    """Let Ctrl-C raise KeyboardInterrupt, except during an import."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, _raise)


def restore_interrupts() -> None:
    """Restore the default, which ``asyncio.run`` needs to cancel its main task."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class DelayedInterrupt:
    """A block during which Ctrl-C waits; KeyboardInterrupt is raised at its end."""

    def __enter__(self) -> None:
        self._is_pending = False
        self._previous = signal.getsignal(signal.SIGINT)
        if self._previous is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._note)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._previous)
        if self._is_pending:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._is_pending = True


def is_importing(frame: FrameType | None) -> bool:
    """Return True if ``frame`` runs for an import, which may replace an exception."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib."):
            return True
        frame = frame.f_back
    return False


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    die_of_interrupt()


def _raise(number: int, frame: FrameType | None) -> None:
    if is_importing(frame):
        die_of_interrupt()
    signal.default_int_handler(number, frame)


def _handle_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Exit if Ctrl-C was pressed in a callback, where its exception is only printed."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        die_of_interrupt()
    sys.__unraisablehook__(unraisable)


def _print_nothing(_kind: type[BaseException], _error: BaseException, _trace: TracebackType | None) -> None:
    """Replace the hook that prints a traceback."""

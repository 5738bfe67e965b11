"""The entry point of the installed program ``aloop``.

Apart from ``__main__``, because that module is also imported by programs that handle Ctrl-C themselves.
"""

from __future__ import annotations

from aloop.interrupts import exit_on_interrupt

exit_on_interrupt()

from aloop.__main__ import run  # noqa: E402 - from here on, Ctrl-C prints no traceback

__all__ = ["run"]

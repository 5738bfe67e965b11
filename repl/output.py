"""The terminal to write to: bytes held back until a change of the screen is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output


class TerminalOutput(Vt100_Output):
    """A terminal that gets each change in one piece, and that may go away at any time.

    Erasing the prompt, printing above it and drawing it again are three steps of prompt_toolkit with a flush each;
    between two flushes a terminal may show the state in between, which is what flicker is.
    """

    _held = False

    @classmethod
    def of(cls, stdout: TextIO) -> TerminalOutput:
        """Return the output for ``stdout``, which must be a terminal."""
        output = cls.from_pty(stdout, term=os.environ.get("TERM"), default_color_depth=ColorDepth.from_env())
        assert isinstance(output, TerminalOutput)  # noqa: S101 - from_pty is typed as its base class
        # We never ask where the cursor is: the toolbar stands right under the input, so that nothing depends on it,
        # and the first paint does not wait for an answer.
        output.enable_cpr = False
        return output

    @contextmanager
    def one_piece(self) -> Iterator[None]:
        """Hold back whatever is written in the body, and send it when the outermost body ends."""
        outer, self._held = self._held, True
        try:
            yield
        finally:
            self._held = outer
            self.flush()

    def flush(self) -> None:
        if self._held:
            return
        try:
            super().flush()
        except OSError:
            # The terminal was closed. Nobody can read this any more, and the turn still has to be saved.
            self._buffer.clear()


@contextmanager
def in_one_piece(output: Output) -> Iterator[None]:
    """As ``one_piece``, for any output: what can not hold back writes as it goes."""
    if isinstance(output, TerminalOutput):
        with output.one_piece():
            yield
    else:
        yield

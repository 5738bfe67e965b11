"""Keys that have arrived, but that the application has not handled yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from select import select

from prompt_toolkit.application import Application
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.keys import Keys

_PASTED_KEYS: Mapping[Keys | str, str] = {Keys.ControlM: "\r", Keys.ControlJ: "\n", Keys.ControlI: "\t"}
_MOST_PASTED = 1 << 16
"""The most keys that are read before what they change is drawn."""


class WaitingKeys:
    """The keys that wait in the input of ``app``, or that it has read."""

    def __init__(self, app: Application[None]) -> None:
        self._app = app

    def arrive(self, seconds: float) -> bool:
        """Return True if keys wait to be handled or arrive within ``seconds``."""
        source, processor = self._app.input, self._app.key_processor
        if not processor.input_queue and isinstance(source, Vt100Input) and self._app.is_running:
            is_readable = bool(select([source.fileno()], [], [], seconds)[0])
            if not (is_readable and seconds):
                return is_readable
            # Reports of the terminal are not keys.
            processor.feed_multiple(source.read_keys())
        return any(press.key in (press.data, Keys.ControlM) for press in processor.input_queue)

    def take_text(self, on_key: Callable[[], None]) -> str:
        """Remove the keys at the front that are text, and return it.

        ``on_key`` is called for each of them. Handled one by one, thousands of lines would take minutes.
        """
        source, processor = self._app.input, self._app.key_processor
        queue = processor.input_queue
        while isinstance(source, Vt100Input) and len(queue) < _MOST_PASTED and select([source.fileno()], [], [], 0)[0]:
            if not (read := source.read_keys()):
                break  # the terminal is closed
            processor.feed_multiple(read)
        text = ""
        while queue and (queue[0].key == queue[0].data or queue[0].key in _PASTED_KEYS):
            press = queue.popleft()
            on_key()
            text += _PASTED_KEYS.get(press.key, press.data)
        return text

    def drop(self, seconds: float, while_: Callable[[], bool]) -> None:
        """Read and drop what arrives within ``seconds``, as long as ``while_`` is true."""
        source, end = self._app.input, time.monotonic() + seconds
        with source.raw_mode():
            while while_() and not source.closed and (left := end - time.monotonic()) > 0:
                if select([source.fileno()], [], [], left)[0]:
                    source.read_keys()

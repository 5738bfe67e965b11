"""Keys that are typed before the prompt can read them: shown at once where that is simple, and kept for it.

What is imported meanwhile takes a quarter of a second, and a thread beside it a few milliseconds to answer a key.
"""

from __future__ import annotations

import _thread
import codecs
import os
from contextlib import suppress
from select import select  # not poll, which knows no terminals on macOS

_REST_SECONDS = 0.05
"""For the rest of a character, which comes with its beginning; longer only where the terminal's encoding is another."""

_DELETE = 0x7F


class EarlyKeys:
    """Reads keys from the terminal ``fd`` on a thread, until ``stop``, and shows on ``out`` what only writes a letter.

    From the first key on that does more than that, nothing is shown any more, and no more than ``room`` letters.
    """

    def __init__(self, fd: int, out: int, room: int) -> None:
        self._fd = fd
        self._out = out
        self._room = room
        self._shown = 0
        self._is_showing = True
        self._typed = bytearray()
        self._wake_read, self._wake_write = os.pipe()
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        _thread.start_new_thread(self._run, ())

    def stop(self) -> str:
        """Read no further, and return what was typed."""
        os.close(self._wake_write)
        with self._ended:
            os.close(self._wake_read)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        text = decoder.decode(self._typed)
        while decoder.getstate()[0] and select([self._fd], [], [], _REST_SECONDS)[0]:
            text += decoder.decode(self._read(1))
        return text + decoder.decode(b"", final=True)

    def _run(self) -> None:
        try:
            while self._wake_read not in select([self._wake_read, self._fd], [], [])[0]:
                data = self._read(1024)
                if not data:
                    break  # the terminal has gone away, which the prompt will notice
                self._typed += data
                self._show(data)
        finally:
            self._ended.release()

    def _read(self, most: int) -> bytes:
        with suppress(OSError):
            return os.read(self._fd, most)
        return b""

    def _show(self, data: bytes) -> None:
        echo = bytearray()
        for byte in data:
            if not self._is_showing:
                break
            if byte == _DELETE and self._shown:
                self._shown -= 1
                echo += b"\b \b"
            elif 0x20 <= byte < _DELETE and self._shown < self._room:
                self._shown += 1
                echo.append(byte)
            else:
                self._is_showing = False
        with suppress(OSError):
            os.write(self._out, echo)

"""The program that runs a local model: a child process of ours that serves it on this machine alone.

How far our server is with reading a question: nothing of that is heard from an answer that has not begun.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloop.errors import LocalModelError
from aloop.local_model.diagnostics import explain_end, explain_load
from aloop.local_model.models import InstallPaths, LocalModel

CHILD = Path(__file__).with_name("server_worker.py")
_TOY_WINDOW = 4_096
_WINDOW = 8_192
"""Tokens; a model may be able to take more, and each takes memory."""
# Given at the start, for its Messages API takes no notice of penalties in a request. This one keeps a toy from going
# round in circles; one on every word that was said before would, for its size, also keep it from being right.
_TOY_SAMPLING = {"dry_multiplier": 0.8, "dry_allowed_length": 4, "dry_penalty_last_n": 1024}
_ROOM_FOR_TOOLS = 4_096  # tokens; to tell of the standard tools takes nearly 2,000
_MEND = " `aloop local install` looks whether it is whole, and else fetches it anew."
_MOST_THREADS = 8
_PATIENCE = 2.0  # seconds that a child gets to end by itself


@dataclass(frozen=True, slots=True)
class Serving:
    """Where a model answers, with the key to it, how many tokens it takes in, and whether it can call tools."""

    url: str
    key: str
    window: int
    takes_tools: bool


class LocalServer:
    """Serves ``model`` from ``start`` to ``stop``, which may both be called again; safe in any thread."""

    def __init__(self, model: LocalModel, place: InstallPaths) -> None:
        self._model = model
        self._place = place
        self._child: _ServerProcess | None = None
        self._lock = threading.Lock()

    def start(self) -> Future[Serving]:
        """Begin to load the model, unless it is loaded or about to be, and return at once.

        Raises LocalModelError when there can be no child.
        """
        with self._lock:
            if self._child is None or self._child.has_ended:
                if self._child is not None:
                    self._child.end()
                    self._child = None
                if not self._place.is_installed:
                    raise LocalModelError(
                        "The local model was removed. `aloop local install` fetches it again, /model chooses another."
                    )
                try:
                    self._child = _ServerProcess(self._request(), self._model)
                except OSError as error:
                    raise LocalModelError(f"{self._model.title} can not be started: {error.strerror}.") from error
            return self._child.serving

    async def serving(self) -> Serving:
        """Wait until the model can be asked; raises LocalModelError when that does not come to be."""
        # Shielded: who stops waiting does not stop the model from loading.
        return await asyncio.shield(asyncio.wrap_future(self.start()))

    def wait_for_loss(self) -> str:
        """Return why the child has ended; empty when it has not, a moment after it broke off an answer."""
        child = self._child
        return child.loss if child is not None and child.ends_soon() else ""

    def stop(self) -> None:
        """End the child; blocks for a moment."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.end()

    def _request(self) -> dict[str, Any]:
        """Return what the child is told. A toy is fastest on one thread; others get half of what there is."""
        threads = 1 if self._model.is_toy else max(1, min(_MOST_THREADS, (os.cpu_count() or 1) // 2))
        return {
            "site": str(self._place.site),
            "file": str(self._model.file),
            "key": secrets.token_urlsafe(32),
            "window": _TOY_WINDOW if self._model.is_toy else _WINDOW,
            "threads": threads,
            "sampling": _TOY_SAMPLING if self._model.is_toy else {},
        }


class _ServerProcess:
    """One process, from its birth on."""

    def __init__(self, request: dict[str, Any], model: LocalModel) -> None:
        self.serving: Future[Serving] = Future()
        self._title = model.title
        self._is_toy = model.is_toy
        self._key = request["key"]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 # open for as long as the child writes into it
        self._process = start_worker(request, self._log.fileno())
        self._reader = threading.Thread(target=self._hear, name="local model", daemon=True)
        self._reader.start()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ends_soon(self) -> bool:
        """Whether it has ended, or does now: the system closes its connections before it takes its memory back."""
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def loss(self) -> str:
        """Why it has ended."""
        reason = explain_end(self._read_log(), self._process.wait())
        if self.serving.done() and self.serving.exception() is None:
            return f"{self._title} stopped: {reason}."
        return f"{self._title} can not be run: {reason}.{_MEND if self._is_toy else ''}"

    def end(self) -> None:
        """Let it end, or make it."""
        close_worker(self._process)
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _hear(self) -> None:
        """Wait for the one line that the child says."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            said = json.loads(self._process.stdout.readline())
        except ValueError:  # nothing, or half a line: it has ended
            said = {}
        if "url" in said:
            takes_tools = said["takes_tools"] and said["window"] >= _ROOM_FOR_TOOLS
            self.serving.set_result(Serving(said["url"], self._key, said["window"], takes_tools))
        else:
            self.serving.set_exception(LocalModelError(explain_load(said["error"]) if "error" in said else self.loss))

    def _read_log(self) -> str:
        with suppress(ValueError):  # closed: nobody waits for a reason any more
            return os.pread(self._log.fileno(), 65_536, 0).decode("utf-8", "replace")
        return ""


def start_worker(request: dict[str, Any], log: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a child and tell it what is wanted; what it says stands in ``stdout``, its complaints go to ``log``.

    It hears of no credentials, of no Ctrl-C, and stands in no folder that somebody may want to remove.
    """
    process = subprocess.Popen(  # noqa: S603 # our own file, by our own interpreter
        [sys.executable, "-I", "-S", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):  # dead already: its end says more
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    return process


def close_worker(process: subprocess.Popen[bytes]) -> None:
    """Close the child's standard input, which ends it, and see to it that it does."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


_READING_PATIENCE = 2.0  # seconds


def share_read(url: str, key: str, tokens: int) -> float | None:
    """Return how much of a question of ``tokens`` has been read, from 0 to 1; None when that can not be told. Blocks.

    What the server still had in its memory of an earlier question is not read again, and does not count.
    """
    connection = http.client.HTTPConnection(url.partition("//")[2], timeout=_READING_PATIENCE)
    try:
        connection.request("GET", "/slots", headers={"Authorization": f"Bearer {key}"})
        [slot] = json.loads(connection.getresponse().read())
        read, known = int(slot["n_prompt_tokens_processed"]), int(slot["n_prompt_tokens_cache"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        # At rest, or it has other figures: whoever waits learns how it is from the answer itself.
        return None
    finally:
        connection.close()
    return min(1.0, read / (tokens - known)) if tokens > known else None

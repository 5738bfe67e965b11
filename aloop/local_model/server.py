"""The server of a local model, a child process on the loopback interface."""

from __future__ import annotations

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

WORKER = Path(__file__).with_name("server_worker.py")
_TOY_WINDOW = 4_096
_WINDOW = 8_192
"""Tokens. Many models support more, but each token takes memory."""
# Set at the start, because llama.cpp's Messages API ignores penalties in a request. DRY keeps a toy from repeating
# phrases. A penalty on every repeated word would make so small a model wrong more often.
_TOY_SAMPLING = {"dry_multiplier": 0.8, "dry_allowed_length": 4, "dry_penalty_last_n": 1024}
_MIN_WINDOW_FOR_TOOLS = 4_096  # tokens; the descriptions of the standard tools take nearly 2,000
_REPAIR_HINT = " Run `aloop local install` to check and repair it."
_MAX_THREADS = 8
_EXIT_TIMEOUT = 2.0  # seconds until a child is killed


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The address and key of a running server, with its context window in tokens."""

    url: str
    key: str
    window: int
    takes_tools: bool


class LocalServer:
    """Serves ``model`` from ``start`` to ``stop``; restartable and thread-safe."""

    def __init__(self, model: LocalModel, paths: InstallPaths) -> None:
        self._model = model
        self._paths = paths
        self._child: _ServerProcess | None = None
        self._lock = threading.Lock()

    def start(self) -> Future[ServerAddress]:
        """Start loading the model unless that is done already, and return at once.

        Raises LocalModelError if the child process cannot be started.
        """
        with self._lock:
            if self._child is None or self._child.has_ended:
                if self._child is not None:
                    self._child.end()
                    self._child = None
                if not self._paths.is_installed:
                    raise LocalModelError(
                        "The local model was removed. Run `aloop local install`, or choose another model with /model."
                    )
                try:
                    self._child = _ServerProcess(self._request(), self._model)
                except OSError as error:
                    raise LocalModelError(f"{self._model.title} cannot be started: {error.strerror}.") from error
            return self._child.endpoint

    async def endpoint(self) -> ServerAddress:
        """Start the server and wait until it is ready; raises LocalModelError."""
        # Imported late for startup time: the status of the model is shown without it.
        import asyncio

        # Shielded, so that loading continues when a waiting turn is cancelled.
        return await asyncio.shield(asyncio.wrap_future(self.start()))

    def wait_for_exit(self) -> str:
        """Wait a moment for the child to end; return the reason, "" if it runs on."""
        child = self._child
        return child.exit_reason if child is not None and child.ends_soon() else ""

    def stop(self) -> None:
        """End the child; blocks for a moment."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.end()

    def _request(self) -> dict[str, Any]:
        """Return the first line of the child's input. A toy is fastest on one thread."""
        threads = 1 if self._model.is_toy else max(1, min(_MAX_THREADS, (os.cpu_count() or 1) // 2))
        return {
            "site": str(self._paths.site),
            "file": str(self._model.file),
            "key": secrets.token_urlsafe(32),
            "window": _TOY_WINDOW if self._model.is_toy else _WINDOW,
            "threads": threads,
            "sampling": _TOY_SAMPLING if self._model.is_toy else {},
        }


class _ServerProcess:
    """One child process; ``endpoint`` is set when it is ready or has failed."""

    def __init__(self, request: dict[str, Any], model: LocalModel) -> None:
        self.endpoint: Future[ServerAddress] = Future()
        self._title = model.title
        self._is_toy = model.is_toy
        self._key = request["key"]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 # closed when the child has ended
        self._process = start_worker(request, self._log.fileno())
        self._reader = threading.Thread(target=self._read_answer, name="local model", daemon=True)
        self._reader.start()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ends_soon(self) -> bool:
        """Return True if the process ends soon; its connections close before that."""
        try:
            self._process.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def exit_reason(self) -> str:
        """A sentence with the reason why the process ended."""
        reason = explain_end(self._read_log(), self._process.wait())
        if self.endpoint.done() and self.endpoint.exception() is None:
            return f"{self._title} stopped: {reason}."
        return f"{self._title} cannot be run: {reason}.{_REPAIR_HINT if self._is_toy else ''}"

    def end(self) -> None:
        """End the process, by force if necessary."""
        close_worker(self._process)
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _read_answer(self) -> None:
        """Wait for the one line that the child prints, and set ``endpoint``."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            answer = json.loads(self._process.stdout.readline())
        except ValueError:  # an empty or incomplete line, because the child has ended
            answer = {}
        if "url" in answer:
            takes_tools = answer["takes_tools"] and answer["window"] >= _MIN_WINDOW_FOR_TOOLS
            self.endpoint.set_result(ServerAddress(answer["url"], self._key, answer["window"], takes_tools))
        else:
            reason = explain_load(answer["error"]) if "error" in answer else self.exit_reason
            self.endpoint.set_exception(LocalModelError(reason))

    def _read_log(self) -> str:
        with suppress(ValueError):  # closed, so the reason is no longer needed
            return os.pread(self._log.fileno(), 65_536, 0).decode("utf-8", "replace")
        return ""


def start_worker(request: dict[str, Any], log: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a child and send it ``request``; it answers on its standard output.

    Its standard error goes to ``log``. It gets no credentials and no Ctrl-C, and its working directory is ``/``, so
    that it keeps no folder in use.
    """
    process = subprocess.Popen(  # noqa: S603 # a file of this package, run by this interpreter
        [sys.executable, "-I", "-S", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):  # it ended already; the caller finds the reason
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    return process


def close_worker(process: subprocess.Popen[bytes]) -> None:
    """Close the child's standard input, which ends it; kill it if it does not end."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_EXIT_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


_PROGRESS_TIMEOUT = 2.0  # seconds


def read_share(url: str, key: str, tokens: int) -> float | None:
    """Return the part of a prompt that the server has read, from 0 to 1; blocking.

    ``tokens`` is the size of the whole prompt. Cached tokens are not read again and do not count. Returns None if the
    server does not report its progress.
    """
    connection = http.client.HTTPConnection(url.partition("//")[2], timeout=_PROGRESS_TIMEOUT)
    try:
        connection.request("GET", "/slots", headers={"Authorization": f"Bearer {key}"})
        [slot] = json.loads(connection.getresponse().read())
        read, known = int(slot["n_prompt_tokens_processed"]), int(slot["n_prompt_tokens_cache"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        # The server is idle, or its report has another format. Progress is optional.
        return None
    finally:
        connection.close()
    return min(1.0, read / (tokens - known)) if tokens > known else None

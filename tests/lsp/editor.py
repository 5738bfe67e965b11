"""A scripted editor, which speaks with ``aloop lsp`` on its standard streams."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aloop.__main__ import main
from tests.e2e.loaded import is_forkable
from tests.fork_server import ForkServer

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]

CAPABILITIES: Json = {
    "textDocument": {
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "codeAction": {
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}},
        },
        "foldingRange": {"lineFoldingOnly": True},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
    },
    "workspace": {"workspaceEdit": {"documentChanges": True}},
    "window": {"showDocument": {"support": True}},
}
_TIMEOUT = 60


class Refused(Exception):
    """The server has answered a request with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]


class Editor:
    """One connection; documents are versioned from 1 and sent with the texts given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.capabilities: Json = {}
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.last_id = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._received: list[Json] = []
        self._news = asyncio.Condition()

    async def read(self) -> None:
        """Read messages until the server ends."""
        stream = self.reader
        while header := await stream.readline():
            length = int(header.split(b":")[1])
            while (await stream.readline()).strip():
                pass
            message = json.loads(await stream.readexactly(length))
            if "method" in message:
                if "id" in message:
                    self._send({"id": message["id"], "result": {"success": True}})
                async with self._news:
                    self._received.append(message)
                    self._news.notify_all()
            else:
                answer = self._answers.pop(message["id"])
                if "error" in message:
                    answer.set_exception(Refused(message["error"]))
                else:
                    answer.set_result(message["result"])

    def _send(self, message: Json) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def notify(self, method: str, params: Json) -> None:
        self._send({"method": method, "params": params})

    async def request(self, method: str, params: Json | None = None) -> Any:
        """Return the result of a request; raises Refused."""
        self.last_id = number = self.last_id + 1
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        self._send({"id": number, "method": method, **({} if params is None else {"params": params})})
        return await asyncio.wait_for(answer, _TIMEOUT)

    async def received(self, method: str, **wanted: Any) -> Json:
        """Wait for a message of the server with these parameters, and return them."""

        def find() -> Json | None:
            for message in self._received:
                params: Json = message["params"]
                if message["method"] == method and wanted.items() <= params.items():
                    return params
            return None

        async with self._news:
            await asyncio.wait_for(self._news.wait_for(find), _TIMEOUT)
        found = find()
        assert found is not None
        return found

    def open(self, path: Path, text: str | None = None) -> str:
        """Open a file, or another text of it, and return its URI."""
        uri = path.as_uri()
        self.texts[uri] = path.read_bytes().decode() if text is None else text
        self.versions[uri] = 1
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": self.texts[uri]}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def change(self, uri: str, *changes: Json) -> None:
        """Send changes; the text of the editor is that of the last full one."""
        self.versions[uri] += 1
        identifier = {"uri": uri, "version": self.versions[uri]}
        self.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": list(changes)})

    def retype(self, uri: str, text: str) -> None:
        """Replace the whole text of a document."""
        self.texts[uri] = text
        self.change(uri, {"text": text})

    async def diagnostics(self, uri: str) -> list[Json]:
        """Return the diagnostics of the present version."""
        params = await self.received("textDocument/publishDiagnostics", uri=uri, version=self.versions[uri])
        found: list[Json] = params["diagnostics"]
        return found

    async def at(self, uri: str, feature: str, line: int, column: int = 0) -> Any:
        """Return the result of a feature for a position, as the protocol counts it."""
        position = {"line": line, "character": column}
        return await self.request(f"textDocument/{feature}", {"textDocument": {"uri": uri}, "position": position})

    async def about(self, uri: str, feature: str) -> Any:
        """Return the result of a feature for a whole document."""
        return await self.request(f"textDocument/{feature}", {"textDocument": {"uri": uri}})

    async def actions(self, uri: str, line: int, last: int | None = None, **context: Any) -> list[Json]:
        """Return the code actions for lines."""
        end = line if last is None else last
        area = {"start": {"line": line, "character": 0}, "end": {"line": end, "character": 1}}
        asked = {"textDocument": {"uri": uri}, "range": area, "context": {"diagnostics": [], **context}}
        found: list[Json] = await self.request("textDocument/codeAction", asked)
        return found

    async def choose(self, uri: str, action: Json) -> Json:
        """Make the edit of an action, as an editor does, and return the whole action."""
        if "edit" not in action and "data" in action:
            action = await self.request("codeAction/resolve", action)
        if "edit" in action:
            (change,) = action["edit"]["documentChanges"]
            assert change["textDocument"] == {"uri": uri, "version": self.versions[uri]}
            self.retype(uri, applied(self.texts[uri], change["edits"]))
        return action


def applied(text: str, edits: list[Json]) -> str:
    """Return a text with edits of UTF-16 positions, none of which overlap."""
    data = text.encode("utf-16-le")
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode("utf-16-le")))

    def place(position: Mapping[str, int]) -> int:
        return starts[position["line"]] + 2 * position["character"]

    for edit in sorted(edits, key=lambda each: place(each["range"]["start"]), reverse=True):
        start, end = place(edit["range"]["start"]), place(edit["range"]["end"])
        data = data[:start] + edit["newText"].encode("utf-16-le") + data[end:]
    return data.decode("utf-16-le")


@functools.cache
def _fork_server() -> ForkServer:
    return ForkServer("aloop.cli.parser", "aloop.lsp.server", "tests.lsp.editor")


def _serve(connection: int, env: dict[str, str]) -> None:
    """Be ``aloop lsp`` in a process of the fork server."""
    os.dup2(connection, 0)
    os.dup2(connection, 1)
    sys.stdin, sys.stdout = os.fdopen(0, "r", closefd=False), os.fdopen(1, "w", closefd=False)
    os.environ.clear()
    os.environ.update(env)
    os._exit(main(["lsp"]))


def _start(connection: socket.socket) -> tuple[int, Callable[[], int]]:
    """Start a server on a connection; return its ID, and a wait for its exit code."""
    if is_forkable("aloop", {}):
        process = _fork_server().start([connection.fileno()], _serve, dict(os.environ))
        return process, lambda: _fork_server().exit_code_of(process)
    started = subprocess.Popen(
        [sys.executable, "-m", "aloop", "lsp"],
        stdin=connection.fileno(),
        stdout=connection.fileno(),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return started.pid, started.wait


@asynccontextmanager
async def connected(*, encodings: tuple[str, ...] = (), **capabilities: Json) -> AsyncIterator[Editor]:
    """Start the server and connect to it; ``capabilities`` replace the usual ones."""
    ours, theirs = socket.socketpair()
    process, exit_code = _start(theirs)
    theirs.close()
    editor = Editor(*await asyncio.open_connection(sock=ours))
    reading = asyncio.create_task(editor.read())
    general = {"general": {"positionEncodings": list(encodings)}} if encodings else {}
    asked = {**CAPABILITIES, **general, **capabilities}
    is_over = False
    try:
        answer = await editor.request("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": asked})
        editor.capabilities = answer["capabilities"]
        editor.notify("initialized", {})
        yield editor
        await editor.request("shutdown")
        editor.notify("exit", {})
        await asyncio.wait_for(reading, _TIMEOUT)
        is_over = True
    finally:
        if not is_over:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        reading.cancel()
        editor.writer.close()
        code = await asyncio.to_thread(exit_code)
    assert code == 0

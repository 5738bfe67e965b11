"""The stub server: one thread per connection, one script for all of them."""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from tests.stub.binding import BindingCheck
from tests.stub.parts import WAIT, Answer, Block, Cut, Drop, Event, Gate, Ping, PingingGate, Reset, Step, Text
from tests.stub.replies import HTTPError, NoResponse, Plain
from tests.stub.transcript import Thought, complaint

Reply = Answer | Plain | NoResponse

KEY = "sk-ant-stub-0123456789-secret"
_HELD = 0.01  # seconds between two checks of a closed gate


class Request:
    """One request; ``body`` is None if it is not JSON; header names are lower case."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> None:
        self.method = method
        self.path = path
        self.headers = dict(headers)
        self.body = body
        self.disconnected = threading.Event()

    def wait_until_disconnected(self) -> None:
        """Block until the client has closed the connection of a held or running answer."""
        if not self.disconnected.wait(WAIT):
            raise TimeoutError("the client did not disconnect")

    @property
    def last_user_text(self) -> str:
        for message in reversed(self.body["messages"]):
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            texts = [block["text"] for block in blocks if block["type"] == "text"]
            if message["role"] == "user" and texts:
                return str(texts[-1])
        return ""


class StubServer:
    """Serves from construction until ``close``; also a context manager.

    ``models`` are listed at /v1/models; None for a server without that list.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.lookups: list[Request] = []
        self.window: int | None = 200_000
        self.binds_thinking = False
        self._binding = BindingCheck()
        self.models: list[str] | None = None
        self._thoughts: set[Thought] = set()
        self._foreign: set[str] = set()
        self._script: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_HELD,), daemon=True)
        self._thread.start()

    def __enter__(self) -> StubServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that make a program use this server."""
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}

    @property
    def remaining(self) -> int:
        """The number of scripted replies that are still unused."""
        return len(self._script)

    def script(self, *replies: Reply | Block | str) -> None:
        """Add replies for the next requests; a part or a string is a whole answer."""
        for reply in replies:
            self._script.append(Answer(reply) if isinstance(reply, Block | str) else reply)

    def drop_script(self) -> None:
        """Forget replies that were not asked for."""
        self._script.clear()

    def wait_for_requests(self, count: int) -> list[Request]:
        """Block until there have been ``count`` requests, and return them all."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, WAIT):
                raise TimeoutError(f"{len(self.requests)} of {count} requests came")
            return list(self.requests)

    def wait_for_lookup(self) -> None:
        """Block until a model was looked up."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self.lookups), WAIT):
                raise TimeoutError("no model was looked up")

    def close(self) -> None:
        """Stop serving, drop paused answers, and raise the stub's first error."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(WAIT)
        if self.errors:
            raise self.errors[0]

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    def take(self, request: Request) -> tuple[int, Reply]:
        """Record ``request`` and return its number and its reply."""
        with self._changed:
            if request.method == "GET" and request.path.partition("?")[0] == "/v1/models":
                return len(self.requests), self._list_models(request)
            is_lookup = request.method == "GET" and request.path.startswith("/v1/models/")
            (self.lookups if is_lookup else self.requests).append(request)
            reply = self._describe_model(request) if is_lookup else self._reply(request)
            self._changed.notify_all()
            return len(self.requests), reply

    def _list_models(self, request: Request) -> Reply:
        if self.models is None:
            return HTTPError(404, f"no such path: {request.path}")
        records = [_model_record(model) | {"max_input_tokens": self.window} for model in self.models]
        return Plain(200, json.dumps({"data": records, "has_more": False}), {"content-type": "application/json"})

    def _describe_model(self, request: Request) -> Reply:
        if self.window is None:
            return HTTPError(404, f"no such path: {request.path}")
        model = request.path.removeprefix("/v1/models/")
        limits = {"max_input_tokens": self.window, "max_tokens": 64_000}
        return Plain(200, json.dumps(_model_record(model) | limits), {"content-type": "application/json"})

    def _reply(self, request: Request) -> Reply:
        if request.method != "POST" or request.path.partition("?")[0] != "/v1/messages" or request.body is None:
            return HTTPError(404, f"no such path: {request.path}")
        if wrong := complaint(
            request.body.get("messages"), str(request.body.get("model")), self._thoughts, self._foreign
        ):
            return HTTPError(400, wrong)
        if self.binds_thinking and (wrong := self._binding.complaint(request.body)):
            return HTTPError(400, wrong)
        reply = self._next_reply(request)
        if isinstance(reply, Answer):
            self._thoughts |= reply.thoughts(str(request.body.get("model")))
            self._foreign |= reply.foreign_types()
            if self.binds_thinking:
                self._binding.give(request.body, reply.blocks(len(self.requests)))
        return reply

    def _next_reply(self, request: Request) -> Reply:
        return self._script.popleft() if self._script else Answer(Text(f"You said: {request.last_user_text}"))


def _model_record(model: str) -> dict[str, Any]:
    return {"type": "model", "id": model, "display_name": model, "created_at": "2026-01-01T00:00:00Z"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, stub: StubServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stub = stub

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep an error for ``close`` to raise; a disconnected client is not an error."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.stub.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm: ClassVar[bool] = True
    server: _Server

    def do_POST(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing; tests read ``stub.requests``."""

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        number, reply = self.server.stub.take(request)
        match reply:
            case NoResponse():
                self.close_connection = True
            case Plain():
                self._send_plain(reply)
            case Answer():
                try:
                    self._stream(reply, number, request)
                except OSError:
                    self.close_connection = True
                    request.disconnected.set()

    def _send_plain(self, reply: Plain) -> None:
        data = reply.body.encode()
        self.send_response(reply.status)
        for name, value in ({"content-length": str(len(data))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, answer: Answer, number: int, request: Request) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("request-id", f"req_stub_{number}")
        self.end_headers()
        for step in answer.steps(number, str(request.body.get("model"))):
            if not self._take(step):
                return
        self._end_body()

    def _take(self, step: Step) -> bool:
        """Send one step; return False after the last."""
        match step:
            case Event(name, data):
                self._send_chunk(f"event: {name}\ndata: {data}\n\n".encode())
                return True
            case Gate():
                return self._hold(step)
            case Cut():
                self._end_body()
            case Drop():
                self.close_connection = True
            case Reset():
                # A linger time of 0 turns the close into a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
        return False

    def _hold(self, gate: Gate) -> bool:
        gate.reach()
        while not gate.is_open:
            if self.server.stub.closing:
                self.close_connection = True
                return False
            if isinstance(gate, PingingGate):
                for ping in Ping().steps():
                    self._take(ping)
            readable, _, _ = select.select([self.connection], [], [], _HELD)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError("the client disconnected")
        return True

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _end_body(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

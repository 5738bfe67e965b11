"""A fake of xllamacpp: the stub of the Messages API in the worker process.

Its weights are a file that begins like GGUF and continues with JSON, which sets the behavior of the model::

    {"window": 4096, "takes_tools": false, "waits_for": "/path/of/a/fifo", "fails": "message for the log"}

It answers with the JSON of the request and its own process ID. Some messages have a special effect: ``die`` kills the
process within an answer, ``say nothing`` gives an empty answer, ``call`` calls the calculator first, and ``read
slowly`` reports more progress with each request for it and answers after the fourth.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.stub.parts import Answer, Gate, Piece, Text, ToolUse
from tests.stub.replies import Plain
from tests.stub.server import Reply, Request, StubServer

MAGIC = "GGUF"


class CommonParams:
    """Accepts any parameter."""

    def __init__(self) -> None:
        self.model = SimpleNamespace(path="")
        self.cpuparams = SimpleNamespace(n_threads=0)
        self.cpuparams_batch = SimpleNamespace(n_threads=0)
        self.sampling = SimpleNamespace()
        self.api_keys: list[str] = []


class Server(StubServer):
    """A server for the model in ``params``; creating it loads the model."""

    def __init__(self, params: CommonParams) -> None:
        self._how = json.loads(Path(params.model.path).read_text().removeprefix(MAGIC) or "{}")
        if "waits_for" in self._how:
            Path(self._how["waits_for"]).read_text()
        if "fails" in self._how:
            sys.stderr.write(f"0.00.005.618 E gguf_init_from_reader: {self._how['fails']}\n0.00.006 E srv  load: no\n")
            raise RuntimeError("Failed to init server, please check the input params.")
        self._key = params.api_keys[0]
        self._sampling = vars(params.sampling)
        self._looks = 0
        self._has_read = Gate()
        super().__init__()

    @property
    def listening_address(self) -> str:
        return self.url

    def take(self, request: Request) -> tuple[int, Reply]:
        if request.headers.get("authorization") != f"Bearer {self._key}":
            return 0, _plain({"error": {"message": "Invalid API Key", "code": 401}}, 401)
        if request.path == "/props":
            caps = {"supports_tools": self._how.get("takes_tools", False)}
            settings = {"n_ctx": self._how.get("window", 4096)}
            return 0, _plain({"default_generation_settings": settings, "chat_template_caps": caps})
        if request.path.startswith("/v1/messages/count_tokens"):
            return 0, _plain({"input_tokens": len(json.dumps(request.body).split())})  # one token per word
        if request.path == "/slots":
            return 0, _plain([self._look()])
        return super().take(request)

    def _look(self) -> dict[str, Any]:
        self._looks += 1
        if self._looks == 4:
            self._has_read.open()
        return {"id": 0, "n_prompt_tokens_cache": 0, "n_prompt_tokens_processed": self._looks}

    def _next_reply(self, request: Request) -> Reply:
        match request.last_user_text:
            case "die":
                return Answer(_Farewell())
            case "say nothing":
                return Answer()
            case "call":
                # last_user_text ignores tool results, so a request with a result has the same text.
                if request.body["messages"][-1]["content"][0]["type"] == "text":
                    return Answer(Text("Let me see."), ToolUse("calculator", {"expression": "17*23"}))
            case "read slowly":
                return Answer(self._has_read, Text("I have."))
        return Answer(Text(json.dumps({"process": os.getpid(), "asked": request.body, "sampling": self._sampling})))


class _Farewell(Text):
    def pieces(self) -> Iterator[Piece | dict[str, Any]]:
        yield {"type": "text_delta", "text": "Farew"}
        os.kill(os.getpid(), signal.SIGKILL)


def _plain(body: object, status: int = 200) -> Plain:
    return Plain(status, json.dumps(body), {"content-type": "application/json"})

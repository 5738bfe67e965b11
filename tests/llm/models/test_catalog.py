"""Servers on this machine are found by what they list."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from aloop.config.settings import Settings
from aloop.llm.models.catalog import find_servers, require_known
from aloop.llm.models.endpoints import Endpoint
from aloop.llm.models.names import listed_models


class _Models(BaseHTTPRequestHandler):
    body = b""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/v1/models" else 404)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Models) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def _endpoint(name: str, port: int) -> Endpoint:
    return Endpoint(name, base_url=f"http://127.0.0.1:{port}")


async def test_server_is_found_with_its_models(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Models, "body", json.dumps({"data": [{"id": "llama3:8b"}, {"id": "qwen"}]}).encode())
    endpoints = {"ollama": _endpoint("ollama", server.server_port), "vllm": _endpoint("vllm", 1)}
    (found,) = await find_servers(endpoints, seconds=5)
    assert found.models == ("ollama/llama3:8b", "ollama/qwen")


async def test_listed_models_are_stored_for_the_shell_while_their_endpoint_is_known(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Models, "body", json.dumps({"data": [{"id": "llama3:8b"}]}).encode())
    near = Settings.from_env()._replace(endpoints={"ollama": _endpoint("ollama", server.server_port)})
    await require_known("ollama/llama3:8b", near)
    assert listed_models(near.state_folder) == ("ollama/llama3:8b",)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": [5]}', b'{"data": []}', b"\xff"])
async def test_something_else_at_the_port_is_not_a_model_server(
    body: bytes, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Models, "body", body)
    assert await find_servers({"x": _endpoint("x", server.server_port)}, seconds=5) == []

"""The server process of a local model, with a fake engine over real HTTP."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from aloop.errors import LocalModelError
from aloop.local_model.installer import remove
from aloop.local_model.models import InstallPaths, LocalModel
from aloop.local_model.server import LocalServer, close_worker, read_share, start_worker
from tests.local_model.installation import BROKEN, install_fake
from tests.processes import is_running
from tests.stub import StubServer
from tests.stub.replies import Plain
from tests.stub.server import Reply, Request


def toy(data_dir: Path, **how: Any) -> LocalServer:
    paths = install_fake(data_dir, **how)
    return LocalServer(LocalModel(paths.weights, "Toy", is_toy=True), paths)


async def test_endpoint_has_address_key_window_and_tools(tmp_path: Path) -> None:
    server = toy(tmp_path, window=4096, takes_tools=True)
    serving = await server.endpoint()
    assert serving.url.startswith("http://127.0.0.1:")
    assert (serving.window, serving.takes_tools) == (4096, True)
    assert len(serving.key) > 30
    assert await server.endpoint() == serving, "a second server was started"
    server.stop()


async def test_small_window_disables_tools(tmp_path: Path) -> None:
    server = toy(tmp_path, window=2048, takes_tools=True)
    assert not (await server.endpoint()).takes_tools
    server.stop()


async def test_restarted_server_has_another_key(tmp_path: Path) -> None:
    server = toy(tmp_path)
    first = await server.endpoint()
    server.stop()
    assert (await server.endpoint()).key != first.key
    server.stop()


async def test_server_can_be_stopped_while_loading(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    server = toy(tmp_path / "data", waits_for=str(gate))
    loading = server.start()
    assert not loading.done()
    server.stop()
    assert isinstance(loading.exception(), LocalModelError)


async def test_failed_model_load_gives_the_reason(tmp_path: Path) -> None:
    server = toy(tmp_path, fails="failed to read key-value pairs")
    with pytest.raises(
        LocalModelError, match=r"^Toy cannot be run: failed to read key-value pairs\. Run `aloop local install`"
    ):
        await server.endpoint()
    server.stop()


async def test_start_after_removal_is_refused(tmp_path: Path) -> None:
    server = toy(tmp_path)
    await server.endpoint()
    remove(InstallPaths(tmp_path))
    assert await server.endpoint(), "the running server keeps running"
    server.stop()
    with pytest.raises(LocalModelError, match="The local model was removed"):
        await server.endpoint()


async def test_missing_library_is_named_with_its_package(tmp_path: Path) -> None:
    paths = install_fake(tmp_path, BROKEN)
    server = LocalServer(LocalModel(paths.weights, "Toy", is_toy=True), paths)
    with pytest.raises(LocalModelError, match=r"needs the system library libgomp.*apt-get install libgomp1"):
        await server.endpoint()
    server.stop()


def test_worker_ends_with_its_input_and_gets_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    paths = install_fake(tmp_path)
    request = {"site": str(paths.site), "file": str(paths.weights), "key": "k", "window": 1, "threads": 1}
    process = start_worker(request | {"sampling": {}})
    assert process.stdout is not None
    with process.stdout as stdout:
        assert b'"url"' in stdout.readline()
    environment = Path(f"/proc/{process.pid}/environ")
    assert not environment.exists() or b"sk-secret" not in environment.read_bytes()
    close_worker(process)
    assert process.returncode == 0
    assert not is_running(process.pid)


class Slots(StubServer):
    """Answers /slots with a fixed body if the key is right."""

    def __init__(self, said: str) -> None:
        self._said = said
        super().__init__()

    def take(self, request: Request) -> tuple[int, Reply]:
        known = request.path == "/slots" and request.headers.get("authorization") == "Bearer k"
        return 0, Plain(200 if known else 401, self._said if known else "{}", {"content-type": "application/json"})


def slot(read: object, cached: object) -> str:
    return json.dumps([{"id": 0, "n_prompt_tokens_processed": read, "n_prompt_tokens_cache": cached}])


@pytest.mark.parametrize(
    ("said", "share"),
    [
        (slot(0, 0), 0.0),
        (slot(500, 0), 0.5),
        (slot(300, 400), 0.5),
        (slot(2_000, 0), 1.0),
        (slot(0, 1_000), None),
        (slot(None, None), None),
        ('[{"id": 0, "is_processing": false}]', None),
        ("[]", None),
        ("{}", None),
        ("no JSON", None),
    ],
)
def test_read_share_ignores_cached_tokens(said: str, share: float | None) -> None:
    with Slots(said) as server:
        assert read_share(server.url, "k", 1_000) == share


def test_read_share_is_none_without_server_or_key() -> None:
    with Slots(slot(1, 0)) as server:
        assert read_share(server.url, "another", 1_000) is None
    assert read_share(server.url, "k", 1_000) is None

"""How far a server is with a question, by its own figures."""

from __future__ import annotations

import json

import pytest

from aloop.local_model.server import share_read
from tests.stub import StubServer
from tests.stub.replies import Plain
from tests.stub.server import Reply, Request


class Slots(StubServer):
    """Says what it was made with, to whoever has the key."""

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
def test_a_share_is_of_what_is_not_known_already(said: str, share: float | None) -> None:
    with Slots(said) as server:
        assert share_read(server.url, "k", 1_000) == share


def test_without_a_server_or_its_key_nothing_is_known() -> None:
    with Slots(slot(1, 0)) as server:
        assert share_read(server.url, "another", 1_000) is None
    assert share_read(server.url, "k", 1_000) is None

"""The stub itself, requested without the SDK."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

import pytest

from tests.stub import Answer, Cut, Drop, Gate, HTTPError, NoResponse, Reset, StubServer, Text, Thinking, ToolUse

HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def connect(stub: StubServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(stub.url.removeprefix("http://"), timeout=20)


def post(stub: StubServer, text: str = "hi") -> tuple[int, str]:
    connection = connect(stub)
    try:
        body = HI | {"messages": [{"role": "user", "content": text}]}
        connection.request("POST", "/v1/messages", json.dumps(body), {"X-Test": "1"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def events(body: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line.startswith("data: ")]


def test_last_user_text_is_echoed_without_a_script(stub: StubServer) -> None:
    status, body = post(stub, "anyone there?")
    text = "".join(event["delta"]["text"] for event in events(body) if event["type"] == "content_block_delta")
    assert (status, text) == (200, "You said: anyone there?")


def test_requests_are_recorded(stub: StubServer) -> None:
    post(stub)
    (request,) = stub.wait_for_requests(1)
    assert (request.method, request.path, request.headers["x-test"]) == ("POST", "/v1/messages", "1")
    assert request.body["model"] == "m"


def test_replies_follow_the_order_of_the_script(stub: StubServer) -> None:
    stub.script("one", HTTPError(529), ToolUse("add", {"a": 1}))
    assert stub.remaining == 3
    assert [post(stub)[0] for _ in range(3)] == [200, 529, 200]
    assert stub.remaining == 0


def test_answer_is_a_complete_stream(stub: StubServer) -> None:
    stub.script(Answer(Thinking("hm", signature="s"), Text("so be it"), ToolUse("add", {"a": 1}, call_id="toolu_1")))
    sent = events(post(stub)[1])
    assert [event["type"] for event in sent if "index" not in event] == [
        "message_start",
        "ping",
        "message_delta",
        "message_stop",
    ]
    starts = [event["content_block"]["type"] for event in sent if event["type"] == "content_block_start"]
    assert starts == ["thinking", "text", "tool_use"]
    pieces = [event["delta"] for event in sent if event["type"] == "content_block_delta"]
    assert "".join(piece.get("partial_json", "") for piece in pieces) == '{"a": 1}'
    assert next(event for event in sent if event["type"] == "message_delta")["delta"]["stop_reason"] == "tool_use"


def test_http_error_has_the_body_of_the_api(stub: StubServer) -> None:
    stub.script(HTTPError(429, "slow down", headers={"retry-after": "9"}))
    status, body = post(stub)
    assert status == 429
    assert json.loads(body)["error"] == {"type": "rate_limit_error", "message": "slow down"}


def test_gate_holds_the_stream_until_opened(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("one ", gate, "two"))
    answers: list[tuple[int, str]] = []
    reader = threading.Thread(target=lambda: answers.append(post(stub)))
    reader.start()
    gate.wait_until_reached()
    assert answers == []
    gate.open()
    reader.join()
    assert "two" in answers[0][1]


def test_disconnect_at_a_gate_is_noticed(stub: StubServer) -> None:
    gate = Gate()
    stub.script(Text("one ", gate))
    connection = connect(stub)
    connection.request("POST", "/v1/messages", json.dumps(HI))
    gate.wait_until_reached()
    connection.close()
    stub.requests[0].wait_until_disconnected()


def test_cut_stream_is_valid_http_without_its_end(stub: StubServer) -> None:
    stub.script(Text("half ", Cut()))
    assert "message_stop" not in post(stub)[1]


@pytest.mark.parametrize("reply", [Text("half ", Drop()), Text("half ", Reset()), NoResponse()])
def test_dropped_and_reset_connections_raise(stub: StubServer, reply: Text | NoResponse) -> None:
    stub.script(reply)
    with pytest.raises((http.client.HTTPException, OSError)):
        post(stub)


def test_closing_the_stub_drops_held_connections() -> None:
    gate = Gate()
    with StubServer() as stub:
        stub.script(Text("one ", gate))
        connection = connect(stub)
        connection.request("POST", "/v1/messages", json.dumps(HI))
        response = connection.getresponse()
        gate.wait_until_reached()
    with pytest.raises((http.client.HTTPException, OSError)):
        response.read()
    connection.close()


def test_stub_refuses_an_invalid_conversation() -> None:
    with StubServer() as stub:
        connection = connect(stub)
        connection.request("POST", "/v1/messages", json.dumps({"model": "m", "messages": []}))
        response = connection.getresponse()
        assert (response.status, b"at least one message" in response.read()) == (400, True)
        connection.close()


def test_model_lookup_returns_its_id(stub: StubServer) -> None:
    connection = connect(stub)
    connection.request("GET", "/v1/models/claude-x")
    assert json.loads(connection.getresponse().read())["id"] == "claude-x"
    connection.close()

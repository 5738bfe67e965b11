"""Show what happens with the habits of other servers and gateways.

    python -m tests.figures.server_habits

Each habit is played by the stub over HTTP to an agent with tools. A row shows whether the answer came as if from the
API itself ("handled"), the notice that the user sees, or the sentence that ends the turn, and the number of requests.
After each habit, another turn must succeed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aloop.agent.agent import ReActAgent
from aloop.agent.events import AgentEvent, AnswerDelta, Notice, ToolFinished
from aloop.config.values import Endpoint
from aloop.errors import AloopError
from aloop.llm.anthropic.client import AnthropicLLM
from aloop.llm.anthropic.server_profile import ServerProfile
from aloop.llm.retry import RetryPolicy
from tests.agent.scripted import no_pause
from tests.stub import Answer, Foreign, HTTPError, NoResponse, Ping, Plain, StubServer, Text, Thinking, ToolUse
from tests.stub.server import KEY

HANDLED = "handled"
DONE = "It is 4."
_NEXT = "I am well."
_SUM = {"expression": "2+2"}

Make = Callable[[StubServer], AnthropicLLM]
Reply = Answer | Plain | NoResponse | str


def _api(stub: StubServer) -> AnthropicLLM:
    return AnthropicLLM("claude-test", base_url=stub.url, api_key=KEY)


def _api_under_v1(stub: StubServer) -> AnthropicLLM:
    return AnthropicLLM("claude-test", base_url=f"{stub.url}/v1/", api_key=KEY)


def _without_list(stub: StubServer) -> AnthropicLLM:
    stub.window = None
    return _api(stub)


def _thinking(stub: StubServer) -> AnthropicLLM:
    return AnthropicLLM("claude-opus-5-5", base_url=stub.url, api_key=KEY)


def _gateway(stub: StubServer) -> AnthropicLLM:
    endpoint = Endpoint("gateway", base_url=f"{stub.url}/v1")
    return AnthropicLLM("deepseek-v4", profile=ServerProfile(name="gateway", endpoint=endpoint))


@dataclass(frozen=True)
class Habit:
    """A habit, the ``replies`` that show it, and the outcome that it must have.

    In ``outcome``, HOST is the address of the server. ``check`` raises AssertionError for a wrong request.
    """

    name: str
    replies: Sequence[Reply]
    outcome: str = HANDLED
    requests: int = 1
    make: Make = _api
    check: Callable[[StubServer], None] = lambda stub: None


@dataclass(frozen=True)
class Row:
    """The outcome of one habit."""

    name: str
    outcome: str
    requests: int


# --- answers ---


def _stream(*events: Mapping[str, Any] | str, named: bool = True, kind: str = "text/event-stream") -> Plain:
    """Return a whole answer; text is sent as it is."""
    lines = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event)
        name = "" if isinstance(event, str) or not named else f"event: {event.get('type', '')}\n"
        lines.append(f"{name}data: {data}\n\n")
    return Plain(200, "".join(lines), {"content-type": kind})


def _start(**fields: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test", "content": []}
    return {"type": "message_start", "message": message | {"usage": {"input_tokens": 9, "output_tokens": 1}} | fields}


def _block(block: Mapping[str, Any], **place: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "content_block": block} | place


def _delta(delta: Mapping[str, Any], **place: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "delta": delta} | place


def _end(reason: str | None = "end_turn") -> list[dict[str, Any]]:
    stop = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}}
    return [stop, {"type": "message_stop"}]


def _text(text: str = DONE, index: int = 0) -> list[dict[str, Any]]:
    place = {"index": index}
    return [_block({"type": "text", "text": ""}, **place), _delta({"type": "text_delta", "text": text}, **place)]


def _call(call_id: str | None = "toolu_1", start: object = None, sent: object = None) -> list[dict[str, Any]]:
    """Return a call with arguments in the start event, in a delta, or both."""
    block = {"type": "tool_use", "id": call_id, "name": "calculator", "input": start or {}}
    deltas = [_delta({"type": "input_json_delta", "partial_json": sent}, index=0)] if sent is not None else []
    return [_block(block, index=0), *deltas]


def _calls(*ids: str) -> Answer:
    return Answer(*(ToolUse("calculator", _SUM, call_id=call_id) for call_id in ids))


def _called(reason: str = "tool_use", **call: Any) -> Sequence[Reply]:
    return [_stream(_start(), *_call(**call), *_end(reason)), DONE]


def _json(status: int, body: object, **headers: str) -> Plain:
    return Plain(status, json.dumps(body), {"content-type": "application/json"} | headers)


WHOLE = {
    "type": "message",
    "role": "assistant",
    "model": "claude-test",
    "content": [{"type": "text", "text": DONE}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 9, "output_tokens": 7},
}
CALL = json.dumps(_SUM)


def _limited(retry_after: str) -> Plain:
    return _json(429, {"error": "Slow down."}, **{"retry-after": retry_after})


def _date(**later: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**later), usegmt=True)


def _sends(*parts: str) -> Callable[[StubServer], None]:
    """Return a check that the last request has each of ``parts`` in it."""

    def check(stub: StubServer) -> None:
        sent = json.dumps(stub.requests[-1].body)
        assert all(part in sent for part in parts), sent

    return check


def _omits(*parts: str) -> Callable[[StubServer], None]:
    """Return a check that the last request has none of ``parts`` in it."""

    def check(stub: StubServer) -> None:
        sent = json.dumps(stub.requests[-1].body)
        assert not any(part in sent for part in parts), sent

    return check


_UNBOUND = "messages.1.content.0: Invalid `signature` in `thinking` block."
_REFUSED = "The request was rejected"
_ELSEWHERE = (
    "so nothing was sent there. If that server is yours, set ANTHROPIC_BASE_URL or base_url in the settings to it."
)
_NOT_HERE = "instead of the Messages API. Check ANTHROPIC_BASE_URL or base_url in the settings."

CALL_HABITS = (
    Habit("arguments in the start and in the deltas", _called(start=_SUM, sent=CALL), requests=2),
    Habit("arguments in the start only", _called(start=_SUM), requests=2),
    Habit("arguments in a delta as an object", _called(sent=_SUM), requests=2),
    Habit("a call in an answer that ends with end_turn", _called("end_turn", sent=CALL), requests=2),
    Habit("a call in an answer that ends with tool_calls", _called("tool_calls", sent=CALL), requests=2),
    Habit("an empty call ID", _called(call_id="", sent=CALL), requests=2),
    Habit("no call ID at all", _called(call_id=None, sent=CALL), requests=2),
    Habit("a call ID that is not ASCII", [_calls("número:1/é"), DONE], requests=2, check=_omits("número")),
    Habit("two calls with one ID", [_calls("call_1", "call_1"), DONE], requests=2),
    Habit("call IDs that are equal without their special characters", [_calls("c.1", "c:1"), DONE], requests=2),
    Habit("a call ID of an earlier answer", [_calls("call_1"), _calls("call_1"), DONE], requests=3),
)
STREAM_HABITS = (
    Habit("no index", [_stream(_start(), *({k: v for k, v in e.items() if k != "index"} for e in _text()), *_end())]),
    Habit("the same index for each block", [_stream(_start(), *_text("It is "), *_text("4."), *_end())]),
    Habit("a delta without a start of its block", [_stream(_start(), _text()[1], *_end())]),
    Habit(
        "a second message_start",
        [_stream(_start(), *_text("It is"), _start(), *_text(), *_end())],
        "The server started its answer again. The text above is not part of the session.",
    ),
    Habit("no event names", [_stream(_start(), *_text(), *_end(), named=False)]),
    Habit("[DONE] at the end", [_stream(_start(), *_text(), *_end(), "[DONE]")]),
    Habit("an unreadable event after the end", [_stream(_start(), *_text(), *_end(), "{")]),
    Habit("no stop reason, but an end", [_stream(_start(), *_text(), *_end(None))]),
    Habit("no end, but a stop reason", [_stream(_start(), *_text(), *_end()[:1])]),
    Habit("no usage", [_stream(_start(usage=None), *_text(), *_end())]),
    Habit("usage that is not a number", [_stream(_start(usage={"input_tokens": "many"}), *_text(), *_end())]),
    Habit("unknown events and fields", [_stream(_start(x=1), {"type": "news"}, *_text(), *_end())]),
    Habit("a stream of the type text/plain", [_stream(_start(), *_text(), *_end(), kind="text/plain")]),
    Habit("a whole answer in place of a stream", [_json(200, WHOLE)]),
    Habit("hundreds of pings before the answer", [Answer(*[Ping()] * 500, Text(DONE))]),
    Habit("a paused turn", [Answer(Text("It is "), stop_reason="pause_turn"), "4."], requests=2),
    Habit(
        "a paused turn without content",
        [Answer(stop_reason="pause_turn")],
        "The model sent an empty answer. Send the message again.",
    ),
    Habit("an empty answer", [Answer()], "The model sent an empty answer. Send the message again."),
    Habit("unsigned thinking of the API", [Answer(Thinking("hm", signature=""), Text(DONE))], check=_omits('"hm"')),
    Habit(
        "unsigned thinking of a model that wants it back",
        [Answer(Thinking("hm", signature=""), Text(DONE))],
        make=_gateway,
        check=_sends('"hm"'),
    ),
    Habit(
        "the same call with the same result, again and again",
        [_calls("a"), _calls("b"), _calls("c")],
        "answered 'I stopped because I made the same tool call 3 times and got the same result each time. Write "
        "“continue” to let me try again, or tell me what to do differently.'",
        requests=3,
    ),
)
OTHER_API_HABITS = (
    Habit(
        "HTML with status 200",
        [Plain(200, "<html><title>Sign in</title></html>")],
        f"HOST answered with a web page (Sign in) {_NOT_HERE}",
    ),
    Habit(
        "a chat completion in place of an answer",
        [_json(200, {"choices": [{"message": {"content": DONE}}]})],
        f"HOST answered in the format of another API {_NOT_HERE}",
    ),
    Habit(
        "a stream of chat completion chunks",
        [_stream({"choices": [{"delta": {"content": "It"}}]}, named=False)],
        f"HOST answered in the format of another API {_NOT_HERE}",
    ),
    Habit(
        "an error with status 200",
        [_json(200, {"error": {"message": "Model is cold", "code": 400}})],
        f"{_REFUSED} (400): Model is cold.",
    ),
    Habit(
        "an error in the stream without a name",
        [_stream({"error": {"message": "No.", "code": 400}}, named=False)],
        f"{_REFUSED} (400): No.",
    ),
)
ERROR_HABITS = (
    Habit(
        'an error as {"error": {"message": ...}}',
        [_json(400, {"error": {"message": "Bad tool."}})],
        f"{_REFUSED} (400): Bad tool.",
    ),
    Habit('an error as {"error": ...}', [_json(400, {"error": "Bad tool."})], f"{_REFUSED} (400): Bad tool."),
    Habit(
        'an error as {"detail": ...}',
        [_json(403, {"detail": "No access."})],
        "The request is not allowed (403): No access. Check the permissions of ANTHROPIC_API_KEY.",
    ),
    Habit(
        'an error as {"detail": [{"msg": ...}]}',
        [_json(422, {"detail": [{"loc": ["body"], "msg": "Field required"}]})],
        f"{_REFUSED} (422): Field required.",
    ),
    Habit(
        "an error as text",
        [Plain(401, "Token expired", {"content-type": "text/plain"})],
        "The API key was refused (401): Token expired. Check ANTHROPIC_API_KEY.",
    ),
    Habit(
        "an error as a web page",
        [Plain(413, "<html><head><title>413 Too Large</title></head></html>")],
        "The conversation is too large to send (413): 413 Too Large. Shorten it with /compact, start a new session "
        "with /clear, or send less.",
    ),
    Habit(
        "an error without a body",
        [Plain(404, "")],
        "The Messages API was not found at HOST (404). Check ANTHROPIC_BASE_URL or base_url in the settings.",
    ),
    Habit("Retry-After as a date", [_limited(_date(seconds=30)), DONE], requests=2),
    Habit(
        "Retry-After of hours",
        [_limited(_date(hours=3))],
        "Too many requests (429): Slow down. Try again in 3 hours.",
    ),
    Habit(
        "a daily quota",
        [_json(429, {"error": {"message": "Daily quota exceeded for this key."}})],
        "The limit of this account has been reached (429): Daily quota exceeded for this key.",
    ),
    Habit(
        "an empty account",
        [_json(400, {"error": {"message": "Your credit balance is too low."}})],
        "The limit of this account has been reached (400): Your credit balance is too low.",
    ),
    Habit("overload twice", [HTTPError(529, retry=True), HTTPError(503, retry=True), DONE], requests=3),
    Habit("no response", [NoResponse(), DONE], requests=2),
)
_SEARCHED = Foreign({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "2+2"}})
REQUEST_HABITS = (
    Habit(
        "refusal of cache_control",
        [HTTPError(400, "tools.0.cache_control: Extra inputs are not permitted"), DONE],
        requests=2,
        check=_omits("cache_control"),
    ),
    Habit(
        "refusal of adaptive thinking",
        [HTTPError(400, "adaptive thinking is not supported on this model"), DONE],
        requests=2,
        make=_thinking,
        check=_omits("adaptive"),
    ),
    Habit(
        "refusal of the length of the answer",
        [HTTPError(400, "max_tokens: 32000 > 8192, which is the maximum"), DONE],
        requests=2,
        check=_sends('"max_tokens": 8192'),
    ),
    Habit(
        "refusal of earlier thinking",
        [Answer(Thinking("hm"), ToolUse("calculator", _SUM)), HTTPError(400, _UNBOUND), DONE],
        "The server does not accept the earlier thinking of this session, so it is no longer sent.",
        requests=3,
        check=_omits('"hm"'),
    ),
    Habit(
        "refusal of the thinking setting after a thought",
        [Answer(Thinking("hm"), ToolUse("calculator", _SUM)), HTTPError(400, "thinking is not supported"), DONE],
        requests=3,
        make=_thinking,
        check=_sends('"hm"'),
    ),
    Habit(
        "refusal of content that only the server understands",
        [Answer(_SEARCHED, ToolUse("calculator", _SUM)), HTTPError(400, "messages.1.content.0: unknown type"), DONE],
        "The server does not accept some content of earlier answers, so it is asked without that.",
        requests=3,
        check=_omits("server_tool_use"),
    ),
    Habit("a base URL that ends in /v1", [DONE], make=_api_under_v1),
    Habit("no list of models", [DONE], make=_without_list),
    Habit("a redirect within the server", [Plain(307, "", {"location": "/v1/messages?again"}), DONE], requests=2),
    Habit(
        "a redirect that drops the request",
        [Plain(302, "", {"location": "/v1/messages"})],
        f"HOST redirects requests to http://HOST/v1/messages, {_ELSEWHERE}",
    ),
    Habit(
        "a redirect to another server",
        [Plain(308, "", {"location": "http://127.0.0.2:9/v1/messages"})],
        f"HOST redirects requests to http://127.0.0.2:9/v1/messages, {_ELSEWHERE}",
    ),
    Habit(
        "redirects without an end",
        [Plain(307, "", {"location": "/v1/messages"})] * 60,
        "Could not reach HOST (Exceeded maximum allowed redirects.). Check the network, and ANTHROPIC_BASE_URL if set.",
        requests=21,
    ),
)
HABITS = (*CALL_HABITS, *STREAM_HABITS, *OTHER_API_HABITS, *ERROR_HABITS, *REQUEST_HABITS)


async def try_habit(habit: Habit) -> Row:
    """Play a habit to an agent, then take another turn.

    Raises AssertionError if a tool call failed, the answer was not shown, the request is wrong, or the next turn needs
    a repair or fails.
    """
    events: list[AgentEvent] = []
    variables = patch.dict(os.environ, {"ANTHROPIC_API_KEY": KEY})
    with variables, StubServer() as stub, tempfile.TemporaryDirectory() as folder:
        llm = habit.make(stub)
        agent = ReActAgent(
            llm, sessions_dir=Path(folder, "sessions"), on_event=events.append, retry=RetryPolicy(sleep=no_pause)
        )
        stub.script(*habit.replies)
        try:
            answer = await agent.run("What is 2+2?")
            shown = "".join(event.text for event in events if isinstance(event, AnswerDelta))
            assert shown.endswith(answer), "the answer was not shown"
            notices = [event.text for event in events if isinstance(event, Notice)]
            outcome = " ".join(notices) or (HANDLED if answer == DONE else f"answered {answer!r}")
        except AloopError as error:
            outcome = str(error).replace(stub.url.removeprefix("http://"), "HOST").replace("127.0.0.1", "HOST")
        requests = len(stub.requests)
        assert not any(event.result.is_error for event in events if isinstance(event, ToolFinished)), "a call failed"
        stub.drop_script()
        stub.script(_NEXT)
        assert await agent.run("How are you?") == _NEXT
        assert len(stub.requests) == requests + 1
        habit.check(stub)
        await llm.aclose()
    return Row(habit.name, outcome, requests)


def main() -> int:
    """Print the table; return 1 if a row is not as it must be."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    width = max(len(habit.name) for habit in HABITS)
    wrong = 0
    for habit in HABITS:
        row = asyncio.run(try_habit(habit))
        is_right = (row.outcome, row.requests) == (habit.outcome, habit.requests)
        wrong += not is_right
        print(f"{row.name:{width}}  {row.requests} {'  ' if is_right else '! '}{row.outcome}")
    print(f"{len(HABITS) - wrong} of {len(HABITS)} habits are handled as they must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

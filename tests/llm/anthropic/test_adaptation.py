"""The parts of a request that are left out after a rejection, by its words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aloop.errors import ContextOverflow, LLMError, RequestRejected
from aloop.llm.anthropic.adaptation import Adaptation, Offered
from aloop.llm.anthropic.wire import WireRequest, to_message, to_request
from aloop.llm.content.parts import ContentPart
from aloop.llm.layout import Block
from aloop.llm.message_types import LLMMessage, ToolCall
from tests.stub.binding import REFUSAL

SEARCH: Block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
CITING: Block = {"type": "text", "text": "It is so.", "citations": [{"url": "https://a.example", "title": "A"}]}
THINKING: Block = {"type": "thinking", "thinking": "Hm.", "signature": "sig1"}
OFFERED = Offered(thinking=True, effort="high", max_tokens=64_000)


def request_for(adaptation: Adaptation, *blocks: Block) -> WireRequest:
    answer = to_message(blocks or (THINKING, SEARCH, CITING))
    history = [LLMMessage("user", "Is it?"), answer, LLMMessage("user", "Sure?")]
    return to_request(history, (), adaptation.rules(unsigned=False))


def learn(words: str, parameter: str = "", offered: Offered = OFFERED) -> tuple[Adaptation, str | None]:
    adaptation, error = Adaptation(), RequestRejected(f"The request was rejected (400): {words}")
    error.parameter = parameter
    return adaptation, adaptation.learn(error, request_for(adaptation), offered, "claude-test")


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        ("adaptive thinking is not supported on this model", ""),
        ("thinking is not supported by this model", ""),
        ("thinking.adaptive.display: Extra inputs are not permitted", ""),
        ("thinking: Input tag 'adaptive' found using 'type' does not match any of the expected tags", ""),
        ('"thinking.type.adaptive" is not supported for this model.', ""),
        ("`max_tokens` must be greater than `thinking.budget_tokens`", ""),
        ("Unsupported parameter", "thinking"),
        ("messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`.", ""),
        ("When `thinking` is enabled, a final `assistant` message must start with a thinking block", ""),
    ],
)
def test_rejected_thinking_setting_keeps_the_earlier_thinking(words: str, parameter: str) -> None:
    adaptation, note = learn(words, parameter)
    assert (adaptation.without, adaptation.refused, note) == ({"thinking"}, set(), "")


@pytest.mark.parametrize(
    "words",
    [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        REFUSAL.format(1, 0),
        "messages.1.content.0: Extra inputs are not permitted",
        "messages[1].content[0]: unknown type",
        "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified",
        "invalid signature",
    ],
)
def test_rejected_thinking_block_keeps_the_setting(words: str) -> None:
    adaptation, note = learn(words)
    assert (adaptation.without, adaptation.refused) == (set(), {"sig1"})
    assert note == "The server does not accept the earlier thinking of this session, so it is no longer sent."
    assert not request_for(adaptation).signatures


def test_rejection_of_thinking_that_persists_leaves_out_setting_and_blocks() -> None:
    adaptation, error = Adaptation(), RequestRejected("thinking is not available")
    for _ in range(2):
        assert adaptation.learn(error, request_for(adaptation), OFFERED, "m") is not None
    assert (adaptation.without, adaptation.refused) == ({"thinking"}, {"sig1"})


@pytest.mark.parametrize(
    "words",
    [
        "messages.1.content.1: Input tag 'server_tool_use' found using 'type' does not match any of the expected tags",
        "messages.1.content.2.citations: Extra inputs are not permitted",
        "malformed input request, please reformat your input",
        "Bad Request",
    ],
)
def test_rejected_provider_blocks_are_left_out_and_their_text_is_sent(words: str) -> None:
    adaptation, note = learn(words)
    assert note
    request = request_for(adaptation)
    assert [block["type"] for block in request.turns[1]["content"]] == ["thinking", "text"]
    assert request.turns[1]["content"][-1] == {"type": "text", "text": "It is so."}
    adaptation.settle(accepted=True)
    assert not request_for(adaptation).provider_blocks


def test_provider_blocks_come_back_if_leaving_them_out_did_not_help() -> None:
    adaptation, error = Adaptation(), RequestRejected("Bad Request")
    assert adaptation.learn(error, request_for(adaptation), OFFERED, "m")
    assert adaptation.learn(error, request_for(adaptation), OFFERED, "m") is None
    adaptation.settle(accepted=False)
    assert len(request_for(adaptation).provider_blocks) == 2


PICTURE = ContentPart("image", "files/0123456789abcdef.png", "image/png", 3, "dot.png", after_chars=5, data=b"png")
PAPER = replace(PICTURE, kind="document", name="a.pdf", media_type="application/pdf", data=b"pdf")


def looking(adaptation: Adaptation) -> WireRequest:
    read = LLMMessage("tool", "See: ", tool_call_id="toolu_1", name="read_file", parts=(PAPER,))
    asked = LLMMessage("user", "Look ", parts=(PICTURE,))
    call = LLMMessage("assistant", None, tool_calls=(ToolCall("toolu_1", "read_file"),))
    return to_request([asked, call, read], (), adaptation.rules(unsigned=False))


def kinds(request: WireRequest) -> list[str]:
    return [block["type"] for block in (*request.turns[0]["content"], *request.turns[2]["content"][0]["content"])]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Could not process image", ["text", "text", "text", "text"]),
        ("messages.0.content.1.image.source.base64: invalid", ["text", "text", "text", "document"]),
        ("messages.2.content.0.tool_result.content.1: too many pages", ["text", "image", "text", "text"]),
        ("Bad Request", ["text", "text", "text", "text"]),
    ],
)
def test_rejected_images_and_documents_become_words(words: str, expected: list[str]) -> None:
    adaptation = Adaptation()
    assert kinds(looking(adaptation)) == ["text", "image", "text", "document"]
    assert adaptation.learn(RequestRejected(words), looking(adaptation), OFFERED, "m")
    adaptation.settle(accepted=True)
    assert kinds(looking(adaptation)) == expected


@pytest.mark.parametrize(
    "words", ["Invalid tool name. See the documentation.", "tools.3: see https://a.example/document"]
)
def test_images_come_back_if_the_reason_only_mentions_documentation(words: str) -> None:
    adaptation = Adaptation()
    assert adaptation.learn(RequestRejected(words), looking(adaptation), OFFERED, "m")
    adaptation.settle(accepted=False)
    assert kinds(looking(adaptation)) == ["text", "image", "text", "document"]


def test_images_come_back_if_leaving_them_out_did_not_help() -> None:
    adaptation, error = Adaptation(), RequestRejected("Bad Request")
    assert adaptation.learn(error, looking(adaptation), OFFERED, "m")
    assert adaptation.learn(error, looking(adaptation), OFFERED, "m") is None
    adaptation.settle(accepted=False)
    assert kinds(looking(adaptation)) == ["text", "image", "text", "document"]


def test_rejected_call_of_a_caller_is_sent_as_a_plain_call() -> None:
    call: Block = {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "add",
        "input": {},
        "caller": {"type": "code", "tool_id": "x"},
    }
    adaptation = Adaptation()
    first = request_for(adaptation, call)
    assert adaptation.learn(RequestRejected("messages.1.content.0.caller: unknown"), first, OFFERED, "m")
    assert request_for(adaptation, call).turns[1]["content"] == [
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}}
    ]


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        ("system.0.cache_control: Extra inputs are not permitted", "cache"),
        ("This model does not support effort level 'high'. Supported levels: low.", "effort"),
        ("output_config: Extra inputs are not permitted", "effort"),
    ],
)
def test_rejected_setting_is_left_out(words: str, left_out: str) -> None:
    adaptation, _ = learn(words)
    assert (adaptation.without, adaptation.refused, adaptation.refused_blocks) == ({left_out}, set(), set())


def test_named_limit_of_tokens_is_taken() -> None:
    adaptation, note = learn("max_tokens: 64000 > 8192, which is the maximum for claude-test")
    assert (adaptation.longest, note) == (8192, "")


@pytest.mark.parametrize("error", [ContextOverflow("prompt is too long"), LLMError("thinking")])
def test_other_errors_change_nothing(error: LLMError) -> None:
    adaptation = Adaptation()
    assert adaptation.learn(error, request_for(adaptation), OFFERED, "m") is None
    assert adaptation == Adaptation()


def test_rejection_without_anything_optional_is_final() -> None:
    adaptation = Adaptation()
    request = request_for(adaptation, {"type": "text", "text": "Yes."})
    assert adaptation.learn(RequestRejected("thinking"), request, replace(OFFERED, thinking=False), "m") is None


def test_longest_answer_of_no_tokens_is_not_asked_for_again_and_again() -> None:
    adaptation, error = Adaptation(), RequestRejected("max_tokens: 64000 > 0, which is the maximum for claude-test")
    request = to_request([LLMMessage("user", "Hi")])
    assert adaptation.learn(error, request, OFFERED, "claude-test") is None

"""The offline demo: its answers, and the requests that it recognizes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloop.llm.base import Reply, StreamEvent, TextDelta, ToolSpec
from aloop.llm.message_types import LLMMessage, ToolCall, Usage
from aloop.llm.offline import Intent, OfflineLLM, find_expression, find_intent

CALCULATOR = ToolSpec("calculator", "", {"type": "object", "required": ["expression"]})
READ_FILE = ToolSpec("read_file", "", {"type": "object", "properties": {"path": {}}, "required": ["path"]})
TOOLS = (CALCULATOR, READ_FILE)


async def collect(*messages: LLMMessage, tools: tuple[ToolSpec, ...] = TOOLS) -> list[StreamEvent]:
    return [event async for event in OfflineLLM(delay=0).stream(messages, tools)]


async def reply_to(*messages: LLMMessage, tools: tuple[ToolSpec, ...] = TOOLS) -> Reply:
    last = (await collect(*messages, tools=tools))[-1]
    assert isinstance(last, Reply)
    return last


async def text_of(*messages: LLMMessage, tools: tuple[ToolSpec, ...] = TOOLS) -> str:
    return (await reply_to(*messages, tools=tools)).message.content or ""


def user(text: str) -> LLMMessage:
    return LLMMessage("user", text)


def used(tool: str, argument: str, content: str, *, is_error: bool = False) -> tuple[LLMMessage, LLMMessage]:
    call = ToolCall("call_1", tool, json.dumps({"input": argument}))
    result = LLMMessage("tool", content, tool_call_id="call_1", name=tool, is_error=is_error)
    return LLMMessage("assistant", tool_calls=(call,)), result


async def test_streamed_pieces_make_up_the_answer() -> None:
    *pieces, reply = await collect(user("tell me about the sea"))
    assert isinstance(reply, Reply)
    assert len(pieces) > 5
    texts = [piece.text for piece in pieces if isinstance(piece, TextDelta)]
    assert "".join(texts) == reply.message.content


async def test_offline_answers_are_deterministic() -> None:
    assert await collect(user("tell me about the sea")) == await collect(user("tell me about the sea"))


async def test_offline_answer_has_a_model_and_no_usage() -> None:
    reply = await reply_to(user("hello"))
    assert (reply.message.model, reply.message.usage, reply.usage) == ("offline", None, Usage())


async def test_only_the_first_answer_introduces_the_demo() -> None:
    first = await text_of(user("hello"))
    assert "not a language model" in first
    assert "ANTHROPIC_API_KEY" in first
    second = await text_of(user("hello"), LLMMessage("assistant", first), user("and now?"))
    assert "not a language model" not in second


async def test_answer_quotes_the_start_of_a_text_and_counts_messages() -> None:
    earlier = (LLMMessage("system", "Be kind."), user("a"), LLMMessage("assistant", "b"))
    text = await text_of(*earlier, user("word " * 40))
    assert text.startswith("You wrote: `word word")
    assert "…`" in text
    assert "I remember 3 messages of this conversation." in text


async def test_greeting_is_answered_with_hello() -> None:
    assert (await text_of(user("Hello there!"))).startswith("Hello! I remember 1 message of")


async def test_empty_message_and_empty_history_are_answered() -> None:
    assert "message is empty" in await text_of(user("  "))
    assert "message is empty" in await text_of()


async def test_arithmetic_calls_the_calculator() -> None:
    reply = await reply_to(user("what is 2+2*3?"))
    assert reply.stop_reason == "tool_use"
    assert reply.message.tool_calls == (ToolCall("call_offline_1", "calculator", '{"expression": "2+2*3"}'),)


@pytest.mark.parametrize("result", ["8", "2+2*3 = 8"])
async def test_calculator_result_is_the_answer(result: str) -> None:
    text = await text_of(user("what is 2+2*3?"), *used("calculator", "2+2*3", result))
    assert text.startswith("`2+2*3` = **8**")


async def test_failed_calculation_is_reported() -> None:
    text = await text_of(user("9**9**9"), *used("calculator", "9**9**9", "Too large.", is_error=True))
    assert text.startswith("The tool `calculator` failed for `9**9**9`: Too large.")


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("read notes.txt", "notes.txt"),
        ("Please read the file docs/design.md?", "docs/design.md"),
        ("read 'my notes.txt'", "my notes.txt"),
        ("read `ä b`!", "ä b"),
        ("read ..", ".."),
        ("read 2+2.txt", "2+2.txt"),
    ],
)
async def test_read_request_calls_read_file(asked: str, path: str) -> None:
    (call,) = (await reply_to(user(asked))).message.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("read_file", {"path": path})


async def test_prose_with_the_word_read_calls_no_tool() -> None:
    assert (await reply_to(user("read me a story about the sea"))).stop_reason == "end_turn"


async def test_file_answer_has_the_line_count_and_the_first_lines() -> None:
    content = "\n".join(f"line {number}" for number in range(1, 13))
    text = await text_of(user("read notes.txt"), *used("read_file", "notes.txt", content))
    assert text.startswith("I read **12 lines** of `notes.txt`. It begins with:\n\n```\nline 1\n")
    assert "line 6" not in text


async def test_fence_in_a_file_does_not_end_the_quote() -> None:
    text = await text_of(user("read a.md"), *used("read_file", "a.md", "```\ncode\n```"))
    assert "I read **3 lines** of `a.md`. It contains:\n\n````\n```\ncode\n```\n````" in text


@pytest.mark.parametrize("content", ["", "(the file is empty)"])
async def test_empty_file_is_reported_as_empty(content: str) -> None:
    assert (await text_of(user("read a"), *used("read_file", "a", content))).startswith("`a` is **empty**.")


async def test_backticks_in_a_quote_are_escaped() -> None:
    assert (await text_of(user("say `x`"))).startswith("You wrote: `` say `x` ``.")


@pytest.mark.parametrize("asked", ["read notes.txt", "what is 2+2?"])
async def test_missing_tool_is_reported(asked: str) -> None:
    reply = await reply_to(user(asked), tools=())
    assert reply.message.tool_calls == ()
    assert "no tool for it" in (reply.message.content or "")


async def test_call_ids_are_unique_within_a_conversation() -> None:
    earlier = used("calculator", "1+1", "2")
    kept = LLMMessage("assistant", tool_calls=(ToolCall("call_offline_4", "calculator"),))
    (call,) = (await reply_to(kept, *earlier, user("2+2"))).message.tool_calls
    assert call.id == "call_offline_5"


@pytest.mark.parametrize("arguments", ["not json", "[1]", "{}"])
async def test_call_of_another_model_with_odd_arguments_is_answered(arguments: str) -> None:
    call = ToolCall("c", "search_files", arguments)
    result = LLMMessage("tool", "found", tool_call_id="c")
    assert "I read **1 line**" in await text_of(LLMMessage("assistant", tool_calls=(call,)), result)


async def test_result_without_its_call_is_answered() -> None:
    assert "found" in await text_of(LLMMessage("tool", "found"))


async def test_offline_model_is_usable_after_aclose() -> None:
    llm = OfflineLLM(delay=0)
    await llm.aclose()
    assert [event async for event in llm.stream([user("hello")])]


WRITE_FILE = ToolSpec("write_file", "", {"type": "object", "required": ["path", "content"]})
RUN_SHELL = ToolSpec("run_shell", "", {"type": "object", "required": ["command"]})


async def test_write_and_run_requests_call_their_tools() -> None:
    reply = await reply_to(user("write a.txt: hello"), tools=(WRITE_FILE,))
    assert json.loads(reply.message.tool_calls[0].arguments) == {"path": "a.txt", "content": "hello\n"}
    reply = await reply_to(user("run make"), tools=(RUN_SHELL,))
    assert json.loads(reply.message.tool_calls[0].arguments) == {"command": "make"}
    assert "no tool for it" in await text_of(user("run make"))


async def test_results_of_write_and_run_are_reported() -> None:
    wrote = await text_of(user("write a.txt: x"), *used("write_file", "a.txt", "Changed a.txt: 1 line added.\n--- a"))
    assert wrote.startswith("Done. Changed a.txt: 1 line added.")
    ran = await text_of(user("run make"), *used("run_shell", "make", "all ```done```\n[exit code 0]"))
    assert "I ran `make`.\n\n````\nall ```done```\n[exit code 0]\n````" in ran


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("write notes.txt: hello world", Intent("write_file", ("notes.txt", "hello world\n"))),
        ('Please write the file "my notes.txt":\none\ntwo', Intent("write_file", ("my notes.txt", "one\ntwo\n"))),
        ("write `a: b.txt`: x", Intent("write_file", ("a: b.txt", "x\n"))),
        ("run make test", Intent("run_shell", ("make test",))),
        ("Run `ls -l | wc`.", Intent("run_shell", ("ls -l | wc",))),
        ("read README.md", Intent("read_file", ("README.md",))),
        ("What is 6 * 7?", Intent("calculator", ("6 * 7",))),
    ],
)
def test_find_intent_recognizes_a_request(text: str, intent: Intent) -> None:
    assert find_intent(text) == intent


@pytest.mark.parametrize("text", ["write me a poem", "I run a shop", "write:", "hello", "running late"])
def test_find_intent_of_other_text_is_none(text: str) -> None:
    assert find_intent(text) is None


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("what is 2+2*3?", "2+2*3"),
        ("17 * 23", "17 * 23"),
        ("7-3", "7-3"),
        ("what is 7-3?", "7-3"),
        ("7 - 3 = ?", "7 - 3"),
        ("How much is 10/4", "10/4"),
        ("what's 3 × 4?", "3 * 4"),
        ("3 x 4", "3 * 4"),
        ("2^10", "2**10"),
        ("9**9**9", "9**9**9"),
        ("(1 + 2) * -3", "(1 + 2) * -3"),
        ("what is (3 - 1) / 2", "(3 - 1) / 2"),
        ("1,234,567 + 1", "1234567 + 1"),
        ("the sum 0.1+0.2.", "0.1+0.2"),
        ("it is **2+3**", "2+3"),
    ],
)
def test_find_expression_finds_arithmetic(text: str, expression: str) -> None:
    assert find_expression(text) == expression


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "2025-01-31",
        "what is 2025-10-31?",
        "what is 2025-10-31 + 7?",
        "on 31/01/2025 we met",
        "call 555-1234",
        "what is +1-555-123-4567",
        "49 30 1234-5678",
        "pages 10-20",
        "1/2 cup",
        "item 3 - 4 apples",
        "a well-known a-b test",
        "10:30-11:45",
        "x2+3",
        "3+4x",
        "3,14 + 1",
        "192.168.0.1/24",
        "1920x1080",
        "issue #12-3",
        "v1.2.3-4",
        "C++ 17",
        "5% of 20",
        "**12**",
        "1 2 + 3",
        "f(2+3)",
        "((((",
        "3 +",
        "- one\n- two",
        "1. one\n2. two",
    ],
)
def test_find_expression_ignores_dates_ranges_and_the_like(text: str) -> None:
    assert find_expression(text) is None


def test_find_expression_ignores_long_texts() -> None:
    assert find_expression("2+2 " + "and so on " * 50) is None


@given(st.text(alphabet="0123456789 ()+-*/%^.,x=?ab", max_size=320) | st.text())
def test_find_expression_accepts_any_text(text: str) -> None:
    find_expression(text)


def test_notes_of_aloop_are_not_part_of_a_request() -> None:
    assert find_intent("write a.txt: hello\n\n[Plan mode is off.]") == Intent("write_file", ("a.txt", "hello\n"))
    skills = "[Skills (digest none). The earlier ones do not apply any more.]"
    assert find_intent(f"read a.txt\n\n{skills}") == Intent("read_file", ("a.txt",))

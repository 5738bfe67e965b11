"""A local model over its real server program, with a fake engine."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from aloop.agent.agent import ReActAgent
from aloop.config.settings import Settings
from aloop.errors import LocalModelError, RequestRejected
from aloop.llm import create_llm
from aloop.llm.base import Loading, ModelNote, PromptProgress, Reply, StreamEvent, TextDelta, ToolSpec
from aloop.llm.local import LocalLLM
from aloop.llm.message_types import LLMMessage, ToolCall
from aloop.llm.prompts import BRIEF, IDENTITY, INSTRUCTIONS, summary_request
from aloop.local_model.models import LocalModel
from tests.local_model.installation import install_fake, write_weights
from tests.processes import is_running

HELLO = [LLMMessage("user", "hello")]
TOOL = ToolSpec("calculator", "Calculates.", {"type": "object", "properties": {}})
Make = Callable[..., LocalLLM]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Return a function that makes a local model, by default a toy."""
    made: list[LocalLLM] = []

    def make_llm(*, is_toy: bool = True, **behavior: Any) -> LocalLLM:
        paths = install_fake(tmp_path / "data", **behavior)
        made.append(LocalLLM(LocalModel(paths.weights, "Toy", is_toy=is_toy), paths))
        return made[-1]

    yield make_llm
    for llm in made:
        await llm.aclose()


async def ask(
    llm: LocalLLM, messages: Sequence[LLMMessage] = HELLO, tools: Sequence[ToolSpec] = ()
) -> list[StreamEvent]:
    return [event async for event in llm.stream(messages, tools)]


def answer(events: Sequence[StreamEvent]) -> dict[str, Any]:
    """Return the fake engine's answer: its process ID and the request."""
    assert isinstance(events[-1], Reply)
    value: dict[str, Any] = json.loads(events[-1].message.content or "")
    return value


def notes(events: Sequence[StreamEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, ModelNote)]


async def test_local_model_loads_answers_and_ends_on_aclose(make: Make) -> None:
    llm = make()
    events = await ask(llm)
    assert events[0] == Loading("Toy")
    assert any(isinstance(event, TextDelta) for event in events)
    said = answer(events)
    assert isinstance(events[-1], Reply)
    assert events[-1].message.model == "local:Toy"
    assert Loading("Toy") not in await ask(llm)
    await llm.aclose()
    assert not is_running(said["process"])


async def test_preload_starts_the_local_model(make: Make) -> None:
    llm = make()
    llm.preload()
    assert answer(await ask(llm))["process"]


async def test_prompt_progress_is_reported_until_the_answer_begins(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloop.llm.local._PROGRESS_INTERVAL", 0.01)
    llm = make(window=4096)
    events = await ask(llm, [LLMMessage("user", "read slowly")])
    shares = [event.share for event in events if isinstance(event, PromptProgress)]
    assert len(shares) > 4
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1 == shares[-1]
    answered = next(index for index, event in enumerate(events) if isinstance(event, TextDelta))
    assert not any(isinstance(event, PromptProgress) for event in events[answered:])


async def test_closing_the_stream_during_prompt_progress_ends_the_request(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aloop.llm.local._PROGRESS_INTERVAL", 0.01)
    llm = make()
    stream = llm.stream([LLMMessage("user", "read slowly")])
    assert isinstance(stream, AsyncGenerator)
    async for event in stream:
        if isinstance(event, PromptProgress):
            break
    await stream.aclose()
    assert answer(await ask(llm))["process"]


async def test_toy_requests_have_few_tokens_and_a_low_temperature(make: Make) -> None:
    said = answer(await ask(make()))
    assert (said["asked"]["max_tokens"], said["asked"]["temperature"]) == (200, 0.2)
    assert "cache_control" not in said["asked"]


@pytest.mark.parametrize("is_toy", [True, False])
async def test_repetition_penalty_is_set_in_the_server_of_a_toy_only(make: Make, is_toy: bool) -> None:
    assert ("dry_multiplier" in answer(await ask(make(is_toy=is_toy)))["sampling"]) is is_toy


async def test_first_answer_of_a_toy_has_a_note_about_its_limits(make: Make) -> None:
    llm = make()
    [note] = notes(await ask(llm))
    assert "often wrong, and without tools" in note
    later = [*HELLO, LLMMessage("assistant", "Hi", model="local:Toy"), *HELLO]
    assert notes(await ask(llm, later)) == []
    elsewhere = [*HELLO, LLMMessage("assistant", "Hi", model="claude-x"), *HELLO]
    assert len(notes(await ask(llm, elsewhere))) == 1


async def test_model_without_tools_gets_no_tools_and_a_short_system_prompt(make: Make) -> None:
    call = ToolCall("c1", "calculator", "{}")
    history = [
        LLMMessage("system", f"{IDENTITY}\n\nTools: calculator.\n\nBe kind."),
        LLMMessage("user", "one"),
        LLMMessage("assistant", tool_calls=(call,)),
        LLMMessage("tool", "4", tool_call_id="c1"),
        LLMMessage("assistant", "It is 4."),
        LLMMessage("user", "two"),
    ]
    asked = answer(await ask(make(), history, [TOOL]))["asked"]
    assert "tools" not in asked
    assert asked["system"] == f"{BRIEF}\n\nBe kind."
    assert [message["content"][0]["text"] for message in asked["messages"]] == ["one", "It is 4.", "two"]


async def test_model_with_tools_gets_tools_and_the_whole_system_prompt(make: Make) -> None:
    events = await ask(
        make(is_toy=False, takes_tools=True, window=8192), [LLMMessage("system", IDENTITY), *HELLO], [TOOL]
    )
    asked = answer(events)["asked"]
    assert [tool["name"] for tool in asked["tools"]] == ["calculator"]
    assert (asked["system"], asked["max_tokens"]) == (IDENTITY, 2048)
    assert notes(events) == []


async def test_tool_calls_of_a_local_model_are_run(make: Make, sessions_dir: Path) -> None:
    agent = ReActAgent(make(is_toy=False, takes_tools=True, window=32_768), sessions_dir=sessions_dir)
    said = json.loads(await agent.run("call"))["asked"]["messages"]
    assert [block["type"] for message in said for block in message["content"]] == [
        *("text", "text", "tool_use", "tool_result")
    ]
    assert said[1]["content"][1]["input"] == {"expression": "17*23"}
    assert "391" in str(said[2]["content"][0]["content"])


async def test_oldest_messages_that_do_not_fit_are_left_out_with_a_note(make: Make) -> None:
    turns = [LLMMessage(role, f"{role} {n} " + "word " * 50) for n in range(9) for role in ("user", "assistant")]
    events = await ask(make(window=700), [*turns, LLMMessage("user", "the last")])
    sent = answer(events)["asked"]["messages"]
    assert sent[-1]["content"][0]["text"] == "the last"
    assert sent[0]["role"] == "user"
    left_out = 19 - len(sent)
    assert left_out > 0
    assert (
        f"Toy has a context window of 700 tokens, so the oldest {left_out} messages are not sent" in notes(events)[-1]
    )


async def test_message_longer_than_the_window_is_refused(make: Make) -> None:
    with pytest.raises(
        RequestRejected, match=r"^The message is too long for Toy, which has a context window of 700 tokens\."
    ):
        await ask(make(window=700), [LLMMessage("user", "word " * 2_000)])


async def test_toy_summary_request_contains_only_user_messages(make: Make) -> None:
    transcript = "[user]\nI am Ada.\n\n[assistant]\nHello!\n\n[user]\nI live\n\nin Oslo."
    question = [LLMMessage("system", INSTRUCTIONS), LLMMessage("user", summary_request(transcript, "the name"))]
    events = await ask(make(), question)
    [sent] = answer(events)["asked"]["messages"]
    assert sent["content"][0]["text"] == (
        "Summarize in a few sentences what the user said, above all the name:\n\n- I am Ada.\n- I live in Oslo."
    )
    assert notes(events) == ["Toy is a small model, so its summary may be wrong."]


@pytest.mark.parametrize("is_toy", [True, False])
async def test_messages_left_out_of_a_summary_are_reported(make: Make, is_toy: bool) -> None:
    transcript = "\n\n".join(f"[user]\n{n} " + "word " * 50 for n in range(20))
    question = [LLMMessage("system", INSTRUCTIONS), LLMMessage("user", summary_request(transcript, ""))]
    events = await ask(make(is_toy=is_toy, window=600), question)
    assert "19 word" in answer(events)["asked"]["messages"][0]["content"][0]["text"]
    assert re.search(r"the oldest \d+ messages are not in the summary", notes(events)[0])


async def test_killed_server_is_restarted(make: Make) -> None:
    llm = make()
    first = answer(await ask(llm))["process"]
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert answer(await ask(llm))["process"] != first


@pytest.mark.slow
async def test_hanging_server_is_ended_and_restarted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    llm = make()
    first = answer(await ask(llm))["process"]
    os.kill(first, signal.SIGSTOP)
    monkeypatch.setattr("aloop.llm.local._COUNT_TIMEOUT", 0.05)
    with pytest.raises(LocalModelError, match=r"^Toy stopped responding and was ended\.") as caught:
        await ask(llm)
    assert caught.value.is_transient
    assert not is_running(first)
    monkeypatch.undo()
    assert answer(await ask(llm))["process"] != first


async def test_request_that_kills_the_server_is_retried_once(make: Make) -> None:
    llm = make()
    outcomes = []
    for _ in range(2):
        with pytest.raises(LocalModelError, match="Toy stopped: it was killed") as caught:
            await ask(llm, [LLMMessage("user", "die")])
        outcomes.append(caught.value.is_transient)
    assert outcomes == [True, False]
    assert answer(await ask(llm))["process"]


async def test_local_requests_ignore_proxies_and_user_credentials(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    assert answer(await ask(make()))["process"]


async def test_empty_answer_is_a_reply(make: Make) -> None:
    events = await ask(make(), [LLMMessage("user", "say nothing")])
    assert isinstance(events[-1], Reply)
    assert not events[-1].message.content


async def test_local_model_is_chosen_by_name_by_path_or_by_default(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "ALOOP_DATA_DIR": str(tmp_path / "data")}
    with pytest.raises(LocalModelError, match="aloop local install"):
        create_llm("local", Settings.from_env(env))
    assert create_llm(settings=Settings.from_env(env)).model == "offline"
    install_fake(tmp_path / "data")
    mine = write_weights(tmp_path / "mine.gguf")
    assert create_llm(settings=Settings.from_env(env)).model == "local:SmolLM2-135M"
    assert create_llm(settings=Settings.from_env(env | {"ANTHROPIC_API_KEY": "k"})).provider == "anthropic"
    assert create_llm("local:SmolLM2-135M", Settings.from_env(env)).provider == "local"
    assert create_llm(f"local:{mine}", Settings.from_env(env)).model == f"local:{mine}"
    assert create_llm("local", Settings.from_env(env | {"ALOOP_LOCAL_MODEL": str(mine)})).model == f"local:{mine}"

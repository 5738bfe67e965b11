"""Transient errors, the context window and model changes, on a real terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.shell import Shell
from tests.stub import Answer, Drop, Gate, HTTPError, StubServer, Text


@pytest.fixture
def aloop(stub: StubServer) -> Iterator[Shell]:
    """A shell connected to the stub, at its prompt."""
    with Shell(env=stub.env) as shell:
        shell.wait_for_prompt()
        yield shell


def saved() -> str:
    [path] = Path(".aloop/sessions").glob("*/session.yaml")
    return path.read_text()


def ask(aloop: Shell, stub: StubServer, *questions: str) -> None:
    for question in questions:
        stub.script(f"Answer to {question}.")
        aloop.send_line(question)
        aloop.wait_for(f"Answer to {question}.")
        aloop.wait_for_prompt()


def test_rate_limit_shows_a_countdown_that_ctrl_c_stops(aloop: Shell, stub: StubServer) -> None:
    stub.script(HTTPError(429, retry=True, headers={"retry-after": "50"}))
    aloop.send_line("my question")
    aloop.wait_until(lambda: re.search(r"retry in \d+ s \(2/", aloop.screen()) is not None, "a countdown")
    aloop.wait_for("Esc stops")
    aloop.send("\x03")
    aloop.wait_for("Stopped before any answer arrived.")
    aloop.wait_until(lambda: aloop.screen().splitlines()[-2] == "> my question", "the text again")
    assert "retry in" not in aloop.screen()


def test_broken_off_answer_is_shown_but_only_the_complete_one_is_saved(aloop: Shell, stub: StubServer) -> None:
    stub.script(Answer(Text("Half an answer ", Drop())), "The whole answer.")
    aloop.send_line("Tell me")
    aloop.wait_for("The answer broke off and")
    aloop.wait_for("The whole answer.")
    aloop.wait_for_prompt()
    assert "Half an answer" in aloop.screen()
    assert "Half an answer" not in saved()


def test_toolbar_shows_context_usage(aloop: Shell, stub: StubServer) -> None:
    aloop.wait_until(lambda: "░ ~" in aloop.screen().splitlines()[-1], "an estimate")
    stub.script(Answer(Text("Long."), usage={"input_tokens": 10_000, "cache_read_input_tokens": 89_000}))
    aloop.send_line("How long?")
    aloop.wait_for("50% of 200k")
    aloop.wait_for_prompt()
    aloop.send_line("/stats")
    aloop.wait_for("99,000 in (90% from the cache)")


def test_full_context_is_compacted_before_the_turn_continues(aloop: Shell, stub: StubServer) -> None:
    ask(aloop, stub, "one", "two")
    stub.script(Answer(Text("Very long."), usage={"input_tokens": 170_000}), "They counted.", "Four, then.")
    aloop.send_line("three")
    aloop.wait_for("Very long.")
    aloop.wait_for_prompt()
    aloop.send_line("four")
    aloop.wait_for("/compact undo sends them again")
    aloop.wait_for("Four, then.")
    aloop.wait_for_prompt()
    assert "They counted." in saved()
    assert "Answer to one." in saved()
    assert "They counted." not in aloop.screen()


def test_compact_can_be_interrupted_run_again_and_undone(aloop: Shell, stub: StubServer) -> None:
    ask(aloop, stub, "one", "two", "three")
    before = saved()
    gate = Gate()
    stub.script(Text("They ", gate, "counted."))
    aloop.send_line("/compact")
    gate.wait_until_reached()
    aloop.wait_for("summarizing 2 older messages")
    aloop.send("\x03")
    aloop.wait_for("Stopped.")
    assert saved() == before
    aloop.send("\x03")
    stub.script("They counted.")
    aloop.wait_for_prompt()
    aloop.send_line("/compact the numbers")
    aloop.wait_for("2 older messages will be sent as a summary")
    aloop.wait_for_prompt()
    assert "summary: true" in saved()
    aloop.send_line("/compact undo")
    aloop.wait_for("are sent again")
    assert "skip: true" in saved()


@pytest.mark.slow
def test_model_command_completes_switches_and_is_saved(aloop: Shell, stub: StubServer) -> None:
    ask(aloop, stub, "one")
    aloop.send("/model claude-opus-5-")
    aloop.wait_for("claude-opus-5-5")
    aloop.send("5\r")
    aloop.wait_for("The model is now claude-opus-5-5.")
    aloop.wait_for_prompt()
    ask(aloop, stub, "two")
    assert [request.body["model"] for request in stub.requests] == ["claude-sonnet-5-5", "claude-opus-5-5"]
    assert '\nmodel: "claude-opus-5-5"\n' in saved()
    aloop.send("\x04")
    assert aloop.wait_for_exit() == 0
    with Shell("--resume", env=stub.env) as again:
        again.wait_for("claude-opus-5-5 · ")

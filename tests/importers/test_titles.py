"""Titles of imported conversations are the words of the user."""

from __future__ import annotations

import pytest

from aloop.importers.draft import LOCAL_COMMAND
from aloop.importers.titles import imported_title
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage

_COMMAND = "<command-message>review</command-message>\n<command-name>/review</command-name>\n"
_IDE = "# Context from my IDE setup:\n\n## Active file: a.py\n"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Fix the test", "Fix the test"),
        ("<task>\nFix the test\n</task>\n<environment_details>\nTime\n</environment_details>", "Fix the test"),
        ("<system-reminder>Be brief.</system-reminder>\nFix the test", "Fix the test"),
        ('<ide_opened_file path="a.py">It was opened.</ide_opened_file>Fix the test', "Fix the test"),
        (f"{_COMMAND}<command-args>the last commit</command-args>", "/review the last commit"),
        (f"{_IDE}\n## My request for Codex:\nFix the test\n", "Fix the test"),
        ("[image: image/png, not readable]\n\nFix the test", "Fix the test"),
        ("<image><image>\nWho are they?<image>", "Who are they?"),
        ("Why is <image> not in HTML?", "Why is <image> not in HTML?"),
        ("<b>bold</b> is not closed: <i>", "is not closed: <i>"),
        ("a < b and b > c", "a < b and b > c"),
    ],
)
def test_title_is_the_words_that_the_user_typed(text: str, title: str) -> None:
    assert imported_title("", [LLMMessage("user", text)]) == title


@pytest.mark.parametrize(
    "text",
    [
        "/clear",
        "<command-name>/exit</command-name>\n            <command-message>exit</command-message>",
        "<bash-stdout>a.txt</bash-stdout>",
        "[image: image/png, not readable]",
        "<image>",
        _IDE,
        "<environment_context>\n<cwd>/work</cwd>\n</environment_context>",
    ],
)
def test_message_without_words_of_the_user_leaves_the_title_to_the_next(text: str) -> None:
    assert imported_title("", [LLMMessage("user", text), LLMMessage("user", "Fix the test")]) == "Fix the test"


def test_command_is_the_title_if_no_message_has_words() -> None:
    prompt = LLMMessage("user", "Analyze this codebase", extra=JsonObject({"foreign": {"injected": True}}))
    assert imported_title("", [LLMMessage("user", "/init"), prompt]) == "/init"


def test_command_that_the_program_handled_is_the_title_only_without_other_words() -> None:
    extra = JsonObject({"foreign": {"type": LOCAL_COMMAND}})
    command = LLMMessage("user", f"{_COMMAND}<command-args>opus</command-args>", skip=True, extra=extra)
    assert imported_title("", [command, LLMMessage("user", "Fix the test")]) == "Fix the test"
    assert imported_title("", [command]) == "/review opus"


def test_editor_context_is_the_title_only_without_other_words() -> None:
    messages = [LLMMessage("user", "<environment_context>", skip=True), LLMMessage("user", _IDE)]
    assert imported_title("", messages) == "# Context from my IDE setup:"
    assert imported_title("", messages[:1]) == ""


@pytest.mark.parametrize("title", ["", "New chat", "Untitled Session", "New session - 2026-11-28T22:44:31.465Z"])
def test_title_that_the_other_tool_gives_every_session_is_not_kept(title: str) -> None:
    assert imported_title(title, [LLMMessage("user", "Fix the test")]) == "Fix the test"


def test_long_title_of_the_other_tool_is_shortened_as_those_of_aloop() -> None:
    title = imported_title("Fixing the test " * 20, [LLMMessage("user", "Hello")])
    assert title.endswith("…")
    assert title == imported_title("", [LLMMessage("user", "Fixing the test " * 20)])


def test_title_of_the_other_tool_is_kept_on_one_line() -> None:
    assert imported_title("Fixing\nthe test", [LLMMessage("user", "Hello")]) == "Fixing the test"

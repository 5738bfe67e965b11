"""Completion at a prompt whose engine is not built yet."""

from __future__ import annotations

import sys

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from aloop.config.settings import Settings
from commands.context import View
from repl.completion.lazy_completer import LazyCompleter
from repl.engine import Engine
from repl.options import ShellOptions

TYPED, TAB = CompleteEvent(text_inserted=True), CompleteEvent(completion_requested=True)


def make_view() -> View:
    raise AssertionError("the engine is not started")


def completions(text: str, event: CompleteEvent) -> list[str]:
    options = ShellOptions(Settings.from_env(), None, None, None)
    completer = LazyCompleter(Engine(options, make_view), lambda work: work.close(), lambda: None, lambda: None)
    return [each.text for each in completer.get_completions(Document(text), event)]


def test_only_tab_completes_a_command_before_the_engine_is_built() -> None:
    assert completions("/hel", TYPED) == []
    assert completions("/hel", TAB) == ["/help"]


@pytest.mark.parametrize("text", ["", "a question", "a/path"])
def test_line_without_a_command_or_path_loads_no_completer(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "repl.completion.completers", raising=False)
    assert completions(text, TAB) == []
    assert "repl.completion.completers" not in sys.modules

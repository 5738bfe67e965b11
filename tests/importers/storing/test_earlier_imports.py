"""Sessions that were imported by earlier versions, which read less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.storing.store import ImportStore
from aloop.llm.message_types import LLMMessage
from tests.importers.test_agents import PIXEL


def conversation() -> Imported:
    """Return a conversation with a failed call, an image beside a text and one alone."""
    builder = Builder("gemini-cli", "s1")
    builder.user(f"Look\n{builder.image('image/png', PIXEL)}")
    builder.answer().add_call("c1", "run", "{}")
    builder.result("c1", f"No such file\n{builder.image('image/png', PIXEL)}", is_error=True)
    builder.user(builder.image("image/png", PIXEL))
    builder.answer().add_text("A cat.")
    return builder.build()


def without_failures(message: LLMMessage) -> LLMMessage | None:
    return replace(message, is_error=False)


def without_images(message: LLMMessage) -> LLMMessage | None:
    return replace(message, parts=()) if message.content or message.tool_calls else None


@pytest.mark.parametrize("earlier", [without_failures, without_images])
def test_import_that_read_less_is_updated(
    earlier: Callable[[LLMMessage], LLMMessage | None], sessions_dir: Path
) -> None:
    imported = conversation()
    less = tuple(filter(None, map(earlier, imported.messages)))
    assert less != tuple(imported.messages)
    assert ImportStore(sessions_dir).put(replace(imported, messages=less)).action == "imported"
    assert ImportStore(sessions_dir).put(imported).action == "unchanged"
    grown = replace(imported, messages=(*imported.messages, LLMMessage("user", "And now?")))
    outcome = ImportStore(sessions_dir).put(grown)
    assert (outcome.action, outcome.added) == ("updated", 1)
    assert ImportStore(sessions_dir).put(grown).action == "unchanged"

"""The model picker of /model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from commands.model_browser import ModelBrowser
from repl.input.prompt import Prompt
from repl.output.screen import Screen
from repl.pages.listing import model_cells, model_row
from repl.picker.list_picker import FilteredRows, ListPicker

if TYPE_CHECKING:
    from aloop.llm.models.catalog import ModelChoice

_LEGEND = "Enter use · type to filter · Esc"
_ASKING = "Asking servers for their models… · Esc"


class ModelRows(FilteredRows["ModelChoice"]):
    """Models, filtered by name and server; the one named ``current`` is highlighted."""

    def __init__(self, choices: Sequence[ModelChoice], current: str = "") -> None:
        at = next((row for row, choice in enumerate(choices) if choice.name == current), 0)
        super().__init__(choices, lambda choice: f"{choice.name} {choice.server}", at)


async def pick_model(prompt: Prompt, screen: Screen, browser: ModelBrowser) -> str | None:
    """Return the name of the chosen model, None if none was chosen.

    Known models are shown at once, those of servers when they have answered.
    """
    browser.was_shown = True
    rows = ModelRows(browser.choices, browser.current)

    def draw(number: int, choice: ModelChoice, width: int) -> str:
        mark = "●" if choice.name == browser.current else " "
        return f"{number:>3}{mark} {model_row(*model_cells(choice), browser.choices, width - 5)}"

    def changed() -> None:
        rows.replace(browser.choices)
        screen.redraw()

    def loaded(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not picker.choice.done():
            picker.choice.set_exception(error)

    picker = ListPicker(
        prompt,
        screen,
        rows,
        draw=draw,
        legend=lambda: _LEGEND if browser.is_loaded else _ASKING,
        empty="No models match.",
        label="model",
    )
    loading = asyncio.create_task(browser.load(changed))
    loading.add_done_callback(loaded)
    try:
        choice = await picker.pick()
    finally:
        loading.cancel()
    return choice.name if choice else None

"""The picker of an earlier message, for /rewind."""

from __future__ import annotations

from prompt_toolkit.key_binding import KeyPressEvent

from aloop.sanitize import safe_line
from aloop.width import fit, unjoined
from commands.pages import Question, Questions
from repl.input.prompt import Prompt
from repl.output.screen import Screen
from repl.pages.listing import SKIPPED
from repl.picker.list_picker import FilteredRows, ListPicker

_LEGEND = "Enter go back · ^F in a copy · type to filter · files stay as they are · Esc"


def row_text(_number: int, row: Question, width: int) -> str:
    """Return a message of the user on one row, with its number."""
    state = SKIPPED if row.is_skipped else ""
    return fit(f"{row.number:>4}  {state}{unjoined(safe_line(row.text))}", width)


async def pick_message(prompt: Prompt, screen: Screen, page: Questions) -> tuple[Question, bool] | None:
    """Return the chosen question, and True to go back to it in a copy of the session."""
    newest_first = list(reversed(page.rows))
    picker = ListPicker(
        prompt,
        screen,
        FilteredRows(newest_first, lambda row: f"{row.number} {row.text}"),
        draw=row_text,
        legend=lambda: _LEGEND,
        empty="No messages match.",
        label="go back to",
    )
    in_copy = False

    @picker.keys.add("c-f")
    def _fork(_event: KeyPressEvent) -> None:
        nonlocal in_copy
        in_copy = True
        picker.enter()

    chosen = await picker.pick()
    return (chosen, in_copy) if chosen else None

"""The model picker of /model, shown in place of the prompt until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl, Dimension, FormattedTextControl, HSplit, Layout, VSplit, Window

from aloop.width import fit, pad
from commands.model_browser import ModelBrowser
from repl.input.pastes import PasteGuard
from repl.input.prompt import Prompt
from repl.output.screen import Screen
from repl.output.theme import Style, prompt_style
from repl.pages.listing import model_cells, model_row

if TYPE_CHECKING:
    from aloop.llm.catalog import ModelChoice

_ALL_ROWS = 10**9
_OTHER_ROWS = 3  # the filter, the legend, and one that stays free
_LEGEND = "Enter use the model · Up Down move · type to filter · Esc"
_ASKING = "Asking servers for their models…"


class ModelRows:
    """The models that match a filter, and which of them is highlighted."""

    def __init__(self, choices: Sequence[ModelChoice], current: str = "") -> None:
        self._choices = list(choices)
        self._filter = ""
        self._found = list(range(len(self._choices)))
        self._at = next((row for row, choice in enumerate(self._choices) if choice.name == current), 0)
        self._top = 0

    @property
    def total(self) -> int:
        return len(self._choices)

    @property
    def count(self) -> int:
        """The number of models that match the filter."""
        return len(self._found)

    @property
    def highlighted(self) -> ModelChoice | None:
        """The highlighted model, None if no model matches."""
        return self._choices[self._found[self._at]] if self._found else None

    def window(self, height: int) -> list[tuple[int, ModelChoice, bool]]:
        """Return the rows to show: number, model, and True if it is highlighted."""
        self._top = max(min(self._top, self._at, self.count - height), self._at - height + 1, 0)
        shown = self._found[self._top : self._top + height]
        return [(place + 1, self._choices[place], row == self._at) for row, place in enumerate(shown, self._top)]

    def move(self, rows: int) -> None:
        """Move the highlight down by ``rows``, up if negative, as far as the ends."""
        self._at = max(0, min(self._at + rows, self.count - 1))

    def set_filter(self, text: str) -> None:
        """Show the models with all words of ``text`` in their name or server."""
        self._filter = text
        words = text.casefold().split()
        rows = (f"{choice.name} {choice.server}".casefold() for choice in self._choices)
        self._found = [place for place, row in enumerate(rows) if all(word in row for word in words)]
        self._at = self._top = 0

    def replace(self, choices: Sequence[ModelChoice]) -> None:
        """Show ``choices``, which begin with the old ones; keep the highlight."""
        place = self._found[self._at] if self._found else None
        self._choices = list(choices)
        self.set_filter(self._filter)
        if place is not None:
            self._at = self._found.index(place)


async def pick_model(prompt: Prompt, screen: Screen, browser: ModelBrowser) -> str | None:
    """Return the name of the chosen model, None if none was chosen.

    Known models are shown at once, those of servers when they have answered.
    """
    browser.was_shown = True
    picker = _ModelPicker(browser, screen, prompt.paste_guard)
    with prompt.lend(picker.layout):
        # Text typed before is the start of the filter.
        picker.begin(prompt.draft)
        try:
            name = await picker.run()
        finally:
            picker.close()
        if name is not None:
            prompt.move_draft_to_history()
        return name


class _ModelPicker:
    """One use of the picker, created on the event loop that runs it."""

    def __init__(self, browser: ModelBrowser, screen: Screen, paste_guard: PasteGuard) -> None:
        self._paste_guard = paste_guard
        self._browser = browser
        self._screen = screen
        self._rows = ModelRows(browser.choices, browser.current)
        self._line = Buffer(multiline=False, on_text_changed=lambda line: self._rows.set_filter(line.text))
        self._choice: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._loading = asyncio.create_task(browser.load(self._changed))
        self._loading.add_done_callback(self._loaded)
        self.layout = self._build_layout(BufferControl(self._line, key_bindings=self._bind_keys()))

    def begin(self, text: str) -> None:
        """Filter by ``text``, if there is any."""
        if words := " ".join(text.split()):
            self._line.document = Document(words, len(words))

    async def run(self) -> str | None:
        return await self._choice

    def close(self) -> None:
        """Stop asking servers."""
        self._loading.cancel()

    def _leave(self, name: str | None) -> None:
        if not self._choice.done():
            self._choice.set_result(name)

    def _changed(self) -> None:
        self._rows.replace(self._browser.choices)
        self._screen.redraw()

    def _loaded(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._choice.done():
            self._choice.set_exception(error)

    def _bind_keys(self) -> KeyBindings:
        keys = KeyBindings()

        def move(key: str, rows: Callable[[], int]) -> None:
            @keys.add(key)
            def _move(_event: KeyPressEvent) -> None:
                self._rows.move(rows())

        for key, rows in (("up", -1), ("c-p", -1), ("down", 1), ("c-n", 1), ("home", -_ALL_ROWS), ("end", _ALL_ROWS)):
            move(key, lambda rows=rows: rows)  # type: ignore[misc] # the default binds the value of this round
        move("pageup", lambda: -self._height())
        move("pagedown", self._height)

        @keys.add("enter", eager=True)
        def _enter(_event: KeyPressEvent) -> None:
            if self._rows.highlighted is not None and not self._paste_guard.in_paste:
                self._leave(self._rows.highlighted.name)

        # eager: the picker binds no key sequence that starts with Escape.
        @keys.add("escape", eager=True)
        @keys.add("c-c")
        def _back(_event: KeyPressEvent) -> None:
            self._leave(None)

        @keys.add(Keys.BracketedPaste)
        def _paste(event: KeyPressEvent) -> None:
            self._paste_guard.paste()
            event.current_buffer.insert_text(" ".join(event.data.split()))

        return keys

    def _build_layout(self, control: BufferControl) -> Layout:
        """Return the layout, with the cursor in its first row.

        So all of it can be erased after the window was made smaller.
        """
        top = VSplit(
            [
                Window(control, height=1, get_line_prefix=lambda _number, _wraps: [("class:prompt", "find: ")]),
                Window(FormattedTextControl(self._count), height=1, dont_extend_width=True),
            ]
        )
        rows = Window(FormattedTextControl(self._text), height=lambda: Dimension.exact(self._height()))
        legend = Window(FormattedTextControl(self._legend), height=1)
        # The last window takes the rows left over when the rest shrinks.
        return Layout(HSplit([top, rows, legend, Window()]), control)

    def _height(self) -> int:
        return max(1, min(self._rows.total, get_app().output.get_size().rows - _OTHER_ROWS))

    def _count(self) -> StyleAndTextTuples:
        rows = self._rows
        count = f"{rows.count:,} of {rows.total:,}" if self._line.text else f"{rows.total:,}"
        return [("class:toolbar", f" {count} ")]

    def _text(self) -> StyleAndTextTuples:
        width = get_app().output.get_size().columns - 1
        fragments: StyleAndTextTuples = []
        for number, choice, is_highlighted in self._rows.window(self._height()):
            row = f"{number:>3}  {model_row(*model_cells(choice), self._browser.choices, width - 5)}"
            fragments += [(prompt_style(Style.SELECTED) if is_highlighted else "", pad(row, width)), ("", "\n")]
        return fragments[:-1] or [("class:toolbar", "No models match.")]

    def _legend(self) -> StyleAndTextTuples:
        text = _LEGEND if self._browser.is_loaded else f"{_LEGEND} · {_ASKING}"
        return [("class:toolbar", fit(text, get_app().output.get_size().columns - 1))]

"""A list to pick from, shown in place of the prompt until it is closed.

The pickers of sessions, models and messages share its keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import FilterOrBool
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl, Dimension, FormattedTextControl, HSplit, Layout, VSplit, Window

from aloop.width import fit_ends, pad
from repl.input.key_parser import escape_alone
from repl.input.pastes import PasteGuard
from repl.input.prompt import Prompt
from repl.output.screen import Screen
from repl.output.theme import Style, prompt_style

_ALL_ROWS = 10**9
_OTHER_ROWS = 3  # the filter, the legend, and one that stays free

T = TypeVar("T")


class ListActions(Protocol):
    """The actions of the keys that all pickers share."""

    @property
    def paste_guard(self) -> PasteGuard: ...
    @property
    def page_rows(self) -> int:
        """The rows of a page."""
        ...

    def move(self, rows: int) -> None: ...
    def enter(self) -> None: ...
    def back(self) -> None: ...
    def paste(self, buffer: Buffer, text: str) -> None: ...


def bind_list_keys(picker: ListActions, *, moves: FilterOrBool = True) -> KeyBindings:
    """Return the bindings that move, choose and close; keys of a paste never choose.

    The keys that move work while ``moves`` is true.
    """
    keys = KeyBindings()

    def move(key: str, rows: Callable[[], int]) -> None:
        @keys.add(key, filter=moves)
        def _move(_event: KeyPressEvent) -> None:
            picker.move(rows())

    for key, rows in (("up", -1), ("c-p", -1), ("down", 1), ("c-n", 1), ("home", -_ALL_ROWS), ("end", _ALL_ROWS)):
        move(key, lambda rows=rows: rows)  # type: ignore[misc] # the default binds the value of this round
    move("pageup", lambda: -picker.page_rows)
    move("pagedown", lambda: picker.page_rows)

    @keys.add("enter", eager=True)
    def _enter(_event: KeyPressEvent) -> None:
        if not picker.paste_guard.in_paste:
            picker.enter()

    # eager: the filter has keys with Alt, which begin with Escape.
    @keys.add("escape", filter=escape_alone, eager=True)
    @keys.add("c-c")
    def _back(_event: KeyPressEvent) -> None:
        picker.back()

    @keys.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        picker.paste_guard.paste()
        picker.paste(event.current_buffer, " ".join(event.data.split()))

    return keys


class FilteredRows(Generic[T]):
    """Items that match a filter, and which of them is highlighted.

    ``text`` returns what the words of the filter are looked for in.
    """

    def __init__(self, items: Sequence[T], text: Callable[[T], str], at: int = 0) -> None:
        self._items = list(items)
        self._text = text
        self._filter = ""
        self._found = list(range(len(self._items)))
        self._at = at
        self._top = 0

    @property
    def total(self) -> int:
        return len(self._items)

    @property
    def count(self) -> int:
        """The number of items that match the filter."""
        return len(self._found)

    @property
    def highlighted(self) -> T | None:
        """The highlighted item, None if none matches."""
        return self._items[self._found[self._at]] if self._found else None

    def window(self, height: int) -> list[tuple[int, T, bool]]:
        """Return the rows to show: number, item, and True if it is highlighted."""
        self._top = max(min(self._top, self._at, self.count - height), self._at - height + 1, 0)
        shown = self._found[self._top : self._top + height]
        return [(place + 1, self._items[place], row == self._at) for row, place in enumerate(shown, self._top)]

    def move(self, rows: int) -> None:
        """Move the highlight down by ``rows``, up if negative, as far as the ends."""
        self._at = max(0, min(self._at + rows, self.count - 1))

    def set_filter(self, text: str) -> None:
        """Show the items with all words of ``text``."""
        self._filter = text
        words = text.casefold().split()
        rows = (self._text(item).casefold() for item in self._items)
        self._found = [place for place, row in enumerate(rows) if all(word in row for word in words)]
        self._at = self._top = 0

    def replace(self, items: Sequence[T]) -> None:
        """Show ``items``, which begin with the old ones; keep the highlight."""
        place = self._found[self._at] if self._found else None
        self._items = list(items)
        self.set_filter(self._filter)
        if place is not None:
            self._at = self._found.index(place)


class ListPicker(Generic[T]):
    """One use of a picker, created on the event loop that runs it.

    ``draw`` returns the row of an item from its number and the width, ``legend`` the keys below the rows, of which a
    narrow window shows the first and the last; ``empty`` is shown if nothing matches, ``label`` before the filter.
    """

    def __init__(
        self,
        prompt: Prompt,
        screen: Screen,
        rows: FilteredRows[T],
        *,
        draw: Callable[[int, T, int], str],
        legend: Callable[[], str],
        empty: str,
        label: str = "find",
    ) -> None:
        self.paste_guard = prompt.paste_guard
        self.rows = rows
        self.choice: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._prompt = prompt
        self._screen = screen
        self._draw = draw
        self._legend = legend
        self._empty = empty
        self._label = label
        self._line = Buffer(multiline=False, on_text_changed=lambda line: rows.set_filter(line.text))
        self.keys = bind_list_keys(self)

    async def pick(self) -> T | None:
        """Show the list, and return the chosen item, None if none was chosen."""
        with self._prompt.lend(self._layout(), is_full=True):
            # Text typed before is the start of the filter.
            if words := " ".join(self._prompt.draft.split()):
                self._line.document = Document(words, len(words))
            chosen = await self.choice
            if chosen is not None:
                self._prompt.move_draft_to_history()
            return chosen

    # Actions of keys.

    @property
    def page_rows(self) -> int:
        return self._height()

    def move(self, rows: int) -> None:
        self.rows.move(rows)

    def enter(self) -> None:
        if self.rows.highlighted is not None:
            self.leave(self.rows.highlighted)

    def back(self) -> None:
        self.leave(None)

    def paste(self, buffer: Buffer, text: str) -> None:
        buffer.insert_text(text)

    def leave(self, item: T | None) -> None:
        """Return ``item`` from ``pick``."""
        if not self.choice.done():
            self.choice.set_result(item)

    # Drawing.

    def _layout(self) -> Layout:
        """Return the layout, with the cursor in its first row.

        So all of it can be erased after the window was made smaller.
        """
        control = BufferControl(self._line, key_bindings=self.keys)
        top = VSplit(
            [
                Window(
                    control, height=1, get_line_prefix=lambda _number, _wraps: [("class:prompt", f"{self._label}: ")]
                ),
                Window(FormattedTextControl(self._count), height=1, dont_extend_width=True),
            ]
        )
        rows = Window(FormattedTextControl(self._text), height=lambda: Dimension.exact(self._height()))
        legend = Window(FormattedTextControl(lambda: [("class:toolbar", fit_ends(self._legend(), _width()))]), height=1)
        # The last window takes the rows left over when the rest shrinks.
        return Layout(HSplit([top, rows, legend, Window()]), control)

    def _height(self) -> int:
        return max(1, min(self.rows.total, self._screen.height - _OTHER_ROWS))

    def _count(self) -> StyleAndTextTuples:
        rows = self.rows
        count = f"{rows.count:,} of {rows.total:,}" if self._line.text else f"{rows.total:,}"
        return [("class:toolbar", f" {count} ")]

    def _text(self) -> StyleAndTextTuples:
        width = _width()
        fragments: StyleAndTextTuples = []
        for number, item, is_highlighted in self.rows.window(self._height()):
            row = pad(self._draw(number, item, width), width)
            fragments += [(prompt_style(Style.SELECTED) if is_highlighted else "", row), ("", "\n")]
        return fragments[:-1] or [("class:toolbar", self._empty)]


def _width() -> int:
    """Return the columns to fill, less than all, so that a narrower window wraps less."""
    return get_app().output.get_size().columns - 1

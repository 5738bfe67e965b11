"""What keys do in the picker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from repl.picker import Mode

if TYPE_CHECKING:
    from repl.picking import Picking

_END = 10**9


def bind_picker_keys(picking: Picking) -> KeyBindings:
    """Return the bindings of ``picking``. A letter that came along with a paste is never a command."""
    keys = KeyBindings()
    picker, guard = picking.picker, picking.paste_guard
    browsing = Condition(lambda: picker.mode is Mode.BROWSE and not guard.in_paste)
    listing = Condition(lambda: picker.mode in {Mode.BROWSE, Mode.FILTER})
    asking = Condition(lambda: picker.mode in {Mode.TRASH, Mode.FORK})
    empty_filter = Condition(lambda: picker.mode is Mode.FILTER and not picker.filter)

    def move(key: str, rows: int, *, pages: bool = False) -> None:
        @keys.add(key, filter=listing)
        def _move(_event: KeyPressEvent) -> None:
            picking.move(rows * (picking.page_rows if pages else 1))

    for key, rows in (("up", -1), ("c-p", -1), ("down", 1), ("c-n", 1), ("home", -_END), ("end", _END)):
        move(key, rows)
    move("pageup", -1, pages=True)
    move("pagedown", 1, pages=True)

    @keys.add("enter", eager=True)
    def _enter(_event: KeyPressEvent) -> None:
        if not guard.in_paste:
            picking.enter()

    # At once: no key of more than one character begins with it here.
    @keys.add("escape", eager=True)
    @keys.add("c-c")
    def _back(_event: KeyPressEvent) -> None:
        picking.back()

    @keys.add("d", filter=browsing)
    @keys.add("c-d", filter=listing)
    def _trash(event: KeyPressEvent) -> None:
        picking.ask(Mode.TRASH, _text(event))

    @keys.add("r", filter=browsing)
    @keys.add("c-r", filter=listing)
    def _rename(_event: KeyPressEvent) -> None:
        picking.ask(Mode.RENAME)

    @keys.add("f", filter=browsing)
    @keys.add("c-f", filter=listing)
    def _fork(event: KeyPressEvent) -> None:
        picking.ask(Mode.FORK, _text(event))

    @keys.add("/", filter=browsing)
    def _filter(_event: KeyPressEvent) -> None:
        picker.begin_filter()

    @keys.add("backspace", filter=empty_filter)
    def _end_filter(_event: KeyPressEvent) -> None:
        picker.end()

    @keys.add(Keys.Any, filter=asking, eager=True)
    def _go_on(event: KeyPressEvent) -> None:
        # A word may begin with a letter that is a command, and whoever types it looks elsewhere.
        picking.go_on(_text(event))

    @keys.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        guard.paste()
        text = " ".join(event.data.split())
        if asking():
            picking.go_on(text)
        else:
            event.current_buffer.insert_text(text)

    return keys


def _text(event: KeyPressEvent) -> str:
    """Return what the key would write; nothing for one that writes nothing."""
    return event.data if event.data.isprintable() else ""

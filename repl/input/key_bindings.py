"""What keys do at the prompt, beyond prompt_toolkit's own emacs keys.

A backslash at the end of a line: another line is to come.
"""

from __future__ import annotations

from typing import Protocol

from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, emacs_mode, has_focus, has_selection, is_searching, shift_selection_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys


class Actions(Protocol):
    """The actions of the prompt that keys trigger."""

    @property
    def in_paste(self) -> bool:
        """True while a paste is being read."""
        ...

    def submit(self) -> None: ...
    def complete(self) -> None: ...
    def paste(self, text: str) -> None: ...
    def edit(self) -> None: ...
    def interrupt(self) -> None: ...
    def end_of_input(self) -> None: ...


def is_open(text: str) -> bool:
    """Whether ``text`` ends in a backslash that no other one takes back."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def is_kept(text: str) -> bool:
    """Whether the backslash stays where it stands: in a command, for its shell wants to see it."""
    return text.startswith("!")


def bind_keys(prompt: Actions) -> KeyBindings:
    """Return the bindings of ``prompt``."""
    keys = KeyBindings()
    at_input = has_focus(DEFAULT_BUFFER)
    empty = Condition(lambda: not get_app().current_buffer.text)

    @keys.add("enter", filter=at_input)
    # Ctrl-O submits too in emacs mode: it goes the same way, so that what holds for Enter holds for it.
    @keys.add("c-o", filter=at_input)
    def _submit(event: KeyPressEvent) -> None:
        if prompt.in_paste:
            event.current_buffer.insert_text("\n")
        elif goes_on(event.current_buffer.document):
            _continue(event.current_buffer)
        else:
            prompt.submit()

    @keys.add("escape", "enter", filter=at_input)
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    # Ctrl-Space begins a selection, in which prompt_toolkit would drop each letter.
    @keys.add(Keys.Any, filter=at_input & emacs_mode & has_selection & ~shift_selection_mode)
    def _type_on(event: KeyPressEvent) -> None:
        event.current_buffer.exit_selection()
        if event.data.isprintable():
            event.current_buffer.insert_text(event.data)

    @keys.add("tab", filter=at_input)
    def _complete(_event: KeyPressEvent) -> None:
        prompt.complete()

    @keys.add(Keys.BracketedPaste, filter=at_input)
    def _paste(event: KeyPressEvent) -> None:
        prompt.paste(event.data.replace("\r\n", "\n").replace("\r", "\n"))

    @keys.add("c-x", "c-e", filter=at_input)
    def _edit(_event: KeyPressEvent) -> None:
        prompt.edit()

    @keys.add("c-c", filter=~is_searching)
    @keys.add(Keys.SIGINT)
    def _interrupt(_event: KeyPressEvent) -> None:
        prompt.interrupt()

    @keys.add("c-d", filter=at_input & empty)
    def _end_of_input(_event: KeyPressEvent) -> None:
        prompt.end_of_input()

    @keys.add("c-z")
    def _suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    return keys


def goes_on(document: Document) -> bool:
    """Whether a backslash before the cursor, at the end of its line, says that another line is to come."""
    return not document.current_line_after_cursor and is_open(document.current_line_before_cursor)


def _continue(buffer: Buffer) -> None:
    """Begin a new line; the backslash has said so, and goes."""
    if not is_kept(buffer.text):
        buffer.delete_before_cursor()
    buffer.insert_text("\n")

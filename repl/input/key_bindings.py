"""Key bindings of the prompt, in addition to those of prompt_toolkit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import (
    Condition,
    FilterOrBool,
    emacs_mode,
    has_completions,
    has_focus,
    has_selection,
    is_searching,
    shift_selection_mode,
    vi_insert_mode,
    vi_navigation_mode,
)
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.keys import Keys

from aloop.keys import DEFAULT_KEYS, key_sequence
from aloop.width import clusters
from repl.input.key_parser import escape_alone

_LONGEST_CLUSTERS = 1_000

Handler = Callable[[KeyPressEvent], None]


class Actions(Protocol):
    """The actions that keys trigger."""

    @property
    def ends_pasted_line(self) -> bool:
        """True if the key being handled, Enter, came with a paste."""
        ...

    @property
    def in_paste(self) -> bool:
        """True if the key being handled came with a paste that was noticed before."""
        ...

    @property
    def is_busy(self) -> bool:
        """True while a turn runs."""
        ...

    @property
    def shows_keys(self) -> bool:
        """True while the keys are shown below the line."""
        ...

    def take_pasted(self) -> str:
        """Remove the keys of a paste that wait to be handled, and return their text."""
        ...

    def submit(self, *, steers: bool = False) -> None: ...
    def escape(self) -> None: ...
    def complete(self) -> None: ...
    def paste(self, text: str) -> None: ...
    def edit(self) -> None: ...
    def rewind(self) -> None: ...
    def expand(self) -> None: ...
    def interrupt(self) -> None: ...
    def end_of_input(self) -> None: ...
    def suspend(self) -> None: ...
    def move_up(self) -> None: ...
    def move_down(self) -> None: ...
    def change_mode(self) -> None: ...


def unix_lines(text: str) -> str:
    """Return ``text``, which a terminal has sent, with line feeds as line endings."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_continued(text: str) -> bool:
    """Return True if ``text`` ends in an unescaped backslash: another line follows."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def keeps_backslash(text: str) -> bool:
    """Return True if ``text`` is a shell command: its shell needs the backslash."""
    return text.startswith("!")


def bind_keys(prompt: Actions, changed: Mapping[str, str]) -> KeyBindings:
    """Return the bindings of ``prompt``; ``changed`` has the keys of some actions."""
    keys = KeyBindings()
    own = {action: key_sequence(text) for action, text in {**DEFAULT_KEYS, **changed}.items()}

    def bind(action: str, shown: FilterOrBool) -> Callable[[Handler], Handler]:
        """Bind the key of ``action``, if it has one."""
        return keys.add(*own[action], filter=shown) if own[action] else lambda handler: handler

    def add_pasted(buffer: Buffer, first: str) -> None:
        """Insert ``first`` and the keys after it, which came with the same paste."""
        buffer.insert_text(unix_lines(first + prompt.take_pasted()))

    at_input = has_focus(DEFAULT_BUFFER)
    empty = Condition(lambda: not get_app().current_buffer.text)
    at_line_end = Condition(lambda: not get_app().current_buffer.document.current_line_after_cursor)

    @keys.add("enter", filter=at_input)
    def _submit(event: KeyPressEvent) -> None:
        if prompt.ends_pasted_line:
            add_pasted(event.current_buffer, "\r")
        elif wants_new_line(event.current_buffer.document):
            _continue(event.current_buffer)
        else:
            prompt.submit()

    @bind("steer", at_input)
    def _steer(event: KeyPressEvent) -> None:
        if prompt.ends_pasted_line:
            add_pasted(event.current_buffer, "\r")
        else:
            prompt.submit(steers=True)

    @bind("new_line", at_input)
    @keys.add("c-j", filter=at_input)
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    # Ctrl-Space starts a selection, in which prompt_toolkit would drop typed letters.
    @keys.add(Keys.Any, filter=at_input & emacs_mode & has_selection & ~shift_selection_mode)
    def _leave_selection(event: KeyPressEvent) -> None:
        event.current_buffer.exit_selection()
        if event.data.isprintable():
            event.current_buffer.insert_text(event.data)

    # prompt_toolkit would split joined emoji, flags and letters with combining marks.
    @keys.add("backspace", filter=at_input & ~has_selection)
    def _delete_before(event: KeyPressEvent) -> None:
        count = sum(map(len, _last_clusters(event.current_buffer.document.text_before_cursor, event.arg)))
        if not event.current_buffer.delete_before_cursor(count):
            event.app.output.bell()

    @keys.add("left", filter=at_input & ~vi_navigation_mode)
    @keys.add("c-b", filter=at_input & emacs_mode)
    def _left(event: KeyPressEvent) -> None:
        before = event.current_buffer.document.current_line_before_cursor
        event.current_buffer.cursor_left(sum(map(len, _last_clusters(before, event.arg))))

    @keys.add("right", filter=at_input & ~vi_navigation_mode & ~at_line_end)
    @keys.add("c-f", filter=at_input & emacs_mode & ~at_line_end)
    def _right(event: KeyPressEvent) -> None:
        after = event.current_buffer.document.current_line_after_cursor
        event.current_buffer.cursor_right(sum(map(len, list(clusters(after))[: event.arg])))

    @keys.add("escape", filter=at_input & has_completions, eager=True)
    def _close_menu(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    # eager, because keys with Alt begin with Escape.
    stops = at_input & ~has_completions & ~is_searching & (emacs_mode | vi_navigation_mode)

    @keys.add("escape", filter=stops & escape_alone & (Condition(lambda: prompt.is_busy) | empty), eager=True)
    def _escape(_event: KeyPressEvent) -> None:
        prompt.escape()

    @keys.add("escape", filter=at_input & ~has_completions & ~is_searching & vi_insert_mode & escape_alone, eager=True)
    def _leave_insert_mode(event: KeyPressEvent) -> None:
        # As prompt_toolkit does, but it would wait a second for the rest of Alt-Enter.
        buffer = event.current_buffer
        buffer.cursor_position += buffer.document.get_cursor_left_position()
        event.app.vi_state.input_mode = InputMode.NAVIGATION

    @keys.add("escape", filter=at_input & Condition(lambda: prompt.shows_keys) & escape_alone, eager=True)
    def _close_help(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    @keys.add("up", filter=at_input & ~has_completions & ~has_selection)
    def _up(_event: KeyPressEvent) -> None:
        prompt.move_up()

    @keys.add("down", filter=at_input & ~has_completions & ~has_selection)
    def _down(_event: KeyPressEvent) -> None:
        prompt.move_down()

    @bind("complete", at_input)
    def _complete(_event: KeyPressEvent) -> None:
        prompt.complete()

    in_paste = at_input & Condition(lambda: prompt.in_paste) & (emacs_mode | vi_insert_mode)

    @keys.add(Keys.Any, filter=in_paste)
    @keys.add("tab", filter=in_paste)
    def _rest_of_paste(event: KeyPressEvent) -> None:
        text = event.data if event.data.isprintable() or event.data == "\t" else ""
        add_pasted(event.current_buffer, text)

    # In the menu of completions, the key goes back.
    @bind("mode", at_input & ~has_completions)
    def _change_mode(_event: KeyPressEvent) -> None:
        prompt.change_mode()

    @keys.add(Keys.BracketedPaste, filter=at_input)
    def _paste(event: KeyPressEvent) -> None:
        prompt.paste(unix_lines(event.data))

    @bind("expand", at_input)
    def _expand(_event: KeyPressEvent) -> None:
        prompt.expand()

    @bind("editor", at_input)
    def _edit(_event: KeyPressEvent) -> None:
        prompt.edit()

    @bind("rewind", at_input)
    def _rewind(_event: KeyPressEvent) -> None:
        prompt.rewind()

    @keys.add("c-c", filter=~is_searching)
    @keys.add(Keys.SIGINT)
    def _interrupt(_event: KeyPressEvent) -> None:
        prompt.interrupt()

    @keys.add("c-d", filter=at_input & empty)
    def _end_of_input(_event: KeyPressEvent) -> None:
        prompt.end_of_input()

    @bind("suspend", True)
    def _suspend(_event: KeyPressEvent) -> None:
        prompt.suspend()

    return keys


def _last_clusters(text: str, count: int) -> list[str]:
    # A cluster is short; only the end of a long line is split.
    return list(clusters(text[-_LONGEST_CLUSTERS:]))[-max(count, 1) :]


def wants_new_line(document: Document) -> bool:
    """Return True if the cursor is after an unescaped backslash at the end of a line."""
    return not document.current_line_after_cursor and is_continued(document.current_line_before_cursor)


def _continue(buffer: Buffer) -> None:
    """Replace the backslash before the cursor by a line feed."""
    if not keeps_backslash(buffer.text):
        buffer.delete_before_cursor()
    buffer.insert_text("\n")

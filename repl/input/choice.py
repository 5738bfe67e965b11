"""A question with choices, shown in place of the prompt until one of them is made.

A key acts at once, but never one that was typed before the question could be read: keys count only after the question
has been on the screen, without any key, for a moment. Text typed before that belongs to the draft. So does text that
begins with a key that is not a choice.

Enter may end a line that was typed before the question was seen, so no choice is highlighted at first, and Enter
answers only after an arrow key has highlighted one. Any key that belongs to the draft ends that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prompt_toolkit.application.current import get_app
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import Dimension, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.search import stop_search

from aloop.sanitize import safe_line
from aloop.width import fit, flow, text_width, unjoined
from repl.input.key_parser import CTRL_ENTER, escape_alone
from repl.input.pastes import Entry, PasteGuard
from repl.input.prompt import Prompt
from repl.input.queue import QueuedLine, line_rows

READABLE_SECONDS = 0.5
"""How long a question must have been on the screen, without a key, before a key answers it."""

_TOP, _SIDE, _BOTTOM, _HERE = "╭ ", "│ ", "╰ ", "› "


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer: the key that gives it, and its label, empty if it is not in the list.

    ``short`` is the label in a narrow window, if there is another.
    """

    key: str
    label: str = ""
    short: str = ""


class ChoiceQuestion:
    """One question, created on the event loop that waits for the answer.

    ``guard`` decides which keys belong to a paste without marks: none of them is an answer. ``waiting`` returns the
    rows above the question for what was typed before it could be read, given the width and the height of the screen.
    """

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        more: str,
        stop: Callable[[], None],
        guard: PasteGuard,
        waiting: Callable[[str, int, int], list[str]] = lambda *_: [],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.typed = ""
        """The text typed before the question could be read, with a carriage return for each Enter.

        Once there is a paste in it, whose text may contain keys, Enter is a line feed, which sends nothing.
        """
        self._has_paste = False
        self._title = title
        self._choices = choices
        self._listed = [choice for choice in choices if choice.label]
        self._more = more
        self._stop = stop
        self._guard = guard
        self._waiting = waiting
        self._clock = clock
        self._at: int | None = None
        self._explains_enter = False
        self._quiet_since: float | None = None
        self._is_ready = False
        control = FormattedTextControl(self._text, focusable=True, show_cursor=False, key_bindings=self._bind_keys())
        window = Window(control, height=lambda: Dimension.exact(len(self._rows())))
        self.layout = Layout(HSplit([window, Window()]), control)

    def shown(self) -> None:
        """Start to wait for keys: the question is on the screen."""
        if self._quiet_since is None:
            self._quiet_since = self._clock()
            self._check()

    def hidden(self) -> None:
        """Wait for the next ``shown``: the question was not on the screen for a time."""
        self._quiet_since, self._is_ready, self._at = None, False, None

    def _check(self) -> None:
        if self._is_ready or self._quiet_since is None or self.answered.done():
            return
        left = self._quiet_since + READABLE_SECONDS - self._clock()
        if left > 0:
            asyncio.get_running_loop().call_later(left, self._check)
        else:
            self._is_ready = True
            get_app().invalidate()

    def _bind_keys(self) -> KeyBindings:
        keys = KeyBindings()
        ready = Condition(lambda: self._is_ready)

        @keys.add("up", filter=ready)
        @keys.add("c-p", filter=ready)
        def _up(_event: KeyPressEvent) -> None:
            self._highlight(-1 if self._at is None else self._at - 1)

        @keys.add("down", filter=ready)
        @keys.add("c-n", filter=ready)
        def _down(_event: KeyPressEvent) -> None:
            self._highlight(0 if self._at is None else self._at + 1)

        @keys.add("enter", filter=ready, eager=True)
        def _enter(_event: KeyPressEvent) -> None:
            if self._guard.has_more:
                self._keep_line_end()
            elif self._at is None:
                self._explains_enter = True
            else:
                self._answer(self._listed[self._at].key)

        # eager: nothing waits for a second key.
        @keys.add("escape", filter=escape_alone, eager=True)
        def _escape(_event: KeyPressEvent) -> None:
            self._stop()

        @keys.add("backspace", filter=~ready)
        def _backspace(_event: KeyPressEvent) -> None:
            self._keep(self.typed[:-1])

        # Pasted text may contain the mark for its own end, and then keys, so it makes the question wait again.
        @keys.add(Keys.BracketedPaste)
        def _paste(event: KeyPressEvent) -> None:
            self._has_paste = True
            self._keep((self.typed + event.data).replace("\r\n", "\n").replace("\r", "\n"))

        @keys.add(Keys.Any)
        def _any(event: KeyPressEvent) -> None:
            key = self._choice_of(event.data.lower()) if self._is_ready else ""
            if key and not self._guard.has_more:
                self._answer(key)
            else:
                self._keep(self.typed + (event.data if event.data.isprintable() else ""))

        # Enter that was typed too early still ends its line: the next one must not become a part of it.
        @keys.add("enter", filter=~ready, eager=True)
        @keys.add(CTRL_ENTER, filter=~ready)
        def _line_end(_event: KeyPressEvent) -> None:
            self._keep_line_end()

        @keys.add("escape", "enter", filter=~ready)
        @keys.add("c-j", filter=~ready)
        def _line_feed(_event: KeyPressEvent) -> None:
            self._keep(self.typed + "\n")

        return keys

    def _highlight(self, place: int) -> None:
        self._at, self._explains_enter = place % len(self._listed), False

    def _keep_line_end(self) -> None:
        self._has_paste = self._has_paste or self._guard.ends_pasted_line
        self._keep(self.typed + ("\n" if self._has_paste else "\r"))

    def _keep(self, typed: str) -> None:
        """Keep what was typed for the draft, and wait again until no key is typed."""
        self.typed, self._at, self._explains_enter = typed, None, False
        if self._quiet_since is not None:
            self._quiet_since = self._clock()
        if self._is_ready:
            self._is_ready = False
            asyncio.get_running_loop().call_soon(self._check)

    def _choice_of(self, key: str) -> str:
        """Return the key of the choice that ``key`` makes, empty if it makes none."""
        if key.isascii() and key.isdecimal() and 0 < int(key) <= len(self._listed):
            return self._listed[int(key) - 1].key
        return key if any(choice.key == key for choice in self._choices) else ""

    def _answer(self, key: str) -> None:
        if not self.answered.done():
            self.answered.set_result(key)

    def _text(self) -> StyleAndTextTuples:
        fragments: StyleAndTextTuples = []
        for row in self._rows():
            fragments += [*row, ("", "\n")]
        return fragments[:-1]

    def _help(self, width: int) -> str:
        keys, rest = "/".join(choice.key for choice in self._listed), f"{self._more} · Esc stops"
        whole = f"Press {keys}, or ↑↓ and then Enter{rest}" if self._explains_enter else f"{keys} or ↑↓ Enter{rest}"
        return whole if text_width(whole) <= width else fit(f"{keys}{rest}", width)

    def _rows(self) -> list[StyleAndTextTuples]:
        # No row is filled up to the right margin, so that there is nothing to wrap when the terminal gets narrower.
        size = get_app().output.get_size()
        width = size.columns - 1
        frame = "class:frame"
        rows: list[StyleAndTextTuples] = [
            [("class:toolbar", text)] for text in self._waiting(self.typed, size.columns, size.rows)
        ]
        rows += [
            [(frame, _SIDE if number else _TOP), ("class:question", text)]
            for number, text in enumerate(flow(self._title, width - len(_TOP)))
        ]
        indent = len(_SIDE) + len(_HERE) + 3
        room = max(width - indent, 10)
        is_narrow = any(text_width(choice.label) > room for choice in self._listed)
        for place, choice in enumerate(self._listed):
            is_here = place == self._at
            first, *others = flow((is_narrow and choice.short) or choice.label, room)
            style = "class:question" if is_here else ""
            rows.append(
                [
                    (frame, _SIDE),
                    ("class:key", f"{_HERE if is_here else '  '}{choice.key}  "),
                    (style, first),
                ]
            )
            rows += [[(frame, _SIDE), (style, f"{'':<{indent - len(_SIDE)}}{text}")] for text in others]
        style = "class:question" if self._explains_enter else "class:toolbar"
        rows.append([(frame, _BOTTOM), (style, self._help(width - len(_BOTTOM)) if self._is_ready else "…")])
        return rows


async def choose(prompt: Prompt, title: str, choices: Sequence[Choice], more: str = "") -> str:
    """Return the key of the choice that the user makes; ``more`` is shown below them.

    Text typed before it could be read is added to the draft, and its lines are queued, as without the question.
    """

    def waiting(typed: str, width: int, height: int) -> list[str]:
        return waiting_rows(prompt.queued, prompt.document, typed, width, height)

    question = ChoiceQuestion(title, choices, more, prompt.interrupt, prompt.paste_guard, waiting)

    def painted(_: object) -> None:
        if prompt.app.layout is question.layout:
            question.shown()

    def resumed(_: object) -> None:
        question.hidden()

    if prompt.app.layout.is_searching:
        stop_search()
    prompt.clear_hint()
    with prompt.lend(question.layout):
        prompt.app.after_render += painted
        prompt.after_suspend += resumed
        try:
            answer = await question.answered
            if question.typed.lower() == answer and not prompt.document.text:
                question.typed = ""  # the same key, pressed too early, was meant as this answer
            return answer
        finally:
            prompt.after_suspend -= resumed
            prompt.app.after_render -= painted
            prompt.enter_typed(*split_typed(question.typed, prompt.document))


def split_typed(typed: str, draft: Document) -> tuple[list[str], str]:
    """Return the lines that end in ``typed``, and the rest of it.

    The lines end with carriage returns. ``draft`` has been on the line before.
    """
    before, after, new = draft.text_before_cursor, draft.text_after_cursor, ""
    lines: list[str] = []
    *ended, rest = typed.split("\r")
    for text in ended:
        # A lone key on an empty line was meant for the question, and would be sent to the model.
        if len(text) > 1 or before + new + after:
            new += text
        if (line := before + new + after).strip():
            lines.append(line)
            before = after = new = ""
    return lines, new + rest


def waiting_rows(queued: Sequence[QueuedLine], draft: Document, typed: str, width: int, height: int) -> list[str]:
    """Return the rows of the lines that wait, with those that end in ``typed``.

    Below them is the draft, if something was typed for it.
    """
    lines, rest = split_typed(typed, draft)
    rows = line_rows([*queued, *(QueuedLine(Entry(text)) for text in lines)], width, height)
    before, after = ("", "") if lines else (draft.text_before_cursor, draft.text_after_cursor)
    text = f"{before}{rest}{after}".strip() if rest else ""
    return [*rows, fit(f"  draft: {unjoined(safe_line(text))}", width - 1)] if text else rows

"""The prompt: an application that reads lines, also while a turn runs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio import get_running_loop
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from select import select
from typing import TYPE_CHECKING

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer, DummyCompleter
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import merge_key_bindings
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import Layout
from prompt_toolkit.search import stop_search

from aloop.errors import AloopError
from aloop.keys import DEFAULT_KEYS, key_label
from aloop.sanitize import safe_line
from aloop.width import fit, flow, unjoined
from repl.input.buffer import LineBuffer, complete
from repl.input.key_bindings import bind_keys
from repl.input.key_parser import KeyParser, feed_typed_ahead
from repl.input.layout import build_layout, key_help
from repl.input.owner import Owner
from repl.input.pastes import Entry, PasteGuard, dropped_media
from repl.input.queue import QueuedLine, is_line, is_message, line_rows, with_typed
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import PROMPT, Line, placeholder
from repl.output.theme import prompt_style

if TYPE_CHECKING:
    from repl.input.choice import Choice, ChoiceQuestion

_LATE_SECONDS = 0.2  # for reports of the terminal at the end

_VI_MARKS = {
    InputMode.NAVIGATION: "NORMAL · ",
    InputMode.REPLACE: "REPLACE · ",
    InputMode.REPLACE_SINGLE: "REPLACE · ",
}

_PROMPT_ROWS = 2
"""Rows of a short line and of what is above it, beside the help about keys."""

_PASTED_KEYS: Mapping[Keys | str, str] = {Keys.ControlM: "\r", Keys.ControlJ: "\n", Keys.ControlI: "\t"}
_MOST_PASTED = 1 << 16
"""The most keys that are read before what they change is drawn."""

AGAIN_SECONDS = 2.0  # until a key that must be pressed twice is forgotten

_ESCAPE_SECONDS = 0.1
"""Delay before Esc alone is a key: an arrow key arrives in one piece."""


class Question:
    """A question at the prompt, created on the event loop that waits for the answer."""

    def __init__(self, prompt: str, choices: str) -> None:
        self.prompt = prompt
        self.choices = choices
        self.answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def answer(self, text: str) -> None:
        """Set the answer, unless there is one or the turn was stopped."""
        if not self.answered.done():
            self.answered.set_result(text)


class Prompt:
    """The input line: one application that runs as long as the shell does."""

    def __init__(
        self,
        owner: Owner,
        screen: Screen,
        live: Live,
        *,
        toolbar: Callable[[int], Line],
        completer: Completer,
        history: History,
        editing_mode: EditingMode = EditingMode.EMACS,
        source: Input | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        self.paste_guard = PasteGuard(
            self._has_keys,
            lambda wait, tick: get_running_loop().call_later(wait, tick),
            lambda: screen.marks_pastes,
        )
        self._owner = owner
        self._screen = screen
        self._toolbar = toolbar
        self._hint = ""
        self._keys = keys or {}
        self._is_new = True  # nothing was entered yet
        self._question: Question | None = None
        self._choice: ChoiceQuestion | None = None
        self._is_editing = False
        self._armed = self._repeats = ""
        self._expiry: asyncio.TimerHandle | None = None
        self._awaited: Document | None = None
        self.is_completing = False
        """True while the user waits for the effect of Tab."""
        self._recalled: tuple[int, QueuedLine] | None = None  # the line that was queued, and its place
        self._buffer = LineBuffer(
            name=DEFAULT_BUFFER,
            completer=completer,
            complete_while_typing=True,
            auto_suggest=AutoSuggestFromHistory(),
            history=history,
            multiline=True,
            on_text_changed=self._forget_hint,
        )
        self.app: Application[None] = Application(
            layout=build_layout(
                self._buffer, self._toolbar_rows, self._prompt_text, self._queue_rows, self._placeholder
            ),
            style=screen.prompt_style,
            include_default_pygments_style=False,
            editing_mode=editing_mode,
            key_bindings=merge_key_bindings([load_auto_suggest_bindings(), bind_keys(self, self._keys)]),
            erase_when_done=True,
            cursor=ModalCursorShapeConfig() if editing_mode is EditingMode.VI else None,
            input=source,
            output=screen.output,
        )
        self.app.ttimeoutlen = _ESCAPE_SECONDS
        if isinstance(self.app.input, Vt100Input):
            feed_key = self.app.input.vt100_parser.feed_key_callback
            self.app.input.vt100_parser = KeyParser(feed_key, screen.take_report)
        self.app.key_processor.before_key_press += lambda _: self.paste_guard.key()
        self.app.key_processor.before_key_press += lambda _: self._count_key()
        screen.attach(self.app, live.rows)

    async def run(self, on_first_paint: Callable[[], None], typed: str = "", *, is_pasted: bool = False) -> None:
        """Read ``typed`` and then keys until ``leave``; raises EOFError at the end.

        Lines in ``typed`` were typed one by one unless ``is_pasted``.
        """

        def painted(_: object) -> None:
            self.app.after_render -= painted
            on_first_paint()

        self.app.after_render += painted
        count = feed_typed_ahead(self.app.input, typed)
        self.paste_guard.skip(0 if is_pasted else count)
        if isinstance(self.app.input, Vt100Input):
            self._screen.ask_terminal()
        try:
            await self.app.run_async(set_exception_handler=False)
        finally:
            self._screen.ignore_reports()
        self._take_late_reports()

    def _take_late_reports(self) -> None:
        """Wait a moment for reports, which would be typed into the next program."""
        source, end = self.app.input, time.monotonic() + _LATE_SECONDS
        with source.raw_mode():
            while self._screen.awaits_reports and not source.closed and (left := end - time.monotonic()) > 0:
                if select([source.fileno()], [], [], left)[0]:
                    source.read_keys()

    def leave(self) -> None:
        """Make ``run`` return."""
        if self.app.is_running and not self.app.is_done:
            self.app.exit()

    def submit(self, *, steers: bool = False) -> None:
        """Pass the line to the owner, which queues it if it is busy."""
        if self._question is not None:
            answer = self._buffer.entry.text
            self._buffer.reset()
            self._question.answer(answer)
        elif not self._buffer.text.strip():
            self._owner.blank_entered()
        else:
            self.app.vi_state.reset()
            self._is_new = False
            self._enter(steers=steers)

    def interrupt(self) -> None:
        """Stop the turn and its question; without a turn, move the line to the history."""
        if self._is_editing or self._owner.interrupted():
            return
        self.app.vi_state.reset()  # a new line starts in insert mode, as in any shell
        if self._buffer.text.strip():
            self.move_draft_to_history()
            return
        if self._repeats == "interrupt" and not self._buffer.text:
            self._owner.input_ended()
        elif not self._buffer.text and not self._owner.blank_interrupted():
            self._arm("interrupt", "Press Ctrl-C again to quit.")
        self._buffer.reset()

    def escape(self) -> None:
        """Stop the turn; the second Escape on an empty line goes back to a message."""
        if self._is_editing or self._owner.interrupted() or self._buffer.text:
            return
        if self._repeats == "escape":
            self.clear_hint()
            self._owner.go_back()
        else:
            self._arm("escape", "Press Esc again to go back to an earlier message.")

    def _arm(self, key: str, sentence: str) -> None:
        """Let ``key`` act when it is pressed again while ``sentence`` is shown."""
        self.hint(sentence)
        self._armed = key
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = get_running_loop().call_later(AGAIN_SECONDS, self._disarm, sentence)

    def _disarm(self, sentence: str) -> None:
        self._armed = ""
        if self._hint == sentence:
            self.clear_hint()

    def _count_key(self) -> None:
        """Remember which key was the last one, for keys that must be pressed twice."""
        self._repeats, self._armed = self._armed, ""

    @property
    def is_busy(self) -> bool:
        """True while a turn runs."""
        return self._owner.is_busy

    @property
    def shows_keys(self) -> bool:
        """True while the keys are shown below the line, which is a question mark."""
        return self._buffer.text == "?" and not (self._hint or self._question or self._vi_mark)

    def change_mode(self) -> None:
        """Let the owner switch the permission mode."""
        self._owner.change_mode()

    def end_of_input(self) -> None:
        """Tell the owner that the user wants to leave."""
        self._owner.input_ended()

    def suspend(self) -> None:
        """Restore the terminal and stop the process, until its shell resumes it."""
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
            return  # no shell could resume it
        loop = get_running_loop()

        def stop() -> None:
            loop.remove_signal_handler(signal.SIGTSTP)
            with self._screen.untitled():
                os.kill(0, signal.SIGTSTP)  # the whole job, as the terminal does
            if self._choice is not None:
                self._choice.hidden()
            self.handle_suspend()

        if self.app._running_in_terminal:  # prompt_toolkit would wait for the program that has the terminal
            stop()
        else:
            run_in_terminal(stop)

    def handle_suspend(self) -> None:
        """Let SIGTSTP of other processes restore the terminal, too."""
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            get_running_loop().add_signal_handler(signal.SIGTSTP, self.suspend)

    def prefill(self, entry: Entry) -> bool:
        """Put ``entry`` on the line to be edited; False if there is other text on it."""
        if self._buffer.text:
            return False
        self._buffer.put(entry)
        return True

    def _enter(self, *, steers: bool = False) -> None:
        place = self._recalled[0] if self._recalled else None
        self._recalled = None  # taking the line is not a change of its text
        self._owner.line_entered(self._buffer.take(), steers=steers, place=place)

    @property
    def draft(self) -> str:
        """The text on the line."""
        return self._buffer.entry.text

    @property
    def may_complete(self) -> bool:
        """True if the line may contain the name of a command or a file."""
        text = self._buffer.text
        return text.startswith(("/", "!")) or "@" in text

    def move_draft_to_history(self) -> None:
        """Move the text on the line to the history."""
        self._recalled = None
        if self._buffer.text.strip():
            self._buffer.take()

    @property
    def ends_pasted_line(self) -> bool:
        """True if the key being handled, Enter, came with a paste."""
        return self.paste_guard.ends_pasted_line

    @property
    def in_paste(self) -> bool:
        """True if the key being handled came with a paste that was noticed before."""
        return self.paste_guard.in_paste

    def take_pasted(self) -> str:
        """Remove the keys of a paste that wait to be handled, and return their text.

        Handled one by one, thousands of lines would take minutes.
        """
        source, processor = self.app.input, self.app.key_processor
        queue = processor.input_queue
        while isinstance(source, Vt100Input) and len(queue) < _MOST_PASTED and select([source.fileno()], [], [], 0)[0]:
            if not (read := source.read_keys()):
                break  # the terminal is closed
            processor.feed_multiple(read)
        text = ""
        while queue and (queue[0].key == queue[0].data or queue[0].key in _PASTED_KEYS):
            press = queue.popleft()
            self.paste_guard.key()
            text += _PASTED_KEYS.get(press.key, press.data)
        return text

    def _has_keys(self, seconds: float) -> bool:
        """Return True if keys wait to be handled or arrive within ``seconds``."""
        source, processor = self.app.input, self.app.key_processor
        if not processor.input_queue and isinstance(source, Vt100Input) and self.app.is_running:
            is_readable = bool(select([source.fileno()], [], [], seconds)[0])
            if not (is_readable and seconds):
                return is_readable
            # Reports of the terminal are not keys.
            processor.feed_multiple(source.read_keys())
        return any(press.key in (press.data, Keys.ControlM) for press in processor.input_queue)

    def move_up(self) -> None:
        """Move the cursor up by a row of the screen, or to the previous entry.

        On an empty line, take back the line that was queued last, and then those before it.
        """
        if self._question is None and not self._buffer.text and self._owner.queued:
            self._recall(len(self._owner.queued) - 1)
        elif self._requeue(least=1):
            self._recall(self._recalled[0] - 1 if self._recalled else 0)
        else:
            self._buffer.move_up(self._row_width)

    def _recall(self, place: int) -> None:
        line = self._owner.recall(place)
        self._buffer.put(line.entry)
        self._recalled = place, line

    def _requeue(self, least: int = 0) -> bool:
        """Let an unchanged line wait again, if its place is at ``least`` that."""
        if self._question is not None or self._recalled is None:
            return False
        place, line = self._recalled
        place = min(place, len(self._owner.queued))
        if place < least or self._buffer.entry != line.entry:
            return False
        self._owner.requeue(line, place)
        self._recalled = place, line
        return True

    def move_down(self) -> None:
        """Move the cursor down by a row of the screen, or to the next entry."""
        if not self._requeue():
            self._buffer.move_down(self._row_width)
        elif self._recalled and self._recalled[0] + 1 < len(self._owner.queued):
            self._recall(self._recalled[0] + 1)
        else:
            self._recalled = None
            self._buffer.reset()

    @property
    def _row_width(self) -> int:
        return max(1, self.app.output.get_size().columns - len(PROMPT))

    def paste(self, text: str) -> None:
        """Insert pasted ``text``."""
        self.paste_guard.paste()
        self._buffer.paste(dropped_media(text) or text)

    def edit(self) -> None:
        """Open the line in the user's editor, without sending it."""
        if self._owner.is_busy:
            self.hint("Cannot open the editor while a turn is running.")
        elif not self._is_editing:
            self._is_editing = True
            self.app.create_background_task(self._edit())

    def rewind(self) -> None:
        """Let the user choose an earlier message to go back to."""
        if not self._owner.is_busy and not self._is_editing:
            self._owner.go_back()

    def expand(self) -> None:
        """Show all of the output of the last tool."""
        if not self._is_editing:
            self._owner.expand()

    async def _edit(self) -> None:
        # Imported here: few lines need it.
        from repl.input.editor import edit_text

        try:
            self._buffer.put_text(await edit_text(self._buffer.entry.text))
        except AloopError as error:
            self.hint(str(error))
        finally:
            self._is_editing = False

    async def ask(self, prompt: str, choices: str) -> str:
        """Return the answer entered after ``prompt``, with ``choices`` in the toolbar.

        The answer is not added to the history, and is not completed. The draft is restored afterward.
        """
        draft, self._question = self._buffer.document, Question(prompt, choices)
        completer, suggest = self._buffer.completer, self._buffer.auto_suggest
        if self.app.layout.is_searching:
            stop_search()
        self._buffer.reset()
        self._buffer.completer, self._buffer.auto_suggest = DummyCompleter(), None
        self.clear_hint()
        try:
            return await self._question.answered
        finally:
            self._question = None
            self._buffer.completer, self._buffer.auto_suggest = completer, suggest
            self._buffer.reset(draft)
            self.app.invalidate()

    async def choose(self, title: str, choices: Sequence[Choice], more: str = "") -> str:
        """Return the key of the choice that the user makes; ``more`` is shown below them.

        Text typed before it could be read is added to the draft, and its lines are queued, as without the question.
        """
        from repl.input.choice import ChoiceQuestion  # here: needed only for a question

        question = ChoiceQuestion(title, choices, more, self.interrupt, self.paste_guard, self._waiting_rows)
        if self.app.layout.is_searching:
            stop_search()
        self.clear_hint()

        def painted(_: object) -> None:
            if self.app.layout is question.layout:
                question.shown()

        with self.lend(question.layout):
            self._choice = question
            self.app.after_render += painted
            try:
                answer = await question.answered
                if question.typed.lower() == answer and not self._buffer.text:
                    question.typed = ""  # the same key, pressed too early, was meant as this answer
                return answer
            finally:
                self._choice = None
                self.app.after_render -= painted
                self._take_typed(question.typed)

    def _take_typed(self, typed: str) -> None:
        """Enter the lines of ``typed``, which end with ``\\r``, and keep the rest."""
        *lines, rest = typed.split("\r")
        for text in lines:
            if is_line(text, self._buffer.text):
                self._buffer.insert_text(text)
            if self._buffer.text.strip():
                self._enter()
        if rest:
            self._buffer.insert_text(rest)

    def complete(self) -> None:
        """Complete the text before the cursor, now or as soon as there are completions."""
        self.is_completing = True
        try:
            self._awaited = None if complete(self._buffer) else self._buffer.document
        finally:
            self.is_completing = False

    @contextmanager
    def lend(self, layout: Layout, *, is_full: bool = False) -> Iterator[None]:
        """Show ``layout`` in place of the prompt during the body, or in the whole window."""
        app = self.app
        before = app.layout, app.editing_mode
        app.layout, app.editing_mode = layout, EditingMode.EMACS
        if is_full:
            self._screen.fill(is_full=True)
        app.invalidate()
        try:
            yield
        finally:
            app.layout, app.editing_mode = before
            if is_full:
                self._screen.fill(is_full=False)
            app.invalidate()

    def complete_again(self) -> None:
        """Complete again with new completions; may be called from any thread."""
        if self.app.loop is not None:
            self.app.loop.call_soon_threadsafe(self._complete_again)

    def _complete_again(self) -> None:
        document = self._buffer.document
        if document == self._awaited:
            self.complete()
        elif self.may_complete and not self._buffer.complete_state and _begins_completion(document):
            self._buffer.start_completion()

    def hint(self, sentence: str) -> None:
        """Show ``sentence`` instead of the toolbar until the line changes."""
        self._hint = sentence
        self.app.invalidate()

    def clear_hint(self) -> None:
        """Show the toolbar again."""
        self._hint = ""
        self.app.invalidate()

    def _forget_hint(self, _: Buffer) -> None:
        self._hint = ""
        if not self._buffer.text and self._question is None:
            self._recalled = None

    def _queue_rows(self, width: int, height: int) -> list[str]:
        return [] if self._question is not None else line_rows(self._owner.queued, width, height)

    def _waiting_rows(self, typed: str, width: int, height: int) -> list[str]:
        """Return the rows of the lines that wait, with those that ``typed`` will add.

        ``_take_typed`` adds them after the question.
        """
        document = self._buffer.document
        waiting, draft = with_typed(self._owner.queued, typed, document.text_before_cursor, document.text_after_cursor)
        rows = line_rows(waiting, width, height)
        return [*rows, fit(f"  draft: {unjoined(safe_line(draft))}", width - 1)] if draft else rows

    def _placeholder(self, width: int) -> str:
        return placeholder(width) if self._is_new and self._question is None else ""

    def _busy_help(self) -> str:
        """Return what Enter does while a turn runs or lines wait, if it matters now."""
        if self._question is not None:
            return ""
        if not self._owner.is_busy:
            may_send = self._owner.queued and not self._buffer.text
            return "Enter sends the lines one by one · Up edits or removes" if may_send else ""
        if self._buffer.text.strip():
            steer = {**DEFAULT_KEYS, **self._keys}["steer"]
            # Few terminals send the default key, unless they have the protocol of kitty.
            is_sent = steer and (steer != DEFAULT_KEYS["steer"] or self._screen.has_kitty_keys)
            return f"Enter queues · {key_label(steer) if is_sent else 'Enter twice'} sends at the next step"
        if not self._owner.queued:
            return ""
        may_steer = any(is_message(line.entry) and not line.steers for line in self._owner.queued)
        steer = "Enter sends at the next step · " if may_steer else ""
        return f"{steer}Up edits or removes"

    def _toolbar_rows(self, width: int) -> StyleAndTextTuples:
        # Messages are wrapped, the permanent toolbar is cut.
        message, mark = self._hint or (self._question.choices if self._question else ""), self._vi_mark
        if self.shows_keys:
            return key_help(self._keys, width - 1, self.app.output.get_size().rows - _PROMPT_ROWS)
        if message := message or self._busy_help():
            text = "\n".join(flow(f"{mark}{message}", width - 1))
            return [("class:key", text[: len(mark)]), ("class:toolbar", text[len(mark) :])]
        shown = self._toolbar(width - 1 - len(mark))
        return [("class:key", mark), *((prompt_style(look), text) for look, text in shown)]

    @property
    def _vi_mark(self) -> str:
        """The mode of vi, unless it inserts text."""
        if self.app.editing_mode is not EditingMode.VI:
            return ""
        return _VI_MARKS.get(self.app.vi_state.input_mode, "")

    def _prompt_text(self) -> str:
        return self._question.prompt if self._question else PROMPT


def _begins_completion(document: Document) -> bool:
    # Imported here: the prompt is drawn without it.
    from repl.completion.completers import begins_path

    return document.text.startswith("/") or begins_path(document)

"""The prompt: an application that reads lines, even while a turn runs."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import get_running_loop
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

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
from prompt_toolkit.layout import Layout
from prompt_toolkit.search import stop_search
from prompt_toolkit.utils import Event

from aloop.errors import AloopError
from aloop.width import flow
from repl.input.buffer import LineBuffer
from repl.input.key_bindings import bind_keys
from repl.input.key_help import enter_help, key_help, vi_mark
from repl.input.key_parser import KeyParser, feed_typed_ahead
from repl.input.layout import build_layout
from repl.input.owner import Owner
from repl.input.pastes import Entry, PasteGuard, dropped_media
from repl.input.queue import QueuedLine, QueueWalk, line_rows
from repl.input.waiting_keys import WaitingKeys
from repl.output.live import Live
from repl.output.notices import MARK
from repl.output.screen import Screen
from repl.output.styled import PROMPT, Line, placeholder
from repl.output.theme import prompt_style

_LATE_SECONDS = 0.2  # for reports of the terminal at the end

_PROMPT_ROWS = 2
"""Rows of a short line and of what is above it, beside the help about keys."""

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
        self._owner = owner
        self._screen = screen
        self._toolbar = toolbar
        self._hint = ""
        self._keys = keys or {}
        self._is_new = True  # nothing was entered yet
        self._question: Question | None = None
        self._is_editing = False
        self._armed = self._repeats = ""
        self._expiry: asyncio.TimerHandle | None = None
        self._buffer = LineBuffer(
            name=DEFAULT_BUFFER,
            completer=completer,
            complete_while_typing=True,
            auto_suggest=AutoSuggestFromHistory(),
            history=history,
            multiline=True,
            on_text_changed=self._forget_hint,
        )
        self._queue_walk = QueueWalk(owner, self._buffer)
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
        self._waiting_keys = WaitingKeys(self.app)
        self.paste_guard = PasteGuard(
            self._waiting_keys.arrive,
            lambda wait, tick: get_running_loop().call_later(wait, tick),
            lambda: screen.marks_pastes,
        )
        self.after_suspend = Event(self)
        """Fired when the process has been stopped and resumed."""
        self.app.key_processor.before_key_press += lambda _: self.paste_guard.key()
        self.app.key_processor.before_key_press += lambda _: self._count_key()
        screen.attach(self.app, live.rows, live.keep)

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
        # Late reports would be typed into the next program.
        self._waiting_keys.drop(_LATE_SECONDS, lambda: self._screen.awaits_reports)

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
        return self._buffer.text == "?" and not (self._hint or self._question or vi_mark(self.app))

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
            self.after_suspend.fire()
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
        place = self._queue_walk.leave()  # before the line is taken, which is not a change of its text
        self._owner.line_entered(self._buffer.take(), steers=steers, place=place)

    @property
    def draft(self) -> str:
        """The text on the line."""
        return self._buffer.entry.text

    @property
    def document(self) -> Document:
        """The line as it is shown, with the cursor."""
        return self._buffer.document

    @property
    def queued(self) -> Sequence[QueuedLine]:
        """The lines that wait."""
        return self._owner.queued

    def move_draft_to_history(self) -> None:
        """Move the text on the line to the history."""
        self._queue_walk.leave()
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
        """Remove the keys of a paste that wait to be handled, and return their text."""
        return self._waiting_keys.take_text(self.paste_guard.key)

    def move_up(self) -> None:
        """Move the cursor up by a row of the screen, or to the previous entry.

        On an empty line, take back the line that was queued last, and then those before it.
        """
        if self._question is not None or not self._queue_walk.up():
            self._buffer.move_up(self._row_width)

    def move_down(self) -> None:
        """Move the cursor down by a row of the screen, or to the next entry."""
        if self._question is not None or not self._queue_walk.down():
            self._buffer.move_down(self._row_width)

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
            self.hint(MARK + str(error))
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

    def enter_typed(self, lines: Sequence[str], rest: str) -> None:
        """Enter ``lines``, the first of them in place of the draft, and insert ``rest``."""
        for text in lines:
            self._buffer.document = Document(text, len(text))
            self._enter()
        if rest:
            self._buffer.insert_text(rest)

    def complete(self) -> None:
        """Complete the text before the cursor, now or as soon as there are completions."""
        self._buffer.complete()

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
            self.app.loop.call_soon_threadsafe(self._buffer.complete_again)

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
            self._queue_walk.leave()

    def _queue_rows(self, width: int, height: int) -> list[str]:
        return [] if self._question is not None else line_rows(self._owner.queued, width, height)

    def _placeholder(self, width: int) -> str:
        return placeholder(width) if self._is_new and self._question is None else ""

    def _toolbar_rows(self, width: int) -> StyleAndTextTuples:
        # Messages are wrapped, the permanent toolbar is cut.
        mark = vi_mark(self.app)
        if self.shows_keys:
            return key_help(self._keys, width - 1, self.app.output.get_size().rows - _PROMPT_ROWS)
        if message := self._hint or self._question_help():
            text = "\n".join(flow(f"{mark}{message}", width - 1))
            return [("class:key", text[: len(mark)]), ("class:toolbar", text[len(mark) :])]
        shown = self._toolbar(width - 1 - len(mark))
        return [("class:key", mark), *((prompt_style(look), text) for look, text in shown)]

    def _question_help(self) -> str:
        if self._question is not None:
            return self._question.choices
        kitty = self._screen.has_kitty_keys
        return enter_help(self._owner, self._buffer.text, self._keys, has_kitty_keys=kitty)

    def _prompt_text(self) -> str:
        return self._question.prompt if self._question else PROMPT

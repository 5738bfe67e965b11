"""The input line: always there, also while a turn runs.

What was typed before the prompt was there to read it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from select import select
from typing import Protocol

from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer, DummyCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import merge_key_bindings
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.layout import Layout
from prompt_toolkit.search import stop_search

from aloop.errors import AloopError
from repl.input.buffer import LineBuffer, complete
from repl.input.key_bindings import bind_keys
from repl.input.layout import STYLE, build_layout
from repl.input.pastes import Entry, PasteGuard
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import PROMPT
from repl.output.width import fit, flow

_IS_CUT = re.compile(r"\x1b(?:O|\[[0-9;?]*)?\Z")
_REST_SECONDS = 0.05  # for the rest of a key, which comes with its beginning


def take_what_was_typed(source: Input, before: str) -> None:
    """Have the first paint show what was typed until now: drawn at once, rather than after a second round.

    ``before`` is what somebody else has read from ``source`` already.
    """
    if isinstance(source, Vt100Input):
        # Its own parser: a key may have begun in there, and go on in what is still to be read.
        source.vt100_parser.feed(before)
        if _IS_CUT.search(before):
            select([source.fileno()], [], [], _REST_SECONDS)
    keys = []
    while read := source.read_keys():
        keys += read
    # An Escape that was pressed alone waits for no more: what a terminal sends comes in one piece.
    store_typeahead(source, keys + source.flush_keys())


_ESCAPE_SECONDS = 0.1
"""How long Esc alone is waited with where it leaves something: the rest of an arrow key comes with it, or at once."""


class Owner(Protocol):
    """Whoever reads from the prompt; its methods are called from keys and return at once."""

    def why_busy(self) -> str:
        """Return a sentence on why no line is taken now; empty when one is."""
        ...

    def line_entered(self, entry: Entry) -> None:
        """Take a line, which is not blank."""
        ...

    def blank_entered(self) -> None:
        """Enter was pressed on an empty line."""
        ...

    def blank_interrupted(self) -> bool:
        """Ctrl-C was pressed on an empty line; False when that means nothing here."""
        ...

    def interrupted(self) -> bool:
        """End what is being done; False when there is nothing to end."""
        ...

    def input_ended(self) -> None:
        """There will be no more lines, if that is fine now."""
        ...


class Question:
    """Something asked at the prompt; made on the event loop that waits for the answer."""

    def __init__(self, lead: str, choices: str) -> None:
        self.lead = lead
        self.choices = choices
        self.answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def answer(self, text: str) -> None:
        """Take the first answer; the turn may have been stopped before it."""
        if not self.answered.done():
            self.answered.set_result(text)


class Prompt:
    """One application for the life of the shell: lines come out of it, and it never goes away between them."""

    def __init__(
        self,
        owner: Owner,
        screen: Screen,
        live: Live,
        *,
        toolbar: Callable[[], str],
        completer: Completer,
        history: History,
        editing_mode: EditingMode = EditingMode.EMACS,
        source: Input | None = None,
    ) -> None:
        self.paste_guard = PasteGuard()
        self._owner = owner
        self._toolbar = toolbar
        self._hint = ""
        self._question: Question | None = None
        self._is_editing = False
        self._awaited: Document | None = None
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
            layout=build_layout(self._buffer, self._toolbar_text, self._lead),
            style=STYLE,
            editing_mode=editing_mode,
            key_bindings=merge_key_bindings([load_auto_suggest_bindings(), bind_keys(self)]),
            erase_when_done=True,
            input=source,
            output=screen.output,
        )
        self.app.key_processor.before_key_press += lambda _: self.paste_guard.key()
        screen.attach(self.app, live.rows)

    async def run(self, on_first_paint: Callable[[], None], typed: str = "") -> None:
        """Read until ``leave``, ``typed`` first; raises EOFError when the terminal goes away."""

        def painted(_: object) -> None:
            self.app.after_render -= painted
            on_first_paint()

        self.app.after_render += painted
        take_what_was_typed(self.app.input, typed)
        await self.app.run_async(set_exception_handler=False)

    def leave(self) -> None:
        """End ``run``."""
        if self.app.is_running and not self.app.is_done:
            self.app.exit()

    def submit(self) -> None:
        """Give the line to the owner; a line that is not taken stays, and the toolbar says why."""
        if self._question is not None:
            answer = self._buffer.entry.text
            self._buffer.reset()
            self._question.answer(answer)
        elif not self._buffer.text.strip():
            self._owner.blank_entered()
        elif busy := self._owner.why_busy():
            self.hint(busy)
        else:
            self.app.vi_state.reset()
            self._owner.line_entered(self._buffer.take())

    def interrupt(self) -> None:
        """End the turn, with what it asks; without one, clear the line but keep it in the history."""
        if self._is_editing or self._owner.interrupted():
            return  # the editor's business, or the turn's
        self.app.vi_state.reset()  # a new line begins by typing, as in any shell
        if self._buffer.text.strip():
            self.put_draft_away()
            return
        if not self._buffer.text and not self._owner.blank_interrupted():
            self.hint("Use Ctrl-D or /exit to quit.")
        self._buffer.reset()

    def end_of_input(self) -> None:
        """Tell the owner that its user wants to leave."""
        self._owner.input_ended()

    def offer(self, entry: Entry) -> bool:
        """Put a line back for another try; False when something else is being typed there."""
        if self._buffer.text:
            return False
        self._buffer.put(entry)
        return True

    @property
    def draft(self) -> str:
        """What stands on the line, and was not entered."""
        return self._buffer.entry.text

    @property
    def may_complete(self) -> bool:
        """Whether something on the line may name a command or a file."""
        text = self._buffer.text
        return text.startswith(("/", "!")) or "@" in text

    def put_draft_away(self) -> None:
        """Clear the line but keep it in the history."""
        if self._buffer.text.strip():
            self._buffer.take()

    @property
    def in_paste(self) -> bool:
        """True while a paste is being read."""
        return self.paste_guard.in_paste

    def paste(self, text: str) -> None:
        """Insert what was pasted."""
        self.paste_guard.paste()
        self._buffer.paste(text)

    def edit(self) -> None:
        """Open the line in the user's editor; what comes back stays on the line."""
        if busy := self._owner.why_busy():
            self.hint(busy.partition(":")[0] + ": the editor waits for the end of the turn.")
        elif not self._is_editing:
            self._is_editing = True
            self.app.create_background_task(self._edit())

    async def _edit(self) -> None:
        # Imported here: few lines need an editor.
        from repl.input.editor import edit_text

        try:
            self._buffer.put_text(await edit_text(self._buffer.entry.text))
        except AloopError as error:
            self.hint(str(error))
        finally:
            self._is_editing = False

    async def ask(self, lead: str, choices: str) -> str:
        """Return what is entered after ``lead``, with ``choices`` in the toolbar; what was being typed comes back then.

        The answer goes into no history, and nothing is offered to complete it.
        """
        draft, self._question = self._buffer.document, Question(lead, choices)
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

    def complete(self) -> None:
        """Complete what stands before the cursor; where nothing is known yet, once it is."""
        self._awaited = None if complete(self._buffer) else self._buffer.document

    @contextmanager
    def lend(self, layout: Layout) -> Iterator[None]:
        """Give the place of the prompt to ``layout`` until the body is done; what was being typed stays as it is."""
        app = self.app
        before = app.layout, app.editing_mode, app.ttimeoutlen
        app.layout, app.editing_mode, app.ttimeoutlen = layout, EditingMode.EMACS, _ESCAPE_SECONDS
        app.invalidate()
        try:
            yield
        finally:
            app.layout, app.editing_mode, app.ttimeoutlen = before
            app.invalidate()

    def complete_again(self) -> None:
        """Look again for completions of what is being typed: there may be more to offer than a moment ago.

        May be called from any thread.
        """
        if self.app.loop is not None:
            self.app.loop.call_soon_threadsafe(self._complete_again)

    def _complete_again(self) -> None:
        document = self._buffer.document
        if document == self._awaited:
            self.complete()
        elif not self._buffer.complete_state and (document.text.startswith("/") or _begins_path(document)):
            self._buffer.start_completion()

    def hint(self, sentence: str) -> None:
        """Show ``sentence`` in place of the toolbar until the line changes."""
        self._hint = sentence
        self.app.invalidate()

    def clear_hint(self) -> None:
        """Show the toolbar again."""
        self._hint = ""
        self.app.invalidate()

    def _forget_hint(self, _: Buffer) -> None:
        self._hint = ""

    def _toolbar_text(self, width: int) -> str:
        # What is said to somebody is there whole, in rows if need be; of what always stands there, as much as fits.
        said = self._hint or (self._question.choices if self._question else "")
        return "\n".join(flow(said, width - 1)) if said else fit(self._toolbar(), width - 1)

    def _lead(self) -> str:
        return self._question.lead if self._question else PROMPT


def _begins_path(document: Document) -> bool:
    # Imported here: nothing is completed before the prompt is drawn.
    from repl.completion.completers import begins_path

    return begins_path(document)

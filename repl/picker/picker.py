"""The session picker, shown in place of the prompt until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl

from aloop.errors import AloopError
from aloop.formatting import progress_text
from aloop.memory.session import SessionTitle
from commands.session_browser import ROW, Choice, SessionBrowser
from repl.input.pastes import PasteGuard
from repl.input.prompt import Prompt
from repl.output.notices import MARK
from repl.output.screen import Screen
from repl.picker.columns import Details
from repl.picker.list_picker import bind_list_keys
from repl.picker.state import ASKING, Entry, Mode, Picker, entry_of
from repl.picker.view import Pane, Shown, build_picker_layout, heights


def bind_picker_keys(picking: PickerSession) -> KeyBindings:
    """Return the key bindings; a letter that came with a paste is never a command."""
    picker, guard = picking.picker, picking.paste_guard
    browsing = Condition(lambda: picker.mode is Mode.BROWSE and not guard.in_paste)
    commanding = Condition(lambda: browsing() and picking.is_own)  # otherwise, letters only filter
    listing = Condition(lambda: picker.mode in {Mode.BROWSE, Mode.FILTER})
    asking = Condition(lambda: picker.mode in ASKING)
    keys = bind_list_keys(picking, moves=listing)
    empty_filter = Condition(lambda: picker.mode is Mode.FILTER and not picker.filter)

    @keys.add("d", filter=commanding)
    @keys.add("c-d", filter=listing)
    def _trash(event: KeyPressEvent) -> None:
        picking.ask(Mode.TRASH, _text(event))

    @keys.add("r", filter=commanding)
    def _rename(event: KeyPressEvent) -> None:
        picking.ask(Mode.RENAME, _text(event))

    @keys.add("c-r", filter=listing)
    def _edit_title(_event: KeyPressEvent) -> None:
        picking.ask(Mode.TITLE)

    @keys.add("f", filter=commanding)
    @keys.add("c-f", filter=listing)
    def _fork(event: KeyPressEvent) -> None:
        picking.ask(Mode.FORK, _text(event))

    @keys.add("c-a", filter=listing)
    def _folders(_event: KeyPressEvent) -> None:
        picking.change_folders()

    @keys.add("tab", filter=listing)
    def _search(_event: KeyPressEvent) -> None:
        picking.search()

    @keys.add("/", filter=browsing)
    def _filter(_event: KeyPressEvent) -> None:
        picker.begin_filter()

    @keys.add("backspace", filter=empty_filter)
    def _end_filter(_event: KeyPressEvent) -> None:
        picker.end()

    @keys.add(Keys.Any, filter=asking, eager=True)
    def _continue_filter(event: KeyPressEvent) -> None:
        # The letter that asked the question was probably the start of a word.
        picking.continue_filter(_text(event))

    return keys


def _text(event: KeyPressEvent) -> str:
    """Return the text that the key inserts, empty if it inserts none."""
    return event.data if event.data.isprintable() else ""


_SEARCH_DELAY = 0.2
"""Seconds after the last key before messages are searched for text that no title has."""
_LEAST_SEARCHED = 3  # characters
_MOST_FOUND = 200  # sessions

_OPEN_SECONDS = 0.1
"""The longest wait before the picker opens; sessions that are not read by then appear later."""


async def pick(
    prompt: Prompt, screen: Screen, browser: SessionBrowser, known: Sequence[SessionTitle] = ()
) -> Choice | None:
    """Return the chosen session, None if none is chosen or there are none.

    ``known`` sessions are shown at once, all others when they have been read.
    """
    picking = PickerSession(browser, screen, prompt.paste_guard)
    try:
        if not await picking.open(known):
            return await picking.run()
        browser.was_shown = True
        with prompt.lend(picking.layout, is_full=True):
            # Text typed while the list was read is the start of the filter.
            picking.begin(f"{browser.words} {prompt.draft}" if browser.words else prompt.draft)
            choice = await picking.run()
            if choice is not None:
                prompt.move_draft_to_history()
            return choice
    finally:
        picking.close()


class PickerSession:
    """One use of the picker, created on the event loop that runs it."""

    def __init__(self, browser: SessionBrowser, screen: Screen, paste_guard: PasteGuard) -> None:
        self.paste_guard = paste_guard
        self.picker = Picker((), browser.current)
        self._browser = browser
        self._screen = screen
        self._pane = Pane(browser.ending, browser.without_messages, screen.redraw)
        self._details = Details(browser.details, screen.redraw)
        self._line = Buffer(multiline=False, on_text_changed=self._typed)
        self._note = ""
        self._choice: asyncio.Future[Choice | None] = asyncio.get_running_loop().create_future()
        self._acting: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._searching: asyncio.Task[None] | None = None
        self._progress = 0, 0
        self._is_read = self._is_all = False
        self._own: Sequence[SessionTitle] = ()
        self._elsewhere: Sequence[SessionTitle] | None = None
        self._questions: Mapping[str, str] = {}
        self._asked_by = ""
        self._is_question_gone = False
        control = BufferControl(self._line, key_bindings=bind_picker_keys(self))
        shown = Shown(
            self.picker,
            self._pane,
            self._details,
            browser,
            self._news,
            lambda: not self._is_read,
            lambda: self._is_searching,
            lambda: self._is_all,
        )
        self.layout = build_picker_layout(control, shown)

    async def open(self, known: Sequence[SessionTitle]) -> bool:
        """Start reading the sessions; return False if there turn out to be none."""
        self._reading = self._start(self._read(has_some=bool(known)))
        if known:
            await self._take(known)
        else:
            await asyncio.wait({self._reading}, timeout=_OPEN_SECONDS)
        return not self._choice.done()

    def begin(self, text: str) -> None:
        """Filter by ``text``; as in the picker, a slash before it starts the filter."""
        self._write(" ".join(text.removeprefix("/").split()))

    async def run(self) -> Choice | None:
        """Return the chosen session, None if none was, after all actions have finished.

        Raises SessionError if an action fails after the picker was closed.
        """
        self._show_highlighted()
        choice = await self._choice
        await asyncio.gather(*self._acting)
        return choice

    def close(self) -> None:
        """Stop reading."""
        self._pane.close()
        self._details.close()
        self._stop_search()
        if self._reading:
            self._reading.cancel()

    # Actions of keys.

    @property
    def is_own(self) -> bool:
        """True if the sessions are aloop's, which can be changed and searched."""
        return self._browser.is_own

    @property
    def page_rows(self) -> int:
        return max(1, heights(self.picker.total, self._screen.height)[0] - 1)

    def move(self, rows: int) -> None:
        self._note, self._is_question_gone = "", False
        self.picker.move(rows)
        self._show_highlighted()

    def paste(self, buffer: Buffer, text: str) -> None:
        if self.picker.mode in ASKING:
            self.continue_filter(text)
        else:
            buffer.insert_text(text)

    def enter(self) -> None:
        """Choose the highlighted session, or answer yes to the question."""
        session, title = self.picker.highlighted, " ".join(self._line.text.split())
        if self._is_question_gone:
            # Enter was meant for a question that has just disappeared.
            self._is_question_gone = False
            return
        match self.picker.mode:
            case Mode.BROWSE | Mode.FILTER:
                self._choose()
            case Mode.FORK:
                self._choose(fork=True)
            case Mode.TRASH:
                self.back()
                if session is not None:
                    self._act(self._trash(session.id))
            case Mode.RENAME:
                self.ask(Mode.TITLE)
            case Mode.TITLE:
                self.back()
                if session is not None and title and title != session.title:
                    self._act(self._rename(session.id, title))

    def back(self) -> None:
        """Cancel the question, or close the picker if there is none."""
        if self.picker.mode in {Mode.BROWSE, Mode.FILTER}:
            self._leave(None)
            return
        self._write(self.picker.filter)
        self.picker.end()

    def ask(self, mode: Mode, letter: str = "") -> None:
        """Ask a question; ``letter``, which asks it, may turn out to be part of a word."""
        self._note, self._is_question_gone = "", False
        session = self.picker.highlighted
        if session is not None and (refusal := self._browser.refusal(session)):
            self._note = refusal
            return
        self._asked_by = letter
        if self.picker.begin(mode) and mode is Mode.TITLE and self.picker.highlighted is not None:
            self._write(self.picker.highlighted.title)

    def continue_filter(self, text: str) -> None:
        """Cancel the question: the letter that asked it and ``text`` continue the filter."""
        self.back()
        if text:
            self._write(self.picker.filter + self._asked_by + text)

    def search(self) -> None:
        """Search the messages for the text of the filter, or go back to titles."""
        if not self.is_own:
            self._note = "The messages of other tools cannot be searched. Import them first."
        elif self.picker.hits is not None:
            self._stop_search()
            self.picker.set_filter(self.picker.filter)
        elif self.picker.filter.strip():
            self._begin_search()
        else:
            self._note = "Type what to search for in the messages, then press Tab."
        self._show_highlighted()

    def change_folders(self) -> None:
        """Show the sessions of all projects, or those of this folder again."""
        if not self.is_own:
            self._note = "These are the sessions of other tools for this folder."
            return
        self._is_all = not self._is_all
        self._note = ""
        if self._is_all and self._elsewhere is None:
            self._elsewhere = ()
            self._start(self._read_elsewhere())
        self._start(self._list())

    async def _read_elsewhere(self) -> None:
        self._note = "Reading the sessions of other folders…"
        self._elsewhere = await self._browser.titles_elsewhere()
        self._note = "" if self._elsewhere else "No sessions of other folders are known."
        await self._list()

    def _begin_search(self, delay: float = 0) -> None:
        self._stop_search()
        self._searching = self._start(self._search(self.picker.filter, delay))

    def _stop_search(self) -> None:
        if self._searching is not None:
            self._searching.cancel()

    @property
    def _is_searching(self) -> bool:
        return self._searching is not None and not self._searching.done()

    async def _search(self, words: str, delay: float) -> None:
        # Nothing is read while the user types.
        await asyncio.sleep(delay)
        self.picker.begin_search()
        self._progress = 0, 0
        async for key, hit in self._browser.search(words, self._read_some, everywhere=self._is_all):
            had_any = bool(self.picker.count)
            self.picker.add_hit(key, hit)
            if not had_any:
                self._show_highlighted()
            self._screen.redraw()
            if self.picker.count >= _MOST_FOUND:
                break

    def _read_some(self, done: int, total: int) -> None:
        """Note the progress of a search; called by its thread."""
        self._progress = done, total

    def _news(self) -> str:
        """Return the note, or how far a search is."""
        done, total = self._progress
        if self._note or not (self._is_searching and total):
            return self._note
        return progress_text("Searching messages", done, total, "sessions", self._screen.width - 1)

    # Effects.

    def _typed(self, _: Buffer) -> None:
        self._note, self._is_question_gone = "", False
        if self.picker.mode in {Mode.BROWSE, Mode.FILTER} and self._line.text != self.picker.filter:
            self._stop_search()
            self.picker.set_filter(self._line.text)
            self._search_if_none()
            self._show_highlighted()

    def _search_if_none(self) -> None:
        """Search the messages, soon, for text that no title has."""
        picker = self.picker
        is_new = picker.mode is Mode.FILTER and picker.hits is None and self.is_own
        if is_new and not picker.count and self._is_read and len(picker.filter.strip()) >= _LEAST_SEARCHED:
            self._begin_search(_SEARCH_DELAY)

    def _write(self, text: str) -> None:
        self._line.document = Document(text, len(text))

    def _show_highlighted(self) -> None:
        self._pane.show(self.picker.highlighted)
        self._screen.redraw()

    def _choose(self, *, fork: bool = False) -> None:
        """Return the highlighted session from ``run``."""
        session = self.picker.highlighted
        if session is not None:
            hits = (self.picker.hits or {}).get(session.key)
            self._leave(Choice(session.id, fork, hits[0] if hits else None, session.sessions_dir))

    def _leave(self, choice: Choice | None) -> None:
        if not self._choice.done():
            self._choice.set_result(choice)

    async def _rename(self, session_id: str, title: str) -> None:
        await self._browser.rename(session_id, title)
        self._change(lambda: self.picker.retitle(session_id, title))

    async def _trash(self, session_id: str) -> None:
        message = await self._browser.trash(session_id)
        self._change(lambda: self.picker.remove(session_id))
        self._show_highlighted()
        self._note = message

    async def _read(self, *, has_some: bool) -> None:
        if not has_some and (titles := await self._browser.last_titles()):
            await self._take(titles)
        titles = await self._browser.titles()
        if not titles:
            await self._add_last_row(titles)
            return
        self._is_read = True
        await self._take(titles)
        self._search_if_none()  # for what was typed before
        self._show_highlighted()
        await asyncio.gather(self._add_last_row(titles), self._read_questions())

    async def _add_last_row(self, own: Sequence[SessionTitle]) -> None:
        """Add the row below all sessions when it is known; leave if there are no rows."""
        row = await self._browser.last_row()
        self._is_read = True
        if row is not None:
            await self._take([*own, row])
        elif not own:
            self._leave(None)

    async def _read_questions(self) -> None:
        """Let the filter look at first questions, too."""
        messages = await self._browser.first_questions()
        self._questions = await asyncio.to_thread(lambda: {key: text.casefold() for key, text in messages.items()})
        self._change(lambda: self.picker.add_first_messages(self._questions))
        self._show_highlighted()

    async def _take(self, titles: Sequence[SessionTitle]) -> None:
        self._own = titles
        self._browser.number(titles)
        await self._list()

    async def _list(self) -> None:
        """Show the sessions of this folder, or of all."""
        # In a thread: ten thousand titles take some milliseconds.
        entries = await asyncio.to_thread(self._entries)
        self._change(lambda: self.picker.replace(entries))
        if self.picker.hits is not None:
            self._begin_search()
        self._show_highlighted()

    def _entries(self) -> list[Entry]:
        titles = [*self._own]
        if self._is_all and self._elsewhere:
            # The row for other tools stays the last one.
            last = [title for title in titles if title.id == ROW]
            own = [title for title in titles if title.id != ROW]
            titles = [*sorted((*own, *self._elsewhere), key=lambda title: title.updated_at, reverse=True), *last]
        entries = [entry_of(title, is_last=title.id == ROW) for title in titles]
        for entry in entries:
            entry.first_message = self._questions.get(entry.session.key, "")
        return entries

    def _change(self, change: Callable[[], None]) -> None:
        """Call ``change``, and cancel the question if its session is gone."""
        before = self.picker.highlighted
        change()
        after = self.picker.highlighted
        if before and not (after and after.id == before.id) and self.picker.mode not in {Mode.BROWSE, Mode.FILTER}:
            self.back()
            self._is_question_gone = True

    def _act(self, work: Coroutine[None, None, None]) -> None:
        """Run ``work``, to its end even if the picker is closed."""
        task = self._start(work)
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, AloopError) and self.picker.total:
            self._note = MARK + str(error)
        elif error is not None and not self._choice.done():
            self._choice.set_exception(error)
        self._screen.redraw()

"""Picking a session: the picker on the screen in place of the prompt, until one is chosen or Esc leaves it.

What keys do in the picker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl

from aloop.errors import AloopError
from aloop.memory.session import SessionTitle
from commands.session_browser import Choice, SessionBrowser
from repl.input.pastes import PasteGuard
from repl.input.prompt import Prompt
from repl.output.screen import Screen
from repl.picker.state import Mode, Picker, entry_of
from repl.picker.view import Pane, Shown, build_picker_layout, heights

_END = 10**9


def bind_picker_keys(picking: PickerSession) -> KeyBindings:
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


_AT_ONCE = 0.1
"""Seconds that opening the picker may take: what is not read by then appears in it as soon as it is."""


async def pick(
    prompt: Prompt, screen: Screen, shelf: SessionBrowser, known: Sequence[SessionTitle] = ()
) -> Choice | None:
    """Return what is picked of ``shelf``, None when nothing is, or there is nothing to pick from.

    What is ``known`` of it is shown at once, and what there is as soon as it is read.
    """
    picking = PickerSession(shelf, screen, prompt.paste_guard)
    try:
        if not await picking.open(known):
            return await picking.run()
        with prompt.lend(picking.layout):
            # What was typed while the list was read is the beginning of what is typed now.
            picking.begin(prompt.draft)
            choice = await picking.run()
            if choice is not None:
                prompt.move_draft_to_history()
            return choice
    finally:
        picking.close()


class PickerSession:
    """One use of the picker; made on the event loop that runs it."""

    def __init__(self, shelf: SessionBrowser, screen: Screen, paste_guard: PasteGuard) -> None:
        self.paste_guard = paste_guard
        self.picker = Picker(())
        self._shelf = shelf
        self._screen = screen
        self._pane = Pane(shelf.ending, screen.refresh)
        self._line = Buffer(multiline=False, on_text_changed=self._typed)
        self._note = ""
        self._choice: asyncio.Future[Choice | None] = asyncio.get_running_loop().create_future()
        self._acting: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._is_read = False
        self._asked_by = ""
        self._is_taken_back = False
        control = BufferControl(self._line, key_bindings=bind_picker_keys(self))
        shown = Shown(self.picker, self._pane, shelf, lambda: self._note, lambda: not self._is_read)
        self.layout = build_picker_layout(control, shown)

    async def open(self, known: Sequence[SessionTitle]) -> bool:
        """Begin to read what there is; False when there turned out to be nothing, while waiting a moment for it."""
        self._reading = self._start(self._read())
        if known:
            await self._take(known)
        else:
            await asyncio.wait({self._reading}, timeout=_AT_ONCE)
        return not self._choice.done()

    def begin(self, text: str) -> None:
        """Filter by ``text``; as in the picker, a slash before it only says that it is no command."""
        self._write(" ".join(text.removeprefix("/").split()))

    async def run(self) -> Choice | None:
        """Return what was chosen, None when nothing was; what was asked for meanwhile is done by then.

        Raises SessionError where just that has failed, and nobody looked at the picker any more.
        """
        self._look()
        choice = await self._choice
        await asyncio.gather(*self._acting)
        return choice

    def close(self) -> None:
        """Read no further."""
        self._pane.close()
        if self._reading:
            self._reading.cancel()

    # What keys ask for.

    @property
    def page_rows(self) -> int:
        return max(1, heights(self.picker.total, self._screen.height)[0] - 1)

    def move(self, rows: int) -> None:
        self._note, self._is_taken_back = "", False
        self.picker.move(rows)
        self._look()

    def enter(self) -> None:
        """Take the title that was typed, or yes for an answer, else what is highlighted."""
        session, title = self.picker.highlighted, " ".join(self._line.text.split())
        if self._is_taken_back:
            # The answer to a question that has just gone.
            self._is_taken_back = False
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
                self.back()
                if session is not None and title and title != session.title:
                    self._act(self._rename(session.id, title))

    def back(self) -> None:
        """Leave a question unanswered; without one, leave everything as it was."""
        if self.picker.mode in {Mode.BROWSE, Mode.FILTER}:
            self._leave(None)
            return
        self._write(self.picker.filter)
        self.picker.end()

    def ask(self, mode: Mode, letter: str = "") -> None:
        """Ask for a new title, or whether a session is to go, or to be copied: a ``letter`` may mean a word, too."""
        self._note, self._is_taken_back = "", False
        self._asked_by = letter
        if self.picker.begin(mode) and mode is Mode.RENAME and self.picker.highlighted is not None:
            self._write(self.picker.highlighted.title)

    def go_on(self, text: str) -> None:
        """Take no for an answer: ``text`` goes on with the filter, and with a letter that was no command then."""
        self.back()
        if text:
            self._write(self.picker.filter + self._asked_by + text)

    # What comes of it.

    def _typed(self, _: Buffer) -> None:
        self._note, self._is_taken_back = "", False
        if self.picker.mode in {Mode.BROWSE, Mode.FILTER} and self._line.text != self.picker.filter:
            self.picker.set_filter(self._line.text)
            self._look()

    def _write(self, text: str) -> None:
        self._line.document = Document(text, len(text))

    def _look(self) -> None:
        self._pane.show(self.picker.highlighted.id if self.picker.highlighted else None)
        self._screen.refresh()

    def _choose(self, *, fork: bool = False) -> None:
        """Go on in what is highlighted."""
        if self.picker.highlighted is not None:
            self._leave(Choice(self.picker.highlighted.id, fork))

    def _leave(self, choice: Choice | None) -> None:
        if not self._choice.done():
            self._choice.set_result(choice)

    async def _rename(self, session_id: str, title: str) -> None:
        await self._shelf.rename(session_id, title)
        self._change(lambda: self.picker.retitle(session_id, title))

    async def _trash(self, session_id: str) -> None:
        told = await self._shelf.trash(session_id)
        self._change(lambda: self.picker.remove(session_id))
        self._look()
        self._note = told

    async def _read(self) -> None:
        titles = await self._shelf.titles()
        self._is_read = True
        if not titles:
            self._leave(None)
            return
        await self._take(titles)
        self._look()
        openings = await self._shelf.first_questions()
        folded = await asyncio.to_thread(lambda: {key: text.casefold() for key, text in openings.items()})
        self._change(lambda: self.picker.add_first_questions(folded))
        self._look()

    async def _take(self, titles: Sequence[SessionTitle]) -> None:
        # Ten thousand titles take some milliseconds that no key should wait for.
        entries = await asyncio.to_thread(lambda: [entry_of(title) for title in titles])
        self._shelf.number(titles)
        self._change(lambda: self.picker.replace(entries))

    def _change(self, change: Callable[[], None]) -> None:
        """Let ``change`` be made to the list; a question about what is gone then is not answered for another one."""
        meant = self.picker.highlighted
        change()
        still = self.picker.highlighted
        if meant and not (still and still.id == meant.id) and self.picker.mode not in {Mode.BROWSE, Mode.FILTER}:
            self.back()
            self._is_taken_back = True

    def _act(self, work: Coroutine[None, None, None]) -> None:
        """Do ``work``, also when the picker is left meanwhile."""
        task = self._start(work)
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, AloopError) and self.picker.total:
            self._note = str(error)
        elif error is not None and not self._choice.done():
            self._choice.set_exception(error)
        self._screen.refresh()

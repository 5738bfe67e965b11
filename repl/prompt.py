"""The input line: always there, also while a turn runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import merge_key_bindings
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings

from repl.cells import fit
from repl.keys import bind_keys
from repl.layout import STYLE, build_layout
from repl.live import Live
from repl.paste import PasteGuard
from repl.screen import Screen


class Owner(Protocol):
    """Whoever reads from the prompt; its methods are called from keys and return at once."""

    def why_busy(self) -> str:
        """Return a sentence on why no line is taken now; empty when one is."""
        ...

    def line_entered(self, line: str) -> None:
        """Take ``line``."""
        ...

    def interrupted(self) -> bool:
        """End what is being done; False when there is nothing to end."""
        ...

    def input_ended(self) -> None:
        """There will be no more lines, if that is fine now."""
        ...


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
        source: Input | None = None,
    ) -> None:
        self.paste_guard = PasteGuard()
        self._owner = owner
        self._toolbar = toolbar
        self._hint = ""
        self._answer: asyncio.Future[str] | None = None
        self._buffer = Buffer(
            name=DEFAULT_BUFFER,
            completer=completer,
            complete_while_typing=True,
            auto_suggest=AutoSuggestFromHistory(),
            history=history,
            multiline=True,
            on_text_changed=self._forget_hint,
        )
        self.app: Application[None] = Application(
            layout=build_layout(self._buffer, live, self._toolbar_text),
            style=STYLE,
            key_bindings=merge_key_bindings([load_auto_suggest_bindings(), bind_keys(self)]),
            erase_when_done=True,
            input=source,
            output=screen.output,
        )
        self.app.key_processor.before_key_press += lambda _: self.paste_guard.key()
        screen.attach(self.app)

    async def run(self, on_first_paint: Callable[[], None]) -> None:
        """Read until ``leave``; raises EOFError when the terminal goes away."""

        def painted(_: object) -> None:
            self.app.after_render -= painted
            on_first_paint()

        self.app.after_render += painted
        await self.app.run_async(set_exception_handler=False)

    def leave(self) -> None:
        """End ``run``."""
        if self.app.is_running and not self.app.is_done:
            self.app.exit()

    async def ask(self) -> str:
        """Return the next line as the answer to a question on the screen, empty when it is declined with Ctrl-C.

        What was being typed is put aside meanwhile: it was not meant as an answer.
        """
        draft = self._buffer.document
        self._buffer.reset()
        self.app.invalidate()
        self._answer = asyncio.get_running_loop().create_future()
        try:
            return await self._answer
        finally:
            self._answer = None
            self._buffer.document = draft
            self.app.invalidate()

    def submit(self) -> None:
        """Give the line to the owner; a line that is not taken stays, and the toolbar says why."""
        line = self._buffer.text
        if self._settle(line):
            return
        if not line.strip():
            return
        if busy := self._owner.why_busy():
            self.hint(busy)
            return
        self._buffer.append_to_history()
        self._buffer.reset()
        self._owner.line_entered(line)

    def interrupt(self) -> None:
        """Decline a question, or end the turn; without either, clear the line but keep it in the history."""
        if self._settle("") or self._owner.interrupted():
            return
        if self._buffer.text.strip():
            self._buffer.append_to_history()
        elif not self._buffer.text:
            self.hint("Ctrl-D or /exit leaves.")
        self._buffer.reset()

    def end_of_input(self) -> None:
        """Tell the owner that its user wants to leave."""
        self._owner.input_ended()

    def offer(self, text: str) -> bool:
        """Put ``text`` on the line for another try; False when something else is being typed there."""
        if self._buffer.text:
            return False
        self._buffer.document = Document(text, len(text))
        return True

    def complete_again(self) -> None:
        """Look again for completions of a command that is being typed: there may be more to offer than a moment ago."""
        if self._buffer.text.startswith("/") and not self._buffer.complete_state:
            self._buffer.start_completion()

    def hint(self, sentence: str) -> None:
        """Show ``sentence`` in place of the toolbar until the line changes."""
        self._hint = sentence
        self.app.invalidate()

    def clear_hint(self) -> None:
        """Show the toolbar again."""
        self._hint = ""
        self.app.invalidate()

    def _settle(self, answer: str) -> bool:
        """Answer the question that is being asked; False when none is."""
        if self._answer is None:
            return False
        if not self._answer.done():
            self._answer.set_result(answer)
        return True

    def _forget_hint(self, _: Buffer) -> None:
        self._hint = ""

    def _toolbar_text(self, width: int) -> str:
        return fit(self._hint or self._toolbar(), width - 1)

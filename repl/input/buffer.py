"""The line that is being typed, with large pastes folded in it, and the history behind it."""

from __future__ import annotations

from typing import Any

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, get_common_complete_suffix
from prompt_toolkit.document import Document

from repl.input.pastes import Entry, Pastes, mend


class LineBuffer(Buffer):
    """A Buffer in which a marker of a paste is one thing to every key; what is taken out of it holds the whole text."""

    def __init__(self, **options: Any) -> None:
        self._pastes = Pastes()
        self._before = ""
        self._place = 0
        super().__init__(**options)
        self.on_text_changed += lambda _: self._keep_markers_whole()

    def reset(self, document: Document | None = None, append_to_history: bool = False) -> None:
        super().reset(document, append_to_history)
        self._look()

    def paste(self, text: str) -> None:
        """Insert what was pasted, folded if it is large."""
        self.insert_text(self._pastes.fold(text, self.text))

    @property
    def entry(self) -> Entry:
        """What stands here."""
        return self._pastes.entry(self.text)

    def take(self) -> Entry:
        """Return what stands here, keep it in the history, and begin anew."""
        entry = self.entry
        text = entry.text
        if text and self.history.get_strings()[-1:] != [text]:
            self.history.append_string(text)
        # The pastes stay: what was cut out of a line may come back into a later one.
        self.reset()
        return entry

    def put(self, entry: Entry) -> None:
        """Put a line back in place of this one."""
        self._pastes.texts.update(entry.pastes)
        self._before = ""
        self.document = Document(entry.typed, len(entry.typed))

    def put_text(self, text: str) -> None:
        """Put an edited text in place of this line, its pastes folded again where they are whole."""
        self.put(Entry(self._pastes.fold_again(text)))

    def _keep_markers_whole(self) -> None:
        # Going to another entry of the history is no change of this one.
        if self._place == self._place_in_history() and self._pastes.texts:
            text, cursor = mend(self._before, self.text, self.cursor_position, self._pastes.texts)
            self._before = text
            if text != self.text:
                self.document = Document(text, cursor)
        self._look()

    def _look(self) -> None:
        self._before, self._place = self.text, self._place_in_history()

    def _place_in_history(self) -> int:
        """Return the place counted from the newest entry: older ones are loaded while one types."""
        return len(self._working_lines) - self.working_index


def complete(buffer: Buffer) -> bool:
    """Go to the next completion of an open menu; else insert what all completions share, or open one.

    False when there are none.

    prompt_toolkit would look for completions in a task of its own, and drops that when one is running for the letters
    just typed: a Tab right behind them would be lost. Ours are found in no time.
    """
    if buffer.complete_state:
        if len(buffer.complete_state.completions) == 1:
            buffer.apply_completion(buffer.complete_state.completions[0])
        else:
            buffer.complete_next()
        return True
    found = list(buffer.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))
    if len(found) == 1:
        buffer.apply_completion(found[0])
    elif shared := get_common_complete_suffix(buffer.document, found):
        buffer.insert_text(shared)
    elif found:
        buffer.start_completion()
    return bool(found)

"""The buffer of the input line: folded pastes, rows, and completion."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from itertools import pairwise
from typing import Any

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, get_common_complete_suffix
from prompt_toolkit.document import Document

from aloop.width import clusters, row_ends, text_width
from repl.input.pastes import Entry, Pastes, keep_markers_whole


class LineBuffer(Buffer):
    """A Buffer in which the marker of a folded paste acts like one character."""

    def __init__(self, **options: Any) -> None:
        self._pastes = Pastes()
        self._before = ""
        self._position = 0
        self._awaited: Document | None = None  # the text for which Tab found no completion
        super().__init__(**options)
        self.on_text_changed += lambda _: self._keep_markers_whole()

    def reset(self, document: Document | None = None, append_to_history: bool = False) -> None:
        super().reset(document, append_to_history)
        self._remember_state()

    def paste(self, text: str) -> None:
        """Insert pasted ``text``, folded if it is large."""
        self.insert_text(self._pastes.fold(text, self.text))

    @property
    def entry(self) -> Entry:
        """The text of the line, with its pastes."""
        return self._pastes.entry(self.text)

    def take(self) -> Entry:
        """Return the line, add it to the history, and empty the buffer."""
        entry = self.entry
        text = entry.text
        if text and self.history.get_strings()[-1:] != [text]:
            self.history.append_string(text)
        # The pastes are kept: a marker cut out of this line may be yanked into a later one.
        self.reset()
        return entry

    def put(self, entry: Entry) -> None:
        """Replace the text by ``entry``."""
        self._pastes.texts.update(entry.pastes)
        self._before = ""
        self.document = Document(entry.typed, len(entry.typed))

    def history_backward(self, count: int = 1) -> None:
        self._load_known_history()
        super().history_backward(count)
        self._fold_entry()

    def _load_known_history(self) -> None:
        """Take the entries of the history, if they have been read.

        prompt_toolkit takes them after the next repaint, and would lose a key that comes before that.
        """
        loading = self._load_history_task
        if not self.history._loaded or (loading is not None and loading.done()):
            return
        if loading is not None:
            loading.cancel()  # it has not begun: once it has, it does not wait
        known = self.history.get_strings()
        self._working_lines.extendleft(reversed(known))
        place = self.cursor_position
        self.working_index += len(known)
        self.cursor_position = place  # the text is the same
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        self._load_history_task = done

    def history_forward(self, count: int = 1) -> None:
        super().history_forward(count)
        self._fold_entry()

    def _fold_entry(self) -> None:
        """Fold the pastes in an entry of the history again."""
        if (folded := self._pastes.fold_again(self.text)) != self.text:
            self.document = Document(folded, len(folded))

    def put_text(self, text: str) -> None:
        """Replace the text by ``text``, and fold pastes in it that are unchanged."""
        self.put(Entry(self._pastes.fold_again(text)))

    def move_up(self, width: int) -> None:
        """Move the cursor up by a row of ``width`` cells, above the first to the history."""
        rows, row, column = self._rows(width)
        if self.complete_state or row == 0:
            self.auto_up()
        else:
            self._go_to(rows[row - 1], column)

    def move_down(self, width: int) -> None:
        """Move the cursor down by a row of ``width`` cells, below the last to the history."""
        rows, row, column = self._rows(width)
        if self.complete_state or row == len(rows) - 1:
            self.auto_down()
        else:
            self._go_to(rows[row + 1], column)

    def _rows(self, width: int) -> tuple[list[tuple[int, str]], int, int]:
        """Return the rows with their offsets, and the row and column of the cursor."""
        rows: list[tuple[int, str]] = []
        start = 0
        for text in self.text.split("\n"):
            rows += [(start + begin, text[begin:end]) for begin, end in pairwise((0, *row_ends(text, width)))]
            start += len(text) + 1
        at = bisect_right(rows, self.cursor_position, key=lambda row: row[0]) - 1
        return rows, at, text_width(rows[at][1][: self.cursor_position - rows[at][0]])

    def _go_to(self, row: tuple[int, str], column: int) -> None:
        begin, text = row
        used = 0
        for cluster in clusters(text):
            used += text_width(cluster)
            if used > column:
                break
            begin += len(cluster)
        # The end of a row that continues is the start of the next one.
        is_continued = begin == row[0] + len(text) < len(self.text) and self.text[begin] != "\n"
        self.cursor_position = begin - (len(list(clusters(text))[-1]) if is_continued else 0)

    def _keep_markers_whole(self) -> None:
        # Moving to another entry of the history does not change this one.
        if self._position == self._history_position() and self._pastes.texts:
            text, cursor = keep_markers_whole(self._before, self.text, self.cursor_position, self._pastes.texts)
            self._before = text
            if text != self.text:
                self.document = Document(text, cursor)
        self._remember_state()

    def _remember_state(self) -> None:
        self._before, self._position = self.text, self._history_position()

    def _history_position(self) -> int:
        """Return the position from the newest entry: older entries load in the background."""
        return len(self._working_lines) - self.working_index

    def complete(self) -> None:
        """Complete the text before the cursor, now or as soon as there are completions."""
        self._awaited = None if self._complete() else self.document

    def _complete(self) -> bool:
        """Select the next completion, insert the common prefix, or open the menu.

        Returns False if it finds none.

        prompt_toolkit would complete in a task, and would lose a Tab that comes while a task for the letters before it
        is running. Our completers return at once, so they are called directly.
        """
        if self.complete_state:
            if len(self.complete_state.completions) == 1:
                self.apply_completion(self.complete_state.completions[0])
            else:
                self.complete_next()
            return True
        found = list(self.completer.get_completions(self.document, CompleteEvent(completion_requested=True)))
        if len(found) == 1:
            self.apply_completion(found[0])
        elif shared := get_common_complete_suffix(self.document, found):
            self.insert_text(shared)
        elif found:
            self.start_completion()
        return bool(found)

    def complete_again(self) -> None:
        """Complete with new completions, if Tab found none or the line may need them."""
        if self.document == self._awaited:
            self.complete()
        elif not self.complete_state:
            self.start_completion(complete_event=CompleteEvent(text_inserted=True))

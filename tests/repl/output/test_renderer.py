"""The live rows above the prompt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input

from repl.input.pastes import Entry
from repl.input.prompt import Prompt
from repl.output import renderer
from repl.output.live import Live, tail_of
from repl.output.renderer import rows_when_narrower
from repl.output.screen import Screen
from repl.output.styled import Line, line, placeholder, to_text
from tests.repl.input.test_prompt import Owner
from tests.repl.terminal import Terminal


class Stage:
    """A prompt with live rows above it."""

    def __init__(self, prompt: Prompt, screen: Screen, live: Live, terminal: Terminal) -> None:
        self.prompt, self.screen, self.live, self.terminal = prompt, screen, live, terminal
        live.begin("answering")

    def stream(self, *lines: str) -> list[str]:
        """Show the end of an unfinished answer, and return the screen."""
        self.live.set_tail(tail_of(lines) if lines else None)
        self.screen.refresh()
        return self.terminal.screen


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    terminal, live = Terminal(40, 10), Live()
    screen = Screen(terminal.output)
    with create_pipe_input() as keys:
        prompt = Prompt(
            Owner(),
            screen,
            live,
            toolbar=lambda _width: line("the toolbar"),
            completer=DummyCompleter(),
            history=InMemoryHistory(),
            source=keys,
        )
        painted = asyncio.Event()
        running = asyncio.create_task(prompt.run(painted.set))
        await painted.wait()
        yield Stage(prompt, screen, live, terminal)
        running.cancel()
        await asyncio.wait([running])


STATUS = "⠋ answering · Ctrl-C stops"
PROMPT = [STATUS, f"> {placeholder(37)}", "the toolbar"]


async def test_live_rows_change_between_printed_text_and_prompt(stage: Stage) -> None:
    stage.screen.write("printed\n")
    assert stage.stream("one") == ["printed", "one", *PROMPT]
    assert stage.stream("one", "two", "three") == ["printed", "one", "two", "three", *PROMPT]
    assert stage.stream("three") == ["printed", "three", *PROMPT]
    assert stage.stream() == ["printed", *PROMPT]


async def test_typed_text_survives_changes_above_it(stage: Stage) -> None:
    stage.prompt.prefill(Entry("draft"))
    stage.screen.write("printed\n")
    assert stage.stream("one", "two") == ["printed", "one", "two", STATUS, "> draft", "the toolbar"]
    stage.screen.write("more\n")
    assert stage.terminal.screen == ["printed", "more", "one", "two", STATUS, "> draft", "the toolbar"]


async def test_scrolling_neither_loses_nor_repeats_rows(stage: Stage) -> None:
    stage.screen.write("".join(f"printed {number}\n" for number in range(20)))
    stage.stream("one", "two")
    stage.stream("two", "three", "four")
    stage.screen.write("one\n")
    printed = [f"printed {number}" for number in range(20)]
    assert stage.terminal.scrollback.splitlines() == [*printed, "one", "two", "three", "four", *PROMPT]


async def test_tall_input_replaces_the_oldest_live_rows(stage: Stage) -> None:
    stage.stream("one", "two", "three")
    stage.prompt.prefill(Entry("1\n2\n3\n4\n5\n6\n7"))
    stage.screen.write("printed\n")
    assert stage.terminal.scrollback.count("three") == 1
    assert stage.terminal.scrollback.count(STATUS) == 1
    assert stage.terminal.screen[-7:-5] == [STATUS, "  3"]


async def test_unchanged_rows_are_not_written_again(stage: Stage) -> None:
    stage.stream("one", "two")
    seen = len(stage.terminal.writes)
    stage.stream("one", "two and a half")
    [sent] = stage.terminal.writes[seen:]
    assert "two and a half" in sent
    assert "one" not in sent
    stage.stream("one", "two and a half")
    assert len(stage.terminal.writes) == seen + 1


@pytest.mark.parametrize(("terminal", "rows"), [("xterm-256color", 7), ("linux", 4)])
async def test_erase_counts_rows_wrapped_by_a_resize(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, terminal: str, rows: int
) -> None:
    """Two lines and the status take two rows each at 20 columns, or one if cut."""
    for name in ("TMUX", "XTERM_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", terminal)
    stage.screen.write("\n" * 10)
    stage.stream("a" * 30, "b" * 25, "c")
    monkeypatch.setattr(stage.terminal.output, "_get_size", lambda: Size(rows=10, columns=20))
    seen = len(stage.terminal.writes)
    stage.prompt.app.renderer.erase()
    assert f"\x1b[{rows}A" in "".join(stage.terminal.writes[seen:])


@pytest.mark.parametrize("draft", ["", "draft"])
async def test_prompt_in_the_first_row_is_not_erased_from_the_corner(stage: Stage, draft: str) -> None:
    """After Ctrl-L; tmux would keep the whole prompt in its history."""
    stage.live.end()
    stage.screen.refresh()
    stage.prompt.prefill(Entry(draft))
    stage.prompt.app.renderer.clear()
    stage.screen.write("")
    seen = len(stage.terminal.writes)
    stage.prompt.app.renderer.erase()
    sent = "".join(stage.terminal.writes[seen:])
    assert sent.index("\x1b[K") < sent.index("\x1b7") < sent.index("\x1b[J") < sent.index("\x1b8")


async def test_printed_rows_stay_if_the_terminal_is_less_high_than_it_has_reported(stage: Stage) -> None:
    stage.screen.write("one\ntwo\nthree\n")
    stage.stream("four")
    # As tmux does, which removes the rows below the cursor first, and reports the size a quarter of a second later.
    stage.terminal.cut_below_cursor()
    stage.stream("four", "five")
    assert stage.terminal.scrollback.splitlines() == ["one", "two", "three", "four", "five", STATUS, ">"]


async def test_only_the_status_is_live_while_the_window_is_resized(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.stream("one", "two")
    monkeypatch.setattr(stage.terminal.output, "_get_size", lambda: Size(rows=10, columns=39))
    stage.prompt.app.renderer.erase()
    stage.screen.write("printed\n")
    assert stage.terminal.screen == ["printed", "ans… · Ctrl-C stops", *PROMPT[1:]]
    monkeypatch.setattr(renderer, "_RESIZING_SECONDS", 0)
    assert stage.stream("one", "two") == ["printed", "one", "two", *PROMPT]


class Kept:
    """Takes rows of text as printed, or not."""

    def __init__(self, *, can_keep: bool) -> None:
        self._can_keep = can_keep
        self.rows: list[str] = []

    def __call__(self, rows: Iterable[Line]) -> bool:
        self.rows += to_text(rows).splitlines()
        return self._can_keep


@pytest.mark.parametrize(
    ("columns", "rows", "kept", "erased"),
    [
        (40, 6, 3, 4),  # the cursor is in the fifth row at most
        (20, 10, 4, 6),  # each row takes two, and the terminal may have moved away one for each that it added
    ],
)
@pytest.mark.parametrize("can_keep", [True, False])
async def test_rows_of_text_that_a_smaller_window_moves_away_stay_if_they_can(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, columns: int, rows: int, kept: int, erased: int, can_keep: bool
) -> None:
    monkeypatch.setenv("TMUX", "1")
    texts = [f"{name}{name * 29}" for name in "abcdef"]
    taken = Kept(can_keep=can_keep)
    stage.live.set_tail(tail_of(texts), taken)
    stage.screen.refresh()
    monkeypatch.setattr(stage.terminal.output, "_get_size", lambda: Size(rows=rows, columns=columns))
    seen = len(stage.terminal.writes)
    stage.screen.adapt()
    assert taken.rows == texts[:kept]
    everything = 7 * (2 if columns == 20 else 1)
    assert f"\x1b[{erased if can_keep else everything}A\x1b[K" in "".join(stage.terminal.writes[seen:])


async def test_rows_emptied_by_a_resize_count_in_the_next_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor is higher than the last row by as many rows as were erased."""
    monkeypatch.setenv("TMUX", "1")
    monkeypatch.setattr(renderer, "_RESIZING_SECONDS", 0)
    taken = Kept(can_keep=True)
    stage.screen.write("\n" * 10)
    stage.stream("a" * 30, "b" * 30)
    for columns, texts in ((20, ["c" * 18, "d" * 18, "e" * 18]), (10, [])):
        monkeypatch.setattr(stage.terminal.output, "_get_size", lambda columns=columns: Size(rows=10, columns=columns))
        stage.screen.adapt()
        stage.live.set_tail(tail_of(texts), taken)
        stage.screen.refresh()
    assert taken.rows == ["c" * 18, "d" * 18]


def test_rows_when_narrower_counts_cells() -> None:
    assert [rows_when_narrower(row, 10) for row in ("", "a" * 10, "日" * 6, "a" + "日" * 10)] == [1, 1, 2, 3]

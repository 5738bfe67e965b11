"""Tests of the prompt, on a terminal in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.key_binding.key_processor import KeyProcessor
from prompt_toolkit.key_binding.vi_state import InputMode

from aloop.keys import DEFAULT_KEYS
from repl.input.pastes import Entry
from repl.input.prompt import Prompt
from repl.input.queue import QueuedLine
from repl.output.live import Live
from repl.output.screen import Screen
from repl.output.styled import line
from tests.repl.terminal import Terminal


class Owner:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.interruptions = 0
        self.is_busy = False
        self.queued: list[QueuedLine] = []
        self.steering: list[str] = []
        self.places: list[int | None] = []
        self.went_back = 0
        self.expanded = 0

    def line_entered(self, entry: Entry, *, steers: bool = False, place: int | None = None) -> None:
        (self.steering if steers else self.lines).append(entry.text)
        self.places.append(place)

    def recall(self, place: int) -> QueuedLine:
        return self.queued.pop(place)

    def requeue(self, line: QueuedLine, place: int) -> None:
        self.queued.insert(place, line)

    def go_back(self) -> None:
        self.went_back += 1

    def blank_entered(self) -> None:
        self.lines.append("")

    def blank_interrupted(self) -> bool:
        return False

    def interrupted(self) -> bool:
        self.interruptions += 1
        return False

    def expand(self) -> None:
        self.expanded += 1

    def change_mode(self) -> None:
        self.lines.append("mode changed")

    def input_ended(self) -> None:
        """Ignore the end of the input."""


class Stage:
    def __init__(self, keys: PipeInput, changed: Mapping[str, str] | None = None) -> None:
        self.owner = Owner()
        self.terminal = Terminal()
        self.type = keys.send_text
        self.prompt = Prompt(
            self.owner,
            Screen(self.terminal.output),
            Live(),
            toolbar=lambda _width: line("the toolbar"),
            completer=DummyCompleter(),
            history=InMemoryHistory(),
            source=keys,
            keys=changed,
        )


@asynccontextmanager
async def set_stage(changed: Mapping[str, str] | None = None) -> AsyncIterator[Stage]:
    with create_pipe_input() as keys:
        stage = Stage(keys, changed)
        running = asyncio.create_task(stage.prompt.run(lambda: None))
        await stage.terminal.wait_for("the toolbar")
        yield stage
        stage.prompt.leave()
        await running


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with set_stage() as stage:
        yield stage


ACTIONS = {
    "complete": ("complete", "\t"),
    "editor": ("edit", "\x18\x05"),
    "expand": ("expand", "\x0f"),
    "mode": ("change_mode", "\x1b[Z"),
    "rewind": ("rewind", ""),
    "steer": ("submit", "\x1b[13;5u"),
    "suspend": ("suspend", "\x1a"),
}
"""The method of the prompt and the default key of each action but one."""


def test_each_action_of_the_settings_has_a_test() -> None:
    assert {*ACTIONS, "new_line"} == {*DEFAULT_KEYS}


@pytest.mark.parametrize("action", ACTIONS)
async def test_action_has_its_default_key_another_or_none(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    method, key = ACTIONS[action]
    done: list[str] = []
    monkeypatch.setattr(Prompt, method, lambda *_, **__: done.append(action))
    for changed, pressed, times in (({}, key, bool(key)), ({action: "f4"}, "\x1bOS", 1), ({action: ""}, key, 0)):
        done.clear()
        async with set_stage(changed) as stage:
            stage.prompt._screen.marks_pastes = True  # so that text right after Enter is not a paste
            stage.type(f"{pressed}end")
            await stage.terminal.wait_until(lambda stage=stage: stage.prompt.draft.endswith("end"), "the end")  # type: ignore[misc] # the default binds the value of this round
            assert done == [action] * times


async def test_new_line_has_another_key() -> None:
    async with set_stage({"new_line": "alt-n"}) as stage:
        stage.type("one\x1bntwo")
        await stage.terminal.wait_until(lambda: stage.prompt.draft == "one\ntwo", "the lines")


async def test_entered_line_goes_to_the_owner(stage: Stage) -> None:
    stage.type("hello\r")
    await stage.terminal.wait_until(lambda: stage.owner.lines == ["hello"], "the line")


@pytest.mark.parametrize("pasted", ["one\rtwo\r", "\r!two\r"])
async def test_lines_that_arrive_in_pieces_are_a_paste_however_late_they_are_handled(stage: Stage, pasted: str) -> None:
    first, _, rest = pasted.partition("\r")

    def send_rest(processor: KeyProcessor) -> None:
        if not processor.input_queue:  # the first Enter is being handled
            processor.before_key_press -= send_rest
            stage.type(rest)

    stage.prompt.app.key_processor.before_key_press += send_rest
    stage.type(f"{first}\r")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == pasted.replace("\r", "\n"), "the whole paste")
    assert stage.owner.lines == []


async def test_large_paste_without_marks_is_inserted_at_once_with_its_tabs_and_line_ends(stage: Stage) -> None:
    lines = [f"line {number}\tof many" for number in range(5_000)]
    insertions: list[Buffer] = []
    stage.prompt.app.current_buffer.on_text_insert += insertions.append
    sending = asyncio.create_task(asyncio.to_thread(stage.type, "first\r" + "\r".join(lines)))
    await stage.terminal.wait_until(lambda: stage.prompt.draft.endswith(lines[-1]), "the end of the paste")
    await sending
    assert stage.prompt.draft == "\n".join(["first", *lines])
    assert stage.owner.lines == []
    assert len(insertions) < len(lines)


@pytest.mark.usefixtures("plain_terminal")
async def test_lines_read_at_once_were_typed_if_the_terminal_reports_that_it_marks_pastes(stage: Stage) -> None:
    stage.type("\x1b[?2004;1$yone\rtwo\rthree")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == "three", "the last line")
    assert stage.owner.lines == ["one", "two"]


@pytest.mark.usefixtures("plain_terminal")
async def test_lines_read_at_once_were_typed_if_an_earlier_paste_had_marks(stage: Stage) -> None:
    stage.type("\x1b[200~a\rb\x1b[201~")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == "a\nb", "the paste")
    stage.prompt.paste_guard._in_paste = False  # as after a pause
    stage.type("\rone\rtwo")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == "two", "the last line")
    assert stage.owner.lines == ["a\nb", "one"]


@pytest.mark.usefixtures("plain_terminal")
async def test_lines_read_at_once_are_a_paste_in_tmux_whatever_it_reports(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    stage.type("\x1b[?2004;1$yone\rtwo\rthree")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == "one\ntwo\nthree", "the paste")
    assert stage.owner.lines == []


async def test_answer_goes_to_the_question_and_the_draft_returns(stage: Stage) -> None:
    stage.type("a draft")
    await stage.terminal.wait_for("> a draft")
    question = asyncio.create_task(stage.prompt.ask("> ", "y yes · n no"))
    await stage.terminal.wait_until(lambda: stage.terminal.screen[0] == ">", "an empty line")
    stage.type("yes\r")
    assert await question == "yes"
    await stage.terminal.wait_until(lambda: stage.terminal.screen[0] == "> a draft", "the draft")
    assert stage.owner.lines == []


async def test_empty_answer_is_accepted(stage: Stage) -> None:
    question = asyncio.create_task(stage.prompt.ask("> ", "y yes · n no"))
    await asyncio.sleep(0)
    stage.type("\r")
    assert await question == ""
    assert stage.owner.interruptions == 0


@pytest.mark.parametrize("keys", ["\x03", "half an answer\x03"])
async def test_ctrl_c_at_a_question_stops_the_turn(stage: Stage, keys: str) -> None:
    question = asyncio.create_task(stage.prompt.ask("> ", "y yes · n no"))
    await asyncio.sleep(0)
    stage.type(keys)
    await stage.terminal.wait_until(lambda: stage.owner.interruptions == 1, "the interruption")
    question.cancel()


async def test_choices_of_a_question_wrap_below_the_input(stage: Stage) -> None:
    choices = "y yes · " + " ".join(["all"] * 18) + " · n no, or n and the reason"
    asking = asyncio.create_task(stage.prompt.ask("allow? ", choices))
    await stage.terminal.wait_until(lambda: stage.terminal.screen[-1] == "n no, or n and the reason", "the choices")
    assert " · ".join(stage.terminal.screen[-2:]) == choices
    stage.type("y\r")
    assert await asking == "y"
    await stage.terminal.wait_until(lambda: stage.terminal.screen[-1] == "the toolbar", "the toolbar")
    assert "reason" not in "".join(stage.terminal.screen)


async def test_hint_replaces_the_toolbar_until_a_key_is_typed(stage: Stage) -> None:
    stage.prompt.hint("A hint.")
    await stage.terminal.wait_until(lambda: stage.terminal.screen[-1] == "A hint.", "the hint")
    stage.type("x")
    await stage.terminal.wait_until(lambda: stage.terminal.screen[-1] == "the toolbar", "the toolbar")


async def test_prefill_works_only_on_an_empty_line(stage: Stage) -> None:
    assert stage.prompt.prefill(Entry("try again"))
    await stage.terminal.wait_until(lambda: stage.terminal.screen[0] == "> try again", "the text")
    assert not stage.prompt.prefill(Entry("something else"))


async def test_ctrl_c_moves_a_draft_of_several_lines_to_the_history(stage: Stage) -> None:
    stage.prompt.prefill(Entry("one\ntwo\nthree"))
    stage.type("\x03")
    await stage.terminal.wait_until(lambda: not stage.prompt.draft, "an empty prompt")
    stage.type("\x1b[A")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == "one\ntwo\nthree", "the draft")


@pytest.mark.parametrize("end", ["\r", "\x03"])
async def test_up_right_after_a_line_brings_it_back(stage: Stage, end: str) -> None:
    stage.type("first\r")
    await stage.terminal.wait_until(lambda: stage.owner.lines == ["first"], "the first line")
    stage.type(f"one{end}\x1b[A")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == "one", "the line")
    stage.type("\x1b[A")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == "first", "the line before")
    stage.type("\x1b[B\x1b[B")
    await stage.terminal.wait_until(lambda: not stage.prompt.draft, "an empty line")


@pytest.mark.parametrize("end", ["\r", "\x03"])
async def test_new_line_starts_in_vi_insert_mode(stage: Stage, end: str) -> None:
    stage.prompt.app.editing_mode = EditingMode.VI
    stage.type("one")
    await stage.terminal.wait_for("> one")
    stage.prompt.app.vi_state.input_mode = InputMode.NAVIGATION
    stage.type(end)
    await stage.terminal.wait_until(lambda: not stage.prompt.draft, "an empty line")
    stage.type("first")
    await stage.terminal.wait_for("> first")


async def test_escape_in_vi_mode_does_not_wait_for_the_rest_of_alt_enter(stage: Stage) -> None:
    app = stage.prompt.app
    app.editing_mode, app.timeoutlen = EditingMode.VI, 1_000
    stage.type("one\x1b")
    await stage.terminal.wait_until(lambda: app.vi_state.input_mode is InputMode.NAVIGATION, "normal mode")
    stage.type("i\x1b\rtwo")
    await stage.terminal.wait_until(lambda: stage.prompt.draft == "on\ntwoe", "a new line")


async def test_question_mark_alone_shows_the_keys_until_more_is_typed(stage: Stage) -> None:
    stage.type("?")
    await stage.terminal.wait_for("Esc closes this list")
    stage.type("x")
    await stage.terminal.wait_until(lambda: stage.terminal.screen[-1] == "the toolbar", "the toolbar")


@pytest.mark.parametrize("is_busy", [False, True])
async def test_escape_hides_the_keys(stage: Stage, is_busy: bool) -> None:
    stage.owner.is_busy = is_busy
    stage.type("?")
    await stage.terminal.wait_for("Esc closes this list")
    stage.type("\x1b")
    await stage.terminal.wait_until(lambda: stage.terminal.screen[-1] == "the toolbar", "the toolbar")
    assert (stage.prompt.draft, stage.owner.interruptions) == ("", 0)


async def test_escape_stops_at_a_question_that_is_answered_with_a_question_mark(stage: Stage) -> None:
    stage.owner.is_busy = True
    asking = asyncio.create_task(stage.prompt.ask("Why? ", "Esc stops"))
    await stage.terminal.wait_for("Why?")
    stage.type("?\x1b")
    await stage.terminal.wait_until(lambda: stage.owner.interruptions == 1, "the stop")
    asking.cancel()


UP, DOWN = "\x1b[A", "\x1b[B"


async def draft_is(stage: Stage, text: str) -> None:
    await stage.terminal.wait_until(lambda: stage.prompt.draft == text, repr(text))


async def test_up_and_down_walk_through_queued_lines_and_keep_their_order(stage: Stage) -> None:
    lines = [QueuedLine(Entry(text)) for text in ("one", "two", "three")]
    stage.owner.queued = [*lines]
    for key, text in ((UP, "three"), (UP, "two"), (UP, "one"), (DOWN, "two"), (UP, "one")):
        stage.type(key)
        await draft_is(stage, text)
    assert stage.owner.queued == lines[1:]
    for text in ("two", "three", ""):
        stage.type(DOWN)
        await draft_is(stage, text)
    assert stage.owner.queued == lines


async def entered(stage: Stage, count: int) -> None:
    await stage.terminal.wait_until(lambda: len(stage.owner.lines) == count, f"{count} lines")


async def test_queued_line_that_was_edited_keeps_its_place(stage: Stage) -> None:
    stage.owner.queued = [QueuedLine(Entry(text)) for text in ("one", "two", "three")]
    stage.type(UP + UP)
    await draft_is(stage, "two")
    for keys, count in (("!\r", 1), ("more\r", 2)):
        stage.type(keys)
        await entered(stage, count)
    assert list(zip(stage.owner.lines, stage.owner.places, strict=True)) == [("two!", 1), ("more", None)]

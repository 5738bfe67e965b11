"""Tests of folded pastes, and of keys that come with a paste."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from repl.input.pastes import (
    MOST_CHARACTERS,
    MOST_KEPT,
    MOST_LINES,
    Entry,
    PasteGuard,
    Pastes,
    dropped_media,
    keep_markers_whole,
)

LONG = "\n".join(f"line {number}" for number in range(120))
OTHER = LONG.replace("line", "row")
MARKER = "[pasted 120 lines]"
SECOND = "[pasted 120 lines #2]"


@pytest.mark.parametrize("pasted", ["", "short", "x\n" * MOST_LINES, "x" * MOST_CHARACTERS])
def test_short_paste_is_not_folded(pasted: str) -> None:
    assert Pastes().fold(pasted, "") == pasted


def test_long_paste_becomes_a_marker_with_its_size() -> None:
    assert Pastes().fold(LONG, "") == MARKER
    assert Pastes().fold(LONG + "\n", "") == MARKER
    assert Pastes().fold("x" * 1_234, "") == "[pasted 1,234 characters]"


def test_pastes_of_equal_size_get_different_markers() -> None:
    pastes = Pastes()
    assert [pastes.fold(text, "") for text in (LONG, OTHER, LONG)] == [MARKER, SECOND, MARKER]
    entry = pastes.entry(f"{MARKER} and {SECOND} and {MARKER}")
    assert entry.text == f"{LONG} and {OTHER} and {LONG}"
    assert entry.own == " and  and "


def test_old_pastes_are_dropped_unless_the_line_contains_them() -> None:
    pastes = Pastes()
    markers = [pastes.fold(f"{number}\n{LONG}", "[pasted 121 lines]") for number in range(MOST_KEPT + 2)]
    assert (markers[0] in pastes.texts, markers[1] in pastes.texts, markers[-1] in pastes.texts) == (True, False, True)


def test_typed_text_that_looks_like_a_marker_stays_text() -> None:
    assert Pastes().entry(MARKER).text == MARKER
    pastes = Pastes()
    assert pastes.fold(LONG, f"say {MARKER}") == SECOND
    assert pastes.entry(f"say {MARKER} {SECOND}").text == f"say {MARKER} {LONG}"


def test_paste_that_contains_a_marker_stays_text() -> None:
    assert Entry(f"{MARKER}{SECOND}", {MARKER: SECOND, SECOND: "x"}).text == f"{SECOND}x"


@pytest.mark.parametrize("start", ["/delete", "!rm -r ."])
def test_paste_at_the_start_is_not_a_command(start: str) -> None:
    assert Entry(MARKER, {MARKER: start}).text == f" {start}"
    assert Entry(f"/system {MARKER}", {MARKER: "text"}).text == "/system text"


def test_unchanged_pastes_in_an_edited_text_are_folded_again() -> None:
    pastes = Pastes()
    pastes.fold(LONG, "")
    assert pastes.fold_again(f"before {LONG} after") == f"before {MARKER} after"
    assert pastes.fold_again(LONG.replace("line 7", "lines 7")) == LONG.replace("line 7", "lines 7")


BEFORE = f"say {MARKER} twice"
END = BEFORE.index("]") + 1


@pytest.mark.parametrize(
    ("start", "end", "new", "expected"),
    [
        (END - 1, END, "", "say | twice"),  # Backspace after the marker
        (4, 5, "", "say | twice"),  # Delete before the marker
        (9, 12, "", "say | twice"),
        (0, 8, "", "| twice"),  # a word deleted from inside the marker
        (10, len(BEFORE), "", "say |"),
        (10, 10, "x", f"say {MARKER}x| twice"),
        (10, 12, "x", "say x| twice"),
        (4, END, "", "say | twice"),
    ],
)
def test_marker_is_removed_whole_or_kept(start: int, end: int, new: str, expected: str) -> None:
    after = BEFORE[:start] + new + BEFORE[end:]
    text, cursor = keep_markers_whole(BEFORE, after, start + len(new), [MARKER])
    assert f"{text[:cursor]}|{text[cursor:]}" == expected


@pytest.mark.parametrize(
    "after", [f"say {MARKER} thrice", f"{BEFORE}!", f"[{BEFORE}", f"say it {MARKER} twice", BEFORE]
)
def test_edit_outside_markers_is_not_changed(after: str) -> None:
    assert keep_markers_whole(BEFORE, after, 3, [MARKER]) == (after, 3)


def test_edit_removes_only_the_marker_it_cuts() -> None:
    both = MARKER + SECOND
    assert keep_markers_whole(both, both[:-1], len(both) - 1, [MARKER, SECOND]) == (MARKER, len(MARKER))
    assert keep_markers_whole(both, both[1:], 0, [MARKER, SECOND]) == (SECOND, 0)
    assert keep_markers_whole(both, f"{MARKER}x{SECOND}", len(MARKER) + 1, [MARKER, SECOND])[0] == f"{MARKER}x{SECOND}"


class Input:
    """The input of a guard, and a clock that ticks when it is told to."""

    def __init__(self) -> None:
        self.has_keys = self.marks_pastes = False
        self._ticks: list[Callable[[], None]] = []
        self.guard = PasteGuard(
            lambda _: self.has_keys, lambda _, tick: self._ticks.append(tick), lambda: self.marks_pastes
        )

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            ticks, self._ticks = self._ticks, []
            for tick in ticks:
                tick()

    def press_enter(self, *, with_more: bool) -> bool:
        """Press Enter, and return True if it came with a paste."""
        self.guard.key()
        self.has_keys = with_more
        ends = self.guard.ends_pasted_line
        self.has_keys = False
        return ends


def test_key_right_after_a_paste_belongs_to_it() -> None:
    keys = Input()
    keys.guard.key()
    keys.guard.paste()
    keys.guard.key()
    assert keys.guard.in_paste


def test_paste_ends_when_no_input_arrives_for_two_ticks() -> None:
    keys = Input()
    keys.guard.paste()
    keys.tick()
    assert keys.guard.in_paste
    keys.tick()
    assert not keys.guard.in_paste


def test_paste_lasts_as_long_as_input_waits_or_keys_come() -> None:
    keys = Input()
    keys.guard.paste()
    keys.has_keys = True
    keys.tick(1000)
    keys.has_keys = False
    for _ in range(1000):
        keys.tick()
        keys.guard.key()
    assert keys.guard.in_paste
    keys.tick(2)
    assert not keys.guard.in_paste


def test_enter_with_text_behind_it_starts_a_paste_that_holds_the_last_enter() -> None:
    keys = Input()
    assert keys.press_enter(with_more=True)
    assert keys.press_enter(with_more=False)
    keys.tick(2)
    assert not keys.press_enter(with_more=False)


def test_enter_typed_before_the_prompt_was_ready_is_not_a_paste() -> None:
    keys = Input()
    keys.guard.skip(1)
    assert not keys.press_enter(with_more=True)
    assert keys.press_enter(with_more=True)


def test_enter_with_text_behind_it_was_typed_if_the_terminal_marks_pastes() -> None:
    keys = Input()
    keys.marks_pastes = True
    assert not keys.press_enter(with_more=True)


def test_enter_right_after_a_marked_paste_belongs_to_it() -> None:
    keys = Input()
    keys.marks_pastes = True
    keys.guard.paste()  # the text may contain the mark of its end
    assert keys.press_enter(with_more=True)


def test_key_without_a_paste_belongs_to_none() -> None:
    keys = Input()
    assert not keys.press_enter(with_more=False)
    assert not keys.guard.in_paste


def test_path_of_a_dropped_image_becomes_a_mention(tmp_path: Path) -> None:
    image = tmp_path / "a b.png"
    image.write_bytes(b"")
    for pasted in (f"{image}\n", f"'{image}'", str(image).replace(" ", "\\ "), f"file://{quote(str(image))}"):
        assert dropped_media(pasted) == f'@"{image}" '
    for text in (f"see {image}", f"{image}\n{image}", "a b.png", str(tmp_path / "missing.png"), "", "'"):
        assert dropped_media(text) == ""
    for name in (f"/{'a' * 5_000}.png", "/a\0.png", "file:///a%00.png"):
        assert dropped_media(name) == ""

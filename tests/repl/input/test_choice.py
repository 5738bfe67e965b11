"""Questions with choices: their rows, and what is typed before they can be read."""

from __future__ import annotations

import pytest
from prompt_toolkit.application import Application
from prompt_toolkit.application.current import set_app
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import to_formatted_text
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout import FormattedTextControl
from prompt_toolkit.output import DummyOutput

from aloop.permissions import PermissionRequest
from repl.input.choice import Choice, ChoiceQuestion, split_typed, waiting_rows
from repl.input.pastes import Entry, PasteGuard
from repl.input.queue import QueuedLine
from repl.turn.permission import permission_choices, short_labels


class _Window(DummyOutput):
    def __init__(self, columns: int) -> None:
        self._columns = columns

    def get_size(self) -> Size:
        return Size(rows=10, columns=self._columns)


def rows_in(columns: int, *choices: Choice) -> list[str]:
    with set_app(Application[None](output=_Window(columns))):
        guard = PasteGuard(lambda _: False, lambda *_: None, lambda: False)
        control = ChoiceQuestion("Run this command?", choices, "", lambda: None, guard).layout.current_control
        assert isinstance(control, FormattedTextControl)
        return fragment_list_to_text(to_formatted_text(control.text)).split("\n")


WRITE = PermissionRequest(("write",), "write_file greet.py", "+x", "diff", offer=("greet.py",))


def offered(request: PermissionRequest) -> list[Choice]:
    short = short_labels(request)
    return [Choice(key, label, short.get(key, "")) for key, label in permission_choices(request)]


async def test_narrow_question_has_one_row_for_each_choice() -> None:
    assert rows_in(40, *offered(WRITE))[1:-1] == [
        "│   y  Yes",
        "│   d  Yes, always for `greet.py` here",
        "│   a  Yes, file changes this session",
        "│   n  No, because …",
    ]


@pytest.mark.parametrize("columns", [60, 80])
async def test_wide_question_has_the_whole_labels(columns: int) -> None:
    rows = rows_in(columns, *offered(WRITE))
    assert "│   d  Yes, and don't ask again for `greet.py` here" in rows
    assert "│   a  Yes, and to all file changes in this session" in rows


async def test_label_without_a_shorter_one_is_wrapped_below_itself() -> None:
    assert rows_in(30, Choice("y", "Yes, and all of the others that wait"))[1:-1] == [
        "│   y  Yes, and all of the",
        "│      others that wait",
    ]


@pytest.mark.parametrize(
    ("typed", "before", "after", "lines", "rest", "rows"),
    [
        ("", "an old", " draft", [], "", []),
        ("y", "", "", [], "y", ["draft: y"]),
        ("y\r", "", "", [], "", []),
        ("one\rtwo\rthr", "", "", ["one", "two"], "thr", ["queued: one", "queued: two", "draft: thr"]),
        ("new\rnext", "a ", " line", ["a new line"], "next", ["queued: a new line", "draft: next"]),
        ("x", "a", "b", [], "x", ["draft: axb"]),
        ("  \ry", "", "", [], "  y", ["draft: y"]),
    ],
)
def test_lines_typed_for_a_question_are_split_from_the_draft(
    typed: str, before: str, after: str, lines: list[str], rest: str, rows: list[str]
) -> None:
    draft = Document(before + after, len(before))
    assert split_typed(typed, draft) == (lines, rest)
    assert waiting_rows([QueuedLine(Entry("old"))], draft, typed, 80, 40) == [
        f"  {row}" for row in ["queued: old", *rows]
    ]

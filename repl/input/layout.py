"""The layout of the input line, and of the completion menu or toolbar below it.

Control characters in the input are shown spelled out, but are sent as they were typed or pasted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, has_completions, is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import fragment_list_to_text, fragment_list_width
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
    menus,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import (
    AppendAutoSuggestion,
    HighlightIncrementalSearchProcessor,
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.layout.screen import Char
from prompt_toolkit.layout.utils import explode_text_fragments
from prompt_toolkit.utils import _CHAR_SIZES_CACHE
from prompt_toolkit.widgets import SearchToolbar

from aloop.sanitize import visible
from aloop.width import FLAG_LETTERS, row_ends, text_width, unjoined
from repl.output.styled import CONTINUATION

_TAB = "    "
_STYLE = " class:control-character"


class VisibleInput(Processor):
    """Spells out control characters as the rest of aloop does.

    prompt_toolkit spells out some of them, but only after measuring the line, and lets others through, such as bidi
    marks. Joined emoji are shown in parts, because terminals disagree about the width of the whole.
    """

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments = transformation_input.fragments
        text = fragment_list_to_text(fragments)
        if text.isprintable() and unjoined(text) == text:
            return Transformation(fragments)
        shown: StyleAndTextTuples = []
        for style, character, *_ in explode_text_fragments(fragments):
            spelled = "" if not unjoined(character) else _TAB if character == "\t" else visible(character)
            shown.append((style if spelled == character else style + _STYLE, spelled))
        # The column of each character, and the end of the last one.
        columns = list(accumulate((len(part) for _, part, *_ in shown), initial=0))
        return Transformation(
            shown,
            source_to_display=lambda index: columns[min(index, len(columns) - 1)],
            display_to_source=lambda column: bisect_right(columns, column) - 1,
        )


class WordWrap(Processor):
    """Breaks rows between words, with blanks; the window breaks them anywhere."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments = transformation_input.fragments
        text, room = fragment_list_to_text(fragments), max(1, _columns() - len(CONTINUATION))
        # The cursor needs a cell after the last character, or else a row below it.
        if text_width(text) < room:
            return Transformation(fragments)
        exploded = explode_text_fragments(fragments)
        shown: StyleAndTextTuples = []
        places: list[int] = []  # of each character, and of the end
        start = 0
        *ends, last = row_ends(text, room - 1)
        for end in ends:
            used = 0
            for fragment in exploded[start:end]:
                places.append(len(shown))
                used += text_width(fragment[1])
                if used <= room:  # a blank beyond the margin is left out
                    shown.append(fragment)
            shown += [("", " ")] * (room - used)
            start = end
        places += range(len(shown), len(shown) + last - start + 1)
        return Transformation(
            [*shown, *exploded[start:]],
            source_to_display=lambda index: places[min(index, len(places) - 1)],
            display_to_source=lambda column: bisect_right(places, column) - 1,
        )


class Placeholder(Processor):
    """Shows a text after the cursor while the line is empty."""

    def __init__(self, text: Callable[[int], str]) -> None:
        self._text = text

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        shown = "" if transformation_input.document.text else self._text(_columns() - len(CONTINUATION) - 1)
        return Transformation([*transformation_input.fragments, *([("class:toolbar", shown)] if shown else [])])


class _Mappings(dict[str, str]):
    """The replacements of ``visible``, and of prompt_toolkit for other characters."""

    def __contains__(self, character: object) -> bool:
        return super().__contains__(character) or (isinstance(character, str) and visible(character) != character)

    def __missing__(self, character: str) -> str:
        return visible(character)


# For everything else that prompt_toolkit draws, such as the completion menu.
Char.display_mappings = _Mappings(
    (char, shown) for char, shown in Char.display_mappings.items() if visible(char) == char
)

# prompt_toolkit measures each character with wcwidth. It has no public way to correct that.
for letter in FLAG_LETTERS:
    _CHAR_SIZES_CACHE[letter] = text_width(letter)


def _cut(formatted_text: StyleAndTextTuples, max_width: int) -> tuple[StyleAndTextTuples, int]:
    """Return a text, cut with an ellipsis to ``max_width`` cells, and its width."""
    whole = fragment_list_width(formatted_text)
    if whole <= max_width:
        return formatted_text, whole
    kept: StyleAndTextTuples = []
    used = 0
    for fragment in explode_text_fragments(formatted_text):
        taken = fragment_list_width([fragment])
        if used + taken >= max_width:
            break
        kept.append(fragment)
        used += taken
    return ([*kept, ("", "…")], used + 1) if max_width > 0 else ([], 0)


# It would cut the texts of the completion menu with three dots, and has no public way to change that.
menus._trim_formatted_text = _cut

_MENU_ROWS = 8


def build_layout(
    buffer: Buffer,
    toolbar: Callable[[int], StyleAndTextTuples],
    prompt: Callable[[], str],
    queue: Callable[[int, int], list[str]],
    placeholder: Callable[[int], str],
) -> Layout:
    """Return the layout around ``buffer``.

    At each drawing, ``toolbar`` is called with the width for its text, ``prompt`` for the text before the input, and
    ``queue`` with the width and the height of the screen for the rows above, and ``placeholder`` with the width for the
    text of an empty line. No line is filled up to the right margin,
    so that there is nothing to wrap when the terminal gets narrower.
    """
    search = SearchToolbar(ignore_case=True)
    control = BufferControl(
        buffer,
        input_processors=[
            HighlightIncrementalSearchProcessor(),
            AppendAutoSuggestion(),
            VisibleInput(),
            WordWrap(),
            Placeholder(placeholder),
        ],
        include_default_input_processors=False,
        search_buffer_control=search.control,
        preview_search=True,
    )
    input_window = Window(
        control,
        get_line_prefix=lambda number, wraps: _line_prefix(number, wraps, prompt()),
        height=lambda: Dimension(min=1, max=max(3, _rows() // 2)),
        wrap_lines=True,
        dont_extend_height=True,
    )
    body = HSplit(
        [
            _queue(queue),
            input_window,
            ConditionalContainer(search, ~is_done),
            _menu(),
            ConditionalContainer(
                Window(FormattedTextControl(lambda: toolbar(_columns())), dont_extend_height=True),
                ~is_done & ~has_completions,
            ),
            # Takes the rows left over when the prompt shrinks, so that nothing above is stretched.
            Window(),
        ]
    )
    return Layout(body, input_window)


def _queue(rows: Callable[[int, int], list[str]]) -> ConditionalContainer:
    """Return the lines that wait, above the input."""

    def shown() -> list[str]:
        return rows(_columns(), _rows())

    window = Window(
        FormattedTextControl(lambda: [("class:toolbar", "\n".join(shown()))]),
        height=lambda: Dimension.exact(len(shown())),
    )
    return ConditionalContainer(window, Condition(lambda: bool(shown())) & ~is_done)


def _menu() -> ConditionalContainer:
    """Return the completion menu as part of the layout.

    As a float it would need empty rows below the input.
    """

    def height() -> Dimension:
        state = get_app().current_buffer.complete_state
        return Dimension.exact(min(_MENU_ROWS, len(state.completions)) if state else 0)

    return ConditionalContainer(
        VSplit([CompletionsMenu(_MENU_ROWS), Window()], height=height), has_completions & ~is_done
    )


def _line_prefix(line_number: int, wrap_count: int, prompt: str) -> StyleAndTextTuples:
    first = line_number == 0 and wrap_count == 0
    return [("class:prompt", prompt if first else CONTINUATION)]


def _columns() -> int:
    return get_app().output.get_size().columns


def _rows() -> int:
    return get_app().output.get_size().rows

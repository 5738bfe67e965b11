"""Where things stand below the live rows: the input, and under it the menu of completions or the toolbar.

The input line with its control characters spelled out; what is sent is still what was typed or pasted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import has_completions, is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
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
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import SearchToolbar

from aloop.sanitize import REPLACEMENTS
from repl.output.styled import CONTINUATION

_SHOWN = REPLACEMENTS | {ord("\t"): "    "}
_STYLE = " class:control-character"


class VisibleInput(Processor):
    """Shows each character as all of aloop does.

    prompt_toolkit spells out some, but only after it has measured the line, and lets others through, as bidi marks.
    """

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments = transformation_input.fragments
        text = fragment_list_to_text(fragments)
        if text.isprintable():
            return Transformation(fragments)
        shown: StyleAndTextTuples = []
        for style, character, *_ in explode_text_fragments(fragments):
            spelled = _SHOWN.get(ord(character))
            shown.append((style, character) if spelled is None else (style + _STYLE, spelled))
        # Where each character begins, and where the last one ends.
        places = list(accumulate((len(part) for _, part, *_ in shown), initial=0))
        return Transformation(
            shown,
            source_to_display=lambda place: places[min(place, len(places) - 1)],
            display_to_source=lambda place: bisect_right(places, place) - 1,
        )


# The last step for what else prompt_toolkit draws, the menu of completions for one.
Char.display_mappings |= {chr(code): shown for code, shown in REPLACEMENTS.items()}

_MENU_ROWS = 8

STYLE = Style.from_dict(
    {
        "prompt": "bold",
        "toolbar": "dim",
        "control-character": "noinherit reverse",
        "auto-suggestion": "dim",
        # Reverse video instead of colours: readable on dark and light, and where there is no colour at all.
        "completion-menu": "noinherit",
        "completion-menu.completion": "noinherit",
        "completion-menu.completion.current": "noinherit reverse",
        "completion-menu.meta.completion": "noinherit dim",
        "completion-menu.meta.completion.current": "noinherit reverse",
        "scrollbar.background": "noinherit",
        "scrollbar.button": "noinherit reverse",
    }
)


def build_layout(buffer: Buffer, toolbar: Callable[[int], str], lead: Callable[[], str]) -> Layout:
    """Return the layout around ``buffer``; ``toolbar`` is asked for its text at a width, each time it is drawn.

    So is ``lead``, for what stands before the first line of the input.

    No line is filled up to the right margin, so that a screen made narrower has nothing to wrap.
    """
    search = SearchToolbar(ignore_case=True)
    control = BufferControl(
        buffer,
        input_processors=[HighlightIncrementalSearchProcessor(), AppendAutoSuggestion(), VisibleInput()],
        include_default_input_processors=False,
        search_buffer_control=search.control,
        preview_search=True,
    )
    input_window = Window(
        control,
        get_line_prefix=lambda number, wraps: _line_prefix(number, wraps, lead()),
        height=lambda: Dimension(min=1, max=max(3, _rows() // 2)),
        wrap_lines=True,
        dont_extend_height=True,
    )
    body = HSplit(
        [
            input_window,
            ConditionalContainer(search, ~is_done),
            _menu(),
            ConditionalContainer(
                Window(FormattedTextControl(lambda: [("class:toolbar", toolbar(_columns()))]), dont_extend_height=True),
                ~is_done & ~has_completions,
            ),
            # Takes what is left over when the prompt was higher a moment ago, so that nothing above is stretched.
            Window(),
        ]
    )
    return Layout(body, input_window)


def _menu() -> ConditionalContainer:
    """Return the completion menu as a part of the layout: floating, it would need empty rows kept below the input."""

    def height() -> Dimension:
        state = get_app().current_buffer.complete_state
        return Dimension.exact(min(_MENU_ROWS, len(state.completions)) if state else 0)

    return ConditionalContainer(
        VSplit([CompletionsMenu(_MENU_ROWS), Window()], height=height), has_completions & ~is_done
    )


def _line_prefix(line_number: int, wrap_count: int, lead: str) -> StyleAndTextTuples:
    first = line_number == 0 and wrap_count == 0
    return [("class:prompt", lead if first else CONTINUATION)]


def _columns() -> int:
    return get_app().output.get_size().columns


def _rows() -> int:
    return get_app().output.get_size().rows

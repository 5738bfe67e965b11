"""The input line with its control characters spelled out; what is sent is still what was typed or pasted."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments

from aloop.visible import SPELLED

_SHOWN = SPELLED | {ord("\t"): "    "}
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

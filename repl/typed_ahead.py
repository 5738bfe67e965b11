"""What was typed before the prompt was there to read it."""

from __future__ import annotations

import re
from select import select

from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import store_typeahead
from prompt_toolkit.input.vt100 import Vt100Input

_IS_CUT = re.compile(r"\x1b(?:O|\[[0-9;?]*)?\Z")
_REST_SECONDS = 0.05  # for the rest of a key, which comes with its beginning


def take_what_was_typed(source: Input, before: str) -> None:
    """Have the first paint show what was typed until now: drawn at once, rather than after a second round.

    ``before`` is what somebody else has read from ``source`` already.
    """
    if isinstance(source, Vt100Input):
        # Its own parser: a key may have begun in there, and go on in what is still to be read.
        source.vt100_parser.feed(before)
        if _IS_CUT.search(before):
            select([source.fileno()], [], [], _REST_SECONDS)
    keys = []
    while read := source.read_keys():
        keys += read
    # An Escape that was pressed alone waits for no more: what a terminal sends comes in one piece.
    store_typeahead(source, keys + source.flush_keys())

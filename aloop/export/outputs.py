"""Long results of tools in full, which a session has in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from aloop.export.base import MISSING_OUTPUTS
from aloop.llm.message_types import LLMMessage
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session_folder.outputs import is_unchanged, located, read_output

LONGEST = 400_000
"""Bytes of a result in a session for another tool, or in a text to read. A longer one stays shortened.

It has about as many tokens as half of the context of a model. Another tool may not be able to continue with more.
"""


def complete_results(
    messages: Iterable[LLMMessage], folder: Path, left_out: Counter[str], longest: int | None = None
) -> Iterator[LLMMessage]:
    """Yield messages with results as long as they were, at most ``longest`` bytes.

    ``left_out`` counts those that stay shortened.
    """
    for message in messages:
        if not message.output_file:
            yield message
            continue
        text = _complete(folder, message.output_file)
        if text is None:
            left_out[MISSING_OUTPUTS] += 1
        elif longest is not None and len(text.encode()) > longest:
            left_out[f"the middle of results of more than {longest:,} bytes"] += 1
            message = located(message, folder)
        else:
            message = replace(message, content=text)
        yield message


def _complete(folder: Path, relative: str) -> str | None:
    """Return the text of a file; None if it is missing or was changed."""
    try:
        data = read_output(SYSTEM, folder, relative)
        return data.decode() if data is not None and is_unchanged(relative, data) else None
    except (OSError, UnicodeDecodeError):
        return None  # counted as left out

"""Texts for unexpected errors."""

from __future__ import annotations

import traceback
from collections.abc import Mapping


def bug_text(error: BaseException) -> str:
    """Return a line for an unexpected ``error``, with the place that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return (
        f"Internal error in aloop: {type(error).__name__}: {error}{place}. "
        "The shell continues, and saved sessions are safe. Please report this line."
    )


def loop_error_text(details: Mapping[str, object]) -> str:
    """Return the text for the context of an event loop's exception handler."""
    error = details.get("exception")
    return bug_text(error) if isinstance(error, BaseException) else str(details.get("message"))

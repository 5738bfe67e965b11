"""What to say when something fails that nobody foresaw."""

from __future__ import annotations

import traceback
from collections.abc import Mapping


def bug_text(error: BaseException) -> str:
    """Return a line on an unexpected ``error``: what it is, and where it was raised, which is what a report needs."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return (
        f"Something failed inside aloop: {type(error).__name__}: {error}{place}. "
        "The shell goes on, and what is saved is safe. Please report this line."
    )


def loop_error_text(details: Mapping[str, object]) -> str:
    """Return the text for an error that nobody waited for, from what the event loop tells of it."""
    error = details.get("exception")
    return bug_text(error) if isinstance(error, BaseException) else str(details.get("message"))

"""The first lines of a shell."""

from __future__ import annotations

from aloop import __version__
from aloop.config import DEFAULT_MODEL, OFFLINE_MODEL, Settings
from commands.context import Context
from repl.cells import wrap
from repl.spans import Line, Tone, line

_NO_KEY = "No API key: this is the offline demo, no language model. Set ANTHROPIC_API_KEY for Claude."


def expected_model(model: str | None, settings: Settings) -> str:
    """Return the model that will answer, judged before anything of it is loaded."""
    chosen = model or settings.model
    if chosen:
        return chosen
    return DEFAULT_MODEL if settings.has_credentials else OFFLINE_MODEL


def banner_lines(model: str | None, settings: Settings, width: int) -> list[Line]:
    """Return the greeting; without a key, it says who answers then, and how to change that."""
    lines = [line((Tone.STRONG, f"aloop {__version__}"), (Tone.QUIET, " · /help lists commands · Ctrl-D leaves"))]
    if model is None and expected_model(model, settings) == OFFLINE_MODEL:
        lines += [line(row) for row in wrap(_NO_KEY, width - 1)]
    return lines


def farewell_lines(context: Context) -> list[Line]:
    """Return how to come back to the session that is left; nothing for one that was never saved."""
    memory = context.memory
    if memory.has_unsaved:
        return [
            line((Tone.BAD, "Not saved: what was said last. What the disk took of it comes back at the next start."))
        ]
    if memory.path is None:
        return []
    return [line((Tone.QUIET, f"Saved. aloop --resume {memory.session_id[:8]} goes on from here."))]

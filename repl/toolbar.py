"""The line below the input: which model, which session, how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.local.models import title_of
from commands.context import Context
from repl.banner import expected_model
from repl.options import ShellOptions
from repl.sanitize import safe_line

if TYPE_CHECKING:
    from aloop.memory import ContextUse

_SHORT_ID = 8


def toolbar_text(options: ShellOptions, context: Context | None) -> str:
    """Return the toolbar; before the engine is there, what can be known without it."""
    model = context.agent.llm.model if context else expected_model(options.model, options.settings)
    count = context.memory.message_count if context else 0
    session = context.memory.session_id[:_SHORT_ID] if context and count else "new session"
    text = f"{safe_line(title_of(model))} · {session} · {count} {'message' if count == 1 else 'messages'}"
    use = context.agent.context_use if context else None
    return f"{text} · {_meter(use)}" if use and use.window else text


def _meter(use: ContextUse) -> str:
    """Return how full the model's window is, as exactly as it is known."""
    about = "~" if use.is_estimate else ""
    return f"{about}{_thousands(use.tokens)} of {_thousands(use.window)} tokens ({use.share:.0%})"


def _thousands(tokens: int) -> str:
    if tokens < 1_000:
        return str(tokens)
    return f"{tokens / 1_000:.1f}k" if tokens < 10_000 else f"{round(tokens / 1_000)}k"

"""The line below the input: which model, which session, how much of it."""

from __future__ import annotations

from commands.context import Context
from repl.banner import expected_model
from repl.options import ShellOptions
from repl.sanitize import safe_line

_SHORT_ID = 8


def toolbar_text(options: ShellOptions, context: Context | None) -> str:
    """Return the toolbar; before the engine is there, what can be known without it."""
    model = context.agent.llm.model if context else expected_model(options.model, options.settings)
    count = context.memory.message_count if context else 0
    session = context.memory.session_id[:_SHORT_ID] if context and count else "new session"
    return f"{safe_line(model)} · {session} · {count} {'message' if count == 1 else 'messages'}"

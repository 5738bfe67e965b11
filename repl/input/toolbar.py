"""The toolbar below the prompt: model, session, messages, context window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import SHORT_ID
from aloop.local_model.models import title_of
from aloop.sanitize import safe_line
from repl.options import ShellOptions
from repl.startup.banner import expected_model

if TYPE_CHECKING:
    from aloop.llm.cost.pricing import Cost
    from aloop.memory import ContextUse
    from commands.context import Context


def toolbar_text(options: ShellOptions, context: Context | None, cost: Cost | None = None) -> str:
    """Return the toolbar text; without a context, from the options alone.

    ``cost`` is that of the session, None if it is not known yet.
    """
    model = context.agent.llm.model if context else expected_model(options.model, options.settings)
    count = context.memory.message_count if context else 0
    session = context.memory.session_id[:SHORT_ID] if context and count else "new session"
    text = (
        f"{_mode(context)}{safe_line(title_of(model))} · {session} · {count} {'message' if count == 1 else 'messages'}"
    )
    # Before the meter, because a narrow screen cuts the end.
    text = f"{text} · {cost}" if cost and cost.dollars else text
    use = context.agent.context_use if context else None
    text = f"{text} · {_meter(use)}" if use and use.window else text
    return f"{_pending(context)}{text}" if context else text


def _pending(context: Context) -> str:
    """Return the number of outputs and images that go with the next message."""
    pending = context.pending_output
    counts = ((len(pending.taken), "output"), (len(pending.media), "image"))
    return "".join(f"+ {count} {noun if count == 1 else f'{noun}s'} · " for count, noun in counts if count)


def _mode(context: Context | None) -> str:
    """Return the permission mode, except for the one that asks."""
    if context is None or context.agent.mode == "ask":
        return ""
    # Imported here: the prompt is drawn without it.
    from aloop.permissions import MODE_NAMES

    return f"{MODE_NAMES[context.agent.mode]} · "


def _meter(use: ContextUse) -> str:
    """Return the share of the model's window that is used, with ~ for an estimate."""
    about = "~" if use.is_estimate else ""
    return f"{about}{thousands(use.tokens)} of {thousands(use.window)} tokens ({use.share:.0%})"


def thousands(tokens: int) -> str:
    """Return a number of tokens in about four characters."""
    if tokens < 1_000:
        return str(tokens)
    return f"{tokens / 1_000:.1f}k" if tokens < 10_000 else f"{round(tokens / 1_000)}k"

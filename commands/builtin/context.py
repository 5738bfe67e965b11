"""/context: show the parts of the context window and their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.agent.instructions import section_tokens
from aloop.formatting import quantity
from aloop.llm.prompts import PROJECT_INSTRUCTIONS, SKILLS
from aloop.memory.context import estimate, estimate_tokens, live
from commands.pages import Facts
from commands.project.instructions import refresh_instructions
from commands.registry import Command

if TYPE_CHECKING:
    from aloop.agent.instructions import Section
    from commands.context import Context


async def context_use(context: Context, _argument: str) -> None:
    """Show the tokens of the system text, skills, instructions, tools and messages."""
    await refresh_instructions(context)
    agent, memory = context.agent, context.memory
    use = agent.context_use
    text = agent.system_text
    skills, instructions = section_tokens(SKILLS, text), section_tokens(PROJECT_INSTRUCTIONS, text)
    system = estimate_tokens(text) - skills - instructions
    # Before the first turn, the measure does not include the system text.
    counted = use.tokens if memory.system_messages else use.tokens + estimate_tokens(text)
    messages = max(counted - system - skills - instructions - agent.tools_tokens, 0)
    whole = f" of {use.window:,} tokens ({counted / use.window:.0%})" if use.window else " tokens"
    rows = [
        ("window", f"{'about ' if use.is_estimate else ''}{counted:,}{whole}"),
        ("system text", f"{system:,}"),
        ("skills", f"{skills:,} · {_names(agent.skills)}"),
        ("instructions", f"{instructions:,} · {_names(agent.instructions)}"),
        ("tools", f"{agent.tools_tokens:,} · {quantity(len(agent.tool_specs), 'tool')}"),
        ("messages", f"{messages:,} · {quantity(memory.message_count, 'message')}"),
    ]
    await context.view.show(Facts(rows))


def sent_tokens(context: Context) -> int:
    """Estimate the tokens of the messages that are sent.

    All are estimated in the same way. ``context_use`` has the counts of the API where there are any, so its values
    before and after an edit cannot be compared.
    """
    return estimate(live(context.memory.messages))


def size_change(before: int, after: int) -> str:
    """Return how the size of the context changed, from values of ``sent_tokens``."""
    tokens = abs(after - before)
    return (
        f"about {quantity(tokens, 'token')} {'larger' if after > before else 'smaller'}"
        if tokens
        else "as large as before"
    )


def _names(section: Section | None) -> str:
    return ", ".join(section.names if section else ()) or "none"


COMMAND = Command(
    name="context",
    summary="Show what fills the context window",
    handler=context_use,
    group="Model",
    example="/context",
)

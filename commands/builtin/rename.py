"""/rename: give the open session a title."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from commands.context import Context


async def rename(context: Context, argument: str) -> Outcome:
    """Put a title into the session's header; without one, show what it has. Raises UsageError, StorageError."""
    memory, view = context.memory, context.view
    if not argument:
        title = f"This session is called “{memory.title}”." if memory.title else "This session has no title yet."
        view.info(f"{title} /rename TITLE changes that.")
        return Outcome()
    await memory.rename(argument)
    when = "" if memory.path else " It is saved with the first turn."
    view.info(f"This session is called “{memory.title}” from now on.{when}")
    return Outcome()


COMMAND = Command(
    name="rename",
    summary="Give this session a title",
    handler=rename,
    usage="TITLE",
    argument=Argument.TEXT,
    group="Changing",
    example="/rename The parser, second try",
)

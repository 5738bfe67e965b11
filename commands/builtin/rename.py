"""/rename: set the title of the open session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context


async def rename(context: Context, argument: str) -> None:
    """Set the title to ``argument``, or show it; raise UsageError or StorageError."""
    memory, view = context.memory, context.view
    if not argument:
        view.info(
            f"The title is “{memory.title}”. /rename TITLE changes it."
            if memory.title
            else "This session has no title yet. /rename TITLE sets one."
        )
        return
    await memory.rename(argument)
    when = "" if memory.path else " It will be saved with the first turn."
    view.info(f"The title is now “{memory.title}”.{when}")


COMMAND = Command(
    name="rename",
    summary="Give this session a title",
    handler=rename,
    usage="TITLE",
    argument=Argument.TEXT,
    group="Editing",
    example="/rename The parser, second try",
)

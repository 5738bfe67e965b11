"""/effort: show or change how much effort the model spends on an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.config.values import EFFORTS
from aloop.errors import UsageError
from aloop.llm.base import SupportsEffort
from aloop.local_model.models import title_of
from commands.registry import Argument, Command

if TYPE_CHECKING:
    from commands.context import Context

DEFAULT = "default"


async def effort(context: Context, argument: str) -> None:
    """Show the effort and the levels of the model, or set the level in ``argument``.

    Raises UsageError for a level that the model does not support. If its levels are unknown, all are accepted.
    """
    view, llm = context.view, context.agent.llm
    name = title_of(llm.model)
    if isinstance(llm, SupportsEffort):
        await llm.learn_limits()
    if not isinstance(llm, SupportsEffort) or llm.efforts == ():
        raise UsageError(f"The model {name} has no effort setting. /model changes the model.")
    known = llm.efforts
    supported = (*(EFFORTS if known is None else known), DEFAULT)
    levels = ", ".join(supported)
    level = argument.lower()
    if not level:
        view.info(f"The effort is {llm.effort or 'the default of the model'}.")
        if known is None:
            view.info(f"The server does not report which levels {name} supports. /effort LEVEL tries one of: {levels}.")
        else:
            view.info(f"/effort LEVEL changes it. The levels of {name} are: {levels}.")
        return
    if level not in supported:
        if known is None:
            raise UsageError(f"{argument!r} is not an effort level. The levels are: {levels}.")
        raise UsageError(f"The model {name} does not support the effort {argument!r}. Its levels are: {levels}.")
    llm.effort = None if level == DEFAULT else level
    view.info(f"The effort is now {llm.effort or 'the default of the model'}.")


COMMAND = Command(
    name="effort",
    summary="Show or change how much effort the model spends on an answer",
    handler=effort,
    usage="[LEVEL]",
    argument=Argument.EFFORT,
    group="Model",
    example="/effort high",
)

"""The output of commands on its way into the next message: offered first, and taken along only after a yes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commands.attachments import Attachment

if TYPE_CHECKING:
    from commands.context import Context


@dataclass(slots=True)
class Carried:
    """``offer`` waits for an answer, until the next line is entered; ``taken`` goes with the next message."""

    offer: Attachment | None = None
    taken: list[Attachment] = field(default_factory=list)


def accept(context: Context) -> bool:
    """Take along what is offered, and say so: an empty line is the yes. False when nothing is."""
    offer, context.carried.offer = context.carried.offer, None
    if offer is None:
        return False
    context.carried.taken.append(offer)
    context.view.info("The output goes with your next message.")
    return True


def drop(context: Context) -> bool:
    """Take nothing along, and say so; False when nothing was to be."""
    carried = context.carried
    carried.offer = None
    if not carried.taken:
        return False
    carried.taken.clear()
    context.view.info("No output goes with your next message.")
    return True

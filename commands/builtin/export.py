"""/export: the conversation as a document for people who have no aloop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import AloopError
from commands.registry import Argument, Command, Outcome
from commands.selection import save_before_leaving

if TYPE_CHECKING:
    from commands.context import Context


async def export(context: Context, argument: str) -> Outcome:
    """Write the open session to a file: ``argument`` is its format and, where it is not to get its own name, a path."""
    # Imported here for start-up time: the engine is there by the time that there is anything to export.
    from aloop.export import ExportExists, export_path, read_format, render, write_export

    memory, view = context.memory, context.view
    if not memory.message_count and memory.path is None:
        view.info("This session is new: there is nothing to export.")
        return Outcome()
    word, _, wanted = argument.partition(" ")
    form = read_format(word)
    try:
        await save_before_leaving(memory)
        session = await memory.library.load(await memory.find_own_name())
    except AloopError as error:
        # Where a disk is full, or session.yaml can not be read, this is the way to get the conversation elsewhere.
        view.error(str(error))
        session = memory.snapshot()
    path = export_path(session, form, wanted.strip(), Path.cwd())
    text = await asyncio.to_thread(render, session, form)
    try:
        await asyncio.to_thread(write_export, path, text)
    except ExportExists:
        if not await view.confirm(f"{path} is there already. Write over it?"):
            view.info("Nothing was written.")
            return Outcome()
        await asyncio.to_thread(write_export, path, text, replace=True)
    view.info(f"Written: {path}")
    return Outcome()


COMMAND = Command(
    name="export",
    summary="Write this session to a file: md, html or json",
    handler=export,
    usage="FORMAT [PATH]",
    argument=Argument.TEXT,
    example="/export html ~/talk.html",
)

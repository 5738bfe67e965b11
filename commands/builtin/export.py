"""/export: write the conversation to a file, or into the store of another tool."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import AloopError
from aloop.formatting import display_path
from commands.registry import Argument, Command
from commands.session_browser import save_before_leaving

if TYPE_CHECKING:
    from aloop.memory import Session
    from commands.context import Context


async def export(context: Context, argument: str) -> None:
    """Export the open session; ``argument`` is a format and optionally a path."""
    # Imported late for startup time.
    from aloop.export.document import ExportExists, export_path, make_document, make_exports_folder, write_export
    from aloop.export.formats import TOOLS, read_format

    memory, view = context.memory, context.view
    if not memory.message_count and memory.path is None:
        view.info("This session is new, so there is nothing to export.")
        return
    word, _, wanted = argument.partition(" ")
    form, wanted = read_format(word), _unquoted(wanted.strip())
    try:
        await save_before_leaving(memory)
        session = await memory.library.load(await memory.find_own_name())
    except AloopError as error:
        # Continue: if the disk is full or session.yaml is broken, an export saves the conversation elsewhere.
        view.error(str(error))
        session = memory.snapshot()
    if form in TOOLS:
        await _to_tool(context, session, form, Path(wanted) if wanted else None)
        return
    folder = Path.cwd() if wanted else make_exports_folder(memory.sessions_dir)
    path = export_path(session, form, wanted, folder)
    document = await asyncio.to_thread(make_document, session, form)
    try:
        await asyncio.to_thread(write_export, path, *document.pieces)
    except ExportExists:
        if not await view.confirm(f"{display_path(path)} already exists. Overwrite it?"):
            view.info("Nothing was written.")
            return
        await asyncio.to_thread(write_export, path, *document.pieces, replace=True)
    suffix = "".join(path.suffixes)
    hint = "" if wanted else f"Add a path to write it elsewhere, as in /export {form} ~/chat{suffix}."
    view.info("\n".join(filter(None, (f"Exported to {display_path(path)}", document.losses, hint))))


def _unquoted(path: str) -> str:
    """Return a path without the quotes around it."""
    is_quoted = len(path) > 1 and path[0] == path[-1] and path[0] in "\"'"
    return path[1:-1] if is_quoted else path


async def _to_tool(context: Context, session: Session, tool: str, wanted: Path | None) -> None:
    # Imported late for startup time.
    from aloop.export.targets import deliver, to_tool

    exported = await asyncio.to_thread(to_tool, session, tool, Path.cwd())
    path = await asyncio.to_thread(deliver, exported, context.memory.sessions_dir, wanted)
    command = exported.command_for(path)
    how = ["Resume it there with:", command] if command else [f"{exported.advice}."]
    lines = [f"Exported to {display_path(path)}", exported.losses, *how]
    context.view.info("\n".join(filter(None, lines)))


COMMAND = Command(
    name="export",
    summary="Export this session to a file, or into another tool",
    handler=export,
    usage="FORMAT [PATH]",
    argument=Argument.TEXT,
    example="/export html ~/chat.html",
)

"""``aloop export``: one session, or all."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path

from aloop.cli.console import ProgressBar, print_line, print_note
from aloop.cli.exchange.exporting import ExportOptions
from aloop.cli.sessions.output import interrupted_text
from aloop.errors import SessionError, StorageError, UsageError
from aloop.export.base import Document, left_out_text
from aloop.export.document import ExportExists, export_path, make_document, write_export
from aloop.export.formats import TOOLS
from aloop.export.json import contains_export
from aloop.export.targets import deliver, to_tool
from aloop.formatting import display_path, normal_path, quantity
from aloop.memory import Session, SessionLibrary
from aloop.memory.disk.filesystem import explained

_STDOUT = "-"


def run_export(options: ExportOptions) -> int:
    """Export what ``options`` name; raises AloopError."""
    if (options.all is None) == (not options.id):
        raise UsageError("Give the ID of a session, or --all and a folder. Run `aloop export --help` for usage.")
    if options.all is not None and options.path is not None:
        raise UsageError("--all names the folder for all sessions, so --output has no meaning. Leave it out.")
    if options.all is not None and options.to in TOOLS:
        raise UsageError(f"--all writes documents, but {options.to} is a tool. Export its sessions one at a time.")
    if options.update and (options.all is None or options.to != "json"):
        raise UsageError("--update is for --all with --to json. Only JSON has enough to compare it with the session.")
    library = SessionLibrary(options.sessions_dir)
    with asyncio.Runner() as runner:
        if options.all is not None:
            return _export_all(options, library, runner, options.all)
        session = runner.run(library.load(options.id))
    if options.to in TOOLS:
        return _to_tool(options, session, library.sessions_dir)
    return export_document(session, options.to, str(options.path or ""))


def export_document(session: Session, form: str, wanted: str) -> int:
    """Write a document to standard output, or to ``wanted`` if it is given."""
    document = make_document(session, form)
    if wanted in ("", _STDOUT):
        sys.stdout.writelines(document.pieces)
        sys.stdout.flush()  # an error of the pipe or the disk comes before the note
    else:
        path = export_path(session, form, wanted, Path.cwd())
        write_export(path, *document.pieces)
        print_note(f"Exported to {display_path(path)}")
    if document.losses:
        print_note(document.losses)
    return 0


def _to_tool(options: ExportOptions, session: Session, sessions_dir: Path) -> int:
    exported = to_tool(session, options.to, Path.cwd())
    path = deliver(exported, sessions_dir, options.path)
    print_note(f"Exported to {display_path(path)}")
    if exported.losses:
        print_note(exported.losses)
    if command := exported.command_for(path):
        print_line(command)
    else:
        print_note(f"{exported.advice}.")
    return 0


def _export_all(options: ExportOptions, library: SessionLibrary, runner: asyncio.Runner, folder: Path) -> int:
    done: Counter[str] = Counter()
    folder = normal_path(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder. Choose another one for --all.")
    with explained("write the export", folder, flag=""):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    titles = runner.run(library.list_titles())
    left_out: Counter[str] = Counter()
    folders: list[Path] = []
    stopped: BaseException | None = None
    with ProgressBar("Exporting", "sessions") as bar:
        try:
            for number, title in enumerate(titles):
                bar.show(number, len(titles))
                try:
                    session = runner.run(library.load(title.id))
                    folders.append(session.path.parent)
                    path = export_path(session, options.to, "", folder)
                    document = make_document(session, options.to)
                except SessionError as error:
                    bar.clear()
                    print_note(str(error))
                    done["not exported"] += 1
                else:
                    done[_written(path, document, update=options.update)] += 1
                    left_out += document.left_out
                    left_out[_WITHOUT_MESSAGES] += document.is_empty
        except (KeyboardInterrupt, StorageError) as error:  # the others could not be written, either
            stopped = error
            if done:
                bar.stop("Stopped. All files written so far are complete; run the same command again for the rest.")
            elif isinstance(error, KeyboardInterrupt):
                bar.stop("Stopped. Nothing was exported.")
    if isinstance(stopped, StorageError) or (stopped and done):
        done["not exported"] += len(titles) - sum(done.values())
    counts = ", ".join(f"{count:,} {what}" for what, count in done.items() if count)
    if done:
        print_note(f"{quantity(sum(done.values()), 'session')} to {folder}: {counts}.")
    elif not titles:
        print_note("There are no sessions.")
    if losses := left_out_text(left_out):
        print_note(losses)
    if note := interrupted_text(runner.run(library.count_interrupted(folders)), "exported"):
        print_note(note)
    if done[_OUTDATED]:
        print_note(_advice(options))
    if stopped:
        raise stopped
    return 1 if done["not exported"] or done[_OUTDATED] else 0


_WITHOUT_MESSAGES = "conversations without a message that can be sent"
_OUTDATED = "different from the file there"


def _advice(options: ExportOptions) -> str:
    """Return what to do about files that are different."""
    if options.update:
        return (
            "A file is updated only if the session still has everything in it. Move the others away, or export to "
            "another folder."
        )
    update = "Add --update to replace exports of sessions that have grown. " if options.to == "json" else ""
    return f"Files are not overwritten. {update}Move those that differ away, or export to another folder."


def _written(path: Path, document: Document, *, update: bool) -> str:
    """Write an export and return what became of it; raises StorageError."""
    try:
        write_export(path, *document.pieces)
    except ExportExists:
        with explained("read the export", path, flag=""):
            earlier = path.read_bytes()
        if earlier == document.text.encode():
            return "already there"
        if not (update and contains_export(document.text, earlier)):
            return _OUTDATED
        try:
            write_export(path, *document.pieces, replaced=earlier)
        except ExportExists:  # changed since
            return _OUTDATED
        return "updated"
    return "exported"

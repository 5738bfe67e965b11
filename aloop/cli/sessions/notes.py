"""``aloop notes``: the notes, tags and pins in all sessions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aloop.cli.arguments import CommandOptions, Parser, non_empty
from aloop.cli.console import ProgressBar, json_line, output_width, print_line, print_note

if TYPE_CHECKING:
    from aloop.memory import Session
    from aloop.memory.annotations import Annotated

_EPILOG = """\
Add notes, tags and pins with /note, /tag and /pin at the prompt, or with the
keys note, tags and pinned in a session file. They are not sent to the model."""


@dataclass(frozen=True, slots=True)
class NotesOptions(CommandOptions):
    """The options of ``aloop notes``; an empty ``tag`` means all."""

    sessions_dir: Path | None = None
    tag: str = ""
    all_projects: bool = False
    as_json: bool = False

    def run(self) -> int:
        """Print the annotated messages of each session, newest session first."""
        is_wanted = output_width() is not None and not self.as_json
        with ProgressBar("Reading", "sessions", is_wanted=is_wanted, if_stopped="Stopped.") as bar:
            is_empty = asyncio.run(self._print(bar))
        if is_empty and not self.as_json:
            what = f"No session has the tag {self.tag!r}." if self.tag else "There are no notes, tags or pins yet."
            print_note(f"{what} /note 3 TEXT at the prompt adds a note to message 3.")
        return 0

    async def _print(self, bar: ProgressBar) -> bool:
        """Print the messages, and return True if there are none."""
        # Imported here for startup time: completion needs the arguments only.
        from aloop.memory import SessionLibrary
        from aloop.memory.annotations import find_annotated
        from aloop.memory.projects import AllProjects

        library, tag, is_empty = SessionLibrary(self.sessions_dir), self.tag.removeprefix("#"), True
        folders = AllProjects(library.sessions_dir).folders if self.all_projects else [library.sessions_dir]
        for folder in folders:
            async for _, session in SessionLibrary(folder).list_annotated(tag, bar.show):
                is_empty = False
                bar.clear()
                _print_session(session, find_annotated(session.messages, tag), as_json=self.as_json)
        return is_empty


def _print_session(session: Session, annotated: list[Annotated], *, as_json: bool) -> None:
    # Imported here for startup time, as above.
    from aloop.cli.sessions.output import NO_TITLE
    from aloop.errors import SHORT_ID
    from aloop.formatting import format_time
    from aloop.memory.annotations import annotation_text, header_text, is_pinned, tags_of
    from aloop.sanitize import visible
    from aloop.width import fit

    tags, has_pin = tags_of(session.extra), is_pinned(session.extra)
    if as_json:
        head = {"id": session.id, "title": session.title, "path": session.path}
        if tags or has_pin:
            print_line(json_line(head | {"message": 0, "tags": tags, "note": "", "pinned": has_pin}))
        for each in annotated:
            print_line(json_line(head | _record(each)))
        return
    width = output_width()

    def show(line: str) -> None:
        print_line(line if width is None else fit(visible(line), width))

    marks = header_text(session.extra)
    shown = f" {marks}" if marks else ""
    show(f"{session.id[:SHORT_ID]}  {format_time(session.updated_at)}  {session.title or NO_TITLE}{shown}")
    for each in annotated:
        show(f"{f'#{each.number}':>8}  {each.message.role:<9}  {annotation_text(each.message)}")


def _record(each: Annotated) -> dict[str, Any]:
    # Imported here for startup time, as above.
    from aloop.memory.annotations import is_pinned, note_of, tags_of

    message = each.message
    return {
        "message": each.number,
        "tags": tags_of(message.extra),
        "note": note_of(message),
        "pinned": is_pinned(message.extra),
    }


def add_arguments(parser: Parser) -> None:
    """Complete the parser of ``aloop notes``."""
    parser.set_defaults(options=NotesOptions)
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("--tag", type=non_empty, metavar="TAG", help="only messages and sessions with this tag")
    add("--all", dest="all_projects", action="store_true", help="include the sessions of all your projects")
    add("--json", dest="as_json", action="store_true", help="print one JSON object per line")
    parser.add_sessions_dir()
    parser.add_help_option()

"""The sessions folder: create, open, list, find and delete sessions.

Methods block on the disk, so MemoryManager calls them on a thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import (
    AmbiguousPrefix,
    DuplicateSessionId,
    Problem,
    SessionFileError,
    SessionNotFound,
    StorageError,
)
from aloop.formatting import OnRead, display_path, ignore_progress
from aloop.llm.message_types import LLMMessage
from aloop.memory.annotations import find_annotated, has_tag, header_text
from aloop.memory.codec.serialization import load_session
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import FOLDER_MODE, explained
from aloop.memory.disk.locks import write_lock
from aloop.memory.session import (
    FILE_NAME,
    Session,
    SessionSummary,
    SessionTitle,
    is_in_future,
    normal_title,
    require_prefix_length,
)
from aloop.memory.session_folder.recovery import with_recovered_names
from aloop.memory.session_folder.session_file import TRIES, ConcurrentChange, SessionFile
from aloop.memory.sessions_dir.catalog import Catalog, Entry, distinct_id
from aloop.memory.sessions_dir.folders import ALOOP_FOLDER, make_session_folder, make_sessions_dir, put_own_files
from aloop.memory.sessions_dir.ids import is_own_name, normal_prefix, short_name
from aloop.memory.sessions_dir.index import add_to_index
from aloop.memory.sessions_dir.preview import (
    SessionHeader,
    read_ending,
    read_first_question,
    read_header,
    read_summary,
    read_title,
)
from aloop.memory.sessions_dir.registry import Registry
from aloop.memory.sessions_dir.removed_projects import folder_for
from aloop.memory.sessions_dir.trash import Trash, TrashedSession
from aloop.project import moved_folder

if TYPE_CHECKING:
    from aloop.memory.search.query import Query
    from aloop.memory.search.search import Hit
    from aloop.memory.sessions_dir.text_check import Finding


class YamlBackend:
    """The sessions folder at ``sessions_dir``, made with the first session.

    Every method may raise StorageError, except those that name OSError.
    """

    def __init__(self, sessions_dir: Path, fs: filesystem.FileSystem | None = None) -> None:
        self.fs = fs or filesystem.SYSTEM
        self._use(sessions_dir)

    def _use(self, sessions_dir: Path) -> None:
        self.sessions_dir = sessions_dir
        self._catalog = Catalog(self.fs, sessions_dir)
        self._trash = Trash(self.fs, sessions_dir)
        self._project_status = self._status_of_project()

    @property
    def _project(self) -> Path | None:
        return self.sessions_dir.parent.parent if self.sessions_dir.parent.name == ALOOP_FOLDER else None

    def _status_of_project(self) -> os.stat_result | None:
        try:
            return self._project.stat() if self._project else None
        except OSError:
            return None

    def make_folder(self, session: Session) -> Path:
        """Make the folder of a new session, and the sessions folder; raises OSError."""
        make_sessions_dir(self.fs, self.sessions_dir)
        folder = make_session_folder(self.fs, self.sessions_dir, session)
        self._project_status = self._status_of_project()
        self.fs.sync_folder(self.sessions_dir)
        return folder

    def follow_moved_project(self) -> str | None:
        """Use the new path of the project if it was moved while this process runs in it.

        Return a sentence for the user, or None.
        """
        project, before = self._project, self._project_status
        if project is None or before is None:
            return None
        now = self._status_of_project()
        if now is not None and os.path.samestat(now, before):
            return None
        moved = moved_folder(before)
        if moved is None or moved == project:
            return None
        self._use(moved / self.sessions_dir.parent.name / self.sessions_dir.name)
        Registry.of_user().add(self.sessions_dir)
        return Problem(f"{display_path(project)} was moved to {display_path(moved)}, and the session is saved there.")

    def leave_removed_project(self) -> str | None:
        """Move to a folder of the user's own if the project was removed.

        Return a sentence for the user, or None. The project is not created again: it would be in the way of git and of
        a disk that was unmounted.
        """
        project = self._project
        if project is None or self._project_status is None or self.fs.exists(project):
            return None
        folder = folder_for(project)
        try:
            folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        except OSError:
            self._project_status = None
            return Problem(f"{display_path(project)} was removed, and aloop created it again for the session.")
        self._use(folder)
        Registry.of_user().add(folder)
        return Problem(f"{display_path(project)} was removed, so the session is now saved in {display_path(folder)}.")

    def create(
        self, session: Session, folder: Path | None = None, *, again: bool = False, text: bytes | None = None
    ) -> SessionFile:
        """Write a new session's file into ``folder``, or into a new folder.

        ``text`` is its text, if given. ``again`` means that the file was removed; raises ConcurrentChange if it has
        come back. Raises OSError.
        """
        folder = folder or self.make_folder(session)
        if again:
            # A checkout of another branch removes these files with the session.
            put_own_files(self.fs, self.sessions_dir)
        stored = SessionFile.create(self.fs, folder / FILE_NAME, session, again=again, text=text)
        add_to_index(self.fs, self.sessions_dir, folder.name, session.id)
        return stored

    def open(self, prefix: str) -> SessionFile:
        """Read the session with this ID prefix.

        Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, SessionFileError.
        """
        return self.read(self.locate(prefix))

    def read(self, entry: Entry) -> SessionFile:
        """Read a session; raises SessionFileError, StorageError."""
        with self._explained("read the session"):
            path = self.sessions_dir / entry.folder / FILE_NAME
            with with_recovered_names(self.fs, path.parent):
                try:
                    return SessionFile.read(self.fs, path)
                except SessionFileError as error:
                    from aloop.memory.sessions_dir.text_check import explain_markers  # only for damaged files

                    raise explain_markers(error, self.fs.read(path)) from None

    def locate(self, prefix: str, *, ask_files: bool = False) -> Entry:
        """Return the one session with this ID prefix; raises as ``find`` does.

        Raises SessionNotFound and AmbiguousPrefix too.
        """
        hits = self.find(prefix, ask_files=ask_files)
        if not hits:
            raise SessionNotFound(prefix)
        # A broken session has an ID of eight characters, which may also be the start of an intact copy's ID.
        hits = [entry for entry in hits if entry.id == prefix.strip().lower()] or hits
        if len(hits) > 1:
            ids = [entry.id for entry in hits]
            raise AmbiguousPrefix(prefix, ids if len(set(ids)) == len(ids) else [entry.folder for entry in hits])
        return hits[0]

    def find(self, prefix: str, *, ask_files: bool = False) -> list[Entry]:
        """Return all sessions with this ID prefix, in any case.

        Raises InvalidPrefix, and SessionFileError if only the name of a linked folder matches.
        """
        with self._explained("look for sessions"):
            wanted = normal_prefix(prefix, self._catalog.has)
            hits = self._catalog.find(wanted, ask_files=ask_files)
            if not hits and is_own_name(wanted):
                hits = [entry for entry in self._catalog.find(short_name(wanted)) if entry.folder.lower() == wanted]
            if not hits and (link := self._catalog.find_link(wanted)):
                reason = "the folder is a link, and links are not followed; replace it with the folder itself"
                raise SessionFileError(self.sessions_dir / link, 0, 0, reason)
            return hits

    def duplicate_ids(self) -> dict[str, str]:
        """Return, by folder, the substitute IDs of sessions whose own IDs mean others."""
        with self._explained("look for sessions"):
            return self._catalog.duplicate_ids()

    def list_sessions(self, limit: int | None, prefix: str = "") -> list[SessionSummary]:
        """Return the rows of the newest sessions, unreadable ones included."""
        return [row for rows in self.iterate_sessions(limit, prefix) for row in rows]

    def iterate_sessions(
        self, limit: int | None = None, prefix: str = "", on_read: OnRead = ignore_progress
    ) -> Iterator[list[SessionSummary]]:
        """Yield the rows of ``list_sessions`` in lists of one."""
        headers = self._headers(prefix)[:limit]
        for done, header in enumerate(headers, 1):
            on_read(done, len(headers))
            yield [self._summary(header)]

    def annotated(self, tag: str, on_read: OnRead = ignore_progress) -> Iterator[list[tuple[SessionSummary, Session]]]:
        """Yield sessions with annotations, each with its row, in lists of at most one."""
        headers = self._headers()
        for done, header in enumerate(headers, 1):
            on_read(done, len(headers))
            session = None if header.problem else self._annotated_session(header, tag)
            yield [] if session is None else [(self._summary(header), session)]

    def _annotated_session(self, header: SessionHeader, tag: str) -> Session | None:
        path = self.sessions_dir / header.folder / FILE_NAME
        try:
            data = self.fs.read(path)
            # Most sessions have no annotations, and need not be parsed.
            if not any(key in data for key in (b"note", b"tags", b"pinned")):
                return None
            session = load_session(data, path)
        except (OSError, SessionFileError):
            return None
        is_marked = has_tag(session.extra, tag) if tag else bool(header_text(session.extra))
        is_wanted = is_marked or bool(find_annotated(session.messages, tag))
        return session if is_wanted else None

    def summarize(self, session_ids: Iterable[str], *, is_quick: bool = False) -> list[SessionSummary]:
        """Return the rows of the sessions with these IDs that exist, as ``read_summary``."""
        entries = [entry for session_id in session_ids for entry in self.find(session_id)[:1]]
        found = ((entry, read_header(self.fs, str(self.sessions_dir), entry.folder)) for entry in entries)
        return [
            self._summary(distinct_id(header, entry.duplicate), is_quick=is_quick) for entry, header in found if header
        ]

    def unfinished(self) -> list[Path]:
        """Return the folders without a session file, as in a first turn."""
        with self._explained("list the sessions"):
            return self._catalog.unfinished()

    def list_titles(self, last_made: int | None = None) -> list[SessionTitle]:
        """Return all sessions, newest first, each read only as far as its title.

        With ``last_made``, only those in so many folders, the last ones by name.
        """
        if last_made is None:
            headers = self._headers()
        else:
            with self._explained("list the sessions"):
                headers = self._catalog.last_made(last_made)
        return [
            SessionTitle(head.id, head.updated_at, head.title or self._title(head), origin=head.origin, kind=head.kind)
            for head in headers
        ]

    def _title(self, header: SessionHeader) -> str:
        """Return a title not in the first lines; empty for an unreadable session."""
        is_readable = header.problem is None or isinstance(header.problem, DuplicateSessionId)
        title = read_title(self.fs, self.sessions_dir, header) if is_readable else None
        return self._summary(header).title if title is None else title

    def first_questions(self) -> dict[str, str]:
        """Return the first question of each session by ID, where it is easily found."""
        found = {}
        for header in self._headers():
            with contextlib.suppress(OSError):  # removed, or not permitted: then it has no question to search in
                found[header.id] = read_first_question(self.fs, self.sessions_dir, header)
        return found

    def load_ending(self, prefix: str) -> tuple[LLMMessage, ...]:
        """Return at least the last messages of a session; raises as ``open`` does."""
        path = self.sessions_dir / self.locate(prefix).folder / FILE_NAME
        with explained("read the session", path.parent):
            return read_ending(self.fs.read(path), path)

    def search(self, query: Query, on_read: OnRead = ignore_progress) -> Iterator[list[Hit]]:
        """Yield hits as ``aloop.memory.search.search.search`` does."""
        from aloop.memory.search.search import search  # few commands search

        with self._explained("search the sessions"):
            yield from search(self.fs, self.sessions_dir, query, self._catalog.duplicate_ids(), on_read)

    def _headers(self, prefix: str = "") -> list[SessionHeader]:
        with self._explained("list the sessions"):
            return [header for header in self._catalog.headers() if header.id.startswith(prefix.lower())]

    def latest(self, is_wanted: Callable[[str], bool] | None = None) -> str | None:
        """Return the ID of the session written last, or None; see ``SessionLibrary``.

        Sessions dated in the future come last.
        """
        found = None
        for head in self._headers():
            if isinstance(head.problem, DuplicateSessionId) or not (is_wanted is None or is_wanted(head.id)):
                continue
            if not is_in_future(head.updated_at):
                return head.id
            found = found or head.id
        return found

    def delete(self, prefix: str) -> Path:
        """Move a session's folder to the trash and return its path there.

        Raises as ``locate`` does. A prefix of fewer than four characters is invalid, so that a typing error deletes
        nothing.
        """
        require_prefix_length(prefix)
        entry = self.locate(prefix, ask_files=True)
        with self._explained("delete the session"):
            return self._trash.take(entry)

    def trashed(self, prefix: str | None) -> list[TrashedSession]:
        """Return the deleted sessions, last deleted first, or the one with the prefix.

        Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix.
        """
        with self._explained("read the trash"):
            wanted = None if prefix is None else normal_prefix(prefix, self._trash.has)
            return self._trash.contents(wanted)

    def restore(self, prefix: str) -> SessionSummary:
        """Move a session back from the trash.

        Raises SessionExists, and as ``trashed`` does.
        """
        with self._explained("restore the session"):
            wanted = normal_prefix(prefix, self._trash.has)
            return self._trash.restore(wanted)

    def purge(self, sessions: Iterable[TrashedSession]) -> None:
        """Delete sessions in the trash permanently."""
        with self._explained("empty the trash"):
            self._trash.purge(sessions)

    def check(self, prefix: str | None, *, fix: bool, on_read: OnRead = ignore_progress) -> Iterator[list[Finding]]:
        """Yield findings about one session, or all; raises as ``locate`` does."""
        from aloop.memory.sessions_dir.check import Checker  # few commands check

        checker = Checker(self.fs, self.sessions_dir, fix=fix)
        folder = None if prefix is None else self.locate(prefix).folder
        with self._explained("check the sessions"):
            if folder is None:
                yield from checker.check_all(on_read)
            else:
                yield checker.check_folder(folder)

    def _summary(self, head: SessionHeader, *, is_quick: bool = False) -> SessionSummary:
        return read_summary(self.fs, self.sessions_dir, head, is_quick=is_quick)

    def _explained(self, doing: str) -> AbstractContextManager[None]:
        return explained(doing, self.sessions_dir)


def rename_session(backend: YamlBackend, prefix: str, title: str) -> None:
    """Set the title of the session with this ID prefix, not ``updated_at``.

    A shell that has the session open picks up the title before its next turn. Raises UsageError for an invalid title,
    SessionBusy, and as ``YamlBackend.open`` does.
    """
    words = normal_title(title)
    entry = backend.locate(prefix)
    folder = backend.sessions_dir / entry.folder
    with explained("rename the session", folder), write_lock(backend.fs, folder, entry.id):
        for _ in range(TRIES):
            stored = backend.read(entry)
            try:
                stored.save(replace(stored.session, title=words), ())
                return stored.sync()
            except ConcurrentChange:
                continue
    path = folder / FILE_NAME
    raise StorageError(
        f"Could not rename the session: another program keeps changing {display_path(path)}. Try again.", path
    )

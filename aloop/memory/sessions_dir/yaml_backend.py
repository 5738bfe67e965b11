"""Session folders: create, open, list, find, delete.

All methods block on the disk and raise errors of ``aloop.errors`` alone; MemoryManager calls them on a thread.

Gives a stored session another title, whether or not anybody has it open.
"""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from aloop.errors import SHORT_ID, AmbiguousPrefix, DuplicateSessionId, SessionBusy, SessionNotFound, StorageError
from aloop.memory.disk import filesystem
from aloop.memory.disk.filesystem import TEMPORARY_SUFFIX, explain_error, leftovers, write_atomic
from aloop.memory.disk.locks import LOCK_NAMES, OpenLock, write_lock
from aloop.memory.search.query import Query
from aloop.memory.search.search import Hit, search
from aloop.memory.session import FILE_NAME, Session, SessionSummary, SessionTitle, normal_title, require_prefix_length
from aloop.memory.session_folder.recovery import fold_in, journals, with_recovered_names
from aloop.memory.session_folder.session_file import TRIES, ChangedMeanwhile, SessionFile
from aloop.memory.sessions_dir.catalog import Catalog, Entry, distinct_id, is_ours
from aloop.memory.sessions_dir.check import Checker, Finding
from aloop.memory.sessions_dir.ids import normal_prefix, short_name
from aloop.memory.sessions_dir.index import add_to_index
from aloop.memory.sessions_dir.preview import SessionHeader, read_header, read_summary, read_title
from aloop.memory.sessions_dir.trash import Trash, TrashedSession

ALOOP_FOLDER = ".aloop"
SCHEMA_FILE = ".session.schema.json"


class YamlBackend:
    """The sessions folder at ``sessions_dir``, which need not exist before the first session does."""

    def __init__(self, sessions_dir: Path, fs: filesystem.FileSystem | None = None) -> None:
        self.sessions_dir = sessions_dir
        self.fs = fs or filesystem.SYSTEM
        self._catalog = Catalog(self.fs, sessions_dir)
        self._trash = Trash(self.fs, sessions_dir)

    def make_folder(self, session: Session) -> Path:
        """Give a new session its folder, and the sessions folder what belongs into it; raises OSError."""
        self._make_sessions_dir()
        self._put_schema()
        folder = self._make_folder(session)
        self.fs.sync_folder(self.sessions_dir)
        return folder

    def create(
        self, session: Session, folder: Path | None = None, *, again: bool = False, text: bytes | None = None
    ) -> SessionFile:
        """Write a new session's file into its folder, which is made when None is given; ``text`` is what it will hold.

        Raises OSError, and ChangedMeanwhile when it is written ``again`` and somebody else was faster.
        """
        folder = folder or self.make_folder(session)
        stored = SessionFile.create(self.fs, folder / FILE_NAME, session, again=again, text=text)
        add_to_index(self.fs, self.sessions_dir, folder.name, session.id)
        return stored

    def remove_unused(self, folder: Path) -> None:
        """Remove a session's folder in which nothing was saved; one that holds anything else stays."""
        with contextlib.suppress(OSError):  # an empty folder harms nobody
            if set(self.fs.names(folder)) <= LOCK_NAMES:
                for name in self.fs.names(folder):
                    self.fs.unlink(folder / name)
                self.fs.rmdir(folder)

    def open(self, prefix: str) -> SessionFile:
        """Return the session that ``prefix`` means, read whole.

        Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, SessionFileError, StorageError.
        """
        return self.read(self.locate(prefix))

    def read(self, entry: Entry) -> SessionFile:
        """Return a session read whole; raises SessionFileError, StorageError."""
        with self._explained("read the session"):
            path = self.sessions_dir / entry.folder / FILE_NAME
            with with_recovered_names(self.fs, path.parent):
                return SessionFile.read(self.fs, path)

    def recover(self, entry: Entry) -> list[str]:
        """Bring back what crashed writers of a session left in journals; return what to tell, a sentence a turn."""
        folder = self.sessions_dir / entry.folder
        with self._explained("bring back an interrupted turn"):
            if not journals(self.fs, folder):
                return []
            with write_lock(self.fs, folder, entry.id):
                notices = [fold_in(self.fs, path) for path in journals(self.fs, folder)]
        return [notice for notice in notices if notice]

    def recover_all(self) -> list[str]:
        """Do so for every session, and remove what dead writers left half-written; raises StorageError."""
        notices = []
        with self._explained("look for interrupted turns"):
            try:
                names = list(self.fs.folders(self.sessions_dir))
            except FileNotFoundError:
                names = []
        for name in names:
            try:
                notices += self._recover_folder(name)
            except StorageError as error:
                if not isinstance(error.cause, FileNotFoundError):  # gone meanwhile: another start saw to it
                    notices.append(str(error))
        ours = [self.sessions_dir.parent] if self.sessions_dir.parent.name == ALOOP_FOLDER else []
        for folder in (self.sessions_dir, *ours):
            with self._explained("look for what dead writers left"), contextlib.suppress(FileNotFoundError):
                self._sweep(folder)
        return notices

    def _recover_folder(self, name: str) -> list[str]:
        folder = self.sessions_dir / name
        with self._explained("bring back an interrupted turn"), contextlib.suppress(SessionBusy):  # its writer lives
            self._sweep(folder)
            notices = self.recover(Entry(short_name(name), name))
            self._sweep_unused(folder)
            return notices
        return []

    def _sweep_unused(self, folder: Path) -> None:
        """Remove a folder that a crash left before anything was in it; raises SessionBusy when it is in use."""
        if is_ours(folder.name) and set(self.fs.names(folder)) <= LOCK_NAMES:
            held = OpenLock(self.fs, folder, short_name(folder.name), sign=False)
            try:
                with write_lock(self.fs, folder, short_name(folder.name)):
                    self.remove_unused(folder)
            finally:
                held.release()

    def _sweep(self, folder: Path) -> None:
        for path in leftovers(self.fs, folder):
            with contextlib.suppress(OSError):  # another start was faster, or it stays for the next
                self.fs.unlink(path)

    def locate(self, prefix: str, *, ask_files: bool = False) -> Entry:
        """Return the one session whose id begins with ``prefix``; raises as ``open`` does, less SessionFileError."""
        hits = self.find(prefix, ask_files=ask_files)
        if not hits:
            raise SessionNotFound(prefix)
        # A broken session is reached by eight characters, with which the id of a sound copy may begin.
        hits = [entry for entry in hits if entry.id == prefix.strip().lower()] or hits
        if len(hits) > 1:
            raise AmbiguousPrefix(prefix, [entry.id for entry in hits])
        return hits[0]

    def find(self, prefix: str, *, ask_files: bool = False) -> list[Entry]:
        """Return all sessions whose id begins with ``prefix``, in any case; raises InvalidPrefix, StorageError."""
        with self._explained("look for sessions"):
            wanted = normal_prefix(prefix, self._catalog.has)
            return self._catalog.find(wanted, ask_files=ask_files)

    def duplicate_ids(self) -> dict[str, str]:
        """Return by which ids sessions are found that have that of another one; by folder. Raises StorageError."""
        with self._explained("look for sessions"):
            return self._catalog.duplicate_ids()

    def list_sessions(self, limit: int | None, prefix: str = "") -> list[SessionSummary]:
        """Return the newest sessions first, the unreadable among them; raises StorageError."""
        return [self._summary(head) for head in self._heads(prefix)[:limit]]

    def iterate_sessions(self) -> Iterator[list[SessionSummary]]:
        """Yield the newest sessions first, one at a time; raises StorageError."""
        for head in self._heads():
            yield [self._summary(head)]

    def summarize(self, session_ids: Iterable[str]) -> list[SessionSummary]:
        """Return the rows of those sessions that are there; raises StorageError."""
        entries = [entry for identity in session_ids for entry in self.find(identity)[:1]]
        found = ((entry, read_header(self.fs, str(self.sessions_dir), entry.folder)) for entry in entries)
        return [self._summary(distinct_id(head, entry.twin)) for entry, head in found if head]

    def list_titles(self) -> list[SessionTitle]:
        """Return all sessions, the newest first, read no further than to their titles; raises StorageError."""
        return [SessionTitle(head.id, head.updated_at, head.title or self._title(head)) for head in self._heads()]

    def _title(self, head: SessionHeader) -> str:
        """Return the title of a session whose first lines have none; of one that can not be read, nothing."""
        is_sound = head.problem is None or isinstance(head.problem, DuplicateSessionId)
        title = read_title(self.fs, self.sessions_dir, head) if is_sound else None
        return self._summary(head).title if title is None else title

    def search(self, query: Query) -> Iterator[list[Hit]]:
        """Yield what is found in all sessions, as ``aloop.memory.search.search.search`` does; raises StorageError."""
        with self._explained("search the sessions"):
            yield from search(self.fs, self.sessions_dir, query, self._catalog.duplicate_ids())

    def _heads(self, prefix: str = "") -> list[SessionHeader]:
        with self._explained("list the sessions"):
            return [head for head in self._catalog.heads() if head.id.startswith(prefix.lower())]

    def latest(self) -> str | None:
        """Return the id of the session written last, None when there is none; raises StorageError."""
        return next((head.id for head in self._heads() if not isinstance(head.problem, DuplicateSessionId)), None)

    def delete(self, prefix: str) -> Path:
        """Move a session's folder to the trash and return where it is now.

        Raises InvalidPrefix for fewer than four characters: a slip of the finger must not remove anything.
        """
        require_prefix_length(prefix)
        entry = self.locate(prefix, ask_files=True)
        with self._explained("delete the session"):
            return self._trash.take(entry)

    def trashed(self, prefix: str | None) -> list[TrashedSession]:
        """Return what is in the trash, the last deleted first; with a prefix the one session it means.

        Raises SessionNotFound, AmbiguousPrefix, InvalidPrefix, StorageError.
        """
        with self._explained("look into the trash"):
            wanted = None if prefix is None else normal_prefix(prefix, self._trash.has)
            return self._trash.contents(wanted)

    def restore(self, prefix: str) -> SessionSummary:
        """Bring a session back from the trash; raises SessionExists, and as ``trashed`` does."""
        with self._explained("restore the session"):
            wanted = normal_prefix(prefix, self._trash.has)
            return self._trash.restore(wanted)

    def purge(self, sessions: Iterable[TrashedSession]) -> None:
        """Remove sessions in the trash for good; raises StorageError."""
        with self._explained("empty the trash"):
            self._trash.purge(sessions)

    def check(self, prefix: str | None, *, fix: bool) -> list[Finding]:
        """Return what is odd about one session, or about all with None; raises as ``locate`` does."""
        checker = Checker(self.fs, self.sessions_dir, fix=fix)
        folder = None if prefix is None else self.locate(prefix).folder
        with self._explained("check the sessions"):
            return checker.check_all() if folder is None else checker.check_folder(folder)

    def _summary(self, head: SessionHeader) -> SessionSummary:
        return read_summary(self.fs, self.sessions_dir, head)

    def _make_sessions_dir(self) -> None:
        missing = []
        folder = self.sessions_dir
        while not self.fs.is_folder(folder):
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            parent = new.parent
            if parent.name == ALOOP_FOLDER and all(n.endswith(TEMPORARY_SUFFIX) for n in self.fs.names(parent)):
                # It is new: transcripts hold secrets, and are kept out of a repository until its owner asks for them.
                write_atomic(self.fs, parent / ".gitignore", [b"*\n"])
            self._ensure_folder(new)
            self.fs.sync_folder(parent)

    def _put_schema(self) -> None:
        """Put the schema where each session's first line tells editors to look, anew when it is another version's."""
        schema = Path(__file__).with_name("session.schema.json").read_bytes()
        target = self.sessions_dir / SCHEMA_FILE
        with contextlib.suppress(OSError):  # a convenience for editors; no session depends on it
            if not self.fs.exists(target) or self.fs.read(target) != schema:
                write_atomic(self.fs, target, [schema], durable=False)

    def _make_folder(self, session: Session) -> Path:
        day = session.created_at.strftime("%Y-%m-%d")
        for name in (f"{day}_{session.id[:SHORT_ID]}", f"{day}_{session.id}"):
            folder = self.sessions_dir / name
            with contextlib.suppress(FileExistsError):
                self.fs.mkdir(folder)
                return folder
            if self._is_unused(folder):
                return folder
        raise FileExistsError(errno.EEXIST, "is there already", str(folder))

    def _is_unused(self, folder: Path) -> bool:
        """Whether a name that is there already is a folder, no link and no file, and holds no session."""
        if not stat.S_ISDIR(self.fs.lstat(folder).st_mode):
            return False
        return FILE_NAME not in self.fs.names(folder)

    def _ensure_folder(self, folder: Path) -> None:
        with contextlib.suppress(FileExistsError):
            self.fs.mkdir(folder)

    @contextlib.contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise explain_error(error, doing, self.sessions_dir) from error


def rename_session(backend: YamlBackend, prefix: str, title: str) -> None:
    """Put ``title`` into the header of the session that ``prefix`` means; when it was last used stays as it is.

    A shell that has it open takes the new title over before its next turn. Raises UsageError for a title that is none,
    SessionBusy, and as ``YamlBackend.open`` does.
    """
    words = normal_title(title)
    entry = backend.locate(prefix)
    folder = backend.sessions_dir / entry.folder
    try:
        with write_lock(backend.fs, folder, entry.id):
            for _ in range(TRIES):
                stored = backend.read(entry)
                try:
                    stored.save(replace(stored.session, title=words), ())
                    return stored.sync()
                except ChangedMeanwhile:
                    continue
    except OSError as error:
        raise explain_error(error, "rename the session", folder) from error
    path = folder / FILE_NAME
    raise StorageError(f"{path} changes faster than it can be renamed. Try again.", path)

"""Compare a session with an export of it that comes back.

An export names its session. It is compared with a new export of that session, so that what a format cannot hold makes
no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aloop.errors import SessionError
from aloop.export.document import render
from aloop.export.formats import FORMATS as EXPORTS
from aloop.export.formats import TOOLS
from aloop.export.targets import to_tool
from aloop.importers.formats import FORMATS
from aloop.importers.imported import Imported
from aloop.importers.source import Source
from aloop.importers.storing.compare import COMPARED, count_same, is_placeholder
from aloop.importers.storing.earlier import before_marks, before_skips, before_undo, ends_in
from aloop.llm.message_types import LLMMessage
from aloop.memory.session import Session
from aloop.memory.session_folder.undo import UndoneTurn


@dataclass(frozen=True, slots=True)
class Comparison:
    """A session and an export of it, both of which may have been continued.

    ``common`` is the number of sent messages at the start that both have. ``gained`` are those after them that only the
    export has; ``is_behind`` is True if the session has others there. A new summary of messages that the session still
    has is the first of them, and skipped. ``results`` have come since, by the ID of their call. ``is_undone`` is True
    if the export only has turns more that were undone here, and ``restores`` if it was continued after such turns.
    """

    common: int
    gained: tuple[LLMMessage, ...]
    is_behind: bool
    results: dict[str | None, LLMMessage]
    is_undone: bool = False
    restores: bool = False


def compare(session: Session, tool: str, fresh: Sequence[LLMMessage], undone: Sequence[UndoneTurn] = ()) -> Comparison:
    """Compare a session with the messages of its export for ``tool``.

    The export may be from before the session was changed here, or turns were ``undone``.
    """
    found = _compare(session, tool, fresh)
    if not found.gained:
        return found
    states = [session, *(before_marks(session) if _is_apart(found) else before_skips(session))]
    marks = [found, *(_compare(each, tool, fresh) for each in states[1:])]
    if same := next((other for other in marks if not other.gained), None):
        return same
    earlier_ones = list(before_undo(session, undone))
    others = [_compare(each, tool, fresh) for each in earlier_ones]
    nothing = replace(found, gained=(), results={})
    if not all(other.gained for other in others):
        return replace(nothing, is_undone=True)
    continued = [other for other in marks if not _is_apart(other)]
    if continued:
        nearest = min(continued, key=lambda other: len(other.gained))
        return replace(nearest, restores=any(len(other.gained) < len(nearest.gained) for other in others))
    compared = [replace(each, is_error=False) for each in fresh if _is_compared(each)]

    def has_end(states: Iterable[Session]) -> bool:
        return any(ends_in(each.messages, _known(each, tool), compared) for each in states)

    if has_end(states):
        return replace(found, gained=())
    return replace(nothing, is_undone=True) if has_end(earlier_ones) else found


def _is_apart(comparison: Comparison) -> bool:
    """Return True if both have messages that the other does not have."""
    return comparison.is_behind or not comparison.common


def _known(session: Session, tool: str) -> list[LLMMessage]:
    """Return the messages that a new export has, with the marks of long results."""
    shortened = [each for each in session.messages if each.output_file]
    by_id = {each.tool_call_id: each.output_file for each in shortened}
    # Where a format has no IDs. One of both exports may have the whole result, the other its beginning and end.
    by_start = {_start(each): each.output_file for each in shortened}
    return [
        # Some formats have no mark for a failure, and programs add what they do not show.
        replace(each, is_error=False, output_file=by_id.get(each.tool_call_id) or by_start.get(_start(each)))
        for each in _exported_again(session, tool)
        if _is_compared(each)
    ]


def _compare(session: Session, tool: str, fresh: Sequence[LLMMessage]) -> Comparison:
    known = _known(session, tool)
    places = [place for place, each in enumerate(fresh) if _is_compared(each)]
    compared = [replace(fresh[place], is_error=False) for place in places]
    common = count_same(known, compared)
    moved: list[int] = []
    while common < min(len(known), len(compared)) and compared[common].summary:
        # Some programs put a new summary before old messages that they keep.
        moved.append(places.pop(common))
        del compared[common]
        common = count_same(known, compared)
    pairs = zip(known[:common], compared, strict=False)
    results = {new.tool_call_id: new for old, new in pairs if is_placeholder(old) and not is_placeholder(new)}
    start = places[common - 1] + 1 if common else 0
    end = places[-1] + 1 if len(places) > common else start
    gained = [each for place, each in enumerate(fresh[start:end], start) if place not in moved]
    if gained:
        stored = {each.content for each in session.messages if each.summary}
        summaries = [replace(fresh[place], skip=True) for place in moved if fresh[place].content not in stored]
        gained = [*summaries, *gained]
    return Comparison(common, tuple(gained), len(known) > common, results)


def _start(message: LLMMessage) -> str:
    return (message.content or "")[:COMPARED]


def _is_compared(message: LLMMessage) -> bool:
    """Return True for a message that an export contains."""
    has_content = message.content or message.tool_calls or message.parts or message.role == "tool"
    return bool(has_content) and message.role != "system" and not message.skip


def _exported_again(session: Session, tool: str) -> Sequence[LLMMessage]:
    """Return the messages of a new export after an import; none if it has none."""
    if tool not in EXPORTS:
        return ()
    try:
        exported = to_tool(session, tool, Path.cwd()) if tool in TOOLS else None
    except SessionError:
        return ()
    text = exported.text if exported else render(session, tool)
    path = exported.path if exported else Path("export.json")
    found: Sequence[Imported] = list(FORMATS[tool].reader()(Source(path, text.encode())))
    return next((imported.messages for imported in found if imported.kind == "session"), ())

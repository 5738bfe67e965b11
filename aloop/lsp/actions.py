"""Code actions: changes of the edited text, which the editor makes, and forks.

The edit of an action is computed when the action is chosen, if the editor can ask for it then. Each new text is parsed
before it is offered, as in a save of aloop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lsprotocol.types import (
    CodeAction,
    CodeActionContext,
    CodeActionKind,
    CodeActionTriggerKind,
    Command,
    Diagnostic,
    OptionalVersionedTextDocumentIdentifier,
    Range,
    TextDocumentEdit,
    WorkspaceEdit,
)

from aloop.errors import UsageError
from aloop.formatting import quantity
from aloop.llm.message_types import LLMMessage
from aloop.lsp.analysis import Analysis, Place
from aloop.lsp.diagnostics import text_diagnostics
from aloop.lsp.edits import text_edits
from aloop.lsp.positions import TextIndex
from aloop.memory.annotations import is_pinned, note_of, with_note, with_pin
from aloop.memory.codec.nodes import Source
from aloop.memory.codec.patch import check_text, revise
from aloop.memory.codec.schema import KNOWN_VERSION
from aloop.memory.conversation import expand_to_sendable
from aloop.memory.session import FILE_NAME
from aloop.memory.sessions_dir.folders import ALOOP_FOLDER, SCHEMA_FILE
from aloop.memory.sessions_dir.text_check import repair_text
from commands.selection import numbered

FORK, SELECT = "aloop.fork", "aloop.select"
"""Commands: fork a session after a message, and select a range in the editor."""
FIX_ALL = f"{CodeActionKind.SourceFixAll.value}.aloop"
KINDS = [CodeActionKind.QuickFix, CodeActionKind.RefactorRewrite, CodeActionKind.Refactor, FIX_ALL]

_FIX, _NOTE = "fix", "note"
_PLACEHOLDER = "Write your note here"
_CHANGES: dict[str, Callable[[LLMMessage], LLMMessage]] = {
    "skip": lambda message: replace(message, skip=True),
    "unskip": lambda message: replace(message, skip=False),
    _NOTE: lambda message: with_note(message, _PLACEHOLDER),
    "pin": lambda message: with_pin(message, pinned=True),
    "unpin": lambda message: with_pin(message, pinned=False),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A change of messages ``first`` to ``last``, from 1, in one version of a text."""

    uri: str
    version: int
    change: str
    first: int = 0
    last: int = 0

    @classmethod
    def of(cls, data: Any) -> Choice:
        """Read what the editor returns; raises TypeError for anything else."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class ClientSupport:
    """Abilities of the editor that code actions depend on."""

    versioned_edits: bool = True
    showing: bool = False


def code_actions(analysis: Analysis, uri: str, area: Range, context: CodeActionContext) -> list[CodeAction]:
    """Return the actions for a range, without their edits.

    Those that the user has not asked for, such as the ones that a light bulb announces, are only fixes.
    """
    found = list(_fixes(analysis, uri, area, context))
    if context.trigger_kind != CodeActionTriggerKind.Automatic:
        found += _message_actions(analysis, uri, area)
    found.sort(key=lambda action: action.kind == FIX_ALL)
    only = [str(getattr(kind, "value", kind)) for kind in context.only or ()]
    return [action for action in found if not only or any(_is_kind(action, kind) for kind in only)]


def _is_kind(action: CodeAction, wanted: str) -> bool:
    kind = str(getattr(action.kind, "value", action.kind))
    return not wanted or kind == wanted or kind.startswith(f"{wanted}.")


def _fixes(analysis: Analysis, uri: str, area: Range, context: CodeActionContext) -> Iterator[CodeAction]:
    report = analysis.report
    shown = zip(report.findings, text_diagnostics(analysis), strict=True)
    fixable = [diagnostic for finding, diagnostic in shown if finding.fixable]
    if not fixable:
        return
    if report.joined is not None:
        title = "Join the versions between the conflict markers"
    else:
        title = f"Fix {quantity(len(fixable), 'problem')}, as `aloop sessions check --fix` does"
    data = asdict(Choice(uri, analysis.version, _FIX))
    here = [each for each in fixable if each in context.diagnostics or _touches(each, area)]
    if here:
        yield CodeAction(title, CodeActionKind.QuickFix, here, is_preferred=True, data=data)
    if not here or context.only:
        yield CodeAction(title, FIX_ALL, data=data)


def _touches(diagnostic: Diagnostic, area: Range) -> bool:
    line: int = diagnostic.range.start.line
    return line in range(area.start.line, area.end.line + 1)


def _message_actions(analysis: Analysis, uri: str, area: Range) -> Iterator[CodeAction]:
    first, last = analysis.place_at(area.start.line), analysis.place_at(_last_line(area))
    if first is None:
        return
    last = last or analysis.places[-1]
    if analysis.session and analysis.session.version <= KNOWN_VERSION:
        yield from _edits(analysis, uri, first, last)
    if is_stored(analysis.path):
        command = Command("Fork", FORK, arguments=[uri, last.number])
        title = f"Fork the session after message {last.number}"
        yield CodeAction(title, CodeActionKind.Refactor, command=command)


def _last_line(area: Range) -> int:
    """Return the last line of which a part is selected."""
    line: int = area.end.line
    return line - 1 if line > area.start.line and area.end.character == 0 else line


def _edits(analysis: Analysis, uri: str, first: Place, last: Place) -> Iterator[CodeAction]:
    messages = [place.message for place in analysis.places]

    def action(title: str, change: str, start: int, end: int) -> CodeAction:
        data = asdict(Choice(uri, analysis.version, change, start, end))
        return CodeAction(title, CodeActionKind.RefactorRewrite, data=data)

    for skip, verb in ((True, "Skip"), (False, "Unskip")):
        low, high = expand_to_sendable(messages, first.number - 1, last.number - 1, skip=skip)
        if any(message.skip is not skip for message in messages[low : high + 1]):
            yield action(f"{verb} {numbered(low + 1, high + 1)}", verb.lower(), low + 1, high + 1)
    if first is last:
        number, message = first.number, first.message
        if not note_of(message):
            yield action(f"Add a note to message {number}", _NOTE, number, number)
        pin = "unpin" if is_pinned(message.extra) else "pin"
        yield action(f"{pin.capitalize()} message {number}", pin, number, number)


def is_stored(path: Path) -> bool:
    """Return True for the file of a session in a sessions folder."""
    if path.name != FILE_NAME or len(path.parents) < 3 or not path.exists():
        return False
    return path.parents[2].name == ALOOP_FOLDER or (path.parents[1] / SCHEMA_FILE).exists()


def complete(action: CodeAction, choice: Choice, analysis: Analysis, support: ClientSupport) -> CodeAction:
    """Add the edit to an action; raises UsageError if the change cannot be made.

    Raises SessionFileError, UnstorableValue.
    """
    after = changed_text(analysis, choice)
    edits = text_edits(analysis.edited, after)
    if not edits:
        raise UsageError("The text cannot be changed this way. Edit it by hand.")
    if support.versioned_edits:
        document = OptionalVersionedTextDocumentIdentifier(choice.uri, analysis.version)
        action.edit = WorkspaceEdit(document_changes=[TextDocumentEdit(document, list(edits))])
    else:
        action.edit = WorkspaceEdit(changes={choice.uri: edits})
    if choice.change == _NOTE and support.showing:
        start = after.find(_PLACEHOLDER, analysis.edited.offset(edits[0].range.start))
        area = TextIndex(after, analysis.units).range(start, start + len(_PLACEHOLDER))
        action.command = Command("Select the note", SELECT, arguments=[choice.uri, area])
    return action


def changed_text(analysis: Analysis, choice: Choice) -> str:
    """Return the text after a change."""
    if choice.change == _FIX:
        repaired = repair_text(analysis.data, analysis.path, analysis.report)
        return analysis.text if repaired is None else _as_edited(analysis, repaired)
    session, change = analysis.session, _CHANGES[choice.change]
    if session is None:
        return analysis.text
    messages = tuple(
        change(message) if choice.first <= number <= choice.last else message
        for number, message in enumerate(session.messages, 1)
    )
    after = replace(session, messages=messages)
    text = bytes(revise(analysis.data, analysis.path, session, after, messages))
    check_text(text, analysis.path, after)
    return _as_edited(analysis, text)


def _as_edited(analysis: Analysis, data: bytes) -> str:
    """Return new bytes as the editor has them, with its byte order mark if it has one."""
    mark = "\ufeff" if analysis.text.startswith("\ufeff") else ""
    return mark + Source.decode(data).text

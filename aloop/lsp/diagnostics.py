"""The findings of ``aloop sessions check`` as diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsprotocol.types import Diagnostic, DiagnosticSeverity, Position, Range

from aloop.lsp.analysis import Analysis
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session import FILE_NAME
from aloop.memory.sessions_dir.check import Checker
from aloop.memory.sessions_dir.text_check import Finding

SOURCE = "aloop"
_START = Range(Position(0, 0), Position(0, 0))


def text_diagnostics(analysis: Analysis) -> list[Diagnostic]:
    """Return the findings about the edited text, each up to the end of its line."""
    severity = DiagnosticSeverity.Warning if analysis.session else DiagnosticSeverity.Error
    return [
        Diagnostic(analysis.edited.rest_of_line(analysis.offset_of(each)), each.message, severity, source=SOURCE)
        for each in analysis.report.findings
    ]


def find_beside(path: Path) -> list[Finding]:
    """Return the findings about the folder of a session, except those about its text.

    Blocks on the disk.
    """
    if path.name != FILE_NAME or not path.is_absolute() or not path.exists():
        return []
    return Checker(SYSTEM, path.parent.parent, fix=False).check_folder(path.parent.name, with_text=False)


def beside_diagnostics(findings: Sequence[Finding], path: Path) -> list[Diagnostic]:
    """Return findings that have no place in the text, at its start."""
    return [
        Diagnostic(
            _START, f"{_name(each.path, path.parent)}: {each.message}", DiagnosticSeverity.Warning, source=SOURCE
        )
        for each in findings
    ]


def _name(path: Path, folder: Path) -> str:
    """Return the path below a session's folder, or a name."""
    return str(path.relative_to(folder)) if folder in path.parents else path.name

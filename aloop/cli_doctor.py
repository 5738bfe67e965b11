"""``aloop doctor``: a line for each thing that was looked at, or a line of JSON."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict
from textwrap import wrap

from aloop.cli_options import DoctorOptions
from aloop.doctor import CHECKS, Diagnosis, Surroundings, examine
from aloop.doctor_folder import FOLDER_CHECKS
from aloop.doctor_model import MODEL_CHECKS
from aloop.sessions_json import json_line
from aloop.sessions_output import print_line, remark
from aloop.sessions_text import quantity


def run_doctor(options: DoctorOptions) -> int:
    """Print what was found and return the exit code: 1 when something must be mended."""
    around = Surroundings.here(options.sessions_dir, size=_size(), encoding=sys.stdout.encoding)
    found = list(examine(around, (*CHECKS, *MODEL_CHECKS, *FOLDER_CHECKS)))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for diagnosis in found:
        for line in [json_line(asdict(diagnosis))] if options.as_json else lines(diagnosis, width):
            print_line(line)
    remark(_summary(found))
    return 1 if any(diagnosis.level == "fail" for diagnosis in found) else 0


def lines(diagnosis: Diagnosis, width: int | None) -> list[str]:
    """Return a diagnosis as one line, folded for a screen of ``width`` columns; its mark is a word, and no colour."""
    end = "" if not diagnosis.advice else " " if diagnosis.text.endswith((".", "?")) else ". "
    line = f"{diagnosis.level:4}  {diagnosis.topic:8}  {diagnosis.text}{end}{diagnosis.advice}"
    if width is None:
        return [line]
    return wrap(line, width - 1, subsequent_indent=" " * 16, break_long_words=False, break_on_hyphens=False)


def _summary(found: Iterable[Diagnosis]) -> str:
    levels = [diagnosis.level for diagnosis in found]
    if fails := levels.count("fail"):
        return f"{quantity(fails, 'thing')} must be mended."
    if warns := levels.count("warn"):
        return f"aloop works here; {quantity(warns, 'thing')} could be better."
    return "All is well."


def _size() -> tuple[int, int] | None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    size = os.get_terminal_size(sys.stdout.fileno())
    return size.columns, size.lines

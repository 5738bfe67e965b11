"""Times in the names of files beside session.yaml."""

from __future__ import annotations

from aloop.memory.session_folder.dated_names import time_mark
from tests.memory.examples import LATER


def test_time_mark_is_sortable_and_valid_in_file_names() -> None:
    assert time_mark(LATER) == "20250131T123000.250000Z"

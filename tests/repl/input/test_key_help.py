"""The help about keys below the line."""

from __future__ import annotations

import pytest
from prompt_toolkit.formatted_text.utils import fragment_list_to_text

from aloop.keys import key_rows
from repl.input.key_help import key_help


@pytest.mark.parametrize(("width", "most"), [(79, 22), (79, 10), (39, 22)])
def test_keys_are_listed_in_two_columns_where_there_is_room(width: int, most: int) -> None:
    shown = fragment_list_to_text(key_help({}, width, most)).split("\n")
    assert len(shown) <= most
    assert all(len(row) <= width for row in shown)
    if (width, most) == (79, 22):
        effects = [effect for _, effect in key_rows({})]
        assert [row[25:] for row in shown[:-1]] == effects
        assert shown[-1] == "Esc closes this list"
    else:
        assert shown[0].startswith("Enter send; during a turn, queue the")

from __future__ import annotations

import pytest

from commands.mentions import find_mentions, mention


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("@notes.txt", "notes.txt"),
        ("see @src/main.py please", "src/main.py"),
        ("see\n@/etc/hosts", "/etc/hosts"),
        ("(@a.txt)", "a.txt)"),
        ('@"my notes.txt" and more', "my notes.txt"),
        ("two:@~/a", "~/a"),
    ],
)
def test_a_word_after_an_at_sign_names_a_file(text: str, path: str) -> None:
    assert [readings[0] for readings in find_mentions(text)] == [path]


@pytest.mark.parametrize("text", ["me@example.org", "a @ b", "@", '@""', "\\@notes.txt", "@@", '@"open'])
def test_addresses_and_lone_signs_name_nothing_that_is_there(text: str) -> None:
    assert not [path for readings in find_mentions(text) for path in readings if path.isalnum()]


def test_what_ends_a_sentence_may_be_no_part_of_the_path() -> None:
    assert find_mentions("Is it @a.txt?).") == [("a.txt?).", "a.txt?)", "a.txt?", "a.txt")]


def test_mentions_come_in_the_order_of_the_text() -> None:
    assert [readings[0] for readings in find_mentions('@b @"a c" @b')] == ["b", "a c", "b"]


@pytest.mark.parametrize("path", ["a.txt", "my file.txt", "odd.", "dir/with space/"])
def test_a_mention_of_a_path_is_read_as_that_path(path: str) -> None:
    assert find_mentions(f"see {mention(path)}, please")[0][-1 if path == "a.txt" else 0] == path

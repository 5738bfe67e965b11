from __future__ import annotations

import time

import pytest

from commands.attachments import Attachment, folded, split_attachments, with_attachments

NOTES = Attachment("file", "notes.txt", "one\ntwo")


def test_message_is_the_typed_text_followed_by_its_files() -> None:
    assert with_attachments("Look at @notes.txt", [NOTES]) == (
        'Look at @notes.txt\n\n<file path="notes.txt">\none\ntwo\n</file>'
    )


@pytest.mark.parametrize(
    "attachments",
    [
        [],
        [NOTES],
        [NOTES, Attachment("output", 'grep "a b" x', "found", "exit code 0")],
        [Attachment("file", "empty", "")],
        [Attachment("file", "blank", "\n\n")],
        [Attachment("file", "tags.html", '</file>\n\n<file path="x">\n</file-2>\ntext')],
        [Attachment("output", "cat <<x\n\\n\nx", "</output>")],
        [Attachment("file", "ünï\x1b.txt", "\x1b[2J\ttext", "cut: only the first 5 of 6 bytes")],
    ],
)
@pytest.mark.parametrize("typed", ["Look", "", "two\n\nparts\n", 'I typed <file path="x">\n\n</file> myself'])
def test_attachments_round_trip(typed: str, attachments: list[Attachment]) -> None:
    assert split_attachments(with_attachments(typed, attachments)) == (typed, attachments)


def test_extra_final_newline_is_ignored() -> None:
    assert split_attachments(with_attachments("Look", [NOTES]) + "\n") == ("Look", [NOTES])


def test_text_after_attachments_makes_them_part_of_the_text() -> None:
    content = with_attachments("Look", [NOTES]) + "\n\nand this"
    assert split_attachments(content) == (content, [])


def test_name_that_is_not_valid_json_is_kept_as_it_is() -> None:
    content = with_attachments("Look", [NOTES]).replace("notes.txt", "no\\qtes.txt")
    assert split_attachments(content)[1][0].name == "no\\qtes.txt"


def test_folded_message_has_a_line_for_each_attachment() -> None:
    output = Attachment("output", "make", "1\n" * 1_200 + "end", "exit code 2")
    assert folded(with_attachments("Why?", [Attachment("file", "a", "one"), output])) == (
        "Why?\n[attached a (1 line)]\n[attached the output of make (1,201 lines; exit code 2)]"
    )
    assert folded("Why?") == "Why?"


@pytest.mark.parametrize(
    "content",
    [
        '\n\n<file path="a">\n</file>' * 10_000 + "\n\nand this",
        '\n\n<file path="a">\n' * 10_000,
        '\n\n<file path="a">\n' * 10_000 + "</file>\n\nand this",
        '\n\n<file path="a" note="' + "\\" * 100_001,
    ],
    ids=["text after many blocks", "no end tags", "one end tag", "unclosed quote"],
)
def test_hostile_content_is_split_in_linear_time(content: str) -> None:
    began = time.process_time()
    assert split_attachments(content) == (content, [])
    assert time.process_time() - began < 2


def test_adjacent_empty_attachments_are_separate() -> None:
    empty = [Attachment("file", "a", ""), Attachment("file", "b", "")]
    assert split_attachments(with_attachments("Look", empty)) == ("Look", empty)

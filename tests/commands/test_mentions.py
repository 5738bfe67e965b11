"""Mentions of files in typed text, and reading those files."""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import pytest

from commands import mentions as files
from commands.attachments import Attachment
from commands.mentions import MentionedFiles, find_mentions, mention, read_mentioned


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
def test_word_after_an_at_sign_is_a_mention(text: str, path: str) -> None:
    assert [readings[0] for readings in find_mentions(text)] == [path]


@pytest.mark.parametrize("text", ["me@example.org", "a @ b", "@", '@""', "\\@notes.txt", "@@"])
def test_addresses_and_lone_at_signs_are_not_mentions(text: str) -> None:
    assert not [path for readings in find_mentions(text) for path in readings if path.isalnum()]


def test_trailing_punctuation_may_not_belong_to_the_path() -> None:
    assert find_mentions("Is it @a.txt?).") == [("a.txt?).", "a.txt?)", "a.txt?", "a.txt")]


def test_mentions_are_in_text_order() -> None:
    assert [readings[0] for readings in find_mentions('@b @"a c" @b')] == ["b", "a c", "b"]


@pytest.mark.parametrize(
    "path", ["a.txt", "my file.txt", "odd.", "dir/with space/", 'a "b".txt', '"', "a\\", '\\\\"\\', 'x" y\\']
)
def test_mention_round_trips_a_path(path: str) -> None:
    assert find_mentions(f"see {mention(path)}, please")[0][-1 if path == "a.txt" else 0] == path


def read(text: str, folder: Path, *known: str) -> MentionedFiles:
    return read_mentioned(text, folder, threading.Event(), set(known))


def test_mentioned_file_is_attached_under_its_typed_name(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a b.txt").write_text("one\r\ntwo\n\n")
    found = read('See @"src/a b.txt".', tmp_path)
    assert found == MentionedFiles([Attachment("file", "src/a b.txt", "one\ntwo")], [])


def test_mention_of_a_missing_file_is_ignored(tmp_path: Path) -> None:
    assert read(f"@missing @property @{'x' * 5_000} @~no-such-user/x me@a.txt", tmp_path) == MentionedFiles()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("readme", "README.md"),
        ("mian", "main.py"),
        ("makefile", "Makefile"),
        ("srcs", "src/"),
        ("scr/x.py", ""),
        ("property", ""),
        ("org/team", ""),
        ("aa", ""),
    ],
)
def test_mention_of_a_missing_name_suggests_a_similar_one(tmp_path: Path, name: str, meant: str) -> None:
    for file in ("README.md", "main.py", "Makefile", "ab"):
        (tmp_path / file).touch()
    (tmp_path / "src").mkdir()
    notes = read(f"See @{name}.", tmp_path).notes
    assert notes == ([f"{name} is not a file here. To attach {meant}, mention @{meant}."] if meant else [])


def test_mention_of_a_misspelled_file_suggests_it(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/my notes.txt").touch()
    assert read('@"src/my note.txt"', tmp_path).refusals == [
        'src/my note.txt does not exist and was not attached. To attach src/my notes.txt, mention @"src/my notes.txt".'
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("See @notes.txt.", "notes.txt"),
        ('See @"my notes".', "my notes"),
        ("@my\\ notes.txt", "my\\ notes.txt"),
        ("@src/mian", "src/mian"),
        ("look @nodir/", "nodir/"),
        ("See @nodir/.", "nodir/"),
        ("見て@日本.txt。", "日本.txt"),
    ],
)
def test_mention_of_a_missing_file_is_reported(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "src").mkdir()
    assert read(text, tmp_path).refusals == [f"{name} does not exist and was not attached."]


@pytest.mark.parametrize(
    "text", ["@types/node", "@property", "@dataclass(slots=True)", "@ada", "me@a.txt", "@a.b(c.d)"]
)
def test_names_that_are_not_files_are_not_reported(tmp_path: Path, text: str) -> None:
    assert read(text, tmp_path) == MentionedFiles()


@pytest.mark.parametrize("text", ["@my\\ notes.txt", '@"my notes.txt"', "@my\\ notes.txt, please"])
def test_mention_may_have_spaces(tmp_path: Path, text: str) -> None:
    (tmp_path / "my notes.txt").write_text("text")
    assert [one.name for one in read(text, tmp_path).attachments] == ["my notes.txt"]


def test_mention_may_follow_chinese_or_japanese_text(tmp_path: Path) -> None:
    (tmp_path / "日本.txt").write_text("text")
    assert [one.name for one in read("見て@日本.txt。", tmp_path).attachments] == ["日本.txt"]


def test_full_stop_after_a_path_is_not_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    assert [one.name for one in read("See @a.txt.", tmp_path).attachments] == ["a.txt"]


def test_each_file_is_attached_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "link").symlink_to("a.txt")
    assert len(read(f"@a.txt @./a.txt @link @{tmp_path}/a.txt", tmp_path).attachments) == 1
    assert read("@a.txt", tmp_path, "a.txt") == MentionedFiles()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('@"say \\"hi\\".txt" and "more"', 'say "hi".txt'),
        ('@say\\ \\"hi\\".txt', 'say "hi".txt'),
        ('@"back\\\\slash.txt"', "back\\slash.txt"),
        ('@"back\\slash.txt"', "back\\slash.txt"),
        ("@back\\slash.txt", "back\\slash.txt"),
        ("@it\\'s.txt, please", "it's.txt"),
        ('@\\"quoted\\"', '"quoted"'),
        ('@"end\\\\"', "end\\"),
        ('@"end\\"', "end\\"),
    ],
)
def test_mention_may_have_quotation_marks_and_backslashes(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text("text")
    found = read(text, tmp_path)
    assert ([one.name for one in found.attachments], found.refusals) == ([name], [])
    assert [one.name for one in read(f"See {mention(name)}.", tmp_path).attachments] == [name]


@pytest.mark.parametrize(
    "text",
    [
        '@"my folder/',
        '@"my folder/ What is in it?',
        '@"my folder/ What is in it?\nAnd "that"?',
        '@"my folder/ What is "it"?',
        '@"my folder/"',
        "@my\\ folder/.",
    ],
)
def test_folder_is_attached_as_a_list_of_its_names(tmp_path: Path, text: str) -> None:
    (tmp_path / "my folder/inner").mkdir(parents=True)
    for name in ("b.txt", ".hidden", "inner/c.txt"):
        (tmp_path / "my folder" / name).touch()
    found = read(text, tmp_path)
    assert found == MentionedFiles([Attachment("folder", "my folder/", "b.txt\ninner/")])
    assert found.attachments[0].summary == "my folder/ (2 names)"


@pytest.mark.parametrize("names", [(), (".hidden",)], ids=["empty", "hidden"])
def test_folder_without_names_is_attached_without_text(tmp_path: Path, names: tuple[str, ...]) -> None:
    (tmp_path / "a").mkdir()
    for name in names:
        (tmp_path / "a" / name).touch()
    [attachment] = read("@a/", tmp_path).attachments
    assert attachment == Attachment("folder", "a/", "", "empty, or only hidden names")
    assert attachment.summary == "a/ (0 names; empty, or only hidden names)"


def test_names_in_brackets_are_counted_and_names_left_out_are_noted(tmp_path: Path) -> None:
    for name in ("[draft].md", "b.txt", "c.log"):
        (tmp_path / name).touch()
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / ".git").mkdir()
    [attachment] = read("@./", tmp_path).attachments
    assert attachment.text == "[draft].md\nb.txt"
    assert attachment.summary == "./ (2 names; without 1 name that .gitignore excludes)"


def test_list_of_more_names_than_are_listed_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloop.tools.files.read.MOST_LISTED", 1)
    for name in ("a", "b"):
        (tmp_path / name).touch()
    assert read("@./", tmp_path).attachments == [Attachment("folder", "./", "a", "cut: only the first names")]


def test_path_with_an_open_quotation_mark_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    assert read('See @"my notes.txt and tell', tmp_path).refusals == [
        "my notes.txt does not exist and was not attached."
    ]
    assert read('He wrote @"hello there', tmp_path) == MentionedFiles()


@pytest.mark.parametrize("text", ["@src", "Look at @src, please."])
def test_folder_without_a_slash_is_named_with_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "src").mkdir()
    note = "src was not attached. To attach the names in this folder, mention @src/."
    assert read(text, tmp_path) == MentionedFiles(notes=[note])


def test_folder_of_several_words_is_attached_without_a_slash(tmp_path: Path) -> None:
    (tmp_path / "odd dir").mkdir()
    (tmp_path / "odd dir/a.txt").touch()
    assert read('@"odd dir"', tmp_path).attachments == [Attachment("folder", "odd dir", "a.txt")]


def test_folder_outside_is_refused_as_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    found = read_mentioned("@../", tmp_path / "in", threading.Event(), outside=False, advice="No.")
    assert found == MentionedFiles(refusals=["../ is outside the working directory and was not attached. No."])


def test_list_of_a_large_folder_is_cut_at_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILE_BYTES", 10)
    for name in ("1234", "5678", "9abc"):
        (tmp_path / name).touch()
    assert read("@./", tmp_path).attachments == [Attachment("folder", "./", "1234\n5678", "cut: only the first names")]


def test_files_in_the_home_directory_can_be_mentioned(tmp_path: Path, private_home: Path) -> None:
    (private_home / "mine.txt").write_text("mine")
    assert [one.text for one in read("@~/mine.txt", tmp_path).attachments] == ["mine"]


def test_long_file_is_cut_at_a_line_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILE_BYTES", 10)
    (tmp_path / "long").write_text("1234\n5678\n9abc\n")
    (tmp_path / "line").write_text("äöüäöüäöü")
    assert read("@long @line", tmp_path).attachments == [
        Attachment("file", "long", "1234\n5678", "cut: only the first 10 of 15 bytes"),
        Attachment("file", "line", "äöüäö", "cut: only the first 10 of 18 bytes"),
    ]


def test_cut_does_not_split_a_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILE_BYTES", 9)
    (tmp_path / "line").write_text("äöüäöüäöü")
    [attachment] = read("@line", tmp_path).attachments
    assert (attachment.text, attachment.note) == ("äöüä", "cut: only the first 9 of 18 bytes")


def test_files_of_a_message_have_a_total_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_MESSAGE_BYTES", 8)
    for name in "abc":
        (tmp_path / name).write_text("12345\n")
    found = read("@a @b @c", tmp_path)
    assert [one.text for one in found.attachments] == ["12345", "12"]
    assert found.attachments[1].note == "cut: only the first 2 of 6 bytes"
    assert found.refusals == ["c was not attached: the limit of 8 bytes for one message has been reached."]


def test_invalid_utf8_is_replaced_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "honest").write_text("\N{REPLACEMENT CHARACTER}")
    [latin, honest] = read("@latin @honest", tmp_path).attachments
    assert (latin.text, latin.note[:13]) == ("caf\N{REPLACEMENT CHARACTER}", "not all UTF-8")
    assert honest.note == ""


def test_binary_files_and_pipes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"\x89PNG\0\0")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "src").mkdir()
    found = read("@data.bin @pipe @src", tmp_path)
    assert found.attachments == []
    assert [refusal.split(" ")[-3:] for refusal in found.refusals] == [
        ["bytes,", "not", "text."],
        ["is", "not", "read."],
    ]


def test_pipe_and_folder_that_are_named_like_images_are_no_images(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "shots.png").mkdir()
    (tmp_path / "shots.png" / "one").touch()
    found: list[MentionedFiles] = []
    # A daemon, which does not stop the tests if it waits for a writer.
    reading = threading.Thread(target=lambda: found.append(read("@pipe.png @shots.png/", tmp_path)), daemon=True)
    reading.start()
    reading.join(20)
    assert found[0].refusals == ["Not attached: 'pipe.png' cannot be read: it is not a regular file."]
    assert [attachment.text for attachment in found[0].attachments] == ["one"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_file_without_permission_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch(0o000)
    assert read("@a.png", tmp_path).refusals == ["Not attached: Permission denied: 'a.png' cannot be read."]


def test_file_that_is_named_like_an_image_and_is_not_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 4, 4))
    (tmp_path / "cut.gif").write_bytes(b"GIF89a")
    found = read("@text.png @cut.png @cut.gif", tmp_path)
    assert (found.attachments, found.media) == ([], [])
    assert [refusal.partition("' is ")[2][:11] for refusal in found.refusals] == [
        "not an imag",
        "damaged: it",
        "damaged: it",
    ]

"""Unified diffs as lines."""

from __future__ import annotations

from repl.output.diff import DiffLines, diff_lines, is_diff_language
from repl.output.styled import Line, to_ansi, to_text
from repl.output.theme import Depth, Style, Theme

DIFF = """\
--- greet.py
+++ greet.py
@@ -9,4 +9,4 @@
 def greet(name):
-    print("Hello, " + name)
+    print(f"Hello, {name}!")
     return None
@@ -99 +99,2 @@ def other
+one
 two
\\ No newline at end of file""".splitlines()


def shown(rows: list[str], width: int | None = 60) -> list[str]:
    return to_text(diff_lines(rows, width)).splitlines()


def test_diff_has_the_numbers_of_the_lines_that_it_shows() -> None:
    assert shown(DIFF) == [
        "greet.py",
        "  9   def greet(name):",
        ' 10 -     print("Hello, " + name)',
        ' 10 +     print(f"Hello, {name}!")',
        " 11       return None",
        "      ⋯ def other",
        " 99 + one",
        "100   two",
        "      No newline at end of file",
    ]


def test_changed_words_are_marked() -> None:
    lines = diff_lines(["@@ -1 +1 @@", "-one two three", "+one 2 three"], 60)
    assert [marked(row) for row in lines] == ["two", "2"]


def marked(row: Line) -> str:
    words = {Style.ADDED_WORD, Style.REMOVED_WORD}
    return "".join(text for look, text in row if words & set(look if isinstance(look, tuple) else (look,)))


def test_lines_without_much_in_common_have_no_marked_words() -> None:
    lines = diff_lines(["@@ -1 +1 @@", "-alpha(beta)", "+x = {7: 'seven'}"], 60)
    assert not any(map(marked, lines))


def test_changed_row_is_filled_to_its_end_if_there_is_a_background() -> None:
    row = diff_lines(["@@ -0,0 +1 @@", "+one"], 60)
    assert to_ansi(row, Theme(Depth.TRUE, "dark")).endswith("\x1b[K\x1b[0m\n")
    assert to_ansi(row, Theme()) == "\x1b[32m  1 + one\x1b[0m\n"


def test_long_line_is_wrapped_beside_its_number() -> None:
    rows = ["@@ -0,0 +1 @@", "+" + "word " * 5]
    assert [row.rstrip() for row in shown(rows, 20)] == ["  1 + word word word", "    + word word"]
    assert [row.rstrip() for row in shown(rows, None)] == ["  1 + word word word word word"]


def test_new_file_is_named_in_words() -> None:
    rows = ["--- /dev/null", "+++ notes.txt", "@@ -0,0 +1 @@", "+one"]
    assert shown(rows) == ["notes.txt · new file · 1 line", "  1 + one"]


def test_deleted_file_is_named_in_words() -> None:
    rows = ["--- notes.txt", "+++ /dev/null", "@@ -1,2 +0,0 @@", "-one", "-two"]
    assert shown(rows) == ["notes.txt · deleted file · 2 lines", "  1 - one", "  2 - two"]


def test_each_file_of_a_diff_has_a_title() -> None:
    rows = ["--- a/x", "+++ b/x", "@@ -1 +1 @@", "-a", "+b", "--- a/y", "+++ b/y", "@@ -3 +3 @@", "-c", "+d"]
    assert shown(rows) == ["x", "  1 - a", "  1 + b", "y", "  3 - c", "  3 + d"]


def test_removed_line_that_looks_like_a_name_is_shown() -> None:
    assert shown(["--- a comment", "-more"]) == ["- -- a comment", "- more"]
    assert shown(["@@ -1,2 +1 @@", "--- a comment", "+++ b"]) == ["  1 - -- a comment", "  1 + ++ b"]


def test_skipped_rows_are_counted() -> None:
    diff = DiffLines(60)
    assert to_text(diff.add(["@@ -1,9 +1,9 @@", " same"])).splitlines() == ["  1   same"]
    assert diff.skip([" same", "-old", "-old", "+new"]) == []
    assert to_text(diff.add([" same"])).splitlines() == ["  4   same"]
    assert diff.skip([" same", "@@ -97,4 +99,4 @@", " same"]) == []
    assert to_text(diff.add([" same"])).splitlines() == ["100   same"]


def test_no_row_of_any_text_vanishes() -> None:
    rows = ["diff --git a/x b/x", "index 1..2", "not a diff", "+added", "-removed", "", " context", "\\ No newline"]
    text = "\n".join(shown(rows))
    for word in ("git", "index", "not a diff", "added", "removed", "context", "No newline"):
        assert word in text


def test_rows_are_complete_as_soon_as_a_change_ends() -> None:
    diff = DiffLines(60)
    assert diff.add(["@@ -1,2 +1,2 @@", "-old"]) == []
    assert diff.add(["+new"]) == []
    assert to_text(diff.add([" same"])).splitlines() == ["  1 - old", "  1 + new", "  2   same"]
    assert diff.finish() == []


def test_diff_languages_are_known() -> None:
    assert is_diff_language("Diff")
    assert not is_diff_language("python")

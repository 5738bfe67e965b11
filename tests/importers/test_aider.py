"""Sessions of aider, of which all of a project are in one Markdown file."""

from __future__ import annotations

from pathlib import Path

from aloop.importers.run import Scan, Selection
from tests.importers.reading import read_all, read_one

Entry = tuple[str, str | None, bool]
"""Author and text of a message, and True if it is skipped."""


def entries(folder: Path, words: str) -> list[Entry]:
    """Return the messages of a history with one session."""
    path = folder / ".aider.chat.history.md"
    path.write_text(f"\n# aider chat started at 2024-05-01 10:00:00\n\n{words}")
    return [(each.role, each.content, each.skip) for each in read_one(path, "aider").messages]


def test_aider_file_has_a_session_for_each_start(tmp_path: Path) -> None:
    path = tmp_path / ".aider.chat.history.md"
    path.write_text(
        "\n# aider chat started at 2024-05-01 10:00:00\n\n> Aider v0.30\n> Model: gpt-4o\n\n"
        "#### rename it\n#### please\n\nHere is **the** change.\n\n## Heading\n\n> Applied edit\n"
        "\n# aider chat started at 2024-05-02 10:00:00\n\n#### again\n\nDone.\n"
    )
    first, second = read_all(path, "aider")
    assert [(each.role, each.content, each.skip) for each in first.messages] == [
        ("user", "Aider v0.30\nModel: gpt-4o", True),
        ("user", "rename it\nplease", False),
        ("assistant", "Here is **the** change.\n\n## Heading", False),
        ("user", "Applied edit", True),
    ]
    assert first.model == "gpt-4o"
    assert len(second.messages) == 2
    assert first.foreign_id != second.foreign_id


def test_aider_answer_keeps_its_edit_blocks_headings_and_code(tmp_path: Path) -> None:
    answer = (
        "Two edits:\n\ncode.py\n```python\n<<<<<<< SEARCH\n>>> old()\n=======\n>>> new()\n>>>>>>> REPLACE\n```\n\n"
        "#### Notes\n\n##### Details\n>\n\nREADME.md\n"
        "````markdown\n```\n> quoted\n#### Heading\n```\n> more\n````\nDone.\x0c"
    )
    found = entries(
        tmp_path,
        "> Aider v0.30  \n>\n> Model: gpt-4o  \n\n"
        f"#### change it  \n####\n#### please  \n\n{answer}\n\n"
        "> Applied edit to code.py  \n\n#### thanks  \n\n> Bye  \n",
    )
    assert found == [
        ("user", "Aider v0.30\n\nModel: gpt-4o", True),
        ("user", "change it\n\nplease", False),
        ("assistant", answer, False),
        ("user", "Applied edit to code.py", True),
        ("user", "thanks", False),
        ("user", "Bye", True),
    ]


def test_aider_answer_without_the_end_of_its_code_ends_at_the_next_prompt(tmp_path: Path) -> None:
    found = entries(tmp_path, "#### one  \n\n```\n>>>>>>> REPLACE\n\n> ^C  \n\n#### two  \n\n> x  \n")
    assert [words for _, words, _ in found] == ["one", "```\n>>>>>>> REPLACE", "^C", "two", "x"]


def test_aider_answer_keeps_its_quotations(tmp_path: Path) -> None:
    first = "> As it reads\n> in two lines\n\nI agree.\n\n> Another one\nwith a lazy line.\n\nSee:\n> third  \n\nEnd."
    found = entries(
        tmp_path,
        "> Aider v0.30  \n\n"
        f"#### what is in it?  \n> Add file to the chat? y  \n\n{first}\n\n> Tokens: 3k sent  \n\n"
        "#### and then?  \n\n> With a break  \n> in it\n\nThat is all.\n\n> Tokens: 4k sent  \n",
    )
    assert found == [
        ("user", "Aider v0.30", True),
        ("user", "what is in it?", False),
        ("user", "Add file to the chat? y", True),
        ("assistant", first, False),
        ("user", "Tokens: 3k sent", True),
        ("user", "and then?", False),
        ("assistant", "> With a break  \n> in it\n\nThat is all.", False),
        ("user", "Tokens: 4k sent", True),
    ]


def test_aider_output_of_several_lines_is_kept_out_of_answers(tmp_path: Path) -> None:
    found = entries(
        tmp_path,
        "> aider --message # Task\n\nWrite it.  \n\n## Rules\n\nNone.  \n"
        "> Model: gpt-4o  \n\n#### Write it.  \n> Unable to add x: exit code(1)\n  stderr: 'ignored'\n\nhint: -f'  \n\n"
        "Done.\n\n> Tokens: 3k sent  \n> Commit 1b1b7ec feat: it\n\n> quoted\n- more  \n> You can use /undo.  \n",
    )
    assert found == [
        ("user", "aider --message # Task\n\nWrite it.", True),
        ("user", "## Rules\n\nNone.  ", True),
        ("user", "Model: gpt-4o", True),
        ("user", "Write it.", False),
        ("user", "Unable to add x: exit code(1)\n  stderr: 'ignored'\n\nhint: -f'", True),
        ("assistant", "Done.", False),
        ("user", "Tokens: 3k sent\nCommit 1b1b7ec feat: it\n\n> quoted\n- more\nYou can use /undo.", True),
    ]


def test_aider_thinking_is_not_part_of_the_answer(tmp_path: Path) -> None:
    tag = f"thinking-content-{'7b' * 16}"
    path = tmp_path / ".aider.chat.history.md"
    path.write_text(
        "\n# aider chat started at 2024-05-01 10:00:00\n\n#### one  \n\n"
        f"<{tag}>\n\nOkay\n\n> Retrying in 0.2 seconds...  \n\n"
        f"<{tag}>\n\nOkay, I see.\n\nSo be it.\n\n</{tag}>\n\nIt is <{tag}>.\n\n> Tokens: 3k sent  \n"
    )
    imported = read_one(path, "aider")
    answers = [each for each in imported.messages if each.role == "assistant"]
    assert [(each.content, [block.thinking for block in each.thinking]) for each in answers] == [
        ("", ["Okay"]),
        (f"It is <{tag}>.", ["Okay, I see.\n\nSo be it."]),
    ]


def test_aider_history_without_spaces_at_the_ends_of_lines_has_the_same_authors(tmp_path: Path) -> None:
    found = entries(
        tmp_path,
        "> Aider v0.30\n\n#### one\n> Unable to add x:\n  stderr\n\nSee:\n> a quotation\n\n> Tokens: 3k sent\n",
    )
    assert [(role, words) for role, words, _ in found] == [
        ("user", "Aider v0.30"),
        ("user", "one"),
        ("user", "Unable to add x:\n  stderr"),
        ("assistant", "See:\n> a quotation"),
        ("user", "Tokens: 3k sent"),
    ]


def test_aider_history_that_was_cut_is_read_from_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / ".aider.chat.history.md"
    path.write_text(
        "> of a quotation\n\nSo it is.\n\n> Tokens: 3k sent  \n\n#### thanks  \n\nBye.\n\n"
        "\n# aider chat started at 2024-05-02 10:00:00\n\n#### again  \n\nDone.\n"
    )
    cut, second = read_all(path, "aider")
    assert [(each.role, each.content) for each in cut.messages] == [
        ("assistant", "> of a quotation\n\nSo it is."),
        ("user", "Tokens: 3k sent"),
        ("user", "thanks"),
        ("assistant", "Bye."),
    ]
    assert cut.created_at == second.created_at
    assert (cut.losses, second.losses) == ({}, {})
    other = tmp_path / "other" / ".aider.chat.history.md"
    other.parent.mkdir()
    other.write_text("#### thanks  \n\nOf another project.\n")
    scan = Scan(Selection())
    assert [each.foreign_id != cut.foreign_id for each in scan.read([other])] == [True]
    assert not scan.is_partial


def test_aider_commands_are_skipped_unless_an_answer_follows(tmp_path: Path) -> None:
    path = tmp_path / ".aider.chat.history.md"
    path.write_text(
        "\n# aider chat started at 2024-05-01 10:00:00\n\n> Aider v0.30  \n\n"
        "#### /add code.py  \n\n> Added code.py to the chat  \n\n#### /ask why?  \n\n#### why?  \n\nSo.\n\n"
        "#### !ls  \n> Add output to chat? y  \n\n#### /web https://a.example  \n> Scraping  \n\nA page.\n\n"
        "#### and/or?  \n\n#### /diff  \n\n#### /exit  \n"
    )
    (imported,) = read_all(path, "aider")
    asked = [each for each in imported.messages if each.extra.get("foreign") != {"type": "output of the program"}]
    assert [(each.role, each.content, each.skip) for each in asked] == [
        ("user", "/add code.py", True),
        ("user", "/ask why?", True),
        ("user", "why?", False),
        ("assistant", "So.", False),
        ("user", "!ls", True),
        ("user", "/web https://a.example", False),
        ("assistant", "A page.", False),
        ("user", "and/or?", False),
        ("user", "/diff", True),
        ("user", "/exit", True),
    ]
    assert asked[-1].extra["foreign"] == {"type": "command to the program"}


def test_aider_history_that_was_cut_keeps_its_id_when_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / ".aider.chat.history.md"
    first, second = "#### thanks  \n\nBye.\n", "\n#### one more  \n\nYes.\n"
    start = "\n# aider chat started at 2024-05-02 10:00:00\n\n#### again  \n\nDone.\n"
    found = []
    for text in (first, first + start, first + second, first + second + start):
        path.write_text(text)
        found.append(read_all(path, "aider")[0])
    assert len({imported.foreign_id for imported in found}) == 1
    path.write_text(first.replace("Bye", "Good night"))
    assert read_one(path, "aider").foreign_id != found[0].foreign_id
    longest = found[-1].other_ids
    assert longest is not None
    assert len({found[-1].foreign_id, *longest()}) == 2

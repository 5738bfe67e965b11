"""Commands from Markdown files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aloop.errors import UsageError
from aloop.memory.trust_file import TrustFile
from commands.dispatch import dispatch
from commands.project.folders import FoundFile, Unreadable
from commands.project.templates import expand, parse_template
from tests.agent.scripted import answer
from tests.commands.conftest import Bench, SetUp


@pytest.fixture
def project(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(os.path.realpath(private_home)) / "project"
    (root / ".git" / "objects").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def mine(home: Path) -> Path:
    return home / ".config" / "aloop" / "commands"


def ours(project: Path) -> Path:
    return project / ".aloop" / "commands"


def asked(stage: Bench) -> list[str]:
    return [message.content or "" for message in stage.memory.messages if message.role == "user"]


@pytest.mark.parametrize(
    ("body", "argument", "text"),
    [
        ("Review $ARGUMENTS.", "a.py and b.py", "Review a.py and b.py."),
        ("Compare $1 with $2, then $1.", '"a b" c d', "Compare a b with c, then a b."),
        ("Fix $1$2.", "it", "Fix it."),
        ("Explain $1", "don't", "Explain don't"),
        ("It costs $10 and $ARGUMENTSX.", "", "It costs $10 and $ARGUMENTSX."),
        ("Review.", "Only a.py.", "Review.\n\nOnly a.py."),
        ("Review.", "", "Review."),
        ("Say $1", "$2 $ARGUMENTS", "Say $2"),
        ("All: $ARGUMENTS", 'an "open quote', 'All: an "open quote'),
    ],
)
def test_arguments_are_put_in_their_places(body: str, argument: str, text: str) -> None:
    assert expand(body, argument) == text


def test_open_quote_is_an_error_if_words_are_needed() -> None:
    with pytest.raises(UsageError, match="not closed"):
        expand("Fix $1", '"a')


def test_description_comes_from_the_head_or_the_first_line() -> None:
    file = FoundFile(Path("Review-2.md"), "Review-2.md", None)
    headed = parse_template(file, '---\ndescription: "Review a change"\nargument-hint: [FILE]\n---\nLook at $1.\n')
    assert (headed.name, headed.summary, headed.usage, headed.body) == (
        "review-2",
        "Review a change",
        "[FILE]",
        "Look at $1.",
    )
    assert parse_template(file, "# Look \x1b[2Kclosely\n\nAt all.").summary == "Look ^[[2Kclosely"
    assert len(parse_template(file, "x" * 1_000).summary) == 80


@pytest.mark.parametrize(("name", "text"), [("../x.md", ""), ("a b.md", "x"), ("é.md", "x"), ("1.md", "x")])
def test_unusable_file_is_left_out_with_a_sentence(name: str, text: str) -> None:
    with pytest.raises(Unreadable, match="is not used"):
        parse_template(FoundFile(Path(name), name, None), text)


async def test_command_of_the_user_is_sent_and_listed(bench: SetUp, project: Path, private_home: Path) -> None:
    put(mine(private_home), "review.md", "Review $ARGUMENTS and @notes.txt")
    put(project, "notes.txt", "some notes")
    stage = bench(answer("Fine."))
    await dispatch("/review the parser", stage.context)
    (question,) = asked(stage)
    assert question.startswith("Review the parser and @notes.txt")
    assert "some notes" in question
    await dispatch("/help", stage.context)
    assert "review" in str(stage.view.of("help"))


async def test_command_of_a_project_needs_trust_once(bench: SetUp, project: Path) -> None:
    put(ours(project), "deploy.md", "Deploy it.")
    stage = bench(answer("Fine."), answer("Again."))
    stage.view.agrees = False
    await dispatch("/deploy", stage.context)
    assert "Unknown command /deploy." in str(stage.view.of("error"))
    again = bench(answer("Fine."))
    await dispatch("/deploy", again.context)
    assert asked(again) == ["Deploy it."]
    assert len(again.view.of("confirm")) == 1
    assert ".aloop/commands/deploy.md" in str(again.view.of("info"))
    assert TrustFile.of_user().knows_project(project)


async def test_file_cannot_replace_a_command(bench: SetUp, project: Path, private_home: Path) -> None:
    TrustFile.of_user().remember(projects=[project])
    for name in ("help.md", "quit.md", "review.md"):
        put(ours(project), name, "From the project.")
    put(mine(private_home), "review.md", "From me.")
    stage = bench(answer("Fine."))
    await dispatch("/help", stage.context)
    await dispatch("/review", stage.context)
    assert asked(stage) == ["From me."]
    assert stage.view.of("help")
    notices = [text for text in stage.view.of("info") if "already exists" in str(text)]
    assert notices == [
        ".aloop/commands/help.md is not used: /help already exists.",
        ".aloop/commands/quit.md is not used: /quit already exists.",
        ".aloop/commands/review.md is not used: /review already exists.",
    ]


async def test_command_of_a_project_cannot_attach_files_from_elsewhere(
    bench: SetUp, project: Path, private_home: Path
) -> None:
    TrustFile.of_user().remember(projects=[project])
    put(private_home, "secret.txt", "a secret")
    put(ours(project), "leak.md", "Read @~/secret.txt and @link.txt")
    (project / "link.txt").symlink_to("../secret.txt")
    stage = bench(answer("Fine."))
    await dispatch("/leak", stage.context)
    assert "a secret" not in asked(stage)[0]
    (refusal,) = stage.view.of("error")
    assert str(refusal).endswith("was not attached. Mention it in your own message.")


async def test_pasted_argument_attaches_no_file(bench: SetUp, project: Path, private_home: Path) -> None:
    put(mine(private_home), "review.md", "Review $ARGUMENTS")
    put(project, "notes.txt", "some notes")
    stage = bench(answer("Fine."))
    await dispatch("/review first line\nsecond @notes.txt", stage.context)
    assert asked(stage) == ["Review first line\nsecond @notes.txt"]


async def test_link_out_of_the_project_does_not_become_a_command(bench: SetUp, project: Path) -> None:
    TrustFile.of_user().remember(projects=[project])
    put(project.parent, "private.md", "private words")
    ours(project).mkdir(parents=True)
    (ours(project) / "show.md").symlink_to("../../../private.md")
    os.mkfifo(ours(project) / "pipe.md")
    stage = bench()
    await dispatch("/show", stage.context)
    assert "Unknown command /show." in str(stage.view.of("error"))
    assert "link out of the project" in str(stage.view.of("info"))


async def test_new_and_removed_files_count_at_once(bench: SetUp, project: Path, private_home: Path) -> None:
    stage = bench(answer("Fine."))
    path = put(mine(private_home), "one.md", "One.")
    await dispatch("/one", stage.context)
    assert asked(stage) == ["One."]
    path.unlink()
    await dispatch("/one", stage.context)
    assert "Unknown command /one." in str(stage.view.of("error"))


async def test_only_commands_that_list_others_read_the_files_again(
    bench: SetUp, project: Path, private_home: Path
) -> None:
    stage = bench()
    put(mine(private_home), "two words.md", "Review.")
    await dispatch("/stats", stage.context)
    assert not any("not used" in str(text) for _, text in stage.view.shown)
    await dispatch("/help", stage.context)
    assert any("a command is named with letters" in str(text) for _, text in stage.view.shown)


def test_command_sends_nothing_that_its_file_hides() -> None:
    file = FoundFile(Path("review.md"), "review.md", None)
    hidden = "".join(map(chr, range(0xE0041, 0xE0051)))
    template = parse_template(file, f"---\ndescription: Re\u202eview\n---\nRe\u200bview{hidden} 👩\u200d💻 it.\n")
    assert template.body == "Review 👩\u200d💻 it."
    assert template.summary == "Re<U+202E>view"

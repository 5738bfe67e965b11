"""Skills: what is found, offered, refused, read and sent."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aloop.agent import ReActAgent
from aloop.agent.instructions import Skill, Skills, known_digest, section_note, with_notes, without_notes
from aloop.config.settings import Settings
from aloop.errors import Problem
from aloop.llm.message_types import ToolCall
from aloop.llm.prompts import PROJECT_INSTRUCTIONS, SKILLS, briefly
from aloop.memory import SessionLibrary
from aloop.memory.trust_file import TrustFile
from aloop.permissions import PermissionDecision, PermissionRequest
from commands.dispatch import dispatch
from commands.project.skills import LONGEST_DESCRIPTION, MOST_BYTES, LoadedSkills, load_skills
from commands.project.templates import load_commands
from repl.options import TaskOptions
from repl.task import run_task
from tests.agent.scripted import ScriptedLLM, answer, calls
from tests.commands.conftest import Bench, SetUp

PDF = "---\nname: pdf\ndescription: Fill in PDF forms.\n---\n# PDF\n\nRun scripts/fill.py.\n"


@pytest.fixture
def project(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(os.path.realpath(private_home)) / "project"
    (root / ".git" / "objects").mkdir(parents=True)
    (root / "src").mkdir()
    monkeypatch.chdir(root)
    return root


def put(folder: Path, text: str = PDF, name: str = "pdf") -> Path:
    path = folder / "skills" / name / "SKILL.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mine(home: Path, text: str = PDF, name: str = "pdf") -> Path:
    return put(home / ".config" / "aloop", text, name)


def load(folder: Path) -> LoadedSkills:
    return load_skills(folder, TrustFile.of_user())


def system_of(stage: Bench) -> str:
    return "\n".join(message.content or "" for message in stage.memory.system_messages)


def asked(stage: Bench) -> list[str]:
    return [message.content or "" for message in stage.memory.messages if message.role == "user"]


def test_skills_are_found_where_other_agents_keep_them_and_the_nearest_counts(
    project: Path, private_home: Path
) -> None:
    TrustFile.of_user().remember(projects=[project])
    for number, folder in enumerate(
        (private_home / ".claude", private_home / ".agents", private_home / ".config/aloop")
    ):
        put(folder, PDF, "pdf")
        put(folder, PDF.replace("name: pdf", f"name: mine-{number}"), f"mine-{number}")
    for name in (".claude", ".agents", ".aloop"):
        put(project / name, PDF.replace("name: pdf", f"name: ours{name.replace('.', '-')}"), f"ours{name}")
    put(project / ".agents")
    put(project / "src" / ".claude")
    loaded = load(project / "src")
    paths = {skill.name: skill.path for skill in loaded.offered.items}
    assert paths == {
        "pdf": ".claude/skills/pdf/SKILL.md",
        "ours-aloop": "../.aloop/skills/ours.aloop/SKILL.md",
        "ours-agents": "../.agents/skills/ours.agents/SKILL.md",
        "ours-claude": "../.claude/skills/ours.claude/SKILL.md",
        "mine-2": "~/.config/aloop/skills/mine-2/SKILL.md",
        "mine-1": "~/.agents/skills/mine-1/SKILL.md",
        "mine-0": "~/.claude/skills/mine-0/SKILL.md",
    }
    assert loaded.shadowed[0] == (
        "../.agents/skills/pdf/SKILL.md is not used, because .claude/skills/pdf/SKILL.md has the same name."
    )
    assert loaded.notices == ()


def test_skill_that_two_folders_link_to_is_listed_once_without_a_notice(private_home: Path, project: Path) -> None:
    put(private_home / ".agents")
    (private_home / ".claude").mkdir()
    (private_home / ".claude" / "skills").symlink_to(private_home / ".agents" / "skills")
    loaded = load(project)
    assert (loaded.offered.names, loaded.shadowed) == (("pdf",), ())


def test_skills_of_the_home_folder_are_those_of_the_user(private_home: Path) -> None:
    put(private_home / ".agents")
    loaded = load(private_home)
    assert [skill.path for skill in loaded.offered.items] == ["~/.agents/skills/pdf/SKILL.md"]
    assert loaded.untrusted == ()


@pytest.mark.parametrize(
    ("front", "description"),
    [
        ("description: Plain words", "Plain words"),
        ('description: "Use it: when quoted"', "Use it: when quoted"),
        ("description: Use it when: the colon is not quoted", "Use it when: the colon is not quoted"),
        ("description: >-\n  Two\n  lines", "Two lines"),
        ("description: |\n  One.\n\n  Two.\nlicense: MIT", "One. Two."),
        ("metadata:\n  description: not this\ndescription: this", "this"),
        ("description: a\u200b\u202eb", "ab"),
        ("description: A & B <skills>", "A & B <skills>"),
        ("allowed-tools: [Read]\ndescription: x", "x"),
        ("description: &anchor x: y", "&anchor x: y"),
    ],
)
def test_description_is_one_line(private_home: Path, project: Path, front: str, description: str) -> None:
    mine(private_home, f"---\nname: pdf\n{front}\n---\nBody\n")
    [skill] = load(project).offered.items
    assert skill.description == description
    assert skill.line.count("<") == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# No front matter\n", "does not begin with front matter"),
        ("---\nname: pdf\n", "does not begin with front matter"),
        ("---\nname: pdf\n---\nBody", "has no `description`"),
        ("---\n- a list\n---\nBody", "has no `description`"),
        ("---\ndescription: \u200b\n---\nBody", "has no `description`"),
        ("---\ndescription: [a, b]\n---\nBody", "has no `description`"),
        ("---\ndescription: x\n---\n" + "x" * MOST_BYTES, "a skill is limited to 64,000 bytes"),
        ("\0", "not a text file"),
    ],
)
async def test_unusable_skill_is_reported_in_one_sentence_and_stops_nothing(
    bench: SetUp, private_home: Path, project: Path, text: str, reason: str
) -> None:
    mine(private_home, text)
    stage = bench(answer("Hello."), answer("Again."))
    await dispatch("Hi", stage.context)
    await dispatch("Hi again", stage.context)
    [said] = [str(said) for said in stage.view.of("info") if "SKILL.md" in str(said)]
    assert said.startswith("~/.config/aloop/skills/pdf/SKILL.md is not ")
    assert reason in said
    assert said.count("\n") == 0
    assert SKILLS not in system_of(stage)


def test_wrong_name_is_replaced_by_that_of_the_folder(private_home: Path, project: Path) -> None:
    mine(private_home, "---\nname: Fill In PDFs\ndescription: x\n---\n", "fill-in")
    mine(private_home, "---\nname: 'a\"b'\ndescription: x\n---\n", "Also Wrong")
    loaded = load(project)
    assert loaded.offered.names == ("fill-in",)
    assert "named with lowercase letters" in loaded.notices[0]


def test_descriptions_are_limited_each_and_together(private_home: Path, project: Path) -> None:
    for number in range(15):
        mine(private_home, f"---\ndescription: {'long ' * 300}\n---\n", f"skill-{number:02}")
    loaded = load(project)
    assert len(loaded.offered.items[0].description) == LONGEST_DESCRIPTION
    assert len(loaded.offered.items) == 10
    assert len(loaded.files) == 15
    assert loaded.notices[-1].startswith("5 skills not offered to the model")
    assert len(loaded.offered.blocks) < 12_100


def test_skill_may_be_for_the_user_only(private_home: Path, project: Path) -> None:
    mine(private_home, "---\ndescription: Deploy.\ndisable-model-invocation: true\n---\n", "deploy")
    loaded = load(project)
    assert loaded.offered == Skills()
    assert [file.name for file in loaded.files] == ["deploy"]


def test_link_of_a_project_to_a_file_elsewhere_is_refused(project: Path, private_home: Path) -> None:
    TrustFile.of_user().remember(projects=[project])
    other = mine(private_home)
    (project / ".agents" / "skills").mkdir(parents=True)
    (project / ".agents" / "skills" / "copy").symlink_to(other.parent)
    loaded = load(project)
    assert loaded.offered.names == ("pdf",)
    assert loaded.notices == (".agents/skills/copy/SKILL.md is not read, because it is a link out of the project.",)


def test_skill_in_a_folder_around_home_is_refused(private_home: Path, project: Path) -> None:
    (private_home / "SKILL.md").write_text(PDF)
    (private_home / ".agents" / "skills").mkdir(parents=True)
    (private_home / ".agents" / "skills" / "all").symlink_to(private_home)
    loaded = load(project)
    assert not loaded.files
    assert "contains your home directory" in loaded.notices[0]


async def test_skills_of_a_project_need_trust(bench: SetUp, project: Path) -> None:
    put(project / ".claude")
    put(project / ".claude", PDF.replace("pdf", "doc"), "doc")
    stage = bench(answer("Hello."), answer("Again."))
    stage.view.agrees = False
    await dispatch("Hi", stage.context)
    assert "model: 2 skills in .claude/skills" in str(stage.view.of("info"))
    assert SKILLS not in system_of(stage)
    await dispatch("/pdf", stage.context)
    assert "Unknown command /pdf." in str(stage.view.of("error"))
    TrustFile.of_user().remember(projects=[project])
    await dispatch("Hi again", stage.context)
    assert '<skill name="pdf"' in asked(stage)[-1]


async def test_offer_is_in_the_system_text_and_a_change_in_the_next_message(
    bench: SetUp, private_home: Path, project: Path
) -> None:
    path = mine(private_home)
    stage = bench(*(answer("Hello.") for _ in range(5)))
    await dispatch("one", stage.context)
    before = system_of(stage)
    assert before.endswith(
        '<skills>\n<skill name="pdf" path="~/.config/aloop/skills/pdf/SKILL.md">Fill in PDF forms.</skill>\n</skills>'
    )
    path.write_text(PDF.replace("Run", "Do not run"))  # the model reads the text when it needs it
    await dispatch("two", stage.context)
    path.write_text(PDF.replace("Fill in", "Read"))
    await dispatch("three", stage.context)
    await dispatch("four", stage.context)
    path.unlink()
    await dispatch("five", stage.context)
    assert system_of(stage) == before
    assert [without_notes(text) for text in asked(stage)] == ["one", "two", "three", "four", "five"]
    assert ["Read PDF forms." in text for text in asked(stage)] == [False, False, True, False, False]
    assert asked(stage)[-1].endswith("[Skills (digest none). The earlier ones do not apply any more.]")
    stored = await SessionLibrary(stage.memory.sessions_dir).load(stage.memory.session_id)
    assert stored.extra["skills"] == "none"


async def test_digest_is_in_the_header_beside_that_of_the_instructions(
    bench: SetUp, private_home: Path, project: Path
) -> None:
    mine(private_home)
    (private_home / ".config/aloop/AGENTS.md").write_text("Use tabs.\n\nSkills (digest 0000).\n")
    stage = bench(answer("Hello."), answer("Again."))
    await dispatch("Hi", stage.context)
    await dispatch("Hi again", stage.context)
    agent = stage.context.agent
    assert agent.skills is not None
    assert agent.instructions is not None
    stored = await SessionLibrary(stage.memory.sessions_dir).load(stage.memory.session_id)
    assert (stored.extra["skills"], stored.extra["instructions"]) == (agent.skills.digest, agent.instructions.digest)
    assert asked(stage) == ["Hi", "Hi again"]
    assert agent.skills.section in system_of(stage)
    assert "pdf" not in briefly(system_of(stage))
    assert "tabs" not in briefly(system_of(stage))


def test_notes_of_skills_and_instructions_are_told_apart() -> None:
    skills = Skills((Skill("pdf", "Fill in </skills>", "pdf/SKILL.md", Path("/pdf")),))
    heading = "[Project instructions (digest ab). These replace all earlier ones:]"
    instructions = f'{heading}\n\n<instructions path="A">\n</skills>\n</instructions>'
    text = with_notes("Hello", [section_note(skills), instructions])
    assert without_notes(text) == "Hello"
    assert known_digest(SKILLS, "", [text]) == skills.digest
    assert known_digest(PROJECT_INSTRUCTIONS, "", [text]) == "ab"


async def test_command_sends_the_skill_with_the_message(bench: SetUp, private_home: Path, project: Path) -> None:
    mine(private_home, PDF.replace("fill.py", "fill.py $ARGUMENTS $1 @secret"))
    (project / "form.txt").write_text("the form")
    (project / "secret").write_text("hidden")
    stage = bench(answer("Done."), answer("Done."))
    await dispatch("/pdf fill in @form.txt", stage.context)
    await dispatch("/pdf", stage.context)
    first, second = asked(stage)
    assert first.startswith(
        "Use the skill pdf: fill in @form.txt\n\n"
        '<skill name="pdf" path="~/.config/aloop/skills/pdf/SKILL.md">\n# PDF\n\n'
        "Run scripts/fill.py fill in @form.txt $1 @secret.\n</skill>"
    )
    assert "the form" in first
    assert "hidden" not in first
    assert second.startswith("Use the skill pdf.\n\n<skill")


async def test_builtin_command_and_command_of_the_user_come_before_a_skill(
    bench: SetUp, private_home: Path, project: Path
) -> None:
    for name in ("help", "review"):
        mine(private_home, PDF.replace("name: pdf", f"name: {name}"), name)
    (private_home / ".config/aloop/commands").mkdir()
    (private_home / ".config/aloop/commands/review.md").write_text("Review it.")
    stage = bench(answer("Done."))
    await dispatch("/help", stage.context)
    await dispatch("/review", stage.context)
    assert stage.view.of("help")
    assert asked(stage)[0].startswith("Review it.")


async def test_skill_whose_name_runs_another_command_is_marked(bench: SetUp, private_home: Path, project: Path) -> None:
    stage = bench()
    for name in ("help", "pdf"):
        mine(private_home, PDF.replace("name: pdf", f"name: {name}"), name)
    load_commands(stage.context)
    await dispatch("/skills", stage.context)
    [rows] = stage.view.of("facts")
    marks = [value.endswith(" · /help runs another command") for _, value in rows]  # type: ignore[attr-defined] # rows of a page
    assert marks == [False, True, False, False]


async def test_skills_and_context_list_them(bench: SetUp, private_home: Path, project: Path) -> None:
    stage = bench()
    await dispatch("/skills", stage.context)
    assert "There are no skills." in str(stage.view.of("info"))
    mine(private_home)
    mine(private_home, "---\ndescription: Deploy.\ndisable-model-invocation: true\n---\n", "deploy")
    await dispatch("/skills", stage.context)
    [rows] = stage.view.of("facts")
    assert rows == [
        ("deploy", "Deploy."),
        ("", "~/.config/aloop/skills/deploy/SKILL.md · for you only"),
        ("pdf", "Fill in PDF forms."),
        ("", "~/.config/aloop/skills/pdf/SKILL.md"),
    ]
    assert "1 skill offered to the model, in 8" in str(stage.view.of("info"))
    await dispatch("/context", stage.context)
    facts = dict(stage.view.of("facts")[-1])  # type: ignore[call-overload] # rows of a page
    assert facts["skills"].endswith(" · pdf")
    assert int(facts["skills"].split()[0]) > 50


async def read_with(skills: Skills | None, path: str, sessions_dir: Path) -> tuple[str, list[PermissionRequest]]:
    """Let a scripted model read a file; return the result and the questions."""
    questions: list[PermissionRequest] = []

    async def refuse(request: PermissionRequest) -> PermissionDecision:
        questions.append(request)
        return PermissionDecision("no")

    llm = ScriptedLLM(calls(ToolCall("call_1", "read_file", json.dumps({"path": path}))), answer("Done."))
    agent = ReActAgent(llm, sessions_dir=sessions_dir, ask=refuse)
    agent.skills = skills
    await agent.run("Go")
    [result] = [message for message in agent.memory.messages if message.role == "tool"]
    return result.content or "", questions


async def test_folder_of_a_skill_is_read_without_a_question_and_nothing_else(
    private_home: Path, project: Path, sessions_dir: Path
) -> None:
    path = mine(private_home)
    (path.parent / "forms.md").write_text("All forms.\n")
    (path.parent / "out").symlink_to(private_home / ".config" / "aloop")
    (private_home / ".config/aloop/permissions.old").write_text("x")
    skills = load(project).offered
    for name, is_free in (("SKILL.md", True), ("forms.md", True), ("out/permissions.old", False), ("../x", False)):
        text, questions = await read_with(skills, f"~/.config/aloop/skills/pdf/{name}", sessions_dir)
        assert (not questions) == is_free, name
        assert is_free == ("denied" not in text)
    text, questions = await read_with(None, "~/.config/aloop/skills/pdf/SKILL.md", sessions_dir)
    assert questions


def test_task_offers_skills_and_reports_those_of_a_new_project(
    private_home: Path, project: Path, sessions_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine(private_home)
    put(project / ".agents", PDF.replace("name: pdf", "name: doc"), "doc")
    run_task(TaskOptions(Settings.from_env(), "offline", sessions_dir, None, "Hello"))
    assert "1 skill in .agents/skills. Start aloop there to be asked." in capsys.readouterr().err
    [path] = sessions_dir.glob("*/session.yaml")
    assert '<skill name="pdf"' in path.read_text()
    assert "doc" not in path.read_text()


async def test_skills_marks_what_is_wrong_with_them(bench: SetUp, private_home: Path, project: Path) -> None:
    mine(private_home, "---\nname: 'a\"b'\ndescription: x\n---\n", "Also Wrong")
    stage = bench()
    await dispatch("/skills", stage.context)
    said = stage.view.of("info")[-1]
    assert (isinstance(said, Problem), "named with lowercase letters" in str(said)) == (True, True)

"""Rules about paths, the file that stores them, and the gate that applies them."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from aloop.errors import StorageError, ToolError, UsageError
from aloop.llm.message_types import ToolCall
from aloop.permissions import Kind, PermissionDecision, PermissionRequest
from aloop.tools import ToolRunner, default_tools
from aloop.tools.approval import PermissionGate
from aloop.tools.rules.rule import Rule, parse_rule
from aloop.tools.rules.rule_file import RuleFile
from aloop.tools.rules.rule_set import RuleSet

ROOT = Path("/work/app")


def write(*names: str, kinds: tuple[Kind, ...] = ("write",)) -> PermissionRequest:
    return PermissionRequest(kinds, "write_file", "+x", "diff", tuple(Path(name) for name in names))


def run(command: str, *, is_unsandboxed: bool = False) -> PermissionRequest:
    return PermissionRequest(("shell",), "run_shell", command, is_unsandboxed=is_unsandboxed)


@pytest.fixture
def file(tmp_path: Path) -> RuleFile:
    return RuleFile(tmp_path / "settings" / "permissions")


def put(file: RuleFile, text: str) -> RuleSet:
    file.path.parent.mkdir(exist_ok=True)
    file.path.write_text(text)
    return RuleSet(file, ROOT)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("src/**", "/work/app/src/a.py", True),
        ("src/**", "/work/app/src/deep/a.py", True),
        ("src/**", "/work/app/srcs/a.py", False),
        ("src/**", "/work/app/lib/src/a.py", False),
        ("src/**", "/work/other/src/a.py", False),
        ("src/**", "/work/app/src/.git/hooks/post-commit", False),
        ("src/**", "/work/app/src/.GIT/config", False),
        ("**", "/work/app/.aloop/sessions/x", False),
        ("**", "/work/app/a", True),
        ("**/*.md", "/work/app/README.md", True),
        ("**/*.md", "/work/app/docs/deep/a.md", True),
        ("*.md", "/work/app/docs/a.md", False),
        ("docs/*", "/work/app/docs/a.md", True),
        ("docs/*", "/work/app/docs/deep/a.md", False),
        ("docs/?.md", "/work/app/docs/ab.md", False),
        ("SRC/**", "/work/app/src/a.py", False),
        ("/tmp/out/**", "/tmp/out/x", True),
        ("/tmp/out/**", "/tmp/outside", False),
        ("/**", "/etc/passwd", True),
    ],
)
def test_allowed_paths_match_part_by_part(file: RuleFile, pattern: str, path: str, matches: bool) -> None:
    decision = put(file, f"allow write {pattern}\n").decide(write(path))
    assert (decision is not None) == matches


def test_home_folder_is_known(file: RuleFile, private_home: Path) -> None:
    rules = put(file, "allow read ~/notes/**\n")
    request = PermissionRequest(("outside",), "read_file", "x", paths=(private_home.resolve() / "notes" / "a",))
    assert rules.decide(request) is not None
    assert rules.decide(write(str(private_home / "notes" / "a"))) is None


def test_no_rule_allows_to_write_the_settings_of_the_user(file: RuleFile, private_home: Path) -> None:
    rules = put(file, "allow write /**\n")
    for name in (".config/aloop/permissions", ".local/state/aloop/trust"):
        assert rules.decide(write(str(private_home.resolve() / name))) is None
        assert RuleSet(file, private_home.resolve()).offer(write(str(private_home.resolve() / name))) == ()


def test_heading_may_name_a_link_or_the_home_folder(file: RuleFile, private_home: Path, tmp_path: Path) -> None:
    (app := private_home.resolve() / "app").mkdir()
    (tmp_path / "link").symlink_to(app)
    for heading in (f"[{tmp_path}/link]", "[~/app]"):
        put(file, f"{heading}\nallow write a\n\n[/other]\n")
        rules = RuleSet(file, app)
        assert rules.decide(write(str(app / "a"))) is not None
        file.add([parse_rule("allow write b", app)])
        assert file.path.read_text() == f"{heading}\nallow write a\nallow write b\n\n[/other]\n"


async def test_rules_about_reading_count_inside_the_working_directory(file: RuleFile, tmp_path: Path) -> None:
    root = tmp_path.resolve() / "project"
    (root / "secrets").mkdir(parents=True)
    (root / "notes").mkdir()
    for name in ("secrets/key", "notes/one", "draft", "a.py"):
        (root / name).write_text("needle\n")
    put(file, "deny read secrets/**\nask read notes/**\n")
    user = User(PermissionDecision("once"))
    gate = PermissionGate(ask=user, rules=RuleSet(file, root))
    runner = ToolRunner(default_tools(root), gate)

    async def call(tool: str, **arguments: str) -> str:
        return (await runner.run(ToolCall("1", tool, json.dumps(arguments)))).text

    for tool, more in (("read_file", {}), ("search_files", {"pattern": "needle"}), ("list_files", {})):
        assert "the user's rule: deny read secrets/**" in await call(tool, path="secrets/key", **more)
    assert user.asked == []
    assert await call("list_files", path="notes") == "one"
    assert [request.kinds for request in user.asked] == [()]
    assert await call("list_files") == "a.py\ndraft\n[Left out 2 names, because of the user's rules.]"
    found = await call("search_files", pattern="needle")
    assert found == "a.py:1: needle\ndraft:1: needle\n[Left out 2 names, because of the user's rules.]"
    file.path.write_text("")
    assert "secrets/key" in await call("search_files", pattern="needle")
    file.path.write_text("wrong\n")
    assert "line 1" in await call("list_files")


async def test_file_that_must_not_be_read_cannot_be_changed(file: RuleFile, tmp_path: Path) -> None:
    root = tmp_path.resolve() / "project"
    root.mkdir()
    (root / ".env").write_text("TOKEN=12345\n")
    put(file, "deny read .env\n")
    runner = ToolRunner(default_tools(root), PermissionGate(allowed=["write"], rules=RuleSet(file, root)))
    for tool, arguments in (
        ("edit_file", {"path": ".env", "edits": [{"old_text": "TOKEN=1", "new_text": "x"}]}),
        ("write_file", {"path": ".env", "content": "x\n"}),
    ):
        result = await runner.run(ToolCall("1", tool, json.dumps(arguments)))
        assert "The user's rules forbid reading '.env'" in result.text
        assert "12345" not in result.text
    assert (root / ".env").read_text() == "TOKEN=12345\n"


def test_name_of_the_root_is_not_a_pattern(file: RuleFile) -> None:
    put(file, "allow write a\n")
    rules = RuleSet(file, Path("/work/[ab]*"))
    assert rules.decide(write("/work/[ab]*/a")) is not None
    assert rules.decide(write("/work/ax/a")) is None


def test_denied_path_counts_by_any_name_and_in_any_case(file: RuleFile) -> None:
    rules = put(file, "allow write **\ndeny write secrets/**\n")
    for names in (("/work/app/secrets/a",), ("/work/app/data/a", "/work/app/secrets/a"), ("/work/app/Secrets/a",)):
        decision = rules.decide(write(*names))
        assert decision is not None
        assert decision.verdict == "deny"


def test_link_cannot_bring_a_file_under_a_rule_that_allows(file: RuleFile) -> None:
    rules = put(file, "allow write src/**\n")
    assert rules.decide(write("/etc/passwd", "/work/app/src/link")) is None


def test_rules_of_a_project_count_only_there(file: RuleFile) -> None:
    rules = put(file, "allow run make *\n[/work/app]\nallow run ls *\n[/work/other]\nallow run cat *\n")
    assert [rules.decide(run(command)) is not None for command in ("make x", "ls x", "cat x")] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "allow",
        "allow run",
        "permit run ls",
        "allow shell ls",
        "allow run *",
        "allow run ls; rm x",
        "allow run ls | cat",
        "allow run $x",
        "allow run l* -la",
        "allow run X=1 ls",
        "allow run env *",
        "allow run sudo ls *",
        "allow run sh -c *",
        "allow run xargs *",
        "allow run find *",
        "allow run /usr/bin/env *",
        "allow run python *",
        "allow run python -c *",
        "allow run node -e *",
        "allow run git -c *",
        "allow run git config *",
        "allow run tar *",
        "allow write ../x",
        "deny read ~",
        "deny read ~bob/x",
        "allow write a\x1b[2K",
    ],
)
def test_rule_that_is_too_wide_or_unclear_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_rule(text)


def test_rules_are_stored_under_their_project_and_keep_other_lines(file: RuleFile) -> None:
    put(file, "# mine\nallow run ls *   \n\n[/work/app]\n# here\nallow run make *\n\n[/other]\ndeny run rm *")
    added = [parse_rule("allow run git diff *", ROOT), parse_rule("ask run git push *"), parse_rule("allow run ls *")]
    file.add(added)
    file.add([parse_rule("allow write src/**", Path("/third"))])
    assert file.path.read_text() == (
        "# mine\nallow run ls *   \nask run git push *\n\n"
        "[/work/app]\n# here\nallow run make *\nallow run git diff *\n\n"
        "[/other]\ndeny run rm *\n\n[/third]\nallow write src/**\n"
    )
    file.remove(parse_rule("allow run make *", ROOT))
    assert "make" not in file.path.read_text()
    assert len(file.read()) == 5


def test_new_file_is_private_and_has_a_heading(file: RuleFile) -> None:
    file.add([parse_rule("allow run ls *")])
    assert file.path.read_text().splitlines()[0].startswith("# Permission rules.")
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["permissions"]


def test_link_to_the_file_is_kept(file: RuleFile, tmp_path: Path) -> None:
    file.path.parent.mkdir()
    (tmp_path / "dotfiles").write_text("allow run ls *\n")
    file.path.symlink_to(tmp_path / "dotfiles")
    file.add([parse_rule("allow run make *")])
    assert file.path.is_symlink()
    assert (tmp_path / "dotfiles").read_text() == "allow run ls *\nallow run make *\n"


def test_mistake_is_reported_with_its_line(file: RuleFile) -> None:
    put(file, "# mine\nallow run ls *\nalow run make\n")
    with pytest.raises(UsageError, match="line 3: 'alow run make' is not a rule"):
        file.read()


def test_file_that_cannot_be_read_is_an_error(file: RuleFile) -> None:
    file.path.mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be read"):
        file.read()


class User:
    """Answers every question with ``answer``, and counts them."""

    def __init__(self, answer: PermissionDecision) -> None:
        self.asked: list[PermissionRequest] = []
        self._answer = answer

    async def __call__(self, request: PermissionRequest) -> PermissionDecision:
        self.asked.append(request)
        return self._answer


RULE, NO = PermissionDecision("rule"), PermissionDecision("no")


async def test_accepted_offer_is_stored_for_this_project_and_not_asked_again(file: RuleFile) -> None:
    user = User(RULE)
    gate = PermissionGate(ask=user, rules=RuleSet(file, ROOT))
    first = await gate.require(run("git diff src"))
    second = await gate.require(run("git diff tests | wc -l"))
    third = await gate.require(run("git diff | wc -l"))
    assert [request.offer for request in user.asked] == [("git diff …",), ("wc -l",)]
    assert (first.answer, first.by, first.reason) == ("allowed", "user", "allow run git diff *")
    assert (third.by, third.reason) == ("rule", "allow run git diff *, allow run wc -l")
    assert second.reason == "allow run wc -l"
    assert file.path.read_text().endswith("[/work/app]\nallow run git diff *\nallow run wc -l\n")


async def test_rule_is_stored_off_the_event_loop(file: RuleFile, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = list[threading.Thread]()
    monkeypatch.setattr(RuleFile, "add", lambda *_: threads.append(threading.current_thread()))
    await PermissionGate(ask=User(RULE), rules=RuleSet(file, ROOT)).require(run("make"))
    assert threads
    assert threads[0] is not threading.main_thread()


async def test_offer_that_cannot_be_stored_counts_in_this_run(file: RuleFile) -> None:
    file.path.parent.write_text("not a folder")
    user, reported = User(RULE), list[str]()
    gate = PermissionGate(ask=user, rules=RuleSet(file, ROOT), report=reported.append)
    await gate.require(run("make"))
    await gate.require(run("make test"))
    assert len(user.asked) == 1
    assert "cannot be saved" in reported[0]


async def test_change_in_a_folder_offers_that_folder(file: RuleFile) -> None:
    user = User(NO)
    gate = PermissionGate(ask=user, rules=RuleSet(file, ROOT))
    for path in ("/work/app/src/a/b.py", "/work/app/README.md", "/work/app/src/[id]/a.tsx", "/etc/hosts"):
        with pytest.raises(ToolError):
            await gate.require(write(path))
    assert [request.offer for request in user.asked] == [("src/a/**",), ("README.md",), (), ()]


async def test_rule_that_asks_outranks_what_was_granted(file: RuleFile) -> None:
    user = User(PermissionDecision("session"))
    gate = PermissionGate(["shell"], user, put(file, "ask run git push *\n"))
    await gate.require(run("git push"))
    await gate.require(run("git push"))
    await gate.require(run("make"))
    assert [request.offer for request in user.asked] == [(), ()]


async def test_rule_that_denies_outranks_everything_and_is_named(file: RuleFile) -> None:
    user = User(PermissionDecision("once"))
    gate = PermissionGate(["shell"], user, put(file, "allow run git push *\ndeny run git push *\n"))
    with pytest.raises(ToolError, match=r"deny run git push \*"):
        await gate.require(run("git push"))
    assert not user.asked


async def test_unreadable_rules_refuse_every_call_with_the_line(file: RuleFile) -> None:
    gate = PermissionGate(["shell"], rules=put(file, "deny rum rm\n"))
    with pytest.raises(ToolError, match="line 1"):
        await gate.require(run("ls"))


async def test_accept_edits_covers_only_changes_in_the_working_directory(file: RuleFile) -> None:
    user = User(NO)
    gate = PermissionGate(ask=user, rules=put(file, "ask write .env\n"))
    gate.mode = "edits"
    assert (await gate.require(write("/work/app/a"))).reason == "edits are accepted"
    requests = (write("/work/app/.git/x", kinds=("write", "outside")), write("/work/app/.env"), run("ls"))
    for request in requests:
        with pytest.raises(ToolError):
            await gate.require(request)
    assert len(user.asked) == 3


async def test_plan_mode_refuses_changes_and_commands_even_if_allowed(file: RuleFile) -> None:
    user = User(PermissionDecision("once"))
    gate = PermissionGate(["write", "shell"], user, put(file, "allow run ls *\nallow write **\n"))
    gate.mode = "plan"
    for request in (write("/work/app/a"), run("ls"), write("/etc/x", kinds=("write", "outside"))):
        with pytest.raises(ToolError, match="plan mode"):
            await gate.require(request)
    assert not user.asked
    await gate.require(PermissionRequest(("outside",), "read_file", "/etc/hosts", paths=(Path("/etc/hosts"),)))
    assert len(user.asked) == 1


async def test_without_a_user_a_rule_still_allows(file: RuleFile) -> None:
    gate = PermissionGate(rules=put(file, "allow run make *\n"))
    assert (await gate.require(run("make"))).by == "rule"
    with pytest.raises(ToolError, match="no one can be asked"):
        await gate.require(run("ls"))


def test_rules_are_compared_by_their_parts() -> None:
    assert parse_rule("allow  run   ls *") == Rule("allow", "run", "ls *")


@pytest.mark.parametrize(
    ("rule", "command", "in_sandbox", "outside"),
    [
        ("allow run git commit *", "git commit -a", "allow", None),
        ("allow unsandboxed git commit *", "git commit -a", "allow", "allow"),
        ("allow unsandboxed git commit *", "git push", None, None),
        ("allow unsandboxed git commit *", "git commit -a && make", None, None),
        ("deny run docker *", "docker ps", "deny", "deny"),
        ("deny unsandboxed docker *", "docker ps", None, "deny"),
        ("ask unsandboxed docker *", "x=$(docker ps)", None, "ask"),
        ("deny read docker", "docker ps", None, None),
    ],
)
def test_rules_about_commands_outside_the_sandbox(
    file: RuleFile, rule: str, command: str, in_sandbox: str | None, outside: str | None
) -> None:
    rules = put(file, f"{rule}\n")
    decisions = [rules.decide(run(command, is_unsandboxed=each)) for each in (False, True)]
    assert [decision and decision.verdict for decision in decisions] == [in_sandbox, outside]


async def test_rule_for_outside_the_sandbox_is_offered_and_remembered(file: RuleFile) -> None:
    asked: list[PermissionRequest] = []

    async def ask(request: PermissionRequest) -> PermissionDecision:
        asked.append(request)
        return PermissionDecision("rule")

    gate = PermissionGate(ask=ask, rules=put(file, "allow run git commit *\n"))
    request = run("git commit -m x", is_unsandboxed=True)
    await gate.require(request)
    decision = await gate.require(request)
    assert [each.offer for each in asked] == [("git commit …",)]
    assert decision.reason == "allow unsandboxed git commit *"
    assert "allow unsandboxed git commit *" in file.path.read_text()


@pytest.mark.parametrize("name", ["a]\nallow run rm *\n[b", "a\u2028b", "\udcff"])
def test_rule_for_a_project_with_unprintable_characters_in_its_path_is_refused(file: RuleFile, name: str) -> None:
    file.add([parse_rule("allow run ls *")])
    before = file.path.read_bytes()
    with pytest.raises(UsageError, match="cannot be saved: its path has control characters or invisible"):
        file.add([parse_rule("allow run make *", Path("/work") / name)])
    assert file.path.read_bytes() == before


def test_line_separator_within_a_comment_does_not_begin_a_rule(file: RuleFile) -> None:
    rules = put(file, "# why\u2028allow run rm *\nallow run ls *\n")
    assert [str(rule) for rule in rules.source.read()] == ["allow run ls *"]

"""Which paths the sandbox lets commands change, and which it keeps."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from aloop.config.user_folders import settings_folder
from aloop.config.values import SandboxSettings
from aloop.sandbox.paths import find_layout, find_program, find_user_program, hidden_folders, ordered, writable_folders


@pytest.fixture
def home(private_home: Path) -> Path:
    return Path(os.path.realpath(private_home))


def test_plain_folder_is_writable_but_for_a_new_repository_and_sessions(home: Path) -> None:
    folder = home / "work"
    layout = find_layout(folder, SandboxSettings(), home)
    assert layout.writable == (folder,)
    assert layout.kept == layout.pinned == ()
    assert layout.blanks == (folder / ".aloop", folder / ".git")


def test_repositories_and_settings_of_tools_are_kept(home: Path) -> None:
    folder = home / "work"
    for name in (".GIT/x", ".hg/x", ".aloop/x", ".vscode", ".claude"):
        (folder / name).mkdir(parents=True)
    (folder / ".mcp.json").touch()
    layout = find_layout(folder, SandboxSettings(), home)
    assert [path.name for path in layout.kept] == [".GIT", ".aloop", ".claude", ".hg", ".mcp.json", ".vscode"]
    assert layout.blanks == ((folder / ".git",) if not (folder / ".git").exists() else ())


def test_empty_repository_folder_counts_as_missing(home: Path) -> None:
    (home / "work" / ".git").mkdir()
    assert home / "work" / ".git" in find_layout(home / "work", SandboxSettings(), home).blanks


@pytest.mark.parametrize("name", [".", ".."])
def test_folder_that_contains_the_home_directory_is_not_writable(home: Path, name: str) -> None:
    layout = find_layout(home / name, SandboxSettings(), home)
    assert layout.writable == layout.blanks == ()


@pytest.mark.parametrize("name", [".ssh", ".config/fish/functions", ".config/aloop/commands", "repo/.git/hooks"])
def test_protected_folder_is_not_writable_as_the_working_directory(home: Path, name: str) -> None:
    (home / name).mkdir(parents=True)
    assert find_layout(home / name, SandboxSettings(), home).writable == ()
    assert find_layout(home / "work", SandboxSettings(writable=(home / name,)), home).writable == (home / "work",)


def test_settings_below_the_working_directory_are_kept_and_the_folders_above_them_pinned(home: Path) -> None:
    settings_folder().mkdir(parents=True)
    folder = home / ".config"
    assert find_layout(folder, SandboxSettings(), home).kept == (settings_folder().resolve(),)
    inner = home / "work" / "a" / "b" / "sessions"
    inner.mkdir(parents=True)
    layout = find_layout(home / "work", SandboxSettings(kept=(inner,)), home)
    assert layout.kept == (inner,)
    assert layout.pinned == (home / "work" / "a", home / "work" / "a" / "b")


def test_program_below_the_working_directory_is_kept(home: Path) -> None:
    folder = Path(sys.prefix).resolve().parent
    assert Path(sys.prefix).resolve() in find_layout(folder, SandboxSettings(), home).kept


def test_submodules_that_git_has_set_up_are_kept_with_the_folders_above_them(home: Path) -> None:
    root = home / "work"
    for name, worktree in {
        "a/full": "../../../../sub/full",
        "b": "../../../b",
        "b/modules/c": "../../../../../b/c",
    }.items():
        (root / ".git" / "modules" / name).mkdir(parents=True)
        (root / ".git" / "modules" / name / "config").write_text(f"[core]\n\tworktree = {worktree}\n")
    for name in ("sub/full", "b/c"):
        (root / name).mkdir(parents=True)
        (root / name / ".git").write_text("gitdir: x\n")
    (root / "b" / ".git").write_text("gitdir: x\n")
    layout = find_layout(root, SandboxSettings(), home)
    assert set(layout.kept) == {root / name for name in (".git", "b/.git", "b/c/.git", "sub/full/.git")}
    assert layout.pinned == (root / "b", root / "b/c", root / "sub", root / "sub/full")
    layout = find_layout(root / "sub", SandboxSettings(), home)  # a folder of the project
    assert (layout.kept, layout.pinned) == ((root / "sub/full/.git",), (root / "sub/full",))


def test_submodules_in_a_file_that_commands_could_have_made_open_no_folder(home: Path) -> None:
    root = home / "work"
    for name in (".git/x", "sub/full/.git/x", "sub/empty", "other/.git"):
        (root / name).mkdir(parents=True)
    (root / "link").symlink_to(root / "other")
    paths = ("sub/full", "sub/empty", "link", "missing", "../../outside", "/etc")
    (root / ".gitmodules").write_text("".join(f"[submodule]\n\tpath = {path}\n" for path in paths))
    layout = find_layout(root, SandboxSettings(), home)
    assert set(layout.kept) == {root / name for name in (".git", ".gitmodules", "sub/full/.git", "sub/empty")}
    assert layout.pinned == ()


@pytest.mark.parametrize(
    ("folder", "blank"),
    [(".config", ".config/aloop"), (".local", ".local/state"), (".local/state", ".local/state/aloop")],
)
def test_missing_settings_and_state_stay_missing(home: Path, folder: str, blank: str) -> None:
    shutil.rmtree(home / ".local")
    (home / folder).mkdir(parents=True)
    layout = find_layout(home / folder, SandboxSettings(), home)
    assert home / blank in layout.blanks
    assert layout.writable == (home / folder,)


def test_no_folder_takes_the_place_of_a_start_up_file(home: Path) -> None:
    (home / ".profile").touch()
    layout = find_layout(home / "work", SandboxSettings(writable=(home,)), home)
    assert layout.writable == (home, home / "work")
    assert home / ".profile" in layout.kept
    assert all(path.parent != home for path in layout.blanks)


def test_folder_below_the_prefix_of_the_interpreter_is_writable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in containers with a project in /usr/src.
    monkeypatch.setattr(sys, "prefix", str(home))
    monkeypatch.setattr(sys, "base_prefix", str(home))
    assert find_layout(home / "work", SandboxSettings(), home).writable == (home / "work",)


@pytest.mark.parametrize(
    "line",
    [
        *("hooksPath = .husky/_", 'HOOKSPATH = ".husky"', "hookspath=.husky/", "hookspath = src/../.husky"),
        *("hooksPath = ~/work/.husky", "hookspath = {root}/.husky/_"),
    ],
)
def test_hooks_in_the_project_are_kept(home: Path, line: str) -> None:
    root = home / "work"
    for name in (".git", ".husky/_"):
        (root / name).mkdir(parents=True)
    (root / ".git" / "config").write_text(f"[core]\n\t{line.format(root=root)}\n")
    assert root / ".husky" in find_layout(root, SandboxSettings(), home).kept
    assert find_layout(root / ".husky" / "_", SandboxSettings(), home).writable == ()
    shutil.rmtree(root / ".husky")
    assert root / ".husky" in find_layout(root, SandboxSettings(), home).blanks


@pytest.mark.parametrize("target", ["missing", ".vscode", "x" * 300], ids=["missing", "loop", "too long"])
def test_link_to_nothing_is_not_kept(home: Path, target: str) -> None:
    (home / "work" / ".vscode").symlink_to(target)
    assert find_layout(home / "work", SandboxSettings(), home).kept == ()


@pytest.mark.parametrize("name", [".git", ".Git", ".hg", ".aloop"])
@pytest.mark.parametrize("target", ["missing", "repository", ".."])
def test_repository_that_is_a_link_is_an_error(home: Path, name: str, target: str) -> None:
    (home / "work" / "repository").mkdir()
    (home / "work" / name).symlink_to(target)
    with pytest.raises(OSError, match="is a link, which cannot be protected"):
        find_layout(home / "work", SandboxSettings(), home)


@pytest.mark.parametrize("path", ["a\0b", "a" * 300, "a/" * 3_000])
def test_submodule_with_an_impossible_path_is_left_out(home: Path, path: str) -> None:
    (home / "work" / ".gitmodules").write_text(f"path = {path}\n")
    layout = find_layout(home / "work", SandboxSettings(), home)
    assert layout.kept == (home / "work" / ".gitmodules",)


@pytest.mark.parametrize("target", ["missing", "../src"])
@pytest.mark.parametrize("is_set_up", [False, True])
def test_submodule_with_a_link_as_its_repository_is_kept(home: Path, target: str, is_set_up: bool) -> None:
    root = home / "work"
    for name in ("sub", "src", ".git/modules/sub"):
        (root / name).mkdir(parents=True)
    (root / "sub" / ".git").symlink_to(target)
    if is_set_up:
        (root / ".git" / "modules" / "sub" / "config").write_text("worktree = ../../../sub\n")
    else:
        (root / ".gitmodules").write_text("path = sub\n")
    assert root / "sub" in find_layout(root, SandboxSettings(), home).kept


def test_repository_in_another_folder_of_the_project_is_kept(home: Path) -> None:
    root = home / "work"
    (root / "repository").mkdir()
    for path in ("repository", root / "repository"):
        (root / ".git").write_text(f"gitdir: {path}\n")
        assert find_layout(root, SandboxSettings(), home).kept == (root / ".git", root / "repository")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all folders")
def test_submodule_in_a_locked_folder_is_kept(home: Path) -> None:
    root = home / "work"
    (root / "locked" / "sub").mkdir(parents=True)
    (root / ".gitmodules").write_text("path = locked/sub\n")
    (root / "locked").chmod(0)
    try:
        assert root / "locked" in find_layout(root, SandboxSettings(), home).kept
    finally:
        (root / "locked").chmod(0o700)


def test_named_pipe_in_place_of_the_list_of_submodules_is_not_opened(home: Path) -> None:
    os.mkfifo(home / "work" / ".gitmodules")
    assert find_layout(home / "work", SandboxSettings(), home).kept == (home / "work" / ".gitmodules",)


@pytest.mark.parametrize("path", [".", "./", "src/..", "link", "link/hooks"])
def test_project_with_hooks_that_cannot_be_told_apart_is_not_writable(home: Path, path: str) -> None:
    root = home / "work"
    for name in (".git", "src"):
        (root / name).mkdir()
    (root / "link").symlink_to("src")
    (root / ".git" / "config").write_text(f"[core]\n\thooksPath = {path}\n")
    assert find_layout(root, SandboxSettings(), home).writable == ()


def test_folders_with_credentials_are_hidden_unless_the_command_runs_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = home / "runtime"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for path in (runtime / "x", home / ".config" / "anthropic"):
        path.mkdir(parents=True)
    assert hidden_folders(home, [home / "work"]) == (home / ".config" / "anthropic", runtime)
    assert hidden_folders(home, [runtime / "x"]) == (home / ".config" / "anthropic",)


def test_parents_come_first() -> None:
    a, b = Path("/a"), Path("/a/b")
    assert ordered([b, Path("/a/b/c")], [a, b]) == [(a, 1), (b, 0), (b, 1), (Path("/a/b/c"), 0)]


def add_program(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tool").touch(0o755)
    return str(folder / "tool")


def test_program_is_the_first_that_commands_cannot_replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_program(tmp_path / "work" / "bin")
    add_program(tmp_path / "cargo" / "bin")
    trusted = add_program(tmp_path / "system")
    writable = [tmp_path / "work", tmp_path / "cargo"]
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("work/bin", "cargo/bin", "system")))
    assert find_program("tool", writable) == trusted
    monkeypatch.setenv("PATH", f"{tmp_path / 'cargo' / 'bin'}")
    assert find_program("tool", writable) is None


def test_program_relative_to_the_working_directory_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_program(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin:.:")
    assert find_program("tool", []) is None


def test_program_behind_a_link_that_commands_could_replace_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, links = tmp_path / "work", tmp_path / "links"
    add_program(tmp_path / "system")
    for folder in (work, links / "file"):
        folder.mkdir(parents=True)
    (work / "tool").symlink_to(tmp_path / "system" / "tool")
    (work / "system").symlink_to("../system")
    (links / "folder").symlink_to("../work/system")
    (links / "work").symlink_to(work)
    (links / "file" / "tool").symlink_to("../../work/tool")
    (links / "good").symlink_to("../system")
    for path in (work, links / "work", links / "file", links / "folder", work / "missing" / ".." / ".." / "system"):
        monkeypatch.setenv("PATH", str(path))
        assert find_program("tool", [work]) is None
        monkeypatch.setenv("PATH", f"{path}:{links / 'good'}")
        assert find_program("tool", [links / "work"]) == str(links / "good" / "tool")


def test_working_directory_with_the_home_directory_holds_programs_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    program = add_program(tmp_path / "home" / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "home" / "bin"))
    other = tmp_path / "other"
    assert find_program("tool", writable_folders(tmp_path / "home", [other])) == program
    assert writable_folders(Path("/"), [other]) == [other]
    assert writable_folders(tmp_path / "home" / "work", [other]) == [tmp_path / "home" / "work", other]


def test_program_of_the_user_is_not_one_that_is_left_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    planted, trusted = add_program(work / "bin"), add_program(tmp_path / "system")
    monkeypatch.chdir(work)
    monkeypatch.setenv("PATH", os.pathsep.join((str(work / "bin"), str(tmp_path / "system"))))
    assert find_user_program("tool") == trusted
    assert find_user_program("tool", {"PATH": str(work / "bin")}) is None
    assert find_user_program(planted) == planted


def test_program_of_the_user_is_not_one_in_a_folder_that_the_settings_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_home: Path
) -> None:
    add_program(tmp_path / "opened" / "bin")
    trusted = add_program(tmp_path / "system")
    config = private_home / ".config" / "aloop" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'sandbox_write = ["{tmp_path / "opened"}"]\n')
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "opened" / "bin"), str(tmp_path / "system"))))
    assert find_user_program("tool") == trusted


def test_program_of_the_user_is_found_without_a_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = add_program(tmp_path / "system")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work").rmdir()
    monkeypatch.setenv("PATH", str(tmp_path / "system"))
    assert find_user_program("tool") == trusted

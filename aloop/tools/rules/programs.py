"""Programs that matter for rules about commands."""

from __future__ import annotations

import re
from collections.abc import Sequence


def _names(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


# They run other commands, or change what later commands of the same line do. No prefix rule covers them.
_RUNNERS = _names(
    # Other programs with other rights, in another place, later or often.
    "env sudo doas su runuser pkexec xargs parallel nohup nice ionice timeout time stdbuf setsid setpriv chrt taskset",
    "watch entr flock script unshare nsenter chroot bwrap firejail systemd-run at batch crontab ssh sshpass mosh",
    "strace ltrace gdb lldb valgrind find fd fdfind tar busybox toybox osascript npx pnpx bunx uvx pipx dotenv direnv",
    "expect",
    # Shells, editors and pagers.
    "sh bash rbash dash ash zsh ksh mksh fish csh tcsh pwsh vi vim nvim view ex ed emacs nano less more man",
    "awk gawk mawk nawk sed gsed",
    # Commands of the shell itself.
    ". source eval exec command builtin trap alias unalias export declare typeset local readonly set unset shopt",
    "enable hash coproc function cd pushd popd bind complete read mapfile readarray ulimit umask return break",
    "continue exit logout fc history wait jobs fg bg disown kill",
)
_INTERPRETERS = re.compile(
    r"(?:python|pypy|perl|ruby|php|node|nodejs|deno|bun|lua|luajit|tclsh|Rscript|R|julia|java|ghci|runghc|irb|swift)"
    r"[\d.]*"
)
# Subcommands that run the words after them, or define what other subcommands run.
_GIT_RUNNERS = _names("submodule bisect filter-branch config difftool mergetool")

_PLAIN = re.compile(r"[a-z][a-z0-9:_-]*")
# The first words of commands that look, build or test: the rest of the line is usually different each time.
_FAMILIES = {
    "git": _names("status diff log show add commit fetch blame shortlog describe rev-parse ls-files"),
    "cargo": _names("build check test clippy fmt doc bench tree"),
    "go": _names("build test vet fmt list doc"),
    "npm": _names("test ls outdated"),
    "yarn": _names("test list"),
    "pnpm": _names("test ls"),
    "dotnet": _names("build test"),
    "swift": _names("build test"),
    "mix": _names("test compile format"),
    "ruff": _names("check format"),
    "docker": _names("ps images logs"),
    "kubectl": _names("get describe logs"),
    "gh": _names(),
}
_SCRIPT_RUNNERS = _names("npm yarn pnpm")
_TOOLS = _names(
    "pytest mypy pyright pylint flake8 black isort eslint prettier tsc jest vitest mocha rspec rubocop phpunit",
    "make shellcheck",
)


def is_runner(program: str) -> bool:
    """Return True if a program runs other commands or changes later ones."""
    return program.rpartition("/")[2] in _RUNNERS


def is_open_ended(words: Sequence[str]) -> bool:
    """Return True if a command that begins with ``words`` could still run anything."""
    program = words[0].rpartition("/")[2]
    if is_runner(program):
        return True
    if program == "git" and len(words) > 1 and words[1] in _GIT_RUNNERS:
        return True
    if not _INTERPRETERS.fullmatch(program):
        # An option before the subcommand may define one: git -c alias.x=!command x
        return len(words) > 1 and words[1].startswith("-") and program in _FAMILIES
    # A script or module must be named.
    return len(words) < 2 or (words[1].startswith("-") and not (words[1] == "-m" and len(words) > 2))


def usual_prefix_length(words: Sequence[str]) -> int:
    """Return how many words name the kind of a command; 0 if all of it does."""
    program = words[0].rpartition("/")[2]
    second = words[1] if len(words) > 1 else ""
    if second in _FAMILIES.get(program, ()):
        return 2
    if program in _SCRIPT_RUNNERS and second == "run" and len(words) > 2 and _PLAIN.fullmatch(words[2]):
        return 3
    if _INTERPRETERS.fullmatch(program) and second == "-m" and len(words) > 2 and words[2] in _TOOLS:
        return 3
    return 1 if program in _TOOLS else 0

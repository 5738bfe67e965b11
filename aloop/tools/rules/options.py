"""Options that only select or show: prefix rules cover them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIFF = (
    "-p -u -U -w -b -M -C -R -z -a --stat --shortstat --numstat --summary --name-only --name-status --cached --staged "
    "--check --color --no-color --no-ext-diff --word-diff --color-words --unified --diff-filter --ignore-all-space "
    "--ignore-space-change --ignore-blank-lines --minimal --patience --histogram --no-renames --merge-base --patch "
    "--no-patch --exit-code --quiet --raw"
)
_LOG = (
    f"{_DIFF} -n -s -i -S -G -L -E -F --oneline --graph --pretty --format --all --author --grep --since --until "
    "--after --before --decorate --follow --merges --no-merges --first-parent --reverse --date --abbrev-commit "
    "--max-count --branches --tags --topo-order --left-right"
)
_SCRIPTS = "-s --silent --watch --watchAll --coverage --verbose --bail --ci --run"
_CARGO = (
    "-v -q -p -j --release --all --workspace --lib --bins --tests --benches --examples --all-targets --all-features "
    "--no-default-features --features --package --verbose --quiet --no-run --nocapture --test-threads --check --locked "
    "--offline --frozen --no-fail-fast --exact --ignored --include-ignored --test --example --bench --bin --no-deps"
)
_GO = "-v -run -race -count -short -cover -bench -benchmem -timeout -json -tags -failfast -parallel -skip -list"
_KUBECTL = (
    "-n -o -A -l -w -c -p --namespace --output --all-namespaces --selector --watch --show-labels --tail --since "
    "--previous --follow --container"
)
_JEST = "-t -i -u -b --testNamePattern --runInBand --watch --watchAll --coverage --verbose --bail --ci --silent --run"
# A program, or one with its subcommand. Of a name that several programs share, each entry has its own meaning.
_SAFE = {
    "git status": "-s -b -u -v -z --short --branch --porcelain --long --ignored --untracked-files --show-stash",
    "git diff": _DIFF,
    "git log": _LOG,
    "git show": _LOG,
    "git add": "-A -u -v -n -N --all --update --verbose --dry-run --intent-to-add",
    "git commit": "-m -a -s -q -v --message --all --amend --no-edit --quiet --verbose --dry-run --signoff",
    "git fetch": "-p -t -q -v -a --prune --all --tags --quiet --verbose --dry-run --no-tags",
    "git blame": "-L -w -C -M -e -s",
    "git shortlog": "-s -n -e --summary --numbered --email --since --until --no-merges",
    "git describe": "--tags --always --abbrev --dirty --all --long --match --contains",
    "git rev-parse": "--short --abbrev-ref --show-toplevel --verify --git-dir --symbolic-full-name",
    "git ls-files": "-m -o -c -s -d -z --others --modified --exclude-standard --cached --stage --deleted",
    "git branch": "-a -r -v --all --remotes --list --show-current --contains --merged --no-merged --verbose",
    "cargo": _CARGO,
    "cargo clippy": "-D -W -A",
    "go": _GO,
    "npm": f"{_SCRIPTS} --depth",
    "yarn": _SCRIPTS,
    "pnpm": _SCRIPTS,
    "dotnet": "-c -v -f --configuration --verbosity --no-restore --no-build --filter --framework --nologo",
    "swift": "-c -v --configuration --filter --parallel --verbose",
    "ruff": "-q -v -n --fix --select --ignore --extend-select --diff --check --statistics --show-fixes --quiet "
    "--unsafe-fixes --verbose --exclude --no-cache --no-fix --output-format",
    "docker": "-a -q -f -n -l -s -t --all --quiet --filter --tail --since --no-trunc --timestamps --follow",
    "kubectl": _KUBECTL,
    "pytest": "-q -v -x -s -k -m -l -r -n --lf --ff --last-failed --failed-first --tb --maxfail --durations --co "
    "--collect-only --no-header --verbose --quiet --exitfirst --stepwise --sw --color --cov --numprocesses --markers "
    "--showlocals --capture --disable-warnings --timeout --no-cov",
    "mypy": "-v -p -m --strict --ignore-missing-imports --pretty --show-error-codes --follow-imports --no-incremental "
    "--no-color-output --explicit-package-bases --namespace-packages --no-error-summary",
    "pyright": "--verbose --stats --outputjson --warnings",
    "pylint": "-d -e -E -j --disable --enable --errors-only --jobs",
    "flake8": "--max-line-length --select --ignore --extend-ignore --count --statistics --show-source --exclude",
    "black": "-q -v -l -S -t --check --diff --quiet --verbose --line-length --color",
    "isort": "-c -q -v --check --check-only --diff --quiet",
    "eslint": "--fix --fix-dry-run --quiet --ext --max-warnings --color --no-color",
    "prettier": "-c -w -l --check --write --list-different",
    "tsc": "--noEmit --pretty --strict --skipLibCheck",
    "jest": _JEST,
    "vitest": _JEST,
    "mocha": "-g -b --grep --bail",
    "rspec": "-e -b --example --fail-fast --tag --backtrace",
    "rubocop": "-a -A -l --autocorrect --autocorrect-all --lint --only --parallel",
    "phpunit": "--filter --testdox --stop-on-failure --group --testsuite",
    "shellcheck": "-x -s -S -e -f --severity --exclude --shell --format",
    "make": "-j -B -i -k -n -s --jobs --silent --quiet --always-make --keep-going --ignore-errors --dry-run",
    "ls": "-l -a -A -h -R -t -r -d -F -S -s -i -p -g -o -n -c -u -C -m -x --all --almost-all --human-readable --color",
    "cat": "-n -b -A -e -t -v -s -E -T",
    "echo": "-n -e -E",
    "head": "-n -c -q -v --lines --bytes",
    "tail": "-n -c -q -v -f -F --lines --bytes --follow",
    "wc": "-l -w -c -m -L --lines --words --bytes --chars",
    "grep": "-r -R -n -i -E -F -P -G -w -x -l -L -c -v -o -h -H -A -B -C -e -q -s -I -a -z -m --include --exclude "
    "--exclude-dir --color --count --recursive --ignore-case --line-number --fixed-strings --extended-regexp",
    "rg": "-n -i -l -w -F -e -g -t -T -c -v -o -S -A -B -C -u -U -N -L -p -P -q -s -H -x -m --pretty --files --hidden "
    "--glob --type --json --stats --no-ignore --sort --count --ignore-case --fixed-strings --multiline --context",
    "sort": "-n -r -u -k -t -f -h -V -b --numeric-sort --reverse --unique --key",
    "uniq": "-c -d -u -i --count",
    "cut": "-d -f -c -b -s",
    "tr": "-d -s -c",
    "diff": "-u -r -q -w -b -i -N -y --unified --recursive --brief --color",
    "tree": "-L -a -d -I -P -f -h --gitignore",
    "du": "-s -h -a -c -d --max-depth",
    "df": "-h -T -i",
    "mkdir": "-p -v",
    "stat": "-c -f",
    "jq": "-r -c -s -e -n -S",
    "test": "-f -d -e -r -w -x -s -n -z -L",
}
_ALIASES = {"gmake": "make", "[": "test"}
_SHORT = re.compile(r"-([A-Za-z]+)\d*")

# make expands its arguments: `X:=$(shell COMMAND)` runs a command, and a variable can name a program.
_MAKE_TARGET = re.compile(r"[\w./+-]+")


def is_covered(words: Sequence[str], word: str) -> bool:
    """Return True if a rule covers ``word`` after ``words``, a program first."""
    program, *others = words
    program = program.rpartition("/")[2]
    if program.startswith(("python", "pypy")) and others[:1] == ["-m"]:
        program = "".join(others[1:2])
    program = _ALIASES.get(program, program)
    if not word.startswith("-"):
        if program == "make":
            return _MAKE_TARGET.fullmatch(word) is not None
        # A file with further options, and an option of MSBuild.
        return (program == "git" or not word.startswith("@")) and (program != "dotnet" or not word.startswith("/"))
    if word in ("-", "--"):
        return True
    safe = {*_SAFE.get(program, "").split(), *_SAFE.get(f"{program} {''.join(others[:1])}", "").split()}
    if word.partition("=")[0] in safe or (safe and word[1:].isdecimal()):
        return True
    letters = _SHORT.fullmatch(word)
    return letters is not None and all(f"-{letter}" in safe for letter in letters[1])

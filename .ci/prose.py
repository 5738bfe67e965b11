"""Report wording that docs/style does not allow, in the texts that people read.

    python .ci/prose.py [PATH ...]

Reads Markdown files, and in Python files the comments, the string literals and the names of tests. Exits with 1 when
it finds something. Each entry of ALLOWED says where a listed word is right.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

# What is refused, and what to write instead. Sentences are matched line by line.
RULES: tuple[tuple[str, str], ...] = (
    (r"\bcan not\b", "cannot"),
    (r"\b(?:nobody|somebody)\b", "no one, the user, another process"),
    (r"\bwhoever\b", "anyone who"),
    (r"\ba person\b", "the user, you"),
    (r"(?:^|[.;:(] )Who [a-z]+(?![^.]*\?)", "anyone who"),
    (r"\b(?:go|goes|going|went|gone) on\b(?! (?:its|their|the|a) )", "continue, resume"),
    (r"\banew\b|\bonce more\b", "again"),
    (r"\bmend(?:s|ed|ing)?\b", "fix, repair"),
    (r"\bshall\b", "should, will, or nothing"),
    (r"\bparted\b", "separated"),
    (r"\b(?:a|unique|the) beginning of (?:an|the|its|one) id\b", "an ID prefix"),
    (r"(?<![Tt]here )\b(?:is|are|was) no (?!longer|one\b|more\b|less\b|such\b|later\b|earlier\b)[a-z]", "is not a"),
    (r"[,;:] for (?:it|they|there|we|you|he|she|nothing|most|few) ", "because"),
    (r"\b(?:tells|says)\b", "shows, reports, means"),
    (r"\btold of\b", "reported"),
    (r"\bis there already\b", "already exists"),
    (r"\b(?:stands|lies)\b", "is"),
    (r"(?i)\bbehind\b", "after"),
    (r"\brules? for a beginning\b", "a prefix rule"),
    (r"\b(?:is|are|was|were) to be\b", "must, will"),
    (r"\btold (?:apart|from)\b", "distinguished"),
    (r"\bat the most\b", "at most"),
    (r"\bof ours\b", "our, the product's"),
    (r"\balso (?:if|when|after|during|without)\b", "even if, even after, including"),
    (r"\b(?:in|out)side of (?:the|a|an|it|them|this|that)\b", "inside, outside"),
    (r"\b(?:[Ss]et|[Ss]tart)-up\b|\bwhite space\b", "setup, startup, whitespace"),
    (r"\bhome folder\b", "home directory"),
    (r"\b[Aa]nother [a-z]+ than\b", "a ... other than"),
    (r"\b(?:what there is|not to be had|in vain)\b", "a plain sentence"),
    (r"\bas long as it takes\b|\bmeanwhile\b|\bof (?:its|their|our|his) own\b", "delete it"),
    (
        r"(?i)\b(?:colour|summaris|recognis|behaviour|catalogue|neighbour|normalis|licence)",
        "American spelling, as in --no-color",
    ),
    (r"(?:^|[.:;] )What (?!if\b)[a-z']+ (?![^.]*\?)", "a noun: problems, the rest"),
)
DOCSTRING_START = (r"^(?:What|Whether|Where|How|Who)\b", "an imperative or a noun phrase")
DOCSTRING_LENGTH = 80
_TEST_NAME = (
    r"_(?:nobody|somebody|whoever|anew|shall|parted|tells|says|stands|lies|meanwhile)(?:_|$)"
    r"|_mend(?:s|ed|ing)?(?:_|$)|_can_not(?:_|$)|_once_more(?:_|$)|_go(?:es)?_on(?:_|$)|_is_no_(?!longer)"
    r"|^test_(?:what|who|where|one|it|that|so|this)_"
)
TEST_NAME = (_TEST_NAME, "unit and outcome")

# Pairs of a path pattern and a regular expression for the text around the finding.
ALLOWED: tuple[tuple[str, str], ...] = (
    (".ci/prose.py", r"."),  # the list itself
    ("*", r"\b(?:[Mm]odels?|agent|rules|tests) behind\b|\bbehind (?:a link|each promise)\b"),  # an interface, a cause
    ("*", r"\blea(?:ves?|ving)(?: \w+){0,3} behind\b|\bleft behind\b"),
    ("*", r"\bBehind a proxy\b"),
    ("tests/figures/contrast.py", r"\bwhat is behind it\b"),  # a color
)


class Finding(NamedTuple):
    """One refused wording, with the text around it and a proposal."""

    path: Path
    line: int
    text: str
    proposal: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.text}  → {self.proposal}"


def find(path: Path) -> Iterator[Finding]:
    """Yield the findings in one file."""
    text = path.read_text(encoding="utf-8")
    pieces = markdown_pieces(text) if path.suffix == ".md" else python_pieces(text)
    for line, piece in pieces:
        for pattern, proposal in RULES:
            for match in re.finditer(pattern, piece):
                around = piece[max(0, match.start() - 30) : match.end() + 30].strip()
                yield Finding(path, line, around, proposal)
    if path.suffix == ".py":
        yield from find_in_definitions(path, ast.parse(text))


def markdown_pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield paragraphs outside fenced code, each as one line, with the number of their first line."""
    in_fence, start, words = False, 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.lstrip().startswith(("```", "~~~")):
            in_fence = not in_fence
        elif line.strip() and not in_fence:
            start = start if words else number
            words.append(line.strip())
            continue
        if words:
            yield start, " ".join(words)
            words = []


def python_pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield comments (neighboring lines as one) and paragraphs of string literals."""
    start, words, last = 0, list[str](), -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if words and token.start[0] != last + 1:
                yield start, " ".join(words)
                words = []
            start = start if words else token.start[0]
            last = token.start[0]
            words.append(token.string.lstrip("#: "))
    if words:
        yield start, " ".join(words)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for paragraph in re.split(r"\n\s*\n", node.value):
                yield node.lineno, " ".join(paragraph.split())


def find_in_definitions(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """Yield the findings in names of tests and in first lines of docstrings."""
    for node in ast.walk(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.name.startswith("test_") and re.search(TEST_NAME[0], node.name):
            yield Finding(path, node.lineno, node.name, TEST_NAME[1])
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node)
        if docstring:
            first = docstring.splitlines()[0]
            line = getattr(node, "lineno", 1)
            if re.search(DOCSTRING_START[0], first):
                yield Finding(path, line, first, DOCSTRING_START[1])
            if len(first) > DOCSTRING_LENGTH:
                yield Finding(path, line, first, f"a first line of at most {DOCSTRING_LENGTH} characters")


def is_allowed(finding: Finding) -> bool:
    """Return True if an entry of ALLOWED fits."""
    name = finding.path.relative_to(ROOT)
    return any(name.match(pattern) and re.search(around, finding.text) for pattern, around in ALLOWED)


def tracked_files() -> list[Path]:
    """Return the Markdown and Python files under version control."""
    command = ["git", "ls-files", "*.md", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def main(arguments: list[str]) -> int:
    """Print the findings in the named files and folders, or in all files, and return the exit code."""
    named = [Path(argument).resolve() for argument in arguments]
    files = [path for path in tracked_files() if not named or any(path.is_relative_to(name) for name in named)]
    findings = [finding for path in files for finding in find(path) if not is_allowed(finding)]
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings in {len(files)} files")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Ten small tasks of the kind that users give an agent in a directory."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.agent.tasks.task import Check, Task

_SUMS = "def mean(numbers):\n    return sum(numbers) / (len(numbers) - 1)\n"
_TEST = """\
import unittest

from sums import mean


class Mean(unittest.TestCase):
    def test_of_three(self):
        self.assertEqual(mean([1, 2, 6]), 3)
"""


def holds(name: str, text: str) -> Check:
    """Return a check that a file equals ``text``, except for line endings at its end."""

    def check(folder: Path, _answer: str) -> None:
        assert (folder / name).read_bytes().decode().rstrip("\r\n") == text.rstrip("\r\n")

    return check


def mentions(*words: str) -> Check:
    """Return a check that the answer contains all of ``words``."""

    def check(_folder: Path, said: str) -> None:
        assert all(word in said for word in words), said

    return check


def both(*checks: Check) -> Check:
    def check(folder: Path, said: str) -> None:
        for part in checks:
            part(folder, said)

    return check


def passes(command: str) -> Check:
    """Return a check that ``command`` succeeds in the directory."""

    def check(folder: Path, _answer: str) -> None:
        done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return check


def is_gone(name: str) -> Check:
    def check(folder: Path, _answer: str) -> None:
        assert not (folder / name).exists()

    return check


MAKE = Task(
    name="create a file",
    prompt="Create a file hello.txt with one line: Hello, world!",
    steps=[[("write_file", {"path": "hello.txt", "content": "Hello, world!\n"})]],
    answer="Created hello.txt.",
    check=holds("hello.txt", "Hello, world!\n"),
)
MAKE_A_PROGRAM = Task(
    name="create a program and run it",
    prompt="Write src/squares.py, a program that prints the squares of 1 to 5, one per line, and run it with python3.",
    steps=[
        [("write_file", {"path": "src/squares.py", "content": "for n in range(1, 6):\n    print(n * n)\n"})],
        [("run_shell", {"command": "python3 src/squares.py"})],
    ],
    answer="It prints 1, 4, 9, 16 and 25.",
    check=both(passes("test \"$(python3 src/squares.py | tr '\\n' ' ')\" = '1 4 9 16 25 '"), mentions("25")),
)
EDIT = Task(
    name="edit one of two equal lines",
    prompt="In settings.ini set the port of the section [admin] to 9000. Change nothing else.",
    files={"settings.ini": "[web]\nport = 8000\n\n[admin]\nport = 8000\n"},
    steps=[
        [("read_file", {"path": "settings.ini"})],
        [
            (
                "edit_file",
                {"path": "settings.ini", "old_text": "[admin]\nport = 8000", "new_text": "[admin]\nport = 9000"},
            )
        ],
    ],
    answer="The admin port is 9000 now.",
    check=holds("settings.ini", "[web]\nport = 8000\n\n[admin]\nport = 9000\n"),
)
RENAME = Task(
    name="rename everywhere",
    prompt="Rename the function old_name to new_name in all Python files here.",
    files={
        "names.py": "def old_name():\n    return 1\n",
        "use.py": "from names import old_name\n\nassert old_name() == old_name()\n",
    },
    steps=[
        [("search_files", {"pattern": "old_name"})],
        [
            ("edit_file", {"path": "names.py", "old_text": "old_name", "new_text": "new_name"}),
            ("edit_file", {"path": "use.py", "old_text": "old_name", "new_text": "new_name", "replace_all": True}),
        ],
    ],
    answer="old_name is new_name in names.py and use.py.",
    check=passes("python3 use.py && ! grep -rq old_name --include='*.py' . && grep -q new_name use.py"),
)
FIND = Task(
    name="find",
    prompt="In which file is the variable TIMEOUT set, and to what?",
    files={"README.md": "See the TIMEOUT.\n", "app/main.py": "from app import net\n", "app/net.py": "TIMEOUT = 42\n"},
    steps=[[("search_files", {"pattern": "TIMEOUT\\s*=", "glob": "*.py"}), ("list_files", {"path": "app"})]],
    answer="app/net.py sets it to 42.",
    check=mentions("net.py", "42"),
)
COUNT = Task(
    name="count",
    prompt="How many Python files are there in this directory, at any depth? Answer with the number.",
    files={"a.py": "", "b.txt": "", "c/d.py": "", "c/e/f.py": "", "c/e/g.md": ""},
    steps=[[("list_files", {"pattern": "**/*.py"})]],
    answer="There are 3.",
    check=mentions("3"),
)
ADD_UP = Task(
    name="read and calculate",
    prompt="Add up the amounts in bill.csv. Answer with the sum.",
    files={"bill.csv": "item,amount\npaper,12.50\nink,30.25\nstamps,9.15\n"},
    steps=[[("read_file", {"path": "bill.csv"})], [("calculator", {"expression": "12.50 + 30.25 + 9.15"})]],
    answer="They add up to 51.90.",
    check=mentions("51.9"),
)
FIX = Task(
    name="fix a failing test",
    prompt="The test fails (python3 -m unittest). Fix the program, not the test, and check that it passes.",
    files={"sums.py": _SUMS, "test_sums.py": _TEST},
    steps=[
        [("run_shell", {"command": "python3 -m unittest"})],
        [("read_file", {"path": "sums.py"}), ("read_file", {"path": "test_sums.py"})],
        [("edit_file", {"path": "sums.py", "old_text": "(len(numbers) - 1)", "new_text": "len(numbers)"})],
        [("run_shell", {"command": "python3 -m unittest"})],
    ],
    answer="mean divided by a count one too small; the test passes now.",
    check=both(passes("python3 -m unittest"), holds("test_sums.py", _TEST)),
)
MOVE = Task(
    name="move a file",
    prompt="Move draft.md into a folder named done, under the same name.",
    files={"draft.md": "# Draft\n"},
    steps=[[("run_shell", {"command": "mkdir -p done && mv draft.md done/"})]],
    answer="It is done/draft.md.",
    check=both(holds("done/draft.md", "# Draft\n"), is_gone("draft.md")),
)
KEEP_LINE_ENDS = Task(
    name="edit a file from Windows",
    prompt="In greet.bat change the greeting from hello to good day. Keep its Windows line endings.",
    files={"greet.bat": "@echo off\r\necho hello\r\npause\r\n"},
    steps=[[("edit_file", {"path": "greet.bat", "old_text": "echo hello\n", "new_text": "echo good day\n"})]],
    answer="The greeting is good day now.",
    check=holds("greet.bat", "@echo off\r\necho good day\r\npause\r\n"),
)

TASKS = (MAKE, MAKE_A_PROGRAM, EDIT, RENAME, FIND, COUNT, ADD_UP, FIX, MOVE, KEEP_LINE_ENDS)

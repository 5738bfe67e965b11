"""Make the pictures of the documentation from real runs of the shell.

    python -m docs.make_screenshot

The shell runs on a pseudo-terminal with the offline model, or with a server that sends scripted answers. pyte keeps the
screen, and rich draws its cells. Needs the test extras.
"""

from __future__ import annotations

import itertools
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.homes import settle
from tests.stub import Answer, Gate, StubServer, Thinking, ToolUse
from tests.stub import Text as Said

ROWS, TALL_ROWS, COLUMNS = 32, 46, 84
DOCS = Path(__file__).parent
DOWN = "\x1b[B"
_OFFLINE = ("--model", "offline")
_DARK = {"COLORFGBG": "15;0", "COLORTERM": "truecolor"}  # the colors of MONOKAI
_SGR, _CUT_CODE = re.compile(r"\x1b\[([\d;]*)m"), re.compile(r"\x1b(?:\[[\d;?]*)?\Z")
_CODES = re.compile(r"[34]8;(?:5;\d+|2;\d+;\d+;\d+)|\d+")
_DIM, _BLINKING = "2", "5"  # pyte does not know dim text, and nothing blinks

EDIT = 'write greet.py: print("Hello, Ada")'
# Sessions for the pictures of the picker and of completion.
MORE = ("Who has the figures?", "What is 17 * 23?", "read notes.txt again", "Plan the meeting", "What is 2^10?")


class Screen:
    """The shell on a terminal, and its screen."""

    def __init__(
        self, folder: Path, rows: int = ROWS, arguments: Sequence[str] = _OFFLINE, env: Mapping[str, str] | None = None
    ) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("ALOOP_", "ANTHROPIC_"))
        }
        environment |= {"HOME": str(folder.parent), "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"} | _DARK
        environment |= {"PYTHONPATH": str(DOCS.parent), **(env or {})}
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "aloop", *arguments],
            cwd=str(folder),
            env=environment,  # type: ignore[arg-type] # the stubs know os.environ alone
            dimensions=(rows, COLUMNS),
            encoding="utf-8",
        )
        self._rest = ""  # of an escape code that is not complete
        self.screen = pyte.Screen(COLUMNS, rows)
        self.stream = pyte.Stream(self.screen)

    def wait_for(self, pattern: str) -> None:
        """Wait until the text of the screen matches."""
        self._wait(lambda: re.search(pattern, "\n".join(self.screen.display)) is not None, pattern)

    def type(self, line: str) -> None:
        self.child.send(line)
        self._wait(lambda: line in "\n".join(self.screen.display), line)
        self.child.send("\r")

    def ask(self, line: str) -> None:
        """Enter ``line`` and wait for an empty prompt below a blank row."""
        self.type(line)
        self.wait_for(rf"> {re.escape(line)}[\s\S]*\n *\n> *\n.* messages")

    def press(self, keys: str, pattern: str) -> None:
        """Press ``keys`` and wait until the text of the screen matches."""
        self.child.send(keys)
        self.wait_for(pattern)

    def draw(self, name: str) -> None:
        """Write the screen, down to its last row, as a picture."""
        shown = self.as_text()
        height = len(shown.plain.rstrip().split("\n"))
        console = Console(record=True, width=COLUMNS, height=height, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
        console.print(Text("\n").join(shown.split("\n")[:height]), end="")
        (DOCS / name).write_text(console.export_svg(title="aloop", theme=MONOKAI, unique_id=Path(name).stem))
        print(f"{name}:\n{shown.plain.rstrip()}\n")

    def _wait(self, done: Callable[[], bool], expected: str) -> None:
        while not done():
            try:
                self._feed(self.child.read_nonblocking(4096, timeout=20))
            except (pexpect.TIMEOUT, pexpect.EOF):
                sys.exit(f"{expected!r} did not appear. The screen was:\n" + "\n".join(self.screen.display))

    def _feed(self, text: str) -> None:
        text = self._rest + text
        cut = _CUT_CODE.search(text)
        self._rest = cut[0] if cut else ""
        self.stream.feed(_SGR.sub(_with_dim, text.removesuffix(self._rest)))

    def as_text(self) -> Text:
        """Return the screen with its colors."""
        return Text("\n").join(self._row(number) for number in range(self.screen.lines))

    def _row(self, number: int) -> Text:
        cells = [self.screen.buffer[number][column] for column in range(COLUMNS)]
        row = Text()
        for style, alike in itertools.groupby(cells, _style):
            row.append("".join(cell.data for cell in alike), style)
        row.rstrip()
        return row


def _with_dim(found: re.Match[str]) -> str:
    codes = (_BLINKING if code == _DIM else code for code in _CODES.findall(found[1]))
    return f"\x1b[{';'.join(codes)}m"


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_color(cell.fg),
        bgcolor=_color(cell.bg),
        bold=cell.bold,
        dim=cell.blink,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _color(name: str) -> str | None:
    """Return rich's name for a color of pyte."""
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return name.replace("brown", "yellow").replace("bright", "bright_")


ANSWER = """\
The numbers come from `notes.txt`, and the total is one line of Python:

```python
def total(rows: list[Row]) -> Decimal:
    return sum(row.amount for row in rows)  # exact
```

| Month | Invoices | Total    |
|-------|---------:|---------:|
| April |       12 | 3,180.00 |
| May   |        9 | 2,745.50 |

- [x] April is complete
- [ ] May lacks """
CHANGE = {"path": "greet.py", "old_text": "'Hello ' + name", "new_text": "f'Hello, {name}!'"}
GREETING = "def greet(name: str) -> None:\n    print('Hello ' + name)\n\n\ngreet('Ada')\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        draw_offline(_project(home))
    with tempfile.TemporaryDirectory() as home, StubServer() as stub:
        draw_answers(_project(home), stub)


def _project(home: str) -> Path:
    """Return a folder that is shown as ``~/hello``."""
    settle(Path(home))
    folder = Path(home, "hello")
    folder.mkdir()
    return folder


def draw_answers(folder: Path, stub: StubServer) -> None:
    """Draw a streaming answer, a permission question, and plain mode."""
    (folder / "greet.py").write_text(GREETING)
    gate = Gate()
    screen = Screen(folder, arguments=(), env=stub.env)
    screen.wait_for(r"(?m)^> Ask")
    stub.script(Answer(Thinking("The table first."), Said(ANSWER, gate, "one invoice.")))
    screen.type("Which months are complete?")
    screen.wait_for(r"May lacks[\s\S]*answering")
    for line in ("and plot them", "/context"):
        screen.type(line)
        screen.wait_for(f"queued: {line}")
    screen.draw("streaming.svg")
    screen.child.close(force=True)
    gate.open()

    screen = Screen(folder, arguments=(), env=stub.env)
    screen.wait_for(r"(?m)^> *(Ask.*)?$")
    stub.drop_script()
    stub.script(
        Answer(Said("I look at the file first."), ToolUse("read_file", {"path": "greet.py"})),
        Answer(ToolUse("edit_file", CHANGE)),
        Answer(ToolUse("run_shell", {"command": "python3 greet.py"})),
        Said("The greeting is an f-string now, and prints **Hello, Ada!**"),
    )
    screen.type("Use an f-string in greet.py")
    screen.wait_for(r"or ↑↓ Enter")
    screen.press("y", r"Run this command\?[\s\S]*or ↑↓ Enter")
    screen.draw("question.svg")
    screen.child.close(force=True)

    (folder / "greet.py").write_text(GREETING)
    screen = Screen(folder, arguments=("--plain",), env=stub.env)
    screen.wait_for(r"(?m)^>")
    stub.drop_script()
    stub.script(
        Answer(Said("I look at the file first.\n"), ToolUse("read_file", {"path": "greet.py"})),
        Answer(ToolUse("edit_file", CHANGE)),
        Said("The greeting is an f-string now."),
    )
    screen.type("Use an f-string in greet.py")
    screen.wait_for(r"allow\?")
    screen.type("y")
    screen.wait_for(r"f-string now\.\s+>")
    screen.draw("plain.svg")
    screen.child.close(force=True)


def draw_offline(folder: Path) -> None:
    """Draw a first conversation, the completion of session IDs, and the picker."""
    (folder / "notes.txt").write_text("Send the figures to Ada.\nThe meeting is on Thursday.\n")
    (folder / "greet.py").write_text('print("Hello")\n')
    screen = Screen(folder, TALL_ROWS)
    screen.wait_for(r"(?m)^> ")
    screen.ask("What is (1234 + 5678) * 9?")
    screen.ask("/clear")
    screen.type(EDIT)
    screen.wait_for(r'\+ print\("Hello, Ada"\)[\s\S]*or ↑↓ Enter')
    screen.press("y", r"Done\.[\s\S]*\n *\n> *\n.* messages")
    screen.ask("/history")
    screen.wait_for(r"Your messages[\s\S]*\n *\n> *\n.* messages")
    screen.draw("screenshot.svg")
    for question in MORE:
        screen.type("/clear")
        screen.wait_for(r"\n> *\n.* new session · 0 messages")
        screen.ask(question)
    screen.child.close(force=True)

    screen = Screen(folder)
    screen.wait_for(r"(?m)^> ")
    screen.press("/resume ", r"just now +\d+  What is 2\^10\?")
    screen.draw("completion.svg")
    screen.press("\x03", r"(?m)^> Ask anything")
    screen.type("/resume")
    screen.wait_for(r"Enter resume")
    screen.press("wha", r"find: wha[\s\S]* of 7")
    screen.press(DOWN, r"(?m)^── \S+ What is 17[\s\S]*^> What is 17")
    screen.draw("picker.svg")
    screen.child.close(force=True)


if __name__ == "__main__":
    main()

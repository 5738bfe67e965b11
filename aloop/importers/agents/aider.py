"""aider: a Markdown file with all sessions of a project, without tool calls.

aider only appends. Words of the user are a blank line and lines after ``#### ``. An output of the program is one line
after ``> ``, or has further lines without it, which can be blank. Both end with two spaces, the line break of Markdown.
An answer is between blank lines. In two cases the author is a guess: a line of an answer that follows a blank line,
starts with ``> `` or ``#### `` and ends with two spaces is taken for one of the program or the user; and an output of
several lines right after an answer is taken for a part of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Literal

from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.source import Source

TOOL = "aider"
START = b"# aider chat started at "
_START = re.compile(r"^# aider chat started at (.+)$", re.MULTILINE)
_MODEL = re.compile(r"(?:Main )?[Mm]odels?: (\S+)")
_THINKING = re.compile(r"^<(thinking-content-[0-9a-f]{32})>$(.*?)(?:^</\1>$|\Z)", re.MULTILINE | re.DOTALL)
_USER, _PROGRAM = "#### ", "> "
_BREAK = "  "
_MOST_IDS = 50

_Author = Literal["user", "program", "model"]


def read(source: Source) -> Iterator[Imported]:
    """Yield each session; what comes before the first start is one, too.

    A file can have been cut there.
    """
    whole = source.text().replace("\r\n", "\n")
    starts = list(_START.finditer(whole))
    before = whole[: starts[0].start()] if starts else whole
    cut = _build("", before, source.path)
    is_session = any(message.role == "user" for message in cut.messages) or bool(cut.messages and not starts)
    if is_session:
        # It ended before, at a time that is not known.
        cut.created_at = cut.updated_at = _moment(starts[0][1]) if starts else None
        yield cut
    for start, following in zip(starts, [*starts[1:], None], strict=False):
        body = whole[start.end() : following.start() if following else len(whole)]
        imported = _build(start[1].strip(), body, source.path)
        if start is starts[0] and before.strip() and not is_session:
            imported.losses["text before the first session of the file"] += 1
        if imported.messages:
            yield imported


def _moment(started: str) -> datetime | None:
    try:
        return datetime.fromisoformat(started.strip()).astimezone()
    except ValueError:
        return None


def _build(started: str, text: str, path: Path | None) -> Imported:
    lines = text.split("\n")
    first = next((line for line in lines if line.startswith(_USER)), "")
    own_id = _digest(f"{started}\n{first}") if started else next(_ids_of_cut(lines))
    builder = Builder(TOOL, own_id, path)
    imported = builder.imported
    imported.other_ids = None if started else lambda: islice(_ids_of_cut(lines), 1, None)
    imported.created_at = _moment(started)
    imported.cwd = str(path.absolute().parent) if path and path.name.startswith(".aider") else ""
    model: str | None = None
    authors: set[_Author] = set()
    for author, block in _records(lines, is_cut=not started):
        words = "\n".join(block).strip("\n")
        if not words.strip():
            continue
        if started and author == "model" and authors == {"program"}:
            author = "program"  # has no question yet: more of the command line, in which there was a prompt
        authors.add(author)
        if author == "user":
            builder.user(words)
        elif author == "model":
            _add_answer(builder, model, words)
        else:
            model = next((found[1] for found in map(_MODEL.match, block) if found), model)
            builder.user(words, skip=True, foreign={"type": "output of the program"})
    builder.skip_commands("/!")  # the words of /ask and the like follow again, without it
    return builder.build()


def _ids_of_cut(lines: Sequence[str]) -> Iterator[str]:
    """Yield IDs of a session without a start, made of more and more of its text.

    The first is made of the text up to the second question, the next of that up to the third.

    Such sessions of different projects may start with the same words, and each may still grow.
    """
    questions = [
        index
        for index, line in enumerate(lines)
        if line.startswith(_USER) and not (index and lines[index - 1].startswith(_USER))
    ]
    for end in (*questions[1:_MOST_IDS], len(lines)):
        yield _digest("\n".join(lines[:end]).strip())


def _digest(known: str) -> str:
    return hashlib.sha256(known.encode("utf-8", "replace")).hexdigest()[:32]


def _add_answer(builder: Builder, model: str | None, words: str) -> None:
    """Append an answer, in which the thinking of the model is marked by a tag."""
    draft = builder.answer(model=model)
    end = 0
    for thinking in _THINKING.finditer(words):
        draft.add_text(words[end : thinking.start()].strip("\n"))
        draft.add_thinking(thinking[2].strip("\n"))
        end = thinking.end()
    draft.add_text(words[end:].strip("\n"))


def _records(lines: Sequence[str], *, is_cut: bool) -> Iterator[tuple[_Author, list[str]]]:
    """Yield the lines of each author in turn, without the marks of aider."""
    # Some editors remove spaces at the ends of lines.
    has_breaks = any(line.startswith((_USER, _PROGRAM)) and line.endswith(_BREAK) for line in lines)
    index = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    previous = "blank" if is_cut else "record"
    is_asked = is_cut
    answer: list[str] = []
    while index < len(lines):
        line = lines[index]
        is_marked = line.endswith(_BREAK) or not has_breaks
        author: _Author = "model"
        block: list[str] = []
        end = index
        if line.startswith(_USER) and previous != "text" and is_marked:
            author, is_asked = "user", True
            block, end = _words_of_user(lines, index)
        elif _is_output(line) and (previous == "record" or (is_marked and (previous == "blank" or not is_asked))):
            author = "program"
            block, end = _outputs(lines, index, has_breaks=has_breaks, must_end=previous != "record")
        if end > index:
            yield "model", answer
            yield author, block
            answer, previous, index = [], "record", end
        else:
            answer.append(line)
            previous, index = "text" if line.strip() else "blank", index + 1
    yield "model", answer


def _words_of_user(lines: Sequence[str], start: int) -> tuple[list[str], int]:
    """Return the words of the user, and the index of the line after them."""
    end = start
    while end < len(lines) and (lines[end].startswith(_USER) or lines[end] == _USER.rstrip()):
        end += 1
    return [line.removeprefix("####").removeprefix(" ").removesuffix(_BREAK) for line in lines[start:end]], end


def _is_output(line: str) -> bool:
    """Return True if an output of the program may start in a line."""
    return line.startswith(_PROGRAM) or line == _PROGRAM.rstrip()


def _outputs(lines: Sequence[str], start: int, *, has_breaks: bool, must_end: bool) -> tuple[list[str], int]:
    """Return the outputs of the program, and the index of the line after them.

    There is none if ``must_end`` and the end of one is not found.
    """
    found: list[str] = []
    index = start
    while index < len(lines) and _is_output(lines[index]):
        end = _end_of_output(lines, index) if has_breaks else index
        if end == index:
            if has_breaks and must_end:
                return [], start
            has_breaks = False  # the others would be searched to the same place
            end = next((number for number in range(index + 1, len(lines)) if _is_over(lines, number)), len(lines))
        output = [lines[index].removeprefix(">").removeprefix(" "), *lines[index + 1 : end]]
        found += [line.removesuffix(_BREAK) for line in output]
        index = end
    return found, index


def _end_of_output(lines: Sequence[str], start: int) -> int:
    """Return the index of the line after an output.

    Return ``start`` if the next record comes before its end.
    """
    if lines[start] == _PROGRAM.rstrip():
        return start + 1
    for index in range(start, len(lines)):
        is_marked = lines[index].endswith(_BREAK)
        if index > start and is_marked and not lines[index - 1] and lines[index].startswith((_USER, _PROGRAM)):
            break
        if is_marked and _is_over(lines, index + 1):
            return index + 1
    return start


def _is_over(lines: Sequence[str], index: int) -> bool:
    """Return True if another record can start at a line."""
    return index >= len(lines) or not lines[index].strip() or _is_output(lines[index]) or lines[index].startswith(_USER)

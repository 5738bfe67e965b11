"""Commands from files: ``commands/review.md`` becomes ``/review``; skills."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aloop.errors import UsageError
from aloop.sanitize import safe_line
from commands.chat import chat
from commands.project.folders import FoundFile, Unreadable, find_command_files, read_text, without_invisible
from commands.project.instructions import report_once
from commands.project.skills import SKILLS_GROUP, SkillFile, load_skills
from commands.registry import Argument, Command, Outcome

if TYPE_CHECKING:
    from aloop.memory.trust_file import TrustFile
    from commands.context import Context

_MOST_BYTES = 32_000
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([a-z-]+):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\$(?:ARGUMENTS\b|([1-9])(?![0-9]))")
_LONGEST_SUMMARY = 80
_LONGEST_USAGE = 30


@dataclass(frozen=True, slots=True)
class Template:
    """A message to send, with places for arguments."""

    name: str
    summary: str
    usage: str
    body: str
    file: FoundFile


def parse_template(file: FoundFile, text: str) -> Template:
    """Return the template in ``text``; raise Unreadable if it is unusable."""
    name = file.path.stem.lower()
    if not _NAME.fullmatch(name):
        raise Unreadable(f"{file.shown} is not used: a command is named with letters, digits, - and _.")
    front = _FRONT_MATTER.match(text)
    fields = dict(_FIELD.findall(front[1])) if front else {}
    written = (text[front.end() :] if front else text).strip()
    # As in instructions and skills: nothing in the file is hidden from the user and sent to the model.
    body = without_invisible(written)[0].strip()
    if not body:
        raise Unreadable(f"{file.shown} is not used, because it is empty.")
    summary = _unquoted(fields.get("description", "")) or written.partition("\n")[0].lstrip("# ")
    usage = _unquoted(fields.get("argument-hint", ""))
    return Template(name, _short(summary, _LONGEST_SUMMARY), _short(usage, _LONGEST_USAGE), body, file)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _short(text: str, most: int) -> str:
    shown = safe_line(text).strip()
    return shown if len(shown) <= most else f"{shown[: most - 1].rstrip()}…"


def expand(body: str, argument: str) -> str:
    """Return ``body`` with the words of ``argument`` in their places.

    ``$ARGUMENTS`` is all of it, ``$1`` the first word, where quotes keep words together. A body without places gets
    the argument at its end. Raises UsageError if a quote is not closed.
    """
    if not _PLACEHOLDER.search(body):
        return f"{body}\n\n{argument}" if argument else body
    words = _words(argument) if re.search(r"\$[1-9]", body) else []

    def place(found: re.Match[str]) -> str:
        if found[1] is None:
            return argument
        number = int(found[1])
        return words[number - 1] if number <= len(words) else ""

    return _PLACEHOLDER.sub(place, body)


def _words(argument: str) -> list[str]:
    lexer = shlex.shlex(argument, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    # As in a sentence: an apostrophe does not quote, and nothing is a comment.
    lexer.quotes, lexer.commenters, lexer.escape = '"', "", ""
    try:
        return list(lexer)
    except ValueError as error:
        raise UsageError("A quote in the arguments is not closed. Add the second one.") from error


def load_templates(folder: Path, trust: TrustFile) -> tuple[list[Template], list[str]]:
    """Return the usable templates, and sentences about the others."""
    templates: list[Template] = []
    notices: list[str] = []
    for file in find_command_files(folder):
        if file.project is not None and not trust.knows_project(file.project):
            continue
        try:
            text, is_whole = read_text(file, _MOST_BYTES)
            if not is_whole:
                raise Unreadable(f"{file.shown} is not used: a command is limited to {_MOST_BYTES:,} bytes.")
            templates.append(parse_template(file, text))
        except Unreadable as error:
            notices.append(str(error))
    return templates, notices


def load_commands(context: Context) -> list[str]:
    """Register the commands from files; return sentences about those left out."""
    folder = context.agent.working_dir
    templates, notices = load_templates(folder, context.trust)
    commands = [_command(template) for template in templates]
    skills = load_skills(folder, context.trust)
    notices += skills.notices
    context.registry = context.registry.with_more([*commands, *map(_skill_command, skills.files)])
    for template, command in zip(templates, commands, strict=True):
        if context.registry.find(command.name) is not command:
            notices.append(f"{template.file.shown} is not used: /{template.name} already exists.")
    return notices


async def refresh_commands(context: Context) -> bool:
    """Read the commands from files again, and report once what was left out.

    Returns True if there was anything new to report.
    """
    return report_once(context, await asyncio.to_thread(load_commands, context))


def _command(template: Template) -> Command[Context]:
    return Command(
        name=template.name,
        summary=template.summary,
        handler=_handler(template),
        usage=template.usage or ("[TEXT]" if _PLACEHOLDER.search(template.body) else ""),
        argument=Argument.TEXT,
        group="Your commands" if template.file.project is None else "Commands of this project",
    )


def _skill_command(skill: SkillFile) -> Command[Context]:
    return Command(
        name=skill.name,
        summary=_short(skill.skill.description, _LONGEST_SUMMARY),
        handler=_skill_handler(skill),
        usage="[TEXT]",
        argument=Argument.TEXT,
        group=SKILLS_GROUP,
    )


def _skill_handler(skill: SkillFile) -> Callable[[Context, str], Coroutine[None, None, Outcome]]:
    async def send(context: Context, argument: str) -> Outcome:
        request = f"Use the skill {skill.name}{f': {argument}' if argument else '.'}"
        body = skill.body.replace("$ARGUMENTS", argument)
        text = f'{request}\n\n<skill name="{skill.name}" path="{skill.skill.path}">\n{body}\n</skill>'
        # Only what was surely typed mentions files: a paste has several lines.
        return await chat(context, text, "" if "\n" in argument else argument)

    return send


def _handler(template: Template) -> Callable[[Context, str], Coroutine[None, None, Outcome]]:
    async def send(context: Context, argument: str) -> Outcome:
        text = expand(template.body, argument)
        # Files are mentioned by the template, and by an argument that was surely typed: a paste has several lines.
        typed = text if "\n" not in argument else expand(template.body, "")
        # A project must not choose files of the user elsewhere.
        return await chat(context, text, typed, outside=template.file.project is None)

    return send

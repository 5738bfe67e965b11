"""The agent, which takes the turns of a conversation and saves them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from aloop.agent.budget import Budget, MeteredLLM
from aloop.agent.compaction import AutoCompactor, Compaction, Compactor
from aloop.agent.events import AgentEvent, Notice, TurnEnded, TurnStarted
from aloop.agent.instructions import (
    NO_DIGEST,
    Instructions,
    Section,
    Skills,
    directory_note,
    known_digest,
    known_directory,
    knows_plan_mode,
    plan_note,
    section_note,
    with_notes,
)
from aloop.agent.loop import TurnLoop, say_nothing
from aloop.config.values import MAX_STEPS, SandboxSettings
from aloop.errors import Problem, SessionError, UsageError
from aloop.formatting import display_path
from aloop.llm.base import LLM, SupportsEffort, ToolSpec
from aloop.llm.content.parts import MediaFile, reads_images
from aloop.llm.json_values import digest_of
from aloop.llm.message_types import LLMMessage
from aloop.llm.prompts import system_prompt
from aloop.llm.retry import RetryPolicy
from aloop.memory import ContextUse, MemoryManager, Turn
from aloop.memory.context import estimate_tokens, live
from aloop.memory.conversation import SentDigests
from aloop.permissions import Ask, Kind, Mode
from aloop.project import project_root
from aloop.sanitize import one_line
from aloop.tools import Tool, ToolRunner, default_tools
from aloop.tools.approval import PermissionGate
from aloop.tools.files.workspace import Workspace
from aloop.tools.jobs.table import JobTable
from aloop.tools.rules.rule_set import RuleSet
from aloop.tools.todo import find_open_steps


class ReActAgent:
    """An agent that reasons and acts in turns.

    ``memory`` holds the conversation; without it, one is made for ``sessions_dir``. ``system`` replaces the standard
    system prompt of new conversations. ``tools`` defaults to the standard tools, whose file tools are confined to
    ``working_dir`` (by default the current directory); an empty sequence means no tools. ``on_event`` is called with
    each event; an exception from it ends the turn. Writing files, running commands and leaving the directory need
    permission: ``ask`` is called for each request, except for the kinds in ``allow`` and those that ``rules`` decide.
    Without ``ask``, requests are denied. ``sandbox`` makes the standard tools run commands in a sandbox, in which the
    sessions cannot be changed. ``budget`` counts the cost of all requests and may limit it. ``jobs`` are the
    commands that the standard tools have started in the background.

    ``instructions`` and ``skills`` are those of the user and the project, None if they are not managed. They are part
    of the system prompt of a new conversation; if they change, the next message has the new ones. The folders of skills
    may be read without a question.

    ``steer`` may be set to a coroutine function that is awaited after each step of tool calls. A text that it returns
    becomes a message of the user, which the model gets with its next request.
    """

    def __init__(
        self,
        llm: LLM,
        *,
        memory: MemoryManager | None = None,
        tools: Sequence[Tool] | None = None,
        on_event: Callable[[AgentEvent], None] | None = None,
        system: str | None = None,
        max_steps: int = MAX_STEPS,
        sessions_dir: str | Path | None = None,
        working_dir: str | Path | None = None,
        ask: Ask | None = None,
        allow: Iterable[Kind] = (),
        rules: RuleSet | None = None,
        retry: RetryPolicy | None = None,
        budget: Budget | None = None,
        sandbox: SandboxSettings | None = None,
    ) -> None:
        if max_steps < 1:
            raise UsageError(f"max_steps must be at least 1, not {max_steps}.")
        self.memory = MemoryManager(llm, sessions_dir=sessions_dir) if memory is None else memory
        self._llm = self.memory.llm = llm
        self.memory.on_notice = self._notice
        self.on_event = on_event
        self._system = system
        self._max_steps = max_steps
        self._retry = retry or RetryPolicy()
        self.budget = budget or Budget()
        self._working_dir = Path.cwd() if working_dir is None else Path(working_dir).absolute()
        self._workspace = Workspace(self._working_dir)
        self._permissions = PermissionGate(allow, ask, rules, self._notice)
        self.jobs = JobTable()
        kept = self.memory.sessions_dir
        self.sandbox = None if sandbox is None else sandbox._replace(kept=(*sandbox.kept, kept))
        if tools is None:
            tools = default_tools(self._workspace, jobs=self.jobs, sandbox=self.sandbox, report=self._notice)
        self._runner = ToolRunner(tools, self._permissions, self.follow)
        self.tools_tokens = estimate_tokens(str(self._runner.specs))
        self._reported: set[tuple[str, str]] = set()
        self._is_running = False
        self.steer = say_nothing
        self.instructions: Instructions | None = None
        self._skills: Skills | None = None

    @property
    def llm(self) -> LLM:
        """The model; a new one answers from the next turn on.

        It gets the effort of the old one, which stays open.
        """
        return self._llm

    @llm.setter
    def llm(self, llm: LLM) -> None:
        before = self._llm
        if isinstance(before, SupportsEffort) and isinstance(llm, SupportsEffort):
            llm.effort = before.effort
        self._llm = self.memory.llm = llm

    @property
    def ask(self) -> Ask | None:
        """The callback for permission requests; may be set at any time."""
        return self._permissions.ask

    @ask.setter
    def ask(self, ask: Ask | None) -> None:
        self._permissions.ask = ask

    @property
    def mode(self) -> Mode:
        """The permission mode; may be set at any time, even during a turn."""
        return self._permissions.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._permissions.mode = mode

    @property
    def skills(self) -> Skills | None:
        """The skills that are offered to the model."""
        return self._skills

    @skills.setter
    def skills(self, skills: Skills | None) -> None:
        self._skills = skills
        self._permissions.readable = tuple(skill.folder for skill in skills.items) if skills else ()

    @property
    def _sections(self) -> tuple[Section, ...]:
        """The sections of the system prompt that are managed, in order."""
        return tuple(section for section in (self._skills, self.instructions) if section is not None)

    @property
    def working_dir(self) -> Path:
        """The directory in which commands run and relative paths are resolved."""
        return self._working_dir

    def follow(self) -> None:
        """Use the new path of the working directory if it was moved.

        It must be moved while this process runs in it. The tools and the user's rules use it then, too. A turn
        does this at its start and before each tool call.
        """
        if moved := self._workspace.follow():
            self._working_dir = moved
            self._permissions.follow(project_root(moved))

    @property
    def context_use(self) -> ContextUse:
        """The part of the context window that the next request will take."""
        return self.memory.measure_context(self.tools_tokens)

    @property
    def tool_specs(self) -> tuple[ToolSpec, ...]:
        """The tools as described to the model."""
        return self._runner.specs

    @property
    def granted(self) -> frozenset[Kind]:
        """The kinds of actions that tools may take now without asking."""
        return self._permissions.granted

    @property
    def system_text(self) -> str:
        """The stored system prompt, or the one that the first turn will store."""
        stored = [message.content or "" for message in self.memory.system_messages]
        return "\n\n".join(stored) or self._system or self.standard_system_text

    @property
    def standard_system_text(self) -> str:
        """The standard system prompt, with the skills and the instructions."""
        standard = system_prompt(self.working_dir, self._runner.specs)
        return "\n\n".join([standard, *filter(None, (section.section for section in self._sections))])

    async def compact(self, focus: str = "") -> Compaction | None:
        """Replace the older messages by a summary; None if there are too few.

        ``focus`` is what the summary must keep above all. Raises the same errors as ``run``, and then changes nothing.
        A session that cannot be written is refused before the model is asked.
        """
        async with self._busy():
            await self.memory.require_writable()
            return await self._compactor().compact(focus)

    def _compactor(self) -> Compactor:
        return Compactor(MeteredLLM(self.llm, self.budget), self.memory, self._retry, self._emit)

    @asynccontextmanager
    async def _busy(self) -> AsyncIterator[None]:
        """Raise UsageError if a turn or a compaction is already running."""
        if self._is_running:
            raise UsageError("A turn is already running. Wait until it ends, or interrupt it.")
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False

    async def run(self, task: str, media: Sequence[MediaFile] = ()) -> str:
        """Take one turn: answer ``task``, save, and return the answer's text.

        ``media`` are images and documents for the model, which are stored beside the session.

        Raises UsageError for an empty task, LLMError if the model does not answer, CostLimitReached if the budget
        allows no further request, and StorageError if the turn cannot be saved (it is still in memory). The turn is
        closed and its TurnEnded sent before an exception is raised.
        """
        if not task.strip():
            raise UsageError("The task is empty. Enter a task.")
        async with self._busy():
            return await self._take_turn(LLMMessage("user", task), media)

    async def _take_turn(self, question: LLMMessage, media: Sequence[MediaFile]) -> str:
        began = time.monotonic()
        self.follow()
        self.budget.begin_turn()
        compactor = AutoCompactor(self._compactor(), lambda: self.context_use, self._emit)
        llm = MeteredLLM(self.llm, self.budget)
        loop = TurnLoop(llm, self.memory, self._runner, self._emit, self._retry, compactor, self.steer)
        turn: Turn | None = None
        status: Literal["completed", "interrupted", "failed"] = "failed"
        try:
            self._emit(TurnStarted(self.llm.model, find_open_steps(self.memory.messages)))
            self._set_system_prompt()
            if self.memory.path is None:
                await self._record_sections()
            self._permissions.enter(self.memory.visit)
            async with self.memory.turn() as turn:
                self._report_changes()
                question = self._with_news(question)
                parts = [await self.memory.keep_media(each) for each in media]
                if parts and not reads_images(self.llm.model):
                    names_only = f"The model {self.llm.model} does not read images, so it gets their names only."
                    self._emit(Notice(Problem(names_only)))
                end = len(question.content or "")
                await turn.add(replace(question, parts=tuple(replace(part, after_chars=end) for part in parts)))
                self._report_repairs()
                answer = await loop.run(turn, self._max_steps)
            await self._record_sections()
            status = "completed"
            return answer
        except asyncio.CancelledError:
            status = "interrupted"
            raise
        finally:
            self._emit(TurnEnded(status, turn is not None and turn.kept, loop.usage, time.monotonic() - began))

    def _set_system_prompt(self) -> None:
        """Give a conversation without a system message the system prompt."""
        if not self.memory.system_messages:
            self.memory.set_system_message(self.system_text)

    def _with_news(self, question: LLMMessage) -> LLMMessage:
        """Return ``question`` with notes about changes that the model does not know."""
        system = "\n".join(message.content or "" for message in self.memory.system_messages)
        notes = []
        known, folder = known_directory(system, _user_texts(self.memory.messages)), self.working_dir
        if known not in (None, one_line(str(folder))):
            self._emit(Notice(f"The model is told that the working directory is now {display_path(folder)}."))
            notes.append(directory_note(folder))
        # A note before a summary is not sent any more.
        sent = _user_texts(live(self.memory.messages))
        for section in self._sections:
            if known_digest(section.title, system, sent) != section.digest:
                names = ", ".join(section.names)
                self._emit(Notice(f"The model gets the current {section.key}: {names or 'there are none'}."))
                notes.append(section_note(section))
        is_planning = self.mode == "plan"
        if is_planning != knows_plan_mode(sent):
            notes.append(plan_note(is_on=is_planning))
        return replace(question, content=with_notes(question.content or "", notes)) if notes else question

    async def _record_sections(self) -> None:
        """Write the digests of the sections into the header if they are others."""
        header = self.memory.header
        digests = {section.key: section.digest for section in self._sections}
        changed = {key: digest for key, digest in digests.items() if digest != header.get(key, NO_DIGEST)}
        if not changed or self.memory.recovered_path is not None:
            return
        try:
            await self.memory.edit_header(lambda extra: extra.with_values(**changed))
        except SessionError as error:
            self._emit(Notice(Problem(f"The digest of the {' and '.join(changed)} was not saved: {error}")))

    def _report_changes(self) -> None:
        """Report if the system message or the tools differ from those of the last turn."""
        tools = [(spec.name, spec.description, dict(spec.parameters)) for spec in self._runner.specs]
        sent = SentDigests(digest_of(self.system_text), digest_of(tools))
        before = self.memory.record_sent(sent)
        if before.system not in ("", sent.system):
            self._emit(Notice("The system message has changed since the last turn. The model gets the new one."))
        if before.tools not in ("", sent.tools):
            self._emit(Notice("The tools have changed since the last turn. The model gets the new ones."))

    def _report_repairs(self) -> None:
        """Report each repair in the sent copy of this session once."""
        for repair in self.memory.get_repairs():
            if (key := (self.memory.session_id, repair)) not in self._reported:
                self._reported.add(key)
                self._emit(Notice(Problem(repair)))

    def _notice(self, text: str) -> None:
        self._emit(Notice(text))

    def _emit(self, event: AgentEvent) -> None:
        if self.on_event is not None:
            self.on_event(event)


def _user_texts(messages: Iterable[LLMMessage]) -> list[str]:
    return [message.content or "" for message in messages if message.role == "user"]

"""Ask which model to use, at the first start with neither an API key nor a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from aloop.cli.console import line_ended, print_paragraph
from aloop.config.credentials import KEY_VARIABLE
from aloop.config.settings import Settings
from aloop.config.user_folders import config_path
from aloop.config.values import OFFLINE_MODEL
from aloop.errors import KeyringFailed, LocalModelError, UsageError
from aloop.formatting import display_path, home_folder
from aloop.interrupts import INTERRUPTED
from aloop.local_model.models import default_model
from aloop.sanitize import safe_line
from aloop.width import fit

_QUESTION = """\
No API key is set, and no local model is installed.
Which model should answer?

  1  Claude: enter an API key for this run
  2  A small local model: {small}
  3  The offline demo: no model, no network
"""
_SERVER = "  {number}  {model}, on this machine\n"
_HANG = len("  1  ")
_SMALL = "no API key, often wrong"
_NO_SMALL = "not available, see {where}"
_PROMPT = "{numbers} [3]: "
Outcome = Literal["done", "once", "failed"]
"""The outcome of a choice.

After "once", it holds for this run and the next start asks again; after "failed", the question is repeated at once.
"""
_MOST_SERVERS = 4
_MODEL_COLUMNS = 36
_KEEP_IT = "The key is used for this run only. To keep it, add `export ANTHROPIC_API_KEY=…` to your shell's profile"


def is_due(settings: Settings) -> bool:
    """Return True if only the demo can answer and the user was not asked before."""
    return (
        settings.model is None
        and default_model(settings) == OFFLINE_MODEL
        and not _answer_file(settings).exists()
        and all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    )


def choose(settings: Settings) -> Settings | None:
    """Ask, carry out the choice and return the new settings; None at the end of input."""
    models = _found_models(settings)
    choices = dict(_CHOICES)
    for number, model in enumerate(models, len(_CHOICES) + 1):
        choices[str(number)] = partial(_take_server, model)
    obstacle = _obstacle(settings)
    is_repeated = False
    while True:
        _ask(models, obstacle, is_repeated=is_repeated)
        is_repeated = True
        answer = _answer(list(choices))
        if not answer:
            return None
        outcome = choices[answer]()
        if outcome == "done":
            _remember(settings, answer)
        sys.stderr.write("\n")
        if outcome != "failed":
            chosen = Settings.from_env()
            # The small model may have been installed by now, as by an earlier choice.
            return chosen._replace(model=OFFLINE_MODEL) if answer == _DEMO else chosen


def _found_models(settings: Settings) -> list[str]:
    """Return one model of each server that runs on this machine."""
    # Imported here for startup time: each start checks whether to ask.
    import asyncio

    from aloop.llm.models.catalog import find_servers, local_endpoints

    found = asyncio.run(find_servers(local_endpoints(settings)))
    talking = ([model for model in server.models if "embed" not in model.lower()] for server in found)
    return [models[0] for models in talking if models][:_MOST_SERVERS]


def _ask(models: Sequence[str], obstacle: str, *, is_repeated: bool) -> None:
    no_small = _NO_SMALL.format(where="above" if is_repeated else "below")
    text = _QUESTION.format(small=no_small if obstacle else _SMALL)
    for number, model in enumerate(models, len(_CHOICES) + 1):
        text += _SERVER.format(number=number, model=fit(safe_line(model), _MODEL_COLUMNS))
    for row in text.splitlines():
        print_paragraph(row, _HANG if row.startswith(" ") else 0)
    sys.stderr.write("\n")
    if obstacle and not is_repeated:
        print_paragraph(obstacle)
        sys.stderr.write("\n")


def _obstacle(settings: Settings) -> str:
    """Return why the local model cannot be installed here, empty if it can."""
    # Imported here for startup time: each start checks whether to ask.
    from aloop.local_model.installer import require_prerequisites
    from aloop.local_model.models import InstallPaths

    try:
        require_prerequisites(InstallPaths(settings.data_dir))
    except LocalModelError as error:
        return str(error)
    return ""


def _answer(numbers: Sequence[str]) -> str:
    """Return the chosen number, that of the demo by default, or nothing at the end."""
    while True:
        sys.stderr.write(_PROMPT.format(numbers=f"{', '.join(numbers[:-1])} or {numbers[-1]}"))
        sys.stderr.flush()
        with line_ended():
            line = sys.stdin.readline()
        if not line:
            sys.stderr.write("\n")
            return ""
        answer = line.strip() or _DEMO
        if answer in numbers:
            return answer
        typed = fit(safe_line(answer), _MODEL_COLUMNS)
        print_paragraph(f"'{typed}' is not one of the choices. Type a number, or press Ctrl-D to quit.")


def _take_key() -> Outcome:
    """Read an API key into the environment of this process, and offer to store it."""
    # Imported here for startup time: each start checks whether to ask.
    from aloop.cli.key import offer_to_store, read_key, require_key
    from aloop.stored_key import require_keyring

    key = read_key("API key (not shown): ")
    if not key:
        print_paragraph("No key was entered.")
        return "failed"
    try:
        require_key(key)
    except UsageError as error:
        print_paragraph(str(error))
        return "failed"
    os.environ[KEY_VARIABLE] = key
    try:
        require_keyring()
    except KeyringFailed:
        print_paragraph(f"{_KEEP_IT}.")
        return "once"
    try:
        if offer_to_store(key):
            return "done"
    except KeyringFailed as error:
        print_paragraph(str(error))
    print_paragraph(f"{_KEEP_IT}, or run `aloop key set`.")
    return "once"


def _install() -> Outcome:
    # Imported here for startup time: most choices need no installer.
    from aloop.cli.local import LocalOptions, run_local

    sys.stderr.write("\n")
    try:
        code = run_local(LocalOptions("install"))
    except LocalModelError as error:
        print_paragraph(str(error))
        return "failed"
    return "done" if code == 0 else "once" if code == INTERRUPTED else "failed"


def _take_server(model: str) -> Outcome:
    """Store ``model`` in new settings; use it for this run if there are settings."""
    path = config_path(os.environ, home_folder())
    # JSON strings are TOML strings, too.
    # Imported here: the prompt starts without it.
    import json

    line = f"model = {json.dumps(model, ensure_ascii=False)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(f"{line}\n")
    except OSError:
        os.environ["ALOOP_MODEL"] = model
        print_paragraph(f"To keep this model, add `{line}` to the top of {display_path(path)}.")
        return "once"
    print_paragraph(f"The model is stored in {display_path(path)}.")
    return "done"


def _take_demo() -> Outcome:
    return "done"


_DEMO = "3"
_CHOICES: dict[str, Callable[[], Outcome]] = {"1": _take_key, "2": _install, _DEMO: _take_demo}


def _answer_file(settings: Settings) -> Path:
    """Return the file that exists once the question was answered."""
    return settings.history_file.with_name("first-choice")


def _remember(settings: Settings, answer: str) -> None:
    path = _answer_file(settings)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_text(f"{answer}\n", encoding="utf-8")
    except OSError as error:
        print_paragraph(
            f"Your answer was not saved, because {display_path(path)} cannot be written: {error.strerror or error}."
        )

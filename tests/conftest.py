"""Fixtures for all tests."""

from __future__ import annotations

import gc
import importlib
import itertools
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import is_hypothesis_test

from aloop.errors import Problem
from tests.homes import settle
from tests.properties import load_profile
from tests.stub import StubServer

SLOW = "slow"

# Modules and tests are never garbage: until they are loaded, collections would only take time.
gc.disable()

# Otherwise each process of pytest compiles every module.
sys.dont_write_bytecode = False


def pytest_configure(config: pytest.Config) -> None:
    load_profile(is_quick=config.option.markexpr != SLOW)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker first import a share of all tests.

    It compiles these, and then finds most of the others compiled. Otherwise every worker would compile every module.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    names = sorted(
        ".".join(path.relative_to(session.config.rootpath).with_suffix("").parts)
        for path in Path(__file__).parent.rglob("test_*.py")
    )
    first = int(worker["workerid"].removeprefix("gw"))
    for name in names[first :: worker["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # raised and reported again when the module is collected
            importlib.import_module(name)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let ``-m slow`` also run the tests of properties, with all of their examples."""
    if config.option.markexpr == SLOW:
        for item in items:
            if is_hypothesis_test(getattr(item, "obj", None)) and not item.get_closest_marker("stress"):
                item.add_marker(SLOW)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, as prompt_toolkit and the shell do."""
    return "asyncio"


@pytest.fixture(scope="session")
def new_homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths for the homes of tests.

    ``mktemp`` would look through all earlier ones for each.
    """
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def private_home(new_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a new home and working directory, and no credentials."""
    home = next(new_homes)
    home.mkdir(0o700)
    work = home / "work"
    work.mkdir()
    for name in ("MODEL", "LOCAL_MODEL", "SESSIONS_DIR", "DATA_DIR"):
        monkeypatch.delenv(f"ALOOP_{name}", raising=False)
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "PROFILE", "CONFIG_DIR", "CUSTOM_HEADERS", "LOG"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
    for name in ("FEDERATION_RULE_ID", "ORGANIZATION_ID", "IDENTITY_TOKEN", "IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
    # Otherwise each of a hundred child processes compiles every module, and none has the buffers of a user's.
    for name in ("DONTWRITEBYTECODE", "UNBUFFERED"):
        monkeypatch.delenv(f"PYTHON{name}", raising=False)
    settle(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    return home


@pytest.fixture(autouse=True)
def strict_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if a ``Problem`` becomes a part of other text, and so loses its mark."""

    def refuse(problem: Problem, *_: object) -> NoReturn:
        raise AssertionError(f"The mark of this problem is lost: {str(problem)!r}")

    for name in ("__format__", "__add__", "__radd__", "__mod__", "replace", "strip", "rstrip", "removesuffix"):
        monkeypatch.setattr(Problem, name, refuse, raising=False)


@pytest.fixture
def sessions_dir(tmp_path: Path) -> Path:
    """A sessions folder that does not exist yet."""
    return tmp_path / ".aloop" / "sessions"


@pytest.fixture
def stub() -> Iterator[StubServer]:
    """A running stub of the Messages API; ``stub.env`` points to it."""
    with StubServer() as server:
        yield server

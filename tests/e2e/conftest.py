"""Fixtures that open shells and close them after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.shell import Shell
from tests.stub.server import StubServer

Open = Callable[..., Shell]


@pytest.fixture
def shell() -> Iterator[Open]:
    """Return a function that opens a shell with the offline model at its prompt."""
    with ExitStack() as shells:

        def open_shell(*arguments: str, **options: int) -> Shell:
            opened = shells.enter_context(Shell(*arguments, **options))  # type: ignore[arg-type] # env is not among them
            opened.wait_for_prompt()
            return opened

        yield open_shell


@pytest.fixture
def shell_with_key(stub: StubServer) -> Iterator[Open]:
    """Return a function that opens a shell connected to the stub at its prompt."""
    with ExitStack() as shells:

        def open_shell(*arguments: str) -> Shell:
            opened = shells.enter_context(Shell(*arguments, env=stub.env))
            opened.wait_for_prompt()
            return opened

        yield open_shell

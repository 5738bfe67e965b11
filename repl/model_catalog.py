"""The models as completion knows them: loaded when they are first asked for, in a thread, for that takes a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress


def load_models() -> Sequence[str]:
    """Return the models that there are; takes a second, the first time."""
    # Imported here: the list comes with the SDK.
    from aloop.llm import known_models

    return known_models()


class ModelCatalog:
    """Names of models; ``loaded`` is called, in that thread, once they are there."""

    def __init__(self, load: Callable[[], Sequence[str]], loaded: Callable[[], None]) -> None:
        self._load = load
        self._loaded = loaded
        self._names: Sequence[str] = ()
        self._thread: threading.Thread | None = None

    def find(self, prefix: str) -> list[str]:
        """Return the names that begin with ``prefix``; none, yet, while they are loaded."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="models", daemon=True)
            self._thread.start()
        return [name for name in self._names if name.startswith(prefix.lower())]

    def wait(self) -> None:
        """Block until the names are there."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with suppress(ImportError):  # /model says what is wrong with the SDK; completion merely offers nothing
            self._names = self._load()
            self._loaded()

"""All that can be completed at the prompt. Imported with the first line that may name some of it: all commands come."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.completion import Completer, merge_completers

from commands.catalog import REGISTRY
from repl.catalogs import Catalogs
from repl.completer import CommandCompleter
from repl.file_catalog import FileCatalog
from repl.file_completer import FileCompleter
from repl.model_catalog import ModelCatalog, load_models


def make_completer(catalogs: Catalogs, changed: Callable[[], None]) -> Completer:
    """Return the completer; ``changed`` is called, from any thread, when there is more to offer than a moment ago."""
    return merged(catalogs, FileCatalog(changed), ModelCatalog(load_models, changed))


def merged(catalogs: Catalogs, files: FileCatalog, models: ModelCatalog) -> Completer:
    """Return the completer of all that these catalogs hold, and of commands."""
    return merge_completers([CommandCompleter(REGISTRY, catalogs, models), FileCompleter(files)])

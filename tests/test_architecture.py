"""Layers, import cycles, single importers and sizes, all read from the source."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path

import pytest

import aloop

ROOT = Path(__file__).parents[1]
ROOTS = ("aloop", "commands", "repl")
MAX_LINES = 600
MAX_MODULES = 15  # in one folder, __init__ apart
LARGE_FOLDERS = {"commands/builtin"}  # one file per command

# From the lowest floor up. A module may import its own floor and the floors below. The first pattern that matches
# the module's full name counts.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "aloop.call_stack",
        "aloop.errors",
        "aloop.formatting",
        "aloop.config*",
        "aloop.interrupts",
        "aloop.permissions",
        "aloop.project",
        "aloop.regular_file",
        "aloop.sanitize",
        "aloop.stored_key",
        "aloop.keys",
        "aloop.terminal",
        "aloop.text",
        "aloop.width",
    ),
    ("aloop.local_model*", "aloop.sandbox*"),
    ("aloop.llm*",),
    (
        "aloop.memory.annotations",
        "aloop.memory.pairing",
        "aloop.memory.context",
        "aloop.memory.origin",
        "aloop.memory.session",
        "aloop.memory.disk*",
        "aloop.tools*",
    ),
    ("aloop.memory.codec*", "aloop.memory.conversation", "aloop.memory.turn"),
    (
        "aloop.memory.merging*",
        "aloop.memory.session_folder*",
        "aloop.memory.sessions_dir.ids",
        "aloop.memory.search*",
    ),
    ("aloop.memory.sessions_dir*",),
    ("aloop.memory.session_writer",),
    ("aloop.memory*",),
    ("aloop.export*",),
    ("aloop.agent*",),
    ("aloop.importers*",),
    ("aloop.cli*",),
    ("aloop",),
    ("commands*",),
    ("aloop.lsp*",),
    ("repl*",),
    ("aloop.__main__",),
    ("aloop.entry",),
)
SEPARATE = (("aloop.memory", "aloop.tools"),)  # on the same floor, but may not import each other

# The only modules that may import certain third-party packages.
SINGLE_IMPORTERS = {
    "anthropic": ("aloop.llm.anthropic.*",),
    "genai_prices": ("aloop.llm.cost.pricing",),
    "PIL": ("aloop.llm.content.images",),
    "yaml": ("aloop.memory.codec.serialization", "aloop.importers.plain.ouro"),
    "markdown_it": ("aloop.export.page.html", "repl.output.markdown"),
    "prompt_toolkit": ("repl*",),
    "rich": ("repl*",),
    "wcwidth": ("aloop.width",),
    "pygls": ("aloop.lsp.*",),
    "lsprotocol": ("aloop.lsp.*",),
    "pygments": ("aloop.export.page.highlight", "repl.output.highlight"),
}
SILENT = (
    "aloop.agent*",
    "aloop.export*",
    "aloop.importers*",
    "aloop.llm*",
    "aloop.local_model*",
    "aloop.memory*",
    "aloop.sandbox*",
    "aloop.tools*",
)
CHILDREN = (
    "aloop.local_model.server_worker",
    "aloop.memory.search.prefilter_worker",
    "aloop.tools.command_supervisor",
    "aloop.tools.files.search_worker",
)  # separate programs, which use their standard streams
LAZY_DOORS = {"aloop.memory"}  # looks up its names on first use, so its imports for types load nothing
PRINTING = ("print", "input", "sys.stdout", "sys.stderr", "sys.stdin")
CATCH_ALL_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}

FACADE = {
    "AloopError",
    "AmbiguousPrefix",
    "InvalidPrefix",
    "LLMError",
    "LLMMessage",
    "MemoryManager",
    "ReActAgent",
    "SessionFileError",
    "SessionNotFound",
    "StorageError",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "create_llm",
    "tool",
}


@dataclass(frozen=True)
class Import:
    """One imported module.

    ``names`` are imported from it, and ``function`` is the line of the function around the import.
    """

    module: str
    names: tuple[str, ...]
    line: int
    level: int
    function: int | None
    types_only: bool


@dataclass(frozen=True)
class Module:
    """One source file of the product."""

    name: str
    path: Path

    @cached_property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse("\n".join(self.lines))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(_imports(self.tree))

    def has_comment(self, first: int, last: int) -> bool:
        """Return True if there is a comment in these lines, as they were parsed."""
        lines = iter(f"{line}\n" for line in self.lines[first - 1 : last])
        with suppress(tokenize.TokenError):  # the last statement may be cut
            return any(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(lambda: next(lines, "")))
        return False


def _imports(node: ast.AST, function: int | None = None, *, types_only: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, (), child.lineno, 0, function, types_only)
        elif isinstance(child, ast.ImportFrom):
            names = tuple(alias.name for alias in child.names)
            yield Import(child.module or "", names, child.lineno, child.level, function, types_only)
        else:
            inside = child.lineno if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            guarded = (
                isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"
            )
            yield from _imports(child, inside, types_only=types_only or guarded)


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the three packages."""
    found = []
    for root in ROOTS:
        for path in sorted((ROOT / root).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append(Module(".".join(part for part in parts if part != "__init__"), path))
    return tuple(found)


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


@cache
def module_names() -> frozenset[str]:
    return frozenset(module.name for module in modules())


@cache
def floor(name: str) -> int:
    for number, patterns in enumerate(FLOORS):
        if matches(name, patterns):
            return number
    raise AssertionError(f"{name} has no floor: add it to FLOORS")


def targets(imported: Import) -> Iterator[str]:
    """Yield the product modules that an import loads.

    ``from a import b`` loads ``a.b`` if that is a module.
    """
    known = module_names()
    if imported.module.partition(".")[0] not in ROOTS:
        return
    inner = [f"{imported.module}.{name}" for name in imported.names if f"{imported.module}.{name}" in known]
    yield from inner
    if not imported.names or len(inner) < len(imported.names):
        yield imported.module


def import_graph() -> dict[str, set[str]]:
    """Return the imports between modules at module level, imports for types included."""
    return {
        module.name: {
            target
            for imported in module.imports
            if imported.function is None
            for target in targets(imported)
            if target != module.name and module.name not in LAZY_DOORS
        }
        for module in modules()
    }


def all_imports() -> Iterator[tuple[Module, Import, str]]:
    """Yield each import of each module, with a description of its place."""
    for module in modules():
        for imported in module.imports:
            yield module, imported, f"{module.name}:{imported.line} imports {imported.module or 'its own package'}"


def is_version_import(module: Module, imported: Import) -> bool:
    """Return True for an import of ``__version__``, which ``aloop --version`` prints.

    It is the only name of the façade that inner modules may use.
    """
    return module.name in {"aloop.cli.parser", "aloop.__main__", "aloop.lsp.server"} and imported.names == (
        "__version__",
    )


def test_imports_look_down_only() -> None:
    assert not [
        place
        for module, imported, place in all_imports()
        for target in targets(imported)
        if floor(target) > floor(module.name) and not is_version_import(module, imported)
    ]


def test_packages_on_one_floor_do_not_import_each_other() -> None:
    assert not [
        place
        for module, imported, place in all_imports()
        for pair in SEPARATE
        for ours, theirs in (pair, pair[::-1])
        if matches(module.name, (ours, f"{ours}.*"))
        if any(matches(target, (theirs, f"{theirs}.*")) for target in targets(imported))
    ]


def test_no_aloop_module_imports_the_facade() -> None:
    assert not [
        place
        for module, imported, place in all_imports()
        if module.name.startswith("aloop.") and "aloop" in targets(imported) and not is_version_import(module, imported)
    ]


def test_external_packages_have_only_the_listed_importers() -> None:
    assert not [
        place
        for module, imported, place in all_imports()
        if not matches(module.name, SINGLE_IMPORTERS.get(imported.module.partition(".")[0], ("*",)))
    ]


def test_imports_are_absolute() -> None:
    assert not [place for _, imported, place in all_imports() if imported.level]


def test_imports_inside_functions_have_a_comment() -> None:
    """The comment is beside the import, or above it in the same function."""
    assert not [
        place
        for module, imported, place in all_imports()
        if imported.function is not None and not module.has_comment(imported.function, imported.line)
    ]


def test_imports_have_no_cycle() -> None:
    """Imports for types count; only imports inside functions do not."""
    graph = import_graph()
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join((*path[path.index(name) :], name))
        if name not in done:
            for target in graph[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_engine_never_prints() -> None:
    assert not [
        f"{module.name}:{node.lineno} {ast.unparse(node)}"
        for module in modules()
        if matches(module.name, SILENT) and module.name not in CHILDREN
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in PRINTING
    ]


def test_only_one_module_finds_the_home_folder() -> None:
    # Path.home and Path.expanduser raise a RuntimeError without a home, and for an unknown user as in `~unknown/x`.
    assert not [
        f"{module.name}:{node.lineno} {ast.unparse(node)}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and (
            ast.unparse(node) == "Path.home"
            or (node.attr == "expanduser" and ast.unparse(node) != "os.path.expanduser")
        )
    ]


def test_no_pattern_repeats_a_group_possessively() -> None:
    # Before Python 3.11.5 such a group keeps the start of a failed match: "(?:-a)*+" also takes the dash of "-b".
    possessive = re.compile(r"(?<!\\)\)(?:[*+?]|\{[\d,]*\})\+")
    assert not [
        f"{module.name}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and possessive.search(node.value)
    ]


def test_no_file_exceeds_the_line_limit() -> None:
    assert not {module.name: len(module.lines) for module in modules() if len(module.lines) > MAX_LINES}


def test_no_folder_exceeds_the_module_limit() -> None:
    folders = Counter(
        str(module.path.parent.relative_to(ROOT)) for module in modules() if module.path.name != "__init__.py"
    )
    assert not {name: count for name, count in folders.items() if count > MAX_MODULES and name not in LARGE_FOLDERS}


def test_no_module_has_a_catch_all_name() -> None:
    assert not [module.name for module in modules() if CATCH_ALL_NAMES & set(module.name.split("."))]


def test_facade_exports_exactly_the_promised_names() -> None:
    assert set(aloop.__all__) == FACADE
    for name in FACADE:
        assert getattr(aloop, name) is not None


def test_facade_raises_attribute_error_for_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        aloop.Nonsense  # noqa: B018 # reading it is the test

"""The language server, which answers the requests of an editor about sessions.

It never writes the file of an open session. Changes are edits of one version of the text, which the editor makes, and
the running shell merges them like any manual edit once the file is saved.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcContentModified, JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from aloop import __version__
from aloop.config.settings import Settings
from aloop.errors import AloopError
from aloop.llm.cost.pricing import PriceList
from aloop.lsp import actions
from aloop.lsp.actions import Choice, ClientSupport
from aloop.lsp.analysis import Analysis
from aloop.lsp.diagnostics import beside_diagnostics, find_beside, text_diagnostics
from aloop.lsp.documents import OpenDocument
from aloop.lsp.folding import folding_ranges
from aloop.lsp.forks import fork_session
from aloop.lsp.hover import hover
from aloop.lsp.outline import definition, document_symbols
from aloop.lsp.positions import Units

T = TypeVar("T")

_PAUSE = 0.3
"""Seconds without a change after which a text is checked."""
_REQUEST_FAILED = types.LSPErrorCodes.RequestFailed.value


class _Protocol(LanguageServerProtocol):
    """Keeps the documents in ``SessionServer``.

    The workspace of pygls ends lines at more characters than the protocol does, and copies a text for each change.
    """

    _server: SessionServer

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        self._server.open(OpenDocument(item.uri, item.text, item.version, self._server.units))

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        self._server.change(params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._server.close(params.text_document.uri)


class SessionServer(LanguageServer):
    """The server with its open documents."""

    def __init__(self, prices: PriceList) -> None:
        super().__init__("aloop", __version__, protocol_cls=_Protocol)
        self.prices = prices
        self.has_shut_down = False
        self._documents: dict[str, OpenDocument] = {}

    @property
    def units(self) -> Units:
        return Units(self.workspace.position_encoding or types.PositionEncodingKind.Utf16)

    def open(self, document: OpenDocument) -> None:
        """Add a document that the editor has opened, and check it."""
        self._documents[document.uri] = document
        self._check_soon(document, 0)

    def change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Change a document as the editor has, and check it after a pause."""
        document = self._documents[params.text_document.uri]
        document.change(params.text_document.version, params.content_changes)
        self._check_soon(document, _PAUSE)

    def save(self, uri: str) -> None:
        """Check a document that the editor has saved, and the folder of the session."""
        document = self._documents[uri]
        document.is_folder_due = True
        self._check_soon(document, 0)

    def close(self, uri: str) -> None:
        """Remove a document that the editor has closed."""
        document = self._documents.pop(uri)
        if document.check:
            document.check.cancel()
        gc.unfreeze()  # frozen for each analysis
        if document.is_marked:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    async def analyze(self, uri: str) -> Analysis | None:
        """Return the analysis of an open document, None if it is not a session."""
        document = self._documents.get(uri)
        return await document.analyze() if document else None

    async def compute(self, uri: str, work: Callable[[Analysis], T]) -> T | None:
        """Return a result about an open session; ``work`` runs on a thread."""
        analysis = await self.analyze(uri)
        return None if analysis is None else await asyncio.to_thread(work, analysis)

    def supports(self, path: str) -> Any:
        """Return a capability of the editor, such as ``window.show_document.support``."""
        return get_capability(self.client_capabilities, path)

    def _check_soon(self, document: OpenDocument, delay: float) -> None:
        if document.check:
            document.check.cancel()
        document.check = asyncio.ensure_future(self._check(document, delay))
        document.check.add_done_callback(self._report_failure)

    async def _check(self, document: OpenDocument, delay: float) -> None:
        await asyncio.sleep(delay)
        analysis = await document.analyze()
        found = [] if analysis is None else await asyncio.to_thread(text_diagnostics, analysis)
        if analysis is not None or document.is_marked:
            self._publish(document, found)
        if analysis is not None and document.is_folder_due:
            # Later, because the whole file is read for it.
            before, document.beside = document.beside, await asyncio.to_thread(find_beside, document.path)
            document.is_folder_due = False
            if document.beside != before:
                self._publish(document, found)

    def _publish(self, document: OpenDocument, found: list[types.Diagnostic]) -> None:
        document.is_marked = True
        all_found = [*found, *beside_diagnostics(document.beside, document.path)]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(document.uri, all_found, document.version)
        )

    def _report_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report_server_error(JsonRpcException(str(error)), JsonRpcException)


async def _fold(ls: SessionServer, params: types.FoldingRangeParams) -> list[types.FoldingRange] | None:
    limit = ls.supports("text_document.folding_range.range_limit")
    return await ls.compute(params.text_document.uri, lambda analysis: folding_ranges(analysis, limit))


async def _hover(ls: SessionServer, params: types.HoverParams) -> types.Hover | None:
    formats = ls.supports("text_document.hover.content_format") or [types.MarkupKind.PlainText]
    kind = types.MarkupKind.Markdown if types.MarkupKind.Markdown in formats else types.MarkupKind.PlainText
    return await ls.compute(
        params.text_document.uri, lambda analysis: hover(analysis, params.position, ls.prices, kind)
    )


async def _outline(ls: SessionServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol] | None:
    return await ls.compute(params.text_document.uri, document_symbols)


async def _define(ls: SessionServer, params: types.DefinitionParams) -> types.Location | None:
    uri = params.text_document.uri
    return await ls.compute(uri, lambda analysis: definition(analysis, params.position, uri))


async def _list_actions(ls: SessionServer, params: types.CodeActionParams) -> list[types.CodeAction] | None:
    uri, resolved = params.text_document.uri, ls.supports("text_document.code_action.resolve_support.properties")
    is_lazy = "edit" in (resolved or ()) and bool(ls.supports("text_document.code_action.data_support"))

    def find(analysis: Analysis) -> list[types.CodeAction]:
        found = actions.code_actions(analysis, uri, params.range, params.context)
        if not is_lazy:
            for action in found:
                if action.data is not None:
                    actions.complete(action, Choice.of(action.data), analysis, _support(ls))
        return found

    with _failures_reported():
        return await ls.compute(uri, find)


async def _resolve_action(ls: SessionServer, action: types.CodeAction) -> types.CodeAction:
    if action.data is None:
        return action
    choice = Choice.of(action.data)
    analysis = await ls.analyze(choice.uri)
    if analysis is None or analysis.version != choice.version:
        raise JsonRpcContentModified("The text has changed. Choose the action again.")
    with _failures_reported():
        return await asyncio.to_thread(actions.complete, action, choice, analysis, _support(ls))


def _support(ls: SessionServer) -> ClientSupport:
    return ClientSupport(
        bool(ls.supports("workspace.workspace_edit.document_changes")),
        bool(ls.supports("window.show_document.support")),
    )


async def _fork(ls: SessionServer, uri: str, number: int) -> dict[str, str]:
    analysis = await ls.analyze(uri)
    if analysis is None:
        raise JsonRpcException("Open the session in the editor first.", _REQUEST_FAILED)
    with _failures_reported():
        fork = await fork_session(analysis, number)
    ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, fork.notice))
    return {"id": fork.id, "path": str(fork.path)}


async def _select(ls: SessionServer, uri: str, area: types.Range) -> None:
    await ls.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True, selection=area))


async def _save(ls: SessionServer, params: types.DidSaveTextDocumentParams) -> None:
    ls.save(params.text_document.uri)


async def _shut_down(ls: SessionServer, _: None) -> None:
    ls.has_shut_down = True


@contextlib.contextmanager
def _failures_reported() -> Iterator[None]:
    """Turn errors of aloop into failures of the request, whose text the editor shows."""
    try:
        yield
    except (AloopError, OSError) as error:
        raise JsonRpcException(str(error), _REQUEST_FAILED) from error


_FEATURES: dict[str, tuple[Callable[..., Any], Any]] = {
    types.TEXT_DOCUMENT_DID_SAVE: (_save, None),
    types.TEXT_DOCUMENT_FOLDING_RANGE: (_fold, None),
    types.TEXT_DOCUMENT_HOVER: (_hover, None),
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (_outline, None),
    types.TEXT_DOCUMENT_DEFINITION: (_define, None),
    types.TEXT_DOCUMENT_CODE_ACTION: (_list_actions, types.CodeActionOptions(actions.KINDS, resolve_provider=True)),
    types.CODE_ACTION_RESOLVE: (_resolve_action, None),
    types.SHUTDOWN: (_shut_down, None),
}


def create_server(prices: PriceList) -> SessionServer:
    """Return a server that is not connected yet."""
    server = SessionServer(prices)
    for name, (function, options) in _FEATURES.items():
        server.feature(name, options)(function)
    server.command(actions.FORK)(_fork)
    server.command(actions.SELECT)(_select)
    return server


def serve() -> int:
    """Serve one editor on the standard streams, and return the exit code.

    Raises UsageError for invalid settings.
    """
    server = create_server(PriceList(Settings.from_env().prices))
    # No other output can get into this descriptor.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output, contextlib.redirect_stdout(sys.stderr):
        server.start_io(sys.stdin.buffer, output)
    return 0 if server.has_shut_down else 1

"""The language server's requests: ghost text at the cursor, and edits anywhere.

What a client sends with these two is read without a check of its form: to a request of another form pygls gives no
answer at all, and clients differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from tabtab_local import __version__
from tabtab_local.desk.ask import Ask, ask_at
from tabtab_local.desk.desk import Desk, Dropped
from tabtab_local.document import document_of
from tabtab_local.edits import Edit, apply
from tabtab_local.errors import TabTabError
from tabtab_local.lsp.position import Lines
from tabtab_local.recent import History
from tabtab_local.suggestion import Suggestion

# The name lets sidekick.nvim find it, which asks the first server that is called like this for next edits.
NAME = "tabtab-copilot"

NEXT_EDIT = "textDocument/copilotInlineEdit"
ACCEPT = "tabtab.accept"

_UNCHECKED = (types.TEXT_DOCUMENT_INLINE_COMPLETION, NEXT_EDIT)
_NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithCells(cells=[types.NotebookCellLanguage(language="python")]),
    ]
)


class _Protocol(LanguageServerProtocol):
    def get_message_type(self, method: str) -> Any:  # type: ignore[override]
        """Return the type that a message is read into; none for those that are read as they come."""
        return None if method in _UNCHECKED else super().get_message_type(method)


@dataclass(frozen=True)
class _Asked:
    """A question about a document that is open in the editor, at one of its versions."""

    uri: str
    version: int | None
    lines: Lines
    ask: Ask


def create_server(desk: Desk) -> LanguageServer:
    """Return the server that asks `desk`."""
    server = LanguageServer(NAME, __version__, notebook_document_sync=_NOTEBOOKS, protocol_cls=_Protocol, max_workers=1)
    histories: dict[str, History] = {}

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(ls: LanguageServer, params: Any) -> None:
        uri = params.text_document.uri
        text = ls.workspace.get_text_document(uri).source.replace("\r\n", "\n")
        histories[uri] = histories.get(uri, History((), (text,))).up_to((text,))

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        histories.pop(params.text_document.uri, None)

    def asked(ls: LanguageServer, params: Any) -> _Asked:
        uri = params.textDocument.uri
        document = ls.workspace.get_text_document(uri)
        lines = Lines(document.source, ls.workspace.position_encoding)
        edits = histories[uri].edits if uri in histories else ()
        ask = ask_at("lsp", document.source, lines.offset(params.position), name=uri, recent_edits=edits)
        return _Asked(
            uri, document.version, Lines(ask.text, ls.workspace.position_encoding), _in_notebook(ls, uri, ask)
        )

    async def suggested(ls: LanguageServer, params: Any) -> tuple[_Asked, Suggestion | None]:
        """Return what is suggested, nothing where the text has changed meanwhile."""
        question = asked(ls, params)
        try:
            suggestion = await desk.suggestion(question.ask)
        except (Dropped, TabTabError):
            return question, None
        now = ls.workspace.get_text_document(question.uri).version
        return question, suggestion if now == question.version else None

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(ls: LanguageServer, params: Any) -> types.InlineCompletionList:
        question, suggestion = await suggested(ls, params)
        edit = _at_cursor(question.ask, suggestion) if suggestion else None
        if edit is None:
            return types.InlineCompletionList([])
        item = types.InlineCompletionItem(edit.text, range=question.lines.range(edit), command=_accept(question.uri))
        return types.InlineCompletionList([item])

    @server.feature(NEXT_EDIT)
    async def next_edit(ls: LanguageServer, params: Any) -> dict[str, list[dict[str, Any]]]:
        question, suggestion = await suggested(ls, params)
        edits = question.ask.edits(suggestion) if suggestion else ()
        if not edits:
            return {"edits": []}
        whole = _joined(question.ask.text, edits)
        version = {"uri": question.uri, "version": params.textDocument.version}
        told = {"text": whole.text, "range": question.lines.range(whole), "textDocument": version}
        return {"edits": [{**told, "command": _accept(question.uri)}]}

    @server.command(ACCEPT)
    def accept(*_: Any) -> None:
        """Take note; the text that comes next tells the rest."""

    return server


def _in_notebook(ls: LanguageServer, uri: str, ask: Ask) -> Ask:
    """Return the question with the other cells, where the document is a cell of a notebook that is open."""
    notebook = ls.workspace.get_notebook_document(cell_uri=uri)
    if notebook is None:
        return ask
    cells = [cell.document for cell in notebook.cells if cell.kind == types.NotebookCellKind.Code]
    codes = [ls.workspace.get_text_document(cell).source.replace("\r\n", "\n") for cell in cells]
    return replace(ask, document=document_of(codes, cells.index(uri), ask.caret)) if uri in cells else ask


def _at_cursor(ask: Ask, suggestion: Suggestion) -> Edit | None:
    """Return the edit where it is one that begins at the cursor and changes its line alone."""
    edits = ask.edits(suggestion)
    if len(edits) != 1 or edits[0].start != ask.caret:
        return None
    return None if "\n" in ask.text[edits[0].start : edits[0].end] else edits[0]


def _joined(text: str, edits: tuple[Edit, ...]) -> Edit:
    """Return edits as one that replaces all from the first to the last."""
    start, end = edits[0].start, edits[-1].end
    return Edit(start, end, apply(text[start:end], [edit.shifted(-start) for edit in edits]))


def _accept(uri: str) -> types.Command:
    return types.Command(title="accepted", command=ACCEPT, arguments=[uri])

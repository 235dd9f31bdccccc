"""The language server's requests: ghost text at the cursor, and edits anywhere.

What a client sends with these two is read without a check of its form, for clients differ: what is needed is the
document and the position.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from lsprotocol import types
from pygls.exceptions import FeatureRequestError, JsonRpcException, JsonRpcInvalidParams, JsonRpcInvalidRequest
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from tabtab_local import __version__
from tabtab_local.desk.ask import Ask, ask_at
from tabtab_local.desk.desk import Desk, Dropped
from tabtab_local.desk.offer import Event
from tabtab_local.document import document_of
from tabtab_local.edits import Edit, apply
from tabtab_local.errors import TabTabError
from tabtab_local.lsp.buffer import Buffers
from tabtab_local.lsp.position import Lines
from tabtab_local.suggestion import Suggestion

# Clients of next edits look for "copilot" in a server's name; sidekick.nvim in the one that Neovim's user gives it.
NAME = "tabtab-copilot"

NEXT_EDIT = "textDocument/copilotInlineEdit"
ACCEPT, REJECT = "tabtab.accept", "tabtab.reject"

# No position in the protocol is beyond this.
_FARTHEST = 2**31 - 1

_UNCHECKED = (types.TEXT_DOCUMENT_INLINE_COMPLETION, NEXT_EDIT)

# What `Buffers` does in the place of pygls.
_OWN = (
    *(types.TEXT_DOCUMENT_DID_OPEN, types.TEXT_DOCUMENT_DID_CHANGE, types.TEXT_DOCUMENT_DID_CLOSE),
    *(types.NOTEBOOK_DOCUMENT_DID_OPEN, types.NOTEBOOK_DOCUMENT_DID_CHANGE, types.NOTEBOOK_DOCUMENT_DID_CLOSE),
)
_NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithCells(cells=[types.NotebookCellLanguage(language="python")]),
    ]
)


class _Protocol(LanguageServerProtocol):
    @property
    def is_shut_down(self) -> bool:
        """Whether the editor has asked for that."""
        return self._shutdown

    def handle_message(self, message: Any) -> None:
        """Handle a message; after a shutdown a request is refused, where pygls would leave it without an answer."""
        if self._shutdown and hasattr(message, "id") and hasattr(message, "method"):
            error = JsonRpcInvalidRequest("Invalid Request: the server has been shut down")
            self._send_response(message.id, error=error.to_response_error())
        else:
            super().handle_message(message)

    def get_message_type(self, method: str) -> Any:  # type: ignore[override]
        """Return the type that a message is read into; none for those that are read as they come."""
        return None if method in _UNCHECKED else super().get_message_type(method)

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Return a message in its type; a request of another form is told so, where pygls would say nothing."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
            raise


class _Server(LanguageServer):
    protocol: _Protocol

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Tell the editor's log of what is wrong with a message; a window would be in the way of who types."""
        if source is not FeatureRequestError:
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, str(error)))


@dataclass(frozen=True)
class _Asked:
    """A question about a document that is open in the editor, at one of its versions."""

    uri: str
    version: int
    lines: Lines
    ask: Ask


@dataclass(frozen=True)
class _Suggested:
    """What is suggested, and the edits of the client's text that it comes to: one at least."""

    asked: _Asked
    suggestion: Suggestion
    edits: tuple[Edit, ...]


def run(desk: Desk) -> int:
    """Answer an editor on stdin and stdout until it is done; return the exit code, which is 1 without a shutdown."""
    server = create_server(desk)
    server.start_io()
    return 0 if server.protocol.is_shut_down else 1


def create_server(desk: Desk) -> _Server:
    """Return the server that asks `desk`."""
    # What pygls logs holds code, and an editor keeps what a server writes on stderr.
    logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)
    server = _Server(NAME, __version__, notebook_document_sync=_NOTEBOOKS, protocol_cls=_Protocol, max_workers=1)
    buffers = Buffers()
    _follow(server, buffers)
    numbers, shown = count(1), dict[str, int]()  # the last number of a document

    def asked(params: Any) -> _Asked | None:
        """Return the question; nothing where it is about what is not Python, or about a version that is not there."""
        uri, version, place = _place(params)
        buffer = buffers.get(uri)
        if buffer is None or not buffer.is_python or version not in (None, buffer.version):
            return None
        edits = buffers.recent_edits(uri)
        ask = ask_at("lsp", buffer.text, buffer.lines.offset(place), name=uri, recent_edits=edits)
        if notebook := buffers.notebook(uri):
            ask = replace(ask, document=document_of(*notebook, ask.caret))
        lines = buffer.lines if ask.text == buffer.text else Lines(ask.text, buffer.encoding)
        return _Asked(uri, buffer.version, lines, ask)

    async def suggested(params: Any) -> _Suggested | None:
        """Return a question and what is suggested; nothing without an edit, or where the text has changed."""
        try:
            question = asked(params)
            suggestion = await desk.suggestion(question.ask) if question else None
        except (Dropped, TabTabError):
            return None
        edits = question.ask.edits(suggestion) if question and suggestion else ()
        if question is None or suggestion is None or not edits:
            return None
        now = buffers.get(question.uri)
        return _Suggested(question, suggestion, edits) if now and now.version == question.version else None

    def told(found: _Suggested) -> types.Command:
        """Take note that a suggestion is shown; return the command by which the client tells that it was accepted."""
        uri, number = found.asked.uri, next(numbers)
        shown[uri] = number
        desk.shown(number, found.asked.ask, found.suggestion)
        return types.Command(title="accepted", command=ACCEPT, arguments=[uri, number])

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(params: Any) -> types.InlineCompletionList:
        found = await suggested(params)
        if found is None or not _is_ghost(found.asked, found.edits):
            # Not null: with that, Neovim would leave on the screen what is there.
            return types.InlineCompletionList([])
        (edit,) = found.edits
        item = types.InlineCompletionItem(edit.text, range=found.asked.lines.range(edit), command=told(found))
        return types.InlineCompletionList([item])

    @server.feature(NEXT_EDIT)
    async def next_edit(params: Any) -> dict[str, list[dict[str, Any]]]:
        found = await suggested(params)
        if found is None:
            return {"edits": []}
        question = found.asked
        whole = _joined(question.ask.text, found.edits)
        version = {"uri": question.uri, "version": question.version}
        edit = {"text": whole.text, "range": question.lines.range(whole), "textDocument": version}
        return {"edits": [{**edit, "command": told(found)}]}

    def hear(event: Event, given: tuple[Any, ...]) -> None:
        """Tell the desk what became of a suggestion: that of a document and a number, or the last of the document."""
        uri, number, *_ = *given, None, None
        number = shown.get(str(uri)) if number is None else number
        if isinstance(number, int):
            desk.tell(number, event)

    @server.command(ACCEPT)
    def accept(*given: Any) -> None:
        """Take in that the user has accepted a suggestion."""
        hear("accepted", given)

    @server.command(REJECT)
    def reject(*given: Any) -> None:
        """Take in that the user does not want a suggestion: it does not come again."""
        hear("rejected", given)

    return server


def _follow(server: LanguageServer, buffers: Buffers) -> None:
    """Have `buffers` follow what the editor tells of its texts."""
    for method in _OWN:
        del server.protocol.fm.builtin_features[method]

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(ls: LanguageServer, params: types.DidOpenTextDocumentParams) -> None:
        buffers.open(params.text_document, ls.workspace.position_encoding)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        buffers.change(params.text_document, params.content_changes)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        buffers.close(params.text_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def opened_notebook(ls: LanguageServer, params: types.DidOpenNotebookDocumentParams) -> None:
        buffers.open_notebook(params, ls.workspace.position_encoding)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def changed_notebook(ls: LanguageServer, params: types.DidChangeNotebookDocumentParams) -> None:
        buffers.change_notebook(params, ls.workspace.position_encoding)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def closed_notebook(params: types.DidCloseNotebookDocumentParams) -> None:
        buffers.close_notebook(params)


def _place(params: Any) -> tuple[str, int | None, types.Position]:
    """Return which document is asked about, at which version if that is told, and where."""
    try:
        document, position = params.textDocument, params.position
        uri, version = document.uri, getattr(document, "version", None)
        line, character = position.line, position.character
    except AttributeError as error:
        raise JsonRpcInvalidParams(f"Invalid Params: {error.name} is missing") from None
    numbers = all(isinstance(number, int) and number >= 0 for number in (line, character))
    if not numbers or not isinstance(uri, str):
        raise JsonRpcInvalidParams("Invalid Params: a document's URI and a position are needed")
    return uri, version, types.Position(min(line, _FARTHEST), min(character, _FARTHEST))


def _is_ghost(question: _Asked, edits: tuple[Edit, ...]) -> bool:
    """Return whether edits are one that begins at the cursor and changes its line alone."""
    ask, first = question.ask, edits[0]
    return len(edits) == 1 and first.start == ask.caret and "\n" not in ask.text[first.start : first.end]


def _joined(text: str, edits: tuple[Edit, ...]) -> Edit:
    """Return edits as one that replaces all from the first to the last."""
    start, end = edits[0].start, edits[-1].end
    return Edit(start, end, apply(text[start:end], [edit.shifted(-start) for edit in edits]))

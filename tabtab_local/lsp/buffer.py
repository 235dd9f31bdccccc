"""What the editor has open, as it tells: texts and their versions, the cells of notebooks, and what was edited lately.

Changes are made here and not by pygls, whose lines also end where Python's splitlines ends them: behind a form feed in
a file, its text would soon be another than the editor's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import unquote

from lsprotocol import types

from tabtab_local.edits import Edit, apply
from tabtab_local.lsp.position import Lines
from tabtab_local.prompt import RecentEdit
from tabtab_local.recent import History

Encoding = types.PositionEncodingKind | str | None


@dataclass(frozen=True)
class Buffer:
    """A text that is open: a file, or a cell of a notebook. `encoding` says in which units its columns are counted."""

    text: str
    version: int
    language: str
    encoding: Encoding

    @property
    def code(self) -> str:
        """The text with the line ends that the model knows."""
        return self.text.replace("\r\n", "\n")

    @property
    def is_python(self) -> bool:
        """Whether the editor says that it is Python."""
        return self.language.lower() == "python"

    @cached_property
    def lines(self) -> Lines:
        """Where its lines are."""
        return Lines(self.text, self.encoding)

    def changed(self, change: types.TextDocumentContentChangeEvent) -> Buffer:
        """Return what a change makes of it: of a part, or of all."""
        if not isinstance(change, types.TextDocumentContentChangePartial):
            return replace(self, text=change.text)
        start, end = self.lines.offset(change.range.start), self.lines.offset(change.range.end)
        return replace(self, text=apply(self.text, [Edit(start, max(start, end), change.text)]))


class Buffers:
    """All that is open. A URI is the same whichever of its characters the client quotes."""

    def __init__(self) -> None:
        self._buffers: dict[str, Buffer] = {}
        self._notebooks: dict[str, list[types.NotebookCell]] = {}
        self._histories: dict[str, History] = {}  # of a file, or of a notebook as a whole

    def get(self, uri: str) -> Buffer | None:
        """Return a text, if it is open."""
        return self._buffers.get(unquote(uri))

    def notebook(self, uri: str) -> tuple[list[str], int] | None:
        """Return the code of the cells of the notebook that holds a cell, and which of them it is; None without one."""
        cells = self._code_cells(self._owner(uri))
        if unquote(uri) not in cells:
            return None
        return [self._buffers[cell].code for cell in cells], cells.index(unquote(uri))

    def recent_edits(self, uri: str) -> tuple[RecentEdit, ...]:
        """Return what was edited lately in a file, or in all of the notebook that holds a cell, oldest first."""
        history = self._histories.get(self._owner(uri))
        return history.edits if history else ()

    def open(self, document: types.TextDocumentItem, encoding: Encoding) -> None:
        """Take in a text as it was opened."""
        self.close(document.uri)
        self._put(document, encoding)
        self._remember(document.uri)

    def change(
        self, document: types.VersionedTextDocumentIdentifier, changes: Iterable[types.TextDocumentContentChangeEvent]
    ) -> None:
        """Take in changes of a text; of one that is not open they mean nothing."""
        self._edit(document, changes)
        self._remember(document.uri)

    def close(self, uri: str) -> None:
        """Forget a text."""
        self._buffers.pop(unquote(uri), None)
        self._histories.pop(unquote(uri), None)

    def open_notebook(self, params: types.DidOpenNotebookDocumentParams, encoding: Encoding) -> None:
        """Take in a notebook as it was opened."""
        uri = unquote(params.notebook_document.uri)
        self._notebooks[uri] = list(params.notebook_document.cells)
        for document in params.cell_text_documents:
            self._put(document, encoding)
        self._remember(uri)

    def change_notebook(self, params: types.DidChangeNotebookDocumentParams, encoding: Encoding) -> None:
        """Take in cells that have come, gone, or changed their kind or text."""
        uri, changes = unquote(params.notebook_document.uri), params.change.cells
        cells = self._notebooks.get(uri)
        if changes is None or cells is None:
            return
        if changes.structure:
            array = changes.structure.array
            cells[array.start : array.start + array.delete_count] = array.cells or []
            for opened in changes.structure.did_open or []:
                self._put(opened, encoding)
            for closed in changes.structure.did_close or []:
                self._buffers.pop(unquote(closed.uri), None)
        told = {cell.document: cell for cell in changes.data or []}
        cells[:] = [told.get(cell.document, cell) for cell in cells]
        for content in changes.text_content or []:
            self._edit(content.document, content.changes)
        self._remember(uri)

    def close_notebook(self, params: types.DidCloseNotebookDocumentParams) -> None:
        """Forget a notebook and its cells."""
        uri = unquote(params.notebook_document.uri)
        self._notebooks.pop(uri, None)
        self._histories.pop(uri, None)
        for cell in params.cell_text_documents:
            self._buffers.pop(unquote(cell.uri), None)

    def _put(self, document: types.TextDocumentItem, encoding: Encoding) -> None:
        buffer = Buffer(document.text, document.version, str(document.language_id), encoding)
        self._buffers[unquote(document.uri)] = buffer

    def _edit(
        self, document: types.VersionedTextDocumentIdentifier, changes: Iterable[types.TextDocumentContentChangeEvent]
    ) -> None:
        buffer = self.get(document.uri)
        if buffer is None:
            return
        for change in changes:
            buffer = buffer.changed(change)
        self._buffers[unquote(document.uri)] = replace(buffer, version=document.version)

    def _owner(self, uri: str) -> str:
        """Return the notebook that holds a cell; where none does, the text itself."""
        for notebook, cells in self._notebooks.items():
            if any(unquote(cell.document) == unquote(uri) for cell in cells):
                return notebook
        return unquote(uri)

    def _code_cells(self, notebook: str) -> list[str]:
        cells = self._notebooks.get(notebook, ())
        uris = [unquote(cell.document) for cell in cells if cell.kind == types.NotebookCellKind.Code]
        return [uri for uri in uris if uri in self._buffers]

    def _remember(self, uri: str) -> None:
        """Note what has changed in a file, or in a notebook that is given by its URI or that of a cell."""
        owner = self._owner(uri)
        uris = [owner] if owner in self._buffers else self._code_cells(owner)
        codes = tuple(self._buffers[uri].code for uri in uris)
        self._histories[owner] = self._histories.get(owner, History((), codes)).up_to(codes)

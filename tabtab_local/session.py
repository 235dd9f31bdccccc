"""A session: one document while somebody edits it. It keeps what was computed, so that a key costs a token or two.

An editor calls `update` for each change of the text or the cursor, `suggest` where it wants a suggestion, `accept` or
`reject` as the user decides (or, where it has made the edit by itself, `update`), and `widen` and `prefetch` while
nothing happens (a `Desk` does these by itself). The calls may come from different threads: an update stops the request
that runs.

- The prompt is made once, from a snapshot; what is typed since is the forced beginning of the answer. Where reading it
  would take seconds, it shows the model little but the region at first, and all else once there was time to read that.
- Typing what is suggested costs nothing.
- After Tab, the cursor stands where the answer put it, and what comes next may have been prepared. Where the region
  has nothing more to change, the other uses of a name that the edit renamed or gave other parameters are tried; a
  place is proposed if the model, asked there, changes something.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from tabtab_local.answer import Question, answer, known_start
from tabtab_local.complete import NO_WORK, Completion, build_prompt, judged, unreadable
from tabtab_local.config import Settings
from tabtab_local.document import Document
from tabtab_local.edits import Edit, apply
from tabtab_local.engine import Engine, Generation, Guide, Timings, never
from tabtab_local.errors import Cancelled, UsageError
from tabtab_local.place import next_places
from tabtab_local.prompt import EDIT_END, EDIT_START, RecentEdit, forced_region, render_prompt
from tabtab_local.recent import History
from tabtab_local.suggestion import Snapshot, Suggestion

SESSION_SETTINGS = Settings(infer_intent=False)
"""How a session asks unless told otherwise: an intent takes as long to write as the suggestion itself."""

_REJECTED = 16
_PLACES = 4

# Where reading a prompt would take longer than this, one with few tokens of context is asked with until there was time.
_PATIENCE_MS = 500.0
_SHORT_CONTEXT_TOKENS = 64

Show = Callable[[str], None]


def _nowhere(text: str) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class _Screen:
    """Who sees an answer before its end: the text at the cursor as it grows, and the insertion once it is whole."""

    show: Show
    early: Callable[[Suggestion], None]


_DARK = _Screen(_nowhere, lambda suggestion: None)


@dataclass(frozen=True)
class _Ahead:
    """What is suggested in a state of the document that has not come yet, and the cache that has its prompt.

    `snapshot` and `key` are nothing where that cache was used for other places since.
    """

    document: Document
    suggestion: Suggestion
    snapshot: Snapshot | None
    key: str

    def is_for(self, now: Document) -> bool:
        """Return whether this is what `now` asks for; an edit elsewhere is, wherever the cursor stands by now."""
        there = self.suggestion.document
        stays = (there.cell, there.cursor) == (self.document.cell, self.document.cursor)
        return _same(self.document, now) or (not stays and (there.kind, there.codes) == (now.kind, now.codes))


class Session:
    """One open document. Sessions share an engine, in which each has caches of its own, named after `name`."""

    def __init__(self, engine: Engine, settings: Settings | None = None, *, name: str = "") -> None:
        self._engine = engine
        self._settings = settings or SESSION_SETTINGS
        self._lock = threading.Lock()
        self._version = 0
        self._document: Document | None = None
        self._snapshot: Snapshot | None = None
        self._read: Snapshot | None = None  # the snapshot whose prompt the engine has read
        self._shown: Suggestion | None = None
        self._ahead: _Ahead | None = None
        self._preparing: Document | None = None  # the state whose prompt goes into the spare cache just now
        self._history = History()
        self._origin: Document | None = None  # the document before the edit whose other places are looked for
        self._rejected: deque[tuple[int, str]] = deque(maxlen=_REJECTED)
        self._key, self._spare_key = name, f"{name}\0ahead"

    @property
    def shown(self) -> Suggestion | None:
        """The suggestion that is valid for the document as it is now, if there is one."""
        return self._shown

    @property
    def snapshot(self) -> Snapshot | None:
        """What the model is asked with, if a prompt has been made for the document as it is."""
        return self._snapshot

    def update(self, document: Document, cursor: int | None = None) -> Suggestion | None:
        """Take in that the text or the cursor has changed; return what is left of the suggestion that was shown.

        `cursor` is an offset in the document's code, in place of the document's own. Raises `UsageError` for one
        outside of it, and leaves all as it was.
        """
        document = document if cursor is None else replace(document, cursor=cursor)
        if not 0 <= document.cursor <= len(document.code):
            raise UsageError(f"the cursor {document.cursor} is outside the code: choose 0-{len(document.code)}")
        with self._lock:
            if self._document is not None and _same(self._document, document):
                return self._shown
            self._version += 1
            self._document = document
            if self._snapshot and self._snapshot.before(document) is None:
                self._snapshot = None
            shown = self._shown
            self._shown = shown.typed_along(document) if shown else None
            if self._shown is None:
                # An editor that goes to the place that is shown has left nothing; one may have made the edit by itself.
                self._origin = (self._origin or shown.document) if shown and shown.is_made_in(document) else None
            return self._shown

    def recall(self, edits: tuple[RecentEdit, ...]) -> None:
        """Take from the editor what was edited lately, oldest first, in the place of what was seen of it here."""
        with self._lock:
            self._history = History(edits, self._document.codes if self._document else ())

    def suggest(self, *, show: Show = _nowhere, cancel: Callable[[], bool] = never) -> Suggestion:
        """Return the suggestion for the document as it is; `show` gets the text at the cursor as it grows.

        An insertion that is whole can be accepted, and typed along with, before this returns: `shown` has it then. It
        may still be taken back, where the model goes on to change something behind it.

        Raises `Cancelled` where an update comes meanwhile, `UsageError` where the code around the cursor does not fit
        into the model's context, `ModelError` where the engine fails; the session goes on.
        """
        with self._lock:
            document, version = self._document, self._version
            if document is None:
                raise UsageError("no document is open: call update first")
            if self._shown is not None:
                return self._shown
            ahead, self._ahead = self._ahead, None
            if ahead and ahead.is_for(document):
                return self._come(ahead)
            snapshot = self._snapshot
        try:
            return self._made(document, snapshot, version, show, cancel)
        except BaseException:
            with self._lock:
                if self._version == version:
                    self._shown = None  # nobody knows any more whether what was shown early holds
            raise

    def _made(
        self, document: Document, snapshot: Snapshot | None, version: int, show: Show, cancel: Callable[[], bool]
    ) -> Suggestion:
        def stale() -> bool:
            return self._version != version or cancel()

        def early(suggestion: Suggestion) -> None:
            with self._lock:
                if not stale():
                    self._shown = suggestion

        if snapshot is None:
            snapshot = self._quick(document)
            with self._lock:
                if stale():
                    raise Cancelled("a newer request has stopped this one")
                if snapshot.wide:
                    # The cache of the last prompt has more of the wide one's beginning.
                    self._key, self._spare_key = self._spare_key, self._key
                self._history = self._history.up_to(document.codes)
                self._snapshot = snapshot
        try:
            reading = self._read_ahead_of_typing(snapshot, document, cancel)
            suggestion = self._asked(snapshot, document, (self._key, ""), _Screen(show, early), stale)
        except UsageError:
            if snapshot.document is document or stale():
                raise
            # What was typed since has no room behind this prompt; a new one shows less around it.
            return self._made(document, None, version, show, cancel)
        if not suggestion.edits and self._origin:
            suggestion = self._elsewhere(self._origin, document, stale) or suggestion
        if reading and suggestion.timings:
            suggestion = replace(suggestion, timings=suggestion.timings.after(reading))
        with self._lock:
            if stale():
                raise Cancelled("a newer request has stopped this one")
            self._shown = suggestion if suggestion.edits else None
        return suggestion

    def accept(self) -> Document:
        """Return the document after the suggestion that is shown, with the cursor where the next edit belongs.

        Raises `UsageError` where nothing is shown, and `DocumentError` where the file cannot hold the edit.
        """
        with self._lock:
            if self._shown is None:
                raise UsageError("nothing is suggested: there is nothing to accept")
            after = self._shown.accepted()
            self._version += 1
            self._origin = self._origin or self._shown.document
            self._document, self._snapshot, self._shown = after, None, None
            if self._preparing and _same(self._preparing, after):
                self._key, self._spare_key = self._spare_key, self._key  # what has been read for it stays of use
            return after

    def reject(self) -> None:
        """Take the suggestion off the screen; the same change is not suggested again. Nothing happens without one."""
        with self._lock:
            if self._shown is not None:
                self._rejected.append(_outcome(self._shown.document, self._shown.edits))
                self._version += 1
                self._shown = self._ahead = None

    def widen(self, cancel: Callable[[], bool] = never) -> bool:
        """Read all that the model should see, where it was asked with a short prompt; return whether it has been.

        Raises `Cancelled`; what was read by then need not be read again.
        """
        with self._lock:
            short, document, key = self._snapshot, self._document, self._spare_key
            if short is None or short.wide is None or document is None or self._read is not short:
                return False
        self._read_prompt(short.wide, document, (key, ""), lambda: self._snapshot is not short or cancel())
        with self._lock:
            if self._snapshot is not short:
                raise Cancelled("a newer request has stopped this one")
            self._snapshot = self._read = short.wide
            self._key, self._spare_key = key, self._key
            if self._ahead and self._ahead.key == key:
                self._ahead = replace(self._ahead, snapshot=None)
        return True

    def prefetch(self, cancel: Callable[[], bool] = never) -> bool:
        """Prepare the suggestion after the one that is shown; return whether there was something to do.

        The caches of the document as it is stay. Raises `Cancelled`, also where an update comes meanwhile.
        """
        with self._lock:
            shown, version = self._shown, self._version
            if shown is None:
                return False
            after = shown.accepted()
            if self._ahead and _same(self._ahead.document, after):
                return False
            key, origin = self._spare_key, self._origin or shown.document
            self._preparing = after

        def stale() -> bool:
            return self._version != version or cancel()

        try:
            snapshot = self._take(after)
            ahead = _Ahead(after, self._asked(snapshot, after, (key, self._key), _DARK, stale), snapshot, key)
        finally:
            self._preparing = None
        if not ahead.suggestion.edits and (other := self._elsewhere(origin, after, stale)):
            ahead = replace(ahead, suggestion=other, snapshot=None)
        with self._lock:
            if stale():
                raise Cancelled("a newer request has stopped this one")
            self._ahead = ahead
        return True

    def _come(self, ahead: _Ahead) -> Suggestion:
        """Take over what was prepared for the state that has come."""
        if ahead.snapshot:
            self._key, self._spare_key = ahead.key, self._key
            self._history = self._history.up_to(ahead.document.codes)
            self._snapshot = self._read = ahead.snapshot
        suggestion = replace(ahead.suggestion, timings=None)
        self._shown = suggestion if suggestion.edits else None
        return suggestion

    def _take(self, document: Document, *, short: bool = False) -> Snapshot:
        """Return a snapshot of the document, whose prompt tells of what was edited up to now, or is a `short` one."""
        region = document.region()
        edits = () if short else self._history.up_to(document.codes).edits
        most = min(self._settings.context_tokens, _SHORT_CONTEXT_TOKENS if short else self._settings.context_tokens)
        settings = replace(self._settings, context_tokens=most)
        prompt, max_tokens = build_prompt(self._engine, document, region, "", edits, settings)
        return Snapshot(document, region, prompt, max_tokens)

    def _quick(self, document: Document) -> Snapshot:
        """Return a snapshot of the document whose prompt is read soon: a short one where the wide one would not be."""
        wide = self._take(document)
        wide_ms = self._engine.reading_ms(render_prompt(wide.prompt), Guide(key=self._key))
        if wide_ms <= _PATIENCE_MS:
            return wide
        short = self._take(document, short=True)
        short_ms = self._engine.reading_ms(render_prompt(short.prompt), Guide(key=self._spare_key))
        return replace(short, wide=wide) if short_ms < wide_ms / 2 else wide

    def _read_ahead_of_typing(
        self, snapshot: Snapshot, document: Document, cancel: Callable[[], bool]
    ) -> Timings | None:
        """Have the engine read the snapshot's prompt, unless it has; return what that took.

        Typing on does not stop it, for the next key needs it too.
        """
        if self._read is snapshot:
            return None
        caches = (self._key, "" if snapshot.wide else self._spare_key)
        work = self._read_prompt(snapshot, document, caches, lambda: self._snapshot is not snapshot or cancel())
        self._read = snapshot
        return work

    def _read_prompt(
        self, snapshot: Snapshot, document: Document, caches: tuple[str, str], cancel: Callable[[], bool]
    ) -> Timings:
        """Have the engine read the snapshot's prompt, and the answer's beginning up to the cursor of `document`.

        Return what that took.
        """
        start = known_start(snapshot.prompt, self._settings)
        if start.endswith(EDIT_START) and not self._settings.rewrite_before:
            start += forced_region(snapshot.before(document) or "")[0]
        prompt, guide = render_prompt(snapshot.prompt), Guide(key=caches[0], like=caches[1])
        return self._engine.generate(prompt, start, max_tokens=0, stop=EDIT_END, cancel=cancel, guide=guide).timings

    def _asked(
        self,
        snapshot: Snapshot,
        document: Document,
        caches: tuple[str, str],
        screen: _Screen,
        cancel: Callable[[], bool],
    ) -> Suggestion:
        """Return what the model, asked with `snapshot`'s prompt, suggests for `document`.

        `caches` are the keys of the cache to use and of one that may have the beginning.
        """
        least = self._settings.min_confidence if "confidence" in self._settings.gates else 0.0

        def show(text: str, confidence: float) -> None:
            if confidence >= least:
                screen.show(text)

        def early(text: str, confidence: float) -> None:
            suggestion = self._judged(snapshot, document, Generation(text, True, confidence, NO_WORK))
            if suggestion.edits:
                screen.early(replace(suggestion, timings=None))

        before = snapshot.before(document)
        if before is None:
            raise ValueError("the snapshot is of another state of the document")
        if fault := unreadable(snapshot.region_of(document).of(document.code)):
            return Suggestion(document, (), None, "", fault, 1.0, None)
        question = Question(snapshot.prompt, snapshot.max_tokens, before, *caches)
        if screen is not _DARK:
            question = replace(question, show=show, early=early)
        return self._judged(snapshot, document, answer(self._engine, question, self._settings, cancel))

    def _judged(self, snapshot: Snapshot, document: Document, generation: Generation) -> Suggestion:
        """Return what an answer amounts to, silent where a gate or an earlier rejection speaks against it."""
        region, name = snapshot.region_of(document), self._engine.model.name
        completion = judged(name, document, region, snapshot.prompt, generation, self._settings)
        if completion.edits and _outcome(document, completion.edits) in self._rejected:
            completion = replace(completion, edits=(), cursor=None, silence="rejected: you did not want this change")
        return suggestion_of(document, completion)

    def _elsewhere(self, origin: Document, document: Document, cancel: Callable[[], bool]) -> Suggestion | None:
        """Return an edit at another place that the edits since `origin` ask for, if the model agrees."""
        edited = document.at(origin.cell, 0)
        for place in next_places(origin, edited, limit=_PLACES):
            # What stands before the cursor is kept as it is: a name that is to change has to stand behind it.
            start = max(0, place.offset - len(place.name))
            is_name = document.codes[place.cell].startswith(place.name, start)
            there = document.at(place.cell, start if is_name else place.offset)
            try:
                snapshot = self._take(there)
            except UsageError:
                continue  # too long a line around it
            suggestion = self._asked(snapshot, there, (self._spare_key, self._key), _DARK, cancel)
            if suggestion.edits:
                return suggestion
        return None


def _same(a: Document, b: Document) -> bool:
    """Return whether two documents have the same text and the same cursor."""
    return a.cursor == b.cursor and a.code == b.code and a.like(b)


def _outcome(document: Document, edits: tuple[Edit, ...]) -> tuple[int, str]:
    """Return the cell that edits change, and its code after them."""
    return document.cell, apply(document.code, edits)


def suggestion_of(document: Document, completion: Completion) -> Suggestion:
    """Return a completion of `document` as what is offered there."""
    return Suggestion(
        document=document,
        edits=completion.edits,
        cursor=completion.cursor,
        intent=completion.intent,
        silence=completion.silence,
        confidence=completion.confidence,
        timings=completion.timings,
        exchange=completion.exchange,
    )

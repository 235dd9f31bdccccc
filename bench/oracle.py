"""A model that answers right whatever its weights are: all of it is computed, and then the true token is chosen.

So a model of random weights takes the time that a trained one of its shape would, if that made no mistakes. What is
right, a trace says: at each moment the person goes on to insert a text at the cursor, and that text, with the cursor
behind it and all else as it was, is the answer. Asked about any other state of a document, the answer is silence.

Everything that comes from such a model has to be labelled `LABEL`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tabtab_local.engine import UNGUIDED, Generation, Guide, LlamaEngine, never
from tabtab_local.prompt import EDIT_START, Response, parse_prompt, plain, render_response
from tabtab_local.replay.asker import Moment
from tabtab_local.replay.ours import SessionAsker
from tabtab_local.replay.replay import Piece
from tabtab_local.session import SESSION_SETTINGS

LABEL = "random weights, oracle"

# Random weights are sure of nothing, and what a trace goes on with ends with a line, where code need not parse.
ORACLE_SETTINGS = replace(SESSION_SETTINGS, gates=frozenset({"no_op"}))


class OracleEngine(LlamaEngine):
    """An engine that is told the right answers; its arguments are those of `LlamaEngine`. For one thread.

    With `unforeseen` it forgets each answer, as if it had been another than what is typed then. Otherwise the next key
    costs nothing: all that it asks for was computed for the one before.

    `lost_tokens` counts the ones for which it knew no right one; a measurement with any is none.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lost_tokens = 0
        self.unforeseen = False
        self._moments: Sequence[Moment] = ()
        self._true_tokens: dict[int, int] = {}  # by the place of their first byte behind the forced start

    def follow(self, moments: Sequence[Moment]) -> None:
        """Answer as the trace with these moments goes on."""
        self._moments = moments

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Continue `prompt` by the right answer; see `LlamaEngine.generate`."""
        if max_tokens:
            self._tell(true_answer(self._moments, prompt, start + guide.typed)[len(start) :])
        try:
            return super().generate(prompt, start, max_tokens=max_tokens, stop=stop, cancel=cancel, guide=guide)
        finally:
            if self.unforeseen:
                self._forget_behind(len(self._vocabulary.prompt_tokens(prompt + start)), guide.key)

    def _choose(
        self, row: npt.NDArray[np.float32], allowed: npt.NDArray[np.int64] | None, chosen: Sequence[int]
    ) -> int:
        """Return the right token, in place of the one that the model has chosen."""
        likely = super()._choose(row, allowed, chosen)
        place = sum(len(self._vocabulary.piece(token)) for token in chosen)
        token = self._true_tokens.get(place)
        if token is None or (allowed is not None and token not in allowed):
            self.lost_tokens += 1
            return likely
        return token

    def _forget_behind(self, length: int, key: str) -> None:
        cache = self._context.cache(key)
        del cache.tokens[length:]
        cache.rows = {position: slot for position, slot in cache.rows.items() if position < length}
        cache.dirty = True  # the next request cuts it

    def _tell(self, truth: str) -> None:
        place, self._true_tokens = 0, {}
        for token in self._vocabulary.tokenize(truth):
            self._true_tokens[place] = token
            place += len(self._vocabulary.piece(token))


class OracleAsker(SessionAsker):
    """Our session on an engine that is told what each of some pieces goes on with.

    With `each_key` no key is foreseen by the answer before it.
    """

    def __init__(
        self, engine: OracleEngine, replayed: Sequence[Piece], *, name: str = "tabtab-local", each_key: bool = False
    ) -> None:
        super().__init__(engine, ORACLE_SETTINGS, name=name, each_key=each_key)
        self._oracle = engine
        self._each_key = each_key
        self._moments = {piece.name: piece.moments for piece in replayed}

    def open(self, moment: Moment) -> None:
        """Begin a session, and have the engine told of its trace."""
        self._oracle.follow(self._moments[moment.trace])
        self._oracle.unforeseen = self._each_key
        super().open(moment)


def true_answer(moments: Sequence[Moment], prompt: str, known: str) -> str:
    """Return the right answer to `prompt`, of which `known` is the beginning up to the cursor or a part of that.

    What follows is what one of the moments says that looks like it; otherwise nothing is inserted.
    """
    asked = parse_prompt(prompt)
    _, marker, forced = known.partition(f"{EDIT_START}\n")
    before = plain(forced) if marker else asked.region[: asked.cursor]
    behind = asked.region[asked.cursor :]
    text = next((moment.continuation for moment in moments if _shows(moment, before, behind)), "")
    return render_response(Response(before + text + behind, len(before + text), asked.intent))


def _shows(moment: Moment, before: str, behind: str) -> bool:
    """Return whether a region with its cursor between `before` and `behind` is that of a moment."""
    code, cursor = moment.document.code, moment.document.cursor
    start = cursor - len(before)
    return (
        start >= 0
        and (start == 0 or code[start - 1] == "\n")
        and code.startswith(before, start)
        and code.startswith(behind, cursor)
    )

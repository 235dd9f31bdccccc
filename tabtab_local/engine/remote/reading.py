"""An answer from a server as it arrives, piece by piece: what is written, how sure the model is, and how it ends.

It knows nothing of connections: pieces come in, and `is_over` says when no more of them are wanted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tabtab_local.engine.protocol import Generation, Guide, Timings
from tabtab_local.engine.remote.completion import Chosen, chosen, geometric_mean, logarithm_among, stopped


@dataclass(frozen=True)
class Opening:
    """How the model is brought to begin with what is typed.

    The prompt goes on with `joined`, and the model itself is to write `healed`: by a grammar if `forced`, else it is
    to be seen whether it does.
    """

    joined: str = ""
    healed: str = ""
    forced: bool = False


class Reading:
    """What has been read of an answer that ends with the marker `stop`; `guide` is told of it.

    The request began at `began` on the clock `time.perf_counter`, by default now.
    """

    def __init__(self, guide: Guide, opening: Opening, stop: str, began: float | None = None) -> None:
        self.opening = opening
        self.ended = False  # by the marker, by the end of the text or at the limit
        self.strayed = False  # from what it was to begin with
        self.is_enough = False
        self.slot: int | None = None  # of llama.cpp
        self._guide = guide
        self._stop = stop
        self._healed = opening.healed.encode("utf-8", errors="replace").decode()
        self._received = ""
        self._healed_bytes = 0
        self._stopped = False
        self._logarithms: list[float] = []
        self._gives_probabilities = False
        self._told: dict[str, Any] = {}
        self._pieces = 0
        self._began = time.perf_counter() if began is None else began
        self._first_token_ms: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the rest of the answer is not wanted."""
        return self.strayed or self.is_enough

    @property
    def is_blind(self) -> bool:
        """Whether the server has written something, and given no probability of it."""
        return bool(self._received) and not self._gives_probabilities

    def take(self, piece: dict[str, Any]) -> None:
        """Take a piece of a streamed completion."""
        self._note_work(piece)
        for choice in piece.get("choices") or ():
            if self._first_token_ms is None:
                self._first_token_ms = self._now_ms()
            self._take_tokens(choice)
            text = choice.get("text") or ""
            self._received += text
            if choice.get("finish_reason"):
                self.ended = True
                self._stopped = stopped(choice, piece)
                self._received = self._received.removesuffix(self._stop) + (self._stop if self._stopped else "")
            if text or self._stopped:
                self._pieces += 1
                self._tell()

    def generation(self, start: str, prompt_tokens: int, spent_tokens: int = 0) -> Generation:
        """Return what was read, behind `start`, now that nothing comes any more.

        `prompt_tokens` holds where the server does not count; `spent_tokens` were decoded for nothing before.
        """
        total_ms = self._now_ms()
        counted = self._told.get("prompt_tokens") or prompt_tokens
        evaluated = self._told.get("prompt_n", counted - (self._told.get("cached_tokens") or 0))
        first_token_ms = self._first_token_ms or total_ms
        # Half a character at the end is no character yet.
        text = self._written() if self._stopped else self._written().rstrip("\ufffd")
        return Generation(
            text=start + text,
            stopped=self._stopped,
            confidence=geometric_mean(self._logarithms),
            timings=Timings(
                load_ms=0.0,
                prompt_tokens=counted,
                evaluated_tokens=evaluated,
                prompt_ms=self._told.get("prompt_ms", first_token_ms),
                first_token_ms=first_token_ms,
                decoded_tokens=spent_tokens + self.decoded_tokens,
                drafted_tokens=0,
                accepted_tokens=0,
                decode_ms=total_ms - first_token_ms,
                total_ms=total_ms,
            ),
        )

    @property
    def decoded_tokens(self) -> int:
        """How many tokens the server has written, as far as it tells."""
        told = self._told.get("completion_tokens") or self._told.get("predicted_n")
        return told if isinstance(told, int) else max(self._pieces, len(self._logarithms))

    def _written(self) -> str:
        if not self._received.startswith(self._healed):
            return self.opening.joined + self._received
        return self.opening.joined + self.opening.healed + self._received[len(self._healed) :]

    def _tell(self) -> None:
        """Tell the guide what is written, or find that it is something else than it should be."""
        if self._received.startswith(self._healed):
            written = self._written()
            self._guide.watch(written, geometric_mean(self._logarithms))
            self.is_enough = not self._stopped and self._guide.enough(written)
        elif not self.opening.forced:
            self.strayed = self.ended or not self._healed.startswith(self._received)

    def _take_tokens(self, choice: dict[str, Any]) -> None:
        for token in chosen(choice):
            self._gives_probabilities = True
            logarithm = self._logarithm(token)
            self._healed_bytes += len(token.piece)
            if logarithm is not None:
                self._logarithms.append(logarithm)

    def _logarithm(self, token: Chosen) -> float | None:
        """Return the log-probability of `token`: where what is typed leaves a choice of tokens, that among these."""
        rest = self._healed.encode()[self._healed_bytes :]
        return logarithm_among(token, rest) if rest and self.opening.forced else token.logarithm

    def _note_work(self, piece: dict[str, Any]) -> None:
        usage = piece.get("usage") or {}
        for source in (usage, usage.get("prompt_tokens_details") or {}, piece.get("timings") or {}):
            self._told |= {name: value for name, value in source.items() if value is not None}
        slot = (piece.get("__verbose") or {}).get("id_slot", -1)
        self.slot = slot if slot >= 0 else self.slot

    def _now_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000

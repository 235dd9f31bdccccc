"""Stand-ins for what a test cannot have as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.engine import Generation, ModelInfo, Timings, never
from tabtab_local.errors import Cancelled, UsageError
from tabtab_local.prompt import PROMPT_VERSION


@dataclass(frozen=True)
class Request:
    """What a `ScriptedEngine` was asked."""

    prompt: str
    start: str
    max_tokens: int
    stop: str


class ScriptedEngine:
    """An `Engine` that gives prepared answers, in order, and notes the requests. One character is one token.

    An answer is the whole text, with the forced start and the stop marker. It is cut behind `stop` and after
    `max_tokens` characters, as a model's would be; one that does not begin with the forced start is an error of the
    test.

        engine = ScriptedEngine(["<|INTENT|>\\n<|EDIT_START|>\\nx = 1<|user_cursor_is_here|>\\n<|EDIT_END|>"])
    """

    def __init__(self, answers: Iterable[str], *, confidence: float = 1.0, context_tokens: int = 100_000) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        self._confidence = confidence
        self._model = ModelInfo(
            name="scripted",
            path=Path("scripted.gguf"),
            prompt_version=PROMPT_VERSION,
            context_tokens=context_tokens,
            parameters=0,
            size_bytes=0,
            file_type="none",
        )

    @property
    def model(self) -> ModelInfo:
        """A model that is none."""
        return self._model

    def count_tokens(self, text: str) -> int:
        """Return the number of characters."""
        return len(text)

    def generate(
        self, prompt: str, start: str, *, max_tokens: int, stop: str, cancel: Callable[[], bool] = never
    ) -> Generation:
        """Return the next answer, which stays the next one where this raises.

        Raises `Cancelled` where `cancel` says so, and `UsageError` where the request does not fit into the context.
        """
        self.requests.append(Request(prompt, start, max_tokens, stop))
        if cancel():
            raise Cancelled("a newer request has stopped this one")
        if len(prompt + start) + max_tokens > self._model.context_tokens:
            raise UsageError(
                f"{len(prompt + start)} + {max_tokens} tokens do not fit into {self._model.context_tokens}"
            )
        if not self._answers:
            raise AssertionError(f"request {len(self.requests)} has no answer in the script")
        answer = self._answers.pop(0)
        if not answer.startswith(start):
            raise AssertionError(f"the scripted answer {answer!r} does not begin with the forced start {start!r}")
        written, marker, _ = answer[len(start) :].partition(stop)
        text = (written + marker)[:max_tokens]
        return Generation(
            text=start + text,
            stopped=bool(marker) and text.endswith(stop),
            confidence=self._confidence,
            timings=Timings(0.0, len(prompt + start), len(prompt + start), 0.0, 0.0, len(text), 0, 0, 0.0, 0.0),
        )

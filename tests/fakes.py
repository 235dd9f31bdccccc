"""Stand-ins for what a test cannot have as it is."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.engine import UNGUIDED, Engine, Generation, Guide, ModelInfo, Timings, never
from tabtab_local.errors import Cancelled, UsageError
from tabtab_local.prompt import CURSOR, EDIT_END, MARKERS, PROMPT_VERSION

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Request:
    """What a `ScriptedEngine` was asked."""

    prompt: str
    start: str
    max_tokens: int
    stop: str
    typed: str = ""


class ScriptedEngine(Engine):
    """An `Engine` that gives prepared answers, in order, and notes the requests. One character is one token.

    An answer is the whole text, with the forced start and the stop marker. It is cut behind `stop`, after `max_tokens`
    characters and where a guide has enough, as a model's would be; one that does not begin with the forced start and
    what was typed behind it is an error of the test. Where nothing is to be written, no answer is used up.

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
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Return the next answer, which stays the next one where this raises.

        Raises `Cancelled` where `cancel` says so, before an answer or after any of its characters, and `UsageError`
        where the request does not fit into the context.
        """
        self.requests.append(Request(prompt, start, max_tokens, stop, guide.typed))
        _check(cancel)
        if len(prompt + start) + max_tokens > self._model.context_tokens:
            raise UsageError(
                f"{len(prompt + start)} + {max_tokens} tokens do not fit into {self._model.context_tokens}"
            )
        text = ""
        if max_tokens:
            text = self._cut(self._next_answer(start, guide.typed), stop)[:max_tokens]
            text = self._follow(text, stop, cancel, guide)
            self._answers.pop(0)
        return Generation(
            text=start + text,
            stopped=text.endswith(stop),
            confidence=self._confidence if text else 1.0,
            timings=Timings(0.0, len(prompt + start), len(prompt + start), 0.0, 0.0, len(text), 0, 0, 0.0, 0.0),
        )

    def _next_answer(self, start: str, typed: str) -> str:
        """Return what the next answer of the script writes behind `start`."""
        if not self._answers:
            raise AssertionError(f"request {len(self.requests)} has no answer in the script")
        answer = self._answers[0]
        if not answer.startswith(start + typed):
            raise AssertionError(f"the scripted answer {answer!r} does not begin with {start!r} and {typed!r}")
        return answer[len(start) :]

    @staticmethod
    def _cut(written: str, stop: str) -> str:
        before, marker, _ = written.partition(stop)
        return before + marker

    def _follow(self, text: str, stop: str, cancel: Callable[[], bool], guide: Guide) -> str:
        """Write `text` character by character, a marker in one, for `guide` to see; return what was written."""
        typed, end = guide.typed, 0
        while end < len(text):
            _check(cancel)
            end += len(next((marker for marker in (stop, *MARKERS) if text.startswith(marker, end)), " "))
            guide.watch(text[:end], self._confidence)
            if end >= len(typed) and not text[:end].endswith(stop) and guide.enough(text[:end]):
                return text[:end]
        return text


class ChattyEngine(ScriptedEngine):
    """Answers whatever it is asked: it writes an x behind what was typed, and ends the region there."""

    def __init__(self) -> None:
        super().__init__([])

    def _next_answer(self, start: str, typed: str) -> str:
        self._answers = [""]  # the one that is used up
        return f"{typed}x{CURSOR}\n{EDIT_END}"


class SlowEngine(ScriptedEngine):
    """Gives its answers only when it is told to `go`, and listens to `cancel` meanwhile; may fail instead."""

    def __init__(self, answers: Iterable[str] = (), *, goes: bool = False) -> None:
        super().__init__(answers)
        self.go = threading.Event()
        self.begun: queue.Queue[int] = queue.Queue()
        self.failure: Exception | None = None
        self.cancelled_tokens: list[int] = []
        if goes:
            self.go.set()

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
        """Wait, then answer as the script says."""
        self.begun.put(max_tokens)
        while not self.go.wait(0.001):
            if cancel():
                self.cancelled_tokens.append(max_tokens)
                raise Cancelled("a newer request has stopped this one")
        if self.failure:
            raise self.failure
        return super().generate(prompt, start, max_tokens=max_tokens, stop=stop, cancel=cancel, guide=guide)

    def wait_for_requests(self, count: int) -> None:
        """Return once so many requests have begun."""
        for _ in range(count):
            self.begun.get(timeout=_PATIENCE_S)


def _check(cancel: Callable[[], bool]) -> None:
    if cancel():
        raise Cancelled("a newer request has stopped this one")

"""Our prompt format over any engine: a question becomes a prompt, the answer a rewritten region.

It answers as the runtime does, step by step with what stands before the cursor forced, but judges nothing: the gates
that keep a suggestion from being shown are the runner's to apply. It knows nothing of tasks, and of the engine nothing
but the interface.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from tabtab_local.answer import answer
from tabtab_local.answer import question as ask_for
from tabtab_local.complete import build_prompt, understood
from tabtab_local.config import Settings
from tabtab_local.edits import Span
from tabtab_local.engine import Engine, Generation
from tabtab_local.errors import UsageError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.prompt import PROMPT_VERSION
from training.evaluation.respondent.reply import Question, Reply


class EngineRespondent:
    """A model that was made for our format.

    `identity` is what makes the engine's answers, to which the settings that decide are added. `forget` is called
    before each question; `close` once at the end. What does not fit into the model's context is a fault of the reply.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        name: str,
        identity: dict[str, object],
        concurrency: int = 1,
        forget: Callable[[], None] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self.name = name
        self.identity: dict[str, object] = {**identity, **deciding(settings, engine.model.context_tokens)}
        self.concurrency = concurrency
        self._forget = forget
        self._close = close

    def reply(self, question: Question) -> Reply:
        """Return the model's answer; see `Respondent.reply`."""
        document, region = question.document, question.document.region()
        if self._forget:
            self._forget()
        try:
            prompt, answer_tokens = build_prompt(
                self._engine, document, region, question.intent, question.recent_edits, self._settings
            )
            generation = answer(self._engine, ask_for(prompt, answer_tokens), self._settings)
        except UsageError as error:
            return Reply("", region, fault=str(error))
        return _reply(generation, region)

    def close(self) -> None:
        """Give back what the model holds."""
        if self._close:
            self._close()


def llama(path: Path, settings: Settings, *, name: str, threads: int | None = None) -> EngineRespondent:
    """Return the GGUF at `path`, run by llama.cpp in this process with an empty cache for each question.

    Raises `ModelError`.
    """
    from tabtab_local.engine import LlamaEngine

    engine = LlamaEngine(path, threads=threads)
    identity: dict[str, object] = {
        "engine": "llama.cpp",
        "model": engine.model.name,
        "weights_sha256": file_sha256(path),
        "packages": versions("llama-cpp-python"),
    }
    return EngineRespondent(engine, settings, name=name, identity=identity, forget=engine.forget, close=engine.close)


def deciding(settings: Settings, context_tokens: int) -> dict[str, object]:
    """Return the part of an identity that says how a question becomes a prompt and how much may be answered."""
    return {
        "style": "format",
        "prompt_version": PROMPT_VERSION,
        "model_context_tokens": context_tokens,
        "context_tokens": settings.context_tokens,
        "answer_tokens": settings.answer_tokens,
        "infer_intent": settings.infer_intent,
        "rewrite_before": settings.rewrite_before,
        "exact": settings.exact,
        # What is surely not shown is not decoded to its end.
        "min_confidence": settings.min_confidence if "confidence" in settings.gates else 0.0,
    }


def versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of `packages`."""
    return {package: metadata.version(package) for package in packages}


def known(value: float) -> float | None:
    """Return `value`, or nothing for NaN, by which an engine says that it cannot tell."""
    return None if math.isnan(value) else value


def _reply(generation: Generation, region: Span) -> Reply:
    response, fault = understood(generation)
    timings = generation.timings
    return Reply(
        text=generation.text,
        region=region,
        response=response,
        fault=fault,
        strict=response is not None,
        confidence=known(generation.confidence),
        # An engine behind HTTP counts nothing where its server does not; an answer has one token at least.
        prompt_tokens=timings.prompt_tokens or None,
        decoded_tokens=timings.decoded_tokens or None,
        first_token_ms=known(timings.first_token_ms),
        total_ms=timings.total_ms,
    )

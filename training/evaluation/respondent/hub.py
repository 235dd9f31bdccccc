"""A Hugging Face model, or an adapter on one, through transformers: as an `Engine`, or as a chat.

Text between our markers is tokenised as in training; a tokenizer that does not have the markers belongs to a model
that was not made for our format, which can chat at most. Decoding is greedy, one question at a time, in float32 on a
processor and in the model's own type on a GPU. Each request evaluates its whole prompt: what was asked before has no
part in an answer. What is expected of an answer is not drafted; what was typed is healed where the tokenizer spells
its tokens in bytes, else it joins the forced start.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import GenerationConfig, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from tabtab_local.config import Settings
from tabtab_local.engine import UNGUIDED, Engine, Generation, Guide, ModelInfo, Timings, never
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.hub import model_folder
from tabtab_local.prompt import MARKERS, PROMPT_VERSION
from training.base import first_token
from training.evaluation.respondent.chat import DEFAULT_MAX_TOKENS, ChatRespondent, Said
from training.evaluation.respondent.engine import EngineRespondent, versions
from training.evaluation.respondent.guided import Course, Spelling, spelling
from training.evaluation.respondent.load import ADAPTER_FILE, load_tokenizer, load_weights

# As many as our runtime gives a model that was trained for more.
MAX_CONTEXT_TOKENS = 4096


class HubModel:
    """The weights and the tokenizer in a folder, or of a hub id. Raises `ModelError`."""

    def __init__(self, source: str) -> None:
        began = time.perf_counter()
        folder = Path(source) if (Path(source) / ADAPTER_FILE).is_file() else model_folder(source)
        transformers_logging.disable_progress_bar()
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._model, self.weights = load_weights(folder, self.device)
            self._tokenizer: PreTrainedTokenizerBase = load_tokenizer(folder)
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
            raise ModelError(f"{source} cannot be loaded: {' '.join(str(error).split())[:200]}") from None
        config = self._model.config
        ends = self._model.generation_config.eos_token_id
        self._ends = {self._tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None}
        # What a folder says of sampling or repetition would change a greedy answer.
        self._model.generation_config = GenerationConfig()
        self._begin = first_token(self._tokenizer)
        self._lock = threading.Lock()
        self.load_ms = (time.perf_counter() - began) * 1000
        self.info = ModelInfo(
            name=folder.name,
            path=folder,
            prompt_version=PROMPT_VERSION,
            context_tokens=min(getattr(config, "max_position_embeddings", MAX_CONTEXT_TOKENS), MAX_CONTEXT_TOKENS),
            parameters=self._model.num_parameters(),
            size_bytes=sum(file.stat().st_size for file in folder.glob("*.safetensors")),
            file_type=str(self._model.dtype).removeprefix("torch."),
        )

    @property
    def has_markers(self) -> bool:
        """Whether each of our markers is one token."""
        return all(len(self.encode(marker)) == 1 for marker in MARKERS)

    @property
    def has_chat_template(self) -> bool:
        """Whether the model was made to chat."""
        return bool(self._tokenizer.chat_template)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`, in which only markers are more than text."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def prompt(self, text: str) -> list[int]:
        """Return the tokens of a whole prompt, after the token that begins a text where the model has one."""
        return self._begin + self.encode(text)

    def message(self, text: str) -> list[int]:
        """Return the tokens of one user message as the model's chat template frames it."""
        rendered = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
        )
        ids: list[int] = self._tokenizer(rendered, add_special_tokens=False)["input_ids"]
        return ids

    def decode(self, ids: list[int]) -> str:
        """Return the text of `ids`; a character that was cut in its middle at the end is left out."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text.rstrip("\ufffd")

    @cached_property
    def spelling(self) -> Spelling | None:
        """The bytes of the tokens, where the tokenizer tells them."""
        return spelling(self._tokenizer)

    def generate(
        self, ids: list[int], max_tokens: int, stop: str | None, cancel: Callable[[], bool], guide: Guide = UNGUIDED
    ) -> _Written:
        """Return what the model writes after `ids`. Raises `UsageError` where that does not fit, and `Cancelled`."""
        if len(ids) + max_tokens > self.info.context_tokens:
            raise UsageError(
                f"the prompt has {len(ids)} tokens, too many for the {self.info.context_tokens} that "
                f"{self.info.name} reads at once beside an answer of {max_tokens}"
            )
        marker = self.encode(stop)[0] if stop else None
        ends = self._ends - {marker}
        spelt = self.spelling if guide.typed else None
        course = Course(guide, cancel, len(ids), decode=self.decode, ends=ends, spelt=spelt)
        with self._lock, torch.inference_mode():
            began = time.perf_counter()
            new = self._sequence(ids, max_tokens, marker, course) if max_tokens else []
            total_ms = (time.perf_counter() - began) * 1000
        first_token_ms = (course.first_token - began) * 1000 if course.first_token else total_ms
        stopped = bool(new) and new[-1] == marker
        ended = bool(new) and new[-1] in ends
        text = self.decode(new[:-1] if ended else new)
        return _Written(text, stopped, ended, course.confidence(), len(ids), tuple(new), first_token_ms, total_ms)

    def _sequence(self, ids: list[int], max_tokens: int, marker: int | None, course: Course) -> list[int]:
        row = torch.tensor([ids], device=self.device)
        output = self._model.generate(
            row,
            attention_mask=torch.ones_like(row),
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=max_tokens,
                eos_token_id=sorted(self._ends | ({marker} if marker is not None else set())),
                pad_token_id=min(self._ends, default=0),
            ),
            logits_processor=course.processor(),
            stopping_criteria=course.criteria(),
        )
        new: list[int] = output[0, len(ids) :].tolist()
        return new


class HubEngine(Engine):
    """A Hugging Face model of our format as an `Engine`."""

    def __init__(self, model: HubModel) -> None:
        self._model = model

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        return self._model.info

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens that `text` takes in a prompt."""
        return len(self._model.encode(text))

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
        """Continue `prompt` by an answer that begins with `start`; see `Engine.generate`."""
        if guide.typed and not self._model.spelling:
            start, guide = start + guide.typed, _joined(guide)
        written = self._model.generate(self._model.prompt(prompt + start), max_tokens, stop, cancel, guide)
        return Generation(
            text=start + written.text,
            stopped=written.stopped,
            confidence=written.confidence,
            timings=Timings(
                load_ms=self._model.load_ms,
                prompt_tokens=written.prompt_tokens,
                evaluated_tokens=written.prompt_tokens,
                prompt_ms=written.first_token_ms,
                first_token_ms=written.first_token_ms,
                decoded_tokens=len(written.tokens),
                drafted_tokens=0,
                accepted_tokens=0,
                decode_ms=written.total_ms - written.first_token_ms,
                total_ms=written.total_ms,
            ),
            tokens=written.tokens,
        )


class HubChat:
    """A Hugging Face model that chats."""

    def __init__(self, model: HubModel) -> None:
        self._model = model

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        return self._model.info

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens that `text` takes."""
        return len(self._model.encode(text))

    def say(self, message: str, max_tokens: int) -> Said:
        """Return the answer to one user message. Raises `UsageError` where it does not fit into the context."""
        ids = self._model.message(message)
        room = max(1, min(max_tokens, self._model.info.context_tokens - len(ids)))
        written = self._model.generate(ids, room, None, never)
        return Said(
            text=written.text,
            finished=written.ended,
            confidence=written.confidence,
            prompt_tokens=written.prompt_tokens,
            decoded_tokens=len(written.tokens),
            first_token_ms=written.first_token_ms,
            total_ms=written.total_ms,
        )


def hub(
    source: str, settings: Settings, *, name: str, style: str = "auto", max_tokens: int = DEFAULT_MAX_TOKENS
) -> EngineRespondent | ChatRespondent:
    """Return the Hugging Face model `source`, a folder or a hub id, in our format where it knows it, else as a chat.

    `style` is `completions` or `chat` to have it otherwise. Raises `ModelError`.
    """
    model = HubModel(source)
    if style == "auto":
        style = "completions" if model.has_markers else "chat"
    identity: dict[str, object] = {
        "engine": "transformers",
        **model.weights,
        "device": model.device,
        "dtype": model.info.file_type,
        "packages": versions("torch", "transformers", "peft"),
    }
    if style == "completions":
        if not model.has_markers:
            raise ModelError(f"{source} was not made for our format (no markers in its vocabulary): use --style chat")
        return EngineRespondent(HubEngine(model), settings, name=name, identity=identity)
    if not model.has_chat_template:
        raise ModelError(
            f"{source} neither was made for our format (no markers in its vocabulary) nor chats (no chat template): "
            "fine-tune it with `python -m training sft`"
        )
    return ChatRespondent(HubChat(model), settings, name=name, identity=identity, max_tokens=max_tokens)


@dataclass(frozen=True)
class _Written:
    """What a model wrote, how it ended (by the marker or by the end of its text), and the work it took."""

    text: str
    stopped: bool
    ended: bool
    confidence: float
    prompt_tokens: int
    tokens: tuple[int, ...]
    first_token_ms: float
    total_ms: float


def _joined(guide: Guide) -> Guide:
    """Return a guide of what follows the forced start once what was typed has joined it, who sees what `guide` saw."""
    typed, watch, enough = guide.typed, guide.watch, guide.enough
    return replace(
        guide,
        typed="",
        watch=lambda written, confidence: watch(typed + written, confidence),
        enough=lambda written: enough(typed + written),
    )

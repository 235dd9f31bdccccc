"""Hugging Face models as respondents: the same answers as their GGUF, adapters, and models that only chat."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from tabtab_local.complete import build_prompt
from tabtab_local.config import Settings
from tabtab_local.engine import Guide, LlamaEngine
from tabtab_local.errors import Cancelled, ModelError, UsageError
from tabtab_local.prompt import CURSOR, EDIT_END, MARKERS, render_prompt, response_start
from tests.questions import questions
from tests.tiny import tiny_adapter, tiny_tokenizer
from training.evaluation.respondent.choose import choose
from training.evaluation.respondent.engine import llama as gguf
from training.evaluation.respondent.hub import HubEngine, HubModel
from training.evaluation.respondent.reply import Question

QUESTIONS = questions(6)
SETTINGS = Settings(answer_tokens=8)


@pytest.fixture(scope="module")
def hub_model(tiny_qwen3_folder: Path) -> HubModel:
    return HubModel(str(tiny_qwen3_folder))


def prompts(engine: LlamaEngine | HubEngine) -> list[str]:
    built = (build_prompt(engine, q.document, q.document.region(), "say it", (), SETTINGS) for q in QUESTIONS)
    return [render_prompt(prompt) for prompt, _ in built]


def without_markers(folder: Path, target: Path, chat_template: str | None) -> Path:
    """Copy a model's folder, with a tokenizer that takes our markers for plain text."""
    shutil.copytree(folder, target)
    state = json.loads(tiny_tokenizer().backend_tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in MARKERS]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), eos_token=tiny_tokenizer().eos_token
    )
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(target)
    return target


def test_nothing_is_printed(tiny_qwen3_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = HubEngine(HubModel(str(tiny_qwen3_folder)))
    engine.generate("x = ", "", max_tokens=2, stop=EDIT_END)
    assert capfd.readouterr() == ("", "")


def test_it_answers_as_its_gguf_does(hub_model: HubModel, tiny_gguf: Path) -> None:
    hub = HubEngine(hub_model)
    with LlamaEngine(tiny_gguf, threads=1) as llama:
        assert hub.model.context_tokens == llama.model.context_tokens
        assert prompts(hub) == prompts(llama)
        for prompt in prompts(llama):
            for start, stop in (("", CURSOR), (response_start("say it"), EDIT_END)):
                a = llama.generate(prompt, start, max_tokens=10, stop=stop)
                b = hub.generate(prompt, start, max_tokens=10, stop=stop)
                assert (a.text, a.stopped) == (b.text, b.stopped)
                assert a.confidence == pytest.approx(b.confidence, rel=1e-3)
                assert a.timings.prompt_tokens == b.timings.prompt_tokens
                assert a.timings.decoded_tokens == b.timings.decoded_tokens
                assert 0 < b.timings.first_token_ms <= b.timings.total_ms


def test_what_was_typed_is_healed_as_its_gguf_does(hub_model: HubModel, tiny_gguf: Path) -> None:
    hub, seen = HubEngine(hub_model), []
    with LlamaEngine(tiny_gguf, threads=1) as llama:
        for prompt in prompts(llama)[:3]:
            for typed in ("\nx = pd.re", "\n    é🙂 = [", '"\\', "\ud800"):
                a, b = (
                    engine.generate(
                        prompt,
                        response_start("say it"),
                        max_tokens=20,
                        stop=EDIT_END,
                        guide=Guide(typed=typed, watch=lambda written, confidence: seen.append((written, confidence))),
                    )
                    for engine in (llama, hub)
                )
                assert (a.tokens, a.text, a.stopped) == (b.tokens, b.text, b.stopped)
                assert a.confidence == pytest.approx(b.confidence, rel=1e-3)
                texts = [text.rstrip("\ufffd") for text, _ in seen]
                assert texts[: len(a.tokens)] == texts[len(a.tokens) :]
                assert b.text.endswith(seen[-1][0]) and seen[-1][1] == pytest.approx(b.confidence)
                seen.clear()


def test_it_stops_where_it_is_enough(hub_model: HubModel) -> None:
    engine = HubEngine(hub_model)
    prompt = prompts(engine)[0]
    whole = engine.generate(prompt, "", max_tokens=20, stop=EDIT_END)
    guide = Guide(enough=lambda written: len(written) >= 8)
    cut = engine.generate(prompt, "", max_tokens=20, stop=EDIT_END, guide=guide)
    assert whole.text.startswith(cut.text) and 8 <= len(cut.text) < len(whole.text) and not cut.stopped
    assert cut.tokens == whole.tokens[: len(cut.tokens)] and cut.timings.decoded_tokens == len(cut.tokens)


def test_where_tokens_are_not_spelled_in_bytes_what_was_typed_is_forced(hub_model: HubModel) -> None:
    engine, seen = HubEngine(hub_model), []
    prompt, guide = prompts(engine)[0], Guide(typed="x = pd.re", watch=lambda written, _: seen.append(written))
    forced = engine.generate(prompt, "x = pd.re", max_tokens=6, stop=EDIT_END)
    hub_model.__dict__["spelling"] = None
    try:
        found = engine.generate(prompt, "", max_tokens=6, stop=EDIT_END, guide=guide)
    finally:
        del hub_model.__dict__["spelling"]
    assert found.text == forced.text == seen[-1] and all(written.startswith("x = pd.re") for written in seen)


def test_a_marker_stops_it_and_the_end_of_text_is_no_text(hub_model: HubModel, tiny_gguf: Path) -> None:
    hub, ends = HubEngine(hub_model), set()
    with LlamaEngine(tiny_gguf, threads=1) as llama:
        for number in range(60):
            a = llama.generate("x = 1\n", f"y{number}", max_tokens=16, stop=EDIT_END)
            if a.stopped or a.timings.decoded_tokens < 16:
                b = hub.generate("x = 1\n", f"y{number}", max_tokens=16, stop=EDIT_END)
                assert (a.text, a.stopped, a.timings.decoded_tokens) == (b.text, b.stopped, b.timings.decoded_tokens)
                ends.add(a.stopped)
            if len(ends) == 2:
                return
    assert ends, "the model never ended"


def test_a_respondent_answers_the_same_again(tiny_qwen3_folder: Path, tiny_gguf: Path) -> None:
    hub = choose(str(tiny_qwen3_folder), settings=SETTINGS)
    llama = gguf(tiny_gguf, SETTINGS, name="tiny", threads=1)
    assert (hub.name, hub.concurrency, hub.identity["engine"]) == (tiny_qwen3_folder.resolve().name, 1, "transformers")
    for question in QUESTIONS[:1]:
        a, b, c = (one.reply(Question(question.document, "say it")) for one in (hub, hub, llama))
        assert (a.text, a.confidence, a.fault) == (b.text, b.confidence, b.fault)
        # Later on, rounding decides: random weights like many tokens about equally.
        assert a.text[:60] == c.text[:60] and a.region == c.region
    hub.close()
    llama.close()


def test_it_keeps_to_its_context_and_can_be_cancelled(hub_model: HubModel) -> None:
    engine = HubEngine(hub_model)
    with pytest.raises(UsageError, match=r"too many for the 2048 .* beside an answer of 4"):
        engine.generate("x " * 3000, "", max_tokens=4, stop=EDIT_END)
    with pytest.raises(Cancelled):
        engine.generate("x = ", "", max_tokens=4, stop=EDIT_END, cancel=lambda: True)
    nothing = engine.generate("x = ", "y", max_tokens=0, stop=EDIT_END)
    assert (nothing.text, nothing.stopped, nothing.confidence) == ("y", False, 1.0)


def test_sampling_that_a_folder_asks_for_is_not_done(
    hub_model: HubModel, tiny_qwen3_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_qwen3_folder, tmp_path / "sampling")
    settings = {"do_sample": True, "temperature": 2.0, "repetition_penalty": 5.0, "top_k": 50}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    other, engine = HubEngine(HubModel(str(folder))), HubEngine(hub_model)
    for prompt in prompts(engine)[:2]:
        assert (
            other.generate(prompt, "", max_tokens=12, stop=EDIT_END).text
            == engine.generate(prompt, "", max_tokens=12, stop=EDIT_END).text
        )


def test_an_adapter_is_loaded_on_its_base(hub_model: HubModel, tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    expected = tiny_adapter(tmp_path / "adapter", tiny_qwen3_folder)
    respondent = choose(str(tmp_path / "adapter"), settings=SETTINGS)
    assert respondent.identity["adapter_sha256"] and respondent.identity["weights_sha256"]
    respondent.close()
    engine, plain = HubEngine(HubModel(str(tmp_path / "adapter"))), HubEngine(hub_model)
    differs = False
    for prompt in prompts(plain)[:3]:
        found = engine.generate(prompt, "", max_tokens=4, stop=EDIT_END)
        ids = tiny_tokenizer()(prompt, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        with torch.no_grad():
            logits = expected(torch.tensor([ids])).logits[0, -1]
        first = tiny_tokenizer().decode([int(logits.argmax())])
        assert found.text.startswith(first.rstrip("\ufffd"))
        differs |= found.text != plain.generate(prompt, "", max_tokens=4, stop=EDIT_END).text
    assert differs


def test_an_adapter_on_other_weights_is_refused(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    tiny_adapter(tmp_path / "adapter", tiny_qwen3_folder)
    record = tmp_path / "adapter/training.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"base_sha256": "f" * 64}))
    with pytest.raises(ModelError, match="was trained on other weights than those of"):
        choose(str(tmp_path / "adapter"), settings=SETTINGS)


def test_a_model_that_was_not_made_for_our_format_chats(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    template = "{% for m in messages %}<user>{{ m['content'] }}{% endfor %}<assistant>"
    folder = without_markers(tiny_qwen3_folder, tmp_path / "chatty", template)
    respondent = choose(str(folder), settings=SETTINGS, max_tokens=12)
    assert respondent.identity["style"] == "chat" and respondent.name == "chatty"
    reply = respondent.reply(QUESTIONS[0])
    assert reply.text and reply.response is None and reply.fault and not reply.error
    assert reply.decoded_tokens == 12 and reply.prompt_tokens and reply.prompt_tokens > 300
    with pytest.raises(ModelError, match=r"no markers in its vocabulary.*use --style chat"):
        choose(str(folder), settings=SETTINGS, style="completions")


def test_what_can_neither_edit_nor_chat_is_refused_in_one_line(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    plain = without_markers(tiny_qwen3_folder, tmp_path / "plain", None)
    with pytest.raises(ModelError, match=r"neither was made for our format .* nor chats") as error:
        choose(str(plain), settings=SETTINGS)
    assert "\n" not in str(error.value)
    (plain / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="cannot be loaded") as error:
        choose(str(plain), settings=SETTINGS)
    assert "\n" not in str(error.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"has no config\.json"):
        choose(str(tmp_path / "empty"), settings=SETTINGS)

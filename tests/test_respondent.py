"""Respondents: the same answer to the same question, chat models read leniently, and models chosen by name."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tabtab_local.complete import complete
from tabtab_local.config import Settings
from tabtab_local.document import open_document
from tabtab_local.edits import apply
from tabtab_local.engine import LlamaEngine
from tabtab_local.errors import DocumentError, ModelError, UsageError
from tabtab_local.prompt import CURSOR, EDIT_END, EDIT_START, INTENT, Prompt, Response, render_response
from tabtab_local.registry import embedded_path
from tests.fakes import ScriptedEngine
from tests.questions import questions
from training.evaluation.respondent import pace
from training.evaluation.respondent.cache import FILE, ResponseCache, request_key
from training.evaluation.respondent.chat import message
from training.evaluation.respondent.choose import choose
from training.evaluation.respondent.engine import EngineRespondent, llama
from training.evaluation.respondent.lenient import read
from training.evaluation.respondent.reply import Question, Respondent

QUESTIONS = questions(5)
PROMPT = Prompt("import json\n\ndata = \nprint(data)", 20)
AFTER = "import json\n\ndata = json.load(file)\nprint(data)"
FRAMED = f"{INTENT} read the file\n{EDIT_START}\nimport json\n\ndata = json.load(file){CURSOR}\nprint(data)\n{EDIT_END}"


@pytest.fixture(scope="module")
def nano() -> Iterator[Respondent]:
    respondent = llama(embedded_path(), Settings(), name="nano", threads=1)
    yield respondent
    respondent.close()


def test_a_question_gets_the_same_answer_whatever_was_asked_before(nano: Respondent) -> None:
    forward = [nano.reply(question) for question in QUESTIONS]
    backward = [nano.reply(question) for question in reversed(QUESTIONS)][::-1]
    for a, b in zip(forward, backward, strict=True):
        assert (a.text, a.confidence, a.response, a.decoded_tokens) == (
            b.text,
            b.confidence,
            b.response,
            b.decoded_tokens,
        )


def test_an_answer_is_what_the_runtime_suggests() -> None:
    settings = Settings(gates=frozenset(), min_confidence=0.0)
    nano = llama(embedded_path(), settings, name="nano", threads=1)
    with closing(nano), LlamaEngine(embedded_path(), threads=1) as engine:
        for question in QUESTIONS:
            engine.forget()
            suggestion = complete(engine, question.document, settings=settings)
            reply = nano.reply(question)
            assert reply.confidence == pytest.approx(suggestion.confidence)
            assert reply.strict == (reply.response is not None) == (not suggestion.silence)
            if reply.response is None:
                assert suggestion.silence == f"format: {reply.fault}"
                continue
            code = question.document.code
            after = code[: reply.region.start] + reply.response.region + code[reply.region.end :]
            assert apply(code, suggestion.edits).rstrip("\n") == after.rstrip("\n")
            assert suggestion.cursor == reply.region.start + reply.response.cursor
            assert reply.first_token_ms and reply.total_ms >= reply.first_token_ms
            assert reply.prompt_tokens and reply.decoded_tokens


def test_a_respondent_says_what_decides_its_answers(nano: Respondent) -> None:
    named = choose("tabtab-nano", settings=Settings())
    other = choose(str(embedded_path()), settings=Settings(exact=True))
    assert (named.name, other.name, named.concurrency) == ("tabtab-nano", embedded_path().stem, 1)
    assert named.identity == nano.identity
    assert {key for key in nano.identity if nano.identity[key] != other.identity[key]} == {"exact"}
    assert nano.identity["weights_sha256"] and nano.identity["prompt_version"] == 1
    named.close()
    other.close()


def test_a_document_that_does_not_fit_is_a_fault_of_the_reply() -> None:
    respondent = EngineRespondent(ScriptedEngine([], context_tokens=300), Settings(), name="x", identity={})
    document = open_document("x = " + "1 + " * 100, jupyter=False, line=1)
    reply = respondent.reply(Question(document))
    assert reply.response is None and not reply.error
    assert "too many for the 300" in reply.fault
    assert "say it in 48 or fewer" in respondent.reply(Question(document, intent="word " * 60)).fault


def test_an_answer_that_breaks_the_format_is_a_fault_of_the_reply() -> None:
    document = open_document("x = 1\ny = ", jupyter=False, line=2)
    settings = Settings(exact=True, rewrite_before=True)
    for text, fault in (
        (f"{INTENT}\n{EDIT_START}\nx = 1\ny = 2\n{EDIT_END}", "0 cursor markers"),
        (f"{INTENT}\n{EDIT_START}\nx = 1\ny = 2", "did not end within"),
    ):
        reply = EngineRespondent(ScriptedEngine([text, text]), settings, name="x", identity={}).reply(
            Question(document)
        )
        assert fault in reply.fault and reply.response is None and not reply.strict


def test_a_chat_model_that_keeps_the_format_is_read_to_the_letter() -> None:
    expected = Response(AFTER, AFTER.index("file)") + 5, "read the file")
    for text in (
        FRAMED,
        f"\n{FRAMED}\n",
        f"<think>{EDIT_START} maybe</think>\n\n{FRAMED}",
        f"so it is</think>{FRAMED}",
    ):
        assert read(text, PROMPT) == (expected, True, "")


def test_what_does_not_change_the_meaning_is_forgiven() -> None:
    expected = Response(AFTER, AFTER.index("file)") + 5, "read the file")
    inside = FRAMED.replace(f"{EDIT_START}\n", f"{EDIT_START}\n```python\n").replace(
        f"\n{EDIT_END}", f"\n```\n{EDIT_END}"
    )
    for text in (
        f"Sure! Here it is:\n\n{FRAMED}\n\nI have read the file.",
        f"```\n{FRAMED}\n```",
        inside,
        FRAMED.replace(CURSOR, ""),
        FRAMED.removesuffix(f"\n{EDIT_END}"),
        f"{EDIT_START}\nthe question again\n{EDIT_END}\n{FRAMED} ok",
    ):
        assert read(text, PROMPT) == (expected, False, ""), text


def test_a_missing_cursor_stays_where_it_was_if_nothing_has_changed() -> None:
    response, strict, _ = read(f"{EDIT_START}\n{PROMPT.region}\n{EDIT_END}", PROMPT)
    assert response == Response(PROMPT.region, PROMPT.cursor) and not strict


@pytest.mark.parametrize(
    ("text", "finished", "fault"),
    [
        ("", True, "said nothing"),
        ("<think>it goes on and on", False, "said nothing"),
        (f"```python\n{AFTER}\n```", True, "has no <|EDIT_START|>"),
        (FRAMED.removesuffix(EDIT_END), False, "did not end"),
        (FRAMED.replace("print", CURSOR), True, "2 cursor markers"),
        (FRAMED.replace("print", INTENT), True, "marker inside"),
    ],
)
def test_an_answer_that_could_mean_anything_is_none(text: str, finished: bool, fault: str) -> None:
    response, strict, found = read(text, PROMPT, finished=finished)
    assert response is None and not strict and fault in found


def test_code_that_holds_a_marker_comes_back_as_it_was() -> None:
    response = Response(f"x = '{EDIT_END}'\ny = 1", 4, "")
    said = render_response(response)
    assert read(said, PROMPT)[0] == response
    loose, strict, _ = read(f"Here:\n{said}", PROMPT)
    assert loose == response and not strict


def test_the_message_ends_with_the_prompt_and_shows_the_form() -> None:
    text = message(PROMPT)
    assert text.endswith(f"{EDIT_START}\nimport json\n\ndata = {CURSOR}\nprint(data)\n{EDIT_END}\n")
    assert text.count(EDIT_START) == 3


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"model": "no-such-model"}, ModelError, "'no-such-model' is no GGUF file, no folder, no hub id"),
        ({"model": "there/is/none.gguf"}, ModelError, "there is no model at there/is/none.gguf"),
        ({"model": "tabtab-qwen3-0.6b"}, ModelError, "does not ship with this package"),
        ({"model": "tabtab-nano", "style": "chat"}, UsageError, "in our own format: leave --style out"),
        ({"model": "tabtab-nano", "style": "loud"}, UsageError, "'loud': choose one of auto, completions, chat"),
        ({"model": "x", "endpoint": "nowhere"}, UsageError, "'nowhere' is not the URL of a server"),
        ({"model": "x", "endpoint": "https://example.com"}, UsageError, "TABTAB_API_KEY or OPENAI_API_KEY"),
    ],
)
def test_what_cannot_be_chosen_is_said_in_one_line(
    options: dict[str, str], error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("OPENAI_API_KEY", "TABTAB_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(error) as found:
        choose(**options, settings=Settings())
    assert said in str(found.value) and "\n" not in str(found.value)


def test_choosing_loads_nothing_heavy_by_itself() -> None:
    code = (
        "import sys; import training.evaluation.respondent.choose, training.evaluation.respondent.estimate; "
        "heavy = {'torch', 'transformers', 'openai', 'httpx2', 'llama_cpp'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


def test_the_cache_keeps_what_threads_put_into_it(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "cache")
    keys = [request_key(body={"prompt": f"{n} \ud800"}) for n in range(40)]

    def work(part: int) -> None:
        for n in range(part, 40, 4):
            cache.put(keys[n], {"data": {"n": n}})

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.close()
    again = ResponseCache(tmp_path / "cache")
    assert [again.get(key) for key in keys] == [{"data": {"n": n}} for n in range(40)]
    assert again.get("other") is None
    again.close()


def test_a_file_that_is_no_cache_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(DocumentError, match="cannot be used as a cache"):
        ResponseCache(tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("1h2m3.5s", 3723.5), ("20ms", 0.02), ("7", 7), ("", 0), ("soon", 0)],
)
def test_times_in_headers_are_understood(text: str, seconds: float) -> None:
    assert pace.duration_s(text) == pytest.approx(seconds)


def test_all_wait_where_nothing_is_left() -> None:
    assert pace.pause(200, {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2s"}) == 2
    assert pace.pause(200, {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "2s"}) == 0
    assert pace.pause(200, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "150ms"}) == 0.15
    assert pace.pause(429, {"retry-after": "3"}) == 3
    assert pace.pause(429, {"retry-after-ms": "30"}) == pytest.approx(0.03)
    assert pace.pause(200, {"retry-after": "3"}) == 0

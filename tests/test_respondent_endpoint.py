"""Models behind a server, tested against llama.cpp's own, with a proxy that counts requests and makes trouble."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tabtab_local.complete import build_prompt
from tabtab_local.config import Settings
from tabtab_local.document import open_document
from tabtab_local.engine import Guide, LlamaEngine
from tabtab_local.engine.remote.server import describe
from tabtab_local.errors import ModelError, TabTabError
from tabtab_local.prompt import CURSOR, EDIT_END, render_prompt, response_start
from tabtab_local.registry import embedded_path
from tests.questions import questions
from tests.server import Ollama, Proxy, serve
from training.evaluation.respondent.client import Prices, Spent, asker, connect
from training.evaluation.respondent.endpoint import EndpointEngine, EndpointRespondent, endpoint
from training.evaluation.respondent.engine import llama
from training.evaluation.respondent.estimate import actual, estimate
from training.evaluation.respondent.reply import Question, Reply
from training.evaluation.respondent.server import Connection

QUESTIONS = questions(20)
ROOT = Path(__file__).parent.parent


def ask_all(url: str, asked: list[Question], **options: Any) -> list[Reply]:
    with closing(endpoint(url, "nano", Settings(), **options)) as respondent:
        return replies(respondent, asked)


def replies(respondent: EndpointRespondent, asked: list[Question]) -> list[Reply]:
    with ThreadPoolExecutor(respondent.concurrency) as pool:
        return list(pool.map(respondent.reply, asked))


@pytest.fixture(scope="module")
def answers(url: str) -> list[Reply]:
    """What the server answers to `QUESTIONS`, asked four at a time."""
    return ask_all(url, QUESTIONS, concurrency=4)


def test_a_random_model_continues_over_the_wire_as_in_the_process(tiny_gguf: Path) -> None:
    with (
        serve(tiny_gguf, slot_tokens=2048) as url,
        LlamaEngine(tiny_gguf, threads=1) as local,
        closing(connect(url, "tiny")) as client,
    ):
        remote = EndpointEngine(Connection(client, describe(client), None))
        assert remote.model.context_tokens == local.model.context_tokens == 2048
        equal = 0
        for question in QUESTIONS[:6]:
            prompt, _ = build_prompt(local, question.document, question.document.region(), "say it", (), Settings())
            text, start = render_prompt(prompt), response_start("say it")
            assert remote.count_tokens(text) == local.count_tokens(text)
            for stop in (CURSOR, EDIT_END):
                a = local.generate(text, start, max_tokens=12, stop=stop)
                b = remote.generate(text, start, max_tokens=12, stop=stop)
                assert (readable(a.text), a.stopped) == (readable(b.text), b.stopped)
                assert a.timings.prompt_tokens == b.timings.prompt_tokens
                assert a.timings.decoded_tokens == b.timings.decoded_tokens
                # The server gives no probability of a token that is a part of a character.
                equal += a.confidence == pytest.approx(b.confidence, rel=1e-3)
        assert equal >= 3


def test_what_was_typed_is_healed_and_an_answer_ends_where_it_is_enough(proxy: Proxy) -> None:
    with LlamaEngine(embedded_path(), threads=1) as local, closing(connect(proxy.url, "nano")) as client:
        remote = EndpointEngine(Connection(client, describe(client), None))
        prompt, _ = build_prompt(local, QUESTIONS[0].document, QUESTIONS[0].document.region(), "say it", (), Settings())
        text, start = render_prompt(prompt), response_start("say it")
        written: dict[int, list[str]] = {}
        for index, engine in enumerate((local, remote)):
            seen = written.setdefault(index, [])
            guide = Guide(
                typed="\nimp",
                watch=lambda written, _, seen=seen: seen.append(written),
                enough=lambda written: len(written) > 20,
            )
            found = engine.generate(text, start, max_tokens=40, stop=EDIT_END, guide=guide)
            assert found.text == start + seen[-1] and not found.stopped
        # What is written before the typed text is whole is seen in the process only.
        assert written[1] == [seen for seen in written[0] if seen.startswith("\nimp")]
        assert len(proxy.asked) == 1 and "grammar" in proxy.asked[0]


def test_a_server_without_grammars_is_asked_again_where_it_writes_something_else(proxy: Proxy) -> None:
    proxy.hidden = ("/v1/models",)
    with closing(connect(proxy.url, "nano")) as client:
        engine = EndpointEngine(Connection(client, describe(client), None))
        start = response_start("say it")
        free = engine.generate(start, "", max_tokens=12, stop=EDIT_END)
        right = engine.generate(start, "", max_tokens=12, stop=EDIT_END, guide=Guide(typed=free.text[:3]))
        assert right.text == free.text and len(proxy.asked) == 2
        other = engine.generate(start, "", max_tokens=12, stop=EDIT_END, guide=Guide(typed="\nraise Sys"))
        assert other.text.startswith("\nraise Sys")
        assert [body["prompt"] for body in proxy.asked[2:]] == [start, start + "\nraise Sys"]


def test_ollama_is_not_asked_for_completions_which_it_would_put_into_a_template(url: str) -> None:
    with Ollama(url) as proxy, pytest.raises(ModelError, match="puts prompts of completions into the model's template"):
        endpoint(proxy.url, "nano", Settings(), style="completions")


def readable(text: str) -> str:
    """Return `text` with one sign for each run of bytes that are no characters: two programs count them differently."""
    return re.sub("\ufffd+", "?", text).removesuffix("?")


def test_the_nano_answers_over_the_wire_nearly_as_in_the_process(answers: list[Reply]) -> None:
    """Two builds of llama.cpp round differently; on quantised weights that now and then decides between two tokens."""
    local = llama(embedded_path(), Settings(), name="nano", threads=1)
    expected = [local.reply(question) for question in QUESTIONS]
    local.close()
    same = [(a, b) for a, b in zip(expected, answers, strict=True) if a.text == b.text]
    assert len(same) >= 0.75 * len(QUESTIONS)
    for a, b in same:
        assert (a.response, a.strict, a.prompt_tokens, a.decoded_tokens) == (
            b.response,
            b.strict,
            b.prompt_tokens,
            b.decoded_tokens,
        )
        # The server keeps the marker's probability to itself.
        assert b.confidence == pytest.approx(a.confidence, abs=0.15)
        assert b.first_token_ms is None and b.total_ms > 0


def test_four_at_once_get_the_answers_of_one_at_a_time(url: str, answers: list[Reply]) -> None:
    alone = ask_all(url, QUESTIONS[:4])
    assert [reply.text for reply in alone] == [reply.text for reply in answers[:4]]


def test_a_chat_model_is_told_of_the_format(url: str, answers: list[Reply]) -> None:
    with closing(endpoint(url, "nano", Settings(), style="chat", max_tokens=120)) as respondent:
        assert respondent.identity["style"] == "chat" and respondent.identity["max_tokens"] == 120
        found = [respondent.reply(question) for question in QUESTIONS[:4]]
    assert all(reply.text and not reply.error for reply in found)
    assert all(200 < reply.prompt_tokens < 900 and 1 <= reply.decoded_tokens <= 120 for reply in found)
    assert any(reply.response for reply in found)
    assert all(reply.fault for reply in found if not reply.response)


def test_the_style_follows_from_the_vocabulary(url: str, tmp_path: Path) -> None:
    with closing(endpoint(url, "nano", Settings())) as respondent:
        assert respondent.identity["style"] == "format"
        assert respondent.identity["server"] == "llama.cpp"
        assert respondent.identity["model_context_tokens"] == 1024


def test_a_server_that_tells_nothing_of_itself_is_asked_all_the_same(proxy: Proxy) -> None:
    proxy.hidden = ("/v1/models", "/tokenize")
    with closing(endpoint(proxy.url, "nano", Settings(), max_tokens=16)) as respondent:
        assert (respondent.identity["style"], respondent.identity["server"]) == ("chat", "other")
        assert respondent.identity["model_context_tokens"] == 4096
        assert respondent.reply(QUESTIONS[0]).text
    found = ask_all(proxy.url, QUESTIONS[:4], style="completions", context_tokens=1024)
    assert all(reply.text and reply.prompt_tokens and reply.confidence for reply in found)
    assert any(reply.strict for reply in found)


def test_a_run_that_was_killed_asks_nothing_twice(proxy: Proxy, tmp_path: Path, answers: list[Reply]) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom tabtab_local.config import Settings\n"
        "from tests.questions import questions\nfrom training.evaluation.respondent.endpoint import endpoint\n"
        "respondent = endpoint(sys.argv[1], 'nano', Settings(), cache=Path(sys.argv[2]))\n"
        "for question in questions(5):\n    respondent.reply(question)\n    print('.', flush=True)\n"
    )
    command = [sys.executable, "-c", program, proxy.url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        for _ in range(2):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    before = len(proxy.asked)
    found = ask_all(proxy.url, QUESTIONS[:5], cache=tmp_path)
    assert before < len(proxy.asked)
    requests = [str(body["prompt"]) for body in proxy.asked]
    # Only the one that was under way when the run was killed.
    assert len(requests) - len(set(requests)) <= 1
    assert [reply.text for reply in found] == [reply.text for reply in answers[:5]]
    total = len(proxy.asked)
    again = ask_all(proxy.url, QUESTIONS[:5], cache=tmp_path, concurrency=4)
    assert len(proxy.asked) == total and again == found


def test_other_requests_are_not_taken_from_the_cache(proxy: Proxy, tmp_path: Path) -> None:
    ask_all(proxy.url, QUESTIONS[:1], cache=tmp_path)
    count = len(proxy.asked)
    with closing(endpoint(proxy.url, "other", Settings(), cache=tmp_path)) as respondent:
        respondent.reply(QUESTIONS[0])
    assert len(proxy.asked) == 2 * count


def test_refused_requests_are_repeated_after_the_time_that_the_server_asks_for(
    proxy: Proxy, answers: list[Reply]
) -> None:
    proxy.faults = [(429, {"Retry-After": "0.7"}), (500, {}), (503, {"Retry-After": "0.1"})]
    (reply,) = ask_all(proxy.url, QUESTIONS[:1])
    assert reply.text == answers[0].text and not reply.error
    first, second, third, fourth = proxy.times[:4]
    assert second - first >= 0.7
    assert 0.3 <= third - second <= 2.5  # doubling from half a second, less up to a quarter
    assert fourth - third >= 0.1
    # What was waited is no part of the model's time.
    assert reply.total_ms < (proxy.times[-1] - first) * 1000


def test_where_no_request_is_left_all_threads_wait(proxy: Proxy) -> None:
    proxy.headers = [{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "600ms"}]
    with closing(endpoint(proxy.url, "nano", Settings(), style="chat", max_tokens=4, concurrency=3)) as respondent:
        respondent.reply(QUESTIONS[0])
        came = time.monotonic()
        replies(respondent, QUESTIONS[1:4])
    assert len(proxy.times) == 4
    assert min(proxy.times[1:]) - came >= 0.5


def test_a_question_without_an_answer_is_an_error_of_its_row(proxy: Proxy) -> None:
    proxy.faults = [(503, {"Retry-After": "0.05"})] * 2
    first, second = ask_all(proxy.url, QUESTIONS[:2], max_retries=1)
    assert (
        "refuses for now (503: made up: 503 (test)), after up to 1 retries" in first.error and "\n" not in first.error
    )
    assert second.text and not second.error


def test_a_server_that_does_not_answer_in_time_is_an_error_of_the_row(proxy: Proxy) -> None:
    proxy.delay_s = 1.0
    (reply,) = ask_all(proxy.url, QUESTIONS[:1], timeout_s=0.3, max_retries=0)
    assert reply.error == f"{proxy.url} gave no answer within 0.3 seconds"


def test_a_prompt_that_does_not_fit_is_a_fault_of_the_reply(url: str) -> None:
    long = Question(open_document("x = [" + "1, " * 1500 + "\n", jupyter=False, line=1))
    first, second = ask_all(url, [long, QUESTIONS[0]], context_tokens=20_000)
    assert "does not fit" in first.fault and not first.error and first.response is None
    assert second.text


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (404, r"does not serve the model 'nano' \(404: made up: 404 \(test\)\): check URL and name"),
        (403, r"refuses the key in TABTAB_API_KEY \(403: made up"),
        (400, r"refuses the request \(400: made up"),
    ],
)
def test_what_would_befall_every_question_ends_the_run(proxy: Proxy, fault: int, said: str) -> None:
    proxy.faults = [(fault, {})]
    with pytest.raises(ModelError, match=said) as error:
        ask_all(proxy.url, QUESTIONS[:1])
    assert "\n" not in str(error.value)


def test_settings_that_a_server_does_not_know_are_left_out(proxy: Proxy, url: str) -> None:
    proxy.faults = [
        (400, {"x-message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}),
        (400, {"x-message": "Unsupported value: 'temperature' does not support 0 with this model."}),
    ]
    (reply,) = ask_all(proxy.url, QUESTIONS[:1], style="chat", max_tokens=9)
    assert reply.text and not reply.error
    assert "temperature" not in proxy.asked[-1] and "max_tokens" not in proxy.asked[-1]
    assert proxy.asked[-1]["max_completion_tokens"] == 9


def test_an_answer_that_may_not_be_so_long_is_a_fault_of_the_reply(proxy: Proxy) -> None:
    message = "'max_tokens' or 'max_completion_tokens' is too large: 2048. The maximum context length is 1024."
    proxy.faults = [(400, {"x-message": message})]
    (reply,) = ask_all(proxy.url, QUESTIONS[:1], style="chat")
    assert message in reply.fault and len(proxy.asked) == 1


def test_a_wrong_key_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(embedded_path(), key="secret") as url:
        monkeypatch.setenv("OPENAI_API_KEY", "wrong")
        with pytest.raises(TabTabError, match=r"refuses the key in OPENAI_API_KEY \(401: .*\): check it") as error:
            ask_all(url, QUESTIONS[:1])
        assert "\n" not in str(error.value)
        monkeypatch.setenv("TABTAB_API_KEY", "secret")
        assert ask_all(url, QUESTIONS[:1])[0].text


def test_a_server_that_is_not_there_is_said_in_one_line_and_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(ModelError, match=rf"cannot reach http://127.0.0.1:{port}/v1 \(.*\): is the server") as error:
        ask_all(f"http://127.0.0.1:{port}", QUESTIONS[:1])
    assert time.monotonic() - began < 3 and "\n" not in str(error.value)


def test_an_estimate_is_about_what_the_run_takes(proxy: Proxy, tmp_path: Path) -> None:
    prices = Prices(prompt=1.0, answer=4.0)
    asked = QUESTIONS[:4]
    ask_all(proxy.url, asked[:1], cache=tmp_path)
    with closing(endpoint(proxy.url, "nano", Settings(), cache=tmp_path, concurrency=2)) as respondent:
        before = len(proxy.asked)
        guess = estimate(respondent, asked, prices)
        assert (guess.questions, guess.cached) == (4, 1)
        assert len(proxy.asked) - before == respondent.spent.requests
        replies(respondent, asked)
        spent = respondent.spent
        assert len(proxy.asked) - before == spent.requests
        assert spent.requests / 2 <= guess.requests <= spent.requests * 2
        assert spent.prompt_tokens / 3 <= guess.prompt_tokens <= spent.prompt_tokens * 3
        assert guess.cost and guess.seconds > 0
        assert "4 questions, 1 answered before: about " in str(guess) and "USD 0.0" in str(guess)
        done = estimate(respondent, asked, prices)
        assert str(done) == "4 questions, all answered before: no requests, USD 0.00"
        assert respondent.spent == spent
        assert actual(spent, prices).startswith(f"{spent.requests} requests, ")


def test_a_cost_is_the_price_of_a_million_tokens() -> None:
    spent = Spent(requests=3, prompt_tokens=2_000_000, answer_tokens=500_000)
    assert spent.cost(Prices(prompt=0.25, answer=2.0)) == pytest.approx(1.5)
    assert actual(spent, Prices(0.25, 2.0)) == "3 requests, 2,000,000 prompt and 500,000 answer tokens, USD 1.50"


def test_a_chat_model_can_be_asked_for_other_things(url: str, tmp_path: Path) -> None:
    ask = asker(url, "nano", cache=tmp_path, max_tokens=8)
    first = ask("x = <|user_cursor_is_here|>")
    assert first and ask("x = <|user_cursor_is_here|>") == first

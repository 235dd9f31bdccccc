"""A server that refuses, breaks off, says nothing or is not the right one, as the engine before it says it."""

from __future__ import annotations

import json

import pytest

from tabtab_local.engine.remote.engine import RemoteEngine
from tabtab_local.errors import Cancelled, ModelError, UsageError
from tabtab_local.registry import embedded_path
from tests.server import Proxy, serve
from tests.test_remote import CUT_CONNECTIONS, START, ask, remote

pytestmark = CUT_CONNECTIONS


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, r"wants a key \(401: made up: 401\): put it into the environment as TABTAB_API_KEY"),
        (404, r"does not serve the model 'nano' \(404: made up: 404\): check URL and name"),
        (500, r"has failed \(500: made up: 500\): see what its log says"),
        (400, r"refuses the request \(400: made up: 400\)"),
        (307, r"refuses the request \(307: "),
    ],
)
def test_a_refusal_is_said_in_one_line(proxy: Proxy, status: int, said: str) -> None:
    proxy.faults = [(status, {})]
    with remote(proxy.url) as engine:
        with pytest.raises(ModelError, match=said) as error:
            ask(engine)
        assert str(error.value).startswith(proxy.url) and "\n" not in str(error.value)
        assert len(proxy.asked) == 1 and ask(engine).text


def test_a_busy_server_is_asked_once_more(proxy: Proxy) -> None:
    with remote(proxy.url) as engine:
        proxy.faults = [(503, {"Retry-After": "0.05"})]
        assert ask(engine).text and len(proxy.asked) == 2
        proxy.faults = [(429, {"Retry-After": "0.05"})] * 2
        with pytest.raises(ModelError, match=r"is busy \(429: made up: 429\): try again later"):
            ask(engine)
        assert len(proxy.asked) == 4
        # Nobody who types waits for half a minute.
        proxy.faults = [(429, {"Retry-After": "30"})]
        with pytest.raises(ModelError, match="is busy"):
            ask(engine)
        assert len(proxy.asked) == 5
        proxy.faults = [(503, {"Retry-After": "1.9"})]
        with pytest.raises(Cancelled):
            ask(engine, cancel=lambda: len(proxy.asked) == 6)


def test_a_stream_that_breaks_off_is_said_in_one_line(proxy: Proxy) -> None:
    with remote(proxy.url) as engine:
        proxy.most_pieces = 2
        with pytest.raises(ModelError, match=rf"{proxy.url} broke off its answer \(.*\): see what its log says"):
            ask(engine)
        proxy.most_pieces = None
        assert ask(engine).text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<html>hello</html>", r"does not answer in JSON \(b'<html>hello</html>'\): give the URL of an OpenAI API"),
        (b'data: {"choices": [{"text": "a"', "does not answer in JSON"),
        (b'data: {"error": {"message": "out of\\nmemory"}}', r"broke off its answer: out of memory"),
        (b'data: {"choices": [{"text": "a"}]}\n\ndata: [DONE]\n', r"broke off its answer: see"),
        (b"[1]", "does not answer in JSON"),
        (b"", "broke off its answer"),
    ],
)
def test_an_answer_that_is_none_is_said_in_one_line(proxy: Proxy, answer: bytes, said: str) -> None:
    with remote(proxy.url) as engine:
        proxy.faults = [(200, {"x-body": answer.decode()})]
        with pytest.raises(ModelError, match=said) as error:
            ask(engine)
        assert proxy.url in str(error.value) and "\n" not in str(error.value)


def test_an_answer_that_is_not_streamed_is_taken_all_the_same(proxy: Proxy) -> None:
    body = {"choices": [{"text": " x = 1", "finish_reason": "length"}], "usage": {"completion_tokens": 4}}
    proxy.faults = [(200, {"x-body": json.dumps(body)})]
    with remote(proxy.url) as engine:
        found = ask(engine)
    assert (found.text, found.stopped, found.timings.decoded_tokens) == (START + " x = 1", False, 4)


def test_a_server_that_says_nothing_in_time_is_given_up(proxy: Proxy) -> None:
    proxy.most_pieces, proxy.holds = 1, True
    with (
        remote(proxy.url, timeout_s=2.0) as engine,
        pytest.raises(ModelError, match=rf"{proxy.url} said nothing for 2 seconds"),
    ):
        ask(engine)
    assert proxy.hung_up.acquire(timeout=10)


def test_settings_that_a_server_does_not_take_are_left_out(proxy: Proxy) -> None:
    proxy.faults = [(400, {"x-message": "logprobs is not supported"})]
    with remote(proxy.url) as engine:
        assert ask(engine).confidence == 1.0
        assert [("logprobs" in body) for body in proxy.asked] == [True, False]
        assert any("no probabilities" in sentence for sentence in engine.degraded)


def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    with pytest.raises(
        ModelError, match=r"cannot reach http://127.0.0.1:9/v1 \(.*refused|111.*\): is the server"
    ) as error:
        RemoteEngine("http://127.0.0.1:9", "nano")
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="'localhost:8080' is not the URL of a server"):
        RemoteEngine("localhost:8080", "nano")


def test_a_model_that_was_not_made_for_our_format_is_refused(proxy: Proxy) -> None:
    proxy.instead = {"/tokenize": b'{"tokens": [1, 2, 3]}'}
    with pytest.raises(ModelError, match=r"'nano' at .* was not made for this program: it has no <.INTENT.>"):
        remote(proxy.url)


def test_a_model_without_a_name_is_the_only_one_there_is(proxy: Proxy) -> None:
    with RemoteEngine(proxy.url, "") as engine:
        assert engine.model.name.endswith("tabtab-nano.gguf")
    proxy.instead = {"/v1/models": b'{"data": [{"id": "a"}, {"id": "b"}]}'}
    with pytest.raises(UsageError, match=r"has 2 models \(a, b\): name the model"):
        RemoteEngine(proxy.url, "")
    proxy.hidden = ("/v1/models",)
    with pytest.raises(UsageError, match="does not say what it serves: name the model"):
        RemoteEngine(proxy.url, "")


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(embedded_path(), key="secret") as url:
        with pytest.raises(ModelError, match="wants a key"):
            RemoteEngine(url, "nano")
        monkeypatch.setenv("TABTAB_API_KEY", "wrong")
        with pytest.raises(ModelError, match="refuses the key in TABTAB_API_KEY"):
            RemoteEngine(url, "nano")
        monkeypatch.setenv("TABTAB_API_KEY", "secret\n")
        with RemoteEngine(url, "nano") as engine:
            assert ask(engine).text

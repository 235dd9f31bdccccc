"""An engine behind HTTP, tested against llama.cpp's own server."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tabtab_local.complete import build_prompt, complete
from tabtab_local.config import Settings
from tabtab_local.document import Document, open_document
from tabtab_local.engine import Engine, Generation, Guide, LlamaEngine
from tabtab_local.engine.remote.engine import RemoteEngine
from tabtab_local.engine.remote.server import estimated_tokens
from tabtab_local.errors import Cancelled, ModelError, UsageError
from tabtab_local.prompt import CURSOR, EDIT_END, render_prompt, response_start
from tabtab_local.registry import embedded_path
from tabtab_local.session import Session
from tests.questions import questions
from tests.server import Ollama, Proxy, serve

QUESTIONS = questions(12)
CODE = "import pandas as pd\n\nfile = 'sales.csv'\ndf = pd.re\nprint(df)\n"
START = response_start("say it")

# Connections are cut here in every way there is, some of them before a side has taken hold of its socket; what the
# collector then says of it comes at any time, in any test.
CUT_CONNECTIONS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
pytestmark = CUT_CONNECTIONS


@pytest.fixture(scope="module")
def tiny_url(tiny_gguf: Path) -> Iterator[str]:
    with serve(tiny_gguf, slot_tokens=2048) as url:
        yield url


@pytest.fixture(scope="module")
def local() -> Iterator[LlamaEngine]:
    with LlamaEngine(embedded_path(), threads=1) as engine:
        yield engine


def remote(url: str, **options: Any) -> RemoteEngine:
    return RemoteEngine(url, "nano", **{"exact_counts": True, **options})


def ask(engine: Engine, *, start: str = START, max_tokens: int = 40, **options: Any) -> Generation:
    return engine.generate(prompt(engine), start, max_tokens=max_tokens, stop=EDIT_END, **options)


def prompt(engine: Engine, index: int = 0) -> str:
    document = QUESTIONS[index].document
    return render_prompt(build_prompt(engine, document, document.region(), "say it", (), Settings())[0])


def readable(text: str) -> str:
    """Return `text` with one sign for each run of bytes that are no characters: two programs count them differently."""
    return re.sub("\ufffd+", "?", text).removesuffix("?")


def test_a_random_model_answers_over_the_wire_as_in_the_process(tiny_url: str, tiny_gguf: Path) -> None:
    with remote(tiny_url) as far, LlamaEngine(tiny_gguf, threads=1) as near:
        assert far.model.context_tokens == near.model.context_tokens == 2048
        assert far.program == "llama.cpp"
        same_confidence = 0
        for index in range(6):
            text = prompt(near, index)
            assert prompt(far, index) == text and far.count_tokens(text) == near.count_tokens(text)
            for start, stop in (("", CURSOR), (START, EDIT_END)):
                a, b = (engine.generate(text, start, max_tokens=12, stop=stop) for engine in (near, far))
                assert (readable(a.text), a.stopped) == (readable(b.text), b.stopped)
                assert a.timings.prompt_tokens == b.timings.prompt_tokens
                assert a.timings.decoded_tokens == b.timings.decoded_tokens
                assert 0 <= b.timings.evaluated_tokens <= b.timings.prompt_tokens
                assert 0 < b.timings.first_token_ms <= b.timings.total_ms
                # The server gives no probability of a token that is a part of a character.
                same_confidence += a.confidence == pytest.approx(b.confidence, rel=1e-3)
        assert same_confidence >= 3


def test_a_random_model_heals_the_same_tokens_over_the_wire(tiny_url: str, tiny_gguf: Path) -> None:
    with remote(tiny_url) as far, LlamaEngine(tiny_gguf, threads=1) as near:
        longer = 0
        for index in range(6):
            text = prompt(near, index)
            for typed in ("\nx = pd.re", "\n    é🙂 = [", '"\\', "\u2028", " "):
                guide = Guide(typed=typed)
                a, b = (
                    engine.generate(text, START, max_tokens=24, stop=EDIT_END, guide=guide) for engine in (near, far)
                )
                assert b.text.startswith(START + typed)
                # Under a grammar the server writes whole characters; a random model likes to write half of one.
                valid = a.text.partition("\ufffd")[0]
                assert b.text.startswith(valid)
                longer += len(valid) > len(START + typed)
        assert longer >= 12


def test_the_nano_suggests_over_the_wire_nearly_what_it_suggests_in_the_process(url: str, local: LlamaEngine) -> None:
    """Two builds of llama.cpp round differently; on quantised weights that now and then decides between two tokens."""
    same = 0
    with remote(url) as far:
        for question in QUESTIONS:
            a, b = (complete(engine, question.document) for engine in (local, far))
            if (a.edits, a.silence, a.cursor) == (b.edits, b.silence, b.cursor):
                same += 1
                assert a.timings.decoded_tokens == b.timings.decoded_tokens
                # The server keeps to itself what only it knows: how likely the marker is that ends an answer.
                assert b.confidence == pytest.approx(a.confidence, abs=0.1)
        assert far.degraded == ("no drafts: each token of an answer is computed alone",)
    assert same >= 0.75 * len(QUESTIONS)


def test_what_is_written_is_watched_as_it_comes(url: str) -> None:
    seen: list[tuple[str, float]] = []
    guide = Guide(typed="\nimport", watch=lambda written, confidence: seen.append((written, confidence)))
    with remote(url) as engine:
        answer = ask(engine, guide=guide)
    texts = [text for text, _ in seen]
    assert len(texts) >= 5 and texts[0].startswith("\nimport") and START + texts[-1] == answer.text
    assert all(b.startswith(a) and len(b) > len(a) for a, b in pairwise(texts))
    assert seen[-1][1] == answer.confidence and all(0 < confidence <= 1 for _, confidence in seen)


def test_the_first_piece_is_seen_before_the_last_is_written(proxy: Proxy) -> None:
    """The proxy holds back all but two pieces, and the second one is enough."""
    proxy.most_pieces, proxy.holds = 2, True
    seen: list[str] = []
    with remote(proxy.url) as engine:
        guide = Guide(watch=lambda written, _: seen.append(written), enough=lambda written: len(seen) == 2)
        answer = ask(engine, guide=guide)
        assert answer.text == START + seen[1] and not answer.stopped
        assert answer.timings.decoded_tokens == 2 and answer.timings.prompt_tokens == engine.count_tokens(
            prompt(engine) + START
        )
        assert proxy.hung_up.acquire(timeout=10)


def busy(url: str) -> bool:
    with urlopen(url.removesuffix("/v1") + "/slots") as response:
        return any(slot["is_processing"] for slot in json.load(response))


def comes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("given_up", ["enough", "cancelled"])
def test_giving_up_an_answer_makes_the_server_stop(tiny_url: str, given_up: str) -> None:
    """The random model would go on for two thousand tokens."""
    seen: list[str] = []

    def is_given_up(_: str = "") -> bool:
        return len(seen) >= 3

    with remote(tiny_url) as engine:
        watch = Guide(watch=lambda written, _: seen.append(written), key="a")
        if given_up == "enough":
            guide = Guide(watch=watch.watch, enough=is_given_up, key="a")
            engine.generate("x = 1\n", "", max_tokens=2000, stop=EDIT_END, guide=guide)
        else:
            with pytest.raises(Cancelled):
                engine.generate("x = 1\n", "", max_tokens=2000, stop=EDIT_END, guide=watch, cancel=is_given_up)
        assert comes_true(lambda: not busy(tiny_url))
        assert engine.generate("x = 1\n", "", max_tokens=4, stop=EDIT_END).timings.decoded_tokens == 4


def test_a_request_is_cancelled_before_the_server_has_said_anything(proxy: Proxy) -> None:
    with remote(proxy.url) as engine:
        proxy.is_open.clear()
        with pytest.raises(Cancelled):
            ask(engine, cancel=lambda: bool(proxy.asked))
        proxy.is_open.set()
        assert proxy.hung_up.acquire(timeout=10)
        assert ask(engine).text


def test_a_request_is_cancelled_while_nothing_comes(proxy: Proxy) -> None:
    proxy.most_pieces, proxy.holds = 1, True
    seen: list[str] = []
    with remote(proxy.url) as engine:
        with pytest.raises(Cancelled):
            ask(engine, cancel=lambda: bool(seen), guide=Guide(watch=lambda written, _: seen.append(written)))
        assert len(seen) == 1 and proxy.hung_up.acquire(timeout=10)


def test_cancelled_at_any_moment_the_engine_goes_on(url: str) -> None:
    with remote(url) as engine:
        expected = ask(engine)
        for moment in range(12):
            asked = iter(range(100_000))
            with pytest.raises(Cancelled):
                ask(engine, cancel=lambda asked=asked, moment=moment: next(asked) >= moment)
        assert ask(engine).text == expected.text


def test_a_document_that_was_given_up_comes_back_to_its_cache(proxy: Proxy) -> None:
    with remote(proxy.url) as engine:
        ask(engine, max_tokens=0, guide=Guide(key="a"))
        ask(engine, guide=Guide(key="a", enough=lambda written: True))
        again = ask(engine, guide=Guide(key="a"))
        assert again.timings.evaluated_tokens <= 2
        assert [("id_slot" in body) for body in proxy.asked] == [False, False, True]
        ask(engine, guide=Guide(key="a"))
        assert "id_slot" not in proxy.asked[-1]


def test_a_prompt_is_only_read_where_nothing_is_to_be_written(url: str) -> None:
    with remote(url) as engine:
        done = ask(engine, max_tokens=0)
        assert (done.text, done.stopped, done.confidence, done.timings.decoded_tokens) == (START, False, 1.0, 0)
        assert ask(engine).timings.evaluated_tokens <= 2


def test_asked_all_at_once_each_gets_the_answer_to_its_own_question(url: str) -> None:
    """What is computed together is rounded differently, so that now and then one of the answers is another."""
    with remote(url) as engine:
        texts = [prompt(engine, index) for index in range(8)]

        def answer(text: str) -> str:
            return engine.generate(text, START, max_tokens=24, stop=EDIT_END).text

        expected = [answer(text) for text in texts]
        found: dict[str, str] = {}
        threads = [threading.Thread(target=lambda text=text: found.update({text: answer(text)})) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(expected)) >= 7
        assert sum(found[text] == own for text, own in zip(texts, expected, strict=True)) >= 4


def test_a_server_without_grammars_is_followed_as_long_as_it_writes_what_was_typed(proxy: Proxy, url: str) -> None:
    proxy.hidden = ("/v1/models",)
    seen: list[str] = []
    with remote(proxy.url, context_tokens=1024) as engine, remote(url) as healing:
        assert engine.program == "other"
        free = ask(healing).text.removeprefix(START)
        for typed in (free[:5], free[:8]):
            guide = Guide(typed=typed, watch=lambda written, _: seen.append(written))
            assert (
                engine.generate(prompt(healing), START, max_tokens=40, stop=EDIT_END, guide=guide).text == START + free
            )
        assert len(proxy.asked) == 2
        assert all(text.startswith(free[:5]) for text in seen)
        assert any("no token healing" in sentence for sentence in engine.degraded)


def test_where_it_writes_something_else_what_was_typed_is_joined(proxy: Proxy, url: str) -> None:
    proxy.hidden = ("/v1/models",)
    seen: list[str] = []
    with remote(proxy.url, context_tokens=1024) as engine, remote(url) as plain:
        text, typed = prompt(plain), "\nraise Sys"
        guide = Guide(typed=typed, watch=lambda written, _: seen.append(written))
        found = engine.generate(text, START, max_tokens=16, stop=EDIT_END, guide=guide)
        expected = plain.generate(text, START + typed, max_tokens=16, stop=EDIT_END)
        assert found.text == expected.text
        assert [body["prompt"] for body in proxy.asked] == [text + START, text + START + typed]
        assert seen and all(written.startswith(typed) for written in seen)
        assert found.timings.decoded_tokens > expected.timings.decoded_tokens


def test_ollama_is_asked_on_its_own_route_which_takes_prompts_as_they_are(url: str, local: LlamaEngine) -> None:
    with Ollama(url) as proxy, RemoteEngine(proxy.url, "") as engine, remote(url) as plain:
        assert (engine.program, engine.model.name, engine.model.context_tokens) == ("ollama", "nano:latest", 1024)
        text = prompt(plain)
        a, b = (one.generate(text, START, max_tokens=60, stop=EDIT_END) for one in (plain, engine))
        assert (a.text, a.stopped, a.confidence) == (b.text, b.stopped, b.confidence)
        assert a.timings.prompt_tokens == b.timings.prompt_tokens
        assert proxy.asked[-1]["options"]["num_ctx"] == 1024
        assert not any("no probabilities" in sentence for sentence in engine.degraded)
        assert complete(engine, open_document(CODE, jupyter=False, line=4)).timings.decoded_tokens


def test_without_probabilities_the_confidence_is_one_and_that_is_said(url: str) -> None:
    with Ollama(url) as proxy, RemoteEngine(proxy.url, "nano") as engine:
        proxy.gives_probabilities = False
        assert ask(engine).confidence == 1.0
        assert any("nothing is held back because the model is not sure" in sentence for sentence in engine.degraded)


def test_tokens_are_counted_by_a_server_that_is_near_and_estimated_else(proxy: Proxy, local: LlamaEngine) -> None:
    texts = [question.document.code for question in QUESTIONS]
    with remote(proxy.url) as engine:
        assert [engine.count_tokens(text) for text in texts] == [local.count_tokens(text) for text in texts]
        assert engine.count_tokens("") == 0
    with remote(proxy.url, exact_counts=False) as engine:
        assert all(engine.count_tokens(text) >= local.count_tokens(text) for text in texts)
        assert any("too far away" in sentence for sentence in engine.degraded)
    proxy.hidden = ("/tokenize",)
    with remote(proxy.url) as engine:
        assert engine.count_tokens(texts[0]) == estimated_tokens(texts[0])
        assert any("does not count" in sentence for sentence in engine.degraded)


def test_the_context_is_what_the_server_says_unless_it_is_given(proxy: Proxy) -> None:
    with remote(proxy.url) as engine:
        assert engine.model.context_tokens == 1024
        with pytest.raises(UsageError, match="a context of 1024 leaves room for 924 beside an answer of 100"):
            engine.generate("x " * 1000, "", max_tokens=100, stop=EDIT_END)
        with pytest.raises(UsageError, match="empty"):
            engine.generate("", "", max_tokens=1, stop=EDIT_END)
    with (
        remote(proxy.url, context_tokens=9000) as engine,
        pytest.raises(UsageError, match=r"does not fit: .*exceeds the available context size"),
    ):
        engine.generate("x " * 2000, "", max_tokens=1, stop=EDIT_END)


def test_a_closed_engine_says_so_and_leaves_nothing_behind(url: str) -> None:
    def wires() -> int:
        return sum(thread.name == "tabtab-wire" for thread in threading.enumerate())

    before = wires()
    engine = remote(url)
    assert wires() == before + 1
    engine.close()
    engine.close()
    assert wires() == before
    with pytest.raises(ValueError, match="closed"):
        ask(engine)
    remote(url)  # nobody closes this one
    gc.collect()
    assert comes_true(lambda: wires() == before)


def test_what_is_asked_while_the_engine_is_closed_fails(proxy: Proxy) -> None:
    engine = remote(proxy.url)
    proxy.is_open.clear()
    threading.Thread(target=lambda: (comes_true(lambda: bool(proxy.asked)), engine.close())).start()
    with pytest.raises(ModelError, match="closed while it was asked"):
        ask(engine)
    proxy.is_open.set()


def test_the_module_loads_neither_httpx_nor_numpy() -> None:
    code = (
        "import sys; import tabtab_local.engine.remote.engine; "
        "assert not {'httpx', 'llama_cpp', 'numpy', 'torch'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_session_types_suggests_and_accepts_on_a_server(url: str, local: LlamaEngine) -> None:
    with remote(url) as far:
        assert [typed_and_accepted(engine) for engine in (local, far)] == [["ead_csv(file)", "d.read_csv(file)"]] * 2


def typed_and_accepted(engine: Engine) -> list[str]:
    """Return what a session has suggested while somebody typed, and accepted it in the end."""
    session, shown = Session(engine, name="a"), []
    session.update(opened("df = pd.r"))
    first = session.suggest(show=shown.append)
    assert first.silence is None and shown[-1] == first.ghost
    assert session.prefetch()
    # The next key is what was suggested, the one after it is something else.
    onwards = session.update(opened("df = pd.r" + first.ghost[0]))
    assert onwards and onwards.ghost == first.ghost[1:]
    assert session.update(opened("df = p")) is None
    with pytest.raises(Cancelled):
        session.suggest(cancel=lambda: True)
    second = session.suggest()
    assert session.accept().code == opened("df = pd.read_csv(file)").code
    session.suggest()
    return [first.ghost, second.ghost]


def opened(line: str) -> Document:
    return open_document(f'import pandas as pd\n\nfile = "sales.csv"\n{line}\n', jupyter=False, line=4)


def test_the_command_line_asks_a_server_and_says_what_it_cannot_do(url: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(CODE)
    command = [sys.executable, "-m", "tabtab_local", "complete", "a.py", "--line", "4"]
    done = subprocess.run([*command, "--endpoint", url], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "+df = pd.read_csv(" in done.stdout
    assert done.stderr.startswith(f"{url}: no drafts: each token of an answer is computed alone")
    assert done.stderr.count("\n") == 1
    failed = subprocess.run([*command, "--endpoint", "nowhere"], capture_output=True, text=True, cwd=tmp_path)
    assert failed.returncode == 2 and failed.stderr.startswith("error: 'nowhere' is not the URL of a server")

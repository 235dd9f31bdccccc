"""Where new names come from: the seeded vocabulary, and a model behind an OpenAI-compatible server."""

from __future__ import annotations

import builtins
import json
import keyword
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from training.evaluation.renaming import Binding, ModelNamer, Vocabulary, rename
from training.evaluation.renaming.model import label
from training.evaluation.renaming.words import ADJECTIVES, NOUNS, VERBS
from training.evaluation.respondent.client import asker

CODE = "def count_even(numbers):\n    total = 0\n    for n in numbers:\n        total += n % 2 == 0\n    return total\n"
TESTS = "assert count_even([1, 2, 4]) == 2"


def ask_for(answer: object) -> ModelNamer:
    return ModelNamer(lambda prompt: answer if isinstance(answer, str) else json.dumps(answer), Vocabulary("0"))


def test_the_vocabulary_has_hundreds_of_plain_words() -> None:
    words = [*VERBS, *NOUNS, *ADJECTIVES]
    assert len(VERBS) > 150 and len(NOUNS) > 250 and len(ADJECTIVES) > 130
    assert all(word.isascii() and word.islower() and word.isalpha() for word in words)
    assert not set(words) & ({*dir(builtins)} | set(keyword.kwlist))
    for kind in (VERBS, NOUNS, ADJECTIVES):
        assert len(set(kind)) == len(kind)


def test_the_same_seed_gives_the_same_names_whatever_was_asked_before() -> None:
    namer = Vocabulary("7/11")
    first = rename(CODE, TESTS, namer)
    rename("x = 1\n", "", namer)
    assert rename(CODE, TESTS, namer) == first == rename(CODE, TESTS, Vocabulary("7/11"))
    assert rename(CODE, TESTS, Vocabulary("8/11")) != first


def test_functions_are_verbs_with_nouns_and_classes_are_in_camel_case() -> None:
    code = "class Pair:\n    def total(self):\n        return 1\ndef make(n):\n    return Pair()\n"
    for seed in range(20):
        names = dict(rename(code, "", Vocabulary(str(seed))).names)
        assert names["make"].split("_")[0] in VERBS and names["total"].split("_")[0] in VERBS
        assert names["Pair"][0].isupper() and "_" not in names["Pair"]
        assert names["n"].split("_")[-1] in NOUNS


def test_no_word_of_the_program_is_drawn() -> None:
    code = "def harbour_kite(lantern):\n    return lantern, 'otter'\n"
    for seed in range(200):
        new = " ".join(name for _, name in rename(code, "", Vocabulary(str(seed))).names)
        assert not {"harbour", "kite", "lantern", "otter"} & set(new.replace("_", " ").split())


def test_a_thousand_things_get_a_thousand_names() -> None:
    bindings = [Binding(f"x{number}", "variable", "") for number in range(1000)]
    names = Vocabulary("0").propose(bindings, "", frozenset())
    assert len({name.lower() for name in names}) == 1000


def test_the_names_of_a_model_are_taken_and_verified() -> None:
    namer = ask_for({
        "count_even": "weigh_cargo",
        "count_even.numbers": "crates",
        "count_even.total": "ballast",
        "count_even.n": "crate",
    })  # fmt: skip
    result = rename(CODE, TESTS, namer)
    assert result.tests == "assert weigh_cargo([1, 2, 4]) == 2"
    assert result.code.startswith("def weigh_cargo(crates):\n    ballast = 0\n    for crate in crates:\n")
    assert (namer.named, namer.fallbacks) == (4, 0)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("count_even.numbers", "many_numbers"),
        ("count_even.numbers", "NUMBERS"),
        ("count_even.n", "N"),
        ("count_even.n", "total"),
        ("count_even.n", "list"),
        ("count_even.n", "class"),
        ("count_even.n", "two words"),
        ("count_even.n", "9lives"),
        ("count_even.n", ""),
        ("count_even.n", "ballast"),
        ("count_even.n", None),
        ("count_even.n", ["crate"]),
    ],
)
def test_what_a_model_gets_wrong_comes_from_the_vocabulary(name: str, bad: object) -> None:
    answer: dict[str, object] = {
        "count_even": "weigh_cargo",
        "count_even.total": "ballast",
        "count_even.numbers": "crates",
        "count_even.n": "crate",
    }
    namer = ask_for(answer | {name: bad})
    result = rename(CODE, TESTS, namer)
    assert namer.fallbacks == 1 and "weigh_cargo" in result.code
    exec(f"{result.code}\n{result.tests}", {})


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "{", "[1]", '{"a": {', "null", "{}", "{" * 5000])
def test_an_answer_without_names_leaves_all_to_the_vocabulary(answer: str) -> None:
    namer = ask_for(answer)
    result = rename(CODE, TESTS, namer)
    assert (namer.named, namer.fallbacks) == (4, 4)
    exec(f"{result.code}\n{result.tests}", {})


def test_a_fenced_answer_after_some_talk_is_read() -> None:
    namer = ask_for('Here {you} are:\n```json\n{"count_even": "weigh_cargo"}\n```\n')
    assert "def weigh_cargo(" in rename(CODE, TESTS, namer).code and namer.fallbacks == 3


def test_a_model_is_shown_the_program_and_each_thing_once() -> None:
    prompts = []
    namer = ModelNamer(lambda prompt: prompts.append(prompt) or "", Vocabulary("0"))
    rename("def f(n):\n    return [n for n in n], [n for n in n]\n", "", namer)
    assert "def f(n):\n" in prompts[0]
    for line in ("- f: function", "- f.n: parameter", "- f.<comprehension>.n: variable"):
        assert f"{line}\n" in prompts[0]
    assert "- f.<comprehension>.n (2): variable\n" in prompts[0]


def test_labels_tell_bindings_apart() -> None:
    assert label([Binding("n", "variable", "f"), Binding("n", "variable", "f"), Binding("n", "variable", "")]) == [
        "f.n",
        "f.n (2)",
        "n",
    ]


def test_a_program_without_names_asks_nobody() -> None:
    def ask(prompt: str) -> str:
        raise AssertionError(prompt)

    assert rename("print(1)\n", "", ModelNamer(ask, Vocabulary("0"))).code == "print(1)\n"


@contextmanager
def serving(status: int, body: dict[str, object], requests: list[dict[str, object]]) -> Iterator[str]:
    """Serve one answer to all chat requests; yield the base address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_model_behind_a_server_names_a_program() -> None:
    text = json.dumps({"count_even": "weigh_cargo"})
    message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [message]}
    requests: list[dict[str, object]] = []
    with serving(200, body, requests) as address:
        result = rename(CODE, TESTS, ModelNamer(asker(address, "m"), Vocabulary("0")))
    assert "def weigh_cargo(" in result.code
    assert requests[0]["model"] == "m" and requests[0]["temperature"] == 0

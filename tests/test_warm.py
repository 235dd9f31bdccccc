"""Prompt caches on disk: what comes back equals what a cold start computes, and nothing in the folder can do harm."""

from __future__ import annotations

import functools
import hashlib
import os
import random
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tabtab_local.engine import Generation, Guide, LlamaEngine
from tabtab_local.engine.warm import LEAST_TOKENS, stored
from tabtab_local.errors import Cancelled
from tabtab_local.prompt import EDIT_END, Prompt, render_prompt, response_start

CODE = "import json\n\n\ndef load(path):\n    with open(path) as file:\n        return json.load(file)\n"
START = response_start("read the file") + "data = "


def prompt(region: str = "data = ", above: str = CODE * 6) -> str:
    return render_prompt(Prompt(region, len(region), code_above=above))


def ask(engine: LlamaEngine, text: str, *, key: str = "", like: str = "", max_tokens: int = 16) -> Generation:
    return engine.generate(text, START, max_tokens=max_tokens, stop=EDIT_END, guide=Guide(key=key, like=like))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "prompts"


@pytest.fixture
def opened(tiny_gguf: Path, folder: Path) -> Callable[..., LlamaEngine]:
    """Opens an engine that keeps its caches in `folder`."""
    return functools.partial(LlamaEngine, tiny_gguf, threads=1, warm=folder)


@pytest.fixture(scope="module")
def cold(tiny_gguf: Path) -> Callable[[str], Generation]:
    """Asks an engine that has read nothing before, and keeps nothing."""

    def generate(text: str) -> Generation:
        with LlamaEngine(tiny_gguf, threads=1) as engine:
            return ask(engine, text)

    return generate


def same(a: Generation, b: Generation) -> bool:
    """Tell whether two engines wrote the same, apart from rounding in the probabilities."""
    return (a.text, a.tokens, a.stopped) == (b.text, b.tokens, b.stopped) and a.confidence == pytest.approx(
        b.confidence, rel=1e-3
    )


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def renamed_by_content(path: Path, content: bytes) -> Path:
    """Put `content` in the place of a file, under the name that says that it is whole."""
    key = path.name.split("-")[0]
    path.unlink()
    new = path.with_name(f"{key}-{hashlib.sha256(content).hexdigest()}.cache")
    new.write_bytes(content)
    return new


# What comes back


def test_a_document_that_is_opened_again_is_not_read_again(opened: Callable[..., LlamaEngine], cold) -> None:
    expected = cold(prompt())
    with opened() as engine:
        first = ask(engine, prompt())
    with opened() as engine:
        again = ask(engine, prompt())
    assert same(first, expected) and same(again, expected)
    assert first.timings.evaluated_tokens == first.timings.prompt_tokens > 2 * LEAST_TOKENS
    assert again.timings.evaluated_tokens == 1  # the last one, for the logits behind it
    assert again.timings.prompt_tokens == first.timings.prompt_tokens


def test_nothing_is_kept_unless_a_folder_is_given(tiny_gguf: Path, folder: Path, temporary_home: Path) -> None:
    with LlamaEngine(tiny_gguf, threads=1) as engine:
        ask(engine, prompt())
        engine.keep()
    assert not folder.exists() and not list(temporary_home.iterdir())


def test_few_tokens_are_not_kept(opened: Callable[..., LlamaEngine], folder: Path) -> None:
    with opened() as engine:
        assert ask(engine, prompt(above="")).timings.prompt_tokens < LEAST_TOKENS - 20
    assert not folder.exists()


def test_the_shared_start_of_another_state_is_used(opened: Callable[..., LlamaEngine], cold) -> None:
    with opened() as engine:
        ask(engine, prompt())
    for number, other in enumerate((prompt("rows = "), prompt(above=CODE * 5 + "import os\n" + CODE))):
        with opened() as engine:
            result = ask(engine, other)
        assert same(result, cold(other)), number
        assert 1 < result.timings.evaluated_tokens < result.timings.prompt_tokens - LEAST_TOKENS


def test_what_shares_little_is_not_loaded(opened: Callable[..., LlamaEngine], folder: Path, cold) -> None:
    with opened() as engine:
        ask(engine, prompt())
    (kept,) = files(folder)
    os.utime(kept, ns=(0, 0))
    other = prompt(above="import os\n" + "os.remove(path)\n" * 40)
    with opened() as engine:
        result = ask(engine, other)
    assert same(result, cold(other))
    assert result.timings.evaluated_tokens == result.timings.prompt_tokens
    assert kept.stat().st_mtime_ns == 0 and len(files(folder)) == 2


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_tokens", [32, 512])
def test_threads_and_batches_may_differ(
    opened: Callable[..., LlamaEngine], cold, threads: int, batch_tokens: int
) -> None:
    with opened(threads=2, batch_tokens=64) as engine:
        ask(engine, prompt())
    with opened(threads=threads, batch_tokens=batch_tokens) as engine:
        again = ask(engine, prompt())
    assert same(again, cold(prompt()))
    assert again.timings.evaluated_tokens == 1


def test_documents_come_back_in_any_order_into_any_sequence(opened: Callable[..., LlamaEngine], cold) -> None:
    texts = [prompt(f"rows{n} = ", CODE * 4 + f"x{n} = 1\n" * 60) for n in range(3)]
    with opened(sequences=3) as engine:
        for text in texts:
            ask(engine, text, key=text)
    with opened(sequences=3) as engine:
        for number in (2, 0, 1):
            result = ask(engine, texts[number], key=f"{number}")
            assert same(result, cold(texts[number]))
            assert result.timings.evaluated_tokens == 1
        for number in (1, 2, 0):
            assert same(ask(engine, texts[number] + " ", key=f"{number}"), cold(texts[number] + " "))


@pytest.mark.parametrize(
    "other", [{"sequences": 2}, {"context_tokens": 1024}, {"sequences": 2, "context_tokens": 1024}]
)
def test_caches_of_another_layout_are_left_alone(
    opened: Callable[..., LlamaEngine], folder: Path, cold, other: dict[str, int]
) -> None:
    with opened() as engine:
        ask(engine, prompt())
    with opened(**other) as engine:
        result = ask(engine, prompt())
    assert same(result, cold(prompt()))
    assert result.timings.evaluated_tokens == result.timings.prompt_tokens
    assert len(files(folder)) == 2
    for layout in ({}, other):
        with opened(**layout) as engine:
            assert ask(engine, prompt()).timings.evaluated_tokens == 1


def test_a_model_that_was_changed_starts_cold(tiny_gguf: Path, folder: Path, tmp_path: Path, cold) -> None:
    model = tmp_path / "model.gguf"
    shutil.copy(tiny_gguf, model)
    with LlamaEngine(model, threads=1, warm=folder) as engine:
        ask(engine, prompt())
    content = bytearray(model.read_bytes())
    content[-3:-1] = content[-5:-3]  # in the last weight
    model.write_bytes(content)
    with LlamaEngine(model, threads=1, warm=folder) as engine:
        result = ask(engine, prompt())
    assert result.timings.evaluated_tokens == result.timings.prompt_tokens
    assert len(files(folder)) == 2


# When it is written


def test_keeping_again_writes_only_what_is_new(opened: Callable[..., LlamaEngine], folder: Path) -> None:
    with opened() as engine:
        ask(engine, prompt())
        engine.keep()
        (first,) = files(folder)
        content = first.read_bytes()
        os.utime(first, ns=(0, 0))
        ask(engine, prompt() + " ", max_tokens=0)
        engine.keep()
        assert files(folder) == [first] and first.stat().st_mtime_ns > 0
        assert first.read_bytes() == content
        ask(engine, prompt() + START + CODE * 2)
        engine.keep()
        sizes = [file.stat().st_size for file in files(folder)]
        ask(engine, prompt() + START + CODE * 2 + START + CODE * 2)
        engine.keep()
        grown = [file.stat().st_size for file in files(folder)]
    assert len(grown) == len(sizes) and sum(grown) > sum(sizes)


def test_a_document_that_makes_room_comes_back_from_disk(
    opened: Callable[..., LlamaEngine], folder: Path, cold
) -> None:
    first, other = prompt(), prompt("rows = ", "import csv\n" + "csv.reader(file)\n" * 40)
    expected = cold(first), cold(other)
    with opened() as engine:
        for _ in range(3):
            assert ask(engine, first, key="a").timings.evaluated_tokens > LEAST_TOKENS
            assert ask(engine, other, key="b").timings.evaluated_tokens > LEAST_TOKENS
        assert not folder.exists()  # documents that take turns are not written at every turn
        ask(engine, first, key="a")
        with opened(sequences=2) as wide:
            ask(wide, first, key="a")
            for _ in range(40):
                assert same(ask(wide, other, key="b"), expected[1])
            ask(wide, other, key="c")
            assert len(files(folder)) == 1
            for _ in range(40):
                ask(wide, other, key="c")
            result = ask(wide, first, key="a")
            assert same(result, expected[0]) and result.timings.evaluated_tokens == 1


def test_the_cache_of_an_open_document_is_preferred_where_it_has_as_much(
    opened: Callable[..., LlamaEngine], folder: Path, cold
) -> None:
    with opened(sequences=2) as engine:
        ask(engine, prompt(), key="a")
    (kept,) = files(folder)
    with opened(sequences=2) as engine:
        ask(engine, prompt(), key="a")
        os.utime(kept, ns=(0, 0))
        result = ask(engine, prompt("rows = "), key="b", like="a")
        assert same(result, cold(prompt("rows = ")))
        assert result.timings.evaluated_tokens < LEAST_TOKENS
        assert kept.stat().st_mtime_ns == 0


def test_a_request_that_was_cancelled_spoils_nothing_on_disk(opened: Callable[..., LlamaEngine], cold) -> None:
    first, other = prompt(), prompt("rows = ")
    expected = cold(first), cold(other)

    def cancelled(engine: LlamaEngine, text: str, moment: int, guide: Guide) -> None:
        cancel = functools.partial(next, iter([False] * moment), True)
        with pytest.raises(Cancelled):
            engine.generate(text, START, max_tokens=16, stop=EDIT_END, cancel=cancel, guide=guide)

    for moment in (0, 1, 2, 20, 40):
        with opened(sequences=2, batch_tokens=64) as engine:
            ask(engine, first, key="a", max_tokens=moment % 7)
            # At moment 0 the copy of the first document's cache has been asked for and not been made.
            cancelled(engine, other, moment, Guide(key="b", like="a"))
            engine.keep()
            cancelled(engine, first + CODE, moment, Guide(key="a"))
        with opened(sequences=2) as engine:
            assert same(ask(engine, other, key="b"), expected[1]), moment
            assert same(ask(engine, first, key="a"), expected[0]), moment


def test_a_copy_that_was_not_made_yet_is_not_kept(opened: Callable[..., LlamaEngine], cold) -> None:
    first, other = prompt(), prompt("rows = ")
    with opened(sequences=2) as engine:
        ask(engine, first, key="a")
        for text, key, like in ((other, "b", "a"), ("import csv\n", "a", "")):
            with pytest.raises(Cancelled):
                guide = Guide(key=key, like=like)
                engine.generate(text, START, max_tokens=4, stop=EDIT_END, cancel=lambda: True, guide=guide)
    with opened(sequences=2) as engine:
        assert same(ask(engine, other), cold(other))


def test_what_was_read_before_a_request_was_cancelled_is_kept(opened: Callable[..., LlamaEngine], cold) -> None:
    with opened(batch_tokens=64) as engine, pytest.raises(Cancelled):
        cancel = functools.partial(next, iter([False] * 180), True)
        engine.generate(prompt(), START, max_tokens=4, stop=EDIT_END, cancel=cancel)
    with opened() as engine:
        result = ask(engine, prompt())
    assert same(result, cold(prompt()))
    assert 1 < result.timings.evaluated_tokens <= result.timings.prompt_tokens - LEAST_TOKENS


def test_logits_of_what_a_cache_held_before_are_not_taken_for_the_loaded_ones(
    opened: Callable[..., LlamaEngine], cold
) -> None:
    one, two = (prompt(above=f"x = {n}\n" + CODE * 6) for n in (1, 2))
    with opened() as engine:
        assert engine.count_tokens(one) == engine.count_tokens(two)
        ask(engine, one)
    with opened() as engine:
        ask(engine, two)
        result = ask(engine, one)
    assert same(result, cold(one)) and not same(result, cold(two))
    assert result.timings.evaluated_tokens == 1


def test_a_copy_that_was_not_made_yet_does_not_overwrite_what_is_loaded(
    opened: Callable[..., LlamaEngine], cold
) -> None:
    long, other = prompt(above=CODE * 12), prompt("rows = ", CODE * 4 + "import csv\n" * 30)
    with opened(sequences=2) as engine:
        ask(engine, long, key="kept")
    with opened(sequences=2) as engine:
        ask(engine, other, key="a")
        with pytest.raises(Cancelled):
            guide = Guide(key="b", like="a")
            engine.generate(other + "x", START, max_tokens=4, stop=EDIT_END, cancel=lambda: True, guide=guide)
        for key in "ba":
            assert same(ask(engine, long, key=key), cold(long))


def test_after_an_error_the_engine_is_closed_and_its_caches_kept(
    opened: Callable[..., LlamaEngine], folder: Path
) -> None:
    with pytest.raises(KeyError), opened() as engine:
        ask(engine, prompt())
        raise KeyError
    engine.close()
    assert len(files(folder)) == 1
    with pytest.raises(ValueError, match="closed"):
        engine.keep()


# What may be wrong with the folder


def damages() -> dict[str, Callable[[bytes], bytes]]:
    def flipped(at: float, content: bytes) -> bytes:
        place = int(at * (len(content) - 1))
        return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]

    found: dict[str, Callable[[bytes], bytes]] = {
        f"flipped at {at}": functools.partial(flipped, at) for at in (0, 0.0145, 0.1, 0.5, 1)
    }
    found |= {f"cut to {size}": lambda content, size=size: content[:size] for size in (0, 5, 11, 12, 13, 500, 5000, -1)}
    found |= {f"random {size}": lambda _, size=size: random.Random(size).randbytes(size) for size in (3, 12, 9999)}
    found["tokens without end"] = lambda content: content[:8] + b"\xff" * 4 + content[12:]
    found["longer"] = lambda content: content + b"\0" * 16
    found["zeros"] = lambda content: bytes(len(content))
    return found


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_file_is_removed_and_the_prompt_read_as_ever(
    opened: Callable[..., LlamaEngine], folder: Path, cold, damage: str
) -> None:
    with opened() as engine:
        ask(engine, prompt())
    (kept,) = files(folder)
    kept.write_bytes(damages()[damage](kept.read_bytes()))
    with opened() as engine:
        result = ask(engine, prompt())
        assert same(result, cold(prompt()))
        assert result.timings.evaluated_tokens == result.timings.prompt_tokens
        assert files(folder) == []
    with opened() as engine:
        assert ask(engine, prompt()).timings.evaluated_tokens == 1


def lies() -> dict[str, Callable[[bytes], bytes]]:
    """Files whose names say that they are whole, which llama.cpp must refuse itself."""

    def fewer(content: bytes, tokens: int, state: int) -> bytes:
        """Leave out the last `tokens` of the tokens that are named, and put the empty cache of a sequence behind."""
        count = int.from_bytes(content[8:12], sys.byteorder)
        named = content[:8] + (count - tokens).to_bytes(4, sys.byteorder) + content[12 : 12 + 4 * (count - tokens)]
        return named + (content[12 + 4 * count :] if state else (1).to_bytes(4, sys.byteorder) + bytes(4))

    return {
        "cut in the middle": lambda content: content[: len(content) // 2],
        "cut behind the tokens": lambda content: content[: 12 + 4 * int.from_bytes(content[8:12], sys.byteorder)],
        "fewer tokens than the state": lambda content: fewer(content, 9, 1),
        "tokens and no state": lambda content: fewer(content, 0, 0),
    }


@pytest.mark.parametrize("lie", lies())
@pytest.mark.parametrize("used", [False, True])
def test_a_file_that_llama_cpp_refuses_is_removed_and_leaves_an_empty_cache(
    opened: Callable[..., LlamaEngine], folder: Path, cold, lie: str, used: bool
) -> None:
    with opened() as engine:
        ask(engine, prompt())
    (kept,) = files(folder)
    renamed_by_content(kept, lies()[lie](kept.read_bytes()))
    with opened() as engine:
        if used:
            ask(engine, prompt("x", above="import os\n" + CODE))
        result = ask(engine, prompt())
        assert same(result, cold(prompt()))
        assert result.timings.evaluated_tokens == result.timings.prompt_tokens
        assert files(folder) == []


def test_the_next_best_file_is_taken_where_the_best_is_damaged(
    opened: Callable[..., LlamaEngine], folder: Path, cold
) -> None:
    for above in (CODE * 5 + "import csv\n" * 20, CODE * 6):
        with opened() as engine:
            ask(engine, prompt(above=above))
    newest = stored(folder)[0].path
    newest.write_bytes(newest.read_bytes()[:-1])
    with opened() as engine:
        result = ask(engine, prompt())
    assert same(result, cold(prompt()))
    assert 1 < result.timings.evaluated_tokens < result.timings.prompt_tokens - LEAST_TOKENS


def test_the_folder_may_vanish_at_any_time(opened: Callable[..., LlamaEngine], folder: Path, cold) -> None:
    with opened() as engine:
        ask(engine, prompt())
        engine.keep()
        shutil.rmtree(folder)
        assert same(ask(engine, prompt("rows = ")), cold(prompt("rows = ")))
        engine.forget()
        assert same(ask(engine, prompt()), cold(prompt()))
        engine.keep()
        assert len(files(folder)) == 1
        shutil.rmtree(folder)
    assert len(files(folder)) == 1


def test_a_folder_that_cannot_be_used_is_no_error(tiny_gguf: Path, tmp_path: Path, cold) -> None:
    taken = tmp_path / "file"
    taken.write_text("mine")
    for folder in (taken, taken / "below"):
        with LlamaEngine(tiny_gguf, threads=1, warm=folder) as engine:
            assert same(ask(engine, prompt()), cold(prompt()))
            engine.keep()
    assert taken.read_text() == "mine"


def test_a_full_disk_leaves_nothing_behind(opened: Callable[..., LlamaEngine], folder: Path) -> None:
    resource = pytest.importorskip("resource", reason="needs limits on the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened() as engine:
        ask(engine, prompt())
        engine.keep()
        size = files(folder)[0].stat().st_size
        for limit in (size // 2, size - 1):
            shutil.rmtree(folder)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            try:
                engine.keep()
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert files(folder) == []
        engine.keep()
        assert len(files(folder)) == 1


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_only_the_user_may_read_what_is_kept(opened: Callable[..., LlamaEngine], folder: Path) -> None:
    with opened() as engine:
        ask(engine, prompt())
    (kept,) = files(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

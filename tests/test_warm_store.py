"""The files of prompt caches: which are kept, offered and removed, and where they go."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from tabtab_local.cli import main
from tabtab_local.engine.warm import LEAST_TOKENS, WarmStore, default_folder, model_key, stored

HOUR_NS = 3600 * 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "prompts"


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def writer(content: bytes) -> Callable[[Path], int]:
    return lambda path: path.write_bytes(content)


def file_of(tokens: Sequence[int], size: int = 0) -> bytes:
    """What llama.cpp writes for these tokens, with zeros for the state."""
    words = (0x67677371, 3, len(tokens), *tokens)
    return b"".join(word.to_bytes(4, sys.byteorder) for word in words).ljust(size, b"\0")


def tokens_from(first: int, count: int = LEAST_TOKENS) -> list[int]:
    return list(range(first, first + count))


def put(store: WarmStore, first: int, size: int, count: int = LEAST_TOKENS) -> None:
    store.keep(tokens_from(first, count), writer(file_of(tokens_from(first, count), size)))


def loads(store: WarmStore, tokens: Sequence[int], known: int = 0) -> list[list[int]]:
    """Return the tokens of the files that are offered, none of which can be loaded."""
    offered: list[list[int]] = []

    def load(path: Path, held: Sequence[int]) -> bool:
        offered.append(list(held))
        return False

    store.restore(tokens, known, load)
    return offered


def age(folder: Path, now: itertools.count[int]) -> None:
    """Let the files have been used in the order of their names' times, long ago."""
    for one in reversed(stored(folder)):
        os.utime(one.path, ns=(next(now), next(now)))


def test_the_files_that_were_not_used_for_longest_make_room(folder: Path) -> None:
    now = itertools.count(1000)
    one, two = (WarmStore(folder, key * 16, max_bytes=10_000) for key in "ab")
    for number, store in enumerate((one, one, two)):
        put(store, 1000 * number, 3000)
        age(folder, now)
    one.restore(tokens_from(0), 0, lambda path, held: True)  # used again
    put(two, 9000, 3500)
    assert sum(kept.size_bytes for kept in stored(folder)) == 9500
    assert [len(loads(one, tokens_from(1000 * n))) for n in range(2)] == [1, 0]
    assert [len(loads(two, tokens_from(n))) for n in (2000, 9000)] == [1, 1]


def test_what_is_larger_than_all_may_be_takes_nothing_elses_room(folder: Path) -> None:
    store = WarmStore(folder, "a" * 16, max_bytes=10_000)
    put(store, 0, 5000)
    put(store, 5000, 10_001)
    put(store, 7000, 5000)
    assert sorted(kept.size_bytes for kept in stored(folder)) == [5000, 5000]
    assert len(files(folder)) == 2


def test_other_peoples_files_are_neither_counted_nor_removed(folder: Path) -> None:
    folder.mkdir(parents=True)
    names = ["notes.txt", "a.cache", "a" * 16 + "-b.cache", ".hidden.tmp", "A" * 16 + "-" + "0" * 64 + ".cache"]
    for name in names:
        (folder / name).write_bytes(bytes(5000))
    store = WarmStore(folder, "a" * 16, max_bytes=4000)
    put(store, 0, 3000)
    assert loads(store, tokens_from(5000)) == []
    assert len(stored(folder)) == 1 and {*names} < {file.name for file in files(folder)}


def test_what_a_dead_process_left_half_written_goes_after_a_day(folder: Path) -> None:
    store = WarmStore(folder, "a" * 16)
    put(store, 0, 3000)
    old, young = folder / ".abc_1.cache.tmp", folder / ".abc_2.cache.tmp"
    for file in (old, young):
        file.write_bytes(b"half")
    os.utime(old, ns=(0, young.stat().st_mtime_ns - 25 * HOUR_NS))
    put(store, 5000, 3000)
    assert young.exists() and not old.exists()


@pytest.mark.parametrize("shared", [LEAST_TOKENS - 1, LEAST_TOKENS, 300])
@pytest.mark.parametrize("known", [0, 50, 200])
def test_a_file_is_offered_where_it_saves_enough(folder: Path, shared: int, known: int) -> None:
    store = WarmStore(folder, "a" * 16)
    put(store, 0, 5000, count=300)
    wanted = [*tokens_from(0, shared), *tokens_from(7000, 40)]
    assert bool(loads(store, wanted, known)) == (shared - known >= LEAST_TOKENS)


def test_the_best_file_is_offered_first_and_one_that_cannot_be_loaded_goes(folder: Path) -> None:
    store = WarmStore(folder, "a" * 16)
    ends = {share: [*tokens_from(0, share), *tokens_from(1000 * share, 50)] for share in (150, 250, 200, 90)}
    for tokens in ends.values():
        store.keep(tokens, writer(file_of(tokens)))
    assert loads(store, tokens_from(0, 400)) == [ends[250], ends[200], ends[150]]
    assert len(files(folder)) == 1


def test_a_file_takes_the_place_of_those_that_it_is_as_good_as(folder: Path) -> None:
    store = WarmStore(folder, "a" * 16)
    for count in (150, 200, 205, 180, 400):
        put(store, 0, 0, count)
    assert [kept.size_bytes for kept in stored(folder)] == [len(file_of(tokens_from(0, 400)))]


@pytest.mark.parametrize("size", [0, 99, 101])
def test_what_was_not_written_whole_is_not_kept(folder: Path, size: int) -> None:
    def write(path: Path) -> int:
        path.write_bytes(bytes(100))
        return size

    WarmStore(folder, "a" * 16).keep(tokens_from(0), write)
    assert files(folder) == []


def test_an_error_while_writing_leaves_nothing_behind(folder: Path) -> None:
    def fail(path: Path) -> int:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    def stop(path: Path) -> int:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    store = WarmStore(folder, "a" * 16)
    store.keep(tokens_from(0), fail)
    with pytest.raises(KeyboardInterrupt):
        store.keep(tokens_from(0), stop)
    assert files(folder) == []


def test_a_file_that_another_process_removes_is_passed_over(folder: Path) -> None:
    store, other = WarmStore(folder, "a" * 16), WarmStore(folder, "a" * 16)
    put(store, 0, 3000)
    offered: list[int] = []

    def load(path: Path, held: Sequence[int]) -> bool:
        offered.append(len(held))
        shutil.rmtree(folder)
        return len(offered) > 5

    other.restore(tokens_from(0), 0, load)
    store.restore(tokens_from(0), 0, load)
    assert offered == [LEAST_TOKENS]
    assert stored(folder) == []


def test_processes_see_what_others_wrote(folder: Path) -> None:
    one, two = WarmStore(folder, "a" * 16), WarmStore(folder, "a" * 16)
    assert loads(two, tokens_from(0)) == []
    put(one, 0, 3000)
    assert loads(two, tokens_from(0)) == [tokens_from(0)]


# Names


def test_a_key_tells_models_and_layouts_apart(tmp_path: Path) -> None:
    model = tmp_path / "model"

    def key(content: bytes, modified_ns: int = 10**18, layout: str = "one") -> str:
        model.write_bytes(content)
        os.utime(model, ns=(modified_ns, modified_ns))
        return model_key(model, layout)

    small = random.Random(0).randbytes(3_000_000)
    keys = [key(small), key(small, 10**18 + 10**9), key(small, layout="two"), key(small + b"x"), key(b"")]
    keys += [key(small[:place] + b"\0\1\2" + small[place + 3 :]) for place in (0, 262_143, 1_500_001, 2_999_997)]
    assert len({*keys}) == len(keys)
    assert key(small) == keys[0] and len(keys[0]) == 16


def test_the_key_of_a_large_file_is_made_of_samples(tmp_path: Path) -> None:
    model = tmp_path / "model"

    def key(*changes: int) -> str:
        with model.open("wb") as file:
            file.truncate(10**9)
            for place in changes:
                file.seek(place)
                file.write(b"x")
        os.utime(model, ns=(10**18, 10**18))
        return model_key(model, "")

    keys = [key(), key(0), key(10**9 - 1), key(10**9 * 31 // 63)]
    assert len({*keys}) == 4
    os.utime(model, ns=(10**18, 10**18 + 1000))
    assert model_key(model, "") not in keys


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "{home}/.cache/tabtab-local/prompts"),
        ("linux", {"XDG_CACHE_HOME": "{home}/x"}, "{home}/x/tabtab-local/prompts"),
        ("linux", {"XDG_CACHE_HOME": "x"}, "{home}/.cache/tabtab-local/prompts"),
        ("darwin", {"XDG_CACHE_HOME": "{home}/x"}, "{home}/Library/Caches/tabtab-local/prompts"),
        ("win32", {"LOCALAPPDATA": "{home}/Local"}, "{home}/Local/tabtab-local/prompts"),
        ("win32", {}, "{home}/AppData/Local/tabtab-local/prompts"),
    ],
)
def test_caches_go_where_the_system_has_them(
    monkeypatch: pytest.MonkeyPatch, temporary_home: Path, platform: str, variables: dict[str, str], expected: str
) -> None:
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(home=temporary_home))
    monkeypatch.setattr(sys, "platform", platform)
    assert default_folder() == Path(expected.format(home=temporary_home))


def test_the_doctor_shows_what_is_kept_and_that_it_may_be_deleted(temporary_home: Path) -> None:
    folder = default_folder()
    done = CliRunner().invoke(main, ["doctor"])
    assert f"prompt caches   none in {folder}\n" in done.stdout
    assert not folder.exists()
    store = WarmStore(folder, "a" * 16)
    put(store, 0, 1_500_000)
    put(store, 5000, 1_500_000)
    done = CliRunner().invoke(main, ["doctor"])
    assert f"prompt caches   2 in {folder} · 3.0 MB: delete the folder whenever you like\n" in done.stdout

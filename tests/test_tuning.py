"""What is remembered of a machine: written, read again, and not used where it does not fit any more."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from tabtab_local import registry, tuning
from tabtab_local.draft import DEFAULT_COSTS
from tabtab_local.errors import DocumentError
from tabtab_local.machine import THREADS_VARIABLE, ThreadPolicy, identity
from tabtab_local.tuning import Curve, Tuned, Tuning

CURVES = (
    Curve(1, 512, ((1, 2.0), (2, 3.0), (4, 5.5))),
    Curve(2, 512, ((1, 1.25), (2, 2.0), (4, 3.0))),
    Curve(6, 448, ((1, 1.0), (2, 1.5), (4, 2.0))),
)


def tuned(path: Path, **changes: object) -> Tuned:
    found = path.stat()
    one = Tuned(
        "one", Path(os.path.realpath(path)), found.st_size, found.st_mtime_ns, "5a" * 32, "Q8_0", 600, False, 2, CURVES
    )
    return dataclasses.replace(one, **changes)


def whole(*models: Tuned, **changes: object) -> Tuning:
    chosen = models[0].sha256 if models else None
    one = Tuning(identity(), "2026-11-01T10:00:00+00:00", None, 120.0, chosen, models)
    return dataclasses.replace(one, **changes)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "größe \udcff.gguf" if sys.platform == "linux" else tmp_path / "größe.gguf"
    path.write_bytes(b"GGUF and more")
    return path


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch):
    """Let another number of threads be allowed."""

    def allow(threads: int, *, fixed: bool = False) -> None:
        monkeypatch.setattr(tuning, "thread_policy", lambda: ThreadPolicy(threads, "so", fixed))

    return allow


def remember(one: Tuning) -> Path:
    file = tuning.tuning_file()
    tuning.check_writable(file)
    tuning.remember(one, file)
    return file


def test_what_is_remembered_is_read_again(model, temporary_home):
    for one in (
        whole(tuned(model), tuned(model, sha256="b", random_weights=True, threads=1)),
        whole(on_battery=True, target_ms=0.5),
    ):
        file = remember(one)
        assert tuning.read(file) == tuning.remembered() == one
    assert temporary_home in file.parents
    assert [other.name for other in file.parent.iterdir()] == ["tuning.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_only_the_user_may_read_it(model):
    old = os.umask(0)
    try:
        file = remember(whole(tuned(model)))
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="the variable is that of Linux desktops")
def test_it_lies_where_the_user_wants_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert tuning.tuning_file() == tmp_path / "settings" / "tabtab-local" / "tuning.json"


def test_without_a_tuning_the_nano_runs_as_everywhere(policy):
    policy(3)
    assert tuning.remembered() is None
    assert tuning.default_model() == registry.DEFAULT_MODEL
    settings = tuning.engine_settings(registry.embedded_path())
    assert (settings.threads, settings.costs, settings.tuned) == (3, DEFAULT_COSTS, False)


def test_the_chosen_model_is_the_default_with_its_threads_and_costs(model, policy):
    policy(4)
    remember(whole(tuned(model)))
    assert tuning.default_model() == os.path.realpath(model)
    settings = tuning.engine_settings(model)
    assert (settings.threads, settings.costs, settings.tuned) == (2, CURVES[1].costs, True)
    assert not tuning.engine_settings(registry.embedded_path()).tuned


def test_the_embedded_model_is_chosen_by_its_name():
    remember(whole(tuned(registry.embedded_path())))
    assert tuning.default_model() == registry.DEFAULT_MODEL
    assert tuning.engine_settings(registry.embedded_path()).tuned


def test_fewer_threads_than_were_best_have_the_costs_of_so_many(model, policy):
    remember(whole(tuned(model, threads=6)))
    for allowed, threads, costs in ((8, 6, CURVES[2]), (5, 5, CURVES[2]), (4, 4, CURVES[1]), (1, 1, CURVES[0])):
        policy(allowed)
        settings = tuning.engine_settings(model)
        assert (settings.threads, settings.costs) == (threads, costs.costs)


def test_a_number_of_threads_that_the_user_fixed_is_taken(model, policy, monkeypatch):
    remember(whole(tuned(model)))
    policy(4, fixed=True)
    assert tuning.engine_settings(model).threads == 4
    monkeypatch.undo()
    monkeypatch.setenv(THREADS_VARIABLE, "1")
    assert tuning.engine_settings(model).threads == 1


def test_a_link_to_the_model_is_the_model(model, tmp_path):
    remember(whole(tuned(model)))
    link = tmp_path / "link.gguf"
    try:
        link.symlink_to(model)
    except OSError:
        pytest.skip("this system lets users make no links")
    assert tuning.engine_settings(link).tuned


@pytest.mark.parametrize("change", ["larger", "same size, other time", "gone", "a folder"])
def test_a_model_that_changed_does_not_count(model, change):
    remember(whole(tuned(model)))
    assert tuning.engine_settings(model).tuned
    if change == "larger":
        model.write_bytes(b"GGUF and much more")
    elif change == "same size, other time":
        os.utime(model, ns=(1, 1))
    else:
        model.unlink()
        if change == "a folder":
            model.mkdir()
    assert tuning.default_model() == registry.DEFAULT_MODEL
    assert not tuning.engine_settings(model).tuned


def test_another_machines_tuning_does_not_count(model):
    file = remember(whole(tuned(model), machine="a 386, 1 cores"))
    assert tuning.remembered() is None
    assert tuning.default_model() == registry.DEFAULT_MODEL
    assert tuning.read(file).machine == "a 386, 1 cores"


def broken(data: dict[str, object], place: tuple[object, ...], value: object) -> str:
    """Return the JSON of `data` with another value at `place`; the value `KeyError` takes the entry out."""
    data = json.loads(json.dumps(data))
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    if value is KeyError:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("machine",), KeyError),
        (("machine",), 3),
        (("target_ms",), float("nan")),
        (("target_ms",), 10**400),
        (("chosen",), []),
        (("on_battery",), 1),
        (("models",), {}),
        (("models", 0), None),
        (("models", 0, "path"), None),
        (("models", 0, "threads"), 3),  # not measured
        (("models", 0, "threads"), True),
        (("models", 0, "curves"), []),
        (("models", 0, "curves", 0, "threads"), 0),
        (("models", 0, "curves", 0, "costs"), []),
        (("models", 0, "curves", 0, "costs"), [[2, 1.0]]),
        (("models", 0, "curves", 0, "costs"), [[1, 1.0], [4, 2.0], [2, 3.0]]),
        (("models", 0, "curves", 0, "costs"), [[1, 1.0, 1.0]]),
        (("models", 0, "curves", 0, "costs", 0, 1), 0),
        (("models", 0, "curves", 0, "costs", 0, 1), "1"),
        (("models", 0, "curves", 0, "costs", 0, 1), float("inf")),
    ],
)
def test_a_damaged_entry_makes_the_file_as_good_as_none(model, place, value):
    file = remember(whole(tuned(model)))
    file.write_text(broken(json.loads(file.read_text()), place, value))
    assert_damaged(file)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b'{"version": 1}', b"9" * 9999])
def test_a_damaged_file_is_as_good_as_none(data):
    file = remember(whole())
    file.write_bytes(data)
    assert_damaged(file)


def assert_damaged(file: Path) -> None:
    with pytest.raises(DocumentError, match="is damaged: tune again with `tabtab-local doctor --tune`") as error:
        tuning.read(file)
    assert str(file) in str(error.value) and "\n" not in str(error.value)
    assert tuning.remembered() is None
    assert tuning.default_model() == registry.DEFAULT_MODEL


def test_another_versions_file_is_as_good_as_none(model):
    file = remember(whole(tuned(model)))
    file.write_text(broken(json.loads(file.read_text()), ("version",), tuning.VERSION + 1))
    with pytest.raises(DocumentError, match="another version"):
        tuning.read(file)
    assert tuning.remembered() is None


def test_a_path_that_no_system_has_is_a_model_that_is_gone(model):
    file = remember(whole(tuned(model)))
    file.write_text(broken(json.loads(file.read_text()), ("models", 0, "path"), "a\0b"))
    assert tuning.default_model() == registry.DEFAULT_MODEL


def test_a_folder_in_its_place_is_said_before_anything_is_measured():
    file = tuning.tuning_file()
    file.mkdir(parents=True)
    with pytest.raises(DocumentError, match="cannot read"):
        tuning.read(file)
    with pytest.raises(DocumentError, match="cannot write"):
        tuning.check_writable(file)
    assert tuning.default_model() == registry.DEFAULT_MODEL


def test_a_file_in_the_place_of_its_folder_is_said_too():
    file = tuning.tuning_file()
    file.parent.parent.mkdir(parents=True, exist_ok=True)
    file.parent.write_text("")
    with pytest.raises(DocumentError, match="cannot make the folder"):
        tuning.check_writable(file)
    assert tuning.default_model() == registry.DEFAULT_MODEL

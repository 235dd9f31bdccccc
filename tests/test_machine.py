"""The machine, and how many of its cores may be used."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
from click.testing import CliRunner

from tabtab_local import machine
from tabtab_local.cli import main
from tabtab_local.errors import UsageError
from tabtab_local.machine import SPARE_CORES_VARIABLE, THREADS_VARIABLE, default_threads, describe, thread_policy

UNKNOWN = object()


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (THREADS_VARIABLE, SPARE_CORES_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch):
    """Put another machine in the place of this one."""

    def make(*, physical: int, logical: int | None = None, usable: int | None = None, plugged: object = UNKNOWN):
        logical = logical or 2 * physical
        allowed = list(range(usable or logical))
        battery = None if plugged is UNKNOWN else SimpleNamespace(power_plugged=plugged)
        monkeypatch.setattr(psutil, "cpu_count", lambda logical=True, n=logical: n if logical else physical)
        monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(cpu_affinity=lambda: allowed))
        monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)

    return make


def test_on_mains_and_without_a_battery_each_physical_core_computes(laptop):
    laptop(physical=8, plugged=True)
    assert (default_threads(), describe().power) == (8, "on mains")
    laptop(physical=8)
    assert (default_threads(), describe().power) == (8, "")


def test_cores_that_the_process_may_not_use_do_not_count(laptop):
    laptop(physical=8, usable=3)
    assert default_threads() == 3
    laptop(physical=8, usable=3, plugged=False)
    assert default_threads() == 2


def test_on_battery_one_core_is_spared_and_one_is_left(laptop):
    for cores, threads in ((8, 7), (2, 1), (1, 1)):
        laptop(physical=cores, plugged=False)
        assert default_threads() == threads
    assert "battery" in thread_policy().reason
    assert describe().power == "on battery"


def test_a_battery_that_does_not_tell_is_none(laptop):
    laptop(physical=4, plugged=None)
    assert (default_threads(), describe().on_battery) == (4, None)


@pytest.mark.parametrize(
    ("spare", "plugged", "threads"),
    [("0", True, 4), ("1", True, 3), ("3", True, 1), ("9", True, 1), ("0", False, 3), ("2", False, 2), (" ", True, 4)],
)
def test_the_user_can_spare_cores(laptop, monkeypatch, spare, plugged, threads):
    laptop(physical=4, plugged=plugged)
    monkeypatch.setenv(SPARE_CORES_VARIABLE, spare)
    assert default_threads() == threads


def test_the_user_can_fix_the_threads_which_beats_all_else(laptop, monkeypatch):
    laptop(physical=4, plugged=False)
    monkeypatch.setenv(SPARE_CORES_VARIABLE, "3")
    monkeypatch.setenv(THREADS_VARIABLE, " 8 ")
    assert thread_policy() == machine.ThreadPolicy(8, "TABTAB_THREADS says so", fixed=True)


@pytest.mark.parametrize("variable", [THREADS_VARIABLE, SPARE_CORES_VARIABLE])
@pytest.mark.parametrize("value", ["-1", "two", "1.5", "0x2", "٣", "1\n2", "9" * 5000])
def test_what_is_no_number_is_refused_in_one_line(laptop, monkeypatch, variable, value):
    laptop(physical=4)
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=rf"{variable} is '.*: choose [01]") as error:
        default_threads()
    assert "\n" not in str(error.value) and len(str(error.value)) < 150


@pytest.mark.parametrize("value", ["0", "9"])
def test_more_threads_than_cores_and_none_are_refused(laptop, monkeypatch, value):
    laptop(physical=4, logical=8)
    monkeypatch.setenv(THREADS_VARIABLE, value)
    with pytest.raises(UsageError, match="choose 1-8"):
        default_threads()


def test_the_command_line_says_what_is_wrong_and_exits_with_two(monkeypatch):
    monkeypatch.setenv(SPARE_CORES_VARIABLE, "some")
    done = CliRunner().invoke(main, ["bench", "--repeats", "1"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        done.stderr == "error: the environment variable TABTAB_SPARE_CORES is 'some': choose 0 or more, or unset it\n"
    )

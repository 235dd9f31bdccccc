"""Replaying traces: who is told what and when, with a clock that only the test moves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence

import pytest

from tabtab_local.errors import Cancelled, FormatError
from tabtab_local.replay.asker import Moment, Work
from tabtab_local.replay.load import parse
from tabtab_local.replay.press import from_json, to_json
from tabtab_local.replay.replay import Piece, pieces, typed, unhurried
from tabtab_local.replay.speed import Speed, intervals
from tabtab_local.replay.stage import Job, RealTime
from tabtab_local.replay.trace import Trace

TRACE = """
title = "Prints a sum"
source = "written by hand"
kind = "python"
text = '''
a = 1

'''
events = [{jump = [2]}, {type = 'b = a'}, {backspace = 1}, {pause_ms = 5000}, {accept = 'a + 1'}, {type = '0'}]
final = '''
a = 1
b = a + 10
'''
"""
EVEN = Speed("even", 100.0, variation=1e-9)


def trace(name: str = "sum") -> Trace:
    return parse(TRACE, name)


class ScriptedStage:
    """Time that passes only where a job or the person takes it; a job runs while the person waits."""

    def __init__(self) -> None:
        self.person_s = self.worker_s = self.worked_s = 0.0
        self._working = False
        self._job: Job | None = None

    def now_s(self) -> float:
        return self.worker_s if self._working else self.person_s

    def begin(self, job: Job) -> None:
        self._job = job
        self.worker_s = max(self.worker_s, self.person_s)

    def until(self, time_s: float) -> float:
        job, self._job = self._job, None
        if job:
            self._working = True
            job(lambda: self.worker_s >= time_s)
            self._working = False
        self.person_s = time_s
        return time_s

    def finish(self) -> None:
        assert self._job is None

    def work(self, ms: float, cancel: Callable[[], bool]) -> None:
        """Let a job take some time, a millisecond at a time."""
        for _ in range(round(ms)):
            if cancel():
                raise Cancelled("a newer request has stopped this one")
            self.worker_s += 0.001
            self.worked_s += 0.001


class ScriptedAsker:
    """Shows something after `first_ms` and is done after `full_ms`; `through` are the steps that hold what is shown."""

    name = "scripted"

    def __init__(
        self, stage: ScriptedStage, first_ms: float = 10, full_ms: float = 30, through: Sequence[int] = ()
    ) -> None:
        self.told: list[str] = []
        self.idled = 0
        self._stage, self._first_ms, self._full_ms, self._through = stage, first_ms, full_ms, through

    def open(self, moment: Moment) -> None:
        self.told.append(f"open {moment.trace}")

    def update(self, moment: Moment) -> bool:
        self.told.append(f"{moment.action} {moment.document.code[: moment.document.cursor]!r}")
        return moment.number in self._through

    def accept(self, moment: Moment) -> bool:
        self.told.append("Tab")
        return self.update(moment)

    def ask(self, moment: Moment, show: Callable[[str], None], cancel: Callable[[], bool]) -> Work:
        self._stage.work(self._first_ms, cancel)
        show("")
        show("gh")
        self._stage.work(self._full_ms - self._first_ms, cancel)
        return Work("ghost", True, evaluated_tokens=2, drafted_tokens=5, accepted_tokens=4, decoded_tokens=7)

    def idle(self, cancel: Callable[[], bool]) -> None:
        self.idled += 1

    def cpu_s(self) -> float:
        return self._stage.worked_s / 2

    def memory_bytes(self) -> int:
        return 1000

    def settings(self) -> dict[str, object]:
        return {}

    def close(self) -> None:
        pass


def play(asker_of: Callable[[ScriptedStage], ScriptedAsker], **options: float):
    stage = ScriptedStage()
    asker = asker_of(stage)
    run = typed(asker, pieces([trace()]), EVEN, stage, **options)
    return asker, run


def test_the_asker_is_told_what_the_person_does_in_order():
    asker, run = play(lambda stage: ScriptedAsker(stage))
    assert asker.told == [
        "open sum", "jump 'a = 1\\n'", "type 'a = 1\\nb'", "type 'a = 1\\nb '", "type 'a = 1\\nb ='",
        "type 'a = 1\\nb = '", "type 'a = 1\\nb = a'", "backspace 'a = 1\\nb = '", "Tab", "accept 'a = 1\\nb = a + 1'",
        "type 'a = 1\\nb = a + 10'",
    ]  # fmt: skip
    assert [press.number for press in run.presses] == list(range(9))
    assert run.memory_bytes == (1000,)


def test_an_answer_that_comes_before_the_next_key_is_in_time():
    _, run = play(lambda stage: ScriptedAsker(stage))
    for press in run.presses:
        assert press.first_ms == pytest.approx(10) and press.full_ms == pytest.approx(30)
        assert press.answered_in_time and press.seen_in_time and not press.cancelled and not press.typed_through
        tokens = (press.evaluated_tokens, press.drafted_tokens, press.accepted_tokens, press.decoded_tokens)
        assert tokens == (2, 5, 4, 7)
    assert run.presses[3].interval_ms == pytest.approx(100)
    assert run.presses[3].cpu_s == pytest.approx(0.015)


def test_the_next_key_comes_when_it_comes_and_stops_the_answer():
    asker, run = play(lambda stage: ScriptedAsker(stage, first_ms=40, full_ms=140))
    press = run.presses[2]
    assert press.cancelled and press.full_ms is None and press.decoded_tokens == 0
    assert press.seen_in_time and not press.answered_in_time
    assert press.cpu_s == pytest.approx(0.05)
    # There is time enough only where the person reaches for the keys, after the jump, or thinks, before Tab.
    assert [press.number for press in run.presses if press.answered_in_time] == [0, 6]
    assert asker.idled == 2


def test_an_answer_that_cannot_be_stopped_is_late_and_delays_the_next():
    class Stubborn(ScriptedAsker):
        def ask(self, moment, show, cancel):
            return super().ask(moment, show, lambda: False)

    _, run = play(lambda stage: Stubborn(stage, first_ms=60, full_ms=120))
    first, second = run.presses[1:3]
    assert first.full_ms == pytest.approx(120) and not first.answered_in_time and first.seen_in_time
    assert second.first_ms == pytest.approx(20 + 60) and second.full_ms == pytest.approx(20 + 120)
    assert [first.interval_ms, second.interval_ms] == pytest.approx([100, 100])


def test_a_key_that_types_what_is_shown_is_answered_without_asking():
    _, run = play(lambda stage: ScriptedAsker(stage, full_ms=60, through=[2, 3]))
    assert [press.number for press in run.presses if press.typed_through] == [2, 3]
    press = run.presses[2]
    assert press.first_ms == press.full_ms == 0 and press.evaluated_tokens == 0 and press.cpu_s == 0
    assert press.answered_in_time and press.seen_in_time and press.visible


def test_silence_is_an_answer_with_nothing_to_see():
    class Silent(ScriptedAsker):
        def ask(self, moment, show, cancel):
            self._stage.work(20, cancel)
            return Work()

    _, run = play(lambda stage: Silent(stage))
    assert all(press.answered_in_time and not press.seen_in_time and press.first_ms is None for press in run.presses)


def test_the_first_key_after_a_jump_or_an_accepted_suggestion_is_at_a_new_place():
    _, run = play(lambda stage: ScriptedAsker(stage))
    assert [press.number for press in run.presses if press.new_place] == [1, 8]
    assert [press.is_key for press in run.presses] == [False, *[True] * 8]


def test_thinking_is_cut_to_the_cap_and_other_times_are_not():
    (piece,) = pieces([trace()])
    drawn = intervals(piece.steps, EVEN, "0 sum")
    _, run = play(lambda stage: ScriptedAsker(stage), pause_cap_ms=700)
    waits = [press.interval_ms for press in run.presses]
    expected = [*drawn[1:], EVEN.mean_ms]
    assert expected[6] == pytest.approx(drawn[7])
    expected[6] -= 5000 - 700
    assert waits == pytest.approx(expected)


def test_the_times_between_keys_depend_on_the_seed_and_not_on_who_is_asked():
    def waits(full_ms: float, seed: int) -> list[float | None]:
        stage = ScriptedStage()
        asker = ScriptedAsker(stage, full_ms=full_ms)
        run = typed(asker, pieces([trace()]), Speed("uneven", 100.0), stage, seed=seed)
        return [round(press.interval_ms or 0, 6) for press in run.presses]

    assert waits(30, 1) == waits(300, 1) != waits(30, 2)


def test_the_person_stops_when_the_time_is_spent():
    stage = ScriptedStage()
    run = typed(ScriptedAsker(stage), pieces([trace("a"), trace("b")]), EVEN, stage, budget_s=2.25)
    # The jump and the key after it take longer than 100 ms a key.
    assert {press.trace for press in run.presses} == {"a"} and 1 < len(run.presses) < 9
    assert len(run.memory_bytes) == 1


def test_an_unhurried_person_waits_for_each_answer():
    stage = ScriptedStage()

    class Direct(ScriptedAsker):
        def ask(self, moment, show, cancel):
            assert not cancel()
            return super().ask(moment, show, cancel)

    asker = Direct(stage, first_ms=100, full_ms=900, through=[4])
    run = unhurried(asker, pieces([trace()]), now_s=lambda: stage.worker_s)
    assert [round(press.full_ms or 0) for press in run.presses] == [900, 900, 900, 900, 0, 900, 900, 900, 900]
    assert all(press.interval_ms is None and press.answered_in_time for press in run.presses)
    assert asker.idled == 1
    each = unhurried(asker, pieces([trace()]), now_s=lambda: stage.worker_s, each_key=True)
    assert [round(press.full_ms or 0) for press in each.presses] == [900] * 9
    assert len(unhurried(asker, pieces([trace()]), now_s=lambda: stage.worker_s, budget_s=1.7).presses) == 2


def test_as_few_traces_as_will_do_are_taken_from_all_over():
    traces = [trace(f"{number}") for number in range(10)]
    assert [piece.name for piece in pieces(traces)] == [trace.name for trace in traces]
    some = pieces(traces, 12, per_trace=6)
    assert [piece.name for piece in some] == ["2", "7"]
    assert [sum(step.is_key for step in piece.steps) for piece in some] == [6, 6]
    assert [moment.continuation for moment in some[0].moments][:2] == ["b = a + 10", " = a + 10"]


def test_presses_come_back_from_json():
    _, run = play(lambda stage: ScriptedAsker(stage, first_ms=40, full_ms=140, through=[2]))
    document = json.loads(json.dumps(to_json(run.presses)))
    again = from_json(document)
    assert to_json(again) == document
    for old, new in zip(run.presses, again, strict=True):
        assert (new.trace, new.number, new.action, new.typed_through) == (
            old.trace, old.number, old.action, old.typed_through,
        )  # fmt: skip
        assert new.answered_in_time is old.answered_in_time and new.cancelled is old.cancelled
        assert new.interval_ms == pytest.approx(old.interval_ms, abs=0.005)
    with pytest.raises(FormatError, match="measure anew"):
        from_json({**document, "columns": ["trace"]})


def test_in_real_time_the_newest_job_stops_the_one_that_runs_and_replaces_the_one_that_waits():
    done: list[str] = []
    running, last = threading.Event(), threading.Event()

    def first(cancel: Callable[[], bool]) -> None:
        running.set()
        while not cancel():
            threading.Event().wait(0.001)
        assert last.wait(10)
        done.append("first was stopped")

    with RealTime() as stage:
        stage.begin(first)
        assert running.wait(10)
        stage.begin(lambda cancel: done.append("second"))
        third = threading.Event()
        stage.begin(lambda cancel: (done.append(f"third runs, stopped: {cancel()}"), third.set()))
        last.set()
        assert third.wait(10)
        stage.finish()
    assert done == ["first was stopped", "third runs, stopped: False"]


def test_in_real_time_the_person_sleeps_until_the_time_has_come():
    with RealTime() as stage:
        began = stage.now_s()
        assert stage.until(began + 0.002) >= began + 0.002
        assert stage.until(began) >= began


def test_what_a_job_raises_reaches_the_person():
    def fails(cancel: Callable[[], bool]) -> None:
        begun.set()
        raise ValueError("the engine broke")

    begun = threading.Event()
    with RealTime() as stage:
        stage.begin(fails)
        assert begun.wait(10)
        with pytest.raises(ValueError, match="the engine broke"):
            stage.finish()
        stage.finish()


def test_the_moments_of_a_piece_are_those_of_the_trace():
    (piece,) = pieces([trace()])
    assert isinstance(piece, Piece)
    last = piece.moments[-1]
    assert last.document.code == trace().final and last.action == "type" and last.continuation == ""

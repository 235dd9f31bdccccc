"""One model on one suite: asked, judged, interrupted, resumed, reported, compared."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tabtab_local.config import Settings
from tabtab_local.edits import Span
from tabtab_local.errors import DocumentError, ModelError, UsageError
from tabtab_local.prompt import RecentEdit, Response
from training.evaluation import leaderboard, result
from training.evaluation.evaluate import evaluate
from training.evaluation.judge import judge
from training.evaluation.report import report
from training.evaluation.respondent.reply import Question, Reply
from training.evaluation.sandbox import Sandbox
from training.evaluation.task import Excluded, Suite, Task

SHOWN = "def double(x):\n    return \n"
RIGHT = "def double(x):\n    return 2 * x\n"
CHECKS = "assert double(4) == 8\n"


def task(name: str, **changes: object) -> Task:
    asked = Task(f"own/{name}", "line", SHOWN, len(SHOWN) - 1, RIGHT, len(RIGHT) - 1, CHECKS)
    return replace(asked, **changes)


FINISHED = {"group": "finished", "text": RIGHT, "cursor": len(RIGHT) - 1, "silent": True}
SUITE = Suite(
    "own",
    "test",
    (
        task("right"),
        task("wrong"),
        task("silent"),
        task("garbled"),
        task("quiet", **FINISHED),
        task("eager", **FINISHED),
    ),
    (Excluded("own/broken", "the reference does not pass its own tests"),),
    "f" * 64,
)
ANSWERS = {
    "right": RIGHT,
    "wrong": "def double(x):\n    return x\n",
    "silent": SHOWN,
    "garbled": None,
    "quiet": RIGHT,
    "eager": RIGHT + "print(double(2))\n",
}


NO_RUN = '{"version": 1, "run": {}, "excluded": [], "rows": []}'


class Scripted:
    """A respondent that knows its answers, and stops at `stops_at`, by an error or as if killed."""

    concurrency = 1
    name = "scripted"

    def __init__(self, *, stops_at: str = "", kill: bool = False) -> None:
        self.identity: dict[str, object] = {"kind": "scripted"}
        self.asked: list[str] = []
        self._stops_at, self._kill = stops_at, kill

    def reply(self, question: Question) -> Reply:
        name = self._name(question)
        self.asked.append(name)
        region = Span(0, len(question.document.code))
        if name == self._stops_at:
            if self._kill:
                raise KeyboardInterrupt
            return Reply("", region, error="connection refused")
        return reply(ANSWERS[name], region)

    def _name(self, question: Question) -> str:
        # Tasks with the same text are asked in their order.
        names = [one.id.split("/")[1] for one in SUITE if one.text == question.document.file]
        return next(name for name in names if name not in self.asked and name not in self.done)

    done: frozenset[str] = frozenset()

    def close(self) -> None:
        pass


def reply(code: str | None, region: Span) -> Reply:
    if code is None:
        return Reply("nonsense", region, fault="the answer is not framed")
    return Reply(code, region, Response(code, len(code) - 1), strict=True, decoded_tokens=5, total_ms=10.0)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(unsafe=True)


def run(sandbox: Sandbox, out: Path, respondent: Scripted | None = None) -> result.Result:
    return evaluate(SUITE, respondent or Scripted(), sandbox, Settings(), out, "scripted")


def test_rows_say_what_became_of_each_answer(sandbox, tmp_path):
    rows = run(sandbox, tmp_path / "r.json").rows
    assert [row.outcome for row in rows] == ["passed", "failed", "silent", "unreadable", "silent", "changed"]
    assert [row.right for row in rows] == [True, False, False, False, True, False]
    assert [row.shown for row in rows] == [True, True, False, False, False, True]
    assert [row.exact for row in rows] == [True, False, False, False, None, None]
    assert [row.cursor_right for row in rows] == [True, True, False, False, None, None]
    assert [row.parses for row in rows] == [True, True, None, None, None, True]
    assert rows[0].similarity == 1
    assert rows[3].silence == "format: the answer is not framed"


def test_totals_are_counted_from_the_rows(sandbox, tmp_path):
    part = result.totals(run(sandbox, tmp_path / "r.json").rows)
    assert (part.accuracy.value, part.accuracy.count) == (0.25, 4)
    assert (part.readable.value, part.readable.count) == (5 / 6, 6)
    assert (part.shown_right.value, part.shown_right.count) == (1 / 3, 3)
    assert (part.silence_precision.value, part.silence_precision.count) == (1 / 3, 3)
    assert (part.silence_recall.value, part.silence_recall.count) == (0.5, 2)
    assert part.reversal is None
    assert part.total_ms.p50 == 10


def test_the_file_holds_rows_and_reads_back(sandbox, tmp_path):
    made = run(sandbox, tmp_path / "r.json")
    assert result.read(tmp_path / "r.json") == made
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("kill", [True, False])
def test_an_interrupted_run_goes_on_and_ends_the_same(sandbox, tmp_path, kill):
    whole = run(sandbox, tmp_path / "whole.json")
    with pytest.raises(KeyboardInterrupt if kill else ModelError):
        run(sandbox, tmp_path / "r.json", Scripted(stops_at="silent", kill=kill))
    assert not (tmp_path / "r.json").exists()
    journal = tmp_path / "r.partial.jsonl"
    journal.write_text(journal.read_text() + '{"what": "reply", "id": "own/sil')
    second = Scripted()
    second.done = frozenset({"right", "wrong"} if kill else set(ANSWERS) - {"silent"})
    assert run(sandbox, tmp_path / "r.json", second).rows == whole.rows
    assert set(second.asked) == set(ANSWERS) - second.done


def test_what_another_model_said_is_not_taken_over(sandbox, tmp_path):
    with pytest.raises(ModelError, match="1 of 6 questions got no answer, the first is own/silent: connection refused"):
        run(sandbox, tmp_path / "r.json", Scripted(stops_at="silent"))
    other = Scripted()
    other.identity = {"kind": "another"}
    run(sandbox, tmp_path / "r.json", other)
    assert len(other.asked) == 6


def test_the_result_of_another_model_is_not_overwritten(sandbox, tmp_path):
    made = run(sandbox, tmp_path / "r.json")
    other = Scripted()
    other.identity = {"kind": "another"}
    with pytest.raises(UsageError, match="is of a run with other identity: move it away or choose another --out"):
        run(sandbox, tmp_path / "r.json", other)
    assert other.asked == []
    assert result.read(tmp_path / "r.json") == made
    assert run(sandbox, tmp_path / "r.json").rows == made.rows


def test_two_runs_do_not_write_the_same_result(sandbox, tmp_path):
    class Meddled(Scripted):
        def reply(self, question: Question) -> Reply:
            if not self.asked:
                with pytest.raises(UsageError, match=r"another run writes .*r\.partial\.jsonl"):
                    run(sandbox, tmp_path / "r.json")
            return super().reply(question)

    assert run(sandbox, tmp_path / "r.json", Meddled()).rows == run(sandbox, tmp_path / "other.json").rows


def test_what_a_crash_left_in_the_journal_is_asked_again(sandbox, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(sandbox, tmp_path / "r.json", Scripted(stops_at="garbled", kill=True))
    journal = tmp_path / "r.partial.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines[:2], "\0" * 20, *lines[3:]]) + "\n")
    second = Scripted()
    second.done = frozenset({"right"})
    assert run(sandbox, tmp_path / "r.json", second).rows == run(sandbox, tmp_path / "whole.json").rows
    assert set(second.asked) == set(ANSWERS) - second.done


def test_a_reversal_is_measured_where_there_was_a_last_edit(sandbox):
    asked = task("undo", recent_edits=(RecentEdit("def twice(x):", "def double(x):"),))
    undone = judge(asked, reply(SHOWN.replace("double", "twice"), Span(0, len(SHOWN))), sandbox, Settings())
    assert undone.reversal == 1
    assert undone.silence == "reversal: it would undo the last edit"


def test_the_report_names_groups_intervals_and_what_was_left_out(sandbox, tmp_path):
    text = report(run(sandbox, tmp_path / "r.json"))
    assert "| all edits | 4 | 25.0 (4.6-69.9) |" in text
    assert "- the reference does not pass its own tests: own/broken" in text
    assert "recall 50.0" in text


def test_two_results_are_compared_on_the_tasks_they_share(sandbox, tmp_path):
    made = run(sandbox, tmp_path / "r.json")
    better = replace(made, rows=tuple(replace(row, right=True) for row in made.rows))
    assert result.compare(made, better).only_b == 3
    elsewhere = replace(made, rows=tuple(replace(row, id=f"x{row.id}") for row in made.rows))
    with pytest.raises(DocumentError, match="no task in common"):
        result.compare(made, elsewhere)


@pytest.mark.parametrize("changed", [{"fingerprint": "0" * 64}, {"suite": "own-renamed", "seed": 7}])
def test_other_tasks_of_the_same_ids_are_not_compared(sandbox, tmp_path, changed):
    made = run(sandbox, tmp_path / "r.json")
    with pytest.raises(DocumentError, match="were asked other tasks of the same name: evaluate one again"):
        result.compare(made, replace(made, run={**made.run, **changed}))


def test_the_leaderboard_shows_the_drop_and_marks_what_is_quoted(sandbox, tmp_path):
    made = run(sandbox, tmp_path / "own-test-scripted.json")
    rows = tuple(replace(row, right=False) for row in made.rows)
    result.write(tmp_path / "own-renamed.json", replace(made, run={**made.run, "suite": "own-renamed"}, rows=rows))
    entries = leaderboard.load([tmp_path])
    assert [entry.suite for entry in entries] == ["own (test, 6 tasks)", "own-renamed (test, 6 tasks)"]
    assert entries[1].drop.startswith("-25.0 (")
    text, page = (path.read_text(encoding="utf-8") for path in leaderboard.write(entries, tmp_path / "board"))
    assert "| scripted | 25.0 (4.6-69.9) |" in text
    assert "| Claude 4 Sonnet | 82.6 | quoted: MBPP, corrupted and renamed |" in text
    assert all(one.suite.startswith("quoted") for one in leaderboard.QUOTED)
    assert "scripted" in page
    assert "http" not in page.split("<body>")[0]


@pytest.mark.parametrize("changed", [{"split": "dev"}, {"seed": 7}, {"identity": {"kind": "another"}}])
def test_only_a_twin_has_a_drop(sandbox, tmp_path, changed):
    made = run(sandbox, tmp_path / "own-test-scripted.json")
    result.write(tmp_path / "other.json", replace(made, run={**made.run, "suite": "own-renamed", **changed}))
    assert {entry.drop for entry in leaderboard.load([tmp_path])} == {"–"}


def test_a_quick_look_does_not_stand_above_whole_results(sandbox, tmp_path):
    made = run(sandbox, tmp_path / "a.json")
    result.write(tmp_path / "b.json", replace(made, run={**made.run, "tasks": 1}, rows=made.rows[:1]))
    result.write(tmp_path / "c.json", replace(made, run={**made.run, "seed": 7}))
    text = leaderboard.markdown(leaderboard.load([tmp_path]))
    assert [line for line in text.splitlines() if line.startswith("## own")] == [
        "## own (test, 1 tasks)",
        "## own (test, 6 tasks)",
        "## own (test, 6 tasks, seed 7)",
    ]


def test_a_file_that_is_named_twice_is_one_entry(sandbox, tmp_path):
    run(sandbox, tmp_path / "r.json")
    assert len(leaderboard.load([tmp_path, tmp_path / "r.json"])) == 1


def test_a_result_without_edits_stands_last_and_has_a_dash(sandbox, tmp_path):
    made = run(sandbox, tmp_path / "a.json")
    quiet = replace(made, run={**made.run, "model": "aaa"}, rows=made.rows[4:])
    result.write(tmp_path / "b.json", quiet)
    entries = leaderboard.load([tmp_path])
    assert [entry.result.model for entry in entries] == ["scripted", "aaa"]
    assert "| aaa | – |" in leaderboard.markdown(entries)
    leaderboard.write(entries, tmp_path / "board")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1, "run": {}, "excluded": [], "rows": [{}]}', NO_RUN])
def test_a_file_that_is_no_result_is_named(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(DocumentError, match=r"bad\.json is not a result"):
        result.read(path)


def test_a_result_of_another_version_says_so(tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"version": 0}))
    with pytest.raises(DocumentError, match="version 0"):
        result.read(path)


def test_rows_are_plain_json(sandbox, tmp_path):
    for row in run(sandbox, tmp_path / "r.json").rows:
        assert json.loads(json.dumps(asdict(row))) == asdict(row)

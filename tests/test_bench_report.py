"""The comparison of typing, its oracle, and the folder of results."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import report as results
from bench.__main__ import _MODES, main
from bench.match import MODES, OURS, Match
from bench.oracle import LABEL, OracleAsker, OracleEngine, true_answer
from bench.replay import Plan, Record, chosen_peers, compare, medians
from tabtab_local.errors import FormatError, UsageError
from tabtab_local.prompt import CURSOR, EDIT_END, INTENT, Prompt, render_prompt, response_start
from tabtab_local.replay.load import parse
from tabtab_local.replay.press import from_json
from tabtab_local.replay.replay import pieces, unhurried
from tabtab_local.replay.stage import RealTime

TRACE = """
title = "Reads a table"
source = "written by hand"
kind = "python"
text = '''
import csv


def read(path):
    rows = []
    return rows


print(read("a.csv"))
'''
events = [{jump = [5]}, {type = '''

    for row in csv.reader(path.open()):
        rows.append(row)'''}, {jump = [11]}, {type = ' # done'}]
final = '''
import csv


def read(path):
    rows = []
    for row in csv.reader(path.open()):
        rows.append(row)
    return rows


print(read("a.csv")) # done
'''
"""


def replayed():
    return pieces([parse(TRACE, "table")])


@pytest.fixture(scope="module")
def record(tiny_gguf: Path) -> Record:
    plan = Plan(tiny_gguf, True, ("each-key", "unhurried"), (), 12, 2, 1)
    return compare(plan, [parse(TRACE, "table")], progress=lambda line: None)


def test_the_oracle_writes_exactly_what_the_trace_goes_on_with(tiny_gguf: Path):
    (piece,) = replayed()
    with OracleEngine(tiny_gguf, threads=1, sequences=2) as engine:
        asker = OracleAsker(engine, [piece], each_key=True)
        asker.open(piece.moments[0])
        for moment in piece.moments:
            shown: list[str] = []
            assert not asker.update(moment)
            work = asker.ask(moment, shown.append, lambda: False)
            assert work.ghost == moment.continuation
            assert work.visible is bool(moment.continuation)
            assert work.decoded_tokens > 0
            if shown:
                assert moment.continuation.startswith(shown[0]) and shown[-1] == moment.continuation
        assert engine.lost_tokens == 0


def test_a_key_that_was_foreseen_costs_nothing_and_one_that_was_not_is_computed(tiny_gguf: Path):
    (piece,) = replayed()
    keys = piece.moments[2:10]
    evaluated: list[int] = []
    with OracleEngine(tiny_gguf, threads=1, sequences=2) as engine:
        evaluate = engine._context._evaluate

        def counted(cache, tokens, wanted, cancel):
            evaluated.append(len(tokens))
            evaluate(cache, tokens, wanted, cancel)

        engine._context._evaluate = counted  # type: ignore[method-assign]
        costs: dict[bool, list[int]] = {True: [], False: []}
        for unforeseen in costs:
            asker = OracleAsker(engine, [piece], each_key=True)
            asker.open(piece.moments[0])
            engine.unforeseen = unforeseen
            for moment in keys:
                evaluated.clear()
                asker.update(moment)
                assert asker.ask(moment, lambda ghost: None, lambda: False).ghost == moment.continuation
                costs[unforeseen].append(sum(evaluated))
        assert engine.lost_tokens == 0
    assert all(cost > 3 for cost in costs[True])
    assert costs[False].count(0) > len(keys) / 2


def test_what_is_typed_as_the_oracle_said_is_typed_through(tiny_gguf: Path):
    with OracleEngine(tiny_gguf, threads=1, sequences=2) as engine:
        run = unhurried(OracleAsker(engine, replayed()), replayed())
        assert engine.lost_tokens == 0
    through = [press.typed_through for press in run.presses]
    # Asked where a place is new, and where all that was suggested has been typed.
    assert not through[0] and sum(through) > len(through) * 0.8


def test_the_true_answer_is_the_forced_beginning_the_continuation_the_cursor_and_the_rest():
    (piece,) = replayed()
    moment = piece.moments[1]
    code, cursor = moment.document.code, moment.document.cursor
    region = moment.document.region()
    asked = Prompt(region.of(code), cursor - region.start, code_above="import csv")
    start = f"{response_start('')}\n<|EDIT_START|>\n{region.of(code)[: cursor - region.start]}"
    said = true_answer(piece.moments, render_prompt(asked), start)
    assert said == f"{start}{moment.continuation}{CURSOR}{code[cursor : region.end]}\n{EDIT_END}"


def test_asked_about_another_text_the_oracle_is_silent():
    (piece,) = replayed()
    said = true_answer(piece.moments, render_prompt(Prompt("x = 1", 5)), response_start(""))
    assert said == f"<|INTENT|>\n<|EDIT_START|>\nx = 1{CURSOR}\n{EDIT_END}"


def test_tokens_that_the_oracle_knows_no_answer_for_are_counted(tiny_gguf: Path):
    with OracleEngine(tiny_gguf, threads=1) as engine:
        prompt = render_prompt(Prompt("x = 1", 5))
        engine.generate(prompt, response_start(""), max_tokens=8, stop="<|EDIT_START|>")
        assert engine.lost_tokens == 0
        # On beyond the end of the answer.
        engine.generate(prompt, response_start(""), max_tokens=32, stop=INTENT)
        assert engine.lost_tokens > 0


def test_a_comparison_has_medians_of_all_rounds_and_the_presses_of_the_first(record: Record):
    document = json.loads(json.dumps(record.as_json(), allow_nan=False))
    assert (
        document["weights"] == LABEL
        and document["lost_tokens"] == 0
        and document["keys"] == 12 == document["waiting_keys"]
    )
    assert [(one["asker"], one["speed"]) for one in document["medians"]] == [(OURS, "each-key"), (OURS, "unhurried")]
    assert [(one["round"], one["speed"]) for one in document["rounds"]] == [
        (0, "each-key"), (0, "unhurried"), (1, "each-key"), (1, "unhurried"),
    ]  # fmt: skip
    assert [run["speed"] for run in document["presses"]] == ["each-key"]
    each_key, waited = document["medians"]
    assert waited["keys"]["typed_through"]["value"] > 0 == each_key["keys"]["typed_through"]["value"]
    assert each_key["asked"]["presses"] == 12 and each_key["asked"]["full_ms"]["p50"] > 0
    assert document["settings"][OURS]["gates"] == ["no_op"]
    assert set(document["costs"]) >= {"1", "64"}


class Broken(OracleAsker):
    """A peer that answers for a while."""

    def ask(self, moment, show, cancel):
        if moment.number == 3:
            raise ValueError("the server is gone")
        return super().ask(moment, show, cancel)


def test_a_peer_that_breaks_down_drops_out_and_the_others_go_on(tiny_gguf: Path):
    said: list[str] = []
    with OracleEngine(tiny_gguf, threads=1, sequences=2) as engine, RealTime() as stage:
        peers = [Broken(engine, replayed(), name="broken"), OracleAsker(engine, replayed(), name="whole")]
        match = Match(engine, peers, replayed(), stage, said.append)
        runs = match.round("each-key", 0)
        assert [run.asker for run in runs] == [OURS, "whole"]
        assert all(len(run.presses) == len(replayed()[0].steps) for run in runs)
        assert match.failed == {"broken": "ValueError: the server is gone"}
        assert said == ["without broken: ValueError: the server is gone"]
        assert [run.asker for run in match.round("unhurried", 1)] == [OURS, "whole"]
        with pytest.raises(ValueError, match="the server is gone"):
            Match(engine, [Broken(engine, replayed(), name=OURS)], replayed(), stage, said.append).round("each-key", 0)


class Lingering(OracleAsker):
    """A peer that goes on to compute, `left` times that one looks, after it was asked for the last time."""

    left = 0

    def ask(self, moment, show, cancel):
        self.left = 3
        return super().ask(moment, show, cancel)

    def cpu_s(self):
        self.left -= self.left > 0
        return float(-self.left)


def test_nobody_is_asked_before_the_one_before_is_at_rest(tiny_gguf: Path):
    left: list[int] = []

    class Next(OracleAsker):
        def open(self, moment):
            left.append(lingering.left)
            super().open(moment)

    with OracleEngine(tiny_gguf, threads=1, sequences=2) as engine, RealTime() as stage:
        lingering = Lingering(engine, replayed(), name="lingering")
        peers = [lingering, Next(engine, replayed(), name="next")]
        Match(engine, peers, replayed(), stage, lambda line: None).round("each-key", 0)
    assert left == [0]


def test_a_median_that_is_not_known_stays_unknown():
    rows = [
        {"a": 1, "b": None, "c": [[1, 5.0]]},
        {"a": 3, "b": 7, "c": [[1, 6.0]]},
        {"a": 9, "b": None, "c": [[1, 4.0]]},
    ]
    assert medians(rows) == {"a": 3, "b": None, "c": [[1, 5.0]]}
    assert medians([None, 4, 2]) == 4
    assert medians([None, 4]) is None
    assert medians(["x", "x"]) == "x"


def test_a_result_is_written_with_its_plots_and_read_for_the_summary(record: Record, tmp_path: Path):
    path = results.write_typing(record.as_json(), tmp_path)
    assert path.name == f"typing-tiny-{record.file_type.replace(' ', '-')}.json"
    written = json.loads(path.read_text())
    assert written["medians"][0]["keys"]["full_ms"] == pytest.approx(record.medians[0]["keys"]["full_ms"], rel=1e-4)
    assert len(from_json(written["presses"][0])) == 13  # with the jump
    text = results.write_summary(tmp_path)
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".md", ".svg", ".svg", ".svg"]
    for drawing in tmp_path.glob("*.svg"):
        assert ElementTree.parse(drawing).getroot().tag.endswith("svg")
        assert drawing.stat().st_size > 5000
    assert LABEL in text and f"| {OURS} |" in text and "medians of 2 rounds" in text
    assert (tmp_path / "summary.md").read_text() == text
    assert all(path.stat().st_size < 300_000 for path in tmp_path.iterdir())


def test_the_same_result_gives_the_same_files(record: Record, tmp_path: Path):
    for folder in ("a", "b"):
        results.write_typing(record.as_json(), tmp_path / folder)
        results.write_summary(tmp_path / folder)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_where_a_plot_fails_nothing_is_written(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(document: object, out: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(results.plot, "latency", broken)
    with pytest.raises(OSError, match="no space left"):
        results.write_typing(record.as_json(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def spread(p50: float | None, p95: float | None = None, p99: float | None = None) -> dict[str, object]:
    return {"p50": p50, "p95": p95, "p99": p99, "count": 40}


def share(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "count": 40}


def median(asker: str, speed: str, full: dict[str, object], coverage: float | None) -> dict[str, object]:
    group = {
        "presses": 40, "first_ms": spread(8.04, 19.6, 30), "full_ms": full, "evaluated_tokens": spread(2),
        "drafted_tokens": spread(9), "accepted_tokens": spread(8), "decoded_tokens": spread(12.5),
        "coverage": None if coverage is None else share(coverage), "seen": None, "typed_through": share(0.25),
        "cancelled": share(0.1), "cpu_s_per_press": 0.0214,
    }  # fmt: skip
    return {
        "asker": asker, "speed": speed, "mean_ms": None, "keys": group, "asked": group, "new_place": group,
        "jumps": None, "by_speed": [], "memory_peak_bytes": 123_400_000, "memory_growth_bytes": 0,
    }  # fmt: skip


def test_the_summary_has_a_row_for_each_asker_with_the_ratio_to_ours():
    document = {
        "model": "qwen", "file_type": "Q4_K_M", "weights": LABEL, "keys": 40, "traces": ["a", "b"], "threads": 2,
        "waiting_keys": 20, "waiting_traces": ["a"],
        "lost_tokens": 3, "machine": {"cpu": "A CPU"}, "rounds": [{"round": 0}, {"round": 2}],
        "medians": [
            median(OURS, "unhurried", spread(1.0, 2.0, 3.0), None),
            median(OURS, "each-key", spread(30.0, 61.23, 400), None),
            median(OURS, "average", spread(33.0, None, None), 0.95),
            median(OURS, "average-each-key", spread(33.0, None, None), 0.8125),
            median("llama-server", "average", spread(150.0, None, None), 0.5),
        ],
    }  # fmt: skip
    lines = results.summary([document], []).splitlines()
    assert lines[0] == (
        f"**qwen** Q4_K_M · **{LABEL}** · 40 keys of 2 traces, and 20 of 1 where each answer is waited for; medians of "
        "3 rounds · 2 threads · A CPU · 3 tokens without a true answer"
    )
    assert lines[4] == (
        f"| {OURS} | 8.04 / 19.6 | 8.04 / 19.6 | 30 / 61.2 / 400 | 1.0 | 2 / 12.5 | 95.0 % (81.2 %) | – (–) | – | "
        "25.0 % | 0.021 (0.021) | 123 |"
    )
    assert lines[5].startswith("| llama-server | 8.04 / 19.6 | 8.04 / 19.6 | 150 / > / > | 5.0 |")


def test_limits_are_shown_as_shares():
    side = {"decode_ms_per_token": {"p50": 12.5, "p95": 13}}
    document = {
        "model": "qwen", "file_type": "Q8_0", "random_weights": True, "floor_ms": 10.0, "native": side,
        "ours": side, "decode_ratio": {"median": 1.012, "low": 1.0, "high": 1.02},
    }  # fmt: skip
    row = results.summary([], [document]).splitlines()[-1]
    assert row == "| qwen Q8_0 (random weights) | 10.00 | 12.50 | 12.50 | +1.2% (+0.0% to +2.0%) | 80% |"


def test_a_file_that_is_no_result_is_named(tmp_path: Path):
    (tmp_path / "typing-x.json").write_text("{")
    with pytest.raises(FormatError, match=r"typing-x\.json"):
        results.write_summary(tmp_path)


def test_the_command_measures_writes_and_prints_the_table(tiny_gguf: Path, tmp_path: Path):
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "table.toml").write_text(TRACE)
    command = ["typing", "--model", tiny_gguf, "--speed", "unhurried", "--peers", "none", "--keys", 4, "--rounds", 1]
    options = ["--threads", 1, "--traces", tmp_path / "traces", "--out", tmp_path / "out"]
    done = CliRunner().invoke(main, list(map(str, [*command, *options])), catch_exceptions=False)
    assert done.exit_code == 0
    assert f"| {OURS} |" in done.stdout and LABEL not in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 3
    again = CliRunner().invoke(main, ["report", "--results", str(tmp_path / "out")], catch_exceptions=False)
    assert f"| {OURS} |" in again.stdout and again.exit_code == 0


def test_the_command_knows_all_ways_of_typing():
    assert tuple(MODES) == _MODES


def test_a_way_of_typing_that_is_none_is_refused(tiny_gguf: Path):
    with pytest.raises(UsageError, match="no way of typing is called 'slow'"):
        Plan(tiny_gguf, False, ("slow",), (), 10, 1, 1)


def test_peers_are_chosen_by_name_and_all_leaves_out_who_cannot_run(monkeypatch: pytest.MonkeyPatch):
    from bench import peer

    monkeypatch.setattr(peer, "NAMES", ("here", "elsewhere"))
    monkeypatch.setattr(peer, "available", lambda name: "" if name == "here" else "not installed")
    said: list[str] = []
    assert chosen_peers("none", progress=said.append) == ()
    assert chosen_peers("here", progress=said.append) == ("here",) and not said
    assert chosen_peers("all", progress=said.append) == ("here",) and said == ["without elsewhere: not installed"]
    with pytest.raises(UsageError, match=r"elsewhere cannot run here \(not installed\)"):
        chosen_peers("here,elsewhere", progress=said.append)
    with pytest.raises(UsageError, match="no peer is called 'x'"):
        chosen_peers("x", progress=said.append)

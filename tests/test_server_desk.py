"""Many clients, one engine: who is answered, who is told that it no longer matters, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tabtab_local.desk.ask import Ask, ask_at, ask_between
from tabtab_local.desk.desk import Desk, Dropped, Limits
from tabtab_local.document import document_of
from tabtab_local.edits import Edit, Span
from tabtab_local.errors import ModelError
from tabtab_local.suggestion import Suggestion
from tests.editing import inserting, moved, python, typed
from tests.fakes import SlowEngine

BEFORE = python("import json\n\nrows = |\nprint(rows)\n")
OTHER = python("names = |\n\ndef first(names):\n    return names[0]\n")
LOAD = "json.load(file)"
LICENCE = "# Copyright of somebody. Licensed under whatever there is; see LICENSE for what that means.\nimport os\n\n"


def ask(document, client="test", name=""):
    return ask_at(client, document.code, document.cursor, name=name)


def desk(engine: SlowEngine, **limits: float) -> Desk:
    return Desk(engine, Limits(**{"prefetch_delay_s": 3600.0, **limits}))  # type: ignore[arg-type]


async def outcome(desk: Desk, ask: Ask) -> str:
    """Return the text that is suggested, or why there is no answer."""
    try:
        suggestion: Suggestion = await desk.suggestion(ask)
    except Dropped as dropped:
        return dropped.reason
    return suggestion.ghost or suggestion.silence or ""


async def begun(engine: SlowEngine, count: int = 1) -> None:
    """Wait until the engine has been asked so many times more."""
    await asyncio.to_thread(engine.wait_for_requests, count)


async def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        await asyncio.sleep(0.005)


def test_a_question_is_answered() -> None:
    with desk(SlowEngine([inserting(BEFORE, LOAD)], goes=True)) as found:
        assert asyncio.run(outcome(found, ask(BEFORE))) == LOAD


def test_the_newest_question_about_a_document_wins() -> None:
    async def main() -> list[str]:
        engine = SlowEngine([inserting(now, "y")])
        with desk(engine) as found:
            tasks = [asyncio.create_task(outcome(found, ask(BEFORE)))]
            await begun(engine)
            for document in (typed(BEFORE, "j"), now):
                tasks.append(asyncio.create_task(outcome(found, ask(document))))
                await asyncio.sleep(0)
            engine.go.set()
            return await asyncio.gather(*tasks)

    now = typed(BEFORE, "js")
    assert asyncio.run(main()) == ["superseded", "superseded", "y"]


def test_identical_questions_are_computed_once() -> None:
    async def main() -> tuple[list[str], int]:
        engine = SlowEngine([inserting(BEFORE, LOAD)])
        with desk(engine) as found:
            tasks = [asyncio.create_task(outcome(found, ask(BEFORE))) for _ in range(3)]
            await begun(engine)
            engine.go.set()
            return await asyncio.gather(*tasks), sum(request.max_tokens > 0 for request in engine.requests)

    assert asyncio.run(main()) == ([LOAD] * 3, 1)


def test_documents_wait_for_each_other_and_none_is_stopped_by_another() -> None:
    async def main() -> list[str]:
        engine = SlowEngine([inserting(BEFORE, LOAD), inserting(OTHER, "[]")])
        with desk(engine) as found:
            tasks = [asyncio.create_task(outcome(found, ask(document))) for document in (BEFORE, OTHER)]
            await begun(engine)
            engine.go.set()
            return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [LOAD, "[]"]


def test_files_that_begin_alike_are_not_taken_for_one() -> None:
    async def main() -> list[str]:
        with desk(engine) as found:
            tasks = [asyncio.create_task(outcome(found, ask(document))) for document in documents]
            await begun(engine)
            engine.go.set()
            return await asyncio.gather(*tasks)

    documents = [python(f"{LICENCE}key = 'secret'\nx = |\n"), python(f"{LICENCE}colour = 'blue'\ny = |\n")]
    engine = SlowEngine([inserting(documents[0], "1"), inserting(documents[1], "2")])
    assert asyncio.run(main()) == ["1", "2"]
    assert "secret" not in engine.requests[-1].prompt


@pytest.mark.parametrize("name", ["", "a.py"])
def test_what_one_machine_asks_is_no_business_of_another(name: str) -> None:
    async def main() -> tuple[list[str], tuple[int, int]]:
        engine = SlowEngine([inserting(BEFORE, LOAD), inserting(typed(BEFORE, "j"), "x")])
        with desk(engine) as found:
            first = replace(ask(BEFORE, name=name), peer="10.0.0.1")
            tasks = [asyncio.create_task(outcome(found, first))]
            await begun(engine)
            second = replace(ask(typed(BEFORE, "j"), name=name), peer="10.0.0.2")
            tasks.append(asyncio.create_task(outcome(found, second)))
            await asyncio.sleep(0)
            engine.go.set()
            return await asyncio.gather(*tasks), found.load

    assert asyncio.run(main()) == ([LOAD, "x"], (2, 0))


def test_who_waits_longest_is_dropped_where_too_many_wait() -> None:
    async def main() -> list[str]:
        engine = SlowEngine([inserting(each) for each in (documents[0], *documents[2:])])
        with desk(engine, waiting=2) as found:
            tasks = [asyncio.create_task(outcome(found, ask(documents[0], name="0")))]
            await begun(engine)
            for number, document in enumerate(documents[1:], 1):
                tasks.append(asyncio.create_task(outcome(found, ask(document, name=str(number)))))
            await asyncio.sleep(0)
            engine.go.set()
            return [answer.partition(":")[0] for answer in await asyncio.gather(*tasks)]

    documents = [python(f"names_{number} = |\n") for number in range(4)]
    assert asyncio.run(main()) == ["no_op", "busy", "no_op", "no_op"]


def test_what_takes_too_long_is_given_up_and_stopped() -> None:
    async def main() -> str:
        engine = SlowEngine()
        with desk(engine, deadline_s=0.05) as found:
            answer = await outcome(found, ask(BEFORE))
            await wait_until(lambda: bool(engine.cancelled_tokens))
            return answer

    assert asyncio.run(main()) == "late"


def test_a_client_that_leaves_stops_the_work_unless_another_waits_for_it() -> None:
    async def main() -> str:
        engine = SlowEngine([inserting(BEFORE, LOAD)])
        with desk(engine) as found:
            leaving, staying = (asyncio.create_task(outcome(found, ask(BEFORE))) for _ in range(2))
            await begun(engine)
            leaving.cancel()
            await asyncio.sleep(0.02)
            assert engine.cancelled_tokens == []
            engine.go.set()
            return await staying

    async def alone() -> None:
        engine = SlowEngine()
        with desk(engine) as found:
            task = asyncio.create_task(outcome(found, ask(BEFORE)))
            await begun(engine)
            task.cancel()
            await wait_until(lambda: bool(engine.cancelled_tokens))

    assert asyncio.run(main()) == LOAD
    asyncio.run(alone())


def test_nobody_is_told_of_an_answer_that_nobody_waits_for() -> None:
    async def main() -> list[str]:
        complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what["message"]))
        engine = SlowEngine()
        with desk(engine) as found:
            tasks = [asyncio.create_task(outcome(found, ask(BEFORE))) for _ in range(2)]
            await begun(engine)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            del tasks, task
            await wait_until(lambda: bool(engine.cancelled_tokens))
            found._places.clear()
        for _ in range(3):
            gc.collect()
            await asyncio.sleep(0.01)
        return complaints

    assert asyncio.run(main()) == []


def test_reading_goes_on_for_the_next_key_and_stops_once_that_is_gone_too() -> None:
    async def main() -> tuple[str, list[int]]:
        engine = SlowEngine()
        with desk(engine) as found:
            first = asyncio.create_task(outcome(found, ask(BEFORE)))
            await begun(engine)
            second = asyncio.create_task(outcome(found, ask(typed(BEFORE, "j"))))
            assert await first == "superseded"
            await asyncio.sleep(0.02)
            reading = list(engine.cancelled_tokens)
            second.cancel()
            await wait_until(lambda: bool(engine.cancelled_tokens))
            return "stopped", reading

    assert asyncio.run(main()) == ("stopped", [])


def test_between_two_questions_about_a_document_it_is_never_left() -> None:
    async def main() -> list[bool]:
        engine = SlowEngine([inserting(typed(BEFORE, "j"))])
        with desk(engine) as found:
            first = asyncio.create_task(outcome(found, ask(BEFORE)))
            await begun(engine)
            (place,) = found._places
            place.job.answer.add_done_callback(lambda _: left.append(place.is_left()))
            second = asyncio.create_task(outcome(found, ask(typed(BEFORE, "j"))))
            assert await first == "superseded"
            engine.go.set()
            await second
        return left

    left: list[bool] = []
    assert asyncio.run(main()) == [False]


def test_typing_on_reads_a_prompt_once() -> None:
    async def main() -> tuple[str, list[int]]:
        engine = SlowEngine([inserting(typed(BEFORE, "js"), "on")])
        with desk(engine) as found:
            tasks = [asyncio.create_task(outcome(found, ask(BEFORE)))]
            await begun(engine)
            for text in ("j", "js"):
                tasks.append(asyncio.create_task(outcome(found, ask(typed(BEFORE, text)))))
                await asyncio.sleep(0.01)
            engine.go.set()
            assert engine.cancelled_tokens == []
            return await tasks[-1], [request.max_tokens for request in engine.requests]

    answer, tokens = asyncio.run(main())
    assert (answer, tokens.count(0)) == ("on", 1)


def test_going_elsewhere_in_the_document_stops_the_reading_of_a_prompt_that_is_of_no_use_now() -> None:
    async def main() -> tuple[str, list[int]]:
        now = moved(BEFORE, 0)
        engine = SlowEngine([inserting(now, "# ")])
        with desk(engine) as found:
            first = asyncio.create_task(outcome(found, ask(BEFORE)))
            await begun(engine)
            second = asyncio.create_task(outcome(found, ask(now)))
            await begun(engine)
            engine.go.set()
            assert await first == "superseded"
            return await second, engine.cancelled_tokens

    assert asyncio.run(main()) == ("# ", [0])


def test_a_mistake_of_ours_is_told_and_shown_and_the_next_question_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> str:
        engine = SlowEngine([inserting(OTHER, "[]")], goes=True)
        engine.failure = mistake
        with desk(engine) as found:
            with pytest.raises(ZeroDivisionError):
                await found.suggestion(ask(BEFORE))
            engine.failure = None
            return await outcome(found, ask(OTHER))

    mistake = ZeroDivisionError("a mistake")
    seen: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    assert asyncio.run(main()) == "[]"
    (caught,) = seen
    assert caught.exc_value is mistake and caught.thread is not None and caught.thread.name == "tabtab-desk"


def test_a_mistake_of_the_model_is_told_and_the_next_question_answered() -> None:
    async def main() -> str:
        engine = SlowEngine([inserting(OTHER, "[]")], goes=True)
        engine.failure = ModelError("llama.cpp cannot evaluate 3 tokens")
        with desk(engine) as found:
            with pytest.raises(ModelError):
                await found.suggestion(ask(BEFORE))
            engine.failure = None
            return await outcome(found, ask(OTHER))

    assert asyncio.run(main()) == "[]"


def test_only_so_many_documents_are_remembered() -> None:
    async def main() -> tuple[int, int]:
        documents = [python(f"names_{number} = |\n") for number in range(5)]
        engine = SlowEngine([inserting(each) for each in documents], goes=True)
        with desk(engine, documents=2) as found:
            for number, document in enumerate(documents):
                await outcome(found, ask(document, name=str(number)))
            return found.load

    assert asyncio.run(main()) == (2, 0)


def test_closing_ends_all_that_wait() -> None:
    async def main() -> str:
        engine = SlowEngine()
        found = desk(engine)
        task = asyncio.create_task(outcome(found, ask(BEFORE)))
        await begun(engine)
        await asyncio.to_thread(found.close)
        assert await outcome(found, ask(OTHER)) == "closing"
        return await task

    assert asyncio.run(main()) == "closing"


def test_an_edit_in_another_cell_is_none_of_the_cell_that_a_client_sees() -> None:
    cells = ("total = 1\n", "print(total)\n")
    asked = replace(ask_at("test", cells[0], 9), document=document_of(cells, 0, 9))
    there = Suggestion(document_of(cells, 1, 0), (Edit(6, 11, "sum"),), 9, "", None, 1.0, None)
    assert asked.edits(there) == () and asked.insertion(there) == "" and not asked.shows(there)
    assert replace(asked, takes_edits=True).shows(there)


def test_an_ask_between_two_texts_has_its_caret_there() -> None:
    found = ask_between("test", "a\r\nb", "c\r\nd")
    assert (found.text, found.caret, found.around) == ("a\nbc\nd", 3, ("a\r\nb", "c\r\nd"))


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        ("a\nb = \nc\nd", "b = [\n]\nC\n"),
        ("a\r\nb = \r\nc\r\nd", "b = [\r\n]\r\nC\r\n"),
        ("a\r\nb = \nc\r\nd", "b = [\r\n]\nC\r\n"),
        ("a\nb = \r\nc\nd", "b = [\n]\r\nC\n"),
    ],
)
def test_a_window_keeps_the_line_ends_that_it_has(sent: str, after: str) -> None:
    asked = replace(ask_at("test", sent, sent.index(" = ") + 3), window=Span(2, 9))
    edits = (Edit(6, 6, "[\n]"), Edit(7, 8, "C"))
    assert asked.rewritten(Suggestion(asked.document, edits, 8, "", None, 1.0, None)) == after
    assert asked.rewritten(None) == after.replace("[\r\n]", "").replace("[\n]", "").replace("C", "c")


@pytest.mark.parametrize(
    ("sent", "end"), [("a\nb\n", "\n"), ("a\r\nb\r\nc\n", "\r\n"), ("a\nb\nc\r\n", "\n"), ("a", "\n")]
)
def test_what_is_put_in_ends_its_lines_as_most_do(sent: str, end: str) -> None:
    asked = ask_between("test", sent, "")
    at = len(asked.text)
    found = Suggestion(asked.document, (Edit(at, at, "x\ny"),), at + 3, "", None, 1.0, None)
    assert asked.insertion(found) == f"x{end}y"

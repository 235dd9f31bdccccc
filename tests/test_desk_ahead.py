"""What a desk does while nobody asks: it reads on, prepares what comes after Tab, and sleeps."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tabtab_local.desk.ask import ask_at
from tabtab_local.desk.desk import Desk
from tabtab_local.engine import Generation
from tabtab_local.errors import ModelError
from tabtab_local.prompt import RecentEdit
from tests.editing import inserting, moved, typed
from tests.fakes import SlowEngine
from tests.renaming_server import RenamingEngine
from tests.test_server_desk import BEFORE, LOAD, OTHER, ask, begun, desk, outcome, wait_until
from tests.test_session_short import LONG, SlowReader


class TroubledEngine(SlowEngine):
    """Answers a question at once; what it is asked next meets `trouble`."""

    def __init__(self, answers: Iterable[str], trouble: Callable[[SlowEngine], None]) -> None:
        super().__init__(answers, goes=True)
        self._trouble, self.calls = trouble, 0

    def generate(self, *arguments: Any, **options: Any) -> Generation:
        """Answer as the script says."""
        self.calls += 1
        if self.calls == 3:  # the prompt and the answer come first
            self._trouble(self)
        return super().generate(*arguments, **options)


async def prepared(desk: Desk) -> None:
    """Wait until what comes after Tab is ready."""
    await wait_until(lambda: desk._places[-1].session._ahead is not None)


def test_the_rest_of_a_long_prompt_is_read() -> None:
    async def main() -> None:
        engine = SlowReader([inserting(LONG)])
        with Desk(engine) as found:
            await outcome(found, ask(LONG))
            assert "far_190" not in engine.requests[1].prompt
            await wait_until(lambda: "far_190" in engine.requests[-1].prompt)

    asyncio.run(main())


def test_what_comes_after_tab_is_prepared() -> None:
    async def main() -> str:
        after = typed(BEFORE, LOAD)
        engine = SlowEngine(
            [inserting(BEFORE, LOAD), inserting(after, "[0]"), inserting(typed(after, "[0]"))], goes=True
        )
        with desk(engine, prefetch_delay_s=0.0) as found:
            assert await outcome(found, ask(BEFORE)) == LOAD
            await prepared(found)
            assert len(engine.requests) == 3  # the prompt, the answer, what comes after it
            suggestion = await found.suggestion(ask(after))
            assert suggestion.timings is None
            return suggestion.ghost

    assert asyncio.run(main()) == "[0]"


@pytest.mark.parametrize(("text", "delay_s"), [(LOAD, 3600.0), ("", 0.0)], ids=["not long enough", "nothing shown"])
def test_nothing_is_prepared(text: str, delay_s: float) -> None:
    async def main() -> int:
        engine = SlowEngine([inserting(BEFORE, text), inserting(OTHER)], goes=True)
        with desk(engine, prefetch_delay_s=delay_s) as found:
            await outcome(found, ask(BEFORE))
            await outcome(found, ask(OTHER))
        return len(engine.requests)

    assert asyncio.run(main()) == 4  # the prompts and the answers


def test_a_key_stops_what_is_being_prepared() -> None:
    async def main() -> list[int]:
        now = typed(BEFORE, "x")
        answers = [inserting(BEFORE, LOAD), inserting(now)]
        engine = TroubledEngine(answers, lambda engine: engine.go.clear())
        with desk(engine, prefetch_delay_s=0.0) as found:
            assert await outcome(found, ask(BEFORE)) == LOAD
            await begun(engine, 3)
            key = asyncio.create_task(outcome(found, ask(now)))
            await begun(engine)
            engine.go.set()
            assert await key == "no_op: nothing to change"
        return engine.cancelled_tokens

    (tokens,) = asyncio.run(main())
    assert tokens > 0  # not the reading of the prompt for the key


def test_what_fails_while_it_is_prepared_was_asked_for_by_nobody() -> None:
    def fail(_: object) -> None:
        raise ModelError("broken")

    async def main() -> str:
        engine = TroubledEngine([inserting(BEFORE, LOAD), inserting(moved(BEFORE, 0))], fail)
        with desk(engine, prefetch_delay_s=0.0) as found:
            assert await outcome(found, ask(BEFORE)) == LOAD
            await wait_until(lambda: engine.calls == 3)
            return await outcome(found, ask(moved(BEFORE, 0)))

    assert asyncio.run(main()) == "no_op: nothing to change"


def test_a_mistake_of_ours_while_it_is_prepared_is_shown_and_does_not_end_the_desk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise mistake

    async def main() -> str:
        engine = TroubledEngine([inserting(BEFORE, LOAD), inserting(moved(BEFORE, 0))], fail)
        with desk(engine, prefetch_delay_s=0.0) as found:
            assert await outcome(found, ask(BEFORE)) == LOAD
            await wait_until(lambda: bool(seen))
            return await outcome(found, ask(moved(BEFORE, 0)))

    mistake = ZeroDivisionError("a mistake")
    seen: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    assert asyncio.run(main()) == "no_op: nothing to change"
    assert [caught.exc_value for caught in seen] == [mistake]


@pytest.mark.parametrize("moment", ["idle", "reading", "waiting to prepare"])
def test_closing_ends_the_thread_whatever_it_does(moment: str) -> None:
    async def main() -> None:
        if moment != "idle":
            asking = asyncio.create_task(outcome(found, ask(BEFORE)))
            await begun(engine)
        if moment == "waiting to prepare":
            assert await asking == LOAD
        await asyncio.to_thread(found.close)
        if moment == "reading":
            assert await asking == "closing"

    engine = SlowEngine([inserting(BEFORE, LOAD)], goes=moment != "reading")
    found = desk(engine)
    asyncio.run(main())
    assert not found._thread.is_alive()
    found.close()


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("cursor", ["where the answer put it", "where the edit begins"])
def test_edits_that_a_client_makes_by_itself_lead_from_place_to_place(waits: bool, cursor: str) -> None:
    far = "\n".join(f"step_{number}(1)" for number in range(40))
    text = f"# price\ntotal = 1\n{far}\nprint(total)\n{far}\nlog(total, 2)\n"

    async def main() -> str:
        code, at = text, text.index("total")
        with desk(RenamingEngine([]), prefetch_delay_s=0.0 if waits else 3600.0) as found:
            for _ in range(3):
                edits = (RecentEdit("# total", "# price"),)
                question = ask_at("test", code, at, name="a", takes_edits=True, recent_edits=edits)
                suggestion = await found.suggestion(question)
                if waits:
                    await prepared(found)
                after, begin = suggestion.accepted(), suggestion.edits[0].start
                code, at = after.code, begin if cursor == "where the edit begins" else after.cursor
            return code

    assert asyncio.run(main()) == text.replace("total", "price")


class CountingCondition(threading.Condition):
    """Counts how often somebody who waits is woken."""

    woken = 0

    def wait(self, timeout: float | None = None) -> bool:
        result = super().wait(timeout)
        self.woken += 1
        return result


def test_a_desk_sleeps_where_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        engine = SlowEngine([inserting(BEFORE, LOAD), inserting(typed(BEFORE, LOAD))], goes=True)
        with desk(engine, prefetch_delay_s=0.0) as found:
            assert isinstance(found._wake, CountingCondition)
            assert await outcome(found, ask(BEFORE)) == LOAD
            await prepared(found)
            time.sleep(0.05)
            woken, requests = found._wake.woken, len(engine.requests)
            assert woken >= 1
            time.sleep(0.3)
            assert (found._wake.woken, len(engine.requests)) == (woken, requests)

    monkeypatch.setattr("tabtab_local.desk.desk.threading.Condition", CountingCondition)
    asyncio.run(main())

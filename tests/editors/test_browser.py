"""What web pages in a real browser reach of the server: nothing, by its name or by another, unless they are allowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.browser import chromium, process
from tests.editors.counts import counted
from tests.editors.pages import ATTEMPTS, BODY, TOLD, UNTOLD, Elsewhere, script

pytestmark = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())

ATTACKER = "attacker.example"


@pytest.fixture(scope="module")
def browser(home: Path) -> Iterator[Any]:
    """A browser that takes the attacker's name for this machine, as after DNS rebinding."""
    with chromium.chromium(home, f"--host-resolver-rules=MAP {ATTACKER} 127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere().running() as server:
        yield server


@pytest.fixture(scope="module")
def server(environment: dict[str, str]) -> Iterator[str]:
    with process.tabtab(environment=environment) as address:
        yield address


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost", ATTACKER])
def page(request: pytest.FixtureRequest, browser: Any, elsewhere: Elsewhere) -> Iterator[Any]:
    """A page from another port of this machine, or from another site."""
    page = browser.new_page()
    page.goto(f"http://{request.param}:{elsewhere.port}/")
    yield page
    page.close()


def tried(page: Any, attempt: str, address: str) -> str:
    """Return what a page reads when it makes an attempt."""
    return page.evaluate(script(ATTEMPTS[attempt]), [address, BODY])


@pytest.mark.parametrize("attempt", TOLD)
def test_a_page_is_refused(page: Any, server: str, attempt: str) -> None:
    assert tried(page, attempt, server) == "refused"
    assert counted(server, "tabtab_requests") == {}


@pytest.mark.parametrize("attempt", UNTOLD)
def test_what_a_page_sends_without_asking_is_refused_and_not_shown_to_it(page: Any, server: str, attempt: str) -> None:
    with page.expect_response(lambda response: response.url.startswith(server)) as response:
        assert tried(page, attempt, server) == ""
    assert response.value.status == 403
    assert counted(server, "tabtab_requests") == {}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_server_that_does_not_look_is_reached(page: Any, attempt: str) -> None:
    """Otherwise nothing would be shown by attempts that fail."""
    with Elsewhere().running() as careless:
        tried(page, attempt, f"http://127.0.0.1:{careless.port}")
        assert careless.asked.get(timeout=10) != "/"


def test_a_page_that_is_allowed_asks_and_reads_and_others_do_not(
    browser: Any, elsewhere: Elsewhere, environment: dict[str, str]
) -> None:
    allowed, other = (f"http://{name}:{elsewhere.port}" for name in ("127.0.0.1", "localhost"))
    with process.tabtab("--allow-origin", allowed, environment=environment) as server:
        page = browser.new_page()
        page.goto(allowed)
        assert "tabtab-nano" in tried(page, "a look at the models", server)
        assert '"choices"' in tried(page, "a POST of JSON", server)
        page.goto(other)
        assert tried(page, "a POST of JSON", server) == "refused"
        page.close()
        assert sum(counted(server, "tabtab_requests").values()) == 1


def test_under_another_name_nothing_is_answered(browser: Any, server: str) -> None:
    page = browser.new_page()
    address = server.replace("127.0.0.1", ATTACKER)
    assert page.goto(address).status == 421
    page.close()


def test_a_page_whose_name_leads_to_this_server_later_is_refused(browser: Any, environment: dict[str, str]) -> None:
    """The browser takes the server for the one that the page came from, and lets the page send and read everything."""
    asking = """async ([path, body]) => {
        const options = body ? {method: 'POST', body, headers: json} : {};
        const response = await fetch(path, options);
        return [response.status, await response.text()];
    }"""
    page = browser.new_page()
    with Elsewhere().running() as attacker:
        page.goto(f"http://{ATTACKER}:{attacker.port}/")
    with process.tabtab(environment=environment, port=attacker.port) as server:
        for path, body in (("/v1/models", ""), ("/metrics", ""), ("/v1/completions", BODY), ("/infill", BODY)):
            status, said = page.evaluate(asking, [path, body])
            assert status == 421 and "does not answer to that name" in said, path
        assert counted(server, "tabtab_requests") == {}
    page.close()

"""Every route against our own description of it (OpenAPI): what a fuzzer sends, and what clients may send."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from tabtab_local.prompt import CURSOR
from tabtab_local.server.serve import Service, application
from tests.fakes import ChattyEngine
from tests.test_server_dialect import CLIENTS, Client
from tests.test_server_guard import ROUTES

DESCRIBED = [route for route in ROUTES if route[0] in ("GET", "POST") and "such" not in route[1]]
ASKING = sorted({client.path for client in CLIENTS.values()})

fuzzed = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

# What code and prompts are made of, and what they should not be.
PIECES = (
    *("import marimo\n", "app = marimo.App()\n", "@app.cell\ndef _():\n", "x = ", "f(", "\n", "\r\n", "\t", '"""', "#"),
    *("<|fim_prefix|>", "<|fim_suffix|>", "<\u200d|fim_middle|>", "[SUFFIX]", "[PREFIX]", "<|file_sep|>a.py\n"),
    *("<|file_sep|>updated/a.py\n", "<|editable_region_start|>\n", CURSOR, "### Response:", "</SUFFIX></CODE>"),
    *("\0", "\u2028", "é", "e\u0301", "😀", "\ufeff", "\ud800", "\x85", "\x0c"),
)
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def description(**service: Any) -> Any:
    app = application(Service(names=("testserver:80",), **service), ChattyEngine())
    headers = {"Authorization": f"Bearer {service['token']}"} if service else {}
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers=headers)


@pytest.fixture(scope="module")
def api() -> Any:
    return description()


@pytest.fixture(scope="module")
def secured() -> Any:
    return description(token="secret")


def test_every_route_is_described(api: Any) -> None:
    found = {(method.upper(), path) for path, methods in api.raw_schema["paths"].items() for method in methods}
    assert found == set(DESCRIBED)


@pytest.mark.parametrize(("method", "path"), DESCRIBED)
@fuzzed
@given(data=st.data())
def test_what_fits_the_description_is_answered_as_it_says(api: Any, method: str, path: str, data: Any) -> None:
    # That a cursor stands inside the text is more than a schema can say.
    unsaid = CHECKS.get_by_names(["positive_data_acceptance"]) if path == "/v1/tabtab/next_edit" else None
    data.draw(api[path][method].as_strategy()).call_and_validate(excluded_checks=unsaid)


@pytest.mark.parametrize("path", ASKING)
@fuzzed
@given(data=st.data())
def test_what_does_not_fit_it_is_refused_as_it_says(api: Any, path: str, data: Any) -> None:
    data.draw(api[path]["POST"].as_strategy(GenerationMode.NEGATIVE)).call_and_validate()


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
@fuzzed
@given(before=texts, after=texts)
def test_a_client_with_odd_code_is_answered_as_described(api: Any, client: Client, before: str, after: str) -> None:
    body = client.body(before, after)
    api[client.path]["POST"].Case(body=body, media_type="application/json").call_and_validate()


@pytest.mark.parametrize(("method", "path"), DESCRIBED)
def test_where_a_token_is_needed_the_description_says_so(secured: Any, method: str, path: str) -> None:
    assert secured.raw_schema["security"] == [{"token": []}]
    body = {"body": {}, "media_type": "application/json"} if method == "POST" else {}
    assert secured[path][method].Case(**body).call_and_validate().status_code == 401

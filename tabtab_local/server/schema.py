"""The interface in words that programs read: OpenAPI, from the types that bodies are read into and answers have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tabtab_local import __version__
from tabtab_local.server import feedback
from tabtab_local.server.dialect import NDJSON, SSE, Dialect
from tabtab_local.server.guard import Refusal
from tabtab_local.server.page import JSON, Page, encoded

Json = Mapping[str, Any]

_REFUSED = {
    "401": "A token is needed.",
    "403": "The request comes from a web page.",
    "421": "The server does not answer to that name.",
}
_REFUSED_BODY = {**_REFUSED, "413": "The body is too large.", "415": "The body is not JSON."}
_REFUSED_FEEDBACK = {
    **_REFUSED_BODY,
    "400": "The body is not what the route takes.",
    "408": "The body did not come in time.",
}
_REFUSED_QUESTION = {**_REFUSED_FEEDBACK, "500": "The model failed."}

# What one item of a stream is, which version 3.2 of OpenAPI can tell.
_DATA = {"type": "string", "description": "A part of the answer, in JSON; at last [DONE]."}
_PARTS = {
    SSE: {"type": "object", "required": ["data"], "properties": {"data": _DATA}},
    NDJSON: {"type": "object"},
}


def described(dialects: Sequence[Dialect[Any]], pages: Sequence[Page], *, token: bool) -> Page:
    """Return the page that tells of all routes, itself included; `token` is whether clients must show one."""
    page = Page("/openapi.json", "The interface, as OpenAPI.", dict[str, Any], lambda: document())
    document = encoded(openapi(dialects, [*pages, page], token=token))
    return page


def openapi(dialects: Sequence[Dialect[Any]], pages: Sequence[Page], *, token: bool) -> Json:
    """Return the OpenAPI document."""
    types = [kind for each in dialects for kind in (each.body, *each.replies)]
    types += [feedback.Feedback, feedback.Heard, Refusal, *(page.reply for page in pages)]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(types, schemas, strict=True))
    asking = {each.path: {"post": _question(each, schema_of)} for each in dialects}
    asking[feedback.PATH] = {"post": _feedback(schema_of)}
    telling = {each.path: {each.method.lower(): _page(each, schema_of)} for each in pages}
    return {
        "openapi": "3.2.0",
        "info": {"title": "tabtab-local", "version": __version__},
        "paths": {**asking, **telling},
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}] if token else [],
    }


def _question(dialect: Dialect[Any], schema_of: Mapping[Any, Json]) -> Json:
    """Return the operation of a dialect."""
    forms = [schema_of[reply] for reply in dialect.replies]
    answer: dict[str, Json] = {JSON: {"schema": forms[0] if len(forms) == 1 else {"anyOf": forms}}}
    if dialect.media:
        answer[dialect.media] = {"itemSchema": _PARTS[dialect.media]}
    return {
        "summary": str(type(dialect).__doc__),
        "requestBody": _body(schema_of[dialect.body]),
        "responses": _responses(answer, _REFUSED_QUESTION, schema_of),
    }


def _feedback(schema_of: Mapping[Any, Json]) -> Json:
    """Return the operation by which a client tells what became of a suggestion."""
    return {
        "summary": str(feedback.Feedback.__doc__),
        "requestBody": _body(schema_of[feedback.Feedback]),
        "responses": _responses({JSON: {"schema": schema_of[feedback.Heard]}}, _REFUSED_FEEDBACK, schema_of),
    }


def _page(page: Page, schema_of: Mapping[Any, Json]) -> Json:
    """Return the operation of a page; what is posted to one is not looked at."""
    answer = {page.media: {"schema": schema_of[page.reply]}}
    if page.method == "GET":
        return {"summary": page.words, "responses": _responses(answer, _REFUSED, schema_of)}
    return {
        "summary": page.words,
        "requestBody": _body({}),
        "responses": _responses(answer, _REFUSED_BODY, schema_of),
    }


def _body(schema: Json) -> Json:
    return {"required": True, "content": {JSON: {"schema": schema}}}


def _responses(answer: Json, refusals: Mapping[str, str], schema_of: Mapping[Any, Json]) -> Json:
    refusal = {JSON: {"schema": schema_of[Refusal]}}
    return {
        "200": {"description": "The answer.", "content": answer},
        **{status: {"description": refusals[status], "content": refusal} for status in sorted(refusals)},
        "503": {"description": "Too many connections are open."},
    }

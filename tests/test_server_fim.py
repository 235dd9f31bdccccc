"""Prompts that are rendered for filling in: what stands around the cursor, and silence where that is unclear."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.server.dialect import fim
from tests.test_server_dialect import Server, marimo, read_marimo, read_ollama, read_zed

KINDS = {
    "qwen": ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    "starcoder": ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    "code llama": ("<PRE> ", " <SUF>", " <MID>"),
    "deepseek": ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    "glm": ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
    "codestral": ("[SUFFIX]", "[PREFIX]"),
}
kinds = pytest.mark.parametrize("kind", KINDS)

codes = st.text(st.sampled_from("x = [\"'<|>]\n "), max_size=20)


def rendered(kind: str, prefix: str, suffix: str) -> str:
    if kind == "codestral":
        return f"[SUFFIX]{suffix}[PREFIX]{prefix}"
    begin, hole, end = KINDS[kind]
    return f"{begin}{prefix}{hole}{suffix}{end}"


@kinds
@given(prefix=codes, suffix=codes)
def test_what_was_rendered_is_read_as_it_was(kind: str, prefix: str, suffix: str) -> None:
    assert fim.parts(rendered(kind, prefix, suffix)) == (prefix, suffix)


@kinds
@given(data=st.data())
def test_markers_in_the_code_are_never_taken_for_those_around_it(kind: str, data: st.DataObject) -> None:
    marker = data.draw(st.sampled_from(KINDS[kind]))
    code = data.draw(codes) + marker + data.draw(codes)
    for around in ((code, "\n"), ("x = ", code)):
        prompt = rendered(kind, *around)
        assert fim.parts(prompt) is None and fim.around(prompt) is None


def test_all_markers_of_another_model_in_the_code_are_too_many() -> None:
    code = f"MARKERS = {KINDS['qwen']}\nx = "
    assert fim.around(rendered("starcoder", code, "")) is None
    assert fim.around(code) is None
    assert fim.around(code, "\nprint(x)") == (code, "\nprint(x)")


def test_a_prefix_may_speak_of_one_marker() -> None:
    assert fim.around('P = "<|fim_prefix|>"\nx = ') == ('P = "<|fim_prefix|>"\nx = ', "")


@pytest.mark.parametrize(
    ("before", "after"),
    [('P = "<|fim_suffix|>"\nx = ', "\n"), ("x = ", '\nP = "<|fim_prefix|>"\n'), ("<|fim_prefix|>", "")],
)
def test_no_model_is_asked_about_code_whose_markers_are_unclear(before: str, after: str) -> None:
    prompt = rendered("qwen", before, after)
    asked: list[tuple[str, dict[str, Any], Any]] = [
        ("/v1/completions", {"prompt": prompt}, read_zed),
        ("/api/generate", {"prompt": prompt, "stream": False}, read_ollama),
        ("/v1/chat/completions", marimo(before, after), read_marimo),
    ]
    with Server() as server:
        for path, body, read in asked:
            assert read(server.client.post(path, json=body).text) == ""
        assert server.engine.requests == []

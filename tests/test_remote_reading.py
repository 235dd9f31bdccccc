"""What a server answers, read: probabilities, pieces, healed tokens; and the grammar it is given."""

from __future__ import annotations

import pytest

from tabtab_local.engine import Guide
from tabtab_local.engine.remote.completion import Chosen, begins_with, chosen, logarithm_among, stopped, streamed
from tabtab_local.engine.remote.reading import Opening, Reading


def test_the_probabilities_of_vllm_and_others_are_understood() -> None:
    """Shapes as in OpenAI's reference of completions, which vLLM follows."""
    choice = {
        "text": "a b",
        "logprobs": {"tokens": ["a", " b", "<m>"], "token_logprobs": [-1.0, None, -0.5], "text_offset": [0, 1, 3]},
        "finish_reason": "stop",
        "stop_reason": "<m>",
    }
    assert chosen(choice) == [Chosen(b"a", -1.0), Chosen(b"<m>", -0.5)]
    assert stopped(choice, {}) and not stopped({**choice, "stop_reason": None}, {})
    data = {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    texts = [piece["choices"][0]["text"] for piece in streamed(data) if "choices" in piece]
    assert texts == ["a", " b", ""]
    reading = Reading(Guide(enough=lambda written: written == "a"), Opening(), "<m>")
    for piece in streamed(data):
        if not reading.is_over:
            reading.take(piece)
    found = reading.generation("", 0)
    assert (found.text, found.stopped, found.timings.decoded_tokens, found.timings.prompt_tokens) == ("a", False, 1, 7)


def test_a_response_in_pieces_is_read_as_the_whole_one() -> None:
    entries = [{"token": "x", "bytes": [120], "logprob": -0.1}, {"token": "", "bytes": [195, 169], "logprob": -0.2}]
    choice = {"text": "xé!", "logprobs": {"content": entries}, "finish_reason": "stop"}
    readings = [Reading(Guide(), Opening(), "<m>") for _ in range(2)]
    for piece in streamed({"choices": [choice]}):
        readings[0].take(piece)
    readings[1].take({"choices": [choice]})
    a, b = (reading.generation("", 5) for reading in readings)
    assert a.text == b.text == "xé!<m>" and a.confidence == pytest.approx(b.confidence) == pytest.approx(
        0.8607, abs=1e-4
    )


def test_a_healed_token_is_as_likely_as_it_is_among_those_that_agree_with_what_was_typed() -> None:
    rivals = ((b"os", -0.5), (b"path", -2.0), (b"p", -3.0), (b"parse", -4.0))
    # b"p" and b"path" agree with "pat"; b"parse" and b"os" do not.
    share = logarithm_among(Chosen(b"path", -2.0, rivals), b"pat")
    assert share == pytest.approx(-0.3133, abs=1e-4)
    assert logarithm_among(Chosen(b"patch", -9.0, rivals), b"pat") is None


def test_a_grammar_quotes_whatever_is_typed() -> None:
    assert begins_with('a"\\\n🙂') == ('root ::= "\\U00000061\\U00000022\\U0000005c\\U0000000a\\U0001f642" [^\\x00]*\n')
